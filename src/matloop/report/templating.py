"""The jinja2 environment of all pages: everything is escaped unless it was made safe on purpose."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from matloop.report import words
from matloop.report.formula import formula_html
from matloop.report.tally import tally

TEMPLATES = Path(__file__).parent / "templates"
_DOI = re.compile(r"(?:doi:\s*|https?://(?:dx\.)?doi\.org/)?(10\.\d{4,9}/[A-Za-z0-9._;()/:+-]*[A-Za-z0-9)])")


def cited(text: str) -> Markup:
    """A citation with its DOIs as links."""
    parts, end = [], 0
    for found in _DOI.finditer(text):
        parts += [
            escape(text[end : found.start()]),
            Markup('<a href="https://doi.org/{0}" rel="noreferrer">doi:{0}</a>').format(found[1]),
        ]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


@cache
def environment() -> Environment:
    """Templates of this folder with the page's filters."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (
        words.count,
        words.counted,
        words.percent,
        words.seconds,
        words.number,
        words.short,
        words.plain,
        words.sentence,
        words.unit_text,
        formula_html,
        cited,
        tally,
    )
    environment.filters |= {function.__name__: function for function in filters}
    return environment

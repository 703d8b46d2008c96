"""Templates of this room, over those of the report."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from matloop.report.page import page_parts
from matloop.report.templating import TEMPLATES, environment

OWN = Path(__file__).parent / "templates"


@cache
def _environment() -> Environment:
    return environment().overlay(loader=FileSystemLoader([OWN, TEMPLATES]))


def render(template: str, view: Any) -> str:
    """The page as HTML text; nothing in it asks the network for anything."""
    return _environment().get_template(template).render(view=view, **page_parts())

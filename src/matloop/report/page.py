"""One run as one self-contained HTML page: works offline, in light and dark, on a phone and on paper."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from matloop.report import palette, words
from matloop.report.figures.figure import Figure
from matloop.report.figures.splitmap import split_figure
from matloop.report.profile_summary import summary_rows
from matloop.report.record import RunRecord
from matloop.report.target_view import ANSWERS, TargetView, target_view
from matloop.report.templating import TEMPLATES, environment


@dataclass(frozen=True, slots=True)
class Caution:
    """Why a model cannot be trusted: comes before everything else; `target` is empty where there is only one."""

    target: str
    text: str


def write_page(record: RunRecord) -> str:
    """The report of `record` as HTML text; nothing in it asks the network for anything.

    Text from data (formulas, ids, column names) is escaped everywhere; a content security policy lets only the page's
    own scripts run, by their hashes, and forbids every request.
    """
    views = tuple(
        target_view(found, record.problem.target(found.name), place) for place, found in enumerate(record.targets)
    )
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            record=record,
            views=views,
            several=len(views) > 1,
            cautions=_cautions(views),
            split=_shown_split(record),
            five=summary_rows(record.profile) if record.profile is not None else (),
            answers=ANSWERS,
            evidence=words.EVIDENCE,
            **page_parts(),
        )
    )


def page_parts() -> dict[str, Markup | str]:
    """What every page of matloop carries in itself: style, scripts, colours, and the policy that lets no others run."""
    scripts = (_inline(get_plotlyjs()), _inline(_read("script.js")))
    return {
        "style": Markup(_style()),
        "colours": Markup(json.dumps({"light": dict(palette.LIGHT), "dark": dict(palette.DARK)})),
        "plotly": Markup(scripts[0]),
        "script": Markup(scripts[1]),
        "policy": _policy(scripts),
    }


def _cautions(views: tuple[TargetView, ...]) -> tuple[Caution, ...]:
    return tuple(
        Caution(view.evaluation.target if len(views) > 1 else "", view.verdict.grave)
        for view in views
        if view.verdict.grave
    )


def _shown_split(record: RunRecord) -> Figure | None:
    return split_figure(record.split)


def _read(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _style() -> str:
    """The style sheet with both palettes put in."""
    text = _read("style.css") + _read("print.css")
    return text.replace("/*light*/", palette.css(palette.LIGHT)).replace("/*dark*/", palette.css(palette.DARK))


def _inline(script: str) -> str:
    """`script` as it can stand in a page: line ends as the browser will hash them, no end tag inside."""
    return script.replace("\r\n", "\n").replace("\r", "\n").replace("</script", "<\\/script")


def _policy(scripts: tuple[str, ...]) -> str:
    allowed = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    rest = "style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
    return f"default-src 'none'; script-src {allowed}; {rest}"

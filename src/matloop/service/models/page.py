"""The page that a browser shows at the address of a model server: what is served, and a form to try a row."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

from matloop.report import palette
from matloop.report.templating import TEMPLATES, environment
from matloop.service.models.shelf import Served, Shelf

_OWN = Path(__file__).parent.parent / "templates"
_LONG = frozenset({"structure", "molecule"})


@dataclass(frozen=True, slots=True)
class Cell:
    """A value of a row in the form. kind : "number", "word", "long" or "text"."""

    column: str
    kind: str
    unit: str
    about: str
    example: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """One model, worked out before the template is filled."""

    spelled: str
    name: str
    version: str
    first: bool
    stage: str
    question: str
    targets: tuple[tuple[str, str, str], ...]
    facts: tuple[tuple[str, str], ...]
    verdicts: tuple[tuple[str, str], ...]
    cells: tuple[Cell, ...]
    card: str
    body: str
    shown: str


def models_page(shelf: Shelf, base: str, *, locked: bool = False) -> tuple[str, str]:
    """The page as HTML, and the policy that lets only its own script run; it asks nobody but this server.

    Parameters
    ----------
    base : address of the server as it was called. locked : show nothing but a field for a key.
    """
    views = () if locked else tuple(_view(one, shelf) for one in shelf.models)
    page = _template().render(views=views, base=base, locked=locked, style=Markup(_style()), script=Markup(_script()))
    return str(page), _policy()


@cache
def _template() -> Any:
    return environment().from_string((_OWN / "models.html.j2").read_text("utf-8"))


@cache
def _script() -> str:
    return (_OWN / "models.js").read_text("utf-8").replace("\r\n", "\n")


@cache
def _style() -> str:
    text = (TEMPLATES / "style.css").read_text("utf-8")
    return text.replace("/*light*/", palette.css(palette.LIGHT)).replace("/*dark*/", palette.css(palette.DARK))


@cache
def _policy() -> str:
    digest = base64.b64encode(hashlib.sha256(_script().encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _view(served: Served, shelf: Shelf) -> View:
    facts = served.facts
    cells = tuple(_cells(served))
    body = json.dumps({"inputs": {cell.column: _typed(cell) for cell in cells}}, ensure_ascii=False)
    return View(
        served.spelled, served.name, served.version, shelf.find(served.name) is served, served.stage, facts["question"],
        tuple((one["name"], one["unit"], ", ".join(one["classes"])) for one in facts["targets"]),
        (
            ("Rows learnt from", f"{facts['n_rows']:,}"),
            ("Trained on", facts["trained_on"]),
            ("Run", facts["run_id"]),
            ("Bundle", served.bundle),
            ("Made by", f"matloop {facts['matloop']}"),
        ),
        tuple((name, told["verdict"]) for name, told in facts["evidence"].items() if told.get("verdict")),
        cells, served.card, body, served.name if shelf.find(served.name) is served else served.spelled,
    )  # fmt: skip


def _cells(served: Served) -> list[Cell]:
    found = []
    described = {one.name: one for one in served.answerer.bundle.manifest.representation.inputs}
    for entry in served.facts["inputs"]:
        kind = entry["kind"]
        words = tuple(entry["order"]) or tuple(described[entry["name"]].words if entry["name"] in described else ())
        shape = "number" if kind == "number" else "word" if kind == "category" else "long" if kind in _LONG else "text"
        for column in entry["columns"]:
            example = served.example.get(column)
            found.append(Cell(
                column, shape, entry["unit"], entry["value"], "" if example is None else str(example), words[:500]
            ))  # fmt: skip
    return found


def _typed(cell: Cell) -> Any:
    if cell.kind == "number":
        return float(cell.example or 0)
    return cell.words[0] if cell.words else cell.example or "..."

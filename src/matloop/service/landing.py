"""The page that a browser shows at the address of the server."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from matloop.report.page import page_parts
from matloop.report.templating import environment
from matloop.report.words import count
from matloop.service.optimade.fields import Field
from matloop.service.optimade.state import State
from matloop.service.settings import Settings
from matloop.service.visible import Served

_TEMPLATE = Path(__file__).parent / "templates" / "landing.html.j2"


@dataclass(frozen=True, slots=True)
class View:
    """The page, worked out before the template is filled."""

    title: str
    about: str
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    parts: tuple[Served, ...]
    fields: tuple[Field, ...]
    n_references: int
    example: str
    writing: str
    first: str
    prefix: str


@cache
def _template() -> Any:
    return environment().from_string(_TEMPLATE.read_text(encoding="utf-8"))


@cache
def _style() -> Any:
    return page_parts()["style"]


def landing_page(state: State, settings: Settings, base: str) -> str:
    """The page as HTML: what is served, how to ask for it. It runs no scripts and asks nobody for anything."""
    return str(_template().render(view=_view(state, settings), base=base, style=_style()))


def _view(state: State, settings: Settings) -> View:
    parts, provider = state.parts, settings.provider
    single = parts[0] if len(parts) == 1 else None
    return View(
        title=(single.title or single.name) if single else provider.name,
        about=(single.about if single and single.about else provider.about),
        facts=_facts(state), notes=tuple(_notes(state, settings)), parts=parts,
        fields=tuple(one.field for one in state.own.values()), n_references=len(state.references.cited),
        example=_example(state), writing=_writing(settings), first=parts[0].name if parts else "NAME",
        prefix=provider.prefix,
    )  # fmt: skip


def _facts(state: State) -> tuple[tuple[str, str], ...]:
    return (
        ("Structures", count(state.available)),
        ("Records with a formula only", count(state.without)),
        ("Properties", count(len(state.own))),
        ("References", count(len(state.references.cited))),
    )


def _notes(state: State, settings: Settings) -> list[str]:
    found = []
    if state.without:
        found.append(
            "Records with a formula only are no entries of OPTIMADE, which is about structures. REST has them."
        )
    if settings.private:
        found.append("Also what may not be shared is shown: this server is for this machine only.")
    return found


def _example(state: State) -> str:
    """A filter that fits the data."""
    one = next((one.field for one in state.own.values() if one.field.kind in ("float", "integer")), None)
    return f"{one.name} IS KNOWN AND nelements < 4" if one is not None else 'elements HAS "O" AND nelements < 4'


def _writing(settings: Settings) -> str:
    if settings.version:
        return "One version is served, which never changes."
    if any(key.allows("write") for key in settings.keys):
        return "Writing needs a key."
    if settings.local and settings.writable and not settings.keys:
        return "This machine may write."
    return "Nobody may write here."

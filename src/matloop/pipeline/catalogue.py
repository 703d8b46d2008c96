"""What there is to choose from: featurizers, model families, carried data sets, each with a line about it."""

from __future__ import annotations

from dataclasses import dataclass

from matloop.data.sources import SOURCES
from matloop.models import FAMILIES, missing
from matloop.represent import FEATURIZERS


@dataclass(frozen=True, slots=True)
class Card:
    """One thing to choose: what it is called, and a line about it."""

    name: str
    about: str


@dataclass(frozen=True, slots=True)
class FamilyCard:
    """One model family. `state` is "installed", or what to install."""

    name: str
    about: str
    tasks: tuple[str, ...]
    extra: str
    state: str


def featurizers() -> tuple[Card, ...]:
    """Every featurizer of compositions and molecules."""
    return tuple(Card(name, _first_line(FEATURIZERS.load(name))) for name in FEATURIZERS)


def datasets() -> tuple[Card, ...]:
    """Every carried data set, and sources of outside packages."""
    return tuple(Card(name, _first_line(SOURCES.load(name))) for name in SOURCES)


def families() -> tuple[FamilyCard, ...]:
    """Every model family, also those whose library is not installed."""
    cards = []
    for name in FAMILIES:
        family = FAMILIES.load(name)
        cards.append(
            FamilyCard(name, family.label, tuple(sorted(family.tasks)), family.extra, missing(name) or "installed")
        )
    return tuple(cards)


def _first_line(thing: object) -> str:
    return ((thing.__doc__ or "").strip().splitlines() or [""])[0].rstrip(".")

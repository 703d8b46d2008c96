"""The chemistry of a model as the page shows it: a periodic table of effects, exchanges, prototypes, single rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matloop.explain.chemistry_values import (
    Altered,
    Case,
    ChemistryStudy,
    ElementEffect,
    Exchange,
    Leaned,
    Prototype,
)
from matloop.report import words
from matloop.report.explain_view import Badge, badge
from matloop.report.periodic import CELL, F_BLOCK, GAP, PLACES

_SHOWN = 12
_HALF_INSIDE = 0.5
_BANDS = {"low": "low values", "middle": "middle values", "high": "high values", "odd": "nobody stands for it"}


@dataclass(frozen=True, slots=True)
class SignedCell:
    """An element at x, y (SVG units); `shade` in [0, 1] or None without data; `side` is "up" or "down"."""

    symbol: str
    x: int
    y: int
    shade: float | None
    side: str
    shown: str
    words: str
    unsure: bool


@dataclass(frozen=True, slots=True)
class SignedMap:
    """A periodic table of signed numbers; `end` is what the strongest colours mean."""

    cells: tuple[SignedCell, ...]
    end: str
    alt: str
    caption: str
    width: int = 18 * (CELL + GAP) - GAP
    height: int = 9 * (CELL + GAP) - GAP + F_BLOCK


@dataclass(frozen=True, slots=True)
class EffectRow:
    """One effect in words. bar : start and width in percent of a box with zero in its middle, and the side."""

    name: str
    value: str
    interval: str
    spread: str
    rows: str
    inside: str
    sure: bool
    bar: tuple[float, float, str]
    measured: str = ""


@dataclass(frozen=True, slots=True)
class PrototypeRow:
    """A row that stands for others in words."""

    band: str
    shown: str
    id: str
    measured: str
    share: str


@dataclass(frozen=True, slots=True)
class AlteredRow:
    """A change that reaches a wish, in words. formula, rest : what the row becomes, and its other inputs."""

    moves: tuple[str, ...]
    formula: str
    rest: str
    value: str
    interval: str
    change: str
    supported: bool


@dataclass(frozen=True, slots=True)
class CaseView:
    """One row under the lens. leaned, near : (shown, id, measured, weight or distance)."""

    shown: str
    id: str
    why: str
    measured: str
    predicted: str
    interval: str
    said: tuple[str, ...]
    method: str
    leaned: tuple[tuple[str, str, str, str], ...]
    near: tuple[tuple[str, str, str, str], ...]
    wish: str
    none_found: str
    altered: tuple[AlteredRow, ...]


@dataclass(frozen=True, slots=True)
class ChemistryView:
    """The part of a target's section about chemistry; empty parts are not shown."""

    output: str
    table: SignedMap | None
    effect_badge: Badge
    effects: tuple[EffectRow, ...]
    exchange_badge: Badge
    exchanges: tuple[EffectRow, ...]
    more_exchanges: tuple[EffectRow, ...]
    prototypes: tuple[PrototypeRow, ...]
    cases: tuple[CaseView, ...]
    notes: tuple[str, ...]


def chemistry_view(
    study: ChemistryStudy | None, *, unit: str = "", classes: tuple[str, ...] = ()
) -> ChemistryView | None:
    """The view of a study; None where there is none or nothing in it.

    Parameters
    ----------
    unit : of the target. classes : of a classification.
    """
    if study is None:
        return None
    scale = _Scale(study.output, unit)
    exchanges = _exchanges(study.exchanges, scale)
    view = ChemistryView(
        output=study.output,
        table=_map(study.effects, scale),
        effect_badge=badge(study.effect_checks),
        effects=_effects(study.effects, scale),
        exchange_badge=badge(study.exchange_checks),
        exchanges=exchanges[:_SHOWN],
        more_exchanges=exchanges[_SHOWN:],
        prototypes=tuple(_prototype(one, unit, classes) for one in study.prototypes),
        cases=tuple(_case(one, unit, classes) for one in study.cases),
        notes=study.notes,
    )
    return view if any((view.effects, view.exchanges, view.prototypes, view.cases, view.notes)) else None


class _Scale:
    """How changes of the output are written: in the target's unit, in percent of a logarithmic one, or in points."""

    def __init__(self, output: str, unit: str) -> None:
        self.log, self.points = output.startswith("log10"), output.startswith("probability")
        self.unit = "%" if self.log else "points" if self.points else words.unit_text(unit)

    def __call__(self, value: float) -> float:
        if self.log:
            return 100.0 * (10.0 ** min(value, 300.0) - 1.0)
        return 100.0 * value if self.points else value

    def signed(self, value: float, step: float = 0.0) -> str:
        """A change without its unit, to two digits, or to two digits of `step`."""
        found = self(value)
        places = words.decimals(step)
        text = words.fixed(round(found, places), places) if step > 0 else words.number(found, 2)
        return f"+{text}" if found > 0 and text.strip("0.,") else text

    def within(self, value: float, low: float, high: float) -> str:
        """A change with its unit, as many digits as its interval allows."""
        return words.with_unit(self.signed(value, (self(high) - self(low)) / 2), self.unit)

    def span(self, low: float, high: float) -> str:
        """`"0.05 to 0.2"`, rounded to two digits of its width."""
        low, high = self(low), self(high)
        places = words.decimals((high - low) / 2) if high > low else 2
        return f"{words.fixed(round(low, places), places)} to {words.fixed(round(high, places), places)}"


def _map(effects: Sequence[ElementEffect], scale: _Scale) -> SignedMap | None:
    found = {one.symbol: one for one in effects if one.symbol in PLACES and math.isfinite(one.value)}
    if not found:
        return None
    sizes = sorted(abs(scale(one.value)) for one in found.values())
    # the strongest colour is the 95th percentile, so that one odd element does not pale all others
    most = sizes[max(math.ceil(0.95 * len(sizes)) - 1, 0)] or 1.0
    cells = []
    for symbol, (row, column) in PLACES.items():
        x, y = column * (CELL + GAP), row * (CELL + GAP) + (F_BLOCK if row >= 7 else 0)
        one = found.get(symbol)
        if one is None:
            cells.append(SignedCell(symbol, x, y, None, "", "", f"{symbol}: too few rows", False))
            continue
        weak = not one.sure or one.inside < _HALF_INSIDE
        said = f"{symbol}: {scale.within(one.value, one.low, one.high)} ({scale.span(one.low, one.high)}) per at%, "
        said += "in place of an alike element, " if one.exchanged else ""
        said += words.counted(one.n_rows, "row") + ("" if one.sure else ", within the noise")
        shade = min(abs(scale(one.value)) / most, 1.0)
        side = "up" if one.value > 0 else "down"
        shown = scale.signed(one.value, most)
        cells.append(SignedCell(symbol, x, y, 0.0 if weak else shade, side, shown, said, weak))
    sure = [one for one in found.values() if one.sure]
    lead = ", ".join(f"{one.symbol} {scale.signed(one.value)}" for one in sorted(sure, key=lambda e: -abs(e.value))[:5])
    caption = (
        "Mean change when one percent of all atoms more is this element and all others give way in proportion, in real "
        "rows that hold it. Dashed and pale: zero cannot be left out, or half of the altered rows leave the domain."
    )
    if any(one.exchanged for one in found.values()):
        these = [one.symbol for one in found.values() if one.exchanged]
        which = "All elements" if len(these) == len(found) else ", ".join(sorted(these))
        caption += f" {which}: in place of an alike element, because else such rows leave the domain."
    alt = f"Periodic table of effects; {len(sure)} of {len(found)} elements stand out. Largest: {lead or 'none'}."
    return SignedMap(tuple(cells), _with(words.number(most, 2), scale), alt, caption)


def _with(text: str, scale: _Scale) -> str:
    return words.with_unit(text, scale.unit)


def _bars(values: Sequence[float]) -> list[tuple[float, float, str]]:
    most = max((abs(value) for value in values), default=0.0) or 1.0
    found = []
    for value in values:
        width = round(50.0 * min(abs(value) / most, 1.0), 1)
        found.append((50.0, width, "up") if value >= 0 else (round(50.0 - width, 1), width, "down"))
    return found


def _effects(effects: Sequence[ElementEffect], scale: _Scale) -> tuple[EffectRow, ...]:
    order = sorted(effects, key=lambda one: (not one.sure, -abs(one.value), one.symbol))
    return _rows(order, [one.symbol for one in order], scale, [""] * len(order))


def _exchanges(exchanges: Sequence[Exchange], scale: _Scale) -> tuple[EffectRow, ...]:
    measured = [
        f"{scale.signed(one.measured)} in {words.counted(one.n_pairs, 'pair')}" if one.n_pairs else ""
        for one in exchanges
    ]
    return _rows(exchanges, [f"{one.old} → {one.new}" for one in exchanges], scale, measured)


def _rows(
    found: Sequence[ElementEffect | Exchange], names: Sequence[str], scale: _Scale, measured: Sequence[str]
) -> tuple[EffectRow, ...]:
    bars = _bars([scale(one.value) for one in found])
    return tuple(
        EffectRow(
            name, scale.within(one.value, one.low, one.high), scale.span(one.low, one.high),
            scale.span(one.row_low, one.row_high), words.count(one.n_rows), words.percent(one.inside, 0),
            one.sure and one.inside >= _HALF_INSIDE, bar, said,
        )
        for one, name, bar, said in zip(found, names, bars, measured, strict=True)
    )  # fmt: skip


def _value(value: float, unit: str, classes: tuple[str, ...]) -> str:
    if classes:
        place = int(value) if math.isfinite(value) else -1
        return words.short(classes[place], 40) if 0 <= place < len(classes) else words.number(value)
    return words.with_unit(words.number(value), words.unit_text(unit))


def _prototype(one: Prototype, unit: str, classes: tuple[str, ...]) -> PrototypeRow:
    share = words.percent(one.share, 0) if math.isfinite(one.share) else ""
    band = one.band if classes and one.band != "odd" else _BANDS.get(one.band, one.band)
    return PrototypeRow(band, one.shown, one.id, _value(one.measured, unit, classes), share)


def _case(one: Case, unit: str, classes: tuple[str, ...]) -> CaseView:
    evidence, found = one.evidence, one.found
    interval = "" if classes or not math.isfinite(one.low) else f"{words.number(one.low)} to {words.number(one.high)}"

    def near(rows: Sequence[Leaned], *, weighed: bool) -> tuple[tuple[str, str, str, str], ...]:
        return tuple(
            (
                each.shown, each.id, _value(each.measured, unit, classes),
                words.percent(each.weight) if weighed else words.number(each.distance, 2),
            )
            for each in rows
        )  # fmt: skip

    none_found = ""
    if found is not None and not found.altered:
        parts = [words.counted(found.tried, "feasible change") + " tried"]
        if found.charged:
            parts.append(f"{words.count(found.charged)} left out because charges cannot balance")
        if found.outside:
            parts.append(f"{words.count(found.outside)} of them outside the domain")
        none_found = f"No feasible change of one or two steps does that ({', '.join(parts)})."
    return CaseView(
        one.shown, one.id, one.why, _value(one.measured, unit, classes), _value(one.predicted, unit, classes), interval,
        evidence.said if evidence else (), evidence.method if evidence else "",
        near(evidence.leaned, weighed=True) if evidence else (), near(evidence.near, weighed=False) if evidence else (),
        _wish(found.wish, unit) if found else "", none_found,
        tuple(_altered(each, unit, classes) for each in found.altered) if found else (),
    )  # fmt: skip


def _wish(text: str, unit: str) -> str:
    """The wish with its unit and its minus as they are written everywhere."""
    text = text.replace(f" {unit}", f" {words.unit_text(unit)}") if unit else text
    return text.replace(" -", f" {words.MINUS}")


def _altered(one: Altered, unit: str, classes: tuple[str, ...]) -> AlteredRow:
    formula, _, rest = one.shown.partition(", ")
    if classes:
        chance = words.percent(one.chance, 0)
        return AlteredRow(one.moves, formula, rest, _value(one.value, unit, classes), chance, "", one.supported)
    text = words.number(one.change, 2)
    places = words.decimals((one.high - one.low) / 2) if one.high > one.low else 2
    interval = f"{words.fixed(one.low, places)} to {words.fixed(one.high, places)}"
    value = words.with_unit(words.fixed(one.value, places), words.unit_text(unit))
    change = f"+{text}" if one.change > 0 else text
    return AlteredRow(one.moves, formula, rest, value, interval, change, one.supported)

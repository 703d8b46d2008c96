"""The profile of a table as one self-contained HTML page of the same make as the report of a run."""

from __future__ import annotations

from dataclasses import dataclass

from matloop.profile.five_values import ColumnProfile, DataProfile, Relation
from matloop.report import words
from matloop.report.figures.figure import Figure
from matloop.report.figures.profile import (
    correlation_figure,
    dates_figure,
    distribution_figures,
    gaps_figure,
    shapes_figure,
    target_figure,
)
from matloop.report.map_view import MapView, map_view
from matloop.report.measured_view import MeasuredView, measured_view
from matloop.report.page import page_parts
from matloop.report.periodic import PeriodicMap, rows_map
from matloop.report.profile_summary import FindingRow, finding_row
from matloop.report.templating import environment

PURPOSE = {
    "Volume": "how much there is, of what",
    "Velocity": "how fast it grows",
    "Veracity": "how far values can be believed",
    "Validity": "whether cells hold what they should",
    "Volatility": "how fast it ages",
}


@dataclass(frozen=True, slots=True)
class VSection:
    """One of the five."""

    key: str
    name: str
    purpose: str
    rows: tuple[FindingRow, ...]
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """One column in words."""

    name: str
    part: str
    range: str
    middle: str
    distinct: str
    missing: str
    suspicious: str


@dataclass(frozen=True, slots=True)
class RelationRow:
    """One pair in words."""

    name: str
    pearson: tuple[str, str]
    spearman: tuple[str, str]
    p_value: str
    n_rows: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProfileView:
    """The page, worked out before the template is filled."""

    found: DataProfile
    title: str
    sentence: str
    sections: tuple[VSection, ...]
    elements: PeriodicMap | None
    distributions: Figure | None
    columns: tuple[ColumnRow, ...]
    correlations: Figure | None
    shapes: Figure | None
    relations: tuple[RelationRow, ...]
    target: Figure | None
    redundant: tuple[str, ...]
    map: MapView | None
    measured: MeasuredView | None
    sealed: str


def write_profile(found: DataProfile) -> str:
    """The page as HTML text; nothing in it asks the network for anything."""
    template = environment().get_template("profile.html.j2")
    return template.render(view=profile_view(found), **page_parts())


def profile_view(found: DataProfile) -> ProfileView:
    """Numbers as words."""
    beside = {"Velocity": dates_figure(found), "Validity": gaps_figure(found)}
    sections = tuple(
        VSection(
            name.lower(), name, PURPOSE[name], tuple(finding_row(one) for one in findings),
            tuple(one for one in (beside.get(name),) if one is not None),
        )
        for name, findings in found.vs
    )  # fmt: skip
    hidden = found.n_rows - found.labels_shown
    return ProfileView(
        found=found, title=found.source.replace("\\", "/").rsplit("/", 1)[-1], sentence=_sentence(found),
        sections=sections, elements=rows_map(found.elements), distributions=distribution_figures(found),
        columns=tuple(_column(one) for one in found.columns), correlations=correlation_figure(found),
        shapes=shapes_figure(found.warnings), relations=tuple(_relation(one) for one in _strongest(found)),
        target=target_figure(found),
        redundant=tuple(_redundant(one.first, one.second, one.how) for one in found.redundant[:20]),
        map=map_view("profile", found.map), measured=measured_view(found.measured),
        sealed=f"Labels of {words.counted(hidden, 'row')} were not looked at: they are sealed, or not used."
        if hidden
        else "All labels were looked at, as written and before any split. Who chooses a model by what is seen here has "
        "also seen the labels of the rows that will test it; give the problem file to see development rows only.",
    )  # fmt: skip


def _sentence(found: DataProfile) -> str:
    """What to do first."""
    all_found = [one for _, findings in found.vs for one in findings]
    acts = [one for one in all_found if one.level == "bad"]
    looks = [one for one in all_found if one.level == "look"]
    if acts:
        return f"Before learning: {'; '.join(f'{one.name} ({one.shown})' for one in acts[:3])}."
    if looks:
        return f"Nothing stands against learning. Worth a look: {', '.join(one.name for one in looks[:4])}."
    return "Nothing stands against learning."


def _column(one: ColumnProfile) -> ColumnRow:
    unit = words.unit_text(one.unit)
    if one.kind == "number" and one.quantiles:
        told = _whole if all(value.is_integer() for value in one.quantiles) else words.number
        reach = words.with_unit(f"{told(one.quantiles[0])} to {told(one.quantiles[6])}", unit)
        middle = told(one.quantiles[3])
    else:
        reach, middle = ", ".join(one.top[:3]), ""
    suspicious = "; ".join(
        f"{why}: rows {', '.join(words.count(row) for row in rows[:6])}{' …' if len(rows) > 6 else ''}"
        for why, rows in one.suspicious.items()
    )
    return ColumnRow(
        one.name, one.part, reach, middle, words.count(one.distinct),
        words.percent(one.missing) if one.missing else "", suspicious,
    )  # fmt: skip


def _whole(value: float) -> str:
    """A whole number as it stands in the table; a year has no comma."""
    return (
        f"{value:.0f}" if abs(value) < 10_000 else words.count(int(value)) if abs(value) < 1e15 else words.number(value)
    )


def _strongest(found: DataProfile) -> list[Relation]:
    """Pairs by the larger of their coefficients; those with a warning are always among them."""
    order = sorted(
        found.relations, key=lambda one: (not one.warnings, -max(abs(one.pearson.value), abs(one.spearman.value)))
    )
    return order[:25]


def _relation(one: Relation) -> RelationRow:
    return RelationRow(
        f"{one.first} and {one.second}", words.estimate(one.pearson), words.estimate(one.spearman),
        words.p_value(one.p_spearman), words.count(one.n_rows), tuple(w.said for w in one.warnings),
    )  # fmt: skip


def _redundant(first: str, second: str, how: str) -> str:
    said = {
        "equal": f"{first} and {second} are equal in every row",
        "linear": f"{first} and {second} lie on a straight line",
        "monotone": f"{first} and {second} have the same order",
        "determined": f"{first} fixes {second}",
    }
    return said[how]

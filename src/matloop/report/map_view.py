"""The map section, worked out in words before the template is filled."""

from __future__ import annotations

import math
from dataclasses import dataclass

from matloop.profile.study import ClusterLine, DrawnMap, MapStudy
from matloop.report import words
from matloop.report.figures.chemical_map import TITLES, chemical_map
from matloop.report.figures.cluster_quality import cluster_quality
from matloop.report.figures.figure import Figure

SURE = 0.05


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """One group: `error` is (value, interval), `mark` says in two words whether it errs more or less than the rest."""

    label: str
    n_rows: str
    tells: tuple[str, ...]
    typical: tuple[str, ...]
    value: str
    error: tuple[str, str]
    mark: str
    again: str


@dataclass(frozen=True, slots=True)
class MapRow:
    """How far one map can be believed."""

    name: str
    how: str
    trust: str
    continuity: str
    stability: str
    new_rows: str


@dataclass(frozen=True, slots=True)
class MapView:
    """`lead` is what to see; `groups` the word for the table's rows; `sentence` whether there are clusters."""

    figure: Figure | None
    quality: Figure | None
    lead: str
    sentence: str
    how: str
    groups: str
    rows: tuple[ClusterRow, ...]
    maps: tuple[MapRow, ...]
    error_words: str
    value_words: str
    notes: tuple[str, ...]


def map_view(key: str, study: MapStudy | None) -> MapView | None:
    """The section of `study`; `key` makes its anchors unique. None where there is none."""
    if study is None:
        return None
    unit = words.unit_text(study.unit)
    several = len(study.clusters) > 1
    return MapView(
        figure=chemical_map(f"{key}-map-figure", study),
        quality=cluster_quality(f"{key}-cluster-quality", study),
        lead=_lead(study, unit),
        sentence=study.sentence,
        how=study.clusters_how,
        groups="Region" if study.answer == "none" else "Cluster",
        rows=tuple(_row(k, line, study, unit) for k, line in enumerate(study.clusters)) if several else (),
        maps=tuple(_map_row(one) for one in study.maps),
        error_words="Share wrong" if study.classes else f"Mean error{f' ({unit})' if unit else ''}",
        value_words="" if study.classes else f"Mean value{f' ({unit})' if unit else ''}",
        notes=study.notes,
    )


def _lead(study: MapStudy, unit: str) -> str:
    """Where the model errs most, if that is more than chance."""
    sure = [(k, line) for k, line in enumerate(study.clusters) if line.p_value < SURE and line.error.value > 0]
    errors = [(line.error.value, line.n_rows) for line in study.clusters if math.isfinite(line.error.value)]
    if not sure or not errors:
        return "Rows with similar features lie near each other." + (
            " No group of them errs clearly more than the others." if errors and len(errors) > 1 else ""
        )
    k, worst = max(sure, key=lambda pair: pair[1].error.value)
    rest = [(value, n) for at, (value, n) in enumerate(errors) if at != k]
    elsewhere = sum(value * n for value, n in rest) / max(sum(n for _, n in rest), 1)
    if worst.error.value <= elsewhere:
        return "Rows with similar features lie near each other."
    name = f" ({worst.name})" if worst.name else ""
    scale, shown = (100.0, "%") if study.classes else (1.0, unit)
    values = [words.with_unit(words.number(scale * value), shown) for value in (worst.error.value, elsewhere)]
    what = "wrong classes" if study.classes else "mean error"
    group = "region" if study.answer == "none" else "cluster"
    return f"The model errs most in {group} {k + 1}{name}: {what} {values[0]}, elsewhere {values[1]}."


def _row(k: int, line: ClusterLine, study: MapStudy, unit: str) -> ClusterRow:
    scale = 100.0 if study.classes else 1.0
    value, interval = words.estimate(line.error, "", scale=scale)
    mark = ""
    if line.p_value < SURE:
        others = [one.error.value for one in study.clusters if one is not line and math.isfinite(one.error.value)]
        weights = [one.n_rows for one in study.clusters if one is not line and math.isfinite(one.error.value)]
        rest = sum(e * w for e, w in zip(others, weights, strict=True)) / max(sum(weights), 1)
        mark = "more than the rest" if line.error.value > rest else "less than the rest"
    known = math.isfinite(line.error.value)
    return ClusterRow(
        label=f"{k + 1}{f': {line.name}' if line.name else ''}",
        n_rows=words.count(line.n_rows),
        tells=line.tells,
        typical=line.typical,
        value=words.number(line.value) if math.isfinite(line.value) else "",
        error=(f"{value}{words.NARROW}%" if study.classes else value, interval) if known else ("", ""),
        mark=mark,
        again=words.percent(line.stability, 0) if math.isfinite(line.stability) else "",
    )


def _map_row(one: DrawnMap) -> MapRow:
    how = {"exactly": "exactly", "by neighbours": "near its neighbours"}[one.new_rows]
    return MapRow(
        name=TITLES.get(one.method, one.method), how=one.how, trust=words.fixed(one.trustworthiness, 2),
        continuity=words.fixed(one.continuity, 2),
        stability=words.fixed(one.stability, 2) if math.isfinite(one.stability) else "", new_rows=how,
    )  # fmt: skip

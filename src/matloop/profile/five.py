"""The profile of a table: volume, velocity, veracity, validity, volatility, and what each means for learning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray, TextArray
from matloop.core.elements import SYMBOLS
from matloop.matter.compositions import Compositions, reduced_formulas
from matloop.problem.question import Depth
from matloop.profile.five_findings import (
    validity_findings,
    velocity_findings,
    veracity_findings,
    volatility_findings,
    volume_findings,
)
from matloop.profile.five_values import DataProfile, Field, MissingTogether, Noise, TableRead
from matloop.profile.history import change_findings, growth_findings
from matloop.profile.levels import levels_in
from matloop.profile.measured import measured_findings, measured_study
from matloop.profile.relations import MOST_COLUMNS, ROWS, correlations, redundant_pairs, target_relations
from matloop.profile.replicates import class_noise, replicate_noise
from matloop.profile.study import MapStudy, profile_rows
from matloop.profile.suspects import profile_column

_MOST_PATTERNS = 12
PART = 50_000
MAP_ROWS = 1500
"""Rows on the map at depth "quick"."""


def profile_table(table: TableRead, *, seed: int = 0, depth: Depth = "quick") -> DataProfile:
    """Look at a table: no row is changed, nothing is learnt. Labels are read where `table.labels` allows it.

    Parameters
    ----------
    seed : for resampling, and for which rows are drawn where there are many.
    depth : which maps: "quick" principal axes, "standard" also t-SNE, "thorough" also UMAP and an autoencoder where
        their libraries are there.
    """
    everywhere = np.ones(len(table), dtype=bool)
    fields = table.fields
    targets = table.of("target")
    shown = {one.name: table.labels if _is_label(one) else everywhere for one in fields}
    columns = tuple(profile_column(one, shown[one.name]) for one in fields)
    noise = tuple(_noise(one, table, seed) for one in targets)
    rows = _some(len(table), ROWS, seed)
    compared = _compared(table)
    pearson, spearman, relations = correlations(compared, rows)
    others = [one for one in fields if one.part in ("input", "other", "time")]
    told = target_relations(targets[0], others, rows, table.drawn, table.drawn_rows) if targets else ()
    formulas = _formulas(table.compositions)
    levels = levels_in(tuple(one for one in fields if one.part not in ("target", "id")), everywhere)
    redundant = redundant_pairs([one for one in fields if one.part in ("input", "other", "target")], relations, rows)
    patterns = _missing_together(table)
    notes = [*table.notes]
    if len(rows) < len(table):
        notes.append(f"relations are measured on {len(rows):,} of {len(table):,} rows, drawn at random")
    n_numbers = sum(one.is_number and one.part != "id" for one in fields)
    if n_numbers > len(compared):
        notes.append(f"relations are shown for the first {len(compared)} of {n_numbers} columns of numbers")
    measured = measured_study(table, seed=seed)
    growth = growth_findings(table.history) if table.history else ()
    changes = change_findings(table.history) if table.history else ()
    drawn_map = _map(table, targets[0] if targets else None, seed, depth)
    return DataProfile(
        source=table.source, n_rows=len(table), labels_shown=int(table.labels.sum()),
        volume=volume_findings(table, formulas), velocity=(*velocity_findings(table), *growth),
        veracity=(*veracity_findings(table, formulas, noise, columns, levels), *measured_findings(measured)),
        validity=validity_findings(table, columns, patterns, redundant),
        volatility=(*changes, *volatility_findings(table, targets)),
        elements=_elements(table.compositions), classes=_classes(targets, table.labels), levels=levels,
        months=_months(table.seconds), noise=noise, columns=columns, missing=patterns, relations=relations,
        names=tuple(one.name for one in compared), pearson=pearson, spearman=spearman, redundant=redundant,
        target=targets[0].name if targets else "", unit=targets[0].unit if targets else "", target_relations=told,
        map=drawn_map, notes=tuple(notes), measured=measured,
    )  # fmt: skip


def _formulas(compositions: Compositions | None) -> TextArray | None:
    """Reduced formulas, a part of the rows at a time: all at once they take more memory than the table."""
    if compositions is None:
        return None
    n = len(compositions)
    parts = [reduced_formulas(compositions.take(np.arange(k, min(k + PART, n)))) for k in range(0, max(n, 1), PART)]
    return np.concatenate(parts)


def _is_label(one: Field) -> bool:
    """Whether sealed rows must not show it; columns that are not inputs may hold the target in other words."""
    return one.part in ("target", "error", "other")


def _noise(one: Field, table: TableRead, seed: int) -> Noise:
    if one.is_number:
        values = np.where(table.labels, one.values, np.nan)
        return replicate_noise(values, table.input_keys, target=one.name, unit=one.unit, seed=seed)
    codes = np.where(table.labels, one.codes, -1)
    return class_noise(codes, table.input_keys, target=one.name, seed=seed)


def _some(n: int, most: int, seed: int) -> IntArray:
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, size=most, replace=False))


def _compared(table: TableRead) -> list[Field]:
    """Columns of numbers whose relations are shown: targets first, then inputs, then the rest; no constants."""
    turn = {"target": 0, "input": 1, "time": 2, "other": 3, "error": 4}
    numbers = [one for one in table.fields if one.is_number and one.part in turn and _varies(one.values)]
    return sorted(numbers, key=lambda one: turn[one.part])[:MOST_COLUMNS]


def _varies(values: FloatArray) -> bool:
    known = values[np.isfinite(values)]
    return len(known) > 1 and bool(known.min() < known.max())


def _elements(compositions: Compositions | None) -> Mapping[str, int]:
    if compositions is None:
        return {}
    counts = np.bincount(compositions.elements, minlength=len(SYMBOLS) + 1)
    return {SYMBOLS[z]: int(counts[z]) for z in np.flatnonzero(counts[: len(SYMBOLS)]).tolist() if SYMBOLS[z]}


def _classes(targets: tuple[Field, ...], labels: BoolArray) -> Mapping[str, Mapping[str, int]]:
    found = {}
    for one in targets:
        if not one.is_number:
            counts = np.bincount(one.codes[labels & (one.codes >= 0)], minlength=len(one.words))
            order = np.argsort(-counts, kind="stable")
            found[one.name] = {one.words[k]: int(counts[k]) for k in order.tolist() if counts[k]}
    return found


def _months(seconds: FloatArray) -> tuple[tuple[str, int], ...]:
    """Rows per month, or per year where the table spans more than five years."""
    known = seconds[np.isfinite(seconds)]
    if not len(known):
        return ()
    days = known.astype("datetime64[s]")
    long = np.ptp(known) > 5 * 365.25 * 86400
    found, counts = np.unique(days.astype("datetime64[Y]" if long else "datetime64[M]"), return_counts=True)
    return tuple((str(month), int(n)) for month, n in zip(found, counts, strict=True))


def _missing_together(table: TableRead) -> tuple[MissingTogether, ...]:
    """The most frequent sets of empty columns; labels of sealed rows are no gap."""
    with_gaps = [one for one in table.fields if one.missing[table.labels].any()]
    if not with_gaps:
        return ()
    gaps = np.column_stack([one.missing for one in with_gaps])[table.labels]
    patterns, counts = np.unique(np.packbits(gaps, axis=1), axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    whole = np.unpackbits(patterns, axis=1, count=len(with_gaps)).astype(bool)
    return tuple(
        MissingTogether(tuple(with_gaps[c].name for c in np.flatnonzero(whole[k])), int(counts[k]))
        for k in order.tolist()
        if whole[k].any()
    )[:_MOST_PATTERNS]


def _map(table: TableRead, target: Field | None, seed: int, depth: Depth) -> MapStudy | None:
    if table.drawn is None or not table.drawn.names or len(table.drawn) < 3:
        return None
    # finding clusters costs much more than the map, and more than in proportion to the rows
    kept = _some(len(table.drawn_rows), MAP_ROWS if depth == "quick" else len(table.drawn_rows), seed)
    rows = table.drawn_rows[kept]
    y = np.full(len(rows), math.nan)
    classes: tuple[str, ...] = ()
    if target is not None:
        codes = np.where(target.codes[rows] >= 0, target.codes[rows], np.nan) if not target.is_number else None
        y = np.where(table.labels[rows], target.values[rows] if codes is None else codes, np.nan)
        classes = () if target.is_number else target.words
    found = profile_rows(
        table.drawn.take(kept), y, shown=table.shown[rows], ids=table.shown[rows], classes=classes,
        target=target.name if target else "", unit=target.unit if target else "", seed=seed, depth=depth,
    )  # fmt: skip
    return replace(found, n_rows=len(table))

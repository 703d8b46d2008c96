"""The figures of the five Vs, each with what it means for learning."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray, TextArray
from matloop.metrics.estimate import Estimate
from matloop.profile.five_values import ColumnProfile, Field, Finding, MissingTogether, Noise, Redundant, TableRead
from matloop.profile.relations import holm

Level = Literal["good", "look", "bad"]
YEAR = 365.25 * 86400.0
FEW_ROWS, MANY_ROWS = 200, 2000
FEW_WITH_ELEMENT = 10


# --- volume ----------------------------------------------------------------------------------------------------------


def volume_findings(table: TableRead, formulas: TextArray | None) -> tuple[Finding, ...]:
    """Rows, labels, materials, elements, classes."""
    n, inputs = len(table), len(table.of("input"))
    size: Level = "bad" if n < 50 else "look" if n < FEW_ROWS else "good"
    found = [Finding("rows", n, f"{n:,} rows, {len(table.fields):,} columns", _size_words(n), size)]
    for one in table.of("target"):
        known = int((~one.missing & ~one.unreadable & table.labels).sum())
        hidden = int((~table.labels).sum())
        sealed = f"; {hidden:,} rows are sealed or not used" if hidden else ""
        found.append(
            Finding(
                f"labelled rows, {one.name}", known, f"{known:,} of {int(table.labels.sum()):,}{sealed}",
                f"{known / max(inputs, 1):,.0f} for each of {inputs} inputs" if inputs else "no input was found",
                "good" if known >= FEW_ROWS else "look",
            )
        )  # fmt: skip
        found += _balance(one, table.labels)
    if formulas is not None and table.compositions is not None:
        found += _chemistry(table, formulas)
    return tuple(found)


def _size_words(n: int) -> str:
    if n < FEW_ROWS:
        return "small: simple models, and wide intervals of every score; each further row counts"
    if n < MANY_ROWS:
        return "enough for trees and Gaussian processes on given features; not for networks that learn features"
    return "enough for boosted trees and networks on features; above some 10,000 features can be learnt from structures"


def _balance(one: Field, labels: BoolArray) -> list[Finding]:
    if one.is_number:
        return []
    counts = np.bincount(one.codes[labels & (one.codes >= 0)], minlength=len(one.words))
    counts = counts[counts > 0]
    if not len(counts):
        return []
    share, rare = counts.max() / counts.sum(), int(counts.min())
    ratio = counts.max() / counts.min()
    level: Level = "bad" if rare < 10 else "look" if ratio > 5 else "good"
    meaning = (
        f"always naming the largest class is right in {share:.0%} of the rows: judge by balanced accuracy"
        if ratio > 2
        else "the classes are about equally frequent"
    )
    if rare < 10:
        meaning += f"; the rarest class has {rare} rows, too few to judge it"
    shown = f"{len(counts)} classes, the largest {ratio:,.1f} times the rarest"
    return [Finding(f"class balance, {one.name}", float(ratio), shown, meaning, level)]


def _chemistry(table: TableRead, formulas: TextArray) -> list[Finding]:
    compositions = table.compositions
    if compositions is None:
        return []
    read = formulas[formulas != ""]
    distinct = len(np.unique(read))
    rows = np.bincount(compositions.elements, minlength=119)
    present = int((rows > 0).sum())
    thin = int(((rows > 0) & (rows < FEW_WITH_ELEMENT)).sum())
    systems = _systems(compositions.offsets, compositions.elements)
    repeated = len(read) - distinct
    told = f"{repeated:,} rows repeat a composition: keep them together in every split" if repeated else "none repeats"
    thin_words = (
        f"{thin} of them in fewer than {FEW_WITH_ELEMENT} rows: a model knows next to nothing of these"
        if thin
        else "each in ten rows or more"
    )
    return [
        Finding("compositions", distinct, f"{distinct:,} different", told, "good"),
        Finding("elements", present, f"{present} of 118", thin_words, "look" if thin > 0.3 * present else "good"),
        Finding(
            "chemical systems", systems, f"{systems:,} different sets of elements",
            f"{len(read) / max(systems, 1):.1f} rows in each: "
            + ("families; test by leaving one out" if len(read) > 3 * systems else "spread thin over chemistry"),
        ),
    ]  # fmt: skip


def _systems(offsets: IntArray, elements: IntArray) -> int:
    """Distinct sets of elements, by two sums of random weights per element (a fixed table: no chance in the result)."""
    weights = np.random.default_rng(118).integers(1, 2**62, size=(2, 119), dtype=np.int64)
    rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    sums = np.zeros((len(offsets) - 1, 2), dtype=np.int64)
    for k in (0, 1):
        np.bitwise_xor.at(sums[:, k], rows, weights[k][elements])
    return len(np.unique(sums[np.diff(offsets) > 0], axis=0))


# --- velocity --------------------------------------------------------------------------------------------------------


def velocity_findings(table: TableRead) -> tuple[Finding, ...]:
    """How fast rows come in."""
    known = np.sort(table.seconds[np.isfinite(table.seconds)])
    if len(known) < 2 or known[-1] <= known[0]:
        meaning = "the table has no column of dates that vary, so growth cannot be measured; keep one in further tables"
        return (Finding("growth", math.nan, "no dates", meaning, "look"),)
    years = max((known[-1] - known[0]) / YEAR, 1e-9)
    last = int((known > known[-1] - 0.25 * (known[-1] - known[0])).sum())
    first = int((known < known[0] + 0.25 * (known[-1] - known[0])).sum())
    gap, middle = float(np.diff(known).max()) / 86400, float(np.median(np.diff(known))) / 86400
    trend = last / max(first, 1)
    told = (
        "it grows faster and faster: plan to retrain" if trend > 2
        else "it slows down" if trend < 0.5 else "the pace is about even"
    )  # fmt: skip
    pace = len(known) / years
    return (
        Finding(
            "rows per year", pace, f"{pace:,.0f}",
            f"{len(known):,} rows with a date in {years:.2g} years; a model of today is outgrown by a tenth more rows "
            f"after {_days(0.1 * len(known) / pace * 365.25)}",
        ),
        Finding("pace", trend, f"{first:,} rows in the first quarter of the time, {last:,} in the last", told),
        Finding("longest pause", gap, _days(gap), f"half of the rows follow the one before within {_days(middle)}"),
    )  # fmt: skip


def _days(days: float) -> str:
    if days >= 730:
        return f"{days / 365.25:.1f} years"
    return f"{days:.0f} days" if days >= 2 else f"{days * 24:.1f} hours" if days > 0 else "no time"


# --- veracity --------------------------------------------------------------------------------------------------------


def veracity_findings(
    table: TableRead,
    formulas: TextArray | None,
    noise: Sequence[Noise],
    columns: Sequence[ColumnProfile],
    levels: Mapping[str, Mapping[str, int]],
) -> tuple[Finding, ...]:
    """Duplicates, polymorphs, noise, suspicious values, levels of theory."""
    found = _duplicates(table)
    if formulas is not None:
        found += _polymorphs(table, formulas)
    for one in noise:
        found += _noise_words(one)
    found += _suspects(columns)
    found += [_levels(name, counts) for name, counts in levels.items()]
    if not levels:
        meaning = "no column says how values were obtained; if theory and experiment are mixed, nobody can tell"
        found.append(Finding("level of theory", math.nan, "not said", meaning, "look"))
    return tuple(found)


def _duplicates(table: TableRead) -> list[Finding]:
    exact, same = _surplus(table.row_keys), _surplus(table.input_keys)
    n, compared = max(len(table), 1), max(int((table.row_keys >= 0).sum()), 1)
    return [
        Finding(
            "exact duplicates", exact, f"{exact:,} rows ({exact / compared:.1%})",
            "copies of an earlier row: they add no knowledge, and on both sides of a split they flatter the score"
            if exact else "no row is a copy of another one",
            "look" if exact else "good",
        ),
        Finding(
            "rows with equal inputs", same, f"{same:,} rows ({same / n:.1%})",
            "each repeats the inputs of an earlier row, copies included: merged before learning, and their spread is "
            "the noise" if same else "no replicates: noise cannot be measured from this table",
            "good" if same else "look",
        ),
    ]  # fmt: skip


def _surplus(keys: IntArray) -> int:
    known = keys[keys >= 0]
    return len(known) - len(np.unique(known))


def _polymorphs(table: TableRead, formulas: TextArray) -> list[Finding]:
    if not table.phase_from:
        return []
    kept = (formulas != "") & (table.phase != "")
    _, formula = np.unique(formulas[kept], return_inverse=True)
    _, phase = np.unique(table.phase[kept], return_inverse=True)
    pairs = np.unique(formula.astype(np.int64) * (int(phase.max(initial=0)) + 1) + phase)
    counts = np.bincount(pairs // (int(phase.max(initial=0)) + 1))
    several, most = int((counts > 1).sum()), int(counts.max(initial=0))
    meaning = (
        "a model of the composition alone cannot tell them apart: give it the structure, or choose one of each"
        if several
        else "each composition has one phase"
    )
    shown = f"{several:,} compositions in two or more phases (up to {most}), by {table.phase_from}"
    return [Finding("polymorphs", several, shown, meaning, "look" if several else "good")]


def _noise_words(one: Noise) -> list[Finding]:
    name = f"noise, {one.target}"
    if not one.sets:
        copies = f" ({one.copies:,} sets of copies agree to the last digit and tell nothing)" if one.copies else ""
        meaning = f"no rows with equal inputs and different values{copies}: the lowest error possible is not known"
        return [Finding(name, math.nan, "not known", meaning, "look")]
    based = f"from {one.sets:,} sets of replicates ({one.rows:,} rows)"
    if math.isfinite(one.disagree.value):
        level: Level = "look" if one.floor > 0.05 else "good"
        meaning = f"{based}; no model of these inputs is right in more than {1 - one.floor:.1%} of such rows"
        shown = f"{_interval(one.disagree, 100)} % of the sets disagree"
        return [Finding(name, one.disagree.value, shown, meaning, level)]
    unit = f" {one.unit}" if one.unit else ""
    copies = f"; {one.copies:,} sets of copies left out" if one.copies else ""
    meaning = (
        f"{based}{copies}: against a single value no model has an RMSE below {one.sd.value:.3g}{unit}, an MAE below "
        f"{one.mae.value:.3g}{unit}, or an R² above {one.ceiling:.3f}"
    )
    if one.robust_sd < 0.4 * one.sd.value:
        meaning += (
            f". The typical set agrees better ({one.robust_sd:.3g}{unit}): a few sets carry most of it, look there"
        )
    level = "bad" if one.ceiling < 0.5 else "look" if one.ceiling < 0.9 else "good"
    return [Finding(name, one.sd.value, f"± {_interval(one.sd)}{unit} (one standard deviation)", meaning, level)]


def _interval(one: Estimate, scale: float = 1.0) -> str:
    ends = f" [{scale * one.low:.3g}, {scale * one.high:.3g}]" if math.isfinite(one.low) else ""
    return f"{scale * one.value:.3g}{ends}"


def _suspects(columns: Sequence[ColumnProfile]) -> list[Finding]:
    found = [one for one in columns if one.n_suspicious]
    total = sum(one.n_suspicious for one in found)
    if not found:
        return [Finding("suspicious values", 0, "none", "no value is far from all others or stands for a gap")]
    worst = sorted(found, key=lambda one: -one.n_suspicious)[:3]
    said = "; ".join(f'"{one.name}": {next(iter(one.suspicious))}' for one in worst)
    return [
        Finding("suspicious values", total, f"{total:,} in {len(found)} columns", f"{said}. The rows are listed below",
                "look")
    ]  # fmt: skip


def _levels(name: str, counts: Mapping[str, int]) -> Finding:
    shown = ", ".join(f"{level} {n:,}" for level, n in counts.items())
    if len(counts) == 1:
        return Finding(f"level of theory, {name}", 1, shown, "one level throughout")
    meaning = "values of different levels differ by shifts of their own: separate or correct them, or make it an input"
    return Finding(f"level of theory, {name}", len(counts), shown, meaning, "bad")


# --- validity --------------------------------------------------------------------------------------------------------


def validity_findings(
    table: TableRead,
    columns: Sequence[ColumnProfile],
    patterns: Sequence[MissingTogether],
    redundant: Sequence[Redundant],
) -> tuple[Finding, ...]:
    """Gaps, unreadable cells, constant and redundant columns, whether gaps follow the target."""
    gaps = [one for one in columns if one.missing > 0]
    unread = sum(one.unreadable for one in columns)
    whole = _whole_rows(table)
    worst = ", ".join(f"{one.name} {one.missing:.0%}" for one in sorted(gaps, key=lambda one: -one.missing)[:3])
    together = next((one for one in patterns if len(one.columns) > 1), None)
    said = f"most in {worst}" if gaps else "every cell is filled"
    if together:
        said += f"; {len(together.columns)} columns are empty together in {together.n_rows:,} rows"
    found = [
        Finding("complete rows", whole, f"{whole:.1%}", said, "good" if whole > 0.9 else "look"),
        Finding("unreadable cells", unread, f"{unread:,}",
                "not what the rest of the column holds" if unread else "all cells hold what their column does",
                "look" if unread else "good"),
    ]  # fmt: skip
    found += _follows(table)
    constant = [one.name for one in columns if one.distinct == 1 and one.missing < 1]
    if constant:
        found.append(Finding("constant columns", len(constant), ", ".join(constant[:5]), "tell nothing", "look"))
    same = sum(1 for one in redundant)
    found.append(
        Finding(
            "redundant pairs", same, f"{same:,}",
            "two columns that say the same share their importance between them: keep one" if same
            else "no two columns say the same", "look" if same else "good",
        )
    )  # fmt: skip
    return tuple(found)


def _whole_rows(table: TableRead) -> float:
    rows = table.labels if table.labels.any() else np.ones(len(table), dtype=bool)
    gap = np.zeros(len(table), dtype=bool)
    for one in table.fields:
        gap |= one.missing
    return float(1.0 - gap[rows].mean())


def _follows(table: TableRead) -> list[Finding]:
    """Whether rows with a gap in a column have other targets than the rest (Mann-Whitney, corrected by Holm)."""
    from scipy.stats import mannwhitneyu

    targets = [one for one in table.of("target") if one.is_number]
    if not targets:
        return []
    y = np.where(table.labels, targets[0].values, np.nan)
    known = np.isfinite(y)
    asked, p, shift = [], [], []
    for one in table.of("input") + table.of("other"):
        gap, there = known & one.missing, known & ~one.missing
        if min(gap.sum(), there.sum()) >= 10:
            found = mannwhitneyu(y[gap], y[there])
            asked.append(one.name)
            p.append(float(found.pvalue))
            shift.append(2 * float(found.statistic) / (gap.sum() * there.sum()) - 1)
    told = [(name, s) for name, q, s in zip(asked, holm(p), shift, strict=True) if q < 0.01 and abs(s) > 0.1]
    if not told:
        return []
    names = ", ".join(
        f"{name} ({'higher' if s > 0 else 'lower'} {targets[0].name} where empty)" for name, s in told[:4]
    )
    meaning = "values are not missing at random: keep a gap as a feature of its own, and ask why it is there"
    return [Finding("gaps that follow the target", len(told), names, meaning, "look")]


# --- volatility ------------------------------------------------------------------------------------------------------


def volatility_findings(table: TableRead, targets: Sequence[Field]) -> tuple[Finding, ...]:
    """Age, and whether columns change with time; without dates, whether the order of the file matters."""
    dated = np.isfinite(table.seconds)
    seconds = table.seconds[dated]
    found = []
    if len(seconds) >= 2 and seconds.max() > seconds.min():
        age = float(seconds.max() - np.median(seconds)) / 86400
        found.append(
            Finding(
                "age", age, f"half of the rows are older than {_days(age)} before the newest",
                f"dates from {_date(seconds.min())} to {_date(seconds.max())}; judge by the newest rows",
            )
        )  # fmt: skip
        place, by = table.seconds, "time"
    else:
        place, by = np.arange(len(table), dtype=float), "the order of the file"
    found += _drift(table, targets, place, by)
    return tuple(found)


def _date(seconds: float) -> str:
    return str(np.datetime64(int(seconds), "s"))[:10]


def _drift(table: TableRead, targets: Sequence[Field], place: FloatArray, by: str) -> list[Finding]:
    """Two-sample Kolmogorov-Smirnov distance of the earlier and the later half of every column (Holm)."""
    from scipy.stats import ks_2samp

    fields = [*targets, *(one for one in table.of("input") if one.is_number)]
    names, gaps, p = [], [], []
    for one in fields:
        if not one.is_number:
            continue
        allowed = table.labels if one.part == "target" else np.ones(len(table), dtype=bool)
        rows = np.flatnonzero(np.isfinite(one.values) & np.isfinite(place) & allowed)
        if len(rows) < 40:
            continue
        rows = rows[np.argsort(place[rows], kind="stable")]
        test = ks_2samp(one.values[rows[: len(rows) // 2]], one.values[rows[len(rows) // 2 :]], method="asymp")
        names.append(one.name)
        gaps.append(float(test.statistic))
        p.append(float(test.pvalue))
    if not names:
        return [Finding("drift", math.nan, "not known", "too few rows to compare earlier and later ones", "look")]
    moved = sorted(((g, n) for n, g, q in zip(names, gaps, holm(p), strict=True) if q < 0.01 and g > 0.1), reverse=True)
    if not moved:
        return [Finding("drift", 0, "none found", f"no column of numbers changes with {by}")]
    shown = ", ".join(f"{name} (distance {gap:.2f})" for gap, name in moved[:4])
    meaning = (
        "later rows are unlike earlier ones: split by time, and expect a model to age"
        if by == "time"
        else "the file is sorted, or was put together from parts: never split it in its order"
    )
    return [Finding("drift", len(moved), shown, meaning, "look")]

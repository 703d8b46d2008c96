"""Where a model errs more than elsewhere, or always in one direction, and what of it is more than luck."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.evaluate.gathered import Gathered
from matloop.evaluate.multiple import adjusted
from matloop.evaluate.resample import group_weights
from matloop.evaluate.row_sets import by_range, by_word, column_sets, table_sets
from matloop.evaluate.set_tests import compare_sets
from matloop.evaluate.slices import Slice
from matloop.evaluate.words import number, percent, unit_text
from matloop.metrics.estimate import Estimate
from matloop.train.subject import Subject

MIN_ROWS, MIN_GROUPS = 10, 5
"""Fewer rows, or fewer independent groups, inside or outside of a set cannot be compared."""
FALSE_ALARM = 0.05
WORTH = 0.1
"""A set is called only if its error differs by at least this share of the rest's, its offset by this share of the
mean error: with 30,000 rows smaller differences are real and do not matter."""
SAME = 0.6
"""Sets that share this part of their rows (Jaccard) are told as one."""
STRATA = 5
ONE_SIDED = ("measured", "class")
"""Kinds made from the true value. Any model with noise predicts the highest true values too low and the lowest too
high (regression to the mean), so no direction is tested in them."""

Scale = Literal["linear", "log", "classes"]


@dataclass(frozen=True, slots=True)
class Errors:
    """How wrong each row is, and in which direction.

    size : shape (n,), absolute error (target unit; decades on a log scale), or 1 for a wrong class and 0 for a right.
    offset : shape (n,), predicted minus measured in the same unit, or probability of the positive class minus truth;
        None where there is no direction (three classes or more).
    positive : name of the class that `offset` is about.
    """

    size: FloatArray
    offset: FloatArray | None
    scale: Scale = "linear"
    unit: str = ""
    positive: str = ""


@dataclass(frozen=True, slots=True)
class BiasFinding:
    """One set of rows against all other rows.

    error : mean size of the error inside; rest: outside; ratio: inside over outside.
    alike : the ratio against rows outside that are predicted alike (same fifth of the predictions): what is left when
        the predicted value does not explain it; NaN where it cannot be known.
    offset, offset_rest : mean signed error inside and outside; NaN where no direction was tested.
    p_size, p_offset : by permutation, family-wise over all sets and both quantities; NaN where not tested. q_size,
        q_offset: the same with the false discovery rate (Benjamini & Hochberg).
    size, direction : what is called, else empty.
    same_as : a stronger finding that has mostly the same rows, or empty.
    """

    kind: str
    name: str
    n_rows: int
    n_groups: int
    error: Estimate
    rest: float
    ratio: Estimate
    alike: float
    offset: Estimate
    offset_rest: float
    p_size: float
    p_offset: float
    q_size: float
    q_offset: float
    size: Literal["larger", "smaller", ""]
    direction: Literal["high", "low", ""]
    same_as: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BiasStudy:
    """Error by every set of rows that could be compared, called ones first, the strongest first.

    error, offset : of all rows together. too_few : names of sets with too few rows or groups to be compared.
    """

    findings: tuple[BiasFinding, ...]
    n_rows: int
    n_permutations: int
    false_alarm: float
    error: Estimate
    offset: Estimate
    scale: Scale
    unit: str
    positive: str
    too_few: tuple[str, ...]
    sentence: str
    notes: tuple[str, ...] = ()

    @property
    def called(self) -> tuple[BiasFinding, ...]:
        """Findings that are more than luck and large enough to matter."""
        return tuple(one for one in self.findings if one.size or one.direction)


def errors_of_values(
    y: ArrayLike, value: ArrayLike, *, scale: Literal["linear", "log"] = "linear", unit: str = ""
) -> Errors:
    """Errors of predicted numbers, both shape (n,); on a log scale in decades (y and value > 0).

    Raises
    ------
    DataError : lengths differ, or a value is not positive on a log scale.
    """
    truth, said = np.asarray(y, dtype=np.float64), np.asarray(value, dtype=np.float64)
    if truth.shape != said.shape:
        raise DataError(f"{len(truth)} true values, but {len(said)} predictions. Give one prediction per row.")
    if scale == "log":
        if (truth <= 0).any() or (said <= 0).any():
            raise DataError("a log scale needs values > 0; use scale='linear', or leave such rows out.")
        truth, said = np.log10(truth), np.log10(said)
    return Errors(np.abs(said - truth), said - truth, scale, unit)


def errors_of_classes(
    y: ArrayLike, value: ArrayLike, proba: ArrayLike | None = None, *, classes: Sequence[str] = (), positive: int = 1
) -> Errors:
    """Errors of predicted classes: class indices (n,), and probabilities (n, 2) where a direction is wanted.

    Raises
    ------
    DataError : lengths differ.
    """
    truth, said = np.asarray(y, dtype=np.float64), np.asarray(value, dtype=np.float64)
    chances = np.zeros((len(truth), 0)) if proba is None else np.asarray(proba, dtype=np.float64)
    if not len(truth) == len(said) == len(chances):
        raise DataError(f"{len(truth)} true classes, {len(said)} predictions, {len(chances)} rows of probabilities.")
    offset = chances[:, positive] - (truth == positive) if chances.shape[1] == 2 else None
    name = str(classes[positive]) if len(classes) > positive else f"class {positive}"
    return Errors((truth != said).astype(np.float64), offset, "classes", "", name if offset is not None else "")


def find_bias(
    errors: Errors,
    sets: Sequence[Slice],
    groups: ArrayLike | None = None,
    *,
    predicted: ArrayLike | None = None,
    false_alarm: float = FALSE_ALARM,
    seed: int = 0,
) -> BiasStudy:
    """Sets of rows on which a model errs more, less, or in one direction, corrected for how many were looked at.

    The chance that even one of all called differences is luck is `false_alarm`: p-values come from permuting whole
    groups and taking the largest statistic of all sets and quantities (step-down max-T). To be called a difference
    must also matter: a tenth of the error of the rest.

    Parameters
    ----------
    errors : see `errors_of_values`, `errors_of_classes`. Rows with an error that is not finite are left out.
    sets : see `row_sets` (`by_chemistry`, `by_word`, `by_range`), each over all rows.
    groups : shape (n,), rows that belong together (one compound at several temperatures); None: each by itself.
    predicted : shape (n,), predicted value or probability, to ask whether it explains a difference.

    Raises
    ------
    DataError : a set or the groups have another length than the errors.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y, fluoride = rng.normal(size=400), np.arange(400) < 80
    >>> said = y + rng.normal(0, np.where(fluoride, 0.4, 0.1))
    >>> found = find_bias(errors_of_values(y, said), [Slice("element", "F", fluoride)])
    >>> found.called[0].size, 3 < found.called[0].ratio.value < 5
    ('larger', True)
    """
    n = len(errors.size)
    names = np.arange(n) if groups is None else np.asarray(groups)
    _same_lengths(n, names, sets)
    known = np.isfinite(errors.size) & (True if errors.offset is None else np.isfinite(errors.offset))
    rows = np.flatnonzero(known)
    group = np.unique(names[rows], return_inverse=True)[1].reshape(-1).astype(np.int64)
    chosen, too_few = _comparable([replace(s, member=s.member[rows]) for s in sets], group)
    size = errors.size[rows]
    offset = None if errors.offset is None else errors.offset[rows]
    taken = replace(errors, size=size, offset=offset)
    member = np.stack([s.member for s in chosen], axis=1) if chosen else np.zeros((len(rows), 0), dtype=np.bool_)
    notes = [] if len(rows) == n else [f"{n - len(rows):,} rows without a prediction are left out"]
    overall = _means(taken, np.ones((len(rows), 1), dtype=np.bool_), group, seed) if len(rows) else None
    if overall is None or not chosen:
        notes.append("no set of rows is large enough to be compared with the others")
        none = Estimate(math.nan, math.nan, math.nan)
        blank = BiasStudy(
            (), len(rows), 0, false_alarm, none, none, errors.scale, errors.unit, errors.positive, too_few, "",
            tuple(notes),
        )  # fmt: skip
        return replace(blank, sentence=_sentence(blank))
    said = None if predicted is None else np.asarray(predicted, dtype=np.float64)[rows]
    findings, n_permutations = _findings(taken, chosen, member, group, said, false_alarm, seed)
    study = BiasStudy(
        findings, len(rows), n_permutations, false_alarm, overall.size[0], overall.offset[0], errors.scale, errors.unit,
        errors.positive, too_few, "", tuple(notes),
    )  # fmt: skip
    return replace(study, sentence=_sentence(study))


def study_bias(
    subject: Subject,
    gathered: Gathered,
    *,
    deadline: float,
    columns: Mapping[str, ArrayLike] | None = None,
) -> BiasStudy | None:
    """Bias of the cross-validated predictions: by chemistry, categories, inputs, values, clusters and domain.

    Parameters
    ----------
    columns : further columns of the development rows (source, space group, year), by name; each shape (n,).

    Returns
    -------
    None where the deadline has passed.
    """
    if time.monotonic() >= deadline:
        return None
    development, prediction = subject.development, gathered.cv.prediction
    y, errors = development.y, subject_errors(subject, gathered)
    two = prediction.proba.shape[1] == 2
    predicted = prediction.proba[:, development.positive] if two else prediction.value
    sets = table_sets(development.table)
    sets += column_sets(columns or {}, len(development))
    if development.classes:
        sets += by_word("class", "", np.asarray(development.classes)[y.astype(np.int64)])
    else:
        sets += by_range("measured", "", y)
    if two or not development.classes:
        sets += by_range("predicted", "", predicted)
    if gathered.loco is not None:
        sets += [Slice("cluster", f"cluster {k + 1}", gathered.loco.part == k) for k in np.unique(gathered.loco.part)]
    sets.append(Slice("domain", "outside", ~prediction.in_domain))
    return find_bias(
        errors, sets, development.groups, predicted=None if development.classes and not two else predicted,
        seed=subject.seed,
    )  # fmt: skip


def subject_errors(subject: Subject, gathered: Gathered) -> Errors:
    """Errors of the cross-validated predictions of the development rows."""
    development, prediction = subject.development, gathered.cv.prediction
    if development.classes:
        return errors_of_classes(
            development.y, prediction.value, prediction.proba, classes=development.classes,
            positive=development.positive,
        )  # fmt: skip
    value = prediction.value
    if development.scale == "log":
        value = np.where(value > 0, value, np.nan)
        known = np.where(np.isfinite(value), value, 1.0)
        errors = errors_of_values(development.y, known, scale="log")
        lost = ~np.isfinite(value)
        return replace(errors, size=np.where(lost, np.nan, errors.size))
    return errors_of_values(development.y, value, unit=development.unit)


def _same_lengths(n: int, groups: NDArray, sets: Sequence[Slice]) -> None:
    if len(groups) != n:
        raise DataError(f"{n} rows, but {len(groups)} group names. Give one group per row.")
    for one in sets:
        if len(one.member) != n:
            raise DataError(f"set {one.name!r} is about {len(one.member)} rows, the errors are {n}.")


def _comparable(sets: Sequence[Slice], group: IntArray) -> tuple[list[Slice], tuple[str, ...]]:
    chosen, too_few, seen = [], [], set()
    for one in sets:
        n, inside = int(one.member.sum()), one.member
        if n == 0 or n == len(inside):
            continue
        few = min(n, len(inside) - n) < MIN_ROWS
        if few or min(len(np.unique(group[inside])), len(np.unique(group[~inside]))) < MIN_GROUPS:
            too_few.append(noun(one.kind, one.name))
            continue
        mark = inside.tobytes()
        if mark not in seen:  # two names of the same rows are one comparison
            seen.add(mark)
            chosen.append(one)
    return chosen, tuple(too_few)


@dataclass(frozen=True, slots=True)
class _Means:
    """Mean of sizes and offsets inside each set, and inside over outside, each with its interval."""

    size: list[Estimate]
    rest: FloatArray
    ratio: list[Estimate]
    offset: list[Estimate]
    offset_rest: FloatArray


def _means(errors: Errors, member: BoolArray, group: IntArray, seed: int) -> _Means:
    """Bootstrap by group of everything about the sets (n_rows, n_sets) at once."""
    offset = np.full(len(errors.size), np.nan) if errors.offset is None else errors.offset
    n_groups, inside = int(group.max()) + 1, member.astype(np.float64)
    count, size, shift = (_by_group(inside * part[:, None], group, n_groups) for part in (np.ones(len(group)),
        errors.size, offset))  # fmt: skip
    everyone = [_by_group(part[:, None], group, n_groups) for part in (np.ones(len(group)), errors.size, offset)]
    weights = np.vstack([np.ones(n_groups, dtype=np.float32), group_weights(n_groups, seed)])
    n, s, o = ((weights @ part.astype(np.float32)).astype(np.float64) for part in (count, size, shift))
    n_all, s_all, o_all = ((weights @ part.astype(np.float32)).astype(np.float64) for part in everyone)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean, rest = s / n, (s_all - s) / (n_all - n)
        ratio = np.where(rest > 0, mean / rest, np.nan)
        offsets, offset_rest = o / n, (o_all - o) / (n_all - n)
    return _Means(*(_estimates(mean), rest[0]), _estimates(ratio), _estimates(offsets), offset_rest[0])


def _by_group(columns: FloatArray, group: IntArray, n_groups: int) -> FloatArray:
    return np.stack([np.bincount(group, weights=column, minlength=n_groups) for column in columns.T], axis=1)


def _estimates(drawn: FloatArray) -> list[Estimate]:
    """The first row is the value, the others are resamples."""
    found = []
    for column in drawn.T:
        known = column[1:][np.isfinite(column[1:])]
        enough = len(known) >= (len(column) - 1) / 2 and np.isfinite(column[0])
        low, high = np.quantile(known, [0.025, 0.975]) if enough else (math.nan, math.nan)
        found.append(Estimate(float(column[0]), float(low), float(high)))
    return found


def _findings(
    errors: Errors,
    sets: Sequence[Slice],
    member: BoolArray,
    group: IntArray,
    predicted: FloatArray | None,
    false_alarm: float,
    seed: int,
) -> tuple[tuple[BiasFinding, ...], int]:
    means = _means(errors, member, group, seed)
    directed = np.array([one.kind not in ONE_SIDED for one in sets])
    p_size, p_offset, q_size, q_offset, drawn = _tested(errors, member, directed, group, seed)
    worth = WORTH * float(errors.size.mean())
    alike = _alike(errors.size, member, predicted)
    found = []
    for k, one in enumerate(sets):
        ratio, gap = means.ratio[k].value, means.offset[k].value - means.offset_rest[k]
        large = p_size[k] <= false_alarm and abs(math.log(max(ratio, 1e-9))) >= math.log1p(WORTH)
        shifted = p_offset[k] <= false_alarm and abs(gap) >= worth
        offset = means.offset[k] if directed[k] else Estimate(math.nan, math.nan, math.nan)
        finding = BiasFinding(
            one.kind, one.name, int(member[:, k].sum()), len(np.unique(group[member[:, k]])), means.size[k],
            float(means.rest[k]), means.ratio[k], float(alike[k]), offset,
            float(means.offset_rest[k]) if directed[k] else math.nan,
            float(p_size[k]), float(p_offset[k]), float(q_size[k]), float(q_offset[k]),
            ("larger" if ratio > 1 else "smaller") if large else "", ("high" if gap > 0 else "low") if shifted else "",
            "", (),
        )  # fmt: skip
        found.append((finding, one.member))
    ordered = sorted(found, key=lambda pair: _strength(pair[0], worth), reverse=True)
    return tuple(replace(one, words=_words(one, errors)) for one in _told_once(ordered)), drawn


def _tested(
    errors: Errors, member: BoolArray, directed: BoolArray, group: IntArray, seed: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, int]:
    """P-values of size and direction, family-wise and by false discovery rate, and how many permutations."""
    n_sets = member.shape[1]
    nothing = np.full(n_sets, np.nan)
    if errors.offset is None:
        tests = compare_sets(errors.size[:, None], member, group, seed)
        return tests.p_adjusted[0], nothing, adjusted(tests.p[0], "fdr"), nothing, tests.n_permutations
    tests = compare_sets(np.column_stack([errors.size, errors.offset]), member, group, seed)
    asked = np.stack([np.ones(n_sets, dtype=np.bool_), directed])
    q = adjusted(np.where(asked, tests.p, np.nan).ravel(), "fdr").reshape(2, n_sets)
    together = np.where(asked, tests.p_adjusted, np.nan)
    return together[0], together[1], q[0], q[1], tests.n_permutations


def _alike(size: FloatArray, member: BoolArray, predicted: FloatArray | None) -> FloatArray:
    """Mean error of each set over what rows outside with the same predicted values have (direct standardisation)."""
    if predicted is None or not np.isfinite(predicted).all():
        return np.full(member.shape[1], np.nan)
    ends = np.unique(np.quantile(predicted, np.linspace(0, 1, STRATA + 1)))
    place = np.clip(np.searchsorted(ends, predicted, side="right") - 1, 0, max(len(ends) - 2, 0))
    strata = np.eye(int(place.max()) + 1)[place]
    count, total = strata.T @ member, strata.T @ (member * size[:, None])
    with np.errstate(invalid="ignore", divide="ignore"):
        outside = (strata.T @ size[:, None] - total) / (strata.sum(axis=0)[:, None] - count)
        expected = np.where(count > 0, count * outside, 0.0).sum(axis=0)
        found = total.sum(axis=0) / expected
    return np.asarray(np.where(np.isfinite(found), found, np.nan))


def _strength(one: BiasFinding, worth: float) -> tuple[bool, float]:
    called = bool(one.size or one.direction)
    larger = abs(math.log(max(one.ratio.value, 1e-9))) / math.log1p(WORTH) if one.size or not called else 0.0
    shifted = abs(one.offset.value - one.offset_rest) / max(worth, 1e-300) if one.direction else 0.0
    return called, max(larger if math.isfinite(larger) else 0.0, shifted) * math.sqrt(one.n_rows)


def _told_once(ordered: Sequence[tuple[BiasFinding, BoolArray]]) -> list[BiasFinding]:
    """Called findings that hold mostly the rows of a stronger one with the same call say so."""
    told: list[BiasFinding] = []
    first: list[tuple[BiasFinding, BoolArray]] = []
    for one, member in ordered:
        same = ""
        if one.size or one.direction:
            same = next((noun(b.kind, b.name) for b, m in first if _same_call(one, b) and _jaccard(member, m) >= SAME),
                        "")  # fmt: skip
            if not same:
                first.append((one, member))
        told.append(replace(one, same_as=same))
    return told


def _same_call(one: BiasFinding, other: BiasFinding) -> bool:
    return (one.size, one.direction) == (other.size, other.direction)


def _jaccard(one: BoolArray, other: BoolArray) -> float:
    return float((one & other).sum() / max((one | other).sum(), 1))


def noun(kind: str, name: str) -> str:
    """What the rows of a set are called in a sentence."""
    if kind == "element":
        return f"compounds with {name}"
    if kind in ("block", "elements"):
        return f"compounds {'of ' if kind == 'elements' else ''}{name}"
    if kind == "family":
        many = {"element": "pure elements", "metals only": "metals only", "mixed anions": "mixed-anion compounds",
                "organic": "organic compounds", "other": "compounds of no named family",
                "carbide, boride or silicide": "carbides, borides and silicides"}  # fmt: skip
        return many.get(name, f"{name}s")
    if kind == "class":
        return f"rows that are {name}"
    if kind == "domain":
        return "rows unlike the training rows"
    return f"{kind} {name}" if kind in ("measured", "predicted") else name


def _words(one: BiasFinding, errors: Errors) -> tuple[str, ...]:
    said, rows = [], f"{one.n_rows:,} rows"
    if one.size:
        what = "wrong" if errors.scale == "classes" else "error"
        text = f"{what} {number(one.ratio.value, 2)} times the rest" if one.ratio.value > 0 else f"no {what} at all"
        if errors.scale == "classes" and one.ratio.value > 0:
            text = f"wrong {number(one.ratio.value, 2)} times as often as the rest"
        said.append(f"{text} (adjusted p {_p(one.p_size)}, {rows}){_explained(one)}")
    if one.direction:
        said.append(f"{_shift(one, errors)} (adjusted p {_p(one.p_offset)}, {rows})")
    if not said:
        return ()
    return tuple(f"{noun(one.kind, one.name)}: {text}" for text in said)


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def _explained(one: BiasFinding) -> str:
    if one.kind in ("predicted", "measured") or not math.isfinite(one.alike) or one.ratio.value <= 0:
        return ""
    left = math.log(max(one.alike, 1e-9)) / math.log(one.ratio.value)
    return f"; {number(one.alike, 2)} times rows that are predicted alike" if left < 0.5 else ""


def _shift(one: BiasFinding, errors: Errors) -> str:
    """The offset inside and outside, in words: what is called is their difference."""
    inside, outside = (_offset_words(value, errors) for value in (one.offset.value, one.offset_rest))
    if errors.scale == "classes":
        return f"the chance of {errors.positive} is {inside}, elsewhere {outside}"
    return f"predicted {inside}, elsewhere {outside}"


def _offset_words(value: float, errors: Errors) -> str:
    way = "high" if value > 0 else "low"
    if errors.scale == "classes":
        return f"{number(100 * abs(value), 2)} points of percent too {way}"
    if errors.scale == "log":
        return f"too {way} by a factor of {number(10.0 ** abs(value), 3)}"
    text, unit = number(abs(value), 2), unit_text(errors.unit)
    return f"{text} {unit} too {way}" if unit else f"too {way} by {text}"


def _sentence(study: BiasStudy) -> str:
    if not study.findings:
        return "Whether the model errs more on some rows than on others cannot be told: there are too few rows."
    called = [one for one in study.called if not one.same_as]
    tested = f"{len(study.findings):,} sets of rows were compared"
    if not called:
        return (
            f"No bias was found: {tested}, and none differs from the rest by more than luck "
            f"(family-wise {percent(study.false_alarm)})."
        )
    worst = next((one for one in called if one.size == "larger"), called[0])
    more = f"; {len(called) - 1} more differ" if len(called) > 1 else ""
    first = worst.words[0]
    return f"{first[:1].upper()}{first[1:]}{more}. {tested[:1].upper()}{tested[1:]}, corrected for their number."

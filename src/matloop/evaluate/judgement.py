"""An existing model judged on labelled rows that it has not seen, whatever the model is: its predictions are enough."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray, IntArray, TextArray
from matloop.core.errors import DataError
from matloop.doubt.prediction import Prediction
from matloop.evaluate.baselines import Guess
from matloop.evaluate.evidence import Rows, Terms, constant_half_width, evidence, reliability_of_classes
from matloop.evaluate.failures import error_of, worst
from matloop.evaluate.resample import difference, share
from matloop.evaluate.slices import slice_errors
from matloop.evaluate.values import Evidence, Failure, Reliability, SliceError
from matloop.evaluate.verdict import Answer, answer_of, never_answer, together
from matloop.evaluate.words import between, number, percent, unit_of, with_unit
from matloop.metrics.estimate import Estimate
from matloop.metrics.scores import metric as metric_of
from matloop.metrics.uncertainty import (
    ence,
    error_rank_correlation,
    gaussian_crps,
    gaussian_nll,
    miscalibration_area,
    widest_share_ratio,
)
from matloop.problem.question import Success
from matloop.represent.table import FeatureTable

FEWEST = 5
FEW_GROUPS = 10
MOSTLY_OUTSIDE = 0.5
OFF_BY = 0.03


@dataclass(frozen=True, slots=True)
class Judged:
    """What new rows say about a model of one target.

    subject : what was judged, in words. metric : that the answer is about.
    new : scores, intervals and points on the new rows. constant : scores of the best constant for these very rows, a
        harder mark than the constant that training rows would have given. gain : how much better the model is than it.
    measures : how good the stated doubt is, (name, value): `nll`, `crps`, `ence`, `miscalibration_area`,
        `error_rank_correlation`, `widest_fifth_ratio`; empty where no standard deviation is stated.
    answer, sentence, reasons, warnings : the verdict, reason first.
    not_judged : rows without a label or a prediction, counted by reason.
    """

    subject: str
    target: str
    task: str
    unit: str
    classes: tuple[str, ...]
    metric: str
    new: Evidence
    constant: dict[str, Estimate]
    gain: Estimate
    measures: tuple[tuple[str, float], ...]
    reliability: tuple[Reliability, ...]
    slices: tuple[SliceError, ...]
    failures: tuple[Failure, ...]
    answer: Answer
    sentence: str
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    not_judged: tuple[tuple[str, int], ...]

    @property
    def trusted(self) -> bool:
        """Whether nothing grave speaks against the model."""
        return not self.warnings


def judge_rows(
    y: FloatArray,
    prediction: Prediction,
    terms: Terms,
    *,
    subject: str,
    target: str,
    ids: TextArray,
    shown: Sequence[str],
    groups: TextArray | None = None,
    table: FeatureTable | None = None,
    success: Success | None = None,
    domain_known: bool = True,
    promised: Estimate | None = None,
) -> Judged:
    """Judge predictions of labelled rows that the model has not seen.

    Parameters
    ----------
    y : shape (n_rows,), target unit or class index; NaN: no label. prediction : of the same rows, NaN: none.
    ids, shown, groups : shape (n_rows,), names of rows, what a reader knows them by, and which belong together.
    table : features, for errors by element and category. success : the goal, if there is one.
    domain_known : whether `prediction.in_domain` says anything.
    promised : the metric on the sealed rows of its own run.

    Raises
    ------
    DataError : lengths differ, or no row has both a label and a prediction.
    """
    lengths = {"labels": len(y), "predictions": len(prediction), "ids": len(ids), "shown": len(shown)}
    if len(set(lengths.values())) > 1:
        raise DataError(f"lengths differ: {', '.join(f'{n} {name}' for name, n in lengths.items())}. One per row each.")
    rows, left_out = _usable(y, prediction)
    part, texts = prediction.take(rows), np.asarray(list(shown), dtype=np.str_)[rows]
    group = ids if groups is None else groups
    known = Rows(np.asarray(ids, dtype=np.str_)[rows], y[rows], np.asarray(group, dtype=np.str_)[rows])
    features = table.take(rows) if table is not None else FeatureTable(np.zeros((len(rows), 0)), (), (), {}, {})
    half = math.nan if terms.classes else constant_half_width(_off_centre(known.y), part.level)
    how = "labelled rows given to be judged on; the constant interval is the narrowest that holds the level on them"
    flat = np.full(len(rows), half)
    new = evidence("new", known, part, terms, constant=flat, how=how)
    guess, gain = _constant(known, part, terms)
    case = _Case(known, part, new, guess, gain, terms, success, domain_known, promised)
    answer, sentence = _answer(case)
    return Judged(
        subject=subject, target=target, task=terms.task, unit=part.unit, classes=terms.classes, metric=terms.metric,
        new=new, constant=guess, gain=gain, measures=_measures(known.y, part),
        reliability=reliability_of_classes(known.y, part.proba) if part.proba.shape[1] else (),
        slices=_slices(case, features),
        failures=_failures(known, part, texts), answer=answer, sentence=sentence, reasons=tuple(_reasons(case)),
        warnings=tuple(_warnings(case)), not_judged=left_out,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Case:
    rows: Rows
    prediction: Prediction
    new: Evidence
    constant: dict[str, Estimate]
    gain: Estimate
    terms: Terms
    success: Success | None
    domain_known: bool
    promised: Estimate | None

    @property
    def estimate(self) -> Estimate:
        return self.new.scores[self.terms.metric]

    @property
    def unit(self) -> str:
        return unit_of(metric_of(self.terms.metric), self.prediction.unit)

    @property
    def n_groups(self) -> int:
        return len(np.unique(self.rows.groups))


def _usable(y: FloatArray, prediction: Prediction) -> tuple[IntArray, tuple[tuple[str, int], ...]]:
    labelled, predicted = np.isfinite(y), np.isfinite(prediction.value)
    counts = (
        ("no usable label", int((~labelled).sum())),
        ("a label, but no prediction", int((labelled & ~predicted).sum())),
    )
    rows = np.flatnonzero(labelled & predicted)
    if len(rows) < FEWEST:
        why = "; ".join(f"{n} with {said}" for said, n in counts if n)
        raise DataError(
            f"{len(rows)} of {len(y)} rows have both a label and a prediction ({why or 'none left out'}); at least "
            f"{FEWEST} are needed to judge a model."
        )
    return rows, tuple((said, n) for said, n in counts if n)


def _off_centre(y: FloatArray) -> FloatArray:
    return np.asarray(y - np.median(y))


def _constant(rows: Rows, prediction: Prediction, terms: Terms) -> tuple[dict[str, Estimate], Estimate]:
    """Scores of the best constant for these rows, and what the model gains over it, paired."""
    n = len(rows.y)
    if terms.classes:
        shares = np.bincount(rows.y.astype(np.int64), minlength=len(terms.classes)) / n
        guess = Guess(np.full(n, float(shares.argmax())), np.tile(shares, (n, 1)))
        guess = guess if prediction.proba.shape[1] else Guess(guess.value, np.zeros((n, 0)))
    else:
        guess = Guess(np.full(n, float(np.median(rows.y))), np.zeros((n, 0)))
    own = Guess(prediction.value, prediction.proba)
    gain = difference(
        metric_of(terms.metric), terms.scored(rows.y, own), terms.scored(rows.y, guess), rows.groups, terms.seed
    )
    return dict(terms.scores(rows.y, guess, rows.groups, brief=True)), gain


def _slices(case: _Case, table: FeatureTable) -> tuple[SliceError, ...]:
    y, value, inside = case.rows.y, case.prediction.value, case.prediction.in_domain
    error = (y != value).astype(np.float64) if case.terms.classes else np.abs(y - value)
    found = slice_errors(
        table, y, error, case.rows.groups, named=case.rows.groups, classes=case.terms.classes, in_domain=inside,
        seed=case.terms.seed,
    )  # fmt: skip
    return found if case.domain_known else tuple(one for one in found if one.kind != "domain")


def _measures(y: FloatArray, prediction: Prediction) -> tuple[tuple[str, float], ...]:
    usable = np.isfinite(prediction.std) & (prediction.std > 0)
    if prediction.classes or usable.sum() < FEWEST or np.ptp(prediction.std[usable]) <= 0:
        return ()
    residual, std = (y - prediction.value)[usable], prediction.std[usable]
    found = {
        "nll": gaussian_nll(residual, std), "crps": gaussian_crps(residual, std), "ence": ence(residual, std),
        "miscalibration_area": miscalibration_area(residual, std),
        "error_rank_correlation": error_rank_correlation(residual, std),
        "widest_fifth_ratio": widest_share_ratio(residual, std),
    }  # fmt: skip
    return tuple(found.items())


def _failures(rows: Rows, prediction: Prediction, shown: TextArray) -> tuple[Failure, ...]:
    """The worst predictions; there are no training rows to set beside them."""
    if prediction.classes and not prediction.proba.shape[1]:
        wrong = np.flatnonzero(prediction.value != rows.y)[:12]
        error = np.ones(len(rows.y))
    else:
        wrong, error = worst(rows.y, prediction), error_of(rows.y, prediction)
    return tuple(
        Failure(
            str(rows.ids[row]), str(shown[row]), float(rows.y[row]), float(prediction.value[row]),
            float(prediction.low[row]), float(prediction.high[row]), float(error[row]),
            bool(prediction.in_domain[row]), (),
        )
        for row in wrong
    )  # fmt: skip


def _answer(case: _Case) -> tuple[Answer, str]:
    estimate, metric = case.estimate, metric_of(case.terms.metric)
    told = f"The {_lowered(metric.label)} on {case.new.n_rows:,} new rows is {with_unit(estimate.value, case.unit)}"
    told += f" ({between(estimate)})" if between(estimate) else ""
    goal = case.success
    if goal is None or (goal.at_most is None and goal.at_least is None and goal.never is None):
        return "no goal", f"{told}. No goal was set."
    parts: list[Answer] = []
    if goal.at_most is not None or goal.at_least is not None:
        parts.append(answer_of(estimate, goal) if case.n_groups >= FEW_GROUPS else "cannot be judged")
        limits = [f"at most {number(goal.at_most)}"] if goal.at_most is not None else []
        limits += [f"at least {number(goal.at_least)}"] if goal.at_least is not None else []
        told += f"; {' and '.join(limits)} {case.unit}".rstrip() + " was asked for"
    if goal.never is not None and not case.terms.classes:
        off = np.abs(case.rows.y - case.prediction.value) > goal.never.abs_error_above
        found = share(off.astype(np.float64), case.rows.groups)
        parts.append(never_answer(found, goal.never))
        told += (
            f"; {percent(found.value)} of the errors are above {number(goal.never.abs_error_above)}, "
            f"{percent(goal.never.share_above)} are allowed"
        )
    answer = together(parts)
    ends = {"met": "The goal is met.", "not met": "The goal is not met.", "cannot be judged": "That cannot be judged."}
    return answer, f"{told}. {ends[answer]}"


def _lowered(label: str) -> str:
    return label if label[:2].isupper() or not label[1:2].islower() else label[0].lower() + label[1:]


def _warnings(case: _Case) -> Iterator[str]:
    """What speaks against trusting the model, the gravest first."""
    better = case.gain.low > 0 if math.isfinite(case.gain.low) else case.gain.value > 0
    constant = case.constant[case.terms.metric]
    if not better:
        told = "worse than" if case.gain.high < 0 else "not shown to be better than"
        yield (
            f"On these rows the model is {told} always giving one and the same answer "
            f"({with_unit(case.estimate.value, case.unit)} against {with_unit(constant.value, case.unit)})."
        )
    if _too_good(case):
        yield (
            f"These rows come out better ({with_unit(case.estimate.value, case.unit)}) than the sealed rows of the "
            "model's own run: it may have learnt from them. Give rows that it cannot have seen."
        )
    if case.domain_known and case.new.in_domain_share < 1.0 - MOSTLY_OUTSIDE:
        yield (
            f"{percent(1.0 - case.new.in_domain_share)} of these rows are unlike the training rows: they test another "
            "question than the model was made for."
        )
    intervals = case.new.intervals
    if intervals is not None:
        found = intervals.coverage
        high = found.high if math.isfinite(found.high) else found.value + 0.07
        if high < intervals.level - OFF_BY:
            yield (
                f"The {percent(intervals.level)} intervals are too narrow: they hold {percent(found.value)} of these "
                f"rows{f' ({_shares(found)})' if between(found) else ''}."
            )


def _too_good(case: _Case) -> bool:
    """Whether the whole interval is on the better side of that of the sealed rows."""
    if case.promised is None:
        return False
    if metric_of(case.terms.metric).greater_is_better:
        return bool(case.estimate.low > case.promised.high)
    return bool(case.estimate.high < case.promised.low)


def _shares(found: Estimate) -> str:
    return f"95 % interval {percent(found.low)} to {percent(found.high)}"


def _reasons(case: _Case) -> Iterator[str]:
    constant = case.constant[case.terms.metric]
    change = f" ({between(case.gain)} for the gain)" if between(case.gain) else ""
    yield (
        f"The best constant for these very rows would have {with_unit(constant.value, case.unit)}; the model has "
        f"{with_unit(case.estimate.value, case.unit)}{change}."
    )
    if case.promised is not None:
        told = f" ({between(case.promised)})" if between(case.promised) else ""
        yield f"On the sealed rows of its own run it was {with_unit(case.promised.value, case.unit)}{told}."
    intervals = case.new.intervals
    if intervals is not None:
        yield (
            f"The {percent(intervals.level)} intervals hold {percent(intervals.coverage.value)} of these rows; the "
            f"widest third {percent(intervals.thirds[2])}, the narrowest {percent(intervals.thirds[0])}."
        )
    inside = case.prediction.in_domain
    if case.domain_known and not case.terms.classes and 0 < inside.sum() < len(inside):
        off = np.abs(case.rows.y - case.prediction.value)
        yield (
            f"{percent(1.0 - inside.mean())} of the rows are flagged as unlike the training rows: mean absolute error "
            f"{with_unit(float(off[~inside].mean()), case.prediction.unit)} there, "
            f"{with_unit(float(off[inside].mean()), case.prediction.unit)} on the others."
        )
    if case.n_groups < FEW_GROUPS:
        yield f"Only {case.n_groups} independent rows or groups: nothing here is certain."

"""The sealed rows are opened: how good the model is, where it errs, and whether the question is answered."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from matloop.core.arrays import FloatArray, IntArray, TextArray
from matloop.core.errors import DataError
from matloop.data.dataset import Labels
from matloop.doubt.prediction import Prediction
from matloop.evaluate.baselines import Guess, guess_table, methods
from matloop.evaluate.evidence import (
    Rows,
    Terms,
    constant_half_width,
    evidence,
    no_evidence,
    reliability_of_classes,
    reliability_of_intervals,
    terms_of,
)
from matloop.evaluate.failures import failures
from matloop.evaluate.gathered import BaselineGuess, Gathered, HeldOut
from matloop.evaluate.resample import difference, share
from matloop.evaluate.slices import slice_errors
from matloop.evaluate.values import Baseline, Evaluation, Evidence, Reliability, SliceError
from matloop.evaluate.verdict import Case, Gain, verdict
from matloop.metrics.estimate import Estimate
from matloop.metrics.scores import metric as metric_of
from matloop.problem.question import Target
from matloop.represent.table import FeatureTable
from matloop.train.values import Development, Trained


def evaluate(
    *,
    model_prediction: Prediction,
    labels: Labels,
    sealed_table: FeatureTable,
    sealed_ids: TextArray,
    sealed_groups: TextArray,
    development: Development,
    gathered: Gathered,
    trained: Trained,
    target: Target,
    shown: Sequence[str],
    looks: int,
    seed: int,
    development_ids: TextArray | None = None,
    development_shown: Sequence[str] | None = None,
) -> Evaluation:
    """Score the sealed rows and put all evidence together.

    Parameters
    ----------
    model_prediction, labels, sealed_table, sealed_ids, sealed_groups, shown : the sealed rows, in one order; `shown`
        is what a reader recognises a row by (its formula, or its inputs).
    gathered : evidence on the development rows. looks : distinct looks at the sealed rows, this one included.
    development_ids, development_shown : the same for the development rows; row numbers where they are not given.

    Raises
    ------
    DataError : the sealed parts differ in length, or no sealed row can be scored.
    """
    terms = terms_of(target, development, trained.metric, seed)
    sealed, notes = _sealed(model_prediction, labels, sealed_table, sealed_ids, sealed_groups, target)
    prediction, table = model_prediction.take(sealed), sealed_table.take(sealed)
    rows = Rows(sealed_ids[sealed], labels.values[sealed], sealed_groups[sealed])
    ids = _numbered(development) if development_ids is None else np.asarray(development_ids, dtype=np.str_)
    known = Rows(ids, development.y, development.groups)
    oof = trained.out_of_fold
    half = constant_half_width(development.y - oof.value, prediction.level) if not terms.classes else math.nan
    vault = evidence(
        "vault", rows, prediction, terms, constant=np.full(len(rows.y), half),
        how="rows sealed before anything was chosen; intervals of scores by resampling whole groups",
    )  # fmt: skip
    cv = _held_out("cv", known, gathered.cv, terms)
    why = next((text for text in gathered.left_out if text.startswith("leave-one-cluster-out")), "left out")
    loco = (
        no_evidence("loco", why, len(terms.classes))
        if gathered.loco is None
        else _held_out("loco", known, gathered.loco, terms)
    )
    baselines, gains = _baselines(gathered, development, rows, prediction, table, known, terms)
    case = Case(
        terms=terms, unit=development.unit, success=target.success, vault=vault, cv=cv, loco=loco,
        groups=len(np.unique(rows.groups)), gains=gains, large_errors=_large_errors(target, rows, prediction),
        looks=looks, curve=gathered.learning_curve, curve_metric=gathered.metric, seed_scores=gathered.seed_scores,
        left_out=(*gathered.left_out, *_out_of_time(trained)), skipped=_skipped(trained),
        unscored=len(model_prediction) - len(sealed), noise=_noise(labels.errors[sealed]),
    )  # fmt: skip
    texts = np.asarray(list(shown), dtype=np.str_)[sealed]
    training_shown = ids if development_shown is None else np.asarray(list(development_shown), dtype=np.str_)
    slices, how = _slices(rows, prediction, table, known, gathered.cv, development, terms)
    return Evaluation(
        target=target.name, task=target.task, unit=development.unit, classes=terms.classes, metric=terms.metric,
        vault=vault, cv=cv, loco=loco, baselines=baselines, slices=slices,
        failures=failures(
            rows, texts, table, prediction, development, training_ids=ids, training_shown=training_shown
        ),
        learning_curve=gathered.learning_curve, seed_scores=gathered.seed_scores, verdict=verdict(case),
        notes=(*notes, how, *gathered.notes),
        reliability=_reliability(rows, prediction, gathered.cv, development),
    )  # fmt: skip


def _sealed(
    prediction: Prediction, labels: Labels, table: FeatureTable, ids: TextArray, groups: TextArray, target: Target
) -> tuple[IntArray, list[str]]:
    """Positions of the rows that can be scored, and what is said about the others."""
    lengths = {len(prediction), len(labels.values), len(table), len(ids), len(groups)}
    if len(lengths) != 1:
        raise DataError(f"the parts of the sealed rows have different lengths: {sorted(lengths)}.")
    labelled, predicted = np.isfinite(labels.values), np.isfinite(prediction.value)
    exact = (labels.censored == 0) | (target.censored == "at_bound")
    notes = [
        f"{int(count):,} sealed rows are not scored: {why}"
        for count, why in (
            ((~labelled).sum(), "they have no label"),
            ((labelled & ~exact).sum(), "only a bound of the value is known"),
            ((labelled & exact & ~predicted).sum(), "they could not be predicted"),
        )
        if count
    ]
    rows = np.flatnonzero(labelled & predicted & exact)
    if not len(rows):
        raise DataError(
            f"target {target.name!r}: no sealed row has both a label and a prediction, nothing can be scored."
        )
    return rows, notes


def _numbered(development: Development) -> TextArray:
    return np.arange(len(development)).astype(np.str_)


def _held_out(name: str, known: Rows, held: HeldOut, terms: Terms) -> Evidence:
    rows = np.flatnonzero(np.isfinite(held.prediction.value))
    return evidence(
        name, known.take(rows), held.prediction.take(rows), terms, constant=held.constant[rows], how=held.how
    )  # fmt: skip


def _baselines(
    gathered: Gathered,
    development: Development,
    rows: Rows,
    prediction: Prediction,
    table: FeatureTable,
    known: Rows,
    terms: Terms,
) -> tuple[tuple[Baseline, ...], tuple[Gain, ...]]:
    """Each baseline's scores on all three sets of rows, and what the model gains over it, paired."""
    found, gains = [], []
    gathered_ones = {one.name: one for one in gathered.baselines}
    for method in methods(development):
        on_vault = guess_table(method, development, table)
        one = gathered_ones.get(method.name, BaselineGuess(method.name, method.how, None, None))
        found.append(
            Baseline(
                method.name, method.how, vault=terms.scores(rows.y, on_vault, rows.groups, brief=True),
                cv=_guessed(one.cv, known, terms), loco=_guessed(one.loco, known, terms),
            )
        )  # fmt: skip
        own = Guess(prediction.value, prediction.proba)
        gains.append(Gain(method.name, "vault", *_gain(rows, own, on_vault, terms)))
        if one.cv is not None:
            mine = Guess(gathered.cv.prediction.value, gathered.cv.prediction.proba)
            gains.append(Gain(method.name, "cv", *_gain(known, mine, one.cv, terms)))
        if gathered.loco is not None and one.loco is not None:
            mine = Guess(gathered.loco.prediction.value, gathered.loco.prediction.proba)
            gains.append(Gain(method.name, "loco", *_gain(known, mine, one.loco, terms)))
    return tuple(found), tuple(gains)


def _guessed(guess: Guess | None, known: Rows, terms: Terms) -> dict[str, Estimate]:
    if guess is None:
        return {}
    rows = np.flatnonzero(np.isfinite(guess.value))
    return terms.scores(known.y[rows], guess.take(rows), known.groups[rows], brief=True)


def _gain(rows: Rows, own: Guess, other: Guess, terms: Terms) -> tuple[float, Estimate]:
    """The baseline's metric, and how much better the model is on the rows that both predict."""
    both = np.flatnonzero(np.isfinite(own.value) & np.isfinite(other.value))
    if not len(both):
        return math.nan, Estimate(math.nan, math.nan, math.nan)
    y, mine, theirs = rows.y[both], own.take(both), other.take(both)
    gain = difference(
        metric_of(terms.metric), terms.scored(y, mine), terms.scored(y, theirs), rows.groups[both], terms.seed
    )
    return terms.point(y, theirs), gain


def _large_errors(target: Target, rows: Rows, prediction: Prediction) -> Estimate | None:
    never = target.success.never if target.success is not None else None
    if never is None:
        return None
    off = np.abs(rows.y - prediction.value) > never.abs_error_above
    return share(off.astype(np.float64), rows.groups)


def _out_of_time(trained: Trained) -> tuple[str, ...]:
    late = sum(candidate.status == "out of time" for candidate in trained.candidates)
    return (f"{late} of {len(trained.candidates)} candidate models: the time ran out",) if late else ()


def _skipped(trained: Trained) -> tuple[str, ...]:
    """Families that were not tried, with the reason, each once."""
    found = {
        ", ".join(member.family for member in candidate.recipe.members): candidate.reason
        for candidate in trained.candidates
        if candidate.status == "skipped"
    }
    return tuple(f"{family} ({why})" if why else family for family, why in found.items())


def _noise(errors: FloatArray) -> float:
    known = errors[np.isfinite(errors) & (errors > 0)]
    return float(np.median(known)) if len(known) >= 10 else math.nan


def _slices(
    rows: Rows,
    prediction: Prediction,
    table: FeatureTable,
    known: Rows,
    held: HeldOut,
    development: Development,
    terms: Terms,
) -> tuple[tuple[SliceError, ...], str]:
    """Errors by slice over sealed and out-of-fold rows together: all were predicted unseen, rare slices need rows."""
    at = np.flatnonzero(np.isfinite(held.prediction.value))
    own = held.prediction.value[at]
    y, value = np.concatenate([rows.y, known.y[at]]), np.concatenate([prediction.value, own])
    error = (y != value).astype(np.float64) if terms.classes else np.abs(y - value)
    both = FeatureTable(
        np.vstack([table.X, development.table.X[at]]), table.names, table.origins, table.vocabularies, {}
    )  # fmt: skip
    groups = np.concatenate(
        [rows.groups.astype(np.str_), np.char.add("development ", known.groups[at].astype(np.str_))]
    )
    named = np.concatenate([rows.groups.astype(np.str_), np.full(len(at), "", dtype=np.str_)])
    inside = np.concatenate([prediction.in_domain, held.prediction.in_domain[at]])
    found = slice_errors(
        both, y, error, groups, named=named, classes=terms.classes, in_domain=inside, seed=terms.seed
    )  # fmt: skip
    what = "share put in the wrong class" if terms.classes else "mean absolute error"
    return found, (
        f"errors by element, range, class and the like: {what} over {len(rows.y):,} sealed and {len(at):,} out-of-fold "
        "rows together"
    )


def _reliability(
    rows: Rows, prediction: Prediction, held: HeldOut, development: Development
) -> tuple[Reliability, ...]:
    if prediction.classes:
        return reliability_of_classes(rows.y, prediction.proba)
    at = np.flatnonzero(np.isfinite(held.prediction.low))
    ours = np.flatnonzero(np.isfinite(prediction.low))
    if not len(at) or not len(ours):
        return ()
    known = (development.y[at], held.prediction.take(at))
    return (reliability_of_intervals(known, (rows.y[ours], prediction.take(ours))),)

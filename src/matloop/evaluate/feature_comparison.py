"""Which representation is best: the same models on the same folds, paired tests, cost per row, and length scales."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import DataError, MatloopError
from matloop.core.progress import SILENT, Progress
from matloop.evaluate.feature_values import ALPHA, ArmScore, CutoffCurve, FeatureComparison, ModelScore
from matloop.evaluate.multiple import adjusted
from matloop.evaluate.power import compare_models
from matloop.evaluate.words import number, unit_text
from matloop.metrics.estimate import Estimate
from matloop.models import FAMILIES
from matloop.models.family import Spec
from matloop.represent.table import FeatureTable
from matloop.split.folds import make_folds
from matloop.train.fits import search_loss
from matloop.train.recipe_model import FitData, fit_recipe
from matloop.train.scoring import loss_of, search_metric
from matloop.train.values import Development, Recipe

MODELS = {"regression": ("extra_trees", "ridge"), "classification": ("extra_trees", "logistic")}
"""One model that takes columns as they come and one that draws straight lines: fast, without settings to tune."""
FAST: Mapping[str, Mapping[str, object]] = {"extra_trees": {"n_trees": 100, "features": 0.33}}
"""Settings other than the family's default: a third of the time, and the same order of representations."""
MOST_REPEATS = 5


@dataclass(frozen=True, slots=True)
class Arm:
    """A representation to try: its table of the development rows, and what it cost to make.

    family, cutoff : of one point of a curve against a length scale. asked : whether it is also compared by itself, or
    stands in its curve only.
    """

    name: str
    table: FeatureTable
    seconds_per_row: float
    family: str = ""
    cutoff: float | None = None
    asked: bool = True


def compare_representations(
    development: Development,
    arms: Sequence[Arm],
    *,
    target: str,
    deadline: float,
    models: Sequence[str] = (),
    seed: int = 0,
    left_out: Sequence[tuple[str, str]] = (),
    progress: Progress = SILENT,
) -> FeatureComparison:
    """Pit representations against each other.

    The first cross-validation uses the development's own folds; further ones use other folds and seeds, up to five, as
    far as the time allows: only those that every representation finished count.

    Parameters
    ----------
    arms : two or more, tables of the development rows. target : its name.
    deadline : `time.monotonic()` value. models : families; by default extra trees and a linear model.
    left_out : names and reasons of what could not be tried, handed on.

    Raises
    ------
    DataError : fewer than two representations finished the first cross-validation in time.

    References
    ----------
    Nadeau & Bengio, Mach. Learn. 52 (2003) 239 (corrected test). doi:10.1023/A:1024068626366
    Holm, Scand. J. Stat. 6 (1979) 65. https://www.jstor.org/stable/4615733
    """
    chosen = tuple(models) or MODELS[development.task]
    ledger = _Ledger(development, [*arms], chosen, seed, deadline)
    for repeat in range(MOST_REPEATS):
        if not ledger.run(repeat, progress):
            break
    late = [(arm.name, "the time ran out before its first cross-validation was done") for arm in ledger.unfinished]
    done = ledger.finished
    asked = [arm for arm in done if arm.asked]
    if len(done) < 2 or not asked:
        why = "; ".join(f"{name}: {reason}" for name, reason in [*left_out, *ledger.failed, *late])
        raise DataError(f"{len(done)} representations could be tried, two are needed. {why}.")
    rows = len(development)
    n_folds = len(np.unique(development.fold))
    # points of curves would only make the correction for many pairs harder
    best_model, order, level = _ranked(_scored(asked, ledger, rows, n_folds), chosen)
    constant = _constant(development)
    curves = _curves(_scored([arm for arm in done if arm.cutoff is not None], ledger, rows, n_folds), best_model,
                     rows, n_folds)  # fmt: skip
    found = FeatureComparison(
        target, search_metric(development), development.unit, chosen, rows, n_folds, ledger.repeats, constant,
        tuple(order), curves, best_model, level, "", _notes(ledger, development), (*left_out, *ledger.failed, *late),
    )  # fmt: skip
    return replace(found, sentence=_sentence(found))


@dataclass(slots=True)
class _Ledger:
    """Losses as they come: {arm: {model: list of folds per repeat}}."""

    development: Development
    arms: list[Arm]
    models: tuple[str, ...]
    seed: int
    deadline: float
    losses: dict[str, dict[str, list[list[float]]]] = field(default_factory=dict)
    seconds: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    failed: list[tuple[str, str]] = field(default_factory=list)
    repeats: int = 0

    @property
    def finished(self) -> list[Arm]:
        """Arms with a whole first cross-validation."""
        return [arm for arm in self.arms if arm.name in self.losses]

    @property
    def unfinished(self) -> list[Arm]:
        lost = {name for name, _ in self.failed}
        return [arm for arm in self.arms if arm.name not in self.losses and arm.name not in lost]

    def run(self, repeat: int, progress: Progress) -> bool:
        """One cross-validation of every arm; False where the time ran out. A repeat counts whole or not at all."""
        fold = self._folds(repeat)
        found: dict[str, dict[str, list[float]]] = {}
        arms = self.arms if repeat == 0 else self.finished
        whole = True
        for place, arm in enumerate(arms):
            share = (repeat + place / max(len(arms), 1)) / MOST_REPEATS
            progress.tell(f"repeat {repeat + 1}, {arm.name}", share)
            try:
                made = self._arm(arm, fold, repeat)
            except (MatloopError, ArithmeticError, ValueError, np.linalg.LinAlgError) as error:
                if repeat:
                    return False
                self.failed.append((arm.name, " ".join(str(error).split())[:300]))
                continue
            if made is None:
                whole = False
                break
            found[arm.name] = made
        if repeat and not whole:
            return False
        for name, by_model in found.items():
            for model, values in by_model.items():
                self.losses.setdefault(name, {}).setdefault(model, []).append(values)
        self.repeats += 1
        return whole

    def _folds(self, repeat: int) -> IntArray:
        development = self.development
        if repeat == 0:
            return development.fold
        n_folds = len(np.unique(development.fold))
        return make_folds(
            development.y, development.groups, n_folds=n_folds, seed=self.seed + 1000 * repeat, task=development.task
        )

    def _arm(self, arm: Arm, fold: IntArray, repeat: int) -> dict[str, list[float]] | None:
        data = _fit_data(self.development, arm.table)
        found: dict[str, list[float]] = {model: [] for model in self.models}
        for model in self.models:
            recipe = Recipe((Spec(model, _settings(model, self.development, arm.table)),))
            for one in np.unique(fold):
                if time.monotonic() > self.deadline:
                    return None
                begun = time.perf_counter()
                fitted = fit_recipe(recipe, data, np.flatnonzero(fold != one), self.seed + repeat)
                self.seconds.setdefault((arm.name, model), []).append(time.perf_counter() - begun)
                held = np.flatnonzero(fold == one)
                out = fitted.output(arm.table.X[held])
                metric = search_metric(self.development)
                found[model].append(loss_of(metric, self.development, self.development.y[held], out))
        return found

    def of(self, name: str, model: str) -> FloatArray:
        """All losses of one arm and model."""
        return np.array([value for values in self.losses[name][model][: self.repeats] for value in values])


def _fit_data(development: Development, table: FeatureTable) -> FitData:
    return FitData(
        table.X, development.y, development.weights, np.zeros((0, table.X.shape[1])), table.columns(), development.task,
        len(development.classes), development.scale, development.bounds, search_loss(development),
    )  # fmt: skip


def _settings(model: str, development: Development, table: FeatureTable) -> dict[str, object]:
    """The accepted default of a family, or faster ones."""
    if model in FAST:
        return dict(FAST[model])
    family = FAMILIES.load(model)
    found: dict[str, object] = family.settings(1, table.columns(), development.task, np.random.default_rng(0))[0]
    return found


def _constant(development: Development) -> float:
    """The loss of the median, or of the shares of the classes, on the folds."""
    recipe, nothing = (
        Recipe((Spec("dummy"),)),
        FeatureTable(np.zeros((len(development), 1)), ("nothing",), ("nothing:number",), {}, {}),
    )
    data, losses = _fit_data(development, nothing), []
    for one in np.unique(development.fold):
        held = np.flatnonzero(development.fold == one)
        out = fit_recipe(recipe, data, np.flatnonzero(development.fold != one), 0).output(nothing.X[held])
        losses.append(loss_of(search_metric(development), development, development.y[held], out))
    return float(np.mean(losses))


def mean_loss(losses: FloatArray, n_folds: int) -> Estimate:
    """Mean of losses on folds with a 95 % interval; its variance allows for the training rows that folds share."""
    from scipy.stats import t as student

    n = len(losses)
    if n < 2:
        return Estimate(float(losses.mean()), math.nan, math.nan)
    spread = float(losses.std(ddof=1)) * math.sqrt(1.0 / n + 1.0 / (n_folds - 1.0))
    half, mean = float(student.ppf(1 - ALPHA / 2, n - 1)) * spread, float(losses.mean())
    return Estimate(mean, mean - half, mean + half)


def pairwise(losses: Sequence[FloatArray], n_rows: int, n_folds: int) -> FloatArray:
    """P-values of all pairs, corrected for their number, shape (n, n); 1 on the diagonal.

    Parameters
    ----------
    losses : of each competitor on the same folds, shape (n_scores,) each.
    """
    n_test = max(n_rows // n_folds, 1)
    pairs = list(combinations(range(len(losses)), 2))
    raw = [
        compare_models(losses[a], losses[b], n_train=n_rows - n_test, n_test=n_test).p_value
        if len(losses[a]) > 2
        else math.nan
        for a, b in pairs
    ]
    table = np.ones((len(losses), len(losses)))
    for (a, b), p in zip(pairs, adjusted(raw), strict=True):
        table[a, b] = table[b, a] = p if math.isfinite(p) else 1.0
    return table


def _scored(arms: Sequence[Arm], ledger: _Ledger, n_rows: int, n_folds: int) -> list[ArmScore]:
    """Every arm with its scores; p-values are those of the pair with the best of these arms with the same model."""
    if not arms:
        return []
    by_arm: dict[str, list[ModelScore]] = {arm.name: [] for arm in arms}
    for model in ledger.models:
        losses = [ledger.of(arm.name, model) for arm in arms]
        p_values = pairwise(losses, n_rows, n_folds)
        best = int(np.argmin([loss.mean() for loss in losses]))
        for k, arm in enumerate(arms):
            seconds = float(np.median(ledger.seconds[arm.name, model]))
            mean = mean_loss(losses[k], n_folds)
            by_arm[arm.name].append(ModelScore(model, losses[k], mean, float(p_values[k, best]), seconds))
    return [
        ArmScore(
            arm.name, arm.table.X.shape[1], arm.seconds_per_row, _with_gaps(arm.table), tuple(by_arm[arm.name]),
            arm.family, arm.cutoff,
        )
        for arm in arms
    ]  # fmt: skip


def _with_gaps(table: FeatureTable) -> int:
    """Rows with a missing value."""
    return int(np.isnan(table.X).any(axis=1).sum())


def _ranked(scored: Sequence[ArmScore], models: Sequence[str]) -> tuple[str, list[ArmScore], tuple[str, ...]]:
    """The model with the lowest loss; arms by their best model; and what cannot be told from the best, cheap first."""

    def loss(arm: ArmScore) -> float:
        return min(score.mean.value for score in arm.scores)

    best_model = min(models, key=lambda model: min(arm.with_model(model).mean.value for arm in scored))
    order = sorted(scored, key=loss)
    level = [arm for arm in scored if arm.with_model(best_model).p_value >= ALPHA]
    return best_model, order, tuple(arm.name for arm in sorted(level, key=lambda arm: arm.seconds_per_row))


def _curves(scored: Sequence[ArmScore], model: str, n_rows: int, n_folds: int) -> tuple[CutoffCurve, ...]:
    families = dict.fromkeys(arm.family for arm in scored if arm.cutoff is not None)
    found = []
    for family in families:
        points = sorted(
            (arm for arm in scored if arm.family == family and arm.cutoff is not None),
            key=lambda arm: arm.cutoff or 0.0,
        )
        if len(points) > 1:
            found.append(_curve(family, points, model, n_rows, n_folds))
    return tuple(found)


def _curve(family: str, points: Sequence[ArmScore], model: str, n_rows: int, n_folds: int) -> CutoffCurve:
    cutoffs = np.array([point.cutoff for point in points], dtype=np.float64)
    scores = [point.with_model(model) for point in points]
    best = int(np.argmin([score.mean.value for score in scores]))
    p_values = pairwise([score.losses for score in scores], n_rows, n_folds)[best]
    reach = float(cutoffs[np.flatnonzero(p_values >= ALPHA)[0]])
    told = bool((p_values < ALPHA).any())
    if not told:
        said = (
            f"{family}: the error is lowest at {cutoffs[best]:g} Å, but no cutoff can be told from it on these rows; "
            f"{reach:g} Å is the cheapest."
        )
    elif reach == cutoffs[0]:
        said = f"{family}: the smallest cutoff, {reach:g} Å, cannot be told from the best, {cutoffs[best]:g} Å."
    else:
        short = ", ".join(f"{c:g}" for c in cutoffs[(cutoffs < reach) & (p_values < ALPHA)])
        said = (
            f"{family}: what it tells lies within {reach:g} Å. Shorter cutoffs ({short} Å) are worse, and the best, "
            f"{cutoffs[best]:g} Å, cannot be told from it."
            if reach < cutoffs[best]
            else f"{family}: the best cutoff is {reach:g} Å; shorter ones ({short} Å) are worse."
        )
    return CutoffCurve(
        family, model, cutoffs, tuple(score.mean for score in scores), p_values,
        np.array([point.seconds_per_row for point in points]), float(cutoffs[best]), reach, told, said,
    )  # fmt: skip


def _notes(ledger: _Ledger, development: Development) -> tuple[str, ...]:
    n_folds = len(np.unique(development.fold))
    notes = [
        f"Development rows only: {len(development):,} rows in {n_folds} folds, "
        f"{'once' if ledger.repeats == 1 else f'{ledger.repeats} times with other folds and seeds'}; sealed rows were "
        "not used.",
        "The models have fixed settings: a tuned one may narrow the gaps, and order near ties otherwise.",
    ]
    if ledger.repeats * n_folds < 10:
        notes.append(
            f"{ledger.repeats * n_folds} scores per representation see large differences only; more --minutes bring "
            "more repeats."
        )
    return tuple(notes)


def _sentence(found: FeatureComparison) -> str:
    """The answer in words: the best, what cannot be told from it, and which of these is cheap."""
    if len(found.arms) == 1 and found.curves:
        return found.curves[0].sentence
    label = FAMILIES.load(found.best_model).label.lower()
    best = min(found.arms, key=lambda arm: arm.with_model(found.best_model).mean.value)
    score = best.with_model(found.best_model).mean.value
    unit = unit_text(found.unit) if found.metric in ("mae", "rmse", "max_error") else ""
    shown = f"{number(score)}{f' {unit}' if unit else ''}"
    metric = {"mae": "MAE", "rmse": "RMSE"}.get(found.metric, found.metric)
    said = f"{best.name} is the best of {len(found.arms)} with {label} ({metric} {shown})"
    others = [name for name in found.level if name != best.name]
    if not others:
        return f"{said}, and all others are worse by more than chance."
    said += f", but {_listed(others)} cannot be told from it on these rows."
    cheap = next(arm for arm in found.arms if arm.name == found.level[0])
    times = best.seconds_per_row / max(cheap.seconds_per_row, 1e-9)
    if cheap.name != best.name and times >= 2:
        said += f" {cheap.name} costs {number(times, 2)} times less per row ({cheap.n_columns:,} columns)."
    return said


def _listed(names: Sequence[str]) -> str:
    """At most five names, in quotes where they hold commas themselves."""
    shown = [f'"{name}"' if "," in name else name for name in names]
    shown = shown if len(shown) <= 5 else [*shown[:4], f"{len(shown) - 4} more"]
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))

"""How much a model suffers from noise in its labels: fits with more of it, and what twice the noise would do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray
from matloop.core.errors import DataError
from matloop.evaluate.bench import LOSSES, Bench, in_scale, result_losses, scale_of
from matloop.evaluate.words import number, percent, with_unit
from matloop.train.change import Change
from matloop.train.fits import FitResult, FitTask
from matloop.train.subject import Subject
from matloop.train.values import Development

SHARES = (0.1, 0.25, 0.5, 1.0)
"""Added noise in standard deviations of the labels."""
FLIPPED = (0.05, 0.1, 0.2, 0.4)
"""Share of labels that get another class."""
MIN_TWINS = 10


@dataclass(frozen=True, slots=True)
class NoiseLevel:
    """Fits with one amount of added noise.

    share : of the labels' standard deviation, or of flipped labels. noise : the same in target unit (decades on a log
        scale; for classes the share). loss : mean on held-out rows, whose labels are left as they are, per fit.
    ratio : mean loss over that without added noise. moved : root mean square change of the predictions over the noise.
    """

    share: float
    noise: float
    losses: tuple[float, ...]
    ratio: float
    moved: float


@dataclass(frozen=True, slots=True)
class NoiseStudy:
    """Error against added label noise.

    levels : without added noise first. loss : what is measured. spread : standard deviation of the labels.
    slope : of the squared ratio of the loss against (noise / spread) squared; for classes of the ratio against the
        share of flipped labels.
    present : noise that the labels have already, with `source` "given" (errors in the data), "twins" (rows with equal
        inputs) or "bound" (not known, not more than the error of the model).
    doubled : the loss if the present noise were doubled, as a ratio; the largest it can be where `source` is "bound".
    """

    levels: tuple[NoiseLevel, ...]
    loss: str
    unit: str
    spread: float
    slope: float
    present: float
    source: str
    doubled: float
    n_train: int
    sentence: str
    notes: tuple[str, ...] = ()


def noise_slope(ratios: ArrayLike, shares: ArrayLike, *, classes: bool = False) -> float:
    """How steeply the loss rises with label noise, by least squares through (0, 1).

    Independent noise adds in squares: ratio^2 = 1 + slope share^2. A model that passes all noise on to its predictions
    has slope (spread of labels / error)^2; one that averages over k rows about 1/k of that. For classes: ratio = 1 +
    slope share.

    Examples
    --------
    >>> round(noise_slope([1.0, 1.25, 1.803], [0.0, 0.25, 0.5]), 2)
    9.0
    """
    ratio, share = np.asarray(ratios, dtype=np.float64), np.asarray(shares, dtype=np.float64)
    if ratio.shape != share.shape:
        raise DataError(f"{len(ratio)} ratios for {len(share)} amounts of noise. Give one ratio per amount.")
    x, y = (share, ratio - 1.0) if classes else (share**2, ratio**2 - 1.0)
    # relative weights: a large noise must not alone decide what small ones do
    known = np.isfinite(y) & (x > 0)
    weight = 1.0 / x[known]
    total = float((weight * x[known] ** 2).sum())
    return float((weight * x[known] * y[known]).sum() / total) if total > 0 else math.nan


def present_noise(development: Development, residual: FloatArray) -> tuple[float, str]:
    """One standard deviation of the labels' own noise, and how it is known: "given", "twins" or "bound".

    Parameters
    ----------
    residual : shape (n,), predicted minus measured of held-out rows (in decades on a log scale): its root mean square
        is the most that the noise can be.
    """
    errors = development.errors
    known = np.isfinite(errors) & (errors > 0)
    if development.task == "classification":
        return float(np.mean(residual != 0)), "bound"
    if known.mean() > 0.5:
        relative = errors / (development.y * math.log(10.0)) if development.scale == "log" else errors
        return float(np.sqrt(np.mean(relative[known] ** 2))), "given"
    twins = _twin_noise(development)
    if math.isfinite(twins):
        return twins, "twins"
    return float(np.sqrt(np.nanmean(residual**2))), "bound"


def _twin_noise(development: Development) -> float:
    """From rows with equal inputs: the pooled standard deviation of their labels; NaN with fewer than ten pairs."""
    rows = np.ascontiguousarray(np.nan_to_num(development.table.X, nan=-1.2345e300))
    if not rows.shape[1]:
        return math.nan
    marks = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    _, twin, count = np.unique(marks, return_inverse=True, return_counts=True)
    free = len(rows) - len(count)
    if free < MIN_TWINS:
        return math.nan
    y = in_scale(development, development.y)
    total = np.bincount(twin, weights=(y - (np.bincount(twin, weights=y) / count)[twin]) ** 2).sum()
    return math.sqrt(float(total) / free)


def study_label_noise(
    subject: Subject, places: Sequence[Bench], residual: FloatArray, *, repeats: int, deadline: float
) -> NoiseStudy | None:
    """Fit the recipe with noise added to the training labels, at several sizes; None where no fit was done in time.

    Parameters
    ----------
    places : where to fit. residual : see `present_noise`. repeats : draws of the noise per size and place.
    """
    development = subject.development
    classes, shares = development.task == "classification", SHARES
    spread = 1.0 if classes else float(in_scale(development, development.y).std())
    if classes:
        shares = FLIPPED
    if not places or spread == 0.0:
        return None
    asked = [(share, at, k) for share in (0.0, *shares) for at in range(len(places))
             for k in range(repeats if share else 1)]  # fmt: skip
    tasks = [_task(subject, places[at], share * spread, k) for share, at, k in asked]
    results = subject.fits.run(tasks, deadline=deadline)
    levels = _levels(development, places, asked, results, spread)
    if len(levels) < 2 or levels[0].share > 0:
        return None
    slope = noise_slope([level.ratio for level in levels], [level.share for level in levels], classes=classes)
    present, source = present_noise(development, residual)
    # twice the standard deviation is three times the variance on top
    more = 1.0 + slope * present if classes else math.sqrt(max(1.0 + 3.0 * slope * (present / spread) ** 2, 0.0))
    lost = sum(result is None or bool(result.failed) for result in results)
    notes = [f"{lost} of {len(tasks)} fits with noisy labels were not done in time or failed"] if lost else []
    unit = "" if classes else "decades" if development.scale == "log" else development.unit
    found = NoiseStudy(
        levels, LOSSES[scale_of(development)], unit, spread, slope, present, source, more, len(places[0].train), "",
        tuple(notes),
    )  # fmt: skip
    return _worded(found, classes)


def _task(subject: Subject, place: Bench, noise: float, draw: int) -> FitTask:
    change = Change(label_noise=noise, seed=subject.seed + 101 * (draw + 1)) if noise else None
    return FitTask(subject.trained.recipe, place.train, place.test, place.seed, change=change)


def _levels(
    development: Development,
    places: Sequence[Bench],
    asked: Sequence[tuple[float, int, int]],
    results: Sequence[FitResult | None],
    spread: float,
) -> tuple[NoiseLevel, ...]:
    done = {key: result for key, result in zip(asked, results, strict=True) if result is not None and not result.failed}
    levels = []
    for share in dict.fromkeys(key[0] for key in asked):
        losses, ratios, moves = [], [], []
        for (_, at, _), result in ((key, result) for key, result in done.items() if key[0] == share):
            plain = done.get((0.0, at, 0))
            if plain is None:
                continue
            test = places[at].test
            loss, clean = (float(result_losses(development, test, one).mean()) for one in (result, plain))
            losses.append(loss)
            ratios.append(loss / clean if clean > 0 else math.nan)
            shift = in_scale(development, result.value) - in_scale(development, plain.value)
            moves.append(float(np.mean(shift**2)))
        if losses:
            classes = development.task == "classification"
            moved = math.nan if classes or not share else math.sqrt(float(np.mean(moves))) / (share * spread)
            levels.append(NoiseLevel(share, share * spread, tuple(losses), float(np.nanmean(ratios)), moved))
    return tuple(levels)


def _worded(found: NoiseStudy, classes: bool) -> NoiseStudy:
    middle = found.levels[min(2, len(found.levels) - 1)]
    what = f"Giving {percent(middle.share)} of the labels a wrong class" if classes else (
        f"Noise of {percent(middle.share)} of the labels' spread ({with_unit(middle.noise, found.unit)})"
    )  # fmt: skip
    text = f"{what} {_change(middle.ratio)}. "
    twice = _change(found.doubled)
    if classes:
        text += (
            f"How many labels are wrong is not known, at most {percent(found.present)} (as often as the model errs); "
            f"twice as many at worst {twice}."
        )
    elif found.source == "bound":
        text += (
            f"How noisy the labels are is not known, at most {with_unit(found.present, found.unit)} (the error): "
            f"twice that at worst {twice}."
        )
    else:
        how = "the errors given with them" if found.source == "given" else "rows with equal inputs"
        text += f"By {how} the labels carry {with_unit(found.present, found.unit)} of noise; twice that {twice}."
    return replace(found, sentence=text)


def _change(ratio: float) -> str:
    if not math.isfinite(ratio):
        return "has an effect that could not be measured"
    if abs(ratio - 1.0) < 0.01:
        return "leaves the error as it is"
    if ratio >= 2.0:
        return f"makes the error {number(ratio, 2)} times as large"
    return f"{'raises' if ratio > 1 else 'lowers'} the error by {percent(abs(ratio - 1.0))}"

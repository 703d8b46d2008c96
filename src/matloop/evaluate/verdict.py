"""The answer to the question: reason first, in words, and what to know before it is believed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from matloop.evaluate.evidence import Terms
from matloop.evaluate.values import CurvePoint, Evidence, Verdict
from matloop.evaluate.words import between, number, percent, unit_of, unit_text, with_unit
from matloop.metrics.estimate import Estimate
from matloop.metrics.metric import Metric
from matloop.metrics.scores import metric as metric_of
from matloop.problem.question import Never, Success

Answer = Literal["met", "not met", "cannot be judged", "no goal"]

TOO_FEW = 10
"""Independent groups below which no bootstrap interval is believed."""
FEW_ROWS = 100
WORSE_OUTSIDE = 1.5
"""Error outside the training chemistry over that of random cross-validation from which a warning is due."""
OFF_BY = 0.03
"""How far coverage may be from its level (beyond its own doubt) before it is called off."""
STILL_FALLING = 0.1
"""Expected drop of the error on doubling the rows from which more data are worth a word (`forecast.HARDLY`)."""
RESTLESS = 0.1
"""Range of the error over seeds, relative to its mean, that is large."""
SUSPICIOUS = 0.9995
"""R2 or accuracy on sealed rows that real data seldom allow."""


@dataclass(frozen=True, slots=True)
class Gain:
    """How much better the model is than a baseline on the same rows, in the metric (> 0: the model is better)."""

    name: str
    where: Literal["vault", "cv", "loco"]
    baseline: float
    gain: Estimate

    @property
    def shown(self) -> bool:
        """Whether the model is better beyond doubt."""
        return self.gain.low > 0 if math.isfinite(self.gain.low) else self.gain.value > 0

    @property
    def words(self) -> str:
        """How the model compares: "better than", "worse than", or neither beyond doubt."""
        return "better than" if self.shown else "worse than" if self.gain.high < 0 else "not shown to be better than"


@dataclass(frozen=True, slots=True)
class Case:
    """All that a verdict is made from.

    groups : independent groups among the sealed rows. large_errors : share of absolute errors above the `never` limit.
    skipped : families that could not be tried, in words. unscored : sealed rows that could not be scored.
    noise : typical standard deviation of the labels, target unit, NaN if unknown.
    """

    terms: Terms
    unit: str
    success: Success | None
    vault: Evidence
    cv: Evidence
    loco: Evidence
    groups: int
    gains: tuple[Gain, ...]
    large_errors: Estimate | None
    looks: int
    curve: tuple[CurvePoint, ...] = ()
    curve_metric: str = ""
    seed_scores: tuple[float, ...] = ()
    left_out: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    unscored: int = 0
    noise: float = math.nan

    @property
    def metric(self) -> Metric:
        return metric_of(self.terms.metric)

    @property
    def unit_text(self) -> str:
        return unit_of(self.metric, self.unit)

    def of(self, evidence: Evidence) -> Estimate:
        """The metric of some evidence."""
        return evidence.scores.get(self.terms.metric, Estimate(math.nan, math.nan, math.nan))


def verdict(case: Case) -> Verdict:
    """Judge the case.

    "met" only if the 95 % interval of the metric (and of the share of large errors) lies wholly on the good side,
    "not met" if one lies wholly on the bad side, else "cannot be judged". A model that cannot be trusted is said to be
    so in the first words of the sentence.
    """
    goal, goal_reason = _goal(case)
    never, never_reason = _never(case)
    answer = goal if case.success is None else together([goal, never])
    grave, warnings = _grave(case), _warnings(case)
    lead = f"{grave[0]} " if grave else ""
    reasons = [reason for reason in (goal_reason, never_reason, *_comparisons(case), *_outside(case)) if reason]
    optimistic = case.looks >= 2
    sentence = f"{lead}{_joined(goal_reason, never_reason, goal, never)}{_conclusion(answer, optimistic, case.looks)}"
    return Verdict(answer, sentence, tuple(reasons), (*grave, *warnings), optimistic, case.looks)


def answer_of(estimate: Estimate, success: Success) -> Answer:
    """Where the whole interval lies: on the good side, on the bad side, or across."""
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return "cannot be judged"
    parts: list[Answer] = []
    if success.at_most is not None:
        parts.append(_side(estimate.high <= success.at_most, estimate.low > success.at_most))
    if success.at_least is not None:
        parts.append(_side(estimate.low >= success.at_least, estimate.high < success.at_least))
    return together(parts)


def never_answer(share: Estimate, never: Never) -> Answer:
    """Whether large errors are rare enough beyond doubt."""
    if not (math.isfinite(share.low) and math.isfinite(share.high)):
        return "cannot be judged"
    return _side(share.high <= never.share_above, share.low > never.share_above)


def together(parts: Sequence[Answer]) -> Answer:
    """All must be met; one that is not met decides; parts without a goal do not count."""
    parts = [part for part in parts if part != "no goal"]
    if not parts:
        return "no goal"
    if "not met" in parts:
        return "not met"
    return "met" if all(part == "met" for part in parts) else "cannot be judged"


def _side(good: bool, bad: bool) -> Answer:
    return "met" if good else "not met" if bad else "cannot be judged"


def _goal(case: Case) -> tuple[Answer, str]:
    estimate, unit = case.of(case.vault), case.unit_text
    label = case.metric.label
    label = label if label[:2].isupper() or not label[1:2].islower() else label[0].lower() + label[1:]
    told = f"the {label} on {case.vault.n_rows:,} sealed rows is {with_unit(estimate.value, unit)}"
    told += f" ({between(estimate)})" if between(estimate) else ""
    if case.success is None or (case.success.at_most is None and case.success.at_least is None):
        return "no goal", told
    asked = _asked(case.success, unit)
    if case.groups < TOO_FEW:
        few = f"{told}; {asked} was asked for, but {case.groups} independent sealed groups are too few for a judgement"
        return "cannot be judged", few
    answer = answer_of(estimate, case.success)
    if answer == "cannot be judged":
        return answer, f"{told}; the interval reaches across the goal, {asked}{_more_rows(case, estimate)}"
    side = "wholly on the good side of" if answer == "met" else "wholly on the wrong side of"
    return answer, f"{told}, {side} the goal, {asked}"


def _asked(success: Success, unit: str) -> str:
    parts = [("at most", success.at_most), ("at least", success.at_least)]
    return " and ".join(f"{word} {with_unit(value, unit)}" for word, value in parts if value is not None)


def _more_rows(case: Case, estimate: Estimate) -> str:
    """How many sealed rows would settle it, as half-widths shrink with the root of their number."""
    limits = [v for v in (case.success.at_most, case.success.at_least) if v is not None] if case.success else []
    limit = min(limits, key=lambda v: abs(estimate.value - v), default=math.nan)
    arm = estimate.high - estimate.value if limit >= estimate.value else estimate.value - estimate.low
    gap = abs(estimate.value - limit)
    if not (math.isfinite(arm) and gap > 0.05 * arm):
        return ""
    needed = case.vault.n_rows * max((arm / gap) ** 2, 1.0)
    rounded = math.ceil(needed / 10 ** (len(str(int(needed))) - 2)) * 10 ** (len(str(int(needed))) - 2)
    return f" (about {rounded:,.0f} sealed rows would settle it if the value stays)"


def _never(case: Case) -> tuple[Answer, str]:
    never = case.success.never if case.success is not None else None
    if never is None or case.large_errors is None:
        return "no goal", ""
    share = case.large_errors
    limit = with_unit(never.abs_error_above, unit_text(case.unit))
    told = (
        f"{percent(share.value)} of the errors are above {limit} (95 % interval {percent(share.low)} to "
        f"{percent(share.high)}), at most {percent(never.share_above)} may be"
    )
    answer: Answer = "cannot be judged" if case.groups < TOO_FEW else never_answer(share, never)
    return answer, told


def _joined(goal_reason: str, never_reason: str, goal: Answer, never: Answer) -> str:
    # what decided stands first
    first_never = bool(never_reason) and never == "not met" and goal != "not met"
    parts = (never_reason, goal_reason) if first_never else (goal_reason, never_reason)
    text = "; ".join(part for part in parts if part)
    return text[0].upper() + text[1:]


def _conclusion(answer: Answer, optimistic: bool, looks: int) -> str:
    ends: dict[Answer, str] = {
        "met": ": the goal is met", "not met": ": the goal is not met",
        "cannot be judged": ": whether the goal is met cannot be judged", "no goal": ". No goal was set",
    }  # fmt: skip
    doubt = f" (optimistic: look number {looks} at these sealed rows)" if optimistic else ""
    return f"{ends[answer]}{doubt}."


_BASELINES = {
    "dummy": "always giving the same answer (the middle of the training labels)",
    "nearest neighbour": "copying the label of the most similar training row",
    "rule of mixtures": "the rule of mixtures (a weighted mean over the elements)",
    "linear regression": "plain linear regression",
}


def _grave(case: Case) -> list[str]:
    """Reasons not to trust the model at all, gravest first; each a sentence of its own."""
    return [
        *_too_good(case),
        *(f"Do not rely on this model: {text}." for text in _beaten(case, {"dummy"})),
        *_too_few(case),
        *(f"Use the simpler method instead: {text}." for text in _beaten(case, set(_BASELINES) - {"dummy"})),
    ]


def _beaten(case: Case, names: set[str]) -> Iterator[str]:
    for gain in case.gains:
        if gain.where == "vault" and gain.name in names and _is_beaten(case, gain):
            yield f"on the sealed rows it is {_against(case, gain)}"


def _is_beaten(case: Case, gain: Gain) -> bool:
    """Not better on the sealed rows; where only their number leaves doubt, the out-of-fold rows decide."""
    if gain.shown or not math.isfinite(gain.gain.value):
        return False
    elsewhere = [g.shown for g in case.gains if g.where == "cv" and g.name == gain.name]
    return gain.gain.value <= 0 or not any(elsewhere)


def _against(case: Case, gain: Gain) -> str:
    model = with_unit(case.of(case.vault).value, case.unit_text)
    return f"{gain.words} {_BASELINES[gain.name]}: {model} against {with_unit(gain.baseline, case.unit_text)}"


def _undecided(case: Case) -> Iterator[str]:
    for gain in case.gains:
        if gain.where == "vault" and math.isfinite(gain.gain.value) and not gain.shown and not _is_beaten(case, gain):
            yield (
                f"The sealed rows alone are too few to show that it is better than {_BASELINES[gain.name]} "
                f"({with_unit(case.of(case.vault).value, case.unit_text)} against "
                f"{with_unit(gain.baseline, case.unit_text)}); the out-of-fold rows do show it."
            )


def _too_good(case: Case) -> Iterator[str]:
    name = "accuracy" if case.terms.classes else "r2"
    found = case.vault.scores.get(name)
    if found is not None and case.vault.n_rows >= 20 and found.value >= SUSPICIOUS:
        label = metric_of(name).label
        yield (
            f"Check for a leak before believing this: {label} is {found.value:.5f} on sealed rows, which real data "
            "seldom allow; look for an input that is made from the target."
        )
    error, unit = case.vault.scores.get("mae"), unit_text(case.unit)
    if error is not None and math.isfinite(case.noise) and error.high < 0.5 * case.noise:
        yield (
            f"Check for a leak before believing this: the mean error, {with_unit(error.value, unit)}, is less than "
            f"half of the stated error of the labels, {with_unit(case.noise, unit)}."
        )


def _too_few(case: Case) -> Iterator[str]:
    if case.groups < TOO_FEW:
        yield (
            f"Too little to judge by: the sealed rows are {case.vault.n_rows} from {case.groups} independent groups. "
            "Add data, or raise protocol.test_fraction."
        )


def _warnings(case: Case) -> list[str]:
    return [
        *_look_again(case), *_chemistry(case), *_undecided(case), *_few_rows(case), *_promise(case), *_coverage(case),
        *_domain(case), *_seeds(case), *_learning(case), *_missing(case),
    ]  # fmt: skip


def _look_again(case: Case) -> Iterator[str]:
    if case.looks >= 2:
        yield (
            f"This is look number {case.looks} at the same sealed rows: choices made after earlier looks make the "
            "score optimistic. New sealed rows would give an honest one."
        )


def _loss(case: Case, value: float, name: str = "") -> float:
    metric = metric_of(name) if name else case.metric
    return 1.0 - value if metric.greater_is_better else value


def _chemistry(case: Case) -> Iterator[str]:
    cv, loco, unit = case.of(case.cv), case.of(case.loco), case.unit_text
    lost = [
        g for g in case.gains if g.where == "loco" and g.name == "dummy" and not g.shown and math.isfinite(g.baseline)
    ]
    apart = loco.low > cv.high if not case.metric.greater_is_better else loco.high < cv.low
    ratio = _loss(case, loco.value) / _loss(case, cv.value) if _loss(case, cv.value) > 0 else math.nan
    told = (
        f"{with_unit(loco.value, unit)} when a whole cluster of similar rows is left out, {with_unit(cv.value, unit)} "
        "in random cross-validation"
    )
    if lost:
        yield (
            f"Do not trust it outside the training chemistry: {told}; there it is {lost[0].words} always "
            f"giving the same answer ({with_unit(lost[0].baseline, unit)})."
        )
    elif apart and ratio >= WORSE_OUTSIDE:
        yield f"Do not trust it as much outside the training chemistry: {told} ({ratio:.1f} times the error)."


def _few_rows(case: Case) -> Iterator[str]:
    if case.groups >= TOO_FEW and (case.vault.n_rows < FEW_ROWS or case.groups < FEW_ROWS // 3):
        yield (
            f"Few sealed rows: {case.vault.n_rows} from {case.groups} independent groups, so intervals are wide and "
            "themselves uncertain."
        )
    if case.unscored:
        yield f"{case.unscored:,} sealed rows could not be predicted or have no usable label and are not in the scores."
    if case.terms.classes:
        counts = np.bincount(case.vault.points.y.astype(np.int64), minlength=len(case.terms.classes))
        rare = [f"{name!r} ({n})" for name, n in zip(case.terms.classes, counts, strict=True) if n < TOO_FEW]
        if rare:
            yield f"Classes with few sealed rows, whose scores say little: {', '.join(rare)}."


def _promise(case: Case) -> Iterator[str]:
    cv, vault = case.of(case.cv), case.of(case.vault)
    worse = vault.high < cv.low if case.metric.greater_is_better else vault.low > cv.high
    if worse:
        yield (
            f"The sealed rows came out worse ({with_unit(vault.value, case.unit_text)}) than cross-validation promised "
            f"({with_unit(cv.value, case.unit_text)}): go by the sealed rows."
        )


def _coverage(case: Case) -> Iterator[str]:
    sealed = case.vault.intervals
    if sealed is not None:
        level, found = sealed.level, sealed.coverage
        low, high = (found.low, found.high) if math.isfinite(found.low) else (found.value - 0.07, found.value + 0.07)
        if high < level - OFF_BY or low > level + OFF_BY:
            size = "too narrow" if found.value < level else "too wide"
            yield f"The {percent(level)} intervals are {size}: they hold {percent(found.value)} of the sealed rows."
        elif case.vault.n_rows >= 150 and min(sealed.thirds) < level - 0.1:
            third = ("narrowest", "middle", "widest")[int(np.argmin(sealed.thirds))]
            yield (
                f"The {third} third of the {percent(level)} intervals holds only {percent(min(sealed.thirds))} of the "
                "sealed rows: widths are not to be taken at their word."
            )
    outside = case.loco.intervals
    if outside is not None and outside.coverage.value < outside.level - 0.1:
        yield (
            f"Outside the training chemistry the {percent(outside.level)} intervals are too narrow: they hold "
            f"{percent(outside.coverage.value)} of the rows of left-out clusters."
        )


def _domain(case: Case) -> Iterator[str]:
    share = case.vault.in_domain_share
    if math.isfinite(share) and share < 0.8:
        yield f"{percent(1.0 - share)} of the sealed rows are unlike the training rows (outside the domain)."


def _seeds(case: Case) -> Iterator[str]:
    losses = [_loss(case, score, case.curve_metric) for score in case.seed_scores if math.isfinite(score)]
    if len(losses) >= 2 and np.mean(losses) > 0:
        spread = (max(losses) - min(losses)) / float(np.mean(losses))
        if spread > RESTLESS:
            shown = ", ".join(number(score) for score in case.seed_scores)
            yield f"The score depends on the luck of folds and seeds ({shown}; a range of {percent(spread)})."


def _learning(case: Case) -> Iterator[str]:
    sizes = sorted({point.n_rows for point in case.curve})[-3:]
    losses = [np.mean([_loss(case, p.score, case.curve_metric) for p in case.curve if p.n_rows == n]) for n in sizes]
    if len(sizes) < 2 or not all(math.isfinite(loss) and loss > 0 for loss in losses):
        return
    # errors fall as a power of the number of rows (Hestness et al. 2017, doi:10.48550/arXiv.1712.00409)
    slope = float(np.polyfit(np.log(sizes), np.log(losses), 1)[0])
    if losses[-1] < min(losses[:-1]) and 1.0 - 2.0**slope > STILL_FALLING:
        yield (
            f"The learning curve still falls: twice as many training rows would be expected to take "
            f"{percent(1.0 - 2.0**slope)} off the error."
        )


def _missing(case: Case) -> Iterator[str]:
    if case.skipped:
        yield f"Model families that were not tried: {'; '.join(case.skipped)}."
    yield from (f"Left out: {text}." for text in case.left_out)


def _comparisons(case: Case) -> Iterator[str]:
    unit, value = case.unit_text, case.of(case.vault).value
    for gain in case.gains:
        if gain.where != "vault" or not math.isfinite(gain.baseline):
            continue
        change = f", {between(gain.gain)} for the gain" if between(gain.gain) else ""
        values = f"{with_unit(value, unit)} against {with_unit(gain.baseline, unit)}"
        yield f"{gain.words} {_BASELINES[gain.name]}: {values}{change}"


def _outside(case: Case) -> Iterator[str]:
    loco, cv = case.of(case.loco), case.of(case.cv)
    if math.isfinite(loco.value):
        told = f" ({between(loco)})" if between(loco) else ""
        yield (
            f"with a whole cluster of similar rows left out it is {with_unit(loco.value, case.unit_text)}{told}, in "
            f"random cross-validation {with_unit(cv.value, case.unit_text)}"
        )

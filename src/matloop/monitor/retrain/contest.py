"""Champion against challenger on rows that neither has seen: scores, families, and which of them is to be used."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np

from matloop.core.arrays import FloatArray, TextArray
from matloop.doubt.prediction import Prediction
from matloop.evaluate.multiple import adjusted
from matloop.metrics.metric import Scored
from matloop.metrics.scores import metric as metric_of
from matloop.monitor.retrain.paired import Paired, paired_mean, paired_metric
from matloop.monitor.retrain.plan import Rules
from matloop.pipeline.develop import DEFAULT_METRIC
from matloop.problem.question import Target

Where = Literal["later", "vault"]
SETS: Mapping[Where, str] = {"later": "rows later in time", "vault": "rows of the vault"}
Answer = Literal["better", "not shown to be better", "worse", "cannot be judged"]
POWER = 0.8
_NORMAL = NormalDist()
FAMILIES_SAID = 3
"""Families that are harmed are told so far by name; the figure shows all."""
COVERAGE_SLACK = 0.03
"""How far coverage may be below its level before a loss of it counts as harm."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one target that neither model has seen, with what both say of them.

    y : shape (n,), truth, or an index into `classes`; never NaN. groups, families : shape (n,), names; an empty family
    is none.
    """

    y: FloatArray
    champion: Prediction
    challenger: Prediction
    groups: TextArray
    families: TextArray
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, slots=True)
class Scores:
    """One set of rows: the metric of the question first, then the others."""

    where: Where
    metric: Paired
    others: tuple[Paired, ...] = ()

    def of(self, name: str) -> Paired | None:
        """The score called `name`."""
        return next((one for one in (self.metric, *self.others) if one.score == name), None)


@dataclass(frozen=True, slots=True)
class Family:
    """Mean loss of a chemical family over both sets. p_worse is corrected (Holm) for the number of families."""

    name: str
    loss: Paired
    p_worse: float
    harmed: bool


@dataclass(frozen=True, slots=True)
class Contest:
    """One target: the answer, why, and all that it rests on. together : the metric on all unseen rows. alpha : the
    level that the later rows, and all rows together, were asked for."""

    target: str
    unit: str
    metric: str
    answer: Answer
    why: tuple[str, ...]
    sets: tuple[Scores, ...]
    families: tuple[Family, ...]
    together: Paired | None = None
    harms: tuple[str, ...] = ()
    alpha: float = 0.05

    def on(self, where: Where) -> Scores | None:
        """The scores on one set."""
        return next((one for one in self.sets if one.where == where), None)


def contest(
    target: Target, rows: Mapping[Where, Rows], rules: Rules, *, n_targets: int = 1, seed: int = 0
) -> Contest:  # fmt: skip
    """Whether the challenger is better at one target.

    It must win, at level alpha / 2, on the rows later in time or on all unseen rows together (the later ones and those
    of the vault), and must not look worse on the later rows, nor by more than the margin on the vault. It must nowhere
    be worse beyond doubt: not in the metric, the intervals, the large errors (Holm over these), their coverage, or in
    any large chemical family (Holm over these).

    The vault serves every round, and its level is not corrected for that: no challenger is made from what the vault
    said, so each comparison keeps its level; and a champion that was chosen there looks too good there, which makes it
    harder to replace, not easier. The later rows are new in each round.

    Parameters
    ----------
    n_targets : alpha is shared among them.
    """
    chosen = target.success.metric if target.success else DEFAULT_METRIC[target.task]
    alpha = rules.alpha / n_targets / 2.0
    sets = tuple(_scores(where, target, chosen, rows[where], seed) for where in SETS if where in rows)
    pooled = _pooled(list(rows.values()))
    both = None if pooled is None else paired_metric(
        metric_of(chosen), _scored(target, pooled, pooled.champion), _scored(target, pooled, pooled.challenger),
        pooled.groups, seed=seed,
    )  # fmt: skip
    families = _families(target, pooled, rules, seed)
    harms = (*_harms(sets, rows, rules), *_family_harms(families))
    answer, why = _answer(sets, both, alpha, rules, harms)
    unit = next((one.challenger.unit for one in rows.values()), target.unit)
    return Contest(target.name, unit, chosen, answer, why, sets, families, both, harms, alpha)


def _pooled(parts: Sequence[Rows]) -> Rows | None:
    """All rows together."""
    if not parts:
        return None
    joined = np.concatenate
    return Rows(
        joined([one.y for one in parts]), _below([one.champion for one in parts]),
        _below([one.challenger for one in parts]), joined([one.groups for one in parts]),
        joined([one.families for one in parts]), parts[0].classes,
    )  # fmt: skip


def _below(parts: Sequence[Prediction]) -> Prediction:
    first = parts[0]
    arrays: dict[str, Any] = {name: np.concatenate([getattr(one, name) for one in parts]) for name in _ARRAYS}
    return Prediction(**arrays, level=first.level, classes=first.classes, unit=first.unit)


_ARRAYS = ("value", "low", "high", "std", "proba", "in_domain", "reason")


def losses(target: Target, y: FloatArray, told: Prediction) -> FloatArray:
    """Loss of each row: the absolute error (in decades on a log scale), or the Brier score."""
    if told.classes:
        return np.asarray(((told.proba - np.eye(told.proba.shape[1])[y.astype(np.int64)]) ** 2).sum(axis=1))
    if target.scale == "log":
        return np.abs(np.log10(np.maximum(told.value, 1e-300)) - np.log10(np.maximum(y, 1e-300)))
    return np.abs(told.value - y)


def _scores(where: Where, target: Target, chosen: str, rows: Rows, seed: int) -> Scores:
    first, second = (_scored(target, rows, told) for told in (rows.champion, rows.challenger))
    found = paired_metric(metric_of(chosen), first, second, rows.groups, seed=seed)
    both = (rows.champion, rows.challenger)
    pairs: list[tuple[str, list[FloatArray], bool]] = [("loss", [losses(target, rows.y, one) for one in both], False)]
    if not rows.classes and all(np.isfinite(one.low).all() and np.isfinite(one.high).all() for one in both):
        pairs.append(("interval score", [_interval_scores(rows.y, one) for one in both], False))
        pairs.append(("coverage", [((one.low <= rows.y) & (rows.y <= one.high)).astype(float) for one in both], True))
        pairs.append(("width", [one.high - one.low for one in both], False))
    if never := target.success.never if target.success else None:
        limit = never.abs_error_above
        pairs.append(("large errors", [(np.abs(one.value - rows.y) > limit).astype(float) for one in both], False))
    pairs.append(("in domain", [one.in_domain.astype(float) for one in both], True))
    others = tuple(
        paired_mean(name, one, other, rows.groups, greater=more, seed=seed) for name, (one, other), more in pairs
    )
    return Scores(where, found, others)


def _scored(target: Target, rows: Rows, told: Prediction) -> Scored:
    classes = rows.classes
    positive = classes.index(target.positive) if target.positive in classes else min(1, max(len(classes) - 1, 0))
    return Scored(rows.y, told.value, told.proba, len(classes), positive, target.top_k)


def _interval_scores(y: FloatArray, told: Prediction) -> FloatArray:
    """Width plus 2 / (1 - level) times how far the value lies outside, per row (doi:10.1198/016214506000001437)."""
    outside = np.maximum(told.low - y, 0.0) + np.maximum(y - told.high, 0.0)
    return np.asarray(told.high - told.low + 2.0 / (1.0 - told.level) * outside)


def _families(target: Target, rows: Rows | None, rules: Rules, seed: int) -> tuple[Family, ...]:
    if rows is None:
        return ()
    name, groups = rows.families, rows.groups
    first, second = losses(target, rows.y, rows.champion), losses(target, rows.y, rows.challenger)
    found = []
    for family in np.unique(name[name != ""]):
        mine = np.flatnonzero(name == family)
        if len(np.unique(groups[mine])) >= rules.family:
            found.append((str(family), paired_mean("loss", first[mine], second[mine], groups[mine], seed=seed)))
    corrected = adjusted([one.p_worse for _, one in found]) if found else np.zeros(0)
    listed = [
        Family(family, one, float(p), bool(p < rules.alpha)) for (family, one), p in zip(found, corrected, strict=True)
    ]
    return tuple(sorted(listed, key=lambda one: one.loss.gain.value))


def _harms(sets: Sequence[Scores], rows: Mapping[Where, Rows], rules: Rules) -> list[str]:
    """What is worse beyond doubt, on either set."""
    asked = [(one, words, found) for one in sets for words, found in _watched(one) if found is not None and found.known]
    corrected = adjusted([found.p_worse for _, _, found in asked]) if asked else np.zeros(0)
    said = [
        f"{words} on the {SETS[one.where]}: {_step(found)} ({_p(float(p))} after correction)"
        for (one, words, found), p in zip(asked, corrected, strict=True) if p < rules.alpha
    ]  # fmt: skip
    for one in sets:
        cover, level = one.of("coverage"), rows[one.where].challenger.level
        low = cover is not None and cover.challenger.value < level - COVERAGE_SLACK
        if cover is not None and low and cover.p_worse < rules.alpha:
            said.append(f"its {level:.0%} intervals hold {cover.challenger.value:.0%} of the {SETS[one.where]}, those "
                        f"of the champion {cover.champion.value:.0%}")  # fmt: skip
    return said


def _watched(one: Scores) -> tuple[tuple[str, Paired | None], ...]:
    return (
        ("worse", one.metric), ("its intervals score worse", one.of("interval score")),
        ("it errs by far more often", one.of("large errors")),
    )  # fmt: skip


def _answer(
    sets: Sequence[Scores], both: Paired | None, alpha: float, rules: Rules, harms: Sequence[str]
) -> tuple[Answer, tuple[str, ...]]:
    by = {one.where: one.metric for one in sets}
    later, vault = by.get("later"), by.get("vault")
    if harms:
        return "worse", tuple(harms)
    n = later.n_groups if later else 0
    if later is None or both is None or not later.known or n < rules.least:
        return "cannot be judged", (f"there are {n} independent rows later in time, {rules.least} are needed",)
    tests = {SETS["later"]: later, "all unseen rows together": both}
    said = [f"{where}: {_step(one)} ({_p(one.p_better)}, asked for below {alpha:.2g})" for where, one in tests.items()]
    if vault is None or not vault.known:
        said.append("no row of the vault is unseen by both")
    wins = any(one.known and one.p_better < alpha for one in tests.values())
    margins: Mapping[Where, float] = {"later": 0.0, "vault": rules.margin}
    worse = [where for where, margin in margins.items() if _worse(by.get(where), margin)]
    if wins and worse:
        said.append(f"it looks worse on the {SETS[worse[0]]}: {_step(by[worse[0]])}")
    elif not wins and (seen := min((visible(one, alpha) for one in tests.values()), default=math.inf)) < math.inf:
        said.append(f"a gain of {seen:.0%} of the champion's {later.score} is seen on rows like these 8 times of 10; a "
                    "smaller one mostly is not, and waits for more labels")  # fmt: skip
    return ("better" if wins and not worse else "not shown to be better"), tuple(said)


def visible(one: Paired, alpha: float) -> float:
    """The relative gain that a test at level alpha sees 8 times of 10, from the spread of the gain that was found; inf
    where nothing is known.

    A normal approximation: (z(1 - alpha) + z(0.8)) standard errors; Cohen, Statistical Power Analysis for the
    Behavioral Sciences (1988), section 12.4. doi:10.4324/9780203771587
    """
    error = (one.gain.high - one.gain.low) / (2.0 * _NORMAL.inv_cdf(0.975))
    size = abs(one.champion.value)
    if not (math.isfinite(error) and size > 0.0):
        return math.inf
    return (_NORMAL.inv_cdf(1.0 - alpha) + _NORMAL.inv_cdf(POWER)) * error / size


def _worse(one: Paired | None, margin: float) -> bool:
    """Whether it looks worse by more than a share of the champion's score."""
    return one is not None and one.known and one.gain.value < -margin * abs(one.champion.value)


def _family_harms(families: Sequence[Family]) -> list[str]:
    """The families that are harmed most, and how many more there are."""
    harmed = [one for one in families if one.harmed]
    said = [_family_words(one) for one in harmed[:FAMILIES_SAID]]
    more = len(harmed) - FAMILIES_SAID
    return [*said, f"worse for {more} more of the {len(families)} families"] if more > 0 else said


def _family_words(one: Family) -> str:
    return f"worse for the family {one.name!r}: loss {_step(one.loss)} ({_p(one.p_worse)} after correction)"


def _step(one: Paired) -> str:
    name = f"{one.score} " if one.score not in ("loss", "interval score", "large errors") else ""
    return f"{name}{one.champion.value:.4g} became {one.challenger.value:.4g} on {one.n_groups:,} groups"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}" if math.isfinite(value) else "no test"


def together(found: Sequence[Contest]) -> tuple[Answer, str]:
    """The answer over all targets, and a sentence: better at one at least, and harmed at none."""
    answers = [one.answer for one in found]
    if "worse" in answers:
        bad = [one for one in found if one.answer == "worse"]
        return "worse", "The challenger is worse" + _at(bad, found) + f": {bad[0].why[0]}."
    if "better" in answers:
        good = [one for one in found if one.answer == "better"]
        return "better", "The challenger is better" + _at(good, found) + ", and worse nowhere."
    if "not shown to be better" in answers:
        return "not shown to be better", "The challenger is not shown to be better than the champion."
    return "cannot be judged", f"It cannot be judged whether the challenger is better: {found[0].why[0]}."


def _at(some: Sequence[Contest], every: Sequence[Contest]) -> str:
    return " at " + ", ".join(one.target for one in some) if len(every) > 1 else ""


def on_classes(told: Prediction, classes: tuple[str, ...]) -> Prediction:
    """A prediction of classes in another order, or of fewer of them, put on `classes`; a regression as it is.

    A class that the model does not know has the chance 0.
    """
    if not told.classes or told.classes == classes:
        return told
    place = np.array([classes.index(name) for name in told.classes], dtype=np.int64)
    proba = np.zeros((len(told), len(classes)))
    proba[:, place] = told.proba
    value = np.where(np.isfinite(told.value), place[np.nan_to_num(told.value).astype(np.int64)], np.nan)
    return Prediction(value, told.low, told.high, told.std, proba, told.in_domain, told.reason, told.level, classes,
                      told.unit)  # fmt: skip

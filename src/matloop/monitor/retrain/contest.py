"""Champion against challenger on rows that neither has seen: scores, families, and which of them is to be used."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

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
    """One target: the answer, why, and all that it rests on. `alphas` are the levels that were asked for."""

    target: str
    unit: str
    metric: str
    answer: Answer
    why: tuple[str, ...]
    sets: tuple[Scores, ...]
    families: tuple[Family, ...]
    harms: tuple[str, ...] = ()
    alphas: Mapping[str, float] = field(default_factory=dict)

    def on(self, where: Where) -> Scores | None:
        """The scores on one set."""
        return next((one for one in self.sets if one.where == where), None)


def contest(
    target: Target, rows: Mapping[Where, Rows], rules: Rules, *, nth: int, n_targets: int = 1, seed: int = 0
) -> Contest:
    """Whether the challenger is better at one target.

    It must win on the rows later in time (level alpha / 2), or on the vault without looking worse on the later rows.
    The vault was looked at before: its share of alpha is spent over all comparisons of this home, alpha / 2 / (k (k +
    1)) for the k-th, so that all of them together promote a challenger that is no better with a chance of at most alpha
    / 2. It must nowhere be worse: not in the metric, the intervals, the large errors, or in any large chemical family.

    Parameters
    ----------
    nth : the how-manieth comparison of this home, from 1 on. n_targets : alpha is shared among them.
    """
    chosen = target.success.metric if target.success else DEFAULT_METRIC[target.task]
    alpha = rules.alpha / n_targets
    alphas = {"later": alpha / 2.0, "vault": alpha / 2.0 / (nth * (nth + 1))}
    sets = tuple(_scores(where, target, chosen, rows[where], seed) for where in SETS if where in rows)
    families = _families(target, rows, rules, seed)
    harms = (*_harms(sets, rows, rules), *(_family_words(one) for one in families if one.harmed))
    answer, why = _answer(sets, alphas, rules, harms)
    unit = next((one.challenger.unit for one in rows.values()), target.unit)
    return Contest(target.name, unit, chosen, answer, why, sets, families, harms, alphas)


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


def _families(target: Target, rows: Mapping[Where, Rows], rules: Rules, seed: int) -> tuple[Family, ...]:
    if not rows:
        return ()
    name, groups = (np.concatenate([getattr(one, part) for one in rows.values()]) for part in ("families", "groups"))
    first, second = (
        np.concatenate([losses(target, one.y, getattr(one, who)) for one in rows.values()])
        for who in ("champion", "challenger")
    )
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
    said = []
    for one in sets:
        where, paired = SETS[one.where], one.metric
        if paired.known and paired.p_worse < rules.alpha:
            said.append(f"worse on the {where}: {_step(paired)} ({_p(paired.p_worse)})")
        for name, words in (("interval score", "its intervals score worse"), ("large errors", "it errs by far more")):
            found = one.of(name)
            if found is not None and found.p_worse < rules.alpha:
                said.append(f"{words} on the {where}: {_step(found)} ({_p(found.p_worse)})")
        cover = one.of("coverage")
        level = rows[one.where].challenger.level
        low = cover is not None and cover.challenger.value < level - COVERAGE_SLACK
        if cover is not None and low and cover.p_worse < rules.alpha:
            said.append(f"its {level:.0%} intervals hold {cover.challenger.value:.0%} of the {where}, those of the "
                        f"champion {cover.champion.value:.0%}")  # fmt: skip
    return said


def _answer(
    sets: Sequence[Scores], alphas: Mapping[str, float], rules: Rules, harms: Sequence[str]
) -> tuple[Answer, tuple[str, ...]]:
    by = {one.where: one.metric for one in sets}
    later, vault = by.get("later"), by.get("vault")
    if harms:
        return "worse", tuple(harms)
    n = later.n_groups if later else 0
    if later is None or not later.known or n < rules.least:
        return "cannot be judged", (f"there are {n} independent rows later in time, {rules.least} are needed",)
    wins = {where: one.p_better < alphas[where] for where, one in by.items() if one.known}
    looks_worse = [where for where, one in by.items() if one.known and _worse(one, 0.0 if where == "later" else
                   rules.margin)]  # fmt: skip
    said = [f"{SETS[where]}: {_step(one)} ({_p(one.p_better)}, asked for below {alphas[where]:.2g})" for where, one in
            by.items() if one.known]  # fmt: skip
    if vault is None or not vault.known:
        said.append("no row of the vault is unseen by both")
    if any(wins.values()) and not looks_worse:
        return "better", tuple(said)
    if any(wins.values()):
        said.append(f"it wins on one set but looks worse on the {SETS[looks_worse[0]]}")
    return "not shown to be better", tuple(said)


def _worse(one: Paired, margin: float) -> bool:
    """Whether it looks worse by more than a share of the champion's score."""
    return one.gain.value < -margin * abs(one.champion.value)


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

"""Whether a campaign is on a good way: what is wrong, how that is known, and what to do.

A test alarms by mistake in about one of a hundred looks at a healthy campaign (`ALARM`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from matloop.campaign.ask import REPLACED
from matloop.campaign.learned import best_rows
from matloop.campaign.question import Question
from matloop.campaign.state import Result, State, Suggestion
from matloop.campaign.stopping import Learnt, learn, width
from matloop.campaign.tell import MOVED
from matloop.core.arrays import FloatArray
from matloop.design.goals import Goal
from matloop.problem.space import Continuous, Integer
from matloop.report.words import counted

ALARM = 0.01
LEVEL = 0.90
"""of the intervals that strategies foresee"""
FEWEST = 15
"""Values below which a model is not judged."""
ENOUGH = 30
"""Values from which a model that is no better than the mean is called so."""
MOST_ROWS = 150
"""rows that a model is judged on, drawn at random where there are more"""
N_FOLDS = 5
N_LATELY = 20
N_PROMISES = 30
"""latest predictions that are held to their results; what a model believed at the beginning is forgiven"""
EDGE = 0.01
"""share of a range that counts as its edge"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked. `wrong` where something should be done; `said` has the numbers, `do` the advice."""

    check: str
    wrong: bool
    said: str
    do: str = ""

    def lines(self) -> list[str]:
        """For the screen."""
        mark = "!" if self.wrong else "ok"
        return [f"  {mark} {self.check}: {self.said}", *([f"      {self.do}"] if self.wrong and self.do else [])]


def checked(state: State, question: Question) -> tuple[Finding, ...]:
    """All checks that have enough to go by, the wrong ones first."""
    found = [*_failures(state), *_duplicates(state, question), *_stuck(state, question), *_edges(state, question)]
    goals = list({goal.target: goal for goal in question.goals if goal.sense != "class"}.values())
    for goal in goals:
        found += _calibration(state, goal, ALARM / len(goals))
        learnt = learn(state, question, goal, FEWEST)
        if learnt is not None and np.ptp(learnt.y) > 0:
            found += _judged(learnt, goal, state.seed, ALARM / len(goals))
        found += _places(state, question, goal, ALARM / len(goals))
    return tuple(sorted(found, key=lambda finding: not finding.wrong))


# --- what the model knows --------------------------------------------------------------------------------------------


def _judged(learnt: Learnt, goal: Goal, seed: int, alarm: float) -> Iterator[Finding]:
    """Out of fold: is the model better than the mean, and do its errors drift with time?"""
    rows = np.arange(len(learnt.y))
    if len(rows) > MOST_ROWS:
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:MOST_ROWS])
    predicted, mean = out_of_fold(learnt, rows, seed)
    y = learnt.y[rows]
    yield _quality(y, predicted, mean, goal)
    order = np.array([result.round for result in learnt.results])[rows]
    yield from _drift(goal.sign * (y - predicted), order, goal, alarm)


def out_of_fold(learnt: Learnt, rows: np.ndarray, seed: int) -> tuple[FloatArray, FloatArray]:
    """What the surrogate of the campaign, and the mean, say of each of the rows when it is left out; replicates are
    left out together."""
    X, y = learnt.X[rows], learnt.y[rows]
    different, group = np.unique(X, axis=0, return_inverse=True)
    fold = (np.random.default_rng(seed).permutation(len(different)) % N_FOLDS)[group.ravel()]
    predicted, mean = np.zeros(len(y)), np.zeros(len(y))
    for k in range(min(N_FOLDS, len(different))):
        out = fold == k
        belief = learnt.surrogate.fit(X[~out], y[~out], seed=seed)
        predicted[out], mean[out] = belief.predict(X[out])[0], y[~out].mean()
    return predicted, mean


def _quality(y: FloatArray, predicted: FloatArray, mean: FloatArray, goal: Goal) -> Finding:
    gain = (y - mean) ** 2 - (y - predicted) ** 2
    explained = 1.0 - float(((y - predicted) ** 2).sum() / max(((y - mean) ** 2).sum(), 1e-300))
    better = float(stats.wilcoxon(gain, alternative="greater").pvalue) < 0.05 if np.any(gain) else False
    said = (
        f"of {counted(len(y), 'experiment')} left out, the model of {goal.target} explains {explained:.0%} of what the "
        "mean leaves open"
    )
    if better and explained > 0:
        return Finding("model", False, f"{said}.")
    if len(y) < ENOUGH:
        return Finding("model", False, f"{said}; that may still be chance.")
    return Finding(
        "model", True, f"{said}: it is not shown to be better than the mean.",
        "Suggestions are little better than random so far. Repeat an experiment to see the noise (ask --repeat), look "
        "for a setting that matters and is not in the space, or try another [campaign] surrogate.",
    )  # fmt: skip


def _drift(residuals: FloatArray, order: np.ndarray, goal: Goal, alarm: float) -> Iterator[Finding]:
    if len(np.unique(order)) < 4 or not np.ptp(residuals) > 0:
        return
    rho, p = stats.spearmanr(order, residuals)
    if not p < alarm:
        return
    way = "higher" if rho > 0 else "lower"
    half = order > np.median(order)
    shift = abs(float(residuals[half].mean() - residuals[~half].mean())) if half.any() else 0.0
    unit = f" {goal.unit}" if goal.unit else ""
    yield Finding(
        "drift", True,
        f"later results of {goal.target} are {way} than the model expects, by about {shift:.3g}{unit} (rank "
        f"correlation with time {rho:.2f}, p = {p:.2g}).",
        "Something changes with time (a batch of precursor, an instrument), or the search found what the model cannot "
        "follow. Repeat an early experiment now: ask --repeat.",
    )  # fmt: skip


# --- what was promised -----------------------------------------------------------------------------------------------


def _promised(state: State, target: str) -> list[tuple[Suggestion, Result]]:
    pairs = []
    for result in state.results.values():
        asked = state.suggestions.get(result.suggestion)
        if asked is None or target not in asked.foreseen or target not in result.values:
            continue
        if not result.of_own_experiment:
            continue
        if all(map(math.isfinite, asked.foreseen[target])) and MOVED not in result.flags:
            pairs.append((asked, result))
    return pairs


def _calibration(state: State, goal: Goal, alarm: float) -> Iterator[Finding]:
    """Share of the latest results inside their interval, with the exact interval of a binomial share."""
    pairs = _promised(state, goal.target)[-N_PROMISES:]
    if len(pairs) < 10:
        return
    inside = sum(_inside(asked.foreseen[goal.target], result, goal.target) for asked, result in pairs)
    share = stats.binomtest(inside, len(pairs), LEVEL)
    low, high = share.proportion_ci(1.0 - alarm, method="exact")
    said = f"{inside} of {len(pairs)} results of {goal.target} fell into their 90 % interval"
    if high < LEVEL:
        do = "Predictions are surer of themselves than they should be: read them as wider, and give errors of results."
        yield Finding("calibration", True, f"{said}; in the long run at most {high:.0%} would.", do)
    elif low > LEVEL:
        do = "Predictions are less sure than they could be; the search explores more than it has to."
        yield Finding("calibration", True, f"{said}, which is more than promised.", do)
    else:
        yield Finding("calibration", False, f"{said}.")


def _inside(foreseen: tuple[float, float, float], result: Result, target: str) -> bool:
    _, low, high = foreseen
    return low <= result.values[target] <= high


def _stuck(state: State, question: Question) -> Iterator[Finding]:
    """No improvement for longer than the chances that were foreseen allow."""
    wanted = [goal for goal in question.goals if goal.is_open]
    if len(wanted) != 1:
        return
    goal = wanted[0]
    own = [result for result in state.results.values() if result.of_own_experiment]
    rows = best_rows(own, question)
    if not rows:
        return
    since = own[rows[0] + 1 :]
    best = goal.sign * own[rows[0]].values[goal.target]
    asked = [state.suggestions[result.suggestion] for result in since if result.suggestion]
    chances = [(one.round, _chance_above(one, goal, best)) for one in asked]
    chances = [(number, chance) for number, chance in chances if math.isfinite(chance)]
    if len(chances) < 10:
        return
    # experiments of a round share the errors of one model, so a round counts as its best chance alone
    rounds = {number: max(chance for other, chance in chances if other == number) for number, _ in chances}
    together = float(np.prod(1.0 - np.array(list(rounds.values()))))
    said = f"the best is {own[rows[0]].name}, {counted(len(since), 'experiment')} ago"
    expected = sum(rounds.values())
    if together < ALARM:
        yield Finding(
            "stuck", True,
            f"{said}; {expected:.1f} rounds with an improvement were foreseen since, none came (p = {together:.2g}).",
            "The model promises what is not there. Give errors of results, try another [campaign] surrogate, or let "
            "some experiments explore: [campaign] acquisition.",
        )  # fmt: skip
    elif expected < 0.5:
        yield Finding(
            "stuck", False, f"{said}; little was foreseen to be better since ({expected:.2g}): it may be the top."
        )
    else:
        yield Finding("stuck", False, f"{said}; {expected:.1f} rounds with an improvement were foreseen since.")


def _chance_above(asked: Suggestion, goal: Goal, best: float) -> float:
    if goal.target not in asked.foreseen:
        return math.nan
    value, low, high = asked.foreseen[goal.target]
    spread = (high - low) / width(asked.freedom.get(goal.target, math.inf))
    works = 1.0 if math.isnan(asked.chance) else asked.chance
    return works * float(stats.norm.sf((best - goal.sign * value) / spread)) if spread > 0 else math.nan


# --- how it searches -------------------------------------------------------------------------------------------------


def _edges(state: State, question: Question) -> Iterator[Finding]:
    """Suggestions of a model crowd at the end of a range, and the best result lies there too."""
    lately = [s for s in state.suggestions.values() if s.foreseen and not s.repeats][-N_LATELY:]
    results = tuple(state.results.values())
    rows = best_rows(results, question)
    ranges = [p for p in question.problem.space.parameters if isinstance(p, Continuous | Integer)]
    if question.problem.space.candidates or len(lately) < 10 or not rows or not ranges:
        return
    drawn = question.records(question.domain.sample(400, state.seed))
    for parameter in ranges:
        for end, name in ((parameter.low, "lower"), (parameter.high, "upper")):
            reach = EDGE * (parameter.high - parameter.low)
            at = [_at(s.point, parameter.name, end, reach) for s in lately]
            usual = np.mean([_at(point, parameter.name, end, reach) for point in drawn]) if drawn else EDGE
            p = stats.binomtest(sum(at), len(at), max(float(usual), EDGE), alternative="greater").pvalue
            if (
                sum(at) > len(at) / 2
                and p < ALARM / len(ranges)
                and _at(results[rows[0]].point, parameter.name, end, reach)
            ):
                yield Finding(
                    "edge", True,
                    f"{sum(at)} of the last {len(at)} suggestions lie at the {name} limit of {parameter.name} "
                    f"({end:g}), and so does the best result.",
                    f"The optimum is probably beyond {end:g}. Widen the range if that is possible in the laboratory: a "
                    "new campaign file, with this campaign in [data] places.",
                )  # fmt: skip


def _at(point: Mapping[str, object], name: str, end: float, reach: float) -> bool:
    value = point.get(name)
    return isinstance(value, int | float) and abs(value - end) <= reach


def _duplicates(state: State, question: Question) -> Iterator[Finding]:
    """The same experiment asked for twice by mistake, or a strategy that ran out of new ones."""
    meant = [s for s in state.suggestions.values() if not s.repeats]
    if not meant:
        return
    keys = question.domain.keys(question.points([s.point for s in meant])[0])
    named = [(str(key), s.fidelity) for key, s in zip(keys, meant, strict=True)]
    rounds = Counter(zip(named, (s.round for s in meant), strict=True))
    per_key = Counter(key for key, _ in rounds)
    withdrawn = {key for key, s in zip(named, meant, strict=True) if s.withdrawn}
    twice = sum(count > 1 for key, count in per_key.items() if key not in withdrawn)
    replaced = sum(s.reason == REPLACED for s in meant[-N_LATELY:])
    if twice:
        said = f"{counted(twice, 'experiment')} were asked for in more than one round."
        yield Finding(
            "duplicates", True, said, "Withdraw those that nobody needs twice; please report how it came to it."
        )
    elif replaced > N_LATELY // 4:
        said = f"{replaced} of the last {min(len(meant), N_LATELY)} suggestions were known already and drawn anew."
        yield Finding("duplicates", True, said, "The strategy has little new to say: the space may be used up.")
    else:
        yield Finding("duplicates", False, f"none among {counted(len(meant), 'suggestion')}.")


def _failures(state: State) -> Iterator[Finding]:
    own = state.experiments
    failed = np.array([result.failed for result in own], dtype=bool)
    if len(own) < 10 or not failed.any():
        return
    lately, before = failed[-N_LATELY:], failed[:-N_LATELY]
    said = f"{failed.sum()} of {counted(len(own), 'experiment')} failed"
    more = False
    if len(before) >= 10:
        counts = [[lately.sum(), (~lately).sum()], [before.sum(), (~before).sum()]]
        more = bool(stats.fisher_exact(counts, alternative="greater").pvalue < ALARM)
    if more:
        do = "Look at what changed. If a region fails, a constraint in [space] keeps away from it."
        yield Finding("failures", True, f"{said}, {lately.sum()} of the last {len(lately)}: more than before.", do)
    elif failed.mean() > 0.5:
        do = "More than half is lost: narrow the space with a constraint, or look at how experiments are made."
        yield Finding("failures", True, f"{said}.", do)
    else:
        yield Finding("failures", False, f"{said}.")


def _places(state: State, question: Question, goal: Goal, alarm: float) -> Iterator[Finding]:
    """Do other places read differently at the same settings, or on the model of the own place?"""
    found = [r for r in state.results.values() if goal.target in r.values]
    places = sorted({r.place for r in found if r.place})
    own = [r for r in found if not r.place]
    learnt = learn(state, question, goal, FEWEST) if places and len(own) >= FEWEST else None
    if learnt is None or not np.ptp(learnt.y) > 0:
        return
    for place in places:
        theirs = [r for r in found if r.place == place]
        points, outside = question.points([r.point for r in theirs])
        inside = np.array([not why for why in outside], dtype=bool)
        if inside.sum() < 5:
            continue
        X = question.domain.encode(points.take(inside))
        mean, covariance = learnt.belief.joint(X)
        values = goal.sign * np.array([r.values[goal.target] for r, ok in zip(theirs, inside, strict=True) if ok])
        shift = goal.sign * float((values - mean).mean())
        # the mean of the differences has the doubt of the model, which points share, and the noise, which they do not
        spread = math.sqrt(max(float(covariance.mean()), 0.0) + learnt.belief.noise**2 / len(values))
        p = 2.0 * float(stats.norm.sf(abs(shift) / max(spread, 1e-300)))
        unit = f" {goal.unit}" if goal.unit else ""
        said = f"{place} reads {abs(shift):.3g}{unit} {'higher' if shift > 0 else 'lower'} in {goal.target}"
        if p < alarm / len(places):
            do = "It is kept apart as a task of its own. Make one experiment in both places to be sure: ask --repeat."
            yield Finding("places", True, f"{said} than the own results would have it (p = {p:.2g}).", do)
        else:
            yield Finding("places", False, f"{said}, which may be chance (p = {p:.2g}).")

"""What a model leans on: which features matter, and how the prediction moves with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.explain.dependence import GRID, dependence
from matloop.explain.grouping import TOGETHER, association, correlated_groups
from matloop.explain.permutation import noise_floor, rises
from matloop.explain.samples import Judge, Pace, Sample, draw_samples
from matloop.explain.values import Dependence, Explanation, Importance
from matloop.metrics.scores import metric as metric_of
from matloop.train.recipe_model import RecipeModel
from matloop.train.values import Development

SCREEN_ROWS = 500
FEWEST_ROWS = 60
N_REFINED = 15
N_CHANCE = 5
"""How many of the lowest groups are refined, too, to see what chance alone gives."""
CURVE_ROWS = 300
MAX_MEMBERS = 20


def explain(
    development: Development,
    fold_models: Sequence[tuple[RecipeModel, IntArray]],
    *,
    metric: str,
    seed: int,
    deadline: float,
    max_rows: int = 2000,
    repeats: int = 3,
    n_top: int = 6,
    target: str = "",
    positive: int = 1,
) -> Explanation:
    """Permutation importance of groups of correlated features, and dependence plots of the most important ones.

    Parameters
    ----------
    fold_models : fitted recipes, each with the development rows that it did not see; all is computed on those rows.
    metric : name of a metric; an importance is the rise of its loss (its drop, where higher is better).
    deadline : `time.monotonic()` value; what it does not allow is left out and named in the notes.
    max_rows, repeats : rows per model and shuffles for the 15 groups that matter most; the others are screened with
        one shuffle on up to 500 rows.
    n_top : features with a dependence plot. positive : index of the positive class of two.
    """
    samples = draw_samples(development, fold_models, max_rows, seed)
    if not samples:
        why = "no fold models were kept within the time: nothing is said about what the model leans on"
        return Explanation(target, metric, (), (), (why,))
    judge, pace = Judge(metric, development.classes, positive), Pace(deadline, samples)
    if pace.left() <= 0:
        return Explanation(target, metric, (), (), ("the time ran out before the explanation",))
    groups = in_order_of_promise(samples, correlated_groups(development.table.X, seed))
    if not groups:
        return Explanation(target, metric, (), (), ("no feature varies: there is nothing to explain",))
    notes = [_how(samples, groups, judge)]
    screened, n_rows = _screen(samples, groups, judge, pace, seed)
    order, found, floor, refined = _refine(samples, groups, screened, judge, pace, repeats, seed, notes)
    told = [g for g in order[:N_REFINED] if _above(found[g], floor)]
    members = _members(samples, groups, told[:n_top], judge, pace, n_rows, seed)
    importances = tuple(_importance(development, members.get(g, groups[g]), found[g]) for g in order)
    notes += _said(groups, order, told, importances, floor, refined)
    leads = [int(members.get(g, groups[g])[0]) for g in told[:n_top]]
    curves = _dependences(samples, development, leads, judge, pace, notes)
    return Explanation(target, metric, importances, curves, tuple(notes))


def in_order_of_promise(samples: Sequence[Sample], groups: list[IntArray]) -> list[IntArray]:
    """Groups, and columns within them, by how strongly they go with the prediction: what the clock cuts off matters
    least, and the first member is the most telling one."""
    part = samples[0].first(SCREEN_ROWS)
    out = part.model.output(part.X)
    said = out.value if not out.proba.shape[1] else out.proba[:, int(out.proba.std(axis=0).argmax())]
    strength = association(part.X, said)
    inside = [group[np.argsort(-strength[group], kind="stable")] for group in groups]
    return sorted(inside, key=lambda group: -float(strength[group[0]]))


def _screen(
    samples: Sequence[Sample], groups: Sequence[IntArray], judge: Judge, pace: Pace, seed: int
) -> tuple[FloatArray, int]:
    """One shuffle of every group on as many rows as a third of the time allows; shape (n_groups, n_samples)."""
    for n_samples in (len(samples), 1):
        n_rows = _step(SCREEN_ROWS, pace.rows(0.35) / (len(groups) * n_samples))
        if n_rows >= FEWEST_ROWS:
            break
    n_rows = max(n_rows, FEWEST_ROWS)
    parts = [sample.first(n_rows) for sample in samples[:n_samples]]
    with pace.part_of_the_time(0.45):
        found = rises(parts, groups, judge, pace, repeats=1, seed=seed)[:, :, 0]
    return found, n_rows


def _step(most: int, affordable: float) -> int:
    """The number of rows: `most`, or a half, a quarter of it; in steps, so that the clock seldom changes a result."""
    n_rows = most
    while n_rows > affordable and n_rows >= FEWEST_ROWS // 2:
        n_rows //= 2
    return n_rows


def _refine(
    samples: Sequence[Sample],
    groups: Sequence[IntArray],
    screened: FloatArray,
    judge: Judge,
    pace: Pace,
    repeats: int,
    seed: int,
    notes: list[str],
) -> tuple[list[int], dict[int, FloatArray], float, bool]:
    """The groups that were reached, most important first, all rises found for each, the noise floor, and whether the
    leading groups were shuffled more than once.

    The groups that came out lowest are refined as well: their importance is chance, seen as closely as the leaders'.
    """
    found = {g: row[np.isfinite(row)] for g, row in enumerate(screened) if np.isfinite(row).any()}
    missed = len(groups) - len(found)
    if missed:
        notes.append(f"left out: {missed} of {len(groups)} groups of features were not shuffled, the time ran out")
    ranked = sorted(found, key=lambda g: -float(found[g].mean()))
    best, lowest = ranked[:N_REFINED], ranked[N_REFINED:][-N_CHANCE:]
    chosen = [*best, *lowest]
    with pace.part_of_the_time(0.5):
        again = rises(samples, [groups[g] for g in chosen], judge, pace, repeats=repeats, seed=seed + 1)
    flat = again.reshape(len(chosen), -1)
    # only repeats that all have: otherwise their order would depend on the clock
    whole = np.asarray(np.isfinite(flat).all(axis=0))
    if not whole.all():
        notes.append(f"left out: {(~whole).sum()} of {len(whole)} repeats of the leading groups: time ran out")
    if not whole.any():
        # the luckiest of many groups of noise reaches about as far up as the unluckiest reaches down
        return ranked, found, 2.0 * noise_floor(np.array([found[g].mean() for g in ranked])), False
    found |= {g: flat[i, whole] for i, g in enumerate(chosen)}
    order = sorted(best, key=lambda g: -float(found[g].mean()))
    rest = sorted((g for g in found if g not in best), key=lambda g: -float(found[g].mean()))
    close = chosen if lowest else best
    floor = max(noise_floor(np.array([found[g].mean() for g in close])), *(float(found[g].mean()) for g in lowest), 0.0)
    return [*order, *rest], found, floor, True


def _above(found: FloatArray, floor: float) -> bool:
    return bool(found.mean() > floor and np.quantile(found, 0.05) > 0.0)


def _members(
    samples: Sequence[Sample],
    groups: Sequence[IntArray],
    leading: Sequence[int],
    judge: Judge,
    pace: Pace,
    n_rows: int,
    seed: int,
) -> dict[int, IntArray]:
    """Columns of the leading groups, the one whose shuffling alone hurts most first (as far as the time allows)."""
    columns = [(g, int(column)) for g in leading if len(groups[g]) > 1 for column in groups[g][:MAX_MEMBERS]]
    if not columns or len(columns) * n_rows * len(samples) > pace.rows(0.4):
        return {}
    parts = [sample.first(n_rows) for sample in samples]
    rise = rises(parts, [np.array([column]) for _, column in columns], judge, pace, repeats=1, seed=seed + 2)
    told = rise[:, :, 0].mean(axis=1)
    if not np.isfinite(told).all():
        return {}
    ordered = {}
    for g in dict.fromkeys(g for g, _ in columns):
        mine = np.array([told[i] for i, (of, _) in enumerate(columns) if of == g])
        tried = groups[g][: len(mine)]
        ordered[g] = np.concatenate([tried[np.argsort(-mine, kind="stable")], groups[g][len(mine) :]])
    return ordered


def _importance(development: Development, columns: IntArray, found: FloatArray) -> Importance:
    names = tuple(development.table.names[column] for column in columns)
    name = names[0] if len(names) == 1 else f"{names[0]} (+{len(names) - 1} correlated)"
    low, high = np.quantile(found, [0.05, 0.95])
    return Importance(name, names, float(found.mean()), float(low), float(high))


def _how(samples: Sequence[Sample], groups: Sequence[IntArray], judge: Judge) -> str:
    found = metric_of(judge.metric)
    way = "drop" if found.greater_is_better else "rise"
    rows = sum(len(sample.y) for sample in samples)
    return (
        f"importance: {way} of the {found.label} when a group of features is shuffled, on {rows:,} development rows "
        f"that the {len(samples)} models used did not see; columns with a mean |Spearman| above {TOGETHER} go together "
        f"({len(groups)} groups); low and high are the 5 and 95 % quantiles over models and repeats"
    )


def _said(
    groups: Sequence[IntArray],
    order: Sequence[int],
    told: Sequence[int],
    importances: Sequence[Importance],
    floor: float,
    refined: bool,
) -> list[str]:
    notes = []
    if refined and len(order) > N_REFINED:
        others = len(order) - N_REFINED
        notes.append(f"the {N_REFINED} leading groups were refined; the other {others} have one shuffle per model only")
    noise = [importance.name for g, importance in zip(order, importances, strict=True) if g not in told]
    if noise:
        shown = ", ".join(noise[:10]) + (f" and {len(noise) - 10} more" if len(noise) > 10 else "")
        notes.append(
            f"indistinguishable from noise (not above {floor:.3g}, what chance gives, or "
            f"not above zero in 95 % of the shuffles): {len(noise)} of {len(order)} groups: {shown}"
        )
    if any(len(group) > 1 for group in groups):
        notes.append("within a group of correlated features the data cannot tell which one is the cause")
    return notes


def _dependences(
    samples: Sequence[Sample],
    development: Development,
    leads: Sequence[int],
    judge: Judge,
    pace: Pace,
    notes: list[str],
) -> tuple[Dependence, ...]:
    found: list[Dependence] = []
    for k, column in enumerate(leads):
        per_feature = pace.rows(0.9) / (len(leads) - k)
        n_rows, used = _step(CURVE_ROWS, per_feature / (GRID * len(samples))), len(samples)
        if n_rows < FEWEST_ROWS // 2:
            n_rows, used = FEWEST_ROWS // 2, 1
        if n_rows * used * GRID > pace.rows(0.9):
            names = ", ".join(development.table.names[c] for c in leads[k:])
            notes.append(f"left out: dependence plots of {names}, the time ran out")
            break
        parts = [sample.first(n_rows) for sample in samples[:used]]
        found.append(dependence(parts, development.table, column, judge))
    return tuple(found)

"""The allowed part of a space: whether there is any, and some points of it to start from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError, listed
from matloop.design.space.conditions import Conditions, Straight
from matloop.design.space.draws import completed, drawn
from matloop.design.space.layout import Layout, Single
from matloop.design.space.limits import allowed
from matloop.design.space.mixtures import count_stepped
from matloop.design.space.programme import Programme, clashing, starts
from matloop.design.space.walk import Walk, walk_of

_DRAWS = 2_000  # points drawn to see whether constraints leave much
_PLENTY = 20  # of them allowed: no search is needed
_STARTS = 16  # points that the programme is asked for
_SEARCHED = 400  # points that a search improves
_TURNS = 150


@dataclass(frozen=True)
class Region:
    """Where points are allowed, with a few that are."""

    layout: Layout
    conditions: Conditions
    anchors: FloatArray
    walk: Walk


def region_of(layout: Layout, conditions: Conditions) -> Region:
    """The allowed part of a space, with points of it.

    Raises
    ------
    ConfigError : there is no point, or none was found; the constraints that clash are named.
    """
    for blend in layout.blends:
        if blend.step > 0 and not count_stepped(blend).total.sum():
            raise ConfigError(
                f'the mixture "{blend.name}": no mixture in steps of {blend.step:g} keeps the bounds. Widen a bound, '
                "or make the steps smaller."
            )
    return Region(layout, conditions, _anchors(layout, conditions), walk_of(layout, conditions))


def _anchors(layout: Layout, conditions: Conditions) -> FloatArray:
    if not conditions:
        return np.zeros((0, layout.width))
    rng = np.random.default_rng(20)
    begun, new = np.zeros((0, layout.width)), drawn(layout, _DRAWS, rng)
    found = new[conditions.allowed(new)]
    if len(found) >= _PLENTY:
        return found
    if conditions.straight:
        begun = starts(layout, conditions.straight, _STARTS, rng)
        if not len(begun):
            raise ConfigError(_no_point(layout, conditions.straight))
        good = begun[allowed(layout, conditions, begun)]
        found = np.concatenate([found, good]) if len(good) else found
    if len(found) < _PLENTY and (conditions.trees or conditions.rules):
        found = np.concatenate([found, _searched(layout, conditions, begun, new, rng)])
    if not len(found):
        raise ConfigError(_none_found(layout, conditions))
    return found


def _no_point(layout: Layout, lines: tuple[Straight, ...]) -> str:
    """Which linear conditions clash."""
    clash = clashing(layout, lines)
    if len(clash) == 1:
        line = clash[0]
        sign = -1.0 if ">" in line.text else 1.0
        names = [layout.names[column] for column in np.flatnonzero(line.coefficients).tolist()]
        least = Programme(layout, ()).least(line.coefficients)
        word, size = ("reaches at most", -least) if sign < 0 else ("is at least", least)
        most = -Programme(layout, ()).least(-line.coefficients)
        told = f"goes from {least:.6g} to {most:.6g}" if line.equal else f"{word} {size:.6g}"
        return (
            f"the space holds no point: {line.text} cannot hold, as the left side (of {', '.join(names)}, all terms on "
            f"it) {told} within the bounds. Widen a bound, or loosen the condition."
        )
    texts = list(dict.fromkeys(line.text for line in clash))
    return (
        "the space holds no point: these conditions cannot hold together within the bounds; without any one of them "
        f"there are points:\n{listed(texts)}\nLoosen one, or widen a bound."
    )


def _none_found(layout: Layout, conditions: Conditions) -> str:
    """Which conditions leave points when they are left out, as far as a search can tell."""
    single = [*(text for text, _ in conditions.trees), *(f'the rule "{rule.name}"' for rule in conditions.rules)]
    helpful = []
    for k, text in enumerate(single):
        trees = tuple(pair for i, pair in enumerate(conditions.trees) if i != k)
        rules = tuple(rule for i, rule in enumerate(conditions.rules, start=len(conditions.trees)) if i != k)
        fewer = replace(conditions, trees=trees, rules=rules)
        rng = np.random.default_rng(k)
        new = drawn(layout, _DRAWS, rng)
        begun = starts(layout, fewer.straight, 8, rng) if fewer.straight else new[:0]
        whole = np.concatenate([begun, new])
        if allowed(layout, fewer, whole).any() or len(_searched(layout, fewer, begun, new, rng)):
            helpful.append(text)
    said = f"no point was found that keeps all conditions (of {_DRAWS:,} drawn, the {_SEARCHED} nearest were improved)."
    if helpful:
        return f"{said} Points are found when one of these is left out:\n{listed(helpful)}\nLoosen one of them."
    texts = [line.text for line in conditions.straight]
    return f"{said} Conditions:\n{listed(list(dict.fromkeys([*single, *texts])))}\nLeave some out to see which clash."


def _searched(
    layout: Layout, conditions: Conditions, begun: FloatArray, others: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Points that keep the linear conditions, and others that break little, moved as long as they break less; the
    allowed ones among them."""
    nearest = others[np.argsort(conditions.over(others), kind="stable")[: _SEARCHED - len(begun)]]
    copies = max(_SEARCHED // (2 * len(begun)), 1) if len(begun) else 0
    best = np.concatenate([np.repeat(begun, copies, axis=0), nearest])
    over = conditions.over(best)
    walk = walk_of(layout, replace(conditions, trees=(), rules=()))
    for turn in range(_TURNS):
        if (over == 0).sum() >= _PLENTY and not conditions.rules:
            break
        new = _nudged(layout, best, 0.3 * 0.97**turn, rng)
        if len(walk.free) and turn % 2:
            inside = allowed(layout, walk.conditions, best)
            new = np.where(inside[:, None], walk.chord(best, rng, reach=0.3 * 0.97**turn), new)
        worth = conditions.over(new)
        better = worth <= over
        best[better], over[better] = new[better], worth[better]
    good: FloatArray = best[allowed(layout, conditions, best)]
    return good


def _nudged(layout: Layout, values: FloatArray, reach: float, rng: np.random.Generator) -> FloatArray:
    new = values.copy()
    parts: list[Single] = list(layout.singles)
    if not parts:
        return drawn(layout, len(values), rng)
    which = rng.integers(0, len(parts), len(values))
    for k, part in enumerate(parts):
        rows = np.flatnonzero((which == k) & ~np.isnan(values[:, part.column]))
        new[rows, part.column] = part.scale.moved(values[rows, part.column], reach * rng.standard_normal(len(rows)))
    return completed(layout, new, rng)

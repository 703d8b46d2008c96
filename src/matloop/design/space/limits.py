"""Why a point is not allowed, in words."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, TextArray
from matloop.design.space.conditions import Conditions
from matloop.design.space.layout import Blend, Layout, Single
from matloop.design.space.mixtures import SLACK, holds
from matloop.design.space.scales import Grid, Levels
from matloop.problem.space import Categorical


def inside(layout: Layout, values: FloatArray) -> BoolArray:
    """Points whose parameters are all within their limits, whatever the constraints say; shape (n,)."""
    there = layout.exists(values)
    good = np.ones(len(values), dtype=bool)
    for one in layout.singles:
        column = values[:, one.column]
        good &= np.where(there[:, one.column], one.scale.holds(column), np.isnan(column))
    for blend in layout.blends:
        good &= holds(blend, values[:, blend.columns])
    return good


def allowed(layout: Layout, conditions: Conditions, values: FloatArray) -> BoolArray:
    """Points of the space, shape (n,)."""
    good = inside(layout, values)
    rows = np.flatnonzero(good)
    if conditions and len(rows):
        good[rows] = conditions.allowed(values[rows])
    return good


def outside(
    layout: Layout, conditions: Conditions, values: FloatArray, told: TextArray | None = None, slack: float = 0.0
) -> TextArray:
    """Why points are not allowed, shape (n,); "" where they are.

    Parameters
    ----------
    told : what is known to be wrong already. slack : share of their terms by which conditions may be broken in writing.
    """
    why: list[list[str]] = [[text] if text else [] for text in (told if told is not None else [""] * len(values))]
    there = layout.exists(values)
    for one in layout.singles:
        column = values[:, one.column]
        bad = there[:, one.column] & ~one.scale.holds(column)
        for row in np.flatnonzero(bad).tolist():
            said = _out_of(one, float(column[row]))
            if said and not any(text.startswith(f"{one.name} ") for text in why[row]):
                why[row].append(said)
        for row in np.flatnonzero(~there[:, one.column] & ~np.isnan(column)).tolist():
            why[row].append(f"{one.name} does not exist here")
    for blend in layout.blends:
        amounts = values[:, blend.columns]
        for row in np.flatnonzero(~holds(blend, amounts)).tolist():
            known = any(f"fractions of {blend.name} sum" in text for text in why[row])
            why[row] += _mixed_wrong(blend, amounts[row], known)
    for text, broken in conditions.broken(values, slack):
        for row in np.flatnonzero(broken).tolist():
            why[row].append(f"{text} does not hold")
    return np.array(["; ".join(found) for found in why], dtype=np.str_) if why else np.zeros(0, dtype="U1")


def _out_of(one: Single, value: float) -> str:
    unit = getattr(one.parameter, "unit", "")
    unit = f" {unit}" if unit else ""
    if isinstance(one.parameter, Categorical):
        return f"{one.name} is none of its words"
    if np.isnan(value):
        return f"{one.name} is missing"
    low, high = one.scale.low, one.scale.high
    if not low <= value <= high:
        return f"{one.name} = {value:.6g}{unit} is outside {low:.6g} to {high:.6g}{unit}"
    if isinstance(one.scale, Levels):
        return f"{one.name} = {value:.6g}{unit} is none of its values"
    if isinstance(one.scale, Grid):
        return f"{one.name} = {value:.6g}{unit} is between the steps of {one.scale.step:.6g}{unit}"
    return ""


def _mixed_wrong(blend: Blend, amounts: FloatArray, sum_known: bool) -> list[str]:
    found = []
    if abs(amounts.sum() - 1.0) > 1e-6 and not sum_known:
        found.append(f"the fractions of {blend.name} sum to {amounts.sum():.6g}, not to one")
    count = int((amounts > SLACK).sum())
    if not blend.at_least <= count <= blend.at_most:
        found.append(f"{blend.name} has {count} components, {blend.at_least} to {blend.at_most} are allowed")
    for part, x, least in zip(blend.mixture.components, amounts.tolist(), blend.floor.tolist(), strict=True):
        low = least if x > SLACK else part.low
        if x < low - SLACK or x > part.high + SLACK:
            found.append(f"{part.name} = {x:.6g} is outside {low:.6g} to {part.high:.6g}")
    if not found and blend.step > 0:
        found.append(f"amounts of {blend.name} are no multiples of {blend.step:g}")
    return found

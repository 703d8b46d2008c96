"""Points drawn without regard to constraints: every parameter by itself, conditional ones where they exist."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.design.space.layout import Blend, Layout, Single
from matloop.design.space.mixtures import draw_amounts, draw_mixtures, draw_present

How = str


def drawn(layout: Layout, n: int, rng: np.random.Generator) -> FloatArray:
    """`n` points, shape (n, width); numbers uniform on their scale, words and settings equally probable."""
    values = np.full((n, layout.width), np.nan)
    for blend in layout.blends:
        values[:, blend.columns] = draw_mixtures(blend, n, rng)
    for one in layout.singles:
        values[:, one.column] = one.scale.drawn(rng.random(n))
    return without_absent(layout, values)


def designed(layout: Layout, u: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Points from a design in the unit cube, shape (n, `design_width`); which components are present, and mixtures in
    steps, are random."""
    values = np.full((len(u), layout.width), np.nan)
    at = 0
    for one in layout.singles:
        values[:, one.column] = one.scale.drawn(u[:, at])
        at += 1
    for blend in layout.blends:
        width = blend.stop - blend.start
        values[:, blend.columns] = _blended(blend, u[:, at : at + width], rng)
        at += width
    return without_absent(layout, values)


def design_width(layout: Layout) -> int:
    """Columns of a design in the unit cube."""
    return len(layout.singles) + sum(blend.stop - blend.start for blend in layout.blends)


def _blended(blend: Blend, u: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Even designs become Dirichlet draws by their exponential quantiles; what breaks a bound is drawn at random."""
    if blend.step > 0:
        return draw_mixtures(blend, len(u), rng)
    present = draw_present(blend, len(u), rng)
    low, high = np.where(present, blend.floor, 0.0), np.where(present, blend.high, 0.0)
    share = -np.log1p(-np.clip(u, 0.0, 1.0 - 1e-12)) * present + 1e-300
    new = low + (1.0 - low.sum(axis=1))[:, None] * share / share.sum(axis=1)[:, None]
    new = np.where(present, new, 0.0)
    bad = np.flatnonzero((new > high + 1e-12).any(axis=1))
    new[bad] = draw_amounts(blend, present[bad], rng)
    return new


def without_absent(layout: Layout, values: FloatArray) -> FloatArray:
    """NaN where a parameter does not exist."""
    if layout.is_conditional:
        values[~layout.exists(values)] = np.nan
    return values


def completed(layout: Layout, values: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Conditional parameters put right after others were changed: drawn where new, NaN where they went."""
    for one in layout.singles:
        if one.exists is None:
            continue
        parent = values[:, one.exists.parent]
        there = np.isin(parent, one.exists.values)
        column = values[:, one.column]
        new = there & np.isnan(column)
        column[new] = one.scale.drawn(rng.random(int(new.sum())))
        column[~there] = np.nan
    return values


def redrawn(layout: Layout, values: FloatArray, part: Single | Blend, rows: IntArray, rng: np.random.Generator) -> None:
    """One parameter of some rows drawn anew, in place."""
    if isinstance(part, Blend):
        values[rows, part.columns] = draw_mixtures(part, len(rows), rng)
    else:
        values[rows, part.column] = part.scale.drawn(rng.random(len(rows)))

"""Whether new labels are of another size than those of the data, as they are where they stand in another unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.problem.question import Target

ENOUGH = 10
"""New labels, and labels of the data, from which their sizes are compared."""
OFTEN = 10.0
"""Middles that differ by less than this factor are no sign of another unit."""


def other_sizes(targets: Sequence[Target], labels: Mapping[str, FloatArray], n_old: int) -> tuple[str, ...]:
    """A sentence per target whose new labels are far larger or smaller than nearly all of the data.

    Parameters
    ----------
    labels : shape (n,) by target, rows of the data first, NaN where there is none. n_old : rows of the data.

    Examples
    --------
    >>> other_sizes([Target("S", "S", unit="uV/K")], {"S": np.r_[np.arange(1.0, 21.0), np.full(10, 0.01)]}, 20)[0][:55]
    'the new labels of S are about 1/1,050 of the size of th'
    """
    said = []
    for target in targets:
        if target.task != "regression":
            continue
        values = np.abs(labels[target.name])
        old, new = (part[np.isfinite(part) & (part > 0.0)] for part in (values[:n_old], values[n_old:]))
        if len(old) < ENOUGH or len(new) < ENOUGH:
            continue
        low, high = np.quantile(old, [0.01, 0.99])
        middle, usual = float(np.median(new)), float(np.median(old))
        if (middle < low and middle * OFTEN < usual) or (middle > high and middle > usual * OFTEN):
            ratio = f"{middle / usual:,.4g} times" if middle > usual else f"1/{usual / middle:,.0f} of"
            said.append(
                f"the new labels of {target.name} are about {ratio} the size of those of the data (middle {middle:.4g} "
                f"beside {usual:.4g}): are they in another unit than {target.unit or 'the data'}? A column without a "
                "unit is taken as it stands; write the unit into the cells"
            )
    return tuple(said)

"""Encoded points in the units in which people think of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.design.contract import Axes

Natural = Callable[[FloatArray], Mapping[str, FloatArray]]
"""Encoded points to {column: values in the user's unit}"""


@dataclass(frozen=True, slots=True)
class View:
    """Columns by name: in the user's units where these are known, else as they are encoded."""

    axes: Axes
    natural: Natural | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Columns of numbers."""
        if self.natural is None:
            return tuple(n for n, word in zip(self.axes.names, self.axes.categorical, strict=True) if not word)
        found = self.natural(np.zeros((1, self.axes.width)))
        return tuple(name for name, values in found.items() if np.asarray(values).dtype.kind in "fiu")

    def columns(self, X: FloatArray, names: tuple[str, ...]) -> FloatArray:
        """Shape (n, len(names))."""
        if not names:
            return np.zeros((len(X), 0))
        if self.natural is None:
            return X[:, [self.axes.names.index(name) for name in names]]
        found = self.natural(X)
        return np.stack([np.asarray(found[name], np.float64) for name in names], axis=1)

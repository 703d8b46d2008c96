"""Any model of the pipeline as a surrogate: members on parts of the rows, trusted as far as left-out rows show.

Members are fitted with some rows left out in turn, several times over; together they say the value, apart they say the
doubt, and the rows left out say how far that doubt is to be trusted (cross-fitting; Barber et al. 2021,
doi:10.1214/20-AOS1965, use the same fits for intervals). Where the model has doubt of its own it is added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError, MissingExtra
from matloop.design.contract import Axes
from matloop.design.surrogates.measured import check_points, spread_of
from matloop.design.surrogates.members import Calibration, Ensemble, calibrated, ensemble
from matloop.design.surrogates.rows import own_rows
from matloop.models import FAMILIES, missing
from matloop.models.outputs import outputs_of
from matloop.represent.table import Columns

_FEW = 6
"""rows with which nothing is left out: members are bootstraps"""


def make(
    axes: Axes, *, family: str = "lightgbm", settings: Mapping[str, Any] | None = None, parts: int = 3, repeats: int = 4
) -> FamilySurrogate:
    """A surrogate from a name of `models.FAMILIES`.

    Parameters
    ----------
    family : for example "lightgbm", "quantile_boosting", "ridge" (spaces and capitals do not count).
    settings : of the family; its accepted default where none are given.
    parts, repeats : rows are dealt into so many parts, so often; each part is left out by one member per deal.

    Raises
    ------
    ConfigError : no such family or setting, or it is not for numbers. MissingExtra : its library is not installed.
    """
    name = "_".join(family.lower().split())
    kind = FAMILIES.load(name)
    if "regression" not in kind.tasks:
        raise ConfigError(f"{kind.label} predicts classes, a surrogate needs numbers. Use for example 'lightgbm'.")
    if why := missing(name):
        raise MissingExtra(why)
    if parts < 2 or repeats < 2:
        raise ConfigError(f"{parts} parts, {repeats} times; needs 2 parts or more, twice or more.")
    found = FamilySurrogate(axes, name, dict(settings or {}), parts, repeats)
    found.built(0)
    return found


@dataclass(frozen=True, slots=True)
class FamilySurrogate:
    """See `make`."""

    axes: Axes
    family: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    parts: int = 3
    repeats: int = 4

    def fit(
        self, X: FloatArray, y: FloatArray, *, seed: int, noise: FloatArray | None = None, task: IntArray | None = None
    ) -> Ensemble:
        """Learn from the rows of the campaign itself."""
        rows = own_rows(self.axes, X, y, noise, task)
        scale = spread_of(rows.y)
        known = float(np.sqrt(np.nanmean(rows.noises))) if np.isfinite(rows.noises).any() else 0.0
        deals = _deals(len(rows.y), self.parts, self.repeats, seed)
        members = FamilyMembers(
            self, rows.X, rows.y, rows.noises, deals, seed, self._fitted(rows.X, rows.y, rows.noises, deals, seed)
        )
        floor = max(known, 1e-3 * scale)
        calibration = _held_out(members, floor) if len(rows.y) >= _FEW else Calibration(1.0, max(floor, 0.1 * scale))
        label = f"{len(deals)} times {FAMILIES.load(self.family).label}, {len(rows.y)} rows{rows.told}"
        return ensemble(members, calibration, rows.X, rows.y, label)

    def built(self, seed: int) -> Any:
        """An unfitted model of the family over these columns."""
        kind = FAMILIES.load(self.family)
        columns = columns_of(self.axes)
        settings = {**kind.settings(1, columns, "regression", np.random.default_rng(seed))[0], **self.settings}
        return kind.build(settings, columns, "regression", 0, "auto", seed)

    def _fitted(
        self, X: FloatArray, y: FloatArray, noises: FloatArray, deals: Sequence[IntArray], seed: int
    ) -> list[Any]:
        weights = row_weights(noises)
        return [
            self.built(seed + k).fit(X[rows], y[rows], None if weights is None else weights[rows])
            for k, rows in enumerate(deals)
        ]


@dataclass(frozen=True, slots=True)
class FamilyMembers:
    """Fitted models, each with the rows it saw."""

    how: FamilySurrogate
    X: FloatArray
    y: FloatArray
    noises: FloatArray
    deals: tuple[IntArray, ...]
    seed: int
    models: list[Any]

    def each(self, X: FloatArray) -> FloatArray:
        X = check_points(self.how.axes, X)
        return np.stack([np.asarray(model.predict(X), np.float64) for model in self.models], axis=1)

    def own(self, X: FloatArray) -> FloatArray:
        return np.asarray(np.mean([outputs_of(model, X).uncertainty.epistemic ** 2 for model in self.models], axis=0))

    def seeing(self, X: FloatArray, y: FloatArray) -> FamilyMembers:
        """Every member is fitted again and sees the new rows."""
        fresh = np.arange(len(self.y), len(self.y) + len(y))
        deals = tuple(np.concatenate([rows, fresh]) for rows in self.deals)
        known_X, known_y = np.vstack([self.X, X]), np.concatenate([self.y, y])
        noises = np.concatenate([self.noises, np.full(len(y), np.nan)])
        models = self.how._fitted(known_X, known_y, noises, deals, self.seed)
        return FamilyMembers(self.how, known_X, known_y, noises, deals, self.seed, models)


def columns_of(axes: Axes) -> Columns:
    """The encoded columns as those of a feature table; codes are words."""
    words = {
        name: tuple(f"w{code:04d}" for code in range(1000))
        for name, word in zip(axes.names, axes.categorical, strict=True)
        if word
    }
    origins = tuple(
        f"{name}:{'category' if word else 'number'}" for name, word in zip(axes.names, axes.categorical, strict=True)
    )
    return Columns(axes.names, origins, words)


def row_weights(noises: FloatArray) -> FloatArray | None:
    """Rows with a known error weigh less the larger it is; None where none is known."""
    known = np.isfinite(noises) & (noises > 0)
    if not known.any():
        return None
    usual = float(np.median(noises[known]))
    weights = np.where(known, usual / np.where(known, noises, 1.0), 1.0)
    return np.asarray(np.clip(weights, 0.05, 20.0))


def _deals(n: int, parts: int, repeats: int, seed: int) -> tuple[IntArray, ...]:
    """Rows of each member: all but one part, or bootstraps of very few rows."""
    rng = np.random.default_rng([seed, 11])
    if n < _FEW:
        return tuple(np.sort(rng.integers(0, n, n)) for _ in range(parts * repeats))
    found = []
    for _ in range(repeats):
        part = rng.permutation(n) % parts
        found += [np.flatnonzero(part != k) for k in range(parts)]
    return tuple(found)


def _held_out(members: FamilyMembers, floor: float) -> Calibration:
    """From rows that the members of a deal did not see: each against the members that left it out."""
    each = members.each(members.X)
    unseen = np.ones(each.shape, bool)
    for k, rows in enumerate(members.deals):
        unseen[rows, k] = False
    many = np.maximum(unseen.sum(axis=1), 1)
    mean = (each * unseen).sum(axis=1) / many
    # members that saw a row agree with its value: their spread is not what new rows will show
    variance = (((each - mean[:, None]) ** 2) * unseen).sum(axis=1) / np.maximum(many - 1, 1)
    good = unseen.any(axis=1)
    return calibrated((members.y - mean)[good], (variance + members.own(members.X))[good], floor)

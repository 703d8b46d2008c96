"""Uncertainty carried through a chain of measurements, models and formulas by Monte Carlo, with the share of each step.

Every step draws values given those of the steps before it. The variance of the last step is taken apart by freezing one
step's own error at a time (first-order and total Sobol indices, Saltelli et al. 2010, doi:10.1016/j.cpc.2009.09.018).
Errors of different steps are taken as independent, errors of different rows too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import ndtri

from matloop.core.arithmetic import CONSTANTS, read_formula, shown
from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError, DataError
from matloop.core.units import in_base, known

FEWEST_DRAWS = 50


class Step(Protocol):
    """One quantity of a chain.

    needs : names of the steps that it is computed from. noisy : whether it adds an error of its own.
    """

    @property
    def name(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def needs(self) -> tuple[str, ...]: ...
    @property
    def noisy(self) -> bool: ...

    def draw(self, known: Mapping[str, FloatArray], z: FloatArray) -> FloatArray:
        """Values of shape (n_rows, n_draws) for values `known` of the same shape and standard scores `z` of the own
        error."""
        ...


@dataclass(frozen=True, slots=True)
class Measured:
    """Values that are given, with one standard deviation: shape (n_rows,) or one number for all rows.

    `positive` quantities get a log-normal error of the same relative size, so that no draw is negative.
    """

    name: str
    values: FloatArray
    std: FloatArray
    unit: str = ""
    positive: bool = False
    needs: tuple[str, ...] = ()

    @property
    def noisy(self) -> bool:
        return bool(np.any(np.nan_to_num(self.std) > 0))

    def draw(self, known: Mapping[str, FloatArray], z: FloatArray) -> FloatArray:
        value = np.broadcast_to(np.asarray(self.values, dtype=np.float64).reshape(-1, 1), z.shape)
        std = np.broadcast_to(np.nan_to_num(np.asarray(self.std, dtype=np.float64)).reshape(-1, 1), z.shape)
        if not self.positive:
            return value + std * z
        width = np.sqrt(np.log1p((std / value) ** 2))
        return np.asarray(value * np.exp(width * z))


@dataclass(frozen=True, slots=True)
class Computed:
    """A formula of steps before it. `relative_error` is one standard deviation of what the formula itself leaves out.

    Values go into the formula in SI base units, and come out in `unit`.
    """

    name: str
    formula: str
    unit: str = ""
    relative_error: float = 0.0
    units: Mapping[str, str] | None = None
    """of the steps that it needs; `chained` fills it"""

    @property
    def needs(self) -> tuple[str, ...]:
        units = self.units or {}
        return tuple(name for name in read_formula(self.formula).names if name in units or name not in CONSTANTS)

    @property
    def noisy(self) -> bool:
        return self.relative_error > 0

    def draw(self, known: Mapping[str, FloatArray], z: FloatArray) -> FloatArray:
        based = {name: _into_base(known[name], (self.units or {})[name]) for name in self.needs}
        value = np.broadcast_to(read_formula(self.formula).value(based), z.shape)
        form = in_base(self.unit)
        scale, offset = (1.0, 0.0) if form is None else (form.scale, form.offset)
        return np.asarray((value - offset) / scale * (1.0 + self.relative_error * z))


def _into_base(values: FloatArray, unit: str) -> FloatArray:
    form = in_base(unit)
    return values if form is None else values * form.scale + form.offset


@dataclass(frozen=True, slots=True)
class Propagated:
    """What comes out of a chain, per row.

    names : of the steps. median, low, high, std : shape (n_rows,) of the last step, `level` between the ends.
    plain : shape (n_rows,), the result with every error left out; where it differs from the median by much, the chain
        bends so strongly that errors shift the middle.
    first, total : shape (n_rows, n_steps), shares of the variance that a step's own error explains alone, and with all
        its interactions; rows without variance are NaN.
    failed : shape (n_rows,), share of draws without a finite value.
    """

    names: tuple[str, ...]
    unit: str
    median: FloatArray
    low: FloatArray
    high: FloatArray
    std: FloatArray
    plain: FloatArray
    first: FloatArray
    total: FloatArray
    failed: FloatArray
    level: float = 0.9
    n_draws: int = 0

    def __len__(self) -> int:
        return len(self.median)

    def words(self) -> str:
        """Which step to improve first, over all rows."""
        known = np.isfinite(self.total).all(axis=1)
        if not known.any():
            return "Nothing in the chain is uncertain."
        mean = self.total[known].mean(axis=0)
        order = np.argsort(-mean, kind="stable")
        said = ", ".join(f"{self.names[k]} {100 * mean[k]:.0f} %" for k in order if mean[k] >= 0.005)
        return f"Of the variance: {said}. Improve {self.names[order[0]]} first."


def chained(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps with what they need checked: names, order, units.

    Raises
    ------
    ConfigError : a name occurs twice, a step needs one that does not come before it, a unit is unknown, or a formula
        gives another quantity than its unit says.
    """
    units: dict[str, str] = {}
    found: list[Step] = []
    for step in steps:
        if step.name in units:
            raise ConfigError(f"two steps are called {step.name!r}. Give each its own name.")
        if not known(step.unit):
            raise ConfigError(f"step {step.name!r}: {step.unit!r} is not a unit.")
        if isinstance(step, Computed):
            step = Computed(step.name, step.formula, step.unit, step.relative_error, dict(units))
        missing = [name for name in step.needs if name not in units]
        if missing:
            raise ConfigError(
                f"step {step.name!r} needs {', '.join(map(repr, missing))}, which no step before it gives "
                f"({', '.join(units) or 'there is none'})."
            )
        if isinstance(step, Computed):
            _refuse_unit(step, units)
        units[step.name] = step.unit
        found.append(step)
    if not found:
        raise ConfigError("a chain needs at least one step.")
    return tuple(found)


def _refuse_unit(step: Computed, units: Mapping[str, str]) -> None:
    form = in_base(step.unit)
    got = read_formula(step.formula).dimension(units)
    asked = form.exponents if form is not None else ()
    if dict(got) != dict(asked):
        raise ConfigError(
            f"step {step.name!r}: {step.formula!r} gives {shown(got)}, its unit {step.unit or '(none)'!r} is "
            f"{shown(asked)}. Correct the formula or the unit."
        )


def propagate(
    steps: Sequence[Step], *, n_rows: int, n_draws: int = 500, level: float = 0.9, seed: int = 0
) -> Propagated:
    """Carry uncertainty through `steps` to the last one.

    Parameters
    ----------
    n_draws : draws per row and pass; there are two passes and one more per noisy step. 500 give ends to about 10 % of
        the interval's width and shares to about 0.1 in a row, far better on average over rows.
    level : share of the draws between the ends.

    Raises
    ------
    ConfigError : as for `chained`; too few draws; a level that is not between 0 and 1.

    Examples
    --------
    >>> S = Measured("S", np.array([200.0]), np.array([10.0]), "uV/K")
    >>> sigma = Measured("sigma", np.array([1e5]), np.array([2e3]), "S/m")
    >>> out = propagate([S, sigma, Computed("PF", "S**2 * sigma", "mW/m/K^2")], n_rows=1, n_draws=4000)
    >>> round(float(out.median[0]), 1), [round(float(x), 1) for x in out.first[0]]
    (4.0, [1.0, 0.0, 0.0])
    """
    if n_draws < FEWEST_DRAWS:
        raise ConfigError(f"{n_draws} draws are too few for an interval; use {FEWEST_DRAWS} or more.")
    if not 0.0 < level < 1.0:
        raise ConfigError(f"the level of an interval lies between 0 and 1, got {level}.")
    chain = chained(steps)
    rng = np.random.default_rng(seed)
    noisy = [k for k, step in enumerate(chain) if step.noisy]
    one = {k: rng.standard_normal((n_rows, n_draws)) for k in noisy}
    other = {k: rng.standard_normal((n_rows, n_draws)) for k in noisy}
    last, second = _walk(chain, one, n_rows, n_draws), _walk(chain, other, n_rows, n_draws)
    first, total = np.zeros((n_rows, len(chain))), np.zeros((n_rows, len(chain)))
    both = np.concatenate([last, second], axis=1)
    variance = _finite_var(both)
    for k in noisy:
        mixed = _walk(chain, {**one, k: other[k]}, n_rows, n_draws)
        # Saltelli's estimator for the share alone, Jansen's for the total
        first[:, k] = _finite_mean(second * (mixed - last)) / variance
        total[:, k] = 0.5 * _finite_mean((last - mixed) ** 2) / variance
    certain = ~(variance > 0)
    first[certain], total[certain] = np.nan, np.nan
    tails = 0.5 * (1.0 - level)
    good = np.where(np.isfinite(both), both, np.nan)
    enough = np.isfinite(good).any(axis=1)
    low, median, high = np.full((3, n_rows), np.nan)
    if enough.any():
        low[enough], median[enough], high[enough] = np.nanquantile(good[enough], [tails, 0.5, 1.0 - tails], axis=1)
    plain = _walk(chain, {}, n_rows, 1)[:, 0]
    return Propagated(
        tuple(step.name for step in chain), chain[-1].unit, median, low, high, np.sqrt(variance), plain,
        np.clip(first, 0.0, 1.0), np.clip(total, 0.0, 1.0), 1.0 - np.isfinite(both).mean(axis=1), level, 2 * n_draws,
    )  # fmt: skip


def _walk(chain: Sequence[Step], errors: Mapping[int, FloatArray], n_rows: int, n_draws: int) -> FloatArray:
    """Values of the last step, shape (n_rows, n_draws); steps without given errors have none."""
    none = np.zeros((n_rows, n_draws))
    values: dict[str, FloatArray] = {}
    for k, step in enumerate(chain):
        found = step.draw(values, errors.get(k, none))
        if found.shape != none.shape:
            raise DataError(f"step {step.name!r} gave values of shape {found.shape} for {none.shape} (rows, draws).")
        values[step.name] = found
    return values[chain[-1].name]


def _finite_mean(values: FloatArray) -> FloatArray:
    good = np.isfinite(values)
    return np.asarray(np.where(good, values, 0.0).sum(axis=1) / np.maximum(good.sum(axis=1), 1))


def _finite_var(values: FloatArray) -> FloatArray:
    mean = _finite_mean(values)[:, None]
    return _finite_mean((values - mean) ** 2)


def from_interval(
    value: FloatArray, low: FloatArray, high: FloatArray, z: FloatArray, level: float = 0.9
) -> FloatArray:
    """Draws of a predicted value from its interval: two halves of normal distributions that meet at the value.

    Parameters
    ----------
    value, low, high : shape (n_rows, n_draws) or broadcastable, `level` of values between the ends.
    z : standard scores, shape (n_rows, n_draws).
    """
    reach = float(ndtri(0.5 * (1.0 + level)))
    below, above = np.maximum(value - low, 0.0) / reach, np.maximum(high - value, 0.0) / reach
    return np.asarray(value + np.where(z < 0, below, above) * z)

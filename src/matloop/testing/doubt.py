"""The contracts of methods for intervals and for prediction sets, as checks that any method can be run through.

from matloop.testing.doubt import check_intervals, check_sets
check_intervals("cv+")
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import BundleError, ConfigError
from matloop.doubt import INTERVALS, SETS
from matloop.doubt.methods import Asked, IntervalMethod
from matloop.doubt.regressor import ConformalRegressor
from matloop.doubt.sets import SetMethod, SetRule

LEVEL = 0.8
DEVIATIONS = 4.0
"""Coverage may be off by this many standard deviations of a share of the known and of the new rows."""


@dataclass(frozen=True, slots=True)
class Example:
    """Rows whose noise hangs on a feature; the last column is a whole number from 0 to 2."""

    X: FloatArray
    y: FloatArray


def example(n: int, seed: int) -> Example:
    """Exchangeable rows: the same for every seed but for the draw."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.normal(size=(n, 3)), rng.integers(0, 3, n)])
    noise = (0.3 + 0.5 * X[:, 3]) * rng.standard_normal(n)
    return Example(X, X[:, 0] - 2.0 * X[:, 1] + noise)


def regressor(method: IntervalMethod, level: float = LEVEL, groups: bool = False) -> ConformalRegressor:
    """The method around an estimator that has what it needs; one that learns by heart to see if groups are kept."""
    estimator = Ridge() if not groups else KNeighborsRegressor(1)
    if method.needs == "spread":
        estimator = RandomForestRegressor(20, min_samples_leaf=1 if groups else 3, bootstrap=not groups, random_state=0)
    by = 3 if method.needs == "category" else None
    return ConformalRegressor(estimator, method=method.name, level=level, by=by)


def fitted(method: IntervalMethod, known: Example, new: Example, level: float = LEVEL) -> ConformalRegressor:
    """`regressor`, fitted on `known`."""
    return regressor(method, level).fit(known.X, known.y, toward=new.X if method.needs == "toward" else None)


def check_intervals(name: str) -> None:
    """Run the method `name` of `INTERVALS` through every check; AssertionError says which one failed and how."""
    method: IntervalMethod = INTERVALS.load(name)
    assert method.name == name, f"it calls itself {method.name!r}, the registry {name!r}"
    assert method.label, "it has no label"
    assert method.promise, "it does not say what it promises"
    for check in INTERVAL_CHECKS:
        try:
            check(method)
        except AssertionError as error:
            raise AssertionError(f"{name}, {check.__name__}: {error}") from error


def check_coverage(method: IntervalMethod) -> None:
    """Rows like the known ones are covered as promised, within chance; the value is inside, and the ends are finite."""
    known, new = example(500, 0), example(2000, 1)
    model = fitted(method, known, new)
    low, high = model.predict_interval(new.X)
    value = model.predict(new.X)
    assert np.isfinite(low).all(), "a lower end is not finite"
    assert np.isfinite(high).all(), "an upper end is not finite"
    assert ((low <= value) & (value <= high)).all(), "a value lies outside its interval"
    found = float(((low <= new.y) & (new.y <= high)).mean())
    off = DEVIATIONS * np.sqrt(LEVEL * (1 - LEVEL) * (1 / model.n_known_ + 1 / len(new.y)))
    assert abs(found - LEVEL) <= off, f"{found:.3f} of new rows are inside, {LEVEL} +- {off:.3f} were promised"


def check_higher_level(method: IntervalMethod) -> None:
    """A higher level has wider intervals."""
    known, new = example(200, 2), example(200, 3)
    widths = [np.subtract(*fitted(method, known, new, level).predict_interval(new.X)[::-1]) for level in (0.5, 0.95)]
    assert widths[1].mean() > 1.3 * widths[0].mean(), "a level of 0.95 is hardly wider than one of 0.5"


def check_same(method: IntervalMethod) -> None:
    """The same input gives the same bits, a row alone the same as in a batch, and nothing that is passed is changed."""
    known, new = example(160, 4), example(50, 5)
    kept = known.X.copy(), known.y.copy(), new.X.copy()
    model, other = fitted(method, known, new), fitted(method, known, new)
    first, again = (np.array(one.predict_interval(new.X)) for one in (model, other))
    assert (first == again).all(), "the same input gave other ends"
    alone = np.array(model.predict_interval(new.X[7:8]))[:, 0]
    assert np.allclose(alone, first[:, 7], rtol=1e-9), "a row alone has other ends than in a batch"
    for before, after in zip(kept, (known.X, known.y, new.X), strict=True):
        assert (before == after).all(), "an array that was passed was changed"


def check_round_trip(method: IntervalMethod) -> None:
    """What it learnt survives as plain arrays, bit for bit; missing ones are refused."""
    known, new = example(160, 6), example(60, 7)
    model = fitted(method, known, new)
    arrays = model.intervals_.to_arrays()
    assert all(array.dtype.kind in "fiubU" for array in arrays.values()), "an array does not hold plain values"
    back = method.read(arrays)
    rng = np.random.default_rng(0)
    members = rng.normal(size=(60, len(model._members)))
    asked = Asked(new.X, new.y, np.abs(new.X[:, 0]), members, new.X[:, 3].astype(np.str_))
    for one, other in zip(model.intervals_.ends(asked), back.ends(asked), strict=True):
        assert (one == other).all(), "after the round trip the ends are others"
    try:
        method.read({})
    except BundleError:
        return
    raise AssertionError("no arrays at all were not refused")


def check_groups(method: IntervalMethod) -> None:
    """Rows of one group never teach the width of each other: a model that learns by heart is not believed."""
    once, new = example(120, 8), example(400, 9)
    rng = np.random.default_rng(1)
    X = np.repeat(once.X, 3, axis=0) + 1e-6 * rng.standard_normal((360, 4)) * [1, 1, 1, 0]
    y, groups = np.repeat(once.y, 3), np.repeat(np.arange(120), 3)
    model = regressor(method, groups=True).fit(X, y, groups, toward=new.X if method.needs == "toward" else None)
    low, high = model.predict_interval(new.X)
    found = float(((low <= new.y) & (new.y <= high)).mean())
    assert found > LEVEL - 0.2, f"with copies in groups only {found:.2f} are inside: groups were split"


def check_hard_cases(method: IntervalMethod) -> None:
    """A constant target has no width, few rows are survived, and an impossible level is refused."""
    known, new = example(60, 10), example(40, 11)
    still = Example(known.X, np.full(60, 2.0))
    low, high = fitted(method, still, new).predict_interval(new.X)
    assert np.allclose([low, high], 2.0, atol=1e-6), "a target that never varies has an interval"
    few = Example(known.X[:12], known.y[:12])
    if method.needs != "toward":
        assert np.isfinite(fitted(method, few, new).predict_interval(new.X)).all(), "twelve rows are too few for it"
    for level in (0.0, 1.0, 90.0):
        try:
            fitted(method, known, new, level)
        except ConfigError:
            continue
        raise AssertionError(f"a level of {level} was not refused")


INTERVAL_CHECKS: tuple[Callable[[IntervalMethod], None], ...] = (
    check_coverage,
    check_higher_level,
    check_same,
    check_round_trip,
    check_groups,
    check_hard_cases,
)


def class_example(n: int, n_classes: int, seed: int) -> tuple[FloatArray, IntArray]:
    """Overconfident probabilities, and classes drawn from the true ones; the first class is the rarest."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, 1.5, (n, n_classes)) + 0.5 * np.arange(n_classes)
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y = (true.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    said = true**2
    return said / said.sum(axis=1, keepdims=True), np.minimum(y, n_classes - 1).astype(np.int64)


def check_sets(name: str) -> None:
    """Run the method `name` of `SETS` through every check; AssertionError says what failed and how."""
    method: SetMethod = SETS.load(name)
    assert method.name == name, f"it calls itself {method.name!r}, the registry {name!r}"
    assert method.label, "it has no label"
    for n_classes in (2, 3, 8):
        proba, y = class_example(900, n_classes, 0)
        new, truth = class_example(4000, n_classes, 1)
        rule = method.learn(proba, y, level=LEVEL)
        contains = rule.contains(new)
        assert contains.shape == new.shape, f"{name}: sets of shape {contains.shape}"
        assert contains.any(axis=1).all(), f"{name}: a set is empty"
        assert contains[np.arange(4000), new.argmax(axis=1)].all(), f"{name}: the most probable class is left out"
        found = float(contains[np.arange(4000), truth].mean())
        off = DEVIATIONS * np.sqrt(LEVEL * (1 - LEVEL) * (1 / 600 + 1 / 4000))
        assert found >= LEVEL - off, f"{name}, {n_classes} classes: {found:.3f} of the sets hold the true class"
        back = SetRule.from_arrays(rule.to_arrays())
        assert (back.contains(new) == contains).all(), f"{name}: after the round trip the sets are others"
        larger = method.learn(proba, y, level=0.95).contains(new)
        assert larger.sum() >= contains.sum(), f"{name}: a higher level has smaller sets"
    try:
        method.learn(proba, y, level=1.0)
    except ConfigError:
        return
    raise AssertionError(f"{name}: a level of 1 was not refused")

"""The contract of a model family, as checks that any family (also one from another package) can be run through.

from matloop.testing.models import check_model
check_model("extra_trees")
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from matloop.core.arrays import Arrays, FloatArray
from matloop.core.errors import BundleError, ConfigError, DataError
from matloop.models import FAMILIES
from matloop.models.arrays import model_from_arrays
from matloop.models.family import Family, FitTask
from matloop.represent.table import Columns

_CLOSE = 1e-9
"""relative difference allowed between one row and the same row in a batch (design: other chunking)"""


@dataclass(frozen=True, slots=True)
class Example:
    """A small table with everything that real tables have: gaps, a constant and an empty column, words, tails."""

    columns: Columns
    X: FloatArray
    y: FloatArray
    task: FitTask
    n_classes: int


def example(task: FitTask = "regression", n_classes: int = 0, n_rows: int = 80, seed: int = 0) -> Example:
    """A table whose target follows from two numbers and a word, with noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 8))
    X[:, 2] = np.exp(3.0 * X[:, 2])
    X[:, 4], X[:, 5] = 1.0, np.nan
    X[:, 6] = rng.integers(0, 3, n_rows)
    X[:, 7] = np.where(rng.random(n_rows) < 0.3, np.nan, X[:, 7])
    X[rng.random(n_rows) < 0.1, 1] = np.nan
    y = 2.0 * X[:, 0] - np.nan_to_num(X[:, 1]) + X[:, 6] + 0.1 * rng.normal(size=n_rows)
    if n_classes:
        edges = np.quantile(y, np.linspace(0, 1, n_classes + 1)[1:-1])
        y = np.searchsorted(edges, y).astype(np.float64)
    names = (*(f"x{i}" for i in range(7)), "gappy")
    columns = Columns(names, ("formula:magpie",) * 6 + ("route:category", "t:number"), {"x6": ("a", "b", "c", "d")})
    return Example(columns, X, y, task, n_classes)


def examples(family: Family) -> list[Example]:
    """One per task: regression; two and three classes."""
    found = []
    if "regression" in family.tasks:
        found.append(example())
    if "classification" in family.tasks:
        found += [example("classification", 2), example("classification", 3)]
    return found


def check_model(name: str, *, other_process: bool = True) -> None:
    """Run the family `name` through every check; AssertionError says which one failed and how."""
    family: Family = FAMILIES.load(name)
    check_family(family, name)
    for case in examples(family):
        for check in CHECKS:
            try:
                check(family, case)
            except AssertionError as error:
                raise AssertionError(
                    f"{name}, {case.task}, {case.n_classes} classes, {check.__name__}: {error}"
                ) from error
    if other_process:
        check_other_process(name)


def build(family: Family, case: Example, *, seed: int = 0) -> Any:
    """The family's default model for a case, unfitted; what it offers as `cheap` makes the checks quick."""
    default = family.settings(1, case.columns, case.task, np.random.default_rng(0))[0]
    settings = {**default, **getattr(family, "cheap", {})}
    return family.build(settings, case.columns, case.task, case.n_classes, "auto", seed)


def fitted(family: Family, case: Example, *, seed: int = 0) -> Any:
    """The family's default model, fitted on all rows of a case."""
    return build(family, case, seed=seed).fit(case.X, case.y)


def digest(arrays: Arrays) -> str:
    """One word for all arrays: equal bits give equal words."""
    sha = hashlib.sha256()
    for name in sorted(arrays):
        sha.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape}".encode())
        sha.update(np.ascontiguousarray(arrays[name]).tobytes())
    return sha.hexdigest()


def check_family(family: Family, name: str) -> None:
    """Its description is complete, its settings are drawn by the seed alone, and unknown ones are refused."""
    assert family.name == name, f"it calls itself {family.name!r}, the registry {name!r}"
    assert family.label, "it has no label"
    assert family.tasks <= {"regression", "classification"}, f"unknown tasks {family.tasks}"
    assert family.max_rows > 0
    for case in examples(family):
        first, again = (family.settings(6, case.columns, case.task, np.random.default_rng(3)) for _ in range(2))
        assert first == again, "the same generator gave other settings"
        assert 1 <= len(first) <= 6
        for settings in first:
            family.build(settings, case.columns, case.task, case.n_classes, "auto", 0)
        try:
            family.build({"no_such_setting": 1}, case.columns, case.task, case.n_classes, "auto", 0)
        except ConfigError as error:
            assert "no_such_setting" in str(error)
        else:
            raise AssertionError("a misspelt setting was taken in silence")


def check_shapes(family: Family, case: Example) -> None:
    """Predictions are float64, one per row, finite; probabilities sum to one; spread is not negative."""
    model, n = fitted(family, case), len(case.X)
    value = model.predict(case.X)
    assert (value.shape, value.dtype) == ((n,), np.float64)
    assert np.isfinite(value).all()
    if case.n_classes:
        proba = model.predict_proba(case.X)
        assert proba.shape == (n, case.n_classes)
        np.testing.assert_allclose(proba.sum(axis=1), 1.0)
        assert (proba >= 0).all()
        assert set(np.unique(value)) <= set(range(case.n_classes))
    if hasattr(model, "spread"):
        spread = model.spread(case.X)
        assert spread.shape == (n,)
        assert (np.isfinite(spread) & (spread >= 0)).all()
    if hasattr(model, "uncertainty"):
        _check_uncertainty(model, case)
    assert model.predict(case.X[:0]).shape == (0,), "no rows should give no predictions"


def _check_uncertainty(model: Any, case: Example) -> None:
    """Both parts are there for every row and add up: to the spread, or to the variance p (1 - p) of the label."""
    found = model.uncertainty(case.X)
    for part in (found.epistemic, found.aleatoric):
        assert part.shape == (len(case.X),)
        assert (np.isfinite(part) & (part >= 0)).all()
    if case.n_classes:
        top = model.predict_proba(case.X).max(axis=1)
        assert (found.total**2 >= top * (1.0 - top) - 1e-9).all(), "a label is more certain than its probability"
    if hasattr(model, "spread"):
        np.testing.assert_array_equal(found.epistemic if case.n_classes else found.total, model.spread(case.X))


def check_input_untouched(family: Family, case: Example) -> None:
    """Neither fit nor predict writes into what it was given (read-only arrays are enough)."""
    X, y = case.X.copy(), case.y.copy()
    X.flags.writeable = y.flags.writeable = False
    build(family, case).fit(X, y, np.ones(len(y))).predict(X)
    np.testing.assert_array_equal(X, case.X)


def check_deterministic(family: Family, case: Example) -> None:
    """The same seed gives the same bits."""
    assert digest(fitted(family, case, seed=7).to_arrays()) == digest(fitted(family, case, seed=7).to_arrays())


def check_round_trip(family: Family, case: Example) -> None:
    """Through plain arrays and back: same bits in every output, no object array."""
    model = fitted(family, case)
    arrays = model.to_arrays()
    assert all(array.dtype.kind in "fiubU" for array in arrays.values()), "an array is not plain"
    again: Any = model_from_arrays({name: array.copy() for name, array in arrays.items()})
    np.testing.assert_array_equal(model.predict(case.X), again.predict(case.X))
    if case.n_classes:
        np.testing.assert_array_equal(model.predict_proba(case.X), again.predict_proba(case.X))
    if hasattr(model, "spread"):
        np.testing.assert_array_equal(model.spread(case.X), again.spread(case.X))
    if hasattr(model, "uncertainty"):
        here, there = model.uncertainty(case.X), again.uncertainty(case.X)
        np.testing.assert_array_equal(here.epistemic, there.epistemic)
        np.testing.assert_array_equal(here.aleatoric, there.aleatoric)
    assert digest(again.to_arrays()) == digest(arrays), "arrays of the reloaded model differ"


def check_one_row(family: Family, case: Example) -> None:
    """A row by itself is predicted as in a batch, whatever stands around it."""
    model = fitted(family, case)
    ask = model.predict_proba if case.n_classes else model.predict
    batch = ask(case.X)
    single = np.concatenate([ask(case.X[i : i + 1]) for i in range(10)])
    np.testing.assert_allclose(single, batch[:10], rtol=_CLOSE, atol=_CLOSE)
    np.testing.assert_allclose(ask(case.X[::-1])[::-1], batch, rtol=_CLOSE, atol=_CLOSE)


def check_gaps(family: Family, case: Example) -> None:
    """Missing values where training had none, words never seen, an empty row: an answer, and the same after reload."""
    model = fitted(family, case)
    X = case.X[:6].copy()
    X[0], X[1, 0], X[2, 6], X[3, 6] = np.nan, np.nan, 3.0, np.nan
    X[4, 2], X[5, 4] = 1e30, -5.0
    value = model.predict(X)
    assert np.isfinite(value).all()
    again: Any = model_from_arrays(model.to_arrays())
    np.testing.assert_array_equal(value, again.predict(X))


def check_weights(family: Family, case: Example) -> None:
    """Even weights of any size change nothing; a row of weight zero and a changed label of it may not crash."""
    one = build(family, case).fit(case.X, case.y, np.ones(len(case.y))).predict(case.X)
    two = build(family, case).fit(case.X, case.y, np.full(len(case.y), 4.0)).predict(case.X)
    np.testing.assert_array_equal(one, two)
    weights = np.ones(len(case.y))
    weights[::7] = 0.0
    assert np.isfinite(build(family, case).fit(case.X, case.y, weights).predict(case.X)).all()


def check_small(family: Family, case: Example) -> None:
    """Few rows, one row, one class, a constant target, only constant columns: a model all the same."""
    for n in (1, 2, 3, 5, 12):
        value = build(family, case).fit(case.X[:n], case.y[:n]).predict(case.X)
        assert np.isfinite(value).all(), f"{n} rows"
    same = build(family, case).fit(case.X, np.ones(len(case.y)))
    np.testing.assert_allclose(same.predict(case.X), 1.0)
    flat = build(family, case).fit(np.ones_like(case.X), case.y)
    assert np.ptp(flat.predict(case.X)) == 0.0
    if case.n_classes == 3:
        proba = build(family, case).fit(case.X[case.y != 1], case.y[case.y != 1]).predict_proba(case.X)
        assert proba.shape[1] == 3
        assert (proba[:, 1] == 0).all(), "a class never seen must have probability zero"


def check_bad_input(family: Family, case: Example) -> None:
    """Wrong columns, no rows, infinite entries, targets that are no numbers: an error that says what and where."""
    model = fitted(family, case)
    infinite, unknown = case.X.copy(), case.y.copy()
    infinite[3, 1], unknown[2] = np.inf, np.nan
    faults: list[tuple[str, Callable[[], Any], str]] = [
        ("missing column", lambda: model.predict(case.X[:, 1:]), "8"),
        ("no rows", lambda: build(family, case).fit(case.X[:0], case.y[:0]), "no rows"),
        ("infinite", lambda: build(family, case).fit(infinite, case.y), "row 3, column 'x1'"),
        ("infinite", lambda: model.predict(infinite), "row 3"),
        ("target", lambda: build(family, case).fit(case.X, unknown), "row 2"),
        ("lengths", lambda: build(family, case).fit(case.X, case.y[1:]), "80"),
        ("weights", lambda: build(family, case).fit(case.X, case.y, -np.ones(80)), "weights"),
    ]
    for what, act, word in faults:
        try:
            act()
        except DataError as error:
            assert word in str(error), f"{what}: the message does not say {word!r}: {error}"
        else:
            raise AssertionError(f"{what}: no error")


def check_scikit_learn(family: Family, case: Example) -> None:
    """clone gives an equal unfitted twin; fit returns self; parameters are only stored."""
    from sklearn.base import clone

    model = build(family, case)
    twin = clone(model)
    assert repr(sorted(twin.get_params())) == repr(sorted(model.get_params()))
    assert not [name for name in vars(twin) if name.endswith("_") and not name.startswith("_")]
    assert twin.fit(case.X, case.y) is twin
    assert digest(twin.to_arrays()) == digest(model.fit(case.X, case.y).to_arrays())


def check_learns(family: Family, case: Example) -> None:
    """On the rows it was fitted on it beats knowing nothing (the dummy may tie)."""
    model = fitted(family, case)
    value = model.predict(case.X)
    if case.n_classes:
        shares = np.bincount(case.y.astype(int)) / len(case.y)
        assert (value == case.y).mean() >= shares.max() - 1e-12
    else:
        limit = 1.0 if family.name == "dummy" else 0.8
        assert np.abs(value - case.y).mean() <= limit * np.abs(case.y - np.median(case.y)).mean() + 1e-12


def check_damaged(family: Family, case: Example, n_trials: int = 60, seed: int = 0) -> None:
    """Arrays with a random fault give a BundleError or a model that answers; never a crash, never a hang."""
    arrays = fitted(family, case).to_arrays()
    rng = np.random.default_rng(seed)
    for _ in range(n_trials):
        broken = damaged(arrays, rng)
        try:
            model: Any = model_from_arrays(broken)
            value = model.predict(case.X[:5])
        except (BundleError, DataError):
            continue
        assert value.shape == (5,)


def damaged(arrays: Arrays, rng: np.random.Generator) -> Arrays:
    """The arrays with one fault: an entry, a length, a type, a shape, or an array that is gone."""
    broken = {name: array.copy() for name, array in arrays.items()}
    name = sorted(broken)[int(rng.integers(len(broken)))]
    array = broken[name]
    fault = int(rng.integers(7))
    if fault == 0:
        del broken[name]
    elif fault == 1 and array.ndim:
        broken[name] = array[:-1]
    elif fault == 2 and array.ndim:
        broken[name] = np.concatenate([array, array])
    elif fault == 3:
        broken[name] = array.astype(str)
    elif fault == 4:
        broken[name] = array[None]
    elif array.dtype.kind in "fiu" and array.size:
        wild = [-1, 0, 1, 2, 100, 127] if array.dtype.kind in "iu" else [np.nan, np.inf, -1.0, 0.0, 1e300]
        with np.errstate(over="ignore"):
            at, value = int(rng.integers(array.size)), wild[int(rng.integers(len(wild)))]
            array.flat[at] = np.array(value).astype(array.dtype)
    return broken


CHECKS: tuple[Callable[[Family, Example], None], ...] = (
    check_shapes, check_input_untouched, check_deterministic, check_round_trip, check_one_row, check_gaps,
    check_weights, check_small, check_bad_input, check_scikit_learn, check_learns, check_damaged,
)  # fmt: skip


def check_other_process(name: str) -> None:
    """Two fresh processes fit the same bits from the same seed, with one thread each (sums over several differ)."""
    code = f"from matloop.testing.models import digests; import sys; sys.stdout.write(' '.join(digests({name!r})))"
    alone = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **alone},
        )
        for _ in range(2)
    ]  # fmt: skip
    told = [process.communicate(timeout=300) for process in both]
    assert all(process.returncode == 0 for process in both), "\n".join(error[-2000:] for _, error in told)
    assert told[0][0].split() == told[1][0].split() != [], f"{name}: another process fitted other bits"


def digests(name: str) -> list[str]:
    """One word per task for the fitted default of a family."""
    family: Family = FAMILIES.load(name)
    return [digest(fitted(family, case, seed=3).to_arrays()) for case in examples(family)]

"""The contract of surrogates, as checks that any one can be run through.

from matloop.testing.surrogate_contract import check_surrogate
check_surrogate("gp")
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import DataError
from matloop.design.contract import Axes, Surrogate
from matloop.design.surrogates.registry import make_surrogate

Make = Callable[[Axes], Surrogate]


@dataclass(frozen=True, slots=True)
class Example:
    """Rows of a smooth law with little noise, and points to ask about."""

    axes: Axes
    X: FloatArray
    y: FloatArray
    new: FloatArray


def mixed_axes(numbers: int, words: int) -> Axes:
    """That many numbers and categories, each a variable of its own."""
    n = numbers + words
    return Axes(tuple(f"x{k}" for k in range(n)), np.arange(n) >= numbers, np.arange(n))


def example(n: int = 24, numbers: int = 3, words: int = 1, seed: int = 0) -> Example:
    """The first number bends the value, the second tilts it, one of three words lifts it."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.random((n + 16, numbers)), rng.integers(0, 3, (n + 16, words))]).astype(np.float64)
    y = 0.01 * rng.standard_normal(n + 16)
    if numbers:
        y = y + np.sin(4.0 * X[:, 0]) + (X[:, 1] if numbers > 1 else 0.0)
    if words:
        y = y + 0.5 * (X[:, numbers] == 1)
    return Example(mixed_axes(numbers, words), X[:n], y[:n], X[n:])


def check_surrogate(name: str) -> None:
    """Run the surrogate `name` of `SURROGATES` through every check; AssertionError says which one failed and how."""
    for check in CHECKS:
        run_check(name, check)


def run_check(name: str, check: Callable[[Make], None]) -> None:
    """One of `CHECKS`; AssertionError says how it failed."""
    try:
        check(lambda axes: make_surrogate(name, axes))
    except AssertionError as error:
        raise AssertionError(f"{name}, {check.__name__}: {error}") from error


def check_shapes(make: Make) -> None:
    """Everything has the promised shape and is finite, nothing that is passed is changed, and words are there."""
    case = example()
    kept = case.X.copy(), case.y.copy(), case.new.copy()
    belief = make(case.axes).fit(case.X, case.y, seed=0)
    mean, std = belief.predict(case.new)
    centre, covariance = belief.joint(case.new)
    drawn = belief.draw(case.new, 5, 1)
    m = len(case.new)
    found = mean.shape, std.shape, centre.shape, covariance.shape, drawn.shape
    assert found == ((m,), (m,), (m,), (m, m), (5, m)), f"shapes {found}"
    assert all(np.isfinite(a).all() for a in (mean, std, covariance, drawn)), "something is not finite"
    assert (std >= 0).all(), "a standard deviation is below zero"
    assert np.isfinite(belief.noise), f"the noise is {belief.noise}"
    assert belief.noise >= 0, f"the noise is {belief.noise}"
    assert belief.words, "it has no words"
    for before, after in zip(kept, (case.X, case.y, case.new), strict=True):
        assert (before == after).all(), "an array that was passed was changed"


def check_learns(make: Make) -> None:
    """The mean explains most of what a constant cannot, and it is surer where it has measured."""
    case = example(60)
    belief = make(case.axes).fit(case.X[:44], case.y[:44], seed=0)
    mean, _ = belief.predict(case.X[44:])
    off, plain = np.mean((mean - case.y[44:]) ** 2), np.mean((case.y[:44].mean() - case.y[44:]) ** 2)
    assert off < 0.5 * plain, f"mean squared error {off:.3g}, a constant has {plain:.3g}"
    at, away = belief.predict(case.X[:44])[1].mean(), belief.predict(case.X[44:])[1].mean()
    assert at < away, f"doubt {at:.3g} at measured points, {away:.3g} elsewhere"


def check_same(make: Make) -> None:
    """The same rows and seed give the same bits, and a point alone the same as among others."""
    case = example()
    first, again = (make(case.axes).fit(case.X, case.y, seed=3) for _ in range(2))
    assert (np.array(first.predict(case.new)) == np.array(again.predict(case.new))).all(), "predictions differ"
    assert (first.draw(case.new, 3, 5) == again.draw(case.new, 3, 5)).all(), "draws of one seed differ"
    assert (first.draw(case.new, 3, 5) != again.draw(case.new, 3, 6)).any(), "draws of two seeds are the same"
    alone, among = np.array(first.predict(case.new[4:5]))[:, 0], np.array(first.predict(case.new))[:, 4]
    assert np.allclose(alone, among, rtol=1e-6, atol=1e-9), f"alone {alone}, among others {among}"


def check_joint(make: Make) -> None:
    """The covariance is symmetric, without negative directions, agrees with `predict`, and draws follow it."""
    case = example()
    belief = make(case.axes).fit(case.X, case.y, seed=0)
    (mean, std), (centre, covariance) = belief.predict(case.new), belief.joint(case.new)
    assert np.allclose(mean, centre, rtol=1e-7, atol=1e-9), "joint has another mean"
    assert np.allclose(std**2, np.diag(covariance), rtol=1e-6, atol=1e-10), "its diagonal is not std squared"
    assert np.allclose(covariance, covariance.T), "the covariance is not symmetric"
    least = float(np.linalg.eigvalsh(covariance)[0])
    assert least > -1e-6 * np.trace(covariance), f"the covariance has the eigenvalue {least:.3g}"
    drawn = belief.draw(case.new, 4000, 7)
    off = np.abs(drawn.mean(axis=0) - mean) / np.maximum(std, 1e-9)
    assert off.max() < 6 / np.sqrt(4000) + 1e-3, f"the mean of draws is off by {off.max():.3f} deviations"
    ratio = drawn.std(axis=0) / np.maximum(std, 1e-9)
    assert np.abs(ratio - 1).max() < 0.2, f"draws spread {ratio.min():.2f} to {ratio.max():.2f} times the deviation"


def check_believing(make: Make) -> None:
    """What is believed is known better, draws the mean, and leaves the old belief as it was."""
    case = example()
    belief = make(case.axes).fit(case.X, case.y, seed=0)
    mean, std = belief.predict(case.new)
    after = belief.believing(case.new[:2], mean[:2] + 3.0 * np.maximum(std[:2], 1e-3))
    moved, less = after.predict(case.new)
    assert (less[:2] <= std[:2] * (1 + 1e-9)).all(), f"deviations {std[:2]} became {less[:2]}"
    assert less[:2].sum() < std[:2].sum(), "believing taught nothing"
    assert (moved[:2] > mean[:2]).all(), "the mean did not move towards what is believed"
    assert (np.array(belief.predict(case.new)) == np.array([mean, std])).all(), "the old belief was changed"


def check_scales(make: Make) -> None:
    """Values in other units give the same belief in other units."""
    case = example()
    mean, std = make(case.axes).fit(case.X, case.y, seed=0).predict(case.new)
    for scale, shift in ((1e-6, 0.0), (1e9, 3e9)):
        belief = make(case.axes).fit(case.X, shift + scale * case.y, seed=0)
        other, wide = belief.predict(case.new)
        off = np.abs((other - shift) / scale - mean).max() / np.abs(mean).max()
        assert off < 0.03, f"values times {scale:g}: the mean is off by {off:.2g}"
        assert np.allclose(wide / scale, std, rtol=0.2, atol=0.05 * std.max()), f"values times {scale:g}: other doubt"


def check_few(make: Make) -> None:
    """One row, two equal rows, values that never vary, and two copies of a column are survived."""
    case = example()
    doubled = np.column_stack([case.X[:, :3], case.X[:, :1]])
    cases = {
        "one row": (case.axes, case.X[:1], case.y[:1], case.new),
        "two equal rows": (case.axes, case.X[[0, 0]], case.y[[0, 1]], case.new),
        "values that never vary": (case.axes, case.X, np.full(len(case.y), 4.0), case.new),
        "values that are all zero": (case.axes, case.X, np.zeros(len(case.y)), case.new),
        "two copies of a column": (mixed_axes(4, 0), doubled, case.y, doubled[:6]),
    }
    for told, (axes, X, y, new) in cases.items():
        belief = make(axes).fit(X, y, seed=0)
        found = np.array([*belief.predict(new), belief.joint(new)[0], belief.draw(new, 1, 0)[0]])
        assert np.isfinite(found).all(), f"{told}: something is not finite"
        assert (found[1] >= 0).all(), f"{told}: a standard deviation is below zero"
        if told == "values that never vary":
            assert np.allclose(found[0], 4.0, atol=0.05), f"{told}: it predicts {found[0]}"


def check_kinds(make: Make) -> None:
    """Only categories, one of them never seen; and thirty dimensions."""
    words = example(20, numbers=0, words=3)
    belief = make(words.axes).fit(words.X, words.y, seed=0)
    unseen = words.new.copy()
    unseen[:, 0] = 7.0
    assert np.isfinite(belief.predict(np.vstack([words.new, unseen]))).all(), "categories: something is not finite"
    wide = example(40, numbers=29, words=1)
    belief = make(wide.axes).fit(wide.X, wide.y, seed=0)
    assert np.isfinite(belief.predict(wide.new)).all(), "thirty dimensions: something is not finite"


def check_told(make: Make) -> None:
    """Known errors, other campaigns and a seed are taken; rows of other campaigns do not become its own."""
    case = example()
    noise = np.where(np.arange(len(case.y)) % 2, 0.05, np.nan)
    task = np.arange(len(case.y)) % 3
    belief = make(case.axes).fit(case.X, case.y, seed=0, noise=noise, task=task)
    assert np.isfinite(belief.predict(case.new)).all(), "something is not finite"
    strange = np.where(task == 0, case.y, 1e3 + case.y)
    mean, _ = make(case.axes).fit(case.X, strange, seed=0, task=task).predict(case.new)
    assert np.abs(mean).max() < 100.0, "values of other campaigns, a thousand higher, became its own"


def check_refused(make: Make) -> None:
    """Nothing, holes, infinities and another width are refused, and the row is named."""
    case = example()
    holed, endless = case.X.copy(), case.y.copy()
    holed[3, 1], endless[5] = np.nan, np.inf
    bad: list[tuple[FloatArray, FloatArray, str]] = [
        (holed, case.y, "3"),
        (case.X, endless, "5"),
        (case.X[:0], case.y[:0], ""),
        (case.X[:, :2], case.y, ""),
    ]
    for X, y, row in bad:
        try:
            make(case.axes).fit(X, y, seed=0)
        except DataError as error:
            assert row in str(error), f"row {row} is not named: {error}"
        else:
            raise AssertionError(f"X of shape {X.shape} with {int((~np.isfinite(X)).sum())} holes was not refused")


CHECKS: tuple[Callable[[Make], None], ...] = (
    check_shapes,
    check_learns,
    check_same,
    check_joint,
    check_believing,
    check_scales,
    check_few,
    check_kinds,
    check_told,
    check_refused,
)

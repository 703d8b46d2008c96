"""The usual Gaussian process: exactness, replicates, known errors, what it says of itself, and speed."""

import time
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matloop.core.errors import ConfigError, DataError
from matloop.design.contract import Axes
from matloop.design.surrogates.draws import EXACT, draw_joint
from matloop.design.surrogates.gp import make
from matloop.design.surrogates.insight import loo, relevance
from matloop.design.surrogates.process import conditioned, joined
from matloop.testing.surrogate_contract import example, mixed_axes


@cache
def fitted():
    case = example(30, numbers=2)
    return case, make(case.axes, members=1).fit(case.X, case.y, seed=0)


def test_leaving_one_out_is_that_of_leaving_each_out():
    case, belief = fitted()
    mean, std = loo(belief)
    rows = belief.rows
    for row in (0, 7, 29):
        rest = np.delete(np.arange(len(rows)), row)
        without = conditioned(case.axes, belief.numbers, rows.take(rest), rest, belief.scale)
        other, wide = without.predict(case.X[row : row + 1])
        assert mean[row] == pytest.approx(other[0], rel=1e-7)
        assert std[row] == pytest.approx(np.hypot(wide[0], belief.noise), rel=1e-6)


def test_leaving_out_an_experiment_leaves_out_its_replicates():
    case = example(12, numbers=2)
    X, y = np.vstack([case.X, case.X[:1]]), np.append(case.y, case.y[0] + 0.3)
    belief = make(case.axes, members=1).fit(X, y, seed=0)
    mean, std = loo(belief)
    rest = belief.rows.take(np.arange(1, 12))
    without = conditioned(case.axes, belief.numbers, rest, np.arange(11), belief.scale)
    other, wide = without.predict(case.X[:1])
    assert mean[[0, 12]] == pytest.approx([other[0]] * 2, rel=1e-7)
    assert std[[0, 12]] == pytest.approx([np.hypot(wide[0], belief.noise)] * 2, rel=1e-6)


def test_believing_is_learning_anew_with_the_same_numbers():
    case, belief = fitted()
    y = belief.predict(case.new[:5])[0] + 0.1
    quick = belief.believing(case.new[:2], y[:2]).believing(case.new[2:5], y[2:])
    rows = joined(belief.rows, quick.rows.take(np.arange(30, 35)))
    slow = conditioned(case.axes, belief.numbers, rows, np.arange(35), belief.scale)
    for one, other in zip(quick.joint(case.new), slow.joint(case.new), strict=True):
        assert one == pytest.approx(other, abs=1e-9)


@given(st.floats(-3.0, 3.0), st.integers(1, 4))
@settings(max_examples=15, deadline=None)
def test_believing_twice_or_at_once_is_the_same(value, n):
    case, belief = fitted()
    y = np.full(n, value)
    at_once = belief.believing(case.new[:n], y)
    slowly = belief
    for k in range(n):
        slowly = slowly.believing(case.new[k : k + 1], y[k : k + 1])
    assert np.array(slowly.predict(case.new)) == pytest.approx(np.array(at_once.predict(case.new)), abs=1e-8)


def test_replicates_say_what_the_noise_is():
    rng = np.random.default_rng(0)
    X = np.repeat(rng.random((12, 2)), 4, axis=0)
    y = np.sin(4 * X[:, 0]) + 0.2 * rng.standard_normal(48)
    belief = make(mixed_axes(2, 0), members=1).fit(X, y, seed=0)
    assert len(belief.rows) == 12
    assert belief.noise == pytest.approx(0.2, rel=0.3)
    assert "48 measurements of 12 different experiments" in belief.words


def test_a_value_with_a_large_known_error_hardly_counts():
    X, y = np.linspace(0, 1, 9)[:, None], np.zeros(9)
    y[4], y[0], y[8] = 3.0, 0.5, -0.5
    noise = np.full(9, 0.01)
    sure = make(mixed_axes(1, 0)).fit(X, y, seed=0, noise=noise)
    noise[4] = 10.0
    doubtful = make(mixed_axes(1, 0)).fit(X, y, seed=0, noise=noise)
    assert sure.predict(X[4:5])[0][0] == pytest.approx(3.0, abs=0.3)
    assert abs(doubtful.predict(X[4:5])[0][0]) < 0.5


def test_doubt_is_small_where_noise_free_values_are_known():
    X = np.random.default_rng(0).random((40, 2))
    y = np.sin(3 * X[:, 0]) + X[:, 1] ** 2
    belief = make(mixed_axes(2, 0)).fit(X, y, seed=0)
    mean, std = belief.predict(X)
    assert std.max() < 0.02 * y.std()
    assert np.abs(mean - y).max() < 0.02 * y.std()


def test_relevance_finds_what_matters_and_the_words_name_it():
    rng = np.random.default_rng(2)
    axes = Axes(("temperature", "time", "solvent: logP", "solvent: dipole"), np.zeros(4, bool), np.array([0, 1, 2, 2]))
    X = rng.random((60, 4))
    y = np.sin(7 * X[:, 2]) + 0.2 * X[:, 0]
    for members in (1, 4):
        belief = make(axes, members=members).fit(X, y, seed=0)
        shares = relevance(belief)
        assert set(shares) == {"temperature", "time", "solvent"}
        assert sum(shares.values()) == pytest.approx(1.0)
        assert max(shares, key=shares.get) == "solvent"
        assert "solvent matters most" in belief.words


def test_a_linear_mean_goes_on_outside():
    X = np.linspace(0.0, 0.5, 12)[:, None]
    y = 3.0 * X[:, 0] + 0.001 * np.random.default_rng(0).standard_normal(12)
    new = np.array([[1.0]])
    mean, _ = make(mixed_axes(1, 0), mean="linear").fit(X, y, seed=0).predict(new)
    assert mean[0] == pytest.approx(3.0, abs=0.15)


def test_averaged_numbers_foresee_better_than_the_best_alone():
    found = []
    for members in (1, 8):
        density = []
        for seed in range(4):
            X = np.random.default_rng(seed).random((212, 5))
            y = np.sin(6 * X[:, 0]) * np.sin(5 * X[:, 1]) + X[:, 2] * (X[:, 3] > 0.5)
            belief = make(mixed_axes(5, 0), members=members).fit(X[:12], y[:12], seed=0)
            mean, std = belief.predict(X[12:])
            wide = np.hypot(std, belief.noise)
            density.append(np.mean(-0.5 * ((y[12:] - mean) / wide) ** 2 - np.log(wide)))
        found.append(np.mean(density))
    assert found[1] > found[0] + 0.3


def test_two_hundred_rows_in_ten_dimensions_take_seconds_at_most():
    rng = np.random.default_rng(0)
    X = rng.random((200, 10))
    y = np.sin(6 * X[:, 0]) + X[:, 1] ** 2 + 0.05 * rng.standard_normal(200)
    start = time.process_time()
    belief = make(mixed_axes(10, 0)).fit(X, y, seed=0)
    assert time.process_time() - start < 6.0  # 0.2 s on one core that is free
    new = rng.random((500, 10))
    off = belief.predict(new)[0] - np.sin(6 * new[:, 0]) - new[:, 1] ** 2
    assert np.sqrt(np.mean(off**2)) < 0.1


def test_more_rows_than_choose_the_numbers_all_count():
    rng = np.random.default_rng(0)
    X = rng.random((450, 2))
    y = np.sin(5 * X[:, 0]) * X[:, 1] + 0.05 * rng.standard_normal(450)
    belief = make(mixed_axes(2, 0)).fit(X, y, seed=0)
    assert len(belief.rows) == 450
    new = rng.random((100, 2))
    assert np.abs(belief.predict(new)[0] - np.sin(5 * new[:, 0]) * new[:, 1]).mean() < 0.02


def test_draws_of_many_points_by_anchors_have_the_covariance_of_near_points():
    X = np.linspace(0, 1, EXACT + 300)[:, None]

    def joint(Z):
        return np.full(len(Z), 2.0), np.exp(-0.5 * (Z - Z.T) ** 2 / 0.2**2)

    drawn = draw_joint(joint, X, 300, 0)
    some = np.arange(0, len(X), 97)
    assert np.abs(np.cov(drawn[:, some].T) - joint(X[some])[1]).max() < 0.25
    assert np.abs(np.diff(drawn, axis=1)).max() < 0.05


def test_draws_have_the_covariance_of_joint():
    case, belief = fitted()
    _, covariance = belief.joint(case.new[:4])
    found = np.cov(belief.draw(case.new[:4], 20_000, 0).T)
    assert found == pytest.approx(covariance, abs=4 * covariance.max() / np.sqrt(20_000) * 1.5)


@pytest.mark.parametrize("options", [{"shape": "wiggly"}, {"mixed": "sum"}, {"mean": "quadratic"}, {"starts": 0}])
def test_settings_that_do_not_exist_are_refused(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        make(mixed_axes(2, 0), **options)


def test_holes_are_named_by_row_and_column():
    case, belief = fitted()
    X = case.new.copy()
    X[2, 1] = np.nan
    with pytest.raises(DataError, match="row 2, column 'x1': nan"):
        belief.predict(X)
    with pytest.raises(DataError, match="finite"):
        belief.believing(case.new[:1], np.array([np.nan]))
    with pytest.raises(DataError, match="row 1: error -1"):
        make(case.axes).fit(case.X[:2], case.y[:2], seed=0, noise=np.array([0.1, -1.0]))
    with pytest.raises(DataError, match="task 0"):
        make(case.axes).fit(case.X[:2], case.y[:2], seed=0, task=np.array([1, 1]))

"""Noise that is not the same everywhere: outliers, and noise that depends on where one measures."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from matloop.core.errors import ConfigError
from matloop.design.surrogates.gp import make as make_gp
from matloop.design.surrogates.heteroscedastic import make as make_uneven
from matloop.design.surrogates.insight import loo
from matloop.design.surrogates.student_t import make, steady_scale, suspects
from matloop.testing.surrogate_contract import mixed_axes

AXES = mixed_axes(2, 0)


def law(X):
    return np.sin(5 * X[:, 0]) + X[:, 1]


def rows(n, seed=0, noise=0.05):
    rng = np.random.default_rng(seed)
    X, new = rng.random((n, 2)), rng.random((200, 2))
    return X, law(X) + noise * rng.standard_normal(n), new, rng


def off(belief, new):
    return float(np.sqrt(np.mean((belief.predict(new)[0] - law(new)) ** 2)))


@pytest.mark.parametrize("n", [20, 50])
@pytest.mark.parametrize("seed", [0, 1])
def test_planted_outliers_are_found_and_do_not_drag_the_mean(n, seed):
    X, y, new, rng = rows(n, seed)
    clean = off(make_gp(AXES).fit(X, y, seed=0), new)
    planted = rng.choice(n, n // 10, replace=False)
    y[planted] += rng.choice([-1, 1], len(planted)) * rng.uniform(2, 6, len(planted))
    belief = make(AXES).fit(X, y, seed=0)
    assert set(suspects(belief)) == set(planted)
    assert off(belief, new) < clean + 0.1
    assert off(make_gp(AXES).fit(X, y, seed=0), new) > 2 * off(belief, new)
    assert f"{len(planted)} of them outliers" in belief.words


def test_without_outliers_it_is_about_the_usual_process():
    X, y, new, _ = rows(40)
    belief, usual = make(AXES).fit(X, y, seed=0), make_gp(AXES, members=1).fit(X, y, seed=0)
    assert off(belief, new) < off(usual, new) + 0.02
    assert "no outliers" in belief.words
    assert belief.noise == pytest.approx(0.05, rel=0.6)


def test_many_degrees_of_freedom_are_normal_noise():
    X, y, new, _ = rows(30)
    mean, _ = make(AXES, freedom=1e6).fit(X, y, seed=0).predict(new)
    usual, _ = make_gp(AXES, members=1).fit(X, y, seed=0).predict(new)
    assert mean == pytest.approx(usual, abs=0.05)


def test_steady_scale_is_not_moved_by_a_wrong_value():
    y = np.random.default_rng(0).normal(3.0, 2.0, 400)
    wrong = np.append(y, [1e6, 1e6])
    assert steady_scale(wrong).shift[0] == pytest.approx(3.0, abs=0.3)
    assert steady_scale(wrong).scale[0] == pytest.approx(2.0, abs=0.3)
    assert steady_scale(np.array([1.0, 1.0, 1.0, 5.0])).scale[0] > 0.5


def test_planted_noise_is_found_where_it_is():
    X, y, new, rng = rows(80, noise=0.0)
    std = 0.02 + 0.6 * X[:, 0] ** 2
    belief = make_uneven(AXES).fit(X, y + std * rng.standard_normal(80), seed=0)
    true, found = 0.02 + 0.6 * new[:, 0] ** 2, belief.noise_at(new)
    assert spearmanr(true, found)[0] > 0.85
    assert np.abs(np.log(found / true)).mean() < 0.5
    assert "times as large at some points" in belief.words
    # and the function is known better than with one noise for all
    usual = make_gp(AXES).fit(X, y + std * np.random.default_rng(9).standard_normal(80), seed=0)
    assert off(belief, new) < off(usual, new) + 0.02


def test_told_errors_say_what_the_noise_is():
    X, y, new, rng = rows(30, noise=0.0)
    std = 0.02 + 0.4 * X[:, 1]
    belief = make_uneven(AXES).fit(X, y + std * rng.standard_normal(30), seed=0, noise=std)
    assert np.abs(np.log(belief.noise_at(new) / (0.02 + 0.4 * new[:, 1]))).mean() < 0.4


def test_even_noise_stays_about_even():
    X, y, new, _ = rows(60, noise=0.2)
    found = make_uneven(AXES).fit(X, y, seed=0).noise_at(new)
    assert np.median(found) == pytest.approx(0.2, rel=0.35)
    assert found.max() / found.min() < 4


def test_what_is_believed_counts_by_the_noise_of_its_place():
    X, y, _, rng = rows(80, noise=0.0)
    std = np.where(X[:, 0] > 0.5, 0.5, 0.01)
    belief = make_uneven(AXES).fit(X, y + std * rng.standard_normal(80), seed=0)
    places = np.array([[0.15, 0.5], [0.85, 0.5]])
    shares = []
    for place in places:
        mean, _ = belief.predict(place[None])
        after, _ = belief.believing(place[None], mean + 1.0).predict(place[None])
        shares.append(after[0] - mean[0])
    assert shares[0] > 2 * shares[1]


def test_leaving_out_knows_the_weights():
    X, y, _, _ = rows(20)
    y[4] += 5.0
    mean, std = loo(make(AXES).fit(X, y, seed=0))
    assert std[4] > 5 * np.median(std)
    assert abs(y[4] - mean[4]) > 3.0


def test_what_cannot_be_is_refused():
    X, y, _, _ = rows(10)
    with pytest.raises(ConfigError, match="student_t"):
        suspects(make_gp(AXES).fit(X, y, seed=0))
    with pytest.raises(ConfigError, match="freedom"):
        make(AXES, freedom=0.0)

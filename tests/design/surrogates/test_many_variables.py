"""Many variables: few that matter, effects that add up, few directions; and which surrogate is chosen."""

import numpy as np
import pytest
from scipy.stats import kstest, norm

from matloop.core.errors import ConfigError
from matloop.design.surrogates.additive import carried, joined, pairs
from matloop.design.surrogates.additive import make as make_additive
from matloop.design.surrogates.auto import make as make_auto
from matloop.design.surrogates.auto import unevenness
from matloop.design.surrogates.coupling import Alone
from matloop.design.surrogates.directions import Map
from matloop.design.surrogates.evidence import Evidence, usual_prior
from matloop.design.surrogates.gp import make as make_gp
from matloop.design.surrogates.gp import usual_form
from matloop.design.surrogates.hamiltonian import sample
from matloop.design.surrogates.insight import loo, relevance
from matloop.design.surrogates.mapped import leading, learn_map
from matloop.design.surrogates.mapped import make as make_mapped
from matloop.design.surrogates.measured import merged
from matloop.design.surrogates.saas import Sparse
from matloop.design.surrogates.saas import make as make_saas
from matloop.testing.surrogate_contract import example, mixed_axes


def off(belief, X, y):
    return float(np.sqrt(np.mean((belief.predict(X)[0] - y) ** 2)) / y.std())


def split(law, d, n, seed=0):
    X = np.random.default_rng(seed).random((n + 200, d))
    y = law(X)
    return X[:n], y[:n], X[n:], y[n:]


def two_of_many(X):
    return np.sin(6 * X[:, 0]) * np.cos(4 * X[:, 1])


def sum_of_all(X):
    return sum(np.sin((3 + k % 4) * X[:, k] + k) for k in range(X.shape[1]))


def along_a_line(X):
    direction = np.random.default_rng(5).normal(size=X.shape[1])
    return np.sin(5 * (X - 0.5) @ direction / np.linalg.norm(direction) * 1.5)


def slope_by_differences(energy, at):
    return np.array([(energy(at + s)[0] - energy(at - s)[0]) / 2e-5 for s in 1e-5 * np.eye(len(at))])


def test_hamiltonian_draws_are_of_the_density():
    scale = np.array([1.0, 0.5])

    def energy(x):
        return 0.5 * float(np.sum((x / scale) ** 2)), x / scale**2

    drawn = np.array(sample(energy, np.full(2, 3.0), warm=200, kept=400, apart=3, seed=0))
    assert kstest(drawn[:, 0], norm.cdf).pvalue > 0.01
    assert kstest(drawn[:, 1] / 0.5, norm.cdf).pvalue > 0.01


def test_gradients_are_those_of_finite_differences():
    case = example(12)
    form, alone = usual_form(case.axes, "matern52", "joint", trend=False), Alone(1)
    rows = merged(case.X, case.y, np.zeros(12), np.zeros(12, np.int64))[0]
    sparse = Sparse(Evidence(form, alone, rows, usual_prior(form, alone, 1), 1))
    at = sparse.start + np.random.default_rng(0).normal(0, 0.5, len(sparse.start))
    assert sparse(at)[1] == pytest.approx(slope_by_differences(sparse, at), rel=1e-5, abs=1e-6)
    energy = Map(case.X[:, :3] - 0.5, case.y, 2)
    at = np.random.default_rng(1).normal(0, 1, 8)
    assert energy(at)[1] == pytest.approx(slope_by_differences(energy, at), rel=1e-5, abs=1e-6)


def test_sparse_axes_find_the_two_variables_that_matter():
    X, y, new, true = split(two_of_many, 30, 50)
    belief = make_saas(mixed_axes(30, 0)).fit(X, y, seed=0)
    shares = relevance(belief)
    assert sorted(shares, key=shares.get)[-2:] in (["x0", "x1"], ["x1", "x0"])
    assert off(belief, new, true) < 0.7 * off(make_gp(mixed_axes(30, 0)).fit(X, y, seed=0), new, true)
    assert "x0" in belief.words


def test_sum_of_effects_is_learnt_from_few_rows():
    X, y, new, true = split(sum_of_all, 12, 50)
    belief = make_additive(mixed_axes(12, 0)).fit(X, y, seed=0)
    assert off(belief, new, true) < 0.5 * off(make_gp(mixed_axes(12, 0)).fit(X, y, seed=0), new, true)


def test_variables_that_go_together_are_found():
    def law(X):
        return 3.0 * np.sin(5 * X[:, 1]) * np.cos(5 * X[:, 3]) + X[:, 0] + X[:, 2] ** 2

    X, y, _, _ = split(law, 5, 60)
    assert "x1 with x3," in make_additive(mixed_axes(5, 0)).fit(X, y, seed=0).words


def test_joined_groups_carry_their_numbers():
    groups = ((0,), (1, 3), (2,))
    logs = np.log([1.0, 2.0, 4.0, 10.0, 11.0, 13.0, 12.0, 0.1])
    assert joined(groups, (0, 1)) == ((2,), (0, 1, 3))
    assert np.exp(carried(groups, (0, 1), logs)) == pytest.approx([4.0, 3.0, 12.0, 10.0, 11.0, 13.0, 0.1])
    # the largest amplitudes first
    assert pairs(groups, logs)[0] == (2, 1)


def test_the_line_along_which_values_vary_is_found():
    X, y, new, true = split(along_a_line, 8, 60)
    axes = mixed_axes(8, 0)
    belief = make_mapped(axes).fit(X, y, seed=0)
    assert off(belief, new, true) < 0.5 * off(make_gp(axes).fit(X, y, seed=0), new, true)
    direction = np.random.default_rng(5).normal(size=8)
    found = learn_map(axes, X, y, 1, refined=True)
    cosine = found.directions[:, 0] @ direction / np.linalg.norm(found.directions[:, 0]) / np.linalg.norm(direction)
    assert abs(cosine) > 0.98
    assert leading(found)[0][0] == f"x{np.abs(direction).argmax()}"


def test_where_no_map_helps_it_is_the_usual_process_and_says_so():
    X, y, new, _ = split(lambda Z: np.sin(5 * Z + np.arange(4)).sum(axis=1), 4, 50)
    belief, usual = (maker(mixed_axes(4, 0)).fit(X, y, seed=0) for maker in (make_mapped, make_gp))
    assert np.array(belief.predict(new)) == pytest.approx(np.array(usual.predict(new)))
    assert "no map to fewer dimensions foresees better" in belief.words


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("plain", ""),
        ("tasks", "rows of 1 other place or campaign that are"),
        ("outlier", "1 value lies far from what the others say"),
        ("uneven", "some replicates scatter much more than others"),
        ("wide", "20 variables and only 30 rows"),
    ],
)
def test_the_choice_says_why(told, reason):
    rng = np.random.default_rng(0)
    X, task = rng.random((30, 20 if told == "wide" else 2)), None
    y = np.sin(4 * X[:, 0]) + X[:, 1] + 0.02 * rng.standard_normal(30)
    if told == "tasks":
        task = np.arange(30) % 2
    if told == "outlier":
        y[7] += 4.0
    if told == "uneven":
        X, y = np.repeat(X[:12], 4, axis=0), np.repeat(y[:12], 4)
        y = y + np.where(X[:, 0] > 0.5, 0.5, 0.005) * rng.standard_normal(48)
    belief = make_auto(mixed_axes(X.shape[1], 0)).fit(X, y, seed=0, task=task)
    assert (f"chosen because there are {reason}" if told == "wide" else reason) in belief.words
    assert ("chosen" in belief.words) == bool(reason)
    assert len(loo(belief)[0]) == len(y)


def test_a_sum_is_chosen_where_it_foresees_better():
    X, y, _, _ = split(sum_of_all, 16, 70)
    words = make_auto(mixed_axes(16, 0)).fit(X, y, seed=0).words
    assert "a sum of effects foresees left-out rows better" in words


def test_replicates_of_one_noise_are_even():
    rng = np.random.default_rng(1)
    X = np.repeat(rng.random((15, 2)), 3, axis=0)
    assert unevenness(X, rng.standard_normal(45)) > 0.01
    assert unevenness(X[::3], rng.standard_normal(15)) == 1.0


def test_what_cannot_be_is_refused():
    for maker in (make_saas, make_additive):
        with pytest.raises(ConfigError, match="shape"):
            maker(mixed_axes(2, 0), shape="box")
    with pytest.raises(ConfigError, match="dimensions"):
        make_mapped(mixed_axes(2, 0), dimensions=0)

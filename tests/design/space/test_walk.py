"""Random walks against distributions that are known."""

from __future__ import annotations

import numpy as np
from scipy import stats

from matloop.design.contract import Points
from matloop.design.space.domain import ParametricDomain, open_domain
from matloop.problem.space import Component, Constraint, Continuous, Expression, Integer, Mixture, Parameter, Space


def domain(*parameters: Parameter, constraints: tuple[str, ...] = ()) -> ParametricDomain:
    held: tuple[Constraint, ...] = tuple(Expression(text) for text in constraints)
    found = open_domain(Space(parameters, held))
    assert isinstance(found, ParametricDomain)
    return found


def test_a_simplex_in_ten_dimensions_is_uniform():
    """One in 10! draws is kept: nearly all points come from the walk. A coordinate of it is Beta(1, 10)."""
    names = [f"x{k}" for k in range(10)]
    space = domain(*(Continuous(name, 0, 1) for name in names), constraints=(f"{' + '.join(names)} <= 1",))
    x = space.sample(1000, 0).values
    for k in range(3):
        assert stats.kstest(x[:, k], stats.beta(1, 10).cdf).pvalue > 1e-3
    assert stats.kstest(x.sum(axis=1), stats.beta(10, 1).cdf).pvalue > 1e-3


def test_a_plane_is_uniform():
    names = [f"x{k}" for k in range(6)]
    space = domain(*(Continuous(name, 0, 1) for name in names), constraints=(f"{' + '.join(names)} = 1",))
    x = space.sample(1000, 1).values
    for k in range(3):
        assert stats.kstest(x[:, k], stats.beta(1, 5).cdf).pvalue > 1e-3


def test_the_walk_keeps_what_drawing_gives():
    """Drawing and keeping what is allowed, and a long walk from those points, are the same distribution."""
    parts = tuple(Component(name, least=0.05) for name in "ABCD")
    space = domain(
        Mixture("m", parts, at_most=3), Continuous("T", 0, 10), Continuous("c", 0.01, 1, scale="log"),
        Integer("n", 1, 6), constraints=("A + 0.05 * T <= 0.6", "n * c <= 0.8", "T + n <= 12"),
    )  # fmt: skip
    drawn = space.sample(3000, 2).values
    walked = space.region.walk.walked(drawn, 40, np.random.default_rng(3))
    assert (space.why_not(Points(walked)) == "").all()
    assert not (walked == drawn).all(axis=1).any()
    for k in range(drawn.shape[1]):
        assert stats.ks_2samp(drawn[:, k], walked[:, k]).pvalue > 1e-3
    sizes = [np.bincount((x[:, :4] > 0).sum(axis=1), minlength=4)[1:] for x in (drawn, walked)]
    assert stats.chi2_contingency(np.array(sizes)).pvalue > 1e-3


def test_small_steps_go_as_far_forth_as_back():
    space = domain(Continuous("x", 0, 1), Continuous("y", 0, 1), constraints=("x + y <= 1",))
    x = space.sample(2000, 0).values
    rng = np.random.default_rng(0)
    moved = x
    for _ in range(200):
        moved = space.region.walk.chord(moved, rng, reach=0.3)
    assert stats.ks_2samp(moved[:, 0], x[:, 0]).pvalue > 1e-3
    assert (moved.sum(axis=1) <= 1).all()


def test_an_equation_over_factors_keeps_their_weights():
    """a in factors, b = 10 - a: the first is uniform in its logarithm as long as b stays within its bounds."""
    space = domain(Continuous("a", 0.1, 9, scale="log"), Continuous("b", 0, 20), constraints=("a + b = 10",))
    a = space.sample(1000, 0).values[:, 0]
    assert stats.kstest(np.log(a / 0.1) / np.log(90), "uniform").pvalue > 1e-3


def test_settings_of_an_equation_are_made_up_for():
    space = domain(Continuous("T", 0, 100, step=5), Continuous("x", 0, 200), constraints=("T + x = 150",))
    values = space.sample(600, 0).values
    assert len(np.unique(values[:, 0])) == 21
    np.testing.assert_allclose(values.sum(axis=1), 150.0)
    assert (space.why_not(space.near(Points(values[:20]), 5, 0)) == "").all()

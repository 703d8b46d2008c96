"""The usual strategy on spaces and tables whose best is known."""

import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.design.contract import History, Points
from matloop.design.goals import read_goal
from matloop.design.space.domain import open_domain
from matloop.design.strategy.model import ModelBased
from matloop.problem import space as sp
from matloop.testing.strategy_contract import check_strategy

SQUARE = open_domain(sp.Space((sp.Continuous("x", 0.0, 10.0), sp.Continuous("y", -1.0, 1.0))))
MIXED = open_domain(
    sp.Space(
        (
            sp.Continuous("time", 0.1, 100, scale="log"),
            sp.Categorical("route", ("melt", "solid", "solution")),
            sp.Mixture("metal", (sp.Component("Ni", least=0.05), sp.Component("Co"), sp.Component("Mn")), at_most=2),
        )
    )
)


def hill(points):
    x, y = points.values.T
    return -((x - 7.0) ** 2) / 10 - (y + 0.4) ** 2


def told(points, values, *, failed=None, pending=None, **more):
    n = len(points)
    return History(
        points,
        values,
        np.zeros(n, bool) if failed is None else failed,
        pending=pending or Points(np.zeros((0, points.values.shape[1]))),
        **more,
    )


@pytest.mark.parametrize("domain", [SQUARE, MIXED], ids=["square", "mixed"])
@pytest.mark.parametrize("goals", [("maximise y",), ("maximise y", "z <= 0.5"), ("y in -0.3..-0.1",)])
def test_it_keeps_the_contract(domain, goals):
    check_strategy("auto", domain, tuple(read_goal(text) for text in goals), {"surrogate": "gp"})


def test_it_finds_the_top_of_a_hill():
    points = SQUARE.sample(6, 0, how="sobol")
    for turn in range(3):
        history = told(points, {"v": hill(points)})
        new = ModelBased().suggest(SQUARE, history, (read_goal("maximise v"),), 3, seed=turn)
        points = Points(np.vstack([points.values, new.points.values]))
    assert hill(points).max() > -0.01
    assert hill(SQUARE.sample(15, 0, how="sobol")).max() < -0.01  # the dumbest way does not


def test_what_is_wanted_small_is_sought_small():
    points = SQUARE.sample(12, 0, how="sobol")
    v = -hill(points)
    new = ModelBased().suggest(SQUARE, told(points, {"v": v}), (read_goal("minimise v"),), 1, seed=0)
    assert -hill(new.points)[0] < v.min()
    assert new.foreseen["v"].low[0] < new.foreseen["v"].value[0] < new.foreseen["v"].high[0]


def test_foreseen_is_in_the_unit_of_the_user_and_covers():
    rng = np.random.default_rng(0)
    points = SQUARE.sample(40, 1)
    v = np.exp(hill(points)) * 1e-6 * np.exp(0.05 * rng.normal(size=40))
    new = ModelBased(acquisition="max_variance").suggest(
        SQUARE, told(points, {"v": v}), (read_goal("maximise v"),), 20, seed=0
    )
    truth = np.exp(hill(new.points)) * 1e-6
    one = new.foreseen["v"]
    assert np.mean((truth >= one.low) & (truth <= one.high)) >= 0.8


def test_little_known_is_said_and_a_design_comes_first():
    points = SQUARE.sample(2, 0)
    new = ModelBased().suggest(SQUARE, told(points, {"v": hill(points)}), (read_goal("maximise v"),), 4, seed=0)
    assert "2 of the first 5 experiments" in new.how
    assert not new.foreseen


def test_failures_keep_it_away():
    points = SQUARE.sample(30, 0, how="sobol")
    failed = points.values[:, 0] > 6.0  # the top of the hill, at 7, cannot be made
    v = np.where(failed, np.nan, hill(points))
    goal = (read_goal("maximise v"),)
    new = ModelBased().suggest(SQUARE, told(points, {"v": v}, failed=failed), goal, 3, seed=0)
    careless = ModelBased().suggest(SQUARE, told(points.take(~failed), {"v": v[~failed]}), goal, 3, seed=0)
    assert np.median(new.points.values[:, 0]) < 6.5 < np.median(careless.points.values[:, 0])
    assert (new.chance < 1).all()
    assert "that it works at all" in " ".join(new.reasons)


def test_a_bound_on_another_property_is_kept():
    points = SQUARE.sample(25, 0, how="sobol")
    values = {"v": points.values[:, 0], "w": points.values[:, 0] + points.values[:, 1]}
    goals = (read_goal("maximise v"), read_goal("w <= 5"))
    new = ModelBased().suggest(SQUARE, told(points, values), goals, 3, seed=0)
    w = new.points.values.sum(axis=1)
    assert (w <= 5.3).all()
    assert new.points.values[:, 0].max() > 4.5


def test_another_laboratory_with_an_offset_helps():
    points = SQUARE.sample(24, 0, how="sobol")
    place = np.array(["", "away"] * 12)
    v = hill(points) + np.where(place == "away", 50.0, 0.0)
    history = told(points, {"v": v}, place=place)
    new = ModelBased().suggest(SQUARE, history, (read_goal("maximise v"),), 1, seed=0)
    assert hill(new.points)[0] > -0.5
    assert new.foreseen["v"].value[0] < 10


def test_a_law_is_told_in_the_units_of_the_user():
    domain = open_domain(sp.Space((sp.Continuous("T", 300.0, 900.0, unit="K"), sp.Continuous("c", 0.0, 1.0))))
    points = domain.sample(8, 0, how="sobol")
    points = Points(points.values * [0.5, 1.0] + [150.0, 0.0])  # measured up to 600 K only
    rate = np.exp(-4000.0 / points.values[:, 0])
    law = ModelBased(
        surrogate="law", surrogate_options={"laws": ["a * exp(-b / T)"]}, straighten=False, acquisition="log_ei"
    )
    new = law.suggest(domain, told(points, {"rate": rate}), (read_goal("maximise rate"),), 1, seed=0)
    truth = np.exp(-4000.0 / new.points.values[0, 0])
    assert new.points.values[0, 0] > 880.0
    assert new.foreseen["rate"].value[0] == pytest.approx(truth, rel=0.1)  # extrapolated by the law alone


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"surrogate": "gpp"}, "gpp"),
        ({"surrogate": "gp", "surrogate_options": {"shap": "rbf"}}, "no option 'shap'"),
        ({"acquisition": "ucbb"}, "ucbb"),
        ({"acquisition": "ucb", "acquisition_options": {"kapa": 1.0}}, "no setting 'kapa'"),
    ],
)
def test_wrong_names_are_told(options, said):
    points = SQUARE.sample(8, 0)
    with pytest.raises(ConfigError, match=said):
        ModelBased(**options).suggest(SQUARE, told(points, {"v": hill(points)}), (read_goal("maximise v"),), 1, seed=0)


@pytest.mark.parametrize("options", [{"first": 0}, {"cooling": 2.0}])
def test_settings_out_of_range_are_told(options):
    with pytest.raises(ConfigError):
        ModelBased(**options)


@pytest.mark.parametrize("wanted", ["maximise", "minimise"])
def test_directions_are_those_of_the_user(wanted):
    points = SQUARE.sample(8, 3, how="sobol")
    v = points.values[:, 0] + np.random.default_rng(0).normal(0, 3.0, 8)  # rises with x, in much noise
    model = ModelBased(surrogate="monotonic", surrogate_options={"rising": ["x"]}, acquisition="log_ei")
    new = model.suggest(SQUARE, told(points, {"v": v}), (read_goal(f"{wanted} v"),), 1, seed=0)
    assert (new.points.values[0, 0] > 5.0) == (wanted == "maximise")

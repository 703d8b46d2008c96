"""Spaces of parameters: what is sampled, moved, encoded, read and refused."""

from __future__ import annotations

import math
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matloop.core.elements import SYMBOLS
from matloop.core.errors import ConfigError, DataError
from matloop.design.contract import Domain, Points
from matloop.design.space.domain import open_domain
from matloop.problem.space import (
    Categorical,
    Component,
    Constraint,
    Continuous,
    Expression,
    Integer,
    Linear,
    Mixture,
    Ordinal,
    Parameter,
    Rule,
    Space,
    When,
)

ROUTE = Categorical("route", ("wet", "dry"))
SOLVENT = Categorical("solvent", ("water", "DMF", "ethanol"), when=When("route", ("wet",)))
KINDS: tuple[Parameter, ...] = (
    Continuous("T", 300, 400, step=5, unit="K"),
    Continuous("c", 1e-3, 1, scale="log"),
    Continuous("y", -1, 1),
    Integer("n", 1, 9),
    Ordinal("o", (1.0, 2.0, 5.0)),
    ROUTE,
    SOLVENT,
    Continuous("volume", 1, 10, when=When("solvent", ("water", "DMF"))),
    Mixture(
        "alloy",
        (Component("A", least=0.05), Component("B", 0.1, 0.5), Component("C"), Component("D", high=0.3)),
        at_most=3,
    ),
    Mixture("feed", (Component("u"), Component("v", high=0.6), Component("w", least=0.2)), step=0.1, at_least=2),
)
CONSTRAINTS: tuple[Constraint, ...] = (
    Expression("T * n <= 2400"),
    Expression('solvent != "DMF" or T < 350'),
    Linear({"A": 1.0, "y": 0.5}, "<=", 0.6),
    Linear({"u": 1.0, "v": -1.0}, ">=", -0.2),
    Expression("volume + y <= 8"),
    Expression("route in ['dry'] or c >= 0.002"),
)


def allowed(domain: Domain, points: Points) -> bool:
    return bool((domain.why_not(points) == "").all())


def space(*parameters: Parameter, constraints: tuple[Constraint, ...] = ()) -> Domain:
    return open_domain(Space(parameters, constraints))


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(0, 9), min_size=1), st.sets(st.integers(0, 5)), st.integers(0, 10), st.floats(0.02, 0.5))
def test_every_sampled_and_moved_point_is_allowed_and_read_back(kinds, rules, seed, reach):
    parameters = [KINDS[k] for k in sorted(kinds)]
    names = {p.name for p in parameters} | {c.name for p in parameters if isinstance(p, Mixture) for c in p.components}
    parameters = [p for p in parameters if getattr(p, "when", None) is None or p.when.parameter in names]
    names = {p.name for p in parameters} | {c.name for p in parameters if isinstance(p, Mixture) for c in p.components}
    needs = ({"T", "n"}, {"solvent", "T"}, {"A", "y"}, {"u", "v"}, {"volume", "y"}, {"route", "c"})
    held = tuple(CONSTRAINTS[k] for k in sorted(rules) if needs[k] <= names)
    if not parameters or ("volume" in names and "solvent" not in names):
        return
    domain = open_domain(Space(tuple(parameters), held))
    for how in ("uniform", "sobol", "latin"):
        points = domain.sample(20, seed, how=how)
        assert allowed(domain, points)
    moved = domain.near(points, 3, seed, reach=reach)
    assert len(moved) == 3 * len(points)
    assert allowed(domain, moved)
    read, why = domain.read(domain.frame(moved))
    np.testing.assert_array_equal(read.values, moved.values)
    assert set(why) <= {""}
    X = domain.encode(moved)
    assert X.shape == (len(moved), domain.axes.width)
    assert np.isfinite(X).all()
    numbers = X[:, ~domain.axes.categorical]
    assert (numbers >= 0).all()
    assert (numbers <= 1).all()


def test_same_seed_same_points_and_another_seed_others():
    domain = open_domain(Space(KINDS, CONSTRAINTS))
    first, again, other = (
        domain.sample(50, 3),
        open_domain(Space(KINDS, CONSTRAINTS)).sample(50, 3),
        domain.sample(50, 4),
    )
    np.testing.assert_array_equal(first.values, again.values)
    assert not np.array_equal(first.values, other.values, equal_nan=True)
    np.testing.assert_array_equal(domain.near(first, 2, 1).values, domain.near(first, 2, 1).values)


def test_moves_are_small_and_different_from_where_they_began():
    domain = space(*(Continuous(f"x{k}", 0, 1) for k in range(5)))
    points = domain.sample(40, 0)
    near, far = domain.near(points, 10, 1, reach=0.02), domain.near(points, 10, 1, reach=0.5)
    start = np.repeat(points.values, 10, axis=0)
    assert not (near.values == start).all(axis=1).any()
    assert np.median(np.abs(near.values - start).max(axis=1)) < 0.05
    assert np.median(np.abs(far.values - start).max(axis=1)) > 0.1


def test_moves_of_a_mixture_bring_in_take_out_and_hand_over_components():
    parts = tuple(Component(name, least=0.05) for name in "ABCDEF")
    domain = space(Mixture("m", parts, at_most=3))
    start = Points(np.array([[0.5, 0.3, 0.2, 0.0, 0.0, 0.0]]))
    moved = domain.near(start, 400, 0).values
    count = (moved > 0).sum(axis=1)
    assert {2, 3} <= set(count.tolist())
    assert count.max() == 3
    assert (moved[:, 3:] > 0).any()
    assert allowed(domain, Points(moved))
    handed = (np.abs(moved - start.values) > 1e-12).sum(axis=1) == 2
    assert handed.mean() > 0.2


def test_a_point_outside_is_led_back_inside():
    domain = space(Continuous("x", 0, 1), Continuous("y", 0, 1), constraints=(Expression("x + y <= 0.1"),))
    assert allowed(domain, domain.near(Points(np.array([[0.9, 3.0]])), 20, 0))


def test_conditional_parameters_exist_where_their_parent_says_so():
    domain = space(ROUTE, SOLVENT, Continuous("volume", 1, 10, when=When("solvent", ("water", "DMF"))))
    values = domain.sample(300, 0).values
    wet = values[:, 0] == 0
    assert (np.isnan(values[:, 1]) == ~wet).all()
    assert (np.isnan(values[:, 2]) == ~(wet & (values[:, 1] < 2))).all()
    frame = domain.frame(Points(values))
    assert (frame["solvent"][~wet] == "").all()


def test_a_condition_on_what_does_not_exist_does_not_apply():
    domain = space(ROUTE, SOLVENT, Continuous("T", 0, 10), constraints=(Expression('solvent != "water" or T < 1'),))
    values = domain.sample(400, 0).values
    assert (values[values[:, 0] == 1, 2] > 1).any()
    assert (values[values[:, 1] == 0, 2] < 1).all()


def test_a_linear_text_is_as_exact_as_a_linear_constraint():
    names = [f"x{k}" for k in range(8)]
    numbers = tuple(Continuous(name, 0, 1) for name in names)
    by_text = open_domain(Space(numbers, (Expression(f"{' + '.join(names)} = 2"),)))
    by_value = open_domain(Space(numbers, (Linear(dict.fromkeys(names, 1.0), "=", 2.0),)))
    points = by_text.sample(60, 5)
    np.testing.assert_allclose(points.values.sum(axis=1), 2.0, rtol=1e-9)
    np.testing.assert_array_equal(points.values, by_value.sample(60, 5).values)


def test_an_equation_between_components_and_one_between_integers_hold():
    alloy = Mixture("m", tuple(Component(name) for name in "ABCD"))
    domain = space(alloy, constraints=(Expression("A = 2 * B"), Expression("C <= 0.1")))
    values = domain.sample(50, 0).values
    np.testing.assert_allclose(values[:, 0], 2 * values[:, 1], atol=1e-8)
    assert allowed(domain, domain.near(Points(values), 5, 0))
    whole = space(*(Integer(f"n{k}", 0, 40) for k in range(4)), constraints=(Expression("n0 + n1 + n2 + n3 = 30"),))
    points = whole.sample(30, 0)
    assert (points.values.sum(axis=1) == 30).all()
    assert len(set(whole.keys(points))) == 30
    assert allowed(whole, whole.near(points, 4, 0))


def test_a_rule_of_the_caller_sees_a_table():
    seen: list[list[str]] = []

    def cold(frame: pd.DataFrame) -> pd.Series:
        seen.append(list(frame.columns))
        return (frame["T"] < 320) & (frame["solvent"] != "DMF")

    domain = space(KINDS[0], Categorical("solvent", ("water", "DMF")), constraints=(Rule(cold, "cold"),))
    points = domain.sample(20, 0)
    assert seen[0] == ["T", "solvent"]
    assert (domain.frame(points)["T"] < 320).all()
    assert domain.why_not(Points(np.array([[390.0, 0.0]])))[0] == 'the rule "cold" does not hold'


def test_a_rule_that_gives_something_else_than_truth_is_refused():
    with pytest.raises(ConfigError, match=r'the rule "bad" gives float64.*True or False for each row'):
        space(KINDS[0], constraints=(Rule(lambda frame: frame["T"] * 1.0, "bad"),))


# ---- sizes ----


def test_size_of_a_product_with_conditions_and_everything_of_it():
    domain = space(Integer("n", 1, 9), ROUTE, SOLVENT)
    assert 10**domain.log10_size == pytest.approx(9 * (3 + 1))
    everything = domain.everything()
    assert everything is not None
    assert len(everything) == 36 == len(set(domain.keys(everything)))
    assert domain.everything(35) is None


def test_constraints_count_where_all_points_can_be_looked_through():
    domain = space(Integer("a", 0, 9), Integer("b", 0, 9), constraints=(Expression("a + b <= 3"),))
    assert 10**domain.log10_size == pytest.approx(10)
    assert len(domain.sample(50, 0)) == 10


def test_a_continuous_space_has_no_size():
    assert math.isinf(space(Continuous("x", 0, 1)).log10_size)
    assert space(Continuous("x", 0, 1)).everything() is None


def test_a_space_of_ten_to_the_fourteen_is_sampled_without_listing_it():
    elements = SYMBOLS[22:42]
    alloy = Mixture("alloy", tuple(Component(one, high=0.6) for one in elements), at_most=5, step=0.01)
    domain = space(
        alloy, Continuous("T", 300, 1200, step=10), Categorical("gas", ("Ar", "N2")),
        constraints=(Expression("Fe + Ni + Co >= 0.5"), Expression("Cr * T <= 300")),
    )  # fmt: skip
    assert domain.log10_size > 12
    began = time.process_time()
    points = domain.sample(10_000, 0)
    moved = domain.near(points.take(range(100)), 100, 0)
    domain.encode(moved)
    assert time.process_time() - began < 15  # about 1.5 s; the bound only tells a list from a draw
    assert len(set(domain.keys(points))) == 10_000
    assert allowed(domain, points)
    assert allowed(domain, moved)


# ---- encoding ----


def test_axes_say_which_columns_are_codes_and_whose_they_are():
    descriptors = {"water": (80.1, 1.0), "DMF": (36.7, 0.0)}
    domain = space(
        Continuous("c", 1e-3, 1, scale="log"),
        Categorical("gas", ("Ar", "N2", "air")),
        Categorical("solvent", ("water", "DMF"), descriptors=descriptors),
        Mixture("m", (Component("A"), Component("B", 0.2, 0.5))),
    )
    assert domain.axes.names == ("c", "gas", "solvent 1", "solvent 2", "A", "B")
    assert domain.axes.categorical.tolist() == [False, True, False, False, False, False]
    assert domain.axes.variable.tolist() == [0, 1, 2, 2, 3, 3]
    X = domain.encode(Points(np.array([[0.1, 2.0, 0.0, 0.65, 0.35]])))
    # log10 0.1 is two thirds of the way from -3 to 0; A goes from 0.5 to 0.8 as B does from 0.5 to 0.2
    np.testing.assert_allclose(X, [[2 / 3, 2.0, 1.0, 1.0, 0.5, 0.5]])


def test_ordinal_values_that_grow_by_factors_are_seen_in_factors():
    X = space(Ordinal("o", (1.0, 10.0, 100.0, 1000.0))).encode(Points(np.array([[1.0], [10.0], [1000.0]])))
    np.testing.assert_allclose(X[:, 0], [0, 1 / 3, 1])
    X = space(Ordinal("o", (1.0, 2.0, 5.0))).encode(Points(np.array([[2.0]])))
    assert X[0, 0] == pytest.approx(0.25)


def test_what_does_not_exist_is_seen_as_the_middle_and_as_a_word_of_its_own():
    domain = space(ROUTE, SOLVENT, Continuous("v", 1, 10, when=When("route", ("wet",))))
    assert domain.encode(Points(np.array([[1.0, np.nan, np.nan]]))).tolist() == [[1.0, 3.0, 0.5]]


def test_words_that_are_formulas_are_described_and_stay_different():
    oxides = ("Fe2O3", "Al2O3", "TiO2", "SiO2", "Cr2O3")
    domain = space(Categorical("support", oxides, kind="composition", features=("magpie",)))
    whole = domain.everything()
    assert whole is not None
    X = domain.encode(whole)
    assert not domain.axes.categorical.any()
    assert len(np.unique(X.round(9), axis=0)) == 5
    assert set(domain.axes.variable.tolist()) == {0}
    assert domain.axes.names[0].startswith("support: ")


def test_a_word_that_is_no_formula_is_named():
    with pytest.raises(DataError, match=r"1 of 2 cannot be read as a composition.*\n.*'Xx2O3'"):
        space(Categorical("support", ("Fe2O3", "Xx2O3"), kind="composition"))


def test_molecules_are_described_where_rdkit_is_there():
    pytest.importorskip("rdkit", reason="molecules need rdkit")
    domain = space(Categorical("solvent", ("O", "CCO", "CN(C)C=O"), kind="molecule"))
    assert not domain.axes.categorical.any()
    assert domain.axes.width >= 2


def test_a_mixture_seen_as_composition_is_described_by_its_elements():
    parts = (Component("Fe2O3"), Component("Al2O3"), Component("TiO2", high=0.5))
    domain = space(Mixture("oxide", parts, as_composition=True, features=("magpie",)))
    points = domain.sample(30, 0)
    X = domain.encode(points)
    assert domain.axes.width > 5
    assert X.min() >= 0
    assert X.max() <= 1
    same = domain.encode(Points(np.array([[0.2, 0.8, 0.0], [0.2, 0.8, 0.0]])))
    np.testing.assert_array_equal(same[0], same[1])
    with pytest.raises(DataError, match='component "sand"'):
        space(Mixture("m", (Component("Fe"), Component("sand")), as_composition=True))


# ---- tables of the user ----


def read(domain: Domain, **columns: object) -> tuple[Points, list[str]]:
    points, why = domain.read(pd.DataFrame(columns))
    return points, why.tolist()


def test_results_outside_are_kept_and_told():
    domain = space(KINDS[0], Categorical("solvent", ("water", "DMF")), constraints=(Expression("T <= 390"),))
    points, why = read(domain, T=[350, 352, 500, 395, 300], solvent=["Water", "DMF", "DMF", "water", "acetone"])
    assert points.values[:, 0].tolist() == [350, 352, 500, 395, 300]
    assert why[0] == ""
    assert why[1] == "T = 352 K is between the steps of 5 K"
    assert why[2] == "T = 500 K is outside 300 to 400 K; T <= 390 does not hold"
    assert why[3] == "T <= 390 does not hold"
    assert why[4] == 'solvent "acetone" is none of water, DMF'
    assert np.isfinite(domain.encode(points)).all()


def test_text_in_a_number_is_told_with_row_and_column():
    domain = space(Continuous("T", 0, 1000), Continuous("p", 0, 1))
    with pytest.raises(
        DataError, match=r'2 cells.*\n.*row 2, column "T": \'hot\'.*\n.*row 3, column "p": the cell is empty'
    ):
        domain.read(pd.DataFrame({"T": ["300", "hot", "5"], "p": [0.1, 0.2, None]}))


def test_a_missing_column_is_told_with_the_nearest_name():
    with pytest.raises(DataError, match='"temperature".*Did you mean "temperatur"'):
        space(Continuous("temperature", 0, 1)).read(pd.DataFrame({"temperatur": [0.5]}))


def test_fractions_that_do_not_sum_to_one_are_told_and_percent_recognised():
    domain = space(Mixture("m", (Component("A"), Component("B"))))
    points, why = read(domain, A=[0.5, 0.5, 50.0], B=[0.5, 0.4, 50.0])
    assert why[0] == ""
    assert len(points) == 3
    assert why[1] == "the fractions of m sum to 0.9, not to one"
    assert "these are percent, write fractions" in why[2]


def test_what_was_rounded_in_writing_is_inside():
    parts = tuple(Component(name) for name in "ABC")
    third = Mixture("m", parts, step=1 / 3)
    x, y = Continuous("x", 1 / 3, 10), Continuous("y", 0, 10)
    domain = space(Mixture("k", tuple(map(Component, "DEF"))), third, x, y, constraints=(Expression("x + y = 4"),))
    points, why = read(
        domain, D=[0.1234], E=[0.3458], F=[0.5309], A=[0.333], B=[0.333], C=[0.333], x=[0.333333], y=[3.66667]
    )
    assert why == [""]
    assert points.values[0, :3].sum() == pytest.approx(1, abs=1e-12)
    assert points.values[0, 3:7].tolist() == pytest.approx([1 / 3] * 4, abs=1e-11)


def test_a_value_for_what_does_not_exist_is_told():
    _, why = read(space(ROUTE, SOLVENT), route=["dry", "wet"], solvent=["water", "water"])
    assert why == ["solvent is given where it does not exist (only with route = wet)", ""]


def test_keys_are_equal_for_equal_experiments():
    domain = space(Continuous("x", 0, 1), ROUTE, SOLVENT)
    points = Points(np.array([[0.1 + 0.2, 1, np.nan], [0.3, 1, np.nan], [0.3, 0, 0], [-0.0, 0, 0], [0.0, 0, 0]]))
    keys = domain.keys(points)
    assert keys[0] == keys[1] != keys[2]
    assert keys[3] == keys[4]
    assert keys[2] == "x=0.3;route='wet';solvent='water'"


def test_settings_are_what_a_person_would_write():
    values = space(Continuous("x", 0, 1, step=0.1)).sample(11, 0).values[:, 0]
    assert sorted(values.tolist()) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]


# ---- no point ----


def test_conditions_that_clash_are_named_and_others_are_not():
    numbers = tuple(Continuous(name, 0, 10) for name in "abc")
    texts = ("a + b >= 12", "b + c <= 3", "a <= 8", "c <= 9")
    with pytest.raises(ConfigError) as told:
        space(*numbers, constraints=tuple(Expression(text) for text in texts))
    said = str(told.value)
    assert "a + b >= 12" in said
    assert "b + c <= 3" in said
    assert "a <= 8" in said
    assert "c <= 9" not in said


def test_one_condition_that_bounds_forbid_is_told_with_what_can_be_reached():
    with pytest.raises(ConfigError, match=r"a \+ b >= 30 cannot hold.*reaches at most 20"):
        space(Continuous("a", 0, 10), Continuous("b", 0, 10), constraints=(Expression("a + b >= 30"),))
    parts = (Component("A", 0.2), Component("B", 0.2), Component("C"))
    with pytest.raises(ConfigError, match=r"A \+ B <= 0.1 cannot hold.*is at least 0.4"):
        space(Mixture("m", parts), constraints=(Expression("A + B <= 0.1"),))


def test_conditions_that_clash_only_through_words_or_curves_are_found_by_search():
    numbers = (Continuous("x", 0, 10), Continuous("y", 0, 10), Categorical("s", ("u", "v")))
    with pytest.raises(ConfigError) as told:
        space(*numbers, constraints=(Expression("x * y >= 60"), Expression("x**2 + y**2 <= 50"), Expression('s = "u"')))
    said = str(told.value)
    assert "no point was found" in said
    assert "x * y >= 60" in said
    assert "x**2 + y**2 <= 50" in said
    assert "Points are found when one of these is left out" in said
    assert 's = "u"' not in said


def test_a_thin_curved_region_is_found():
    numbers = tuple(Continuous(f"x{k}", -1, 1) for k in range(4))
    domain = space(*numbers, constraints=(Expression("abs(x0**2 + x1**2 + x2**2 + x3**2 - 1) <= 1e-4"),))
    assert allowed(domain, domain.sample(100, 0))


def test_a_curved_condition_beside_equations_is_met():
    """The programme knows the equations only; the search from its points has to find small times."""
    alloy = Mixture(
        "m", tuple(Component(name, high=0.5, least=0.01) for name in ("O", "Ti", "Fe", "Ni", "Cr", "Al")), at_most=5
    )
    time_, kelvin = Continuous("t", 0.1, 100, scale="log"), Continuous("T", 300, 1200, step=10)
    texts = ("Fe + Ni = 0.4", "O = 2 * Ti", "T * t <= 5000")
    domain = space(alloy, time_, kelvin, constraints=tuple(map(Expression, texts)))
    assert allowed(domain, domain.sample(20, 0))


def test_mixtures_whose_steps_meet_no_sum_are_refused():
    parts = (Component("A", 0.4, 0.4), Component("B", 0.4, 0.4), Component("C", 0.0, 0.1))
    with pytest.raises(ConfigError, match="highest amounts of all components sum to 0.9"):
        space(Mixture("m", parts, step=0.1))

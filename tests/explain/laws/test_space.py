"""Descriptors: units are minded, products are screened as if each had been worked out, the best few are the best."""

import math
from itertools import combinations

import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.explain.laws.dimensions import PARTS, quantities, unit_text
from matloop.explain.laws.expression import walk
from matloop.explain.laws.genetic import grammar_of
from matloop.explain.laws.screening import joined, plan, scores, screen
from matloop.explain.laws.space import OPERATORS, Budget, build_space, check_operators
from matloop.explain.laws.sparse import best_pairs, best_triples, extended, standard

NAMES = ["m", "v", "w", "T", "angle"]
UNITS = ["kg", "m/s", "m/s", "K", "degree"]
SMALL = Budget(inputs=5, sums=40, functions=20, halves=2_000, pairs=200_000, kept=50, rows=60)


def made(n=80, operators=OPERATORS):
    given = quantities(NAMES, UNITS, "E", "J")
    X = given.taken(np.random.default_rng(0).uniform(1, 3, (n, 5)))
    rows = np.arange(60)
    return given, X, build_space(X, range(5), given.dims, frozenset(operators), SMALL, rows), rows


def test_every_base_makes_sense():
    given, _, space, _ = made()
    grammar = grammar_of(given.dims, given.target_dim, range(5), frozenset(OPERATORS), free=False)
    for node, dim in zip(space.nodes, space.dims, strict=True):
        assert grammar.dim_of(node) == tuple(dim.tolist())
        for part in walk(node):
            if part.op in ("exp", "log", "sin", "cos"):
                assert not any(grammar.dim_of(part.args[0]))


def test_unlike_things_are_not_added():
    _, _, space, _ = made()
    sums = [node for node in space.nodes if node.op in ("+", "-") and all(a.op == "x" for a in node.args)]
    pairs = {tuple(sorted(int(a.value) for a in node.args)) for node in sums}
    assert pairs == {(1, 2)}


def test_terms_have_the_wanted_unit():
    given, X, space, rows = made()
    y = X[:, 0] * X[:, 1] ** 2
    planned = plan(space.halves, given.target_dim, 100_000, 30)
    found = screen(space, planned, y[None], np.ones(80), rows, kept=20, centred=False, deadline=math.inf, largest=30)
    assert {frozenset(f) for f in found.factors} >= {frozenset({(0, 6), (1, 12)})}
    for factors in found.factors:
        assert (sum(space.dims[b] * e // 6 for b, e in factors) == given.target_dim).all()


def test_screening_by_matrix_products_finds_what_all_products_would():
    given, X, space, rows = made()
    y = np.random.default_rng(1).normal(size=80)
    w = np.random.default_rng(2).uniform(0.5, 2, 80)
    planned = plan(space.halves, given.target_dim, 20_000, 30)
    rows = np.arange(80)
    space = build_space(X, range(5), given.dims, frozenset(OPERATORS), SMALL, rows)
    found = screen(space, planned, y[None], w, rows, kept=10, centred=True, deadline=math.inf, largest=30)
    everything = {
        joined(space.halves.factors[i], space.halves.factors[j])
        for block in planned.blocks
        for i in block.left
        for j in block.right
    }
    values = np.array([space.term_values(f) for f in everything if f])
    values = values[np.isfinite(values).all(axis=1) & (np.ptp(values, axis=1) > 1e-6 * np.abs(values).max(axis=1))]
    best = scores(values, y[None], w, centred=True).max()
    assert scores(found.values[:1], y[None], w, centred=True)[0, 0] == pytest.approx(best, rel=1e-3)


def test_only_the_operators_asked_for_are_used():
    _, _, space, _ = made(operators=("+", "*"))
    assert {part.op for node in space.nodes for part in walk(node)} <= {"x", "+", "*", "#"}
    with pytest.raises(ConfigError, match="no operator 'sinh'"):
        check_operators(["sinh"])


def test_angles_are_radians_and_temperatures_absolute():
    given = quantities(["angle", "T"], ["degree", "degC"], "y", "")
    np.testing.assert_allclose(given.taken(np.array([[180.0, 25.0]])), [[np.pi, 298.15]])
    assert [q.unit for q in given.inputs] == ["", "K"]


def test_like_things_get_one_unit():
    given = quantities(["a", "b"], ["nm", "angstrom"], "y", "nm")
    np.testing.assert_allclose(given.taken(np.array([[1.0, 10.0]])), [[1.0, 1.0]])


def test_an_unknown_unit_is_a_dimension_of_its_own():
    given = quantities(["a", "b", "c"], ["smoot", None, None], "y", "K")
    assert len({tuple(row) for row in given.dims.tolist()}) == 3
    assert not given.reachable()


def test_units_are_written_so_that_they_can_be_read():
    assert unit_text({"[length]": 1.0, "[time]": -2.0}) == "m/s**2"
    assert unit_text({"[mass]": 1.0, "[length]": 2.0, "[time]": -2.0}) == "J"
    assert quantities(["v"], ["m/s"], "y", "").dims.tolist() == [[PARTS, -PARTS]]


def explained(values, y, members):
    coefficients = np.linalg.lstsq(values[list(members)].T, y, rcond=None)[0]
    return 1 - np.sum((y - coefficients @ values[list(members)]) ** 2) / np.sum(y**2)


def test_best_pairs_and_triples_are_those_of_brute_force():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(14, 60))
    y = values[2] - 2 * values[7] + 0.7 * values[11] + rng.normal(size=60)
    gram, slope = standard(values, y, np.ones(60), centred=False)
    for found, n in ((best_pairs(gram, slope, 5), 2), (best_triples(gram, slope, 5), 3)):
        brute = sorted(combinations(range(14), n), key=lambda m: -explained(values, y, m))[:5]
        assert [tuple(m) for m in found[0].tolist()] == brute
        np.testing.assert_allclose(found[1], [explained(values, y, m) for m in brute], atol=1e-5)
    third, _ = extended(gram, slope, np.array([[2, 7]]), 1)
    assert third.tolist() == [[2, 7, 11]]

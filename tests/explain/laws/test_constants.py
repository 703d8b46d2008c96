"""Constants: as SciPy fits them, with its doubt, round where they are."""

import numpy as np
import pytest
from scipy.optimize import curve_fit

from matloop.explain.laws.candidates import candidate, polished
from matloop.explain.laws.carried import constant_units
from matloop.explain.laws.constants import fit, readable, round_number
from matloop.explain.laws.dimensions import quantities
from matloop.explain.laws.expression import Node, c, x
from matloop.explain.laws.separate import separable
from matloop.explain.laws.writing import text

ARRHENIUS = Node("*", (c(0), Node("exp", (Node("/", (c(1), x(0))),))))


def test_fit_and_doubt_are_those_of_scipy():
    rng = np.random.default_rng(0)
    T = rng.uniform(300, 900, 80)
    y = 7.0 * np.exp(-800 / T) + rng.normal(0, 0.05, 80)
    found = fit(ARRHENIUS, T[:, None], y, [3.0, -500.0])
    value, covariance = curve_fit(lambda t, a, b: a * np.exp(b / t), T, y, [3.0, -500.0])
    np.testing.assert_allclose(found.constants, value, rtol=1e-4)
    np.testing.assert_allclose(found.errors, np.sqrt(np.diag(covariance)), rtol=0.02)


def test_constants_that_rows_do_not_determine_are_called_so():
    two = Node("+", (Node("*", (c(0), x(0))), Node("*", (c(1), x(1)))))
    X = np.column_stack([np.arange(9.0), np.zeros(9)])
    assert np.isinf(fit(two, X, X[:, 0], [1.0, 1.0]).errors).all()


def test_a_round_number_is_taken_only_where_it_is_known_well():
    assert round_number(1.01, 0.01) == 1.0
    assert round_number(-0.499, 0.001) == -0.5
    assert round_number(1.12, 0.05) is None
    assert round_number(1.3, 0.5) is None


def test_round_constants_leave_the_law():
    rng = np.random.default_rng(1)
    X = rng.uniform(1, 3, (200, 2))
    y = 0.5 * X[:, 0] * X[:, 1] ** 2 + rng.normal(0, 0.05, 200)
    law = Node("*", (Node("*", (c(0), x(0))), Node("^", (x(1), Node("#", (), 2.0)))))
    given = quantities(["m", "v"], ["kg", "m/s"], "E", "J")
    found = polished(candidate(law, X, y, [1.0]), X, y, given)
    assert found.constants == ()
    assert text(found.node, ("m", "v"), []) == "0.5 * m * v^2"


def test_units_of_constants_are_those_that_were_given():
    """A radius in angstrom and a volume in cubic angstrom: neither is turned into metres."""
    given = quantities(["r", "V"], ["angstrom", "angstrom^3"], "T", "K")
    tree = Node("+", (Node("*", (c(0), x(0))), Node("*", (c(1), Node("^", (x(1), Node("#", (), 2.0)))))))
    assert constant_units(tree, given) == ("K/angstrom", "K/(angstrom^3)^2")
    energy = quantities(["m", "v"], ["g", "km/h"], "E", "J")
    half = Node("*", (Node("*", (c(0), x(0))), Node("^", (x(1), Node("#", (), 2.0)))))
    assert constant_units(half, energy) == ("J/(g*(km/h)^2)",)
    assert constant_units(half, quantities(["m", "v"], ["kg", "m/s"], "E", "J")) == ("",)


def test_a_round_constant_with_a_unit_stays():
    X = np.linspace(1, 2, 50)[:, None]
    given = quantities(["t"], ["s"], "m", "kg")
    found = polished(candidate(Node("*", (c(0), x(0))), X, X[:, 0], [0.9]), X, X[:, 0], given)
    assert found.constants == pytest.approx((1.0,))
    assert constant_units(found.node, given) == ("kg/s",)


def test_constants_are_shown_to_two_digits_of_their_doubt():
    assert readable(np.array([123.456789, 0.0012345]), np.array([0.21, np.inf])) == (123.46, 0.00123)


def test_constants_carry_the_units_that_are_missing():
    given = quantities(["T", "d"], ["K", "nm"], "rate", "1/s")
    tree = Node("/", (ARRHENIUS, Node("^", (x(1), Node("#", (), 2.0)))))
    assert constant_units(tree, given) == ("(1/s)*nm^2", "K")


@pytest.mark.parametrize("seed", range(3))
def test_inputs_that_only_multiply_are_found(seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(1, 4, (400, 4))
    y = X[:, 0] / X[:, 1] ** 2 * (X[:, 2] + X[:, 3])
    y += rng.normal(0, 0.03 * y.std(), 400)
    assert separable(X, y, range(4)) == {0: 6, 1: -12}

"""What stands in for libraries says what they say."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import solve_triangular
from scipy.spatial.distance import cdist
from scipy.special import ndtri
from sklearn.neighbors import NearestNeighbors

from matloop.core import units
from matloop.deploy.edge.standins import (
    pandas,
    pint,
    scipy_distance,
    scipy_linalg,
    scipy_special,
    sklearn_neighbors,
)
from matloop.deploy.edge.standins.absent import Absent
from matloop.deploy.edge.standins.leaves import Leaves
from matloop.models.leaves import Leaves as Library
from matloop.models.trees import Trees, model_text

UNITS = [
    "K", "°C", "degF", "uV/K", "W/(m*K)", "W·m⁻¹·K⁻¹", "GPa", "MPa", "kbar", "psi", "ksi", "eV", "meV", "eV/atom",
    "kJ/mol", "kcal/mol", "J/(g*K)", "g/cm^3", "kg/m^3", "angstrom", "nm", "Å^3", "µm", "mm", "cm", "S/cm", "ohm*cm",
    "Ω·m", "10^18*cm^-3", "1/cm^3", "%", "wt%", "ppm", "h", "min", "ms", "emu/g", "muB", "T", "Oe", "V", "mV",
    "uW/(m*K^2)", "Ry", "J/m^2", "N/m", "degree", "THz", "cm^2/(V*s)", "mA/cm^2", "mAh/g", "mol/L", "M", "K/min",
    "amu", "foo", "kPa", "Torr", "bar", "atm", "meV/angstrom", "inch", "day",
]  # fmt: skip


@given(st.floats(0, 1))
def test_normal_quantiles_have_the_bits_of_scipy(p):
    assert scipy_special.ndtri(p) == ndtri(p)


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cityblock", "chebyshev"])
def test_distances_have_the_bits_of_scipy(metric):
    a, b = np.random.default_rng(0).normal(size=(2, 40, 57))
    np.testing.assert_array_equal(scipy_distance.cdist(a, b, metric), cdist(a, b, metric))


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_neighbours_are_those_of_scikit_learn(metric):
    rows, asked = np.random.default_rng(0).normal(size=(2, 60, 20))
    ours = (
        sklearn_neighbors.NearestNeighbors(algorithm="brute", metric=metric).fit(rows).kneighbors(asked, n_neighbors=4)
    )
    theirs = NearestNeighbors(algorithm="brute", metric=metric).fit(rows).kneighbors(asked, n_neighbors=4)
    np.testing.assert_array_equal(ours[1], theirs[1])
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-14)


def test_triangular_systems_are_those_of_scipy():
    a, b = np.tril(np.random.default_rng(0).normal(size=(9, 9))) + 9 * np.eye(9), np.eye(9)
    np.testing.assert_allclose(scipy_linalg.solve_triangular(a, b, lower=True), solve_triangular(a, b, lower=True))


@given(
    st.lists(
        st.one_of(st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.floats(), st.text("0123456789.eE+- x"))
    )
)
def test_plain_numbers_are_those_of_pandas(values):
    ours = pandas.to_numeric(pandas.Series(values))
    theirs = np.array(pd.to_numeric(pd.Series(values, dtype=object), errors="coerce"), dtype=float)
    np.testing.assert_array_equal(np.isfinite(ours), np.isfinite(theirs))
    np.testing.assert_allclose(ours, theirs, rtol=1e-15)


@given(st.lists(st.text("ab ", max_size=2)))
def test_codes_are_those_of_pandas(words):
    column = np.array(words, dtype=object)
    ours, theirs = pandas.factorize(column), pd.factorize(column)
    np.testing.assert_array_equal(ours[0], theirs[0])
    assert list(ours[1]) == list(theirs[1])


@pytest.mark.parametrize("written", UNITS)
def test_units_are_those_of_pint(written):
    expected = units.in_base(written)
    if expected is None:
        with pytest.raises(pint.PintError):
            pint.UnitRegistry().parse_expression(units.tidy(written))
        return
    found = pint.UnitRegistry().parse_expression(units.tidy(written))
    assert found.magnitude * found.units.scale == pytest.approx(expected.scale, rel=1e-12)
    assert found.units.offset == pytest.approx(expected.offset, rel=1e-12)


def test_celsius_becomes_kelvin_and_back():
    registry = pint.UnitRegistry()
    kelvin, celsius = (registry.parse_expression(name).units for name in ("K", "degC"))
    assert pint.Amount(25.0, celsius).to(kelvin).magnitude == 298.15
    assert pint.Amount(298.15, kelvin).to(celsius).magnitude == 25.0


def trees(missing):
    """Two trees and one of a single leaf over two columns."""
    return Trees(
        2, np.array([0, 2, 2, 3]), np.array([0, 3, 4, 6]), np.array([0, 1, 1], np.int32),
        np.array([0.5, -1.0, 0.0], np.float32), np.array([1, -1, -1], np.int32), np.array([-3, -2, -2], np.int32),
        np.array([True, False, True]), np.array([missing] * 3), np.arange(6.0)[:, None], np.zeros(3, np.int64),
        np.zeros(3, np.int64), "identity",
    )  # fmt: skip


@pytest.mark.parametrize("missing", [True, False])
def test_rows_end_in_the_leaves_of_lightgbm(missing):
    some = np.array(
        [np.nan, -np.inf, -1.0, -0.0, 1e-36, 0.25, 0.5, np.float32(0.5) + np.float32(1e-7), np.inf], np.float32
    )
    Z = np.array([(a, b) for a in some for b in some], np.float32)
    one = trees(missing)
    text = model_text(one)
    ours = Leaves(text, 3, 2).of(Z, 0, 3)
    np.testing.assert_array_equal(ours, Library(text, 3, 2).of(Z, 0, 3))
    np.testing.assert_array_equal(Leaves(text, 3, 2).of(Z, 1, 2), ours[:, 1:])


def test_what_is_absent_says_so_when_it_is_used():
    with pytest.raises(ModuleNotFoundError, match=r"scipy\.stats\.norm, which the exported folder goes without"):
        Absent("scipy.stats.norm").ppf(0.5)
    assert not hasattr(Absent("x"), "__wrapped__")

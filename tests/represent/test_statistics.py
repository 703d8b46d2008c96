import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matloop.core.errors import ConfigError
from matloop.represent.pooling import mean
from matloop.represent.statistics import statistic


def of(name, values, amounts):
    values, amounts = np.array(values, dtype=float)[None, :, None], np.array(amounts, dtype=float)[None, :]
    return float(statistic(name)(values, amounts, mean(values, amounts))[0, 0])


# by hand, over the five atoms 1, 1, 4, 4, 4
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("min", 1.0),
        ("max", 4.0),
        ("range", 3.0),
        ("mean", 2.8),
        ("avg_dev", 1.44),
        ("mode", 4.0),
        ("std", np.sqrt(2.16)),
        ("std_dev", np.sqrt(2.16 / 0.48)),
        ("sum", 14.0),
        ("geometric_mean", 4**0.6),
        ("harmonic_mean", 5 / 2.75),
        ("inverse_mean", 0.55),
        ("holder_mean::2", np.sqrt(10.0)),
        ("geometric_std", np.exp(np.log(4) * np.sqrt(0.24))),
        ("skewness", (0.4 * (-1.8) ** 3 + 0.6 * 1.2**3) / 2.16**1.5),
        ("kurtosis", (0.4 * 1.8**4 + 0.6 * 1.2**4) / 2.16**2),
        ("median", 4.0),
        ("weighted_quantile::0.4", 2.5),
        ("weighted_quantile::0.39", 1.0),
        ("weighted_quantile::1", 4.0),
        ("quantile::0.5", 2.5),
    ],
)
def test_values_by_hand(name, expected):
    assert of(name, [4.0, 1.0], [3, 2]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["std", "std_dev", "skewness", "kurtosis", "avg_dev", "range"])
def test_one_value_has_no_spread(name):
    assert of(name, [0.1], [7]) == 0.0
    assert of(name, [0.1, 0.1, 0.1], [1, 2, 4]) == pytest.approx(0.0, abs=1e-15)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 9)), min_size=1, max_size=6),
    st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]),
)
def test_quantiles_over_the_atoms_are_those_of_the_listed_atoms(species, q):
    values, amounts = zip(*species, strict=True)
    atoms = np.repeat(np.array(values, dtype=float), amounts)
    expected = np.quantile(atoms, q, method="averaged_inverted_cdf")
    assert of(f"weighted_quantile::{q}", values, amounts) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0.1, 1e3), st.integers(1, 9)), min_size=2, max_size=6))
def test_moments_are_scipys(species):
    stats = pytest.importorskip("scipy.stats")
    values, amounts = zip(*species, strict=True)
    atoms = np.repeat(values, amounts)
    if np.ptp(atoms) > 1e-3 * atoms.max():
        assert of("skewness", values, amounts) == pytest.approx(stats.skew(atoms), abs=1e-6)
        assert of("kurtosis", values, amounts) == pytest.approx(stats.kurtosis(atoms, fisher=False), rel=1e-6)
    assert of("geometric_mean", values, amounts) == pytest.approx(stats.gmean(atoms), rel=1e-9)
    assert of("harmonic_mean", values, amounts) == pytest.approx(stats.hmean(atoms), rel=1e-9)


@pytest.mark.parametrize(
    ("name", "values"), [("geometric_mean", [-1, 2]), ("inverse_mean", [0, 2]), ("median", [np.nan, 2])]
)
def test_what_has_no_value_is_nan(name, values):
    assert np.isnan(of(name, values, [1, 1]))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("meen", "Did you mean 'mean'"),
        ("xyz", "Known: minimum"),
        ("quantile", "a number from 0 to 1"),
        ("quantile::2", "a number from 0 to 1"),
        ("holder_mean::nan", "a number from -100 to 100"),
        ("mean::2", "no statistic"),
        (3, "no statistic"),
    ],
)
def test_an_unknown_name_says_which_there_are(name, told):
    with pytest.raises(ConfigError, match=told):
        statistic(name)

"""Bond order, bond statistics, local differences and smooth coordination: published values, hand-worked cells."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from matloop.core.elements import ElementTable, table
from matloop.core.errors import ConfigError
from matloop.matter.structures import from_arrays, joined
from matloop.represent.structural.bond_order import BondOrderFeaturizer, third_order, wigner_3j
from matloop.represent.structural.bond_statistics import COLUMNS, BondStatisticsFeaturizer
from matloop.represent.structural.ewald_site import EwaldSiteFeaturizer
from matloop.represent.structural.harmonics import (
    chebyshev_by_legendre,
    harmonic_gradients,
    harmonics,
    power_by_legendre,
)
from matloop.represent.structural.local_difference import LocalDifferenceFeaturizer
from matloop.represent.structural.smooth_coordination import SmoothCoordinationFeaturizer, covalent_radii
from matloop.testing.structures import sample_structures

pytest.importorskip("matscipy", reason="the extra structures is not installed")

SAMPLE = sample_structures()
GOLDEN = (1 + 5**0.5) / 2
ICOSAHEDRON = [(0.0, a, b * GOLDEN) for a, b in itertools.product((1, -1), repeat=2)]


def sph_harm_y(l, m, polar, azimuth):
    if hasattr(special, "sph_harm_y"):  # since SciPy 1.15
        return special.sph_harm_y(l, m, polar, azimuth)
    return special.sph_harm(m, l, azimuth, polar)


def named(*names):
    return SAMPLE.take(np.array([SAMPLE.names.tolist().index(name) for name in names]))


def cluster(places, numbers):
    return from_arrays(np.eye(3)[None], [np.array(places, float)], [numbers], periodic=np.zeros((1, 3), bool))


def metal(kind):
    cells = {"sc": np.eye(3), "bcc": (1 - 2 * np.eye(3)) / 2, "fcc": (1 - np.eye(3)) / 2}
    if kind == "hcp":
        lattice = np.array([[1, 0, 0], [-0.5, 0.75**0.5, 0], [0, 0, (8 / 3) ** 0.5]])
        return from_arrays(3.0 * lattice[None], [[[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]]], [[12, 12]])
    return from_arrays(3.0 * cells[kind][None], [np.zeros((1, 3))], [[29]])


# Mickel et al. 2013 (doi:10.1063/1.4774084), table I; q4, q6, w4, w6 of bcc with 8 neighbours
ORDER = {
    "sc": (3.1, 0.764, 0.354, 0.159, 0.013),
    "bcc": (2.7, 0.509, 0.629, -0.159, 0.013),
    "fcc": (2.2, 0.191, 0.575, -0.159, -0.013),
    "hcp": (3.1, 0.097, 0.485, 0.134, -0.012),
}


@pytest.mark.parametrize("kind", list(ORDER))
def test_bond_order_of_metals_is_as_published(kind):
    cutoff, *published = ORDER[kind]
    values = BondOrderFeaturizer(w_hat=True, neighbours="cutoff", cutoff=cutoff).sites(metal(kind))[0]
    assert [values[3], values[5], values[13], values[15]] == pytest.approx(published, abs=6e-4)
    if kind in ("sc", "fcc"):  # all faces alike
        for neighbours in ("solid_angle", "area"):
            voronoi = BondOrderFeaturizer(w_hat=True, neighbours=neighbours).sites(metal(kind))[0]
            np.testing.assert_allclose(voronoi, values, atol=1e-7)


def test_bond_order_of_an_icosahedron():
    corners = [corner[k:] + corner[:k] for corner in ICOSAHEDRON for k in range(3)]
    atoms = cluster([(0, 0, 0), *corners], [29] * 13)
    values = BondOrderFeaturizer(w=True, w_hat=True, neighbours="cutoff", cutoff=1.95).sites(atoms)[0]
    assert values[5] == pytest.approx(0.66332, abs=1e-5)  # Steinhardt et al. 1983: q6, and w6 of any icosahedron
    assert values[25] == pytest.approx(-0.169754, abs=1e-6)
    assert np.abs(values[[0, 1, 2, 3, 4, 6, 7, 8]]).max() < 1e-12


def test_averaged_bond_order_is_the_mean_over_site_and_neighbours():
    crystal = named("perovskite, distorted")
    plain = BondOrderFeaturizer(averaged=True, neighbours="cutoff", cutoff=3.0)
    from matloop.matter.neighbours import neighbours

    pairs = neighbours(crystal, 3.0)
    x, y, z = (pairs.vectors / pairs.distances[:, None]).T
    for l in (2, 6):
        q = np.array([
            [sph_harm_y(l, m, np.arccos(z), np.arctan2(y, x))[pairs.first == site].mean() for m in range(-l, l + 1)]
            for site in range(5)
        ])  # fmt: skip
        mean = [
            (q[site] + q[pairs.second[pairs.first == site]].sum(axis=0)) / (1 + (pairs.first == site).sum())
            for site in range(5)
        ]
        expected = [math.sqrt(4 * math.pi / (2 * l + 1)) * np.linalg.norm(one) for one in mean]
        np.testing.assert_allclose(plain.sites(crystal)[:, l - 1], expected, rtol=1e-12)
    perfect = metal("fcc")
    np.testing.assert_allclose(
        BondOrderFeaturizer(averaged=True).sites(perfect), BondOrderFeaturizer().sites(perfect), atol=1e-12
    )


def test_third_order_does_not_depend_on_the_axes():
    rng = np.random.default_rng(1)
    bonds = rng.normal(size=(3, 9))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    for degree in (2, 4, 6, 10):
        q = [
            np.array([[y.sum()] for l, _, y in harmonics(v / np.linalg.norm(v, axis=0), degree) if l == degree])
            for v in (bonds, turn @ bonds)
        ]
        assert third_order(q[0]) == pytest.approx(third_order(q[1]), rel=1e-9)


def test_wigner_symbols_are_the_tabulated_ones():
    assert wigner_3j(2, 0, 0, 0) == pytest.approx(-math.sqrt(2 / 35))
    assert wigner_3j(4, 0, 0, 0) == pytest.approx(math.sqrt(18 / 1001))
    assert wigner_3j(2, 1, 1, -2) == pytest.approx(-math.sqrt(3 / 35))
    assert wigner_3j(1, 1, 0, -1) == pytest.approx(-wigner_3j(1, 0, 1, -1))
    total = sum(wigner_3j(6, a, b, -a - b) ** 2 for a in range(-6, 7) for b in range(-6, 7) if abs(a + b) <= 6)
    assert total == pytest.approx(1.0)


def test_harmonics_are_those_of_scipy_and_gradients_their_slopes():
    rng = np.random.default_rng(0)
    v = np.concatenate([rng.normal(size=(3, 8)), [[0, 0, 1, 0], [0, 0, 0, -1], [1, -1, 0, 0]]], axis=1)
    v /= np.linalg.norm(v, axis=0)
    theta, phi = np.arctan2(np.hypot(v[0], v[1]), v[2]), np.arctan2(v[1], v[0])
    for (l, m, value), (_, _, again, gradient) in zip(harmonics(v, 12), harmonic_gradients(v, 12), strict=True):
        full = sph_harm_y(l, abs(m), theta, phi) * (-1) ** m
        expected = full.real if m == 0 else math.sqrt(2) * (full.real if m > 0 else full.imag)
        np.testing.assert_allclose(value, expected, atol=1e-12)
        np.testing.assert_array_equal(value, again)
        for axis in range(3):
            up, down = v.copy(), v.copy()
            up[axis] += 1e-6
            down[axis] -= 1e-6
            ends = [
                next(y for a, b, y in harmonics(w / np.linalg.norm(w, axis=0), l) if (a, b) == (l, m))
                for w in (up, down)
            ]
            np.testing.assert_allclose(gradient[axis], (ends[0] - ends[1]) / 2e-6, atol=1e-7)


def test_polynomials_in_legendre_form():
    x = np.linspace(-1, 1, 7)
    for n in range(41):
        values = np.polynomial.legendre.legval(x, chebyshev_by_legendre(40)[n])
        np.testing.assert_allclose(values, np.cos(n * np.arccos(x)), atol=1e-11)
    for zeta, sign in ((1, 1.0), (4, -1.0), (16, 1.0), (24, 0.3)):
        values = np.polynomial.legendre.legval(x, power_by_legendre(zeta, sign))
        np.testing.assert_allclose(values, (1 + sign * x) ** zeta, rtol=0, atol=1e-12 * (1 + abs(sign)) ** zeta)


def test_bonds_of_rock_salt_and_water():
    salt = dict(zip(COLUMNS, BondStatisticsFeaturizer().sites(named("rock salt"))[0], strict=True))
    half, right = 2.82, math.pi / 2
    assert [salt[f"bond length {name}"] for name in ("average", "minimum", "maximum")] == pytest.approx([half] * 3)
    assert [salt["bond length std"], salt["bond length distortion"]] == pytest.approx([0, 0], abs=1e-7)
    assert [salt[f"bond angle {name}"] for name in ("minimum", "to nearest")] == pytest.approx([right] * 2)
    # of the 15 angles 12 are right and 3 straight
    assert salt["bond angle average"] == pytest.approx((12 * right + 3 * math.pi) / 15)
    assert salt["bond angle maximum"] == pytest.approx(math.pi)

    featurizer = BondStatisticsFeaturizer("cutoff", cutoff=1.2)
    water = dict(zip(COLUMNS, featurizer.sites(named("molecule")).T, strict=True))
    assert water["bond length average"] == pytest.approx([math.hypot(0.757, 0.586)] * 3)
    assert math.degrees(water["bond angle average"][0]) == pytest.approx(2 * math.degrees(math.atan(0.757 / 0.586)))
    assert np.isnan(water["bond angle average"][1:]).all()
    assert "one bond only" in featurizer.reasons(named("molecule"))[0]


def test_tiny_faces_do_not_decide_the_extremes():
    """An fcc metal a hundredth shorter along z: faces towards second neighbours open in the corners of the cell."""
    cubic = metal("fcc")
    strained = replace(cubic, lattices=cubic.lattices * np.array([1.0, 1.0, 0.99]))
    values = BondStatisticsFeaturizer().sites(joined([cubic, strained]))
    np.testing.assert_allclose(values[0], values[1], atol=0.02)
    longest = BondStatisticsFeaturizer(tolerance=0.0).sites(strained)[0, COLUMNS.index("bond length maximum")]
    assert longest == pytest.approx(0.99 * 3.0)
    with pytest.raises(ConfigError, match="share"):
        BondStatisticsFeaturizer(tolerance=1.5).transform(cubic)


def test_statistics_count_by_weight():
    """Four neighbours of one site in a plane, at 2 (twice) and 3 Angstrom (twice), weighted by the fading function."""
    atoms = cluster([(0, 0, 0), (2, 0, 0), (-2, 0, 0), (0, 3, 0), (0, -3, 0)], [8] * 5)
    found = dict(zip(COLUMNS, BondStatisticsFeaturizer("fade", cutoff=4.0).sites(atoms)[0], strict=True))
    a, b = 0.5, 0.5 * (math.cos(0.75 * math.pi) + 1)
    mean = (2 * a + 3 * b) / (a + b)
    assert found["bond length average"] == pytest.approx(mean)
    assert found["bond length distortion"] == pytest.approx((a * (mean - 2) + b * (3 - mean)) / (a + b) / mean)
    straight, right = a * a + b * b, 4 * a * b
    angle = (straight * math.pi + right * math.pi / 2) / (straight + right)
    assert found["bond angle average"] == pytest.approx(angle)
    assert found["bond angle std"] == pytest.approx(
        math.sqrt((straight * (math.pi - angle) ** 2 + right * (angle - math.pi / 2) ** 2) / (straight + right))
    )


def test_local_difference_of_rock_salt_is_that_of_its_elements():
    values = table("magpie").column("Electronegativity")
    options = {"properties": ("Electronegativity", "Number")}
    plain = LocalDifferenceFeaturizer(**options).sites(named("rock salt"))
    signed = LocalDifferenceFeaturizer(**options, signed=True).sites(named("rock salt"))
    np.testing.assert_allclose(plain, [[values[17] - values[11], 6.0]] * 8, atol=1e-6)
    np.testing.assert_allclose(signed[[0, 7], 1], [6.0, -6.0], atol=1e-6)
    assert len(LocalDifferenceFeaturizer(source="deml").site_columns()) == len(table("deml").columns)
    own = ElementTable(("charge",), np.where(np.arange(119)[:, None] == 11, 1.0, -1.0))
    np.testing.assert_allclose(LocalDifferenceFeaturizer(source=own).sites(named("rock salt")), 2.0, atol=1e-6)
    with pytest.raises(ConfigError, match="Colour"):
        LocalDifferenceFeaturizer(properties=("Colour",)).transform(named("CsCl"))


def test_smooth_coordination_counts_shells_and_half_at_the_border():
    found = SmoothCoordinationFeaturizer().sites(named("diamond", "molecule"))[:, 0]
    radius = covalent_radii()[6]
    assert radius == 0.76
    shells = ((4, 3**0.5 / 4), (12, 0.5**0.5), (12, 11**0.5 / 4), (6, 1.0))
    counts = [n / (1 + math.exp(-16 * (4 / 3 * 2 * radius / (3.57 * r) - 1))) for n, r in shells]
    assert counts[0] == pytest.approx(4, abs=0.03)
    assert found[:2] == pytest.approx([sum(counts)] * 2, abs=0.02)
    assert found[2:] == pytest.approx([2, 1, 1], abs=0.05)
    reach = 4 / 3 * covalent_radii()[[6, 17]].sum()
    assert SmoothCoordinationFeaturizer().sites(cluster([(0, 0, 0), (reach, 0, 0)], [6, 17]))[0, 0] == pytest.approx(
        0.5
    )
    for border in (8.0 - 1e-6, 8.0 + 1e-6):
        assert SmoothCoordinationFeaturizer().sites(cluster([(0, 0, 0), (border, 0, 0)], [55, 55])).max() < 1e-6


def test_site_energies_are_madelungs():
    """Madelung constants: rock salt 1.747565 (nearest distance), CsCl 1.762675; charges are found by composition."""
    salt, caesium = (EwaldSiteFeaturizer().sites(named(name)) for name in ("rock salt", "CsCl"))
    for found, constant, distance in ((salt, 1.7475646, 2.82), (caesium, 1.7626747, 4.12 * 0.75**0.5)):
        potential = 14.39964548 * constant / distance
        half = len(found) // 2
        np.testing.assert_allclose(found[:, 0], -potential / 2, rtol=1e-6)
        np.testing.assert_allclose(found[:, 1], [-potential] * half + [potential] * half, rtol=1e-6)
    assert (EwaldSiteFeaturizer().sites(named("diamond")) == 0).all()
    charged = named("CsCl")
    charged = replace(charged, oxidation=np.array([1.0, -2.0]))
    assert "do not add up to zero" in EwaldSiteFeaturizer().reasons(charged)[0]
    assert np.isnan(EwaldSiteFeaturizer().transform(charged)).all()


def test_reasons_where_there_are_no_bonds():
    alone = cluster([(0, 0, 0), (9, 0, 0)], [2, 2])
    for featurizer in (BondOrderFeaturizer(neighbours="fade"), BondStatisticsFeaturizer("cutoff")):
        assert np.isnan(featurizer.transform(alone)).all()
        assert "no neighbour within 4 A" in featurizer.reasons(alone)[0]
    assert "open" in BondOrderFeaturizer().reasons(alone)[0]
    assert "one species per site" in LocalDifferenceFeaturizer().reasons(named("alloy"))[0]


@pytest.mark.parametrize("featurizer", [BondOrderFeaturizer, BondStatisticsFeaturizer, LocalDifferenceFeaturizer])
def test_unknown_neighbours_are_refused(featurizer):
    with pytest.raises(ConfigError, match="solid_angle, area, cutoff, fade"):
        featurizer(neighbours="nearest").transform(named("CsCl"))
    with pytest.raises(ConfigError, match="from 1 to 20"):
        BondOrderFeaturizer(degree=0).transform(named("CsCl"))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**20))
def test_weights_by_faces_change_little_when_sites_move_little(seed):
    """Where faces come and go a plain count of neighbours would jump."""
    rng = np.random.default_rng(seed)
    place = rng.random((4, 3)) / 2 + np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    pair = joined([
        from_arrays(4.1 * np.eye(3)[None], [place + move], [[29, 8, 26, 8]])
        for move in (0.0, 1e-6 * rng.normal(size=(4, 3)))
    ])  # fmt: skip
    for featurizer in (BondOrderFeaturizer(), LocalDifferenceFeaturizer()):
        first, second = featurizer.sites(pair).reshape(2, 4, -1)
        np.testing.assert_allclose(first, second, rtol=1e-3, atol=1e-3)

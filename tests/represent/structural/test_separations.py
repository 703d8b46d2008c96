"""Pairs counted once against the list of neighbours, and radial functions against closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erfc

from matloop.core.errors import ConfigError
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import from_arrays
from matloop.represent.structural import separations as module
from matloop.represent.structural.electronic import ElectronicRdfFeaturizer
from matloop.represent.structural.generalised import AngularFourierFeaturizer, GrdfFeaturizer, _Radial
from matloop.represent.structural.radial import PartialRdfFeaturizer, RdfFeaturizer
from matloop.represent.structural.separations import separations
from matloop.testing.structures import INVARIANCES, repeated, sample_structures

pytest.importorskip("matscipy")
FCC = [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]


def salt(a=5.64):
    return from_arrays(a * np.eye(3)[None], [[*FCC, *np.add(FCC, [0.5, 0, 0])]], [[11] * 4 + [17] * 4])


@st.composite
def crystals(draw):
    """One to five atoms in a cell of any shape, cubic to needle and skew, sites also outside of it."""
    numbers = draw(st.lists(st.integers(1, 118), min_size=1, max_size=5))
    lattice = np.array(draw(st.lists(st.floats(-1, 1), min_size=9, max_size=9))).reshape(3, 3) + 2 * np.eye(3)
    lengths = np.array(draw(st.tuples(*[st.sampled_from([1.0, 2.5, 4.0, 12.0])] * 3)))
    places = np.random.default_rng(draw(st.integers(0, 2**31))).uniform(-2, 2, (len(numbers), 3))
    periodic = np.array([draw(st.tuples(*[st.booleans()] * 3))])
    return from_arrays((lattice * lengths[:, None])[None], [places], [numbers], periodic=periodic)


def assert_same_as_listed(structures, cutoff):
    near = Vicinity(structures)
    listed = near.within(cutoff)
    for vectors in (False, True):
        found = separations(structures, near, cutoff, vectors=vectors)
        for site in range(len(structures.coordinates)):
            ours = np.concatenate([found.distances[found.first == site], found.distances[found.second == site]])
            theirs = listed.distances[listed.first == site]
            np.testing.assert_allclose(np.sort(ours), np.sort(theirs), atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), found.distances, rtol=1e-12)
    ends = np.concatenate([found.vectors, -found.vectors])
    np.testing.assert_allclose(ends.sum(axis=0), listed.vectors.sum(axis=0), atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(crystals(), st.sampled_from([2.123, 5.0123, 9.0456]))
def test_every_pair_is_found_once(structure, cutoff):
    assert_same_as_listed(structure, cutoff)


@pytest.mark.parametrize("few", [0, 48])
def test_both_ways_of_counting_agree(monkeypatch, few):
    monkeypatch.setattr(module, "FEW_SITES", few)
    assert_same_as_listed(sample_structures(), 6.1234)


def test_pairs_are_kept_for_the_next_who_asks():
    near = Vicinity(salt())
    found = separations(near.structures, near, 5.0)
    assert separations(near.structures, near, 5.0) is found
    assert len(separations(near.structures, near, 6.0).first) > len(found.first)


def test_a_row_with_too_many_pairs_is_refused_with_their_number(monkeypatch):
    monkeypatch.setattr(module, "MOST_PAIRS", 1000)
    rdf = RdfFeaturizer(cutoff=12.0)
    assert np.isnan(rdf.transform(salt())).all()
    assert "pairs within 12 A (8 sites)" in rdf.reasons(salt())[0]


def test_rdf_of_rock_salt_by_hand():
    """Six neighbours at a / 2, twelve at a / sqrt 2; density 8 atoms per a^3."""
    values = RdfFeaturizer(cutoff=5.0).transform(salt())[0]
    shell = 4 / 3 * np.pi * (2.9**3 - 2.8**3)
    assert values[28] == pytest.approx(6 / shell / (8 / 5.64**3))
    assert np.flatnonzero(values).tolist() == [28, 39, 48]


def test_rdf_tends_to_one():
    whole = RdfFeaturizer(cutoff=20.0, bin_size=5.0).transform(salt())[0]
    assert whole[-1] == pytest.approx(1.0, abs=0.03)


def test_an_atom_on_an_edge_is_in_the_upper_bin_however_it_is_rounded():
    for a in (4.0, 4.0 - 1e-12, 4.0 + 1e-12):
        values = RdfFeaturizer(cutoff=5.0, bin_size=0.5).transform(from_arrays([a * np.eye(3)], [[[0, 0, 0]]], [[84]]))
        assert np.flatnonzero(values[0]).tolist() == [8]


def test_an_alloy_counts_by_occupancy():
    """Fe0.7Cr0.3 and Al0.8 in the cell of CsCl: as the ordered cell, each pair by the product of its occupancies."""
    structures = sample_structures()
    alloy = structures.take(np.flatnonzero(structures.names == "alloy"))
    a = alloy.lattices[0, 0, 0]
    shell = 4 / 3 * np.pi * (2.6**3 - 2.5**3)
    values = RdfFeaturizer(cutoff=2.9).transform(alloy)[0]
    assert values[25] == pytest.approx(2 * 8 * 0.8 / shell / 1.8 / (1.8 / a**3))
    metals = PartialRdfFeaturizer(cutoff=2.9, elements=("Al", "Cr", "Fe"))
    shown = dict(zip(metals.columns(), metals.transform(alloy)[0], strict=True))
    assert shown["Al-Cr PRDF r=2.50-3.00"] == pytest.approx(8 * 0.3 / (4 / 3 * np.pi * (3.0**3 - 2.5**3)))


def test_partial_rdf_has_a_column_for_each_pair_and_refuses_other_elements():
    found = PartialRdfFeaturizer(cutoff=3.0, elements=("Cl", "Na"))
    assert found.columns()[0] == "Na-Na PRDF r=0.00-0.50"
    values = dict(zip(found.columns(), found.transform(salt())[0], strict=True))
    assert values["Na-Cl PRDF r=2.50-3.00"] == pytest.approx(6 / (4 / 3 * np.pi * (3.0**3 - 2.5**3)))
    assert "Na, which is not among" in PartialRdfFeaturizer(elements=("Cl",)).reasons(salt())[0]
    classes = PartialRdfFeaturizer(cutoff=3.0)
    shown = dict(zip(classes.columns(), classes.transform(salt())[0], strict=True))
    assert shown["metal-nonmetal PRDF r=2.50-3.00"] == values["Na-Cl PRDF r=2.50-3.00"]


def test_electronic_rdf_of_rock_salt_by_hand():
    """Six opposite charges at a / 2, twelve like ones at a / sqrt 2."""
    values = ElectronicRdfFeaturizer(cutoff=4.5).transform(salt())[0]
    assert values[28] == pytest.approx(-6 / 2.82)
    assert values[39] == pytest.approx(12 / (5.64 / 2**0.5))


def test_electronic_rdf_sums_to_the_madelung_constant():
    """Of rock salt; charges screened by Gaussians so wide that of Ewald's sums the one in real space is left."""
    values = ElectronicRdfFeaturizer(cutoff=30.0, bin_size=0.004).transform(salt())[0]
    screened = (values * erfc(0.15 * (np.arange(7500) + 0.5) * 0.004)).sum() - 2 * 0.15 / np.pi**0.5
    assert -screened * 2.82 == pytest.approx(1.747565, abs=5e-3)


def test_a_row_without_charges_says_so():
    intermetallic = from_arrays([3.0 * np.eye(3)], [[[0, 0, 0], [0.5, 0.5, 0.5]]], [[28, 13]])
    assert "none that are known of its elements add up" in ElectronicRdfFeaturizer().reasons(intermetallic)[0]


def test_tapered_functions_are_continuous_where_an_atom_crosses_the_cutoff():
    for featurizer in (
        GrdfFeaturizer(cutoff=5.0, taper=True),
        GrdfFeaturizer(cutoff=5.0, taper=True, function="cosine"),
        AngularFourierFeaturizer(cutoff=5.0, taper=True),
    ):
        inside, outside = (featurizer.transform(salt(10.0 + step)) for step in (-1e-6, 1e-6))
        np.testing.assert_allclose(inside, outside, atol=1e-7)
    jump = GrdfFeaturizer(cutoff=5.0)
    assert np.abs(jump.transform(salt(10.0 - 1e-6)) - jump.transform(salt(10.0 + 1e-6))).max() > 1e-3


@pytest.mark.parametrize("function", ["gaussian", "histogram", "cosine"])
def test_volumes_are_the_integrals(function):
    radial = _Radial(function, 5.0, 1.0, 1.0, taper=False)
    r = np.linspace(0, 5.0, 400_001)
    expected = np.trapezoid(4 * np.pi * r**2 * radial.values(r), r)
    np.testing.assert_allclose(radial.volumes(), expected, rtol=1e-4)


def test_angular_series_is_that_of_all_pairs():
    structures = sample_structures().take(np.array([5]))
    afs = AngularFourierFeaturizer(cutoff=4.5, statistics=("mean",))
    listed = Vicinity(structures).within(4.5)
    sums = np.zeros((5, 5))
    for site in range(5):
        mine = slice(listed.offsets[site], listed.offsets[site + 1])
        d, u = listed.distances[mine], listed.vectors[mine] / listed.distances[mine, None]
        g = np.exp(-((d - np.arange(5.0)[:, None]) ** 2))
        cosines = u @ u.T - np.eye(len(d))
        sums += g @ cosines @ g.T / 5
    np.testing.assert_allclose(afs.transform(structures)[0], sums[np.triu_indices(5)], rtol=1e-9)


@settings(max_examples=25, deadline=None)
@given(crystals(), st.sampled_from(sorted(INVARIANCES)))
def test_random_cells_keep_their_values_however_they_are_written(structure, way):
    grdf = GrdfFeaturizer(cutoff=4.0, taper=True)
    np.testing.assert_allclose(grdf.transform(INVARIANCES[way](structure)), grdf.transform(structure), atol=1e-6)


def test_large_cells_have_the_values_of_small_ones():
    grdf, small = GrdfFeaturizer(cutoff=6.0), salt()
    large = repeated(small, (4, 4, 4))
    assert large.sizes[0] == 512
    np.testing.assert_allclose(grdf.transform(large), grdf.transform(small), atol=1e-9)


@pytest.mark.parametrize(
    "wrong",
    [
        RdfFeaturizer(cutoff=-1.0), RdfFeaturizer(bin_size=0.0), RdfFeaturizer(cutoff=10.0, bin_size=1e-4),
        RdfFeaturizer(cutoff=float("inf")), PartialRdfFeaturizer(elements=("Xx",)),
        PartialRdfFeaturizer(elements=("O", "O")), GrdfFeaturizer(function="spline"), GrdfFeaturizer(width=-1.0),
    ],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ConfigError):
        wrong.transform(salt())

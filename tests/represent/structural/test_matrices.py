"""Coulomb, sine and Ewald matrices: DScribe's values, closed forms, invariances, bad input."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matloop.core.errors import ConfigError
from matloop.matter.structures import from_arrays, joined
from matloop.represent import FEATURIZERS
from matloop.represent.structural.ewald import ewald_sums
from matloop.represent.structural.lattice_points import points_within, reduced
from matloop.testing.featurizers import check_featurizer
from matloop.testing.structures import permuted, rotated, sample_structures

# made with DScribe 2.1.2 by tools/matrix_references.py dscribe: eigenvalues, 16 columns
REFERENCE = np.load(Path(__file__).parent / "dscribe_2_1_2.npz")
NAMES = ("structure_coulomb_matrix", "sine_matrix", "ewald_matrix")


def ordered():
    structures = sample_structures()
    return structures.take(np.flatnonzero(structures.ordered))


@st.composite
def crystals(draw):
    """A cell of any shape, cubic to needle, that holds one to six atoms, none on top of another."""
    numbers = draw(st.lists(st.integers(1, 118), min_size=1, max_size=6))
    lattice = np.array(draw(st.lists(st.floats(-1, 1), min_size=9, max_size=9))).reshape(3, 3) + 2 * np.eye(3)
    lengths = np.array(draw(st.tuples(*[st.sampled_from([1.0, 2.5, 4.0, 30.0])] * 3)))
    seed = draw(st.integers(0, 2**31))
    places = np.random.default_rng(seed).permutation(1000)[: len(numbers)]
    grid = np.stack([places // 100, places // 10 % 10, places % 10], axis=1) / 10 + 0.013
    return from_arrays((lattice * lengths[:, None])[None], [grid], [numbers])


@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_of_dscribe(name):
    structures = ordered()
    assert structures.names.tolist() == REFERENCE["names"].tolist()
    values, theirs = FEATURIZERS.load(name)(atoms=16).transform(structures), REFERENCE[name]
    known = np.isfinite(theirs)
    assert known[:, 0].sum() >= 12
    size = np.abs(theirs).max(axis=1, keepdims=True) + np.zeros_like(theirs)
    np.testing.assert_allclose((values / size)[known], (theirs / size)[known], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_sorted_matrix_keeps_the_contract_and_has_the_spectrum(name):
    featurizer = FEATURIZERS.load(name)(atoms=20, form="sorted")
    featurizer.invariances = ("rotation", "translation")
    check_featurizer(featurizer)
    structures = ordered().take(np.arange(5))
    square = featurizer.transform(structures).reshape(-1, 20, 20)
    norms = np.linalg.norm(square, axis=2)
    assert (np.diff(norms, axis=1) <= 1e-8 * norms.max()).all()
    spectrum = FEATURIZERS.load(name)(atoms=20).transform(structures)
    values = np.linalg.eigvalsh(square)
    np.testing.assert_allclose(np.sort(np.abs(values), axis=1)[:, ::-1], np.abs(spectrum), atol=1e-8 * norms.max())


def test_coulomb_matrix_of_two_protons_by_hand():
    pair = from_arrays(np.eye(3)[None], [np.array([[0, 0, 0], [0, 0, 2.0]])], [[1, 1]], periodic=np.zeros((1, 3)))
    found = FEATURIZERS.load("structure_coulomb_matrix")(atoms=3).transform(pair)
    assert found[0].tolist() == [1.0, 0.0, 0.0]  # 0.5 +- 1/2


def test_sine_matrix_of_caesium_chloride_by_hand():
    salt = from_arrays(4.0 * np.eye(3)[None], [np.array([[0, 0, 0], [0.5, 0.5, 0.5]])], [[55, 17]])
    found = FEATURIZERS.load("sine_matrix")(atoms=2).transform(salt)[0]
    off = 55 * 17 / (4.0 * math.sqrt(3))  # sin^2 is one along each vector
    wanted = np.linalg.eigvalsh([[0.5 * 55**2.4, off], [off, 0.5 * 17**2.4]])[::-1]
    np.testing.assert_allclose(found, wanted, rtol=1e-13)


@pytest.mark.parametrize(
    ("places", "charges", "constant"),
    [
        # Madelung constants per nearest distance: Sakamoto, J. Chem. Phys. 28 (1958) 164
        ([[0, 0, 0], [0.5, 0.5, 0.5]], [1, -1], 1.76267477307099 / (math.sqrt(3) / 2)),
        ([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5], [0.5, 0.5, 0.5], [0, 0, 0.5], [0, 0.5, 0],
          [0.5, 0, 0]], [1] * 4 + [-1] * 4, 4 * 1.74756459463318 / 0.5),
    ],
)  # fmt: skip
def test_ewald_sums_give_the_madelung_constants(places, charges, constant):
    cell = from_arrays(np.eye(3)[None], [np.array(places)], [[1] * len(places)])
    sums = np.tril(ewald_sums(cell, 1e-14).reshape(len(places), -1))
    assert -(sums * np.outer(charges, charges)).sum() == pytest.approx(constant, rel=1e-11)


@given(crystals())
@settings(max_examples=40, deadline=None)
def test_ewald_sums_do_not_depend_on_the_screening(structure):
    rough, fine = ewald_sums(structure, 1e-9), ewald_sums(structure, 1e-13)
    np.testing.assert_allclose(rough, fine, rtol=0, atol=1e-5 * np.abs(fine).max())


@pytest.mark.parametrize("name", NAMES)
@given(structure=crystals())
@settings(max_examples=40, deadline=None)
def test_spectra_are_finite_and_invariant(name, structure):
    featurizer = FEATURIZERS.load(name)(atoms=6)
    found = featurizer.transform(structure)
    assert np.isfinite(found).all()
    for changed in (rotated(structure), permuted(structure), joined([structure, structure])):
        again = featurizer.transform(changed)[-1:]
        np.testing.assert_allclose(np.abs(again), np.abs(found), rtol=0, atol=1e-8 * np.abs(found).max())


@given(st.lists(st.integers(-6, 6), min_size=3, max_size=3), crystals())
@settings(max_examples=40, deadline=None)
def test_reduced_cells_are_compact_and_of_the_same_lattice(times, structure):
    shear = np.eye(3) + np.triu(np.array([[0, times[0], times[1]], [0, 0, times[2]], [0, 0, 0]]), 1)
    lattices = shear @ structure.lattices
    found, u = reduced(lattices)
    np.testing.assert_allclose(np.abs(np.linalg.det(u.astype(float))), 1.0)
    np.testing.assert_allclose(np.einsum("nij,njk->nik", u.astype(float), lattices), found, atol=1e-8)
    heights = 1 / np.linalg.norm(np.linalg.inv(found), axis=1)
    # a reduced cell is never flat: each height is at least a third of its vector
    assert (heights > np.linalg.norm(found, axis=2) / 3).all()


def test_points_of_a_lattice_are_all_found():
    lattice = np.array([[[2.0, 0, 0], [0.5, 3.0, 0], [1.0, -1.0, 2.5]]])
    offsets, indices, vectors = points_within(lattice, np.array([9.0]))
    grid = np.stack(np.meshgrid(*[np.arange(-12, 13)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    wanted = grid[np.linalg.norm(grid @ lattice[0], axis=1) <= 9.0]
    assert sorted(map(tuple, indices.tolist())) == sorted(map(tuple, wanted.tolist()))
    half = points_within(lattice, np.array([9.0]), half=True)[1]
    assert len(half) == (len(wanted) - 1) / 2
    assert offsets.tolist() == [0, len(wanted)]
    np.testing.assert_allclose(indices @ lattice[0], vectors)


def test_sites_on_top_of_each_other_have_a_reason():
    twice = from_arrays(3.0 * np.eye(3)[None], [np.array([[0, 0, 0], [1.0, 0, 0]])], [[1, 2]])
    for name in NAMES[1:]:
        assert "on top of" in FEATURIZERS.load(name)().reasons(twice)[0]
        assert np.isnan(FEATURIZERS.load(name)().transform(twice)).all()


def test_larger_structures_are_refused_with_their_size():
    structures = ordered()
    featurizer = FEATURIZERS.load("sine_matrix")(atoms=4)
    assert featurizer.reasons(structures)[0] == "has 8 sites; this sine matrix holds 4"
    assert FEATURIZERS.load("ewald_matrix").planned(structures) == {"atoms": int(structures.sizes.max())}


@pytest.mark.parametrize(
    ("options", "told"),
    [({"atoms": 0}, "1 to 1000"), ({"atoms": 201, "form": "sorted"}, "1 to 200"), ({"form": "raw"}, "eigenvalues"),
     ({"accuracy": 2.0}, "accuracy")],
)  # fmt: skip
def test_wrong_options_are_refused(options, told):
    with pytest.raises(ConfigError, match=told):
        FEATURIZERS.load("ewald_matrix")(**options).columns()

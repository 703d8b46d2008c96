import numpy as np
import pytest

from matloop.matter.structure_keys import content_keys, polymorph_keys, reduced_formulas
from matloop.matter.structures import from_arrays, joined
from matloop.testing.structures import other_cell, permuted, repeated, rotated, sample_structures, translated

WHOLE = sample_structures()


def test_content_keys_do_not_change_by_turning_order_or_whole_lattice_vectors():
    keys = content_keys(WHOLE)
    assert len(set(keys.tolist())) == len(WHOLE)
    moved = joined([WHOLE])
    object.__setattr__(moved, "coordinates", WHOLE.coordinates + np.where(WHOLE.periodic[WHOLE.rows], 1.0, 0.0))
    for same in (rotated(WHOLE), permuted(WHOLE), moved):
        np.testing.assert_array_equal(content_keys(same), keys)


def test_content_keys_change_with_the_cell_a_site_and_its_charge():
    crystals = WHOLE.take(np.array([0, 4, 14]))
    for other in (translated(crystals), other_cell(crystals), repeated(crystals, (2, 1, 1))):
        assert not set(content_keys(other).tolist()) & set(content_keys(crystals).tolist())
    charged = crystals.take(np.arange(3))
    object.__setattr__(charged, "charges", np.ones(3))
    assert not set(content_keys(charged).tolist()) & set(content_keys(crystals).tolist())


def test_rounding_does_not_split_what_files_write():
    lattice = np.diag([4.3415725, 3.0000005, 5.1234565])
    one = from_arrays(lattice[None], [[[0.3333335, 0.1234565, 0.5]]], [[26]])
    nearly = from_arrays(lattice[None] * (1 + 1e-12), [[[0.3333335 - 1e-13, 0.1234565 + 1e-13, 0.5]]], [[26]])
    assert content_keys(one) == content_keys(nearly)


def test_polymorph_keys_do_not_depend_on_cell_origin_or_size():
    pytest.importorskip("moyopy")
    crystals = WHOLE.take(np.array([0, 1, 2, 3, 4, 6, 7]))
    keys = polymorph_keys(crystals)
    assert keys[0] == "NaCl AB_cF8_225_a_b"
    for same in (
        rotated(crystals),
        translated(crystals),
        permuted(crystals),
        other_cell(crystals),
        repeated(crystals, (2, 2, 1)),
    ):
        np.testing.assert_array_equal(polymorph_keys(same), keys)


def test_molecules_have_their_formula_as_polymorph_key():
    pytest.importorskip("moyopy")
    assert polymorph_keys(WHOLE.take(np.array([9]))).tolist() == ["H2O"]


def test_reduced_formulas_are_those_of_the_smallest_cell():
    found = reduced_formulas(WHOLE)
    assert found[[0, 2, 4, 9]].tolist() == ["NaCl", "C", "SrTiO3", "H2O"]
    np.testing.assert_array_equal(reduced_formulas(repeated(WHOLE, (2, 1, 1)))[:8], found[:8])

import numpy as np
import pytest

from matloop.matter.structures import from_arrays, joined, joined_values, to_compositions
from matloop.testing.structures import sample_structures


def test_rows_are_taken_with_their_sites_species_and_values():
    whole = sample_structures()
    part = whole.take(np.array([14, 0, 14]))
    assert part.names.tolist() == ["alloy", "rock salt", "alloy"]
    assert part.numbers.tolist() == [26, 24, 13, *[11] * 4, *[17] * 4, 26, 24, 13]
    assert part.volumes == pytest.approx([2.9**3, 5.64**3, 2.9**3])


def test_joined_batches_keep_values_and_lack_what_others_have():
    one = from_arrays(3.0 * np.eye(3)[None], [[[0, 0, 0]]], [[26]])
    a = joined([one])
    object.__setattr__(a, "site_values", {"magmom": np.array([2.2])})
    object.__setattr__(a, "row_values", {"energy": np.array([-8.3])})
    both = joined([one, a])
    np.testing.assert_array_equal(both.site_values["magmom"], [np.nan, 2.2])
    np.testing.assert_array_equal(both.row_values["energy"], [np.nan, -8.3])
    np.testing.assert_array_equal(both.take(np.array([1])).row_values["energy"], [-8.3])


def test_values_of_one_name_and_two_shapes_are_kept_apart():
    found = joined_values([(1, {"magmom": np.array([1.0])}), (2, {"magmom": np.ones((2, 3))})])
    np.testing.assert_array_equal(found["magmom"], [1.0, np.nan, np.nan])
    np.testing.assert_array_equal(found["magmom(3)"], [[np.nan] * 3, [1.0] * 3, [1.0] * 3])


def test_shared_and_vacant_sites_count_by_occupancy():
    alloy = to_compositions(sample_structures().take(np.array([14])))
    assert dict(zip(alloy.elements.tolist(), alloy.amounts.tolist(), strict=True)) == {13: 0.8, 24: 0.3, 26: 0.7}

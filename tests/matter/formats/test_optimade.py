import copy
import json

import numpy as np
import pytest

from matloop.matter.formats.optimade import from_optimade, to_optimade
from matloop.matter.formats.part import StructureError

SALT = {
    "id": "salt",
    "type": "structures",
    "attributes": {
        "lattice_vectors": [[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]],
        "dimension_types": [1, 1, 1],
        "nsites": 2,
        "cartesian_site_positions": [[0, 0, 0], [2, 2, 2]],
        "species_at_sites": ["Na", "Cl"],
        "species": [
            {"name": "Na", "chemical_symbols": ["Na"], "concentration": [1.0], "mass": [22.99]},
            {"name": "Cl", "chemical_symbols": ["Cl"], "concentration": [1.0]},
        ],
        "_exmpl_gap": 5.0,
    },
}


def with_(**changes: object) -> dict:
    record = copy.deepcopy(SALT)
    record["attributes"].update(changes)
    return record


def species(**changes: object) -> list[dict]:
    listed = copy.deepcopy(SALT["attributes"]["species"])
    listed[0].update(changes)
    return listed


@pytest.mark.parametrize("record", [SALT, SALT["attributes"], {"data": SALT}, {"data": [SALT], "meta": {}}])
def test_records_attributes_and_responses_are_read(record):
    found = from_optimade(record)
    assert found.numbers.tolist() == [11, 17]
    np.testing.assert_array_equal(found.coordinates, [[0, 0, 0], [0.5] * 3])
    np.testing.assert_array_equal(found.site_values["masses"], [22.99, np.nan])
    assert found.row_values["_exmpl_gap"] == 5.0


def test_a_vacancy_is_what_lacks_in_the_occupancy():
    found = from_optimade(with_(species=species(chemical_symbols=["Na", "vacancy"], concentration=[0.75, 0.25])))
    assert found.occupancies.tolist() == [0.75, 1.0]
    found = from_optimade(with_(species=species(chemical_symbols=["vacancy"], concentration=[1.0])))
    assert found.numbers.tolist() == [17]
    assert found.notes == ("1 wholly vacant site(s) left out",)


def test_a_slab_keeps_two_vectors_and_is_written_so():
    found = from_optimade(with_(lattice_vectors=[[4, 0, 0], [0, 4, 0], None], dimension_types=[1, 1, 0]))
    assert found.periodic.tolist() == [True, True, False]
    np.testing.assert_allclose(found.positions, [[0, 0, 0], [2, 2, 2]])
    assert to_optimade(found)["attributes"]["lattice_vectors"][2] == [None] * 3


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (with_(assemblies=[{"sites_in_groups": [[0], [1]], "group_probabilities": [0.5, 0.5]}]), "assemblies"),
        (with_(species=species(attached=["H"], nattached=[1])), "attached atoms"),
        (with_(species=species(chemical_symbols=["X"])), "dummy species"),
        (with_(species=species(concentration=[1.5])), "more than one"),
        (with_(species=species(concentration=[1.0, 2.0])), "not as many concentrations"),
        (with_(species=species(name="K")), "names 'Na', which is not among the species"),
        (with_(species_at_sites=["Na"]), "2 positions but 1 species_at_sites"),
        (with_(nsites=3), "nsites is 3"),
        (with_(cartesian_site_positions=None), "has no cartesian_site_positions"),
        (with_(cartesian_site_positions=[[0, 0], [1, 1]]), "no list of 3 numbers"),
        (with_(lattice_vectors=None), "has no length"),
        (with_(dimension_types=[1, 1, 2]), "dimension_types"),
        ({"data": [SALT, SALT]}, "2 structures"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(record, words):
    with pytest.raises(StructureError) as caught:
        from_optimade(record)
    assert words in str(caught.value)


def test_written_records_are_json_with_the_fields_of_the_standard():
    record = json.loads(json.dumps(to_optimade(from_optimade(SALT)), allow_nan=False))["attributes"]
    assert record["elements"] == ["Cl", "Na"]
    assert record["elements_ratios"] == [0.5, 0.5]
    assert record["nperiodic_dimensions"] == 3
    assert record["structure_features"] == []

import json

import numpy as np
import pytest

from matloop.matter.formats.part import StructureError
from matloop.matter.formats.records import from_json, from_record

LATTICE = {"matrix": [[3, 0, 0], [0, 3, 0], [0, 0, 3]]}
CUBE = {"a": 3, "b": 3, "c": 3, "alpha": 90, "beta": 90, "gamma": 90}


def site(element: str, abc: list[float], **more: object) -> dict:
    species = {"element": element, "occu": 1.0, **more}
    return {"species": [species], "abc": abc, "properties": {"magmom": 2.0}, "label": element}


def test_dictionaries_of_pymatgen_are_read_as_plain_data():
    sites = [site("Fe", [0, 0, 0], oxidation_state=2), site("O", [0.5, 0.5, 0.5], oxidation_state=-2)]
    one = {"@module": "os", "@class": "system", "lattice": LATTICE, "charge": 1.0, "sites": sites}
    found = from_json(json.dumps(one))
    assert found.numbers.tolist() == [26, 8]
    assert found.oxidation.tolist() == [2, -2]
    assert found.charge == 1.0
    assert found.site_values["magmom"].tolist() == [2.0, 2.0]


@pytest.mark.parametrize(
    "record",
    [
        {"lattice": LATTICE["matrix"], "elements": ["Fe", "O"], "frac_coords": [[0, 0, 0], [0.5, 0.5, 0.5]]},
        {"lattice_mat": LATTICE["matrix"], "elements": ["Fe ", "O"], "coords": [[0] * 3, [1.5] * 3], "cartesian": True},
        {"lattice": CUBE, "sites": [site("Fe", [0, 0, 0]), site("O", [0.5, 0.5, 0.5])]},
        [{"structure": {"lattice": LATTICE, "sites": [site("Fe", [0, 0, 0]), site("O", [0.5, 0.5, 0.5])]}}],
    ],
)  # fmt: skip
def test_plainly_named_arrays_are_read(record):
    found = from_record(record)
    assert found.numbers.tolist() == [26, 8]
    np.testing.assert_allclose(found.positions, [[0, 0, 0], [1.5] * 3], atol=1e-12)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"lattice": LATTICE, "sites": []}, "empty"),
        ({"lattice": LATTICE, "sites": [site("X0+", [0, 0, 0])]}, "dummy species"),
        ({"lattice": LATTICE, "sites": [site("Fe", [0, 0, 0], occu=1.5)]}, "more than one"),
        ({"lattice": LATTICE, "sites": [{"abc": [0, 0, 0]}]}, "damaged (KeyError: 'species')"),
        ({"lattice": LATTICE, "sites": [site("Fe", [0, 0])]}, "damaged"),
        ({"lattice": {"matrix": [[3, 0, 0]]}, "sites": [site("Fe", [0, 0, 0])]}, "damaged"),
        ({"lattice": LATTICE["matrix"], "elements": ["Fe"], "frac_coords": []}, "1 elements but 0 coordinates"),
        ({"lattice": LATTICE["matrix"]}, "lacks elements or coordinates"),
        ([{}, {}], "a list of 2 entries"),
        (5, "int is no structure"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(record, words):
    with pytest.raises(StructureError) as caught:
        from_record(record)
    assert words in str(caught.value)

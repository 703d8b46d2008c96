"""Small files as matminer and JARVIS publish them."""

import gzip
import io
import json
import zipfile

import pytest

NACL = {
    "@module": "pymatgen.core.structure",
    "@class": "Structure",
    "charge": 0,
    "lattice": {
        "matrix": [[0.0, 2.82, 2.82], [2.82, 0.0, 2.82], [2.82, 2.82, 0.0]],
        "pbc": [True, True, True],
        "a": 3.988,
        "volume": 44.85,
    },
    "properties": {},
    "sites": [
        {"species": [{"element": "Na", "occu": 1}], "abc": [0.0, 0.0, 0.0], "xyz": [0.0, 0.0, 0.0], "label": "Na"},
        {
            "species": [{"element": "Cl", "occu": 1}],
            "abc": [0.5, 0.5, 0.5],
            "xyz": [2.82, 2.82, 2.82],
            "label": "Cl",
            "properties": {"magmom": 0.1},
        },
    ],
}
ATOMS = {
    "lattice_mat": [[3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 3.0]],
    "coords": [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]],
    "elements": ["Cs", "Cl"],
    "cartesian": False,
    "props": ["", ""],
}


@pytest.fixture
def frame_file():
    """A data frame in packed JSON, as matminer writes it."""

    def make(path, columns, rows, **more):
        frame = {"index": list(range(len(rows))), "columns": columns, "data": rows, **more}
        path.write_bytes(gzip.compress(json.dumps(frame).encode(), mtime=0))
        return path

    return make


@pytest.fixture
def zip_file():
    """A list of records in a zip file, as JARVIS publishes it."""

    def make(path, records):
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("records.json", json.dumps(records))
        path.write_bytes(held.getvalue())
        return path

    return make


@pytest.fixture
def nacl():
    return json.loads(json.dumps(NACL))


@pytest.fixture
def atoms():
    return json.loads(json.dumps(ATOMS))

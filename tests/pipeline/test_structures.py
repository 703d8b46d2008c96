"""The walk over crystals: a small run from a folder of files, its bundle, and what it says of new crystals."""

import json

import duckdb
import numpy as np
import pandas as pd
import pytest

from matloop.deploy.bundle import load_bundle
from matloop.deploy.predict import predict_frame
from matloop.pipeline.run import run
from matloop.problem.question import Input, Limits, Problem, Protocol, Roles, Source, Target, Training

for library in ("pymatgen", "matscipy", "moyopy", "ase"):
    pytest.importorskip(library, reason="the extra structures is not installed")

PAIRS = [(a, b) for a in ("Li", "Na", "K", "Rb", "Mg", "Ca", "Sr", "Ba") for b in ("F", "Cl", "Br", "O", "S", "Se")]


def poscar(a, pair, second):
    half = f"{a / 2:.6f}"
    lattice = f"0 {half} {half}\n{half} 0 {half}\n{half} {half} 0"
    return f"{''.join(pair)}\n1.0\n{lattice}\n{' '.join(pair)}\n1 1\nDirect\n0 0 0\n{second} {second} {second}\n"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run on rock salts and zinc blendes whose "property" is their volume per atom with a little noise."""
    root = tmp_path_factory.mktemp("crystals")
    files = root / "files"
    files.mkdir()
    lines = []
    for k, pair in enumerate([*PAIRS, *PAIRS]):
        a, second = 4.2 + 0.03 * (7 * k % 48), 0.5 if k < len(PAIRS) else 0.25
        (files / f"m{k}.vasp").write_text(poscar(a, pair, second))
        lines.append(f"m{k},{a**3 / 8 + 0.05 * (k % 5):.4f}")
    (files / "m96.vasp").write_text("torn")
    (files / "id_prop.csv").write_text("\n".join([*lines, "m96,1.0"]) + "\n")
    problem = Problem(
        "crystals", Source(str(files)), (Input("crystal", "structure", "structure", features=("density",)),),
        (Target("volume", "property"),), roles=Roles(group="reduced_formula", id="id"),
        limits=Limits(minutes=2.0, cores=2), protocol=Protocol(seeds=(0,), depth="quick", folds=3),
        training=Training(families=("dummy", "ridge"), candidates=2),
    )  # fmt: skip
    return run(problem, folder=root / "runs")


def test_polymorphs_do_not_straddle_the_vault(finished):
    data = duckdb.sql(f"SELECT * FROM '{finished.folder / 'data.parquet'}'").df()
    sealed = data["id"].isin(json.loads((finished.folder / "split.json").read_text())["sealed"])
    assert finished.record.split.n_groups == len(PAIRS)
    assert sealed.any()
    assert not set(data.loc[sealed, "group"]) & set(data.loc[~sealed, "group"])
    assert "MgO" in set(data["input:crystal"])


def test_the_torn_file_is_accounted_for(finished):
    removed = pd.read_csv(finished.folder / "removed.csv")
    assert removed["id"].tolist() == ["m96"]
    assert "torn" in removed["found"][0]


def test_density_features_know_the_volume(finished):
    assert set(finished.record.features) == {"crystal:density", "crystal:fractions"}
    scores = finished.record.targets[0].evaluation.vault.scores
    assert scores["mae"].value < 1.0  # of 9 to 20 cubic Angstrom


def test_a_bundle_predicts_crystals_however_they_are_written(finished):
    from pymatgen.core import Structure

    text = poscar(4.8, ("K", "Cl"), 0.5)
    crystal = Structure.from_str(text, fmt="poscar")
    frame = pd.DataFrame({"structure": [text, crystal.to(fmt="cif"), json.dumps(crystal.as_dict()), "torn"]})
    found = predict_frame(load_bundle(finished.bundle_folder), frame)
    values = found.predictions["volume"].value
    np.testing.assert_allclose(values[:3], values[0], rtol=1e-5)
    assert values[0] == pytest.approx(4.8**3 / 8, abs=1.5)
    assert np.isnan(values[3])


def test_neighbours_of_a_file_wherever_it_lies(finished, tmp_path):
    from matloop.pipeline.neighbours import find_neighbours

    asked = tmp_path / "asked.vasp"
    asked.write_text(poscar(4.2, ("Li", "F"), 0.5))
    files = finished.folder.parents[2] / "files"
    found = find_neighbours(str(files), [str(asked)], column="structure", keep=("id",), k=1, sets=("magpie", "density"))
    assert found.neighbours[0][0].distance == pytest.approx(0, abs=1e-6)
    assert found.neighbours[0][0].kept == ("m0",)


def test_what_strangers_send_as_a_structure_is_answered_or_refused(finished):
    """The same crystal as POSCAR, as a dictionary of pymatgen and of OPTIMADE; and what is none, is too large or too
    dense for matter."""
    from matloop.deploy.answering import Answerer

    half = [[0, 2.5, 2.5], [2.5, 0, 2.5], [2.5, 2.5, 0]]
    text = poscar(5.0, ("Na", "Cl"), 0.5)
    record = {
        "lattice": {"matrix": half},
        "sites": [{"species": [{"element": e, "occu": 1}], "abc": [x] * 3} for e, x in (("Na", 0), ("Cl", 0.5))],
    }
    optimade = {
        "lattice_vectors": half, "cartesian_site_positions": [[0, 0, 0], [2.5, 2.5, 2.5]],
        "species": [{"name": e, "chemical_symbols": [e], "concentration": [1.0]} for e in ("Na", "Cl")],
        "species_at_sites": ["Na", "Cl"], "dimension_types": [1, 1, 1], "nsites": 2,
    }  # fmt: skip
    many = "x\n1.0\n90 0 0\n0 90 0\n0 0 90\nNa\n1500\nDirect\n" + "".join(f"{k / 1500} 0 0\n" for k in range(1500))
    strange = ["Fe2O3", 5, {"a": 1}, [[[]]], "m1.vasp", many, poscar(0.5, ("Na", "Cl"), 0.5), None]
    answerer = Answerer.open(finished.bundle_folder)
    found = answerer.answer([{"structure": one} for one in (text, record, optimade, *strange)])
    assert list(found.unreadable) == list(range(3, 3 + len(strange)))
    value = found.predictions["volume"].value
    assert value[0] == pytest.approx(5.0**3 / 8, rel=0.1)
    np.testing.assert_allclose(value[1:3], value[0], rtol=1e-9)
    assert np.isnan(value[3:]).all()
    for row, said in ((7, "name of a file"), (8, "1,500 sites"), (9, "sites per cubic Angstrom")):
        assert said in found.unreadable[row]

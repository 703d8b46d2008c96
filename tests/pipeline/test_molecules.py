"""The walk over molecules: a small run, its bundle, and what it says of new molecules."""

import json

import duckdb
import numpy as np
import pandas as pd
import pytest

from matloop.deploy.bundle import load_bundle
from matloop.deploy.predict import predict_file, predict_frame
from matloop.pipeline.features import make_features
from matloop.pipeline.run import run
from matloop.problem.question import Input, Limits, Problem, Protocol, Roles, Source, Target, Training

pytest.importorskip("rdkit", reason="the extra molecules is not installed")

RINGS = ["c1ccccc1", "C1CCCCC1", "c1ccncc1", "c1ccoc1", "C1CCOC1", "c1ccc2ccccc2c1", "C1CCNC1", "c1ccsc1", ""]
CHAINS = ["C", "CC", "CCC", "CCCC", "CCO", "CN", "ClCC", "CC(C)"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run on molecules whose "property" is their number of heavy atoms with a little noise."""
    from rdkit import Chem

    root = tmp_path_factory.mktemp("molecules")
    smiles = [chain + ring for ring in RINGS for chain in CHAINS]
    y = [Chem.MolFromSmiles(text).GetNumHeavyAtoms() + 0.1 * ((7 * i) % 5) for i, text in enumerate(smiles)]
    pd.DataFrame({"smiles": smiles, "y": y}).to_csv(root / "t.csv", index=False)
    problem = Problem(
        "molecules", Source(str(root / "t.csv")), (Input("smiles", "molecule", "smiles"),), (Target("y", "y"),),
        roles=Roles(group="scaffold"), limits=Limits(minutes=2.0, cores=2),
        protocol=Protocol(seeds=(0,), depth="quick", folds=3),
        training=Training(families=("dummy", "ridge"), candidates=2),
    )  # fmt: skip
    return run(problem, folder=root / "runs")


def test_scaffolds_do_not_straddle_the_vault(finished):
    assert finished.record.split.group == "scaffold"
    assert finished.record.split.n_groups == len(RINGS)
    data = duckdb.sql(f"SELECT * FROM '{finished.folder / 'data.parquet'}'").df()
    sealed = data["id"].isin(json.loads((finished.folder / "split.json").read_text())["sealed"])
    assert sealed.any()
    assert not set(data.loc[sealed, "group"]) & set(data.loc[~sealed, "group"])
    assert "CCc1ccccc1" in set(data["input:smiles"])


def test_the_record_names_features_citations_and_release(finished):
    assert set(finished.record.features) == {"smiles:rdkit", "smiles:fractions"}
    assert any("10.5281/zenodo.591637" in cited for cited in finished.record.citations)
    assert "rdkit" in finished.record.versions


def test_a_bundle_predicts_molecules_however_they_are_written(finished):
    frame = pd.DataFrame({"smiles": ["CCc1ccccc1", "c1ccccc1CC", "CCBr", "C1CC", "C[N+](C)(C)C.[Cl-]"]})
    found = predict_frame(load_bundle(finished.bundle_folder), frame).frame
    assert found["y_predicted"][0] == found["y_predicted"][1]
    assert found["y_predicted"][0] == pytest.approx(8, abs=1)
    assert found["y_in_domain"][0]
    assert "contains Br, never seen in training" in found["y_reason"][2]
    assert np.isnan(found["y_predicted"][3])
    assert "unclosed ring" in found["y_reason"][3]


def test_a_bundle_predicts_an_sd_file(finished, tmp_path):
    from matloop.matter.molecules import from_smiles, to_sdf

    sdf = to_sdf(from_smiles(["CCc1ccccc1"])[0], values={"smiles": ["CCc1ccccc1"]})
    (tmp_path / "new.sdf").write_text(sdf, "utf-8")
    found = predict_file(finished.bundle_folder, tmp_path / "new.sdf", tmp_path / "out.csv").frame
    assert found["y_predicted"][0] == pytest.approx(8, abs=1)
    assert pd.read_csv(tmp_path / "out.csv")["y_predicted"][0] == pytest.approx(found["y_predicted"][0])


def test_features_of_a_column_of_smiles_are_written(tmp_path):
    pd.DataFrame({"m": ["CCO", "C1CC"]}).to_csv(tmp_path / "t.csv", index=False)
    made = make_features(str(tmp_path / "t.csv"), column="m", sets=("maccs", "magpie"), out=tmp_path / "f.csv")
    assert made.n_features == 166 + 132
    assert "unclosed ring" in made.reasons[2]


def test_molecules_of_strangers_are_answered_or_refused(finished):
    from matloop.deploy.answering import Answerer

    answerer = Answerer.open(finished.bundle_folder)
    strange = ["C1CC", "C" * 1_000_000, "C" * 4_000, 7.5, ["C"], {"C": 1}, None]
    found = answerer.answer([{"smiles": one} for one in ("CCO", "OCC", *strange)])
    assert list(found.unreadable) == list(range(2, 2 + len(strange)))
    value = found.predictions["y"].value
    assert value[0] == value[1]
    assert "1,000,000 characters" in found.unreadable[3]
    assert "atoms" in found.unreadable[4]

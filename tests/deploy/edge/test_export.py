import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from matloop.cli.main import app
from matloop.core.errors import ConfigError, DataError
from matloop.deploy.answering import Answerer
from matloop.deploy.bundle import load_bundle
from matloop.deploy.edge import probe
from matloop.deploy.edge.export import export_bundle
from matloop.deploy.predict import predict_file
from matloop.models import FAMILIES, installed
from matloop.models.family import Spec
from matloop.problem.question import Input
from matloop.represent import FEATURIZERS
from matloop.represent.representation import InputFeatures, Representation
from matloop.train.recipe_model import fit_recipe
from matloop.train.values import Recipe

COLUMNS = {
    "formula": ["Fe2O3", "Xx", "NiS", "CoTi", ""],
    "T": ["300 K", 400.0, None, "1e6", "?"],
    "route": ["melt", "melt", "Sinter", "laser", "melt"],
}
FOREIGN = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("probe", {probe!r})
module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
sys.meta_path.insert(0, module.OnlyThese(["numpy", "runner", {package!r}]))
sys.path.insert(0, {folder!r})
from runner import load
"""


def alone(folder, code):
    """Run code in a process that can import the standard library, numpy and the export, and nothing else."""
    package = next(Path(folder).glob("edge_*")).name
    head = FOREIGN.format(probe=probe.__file__, package=package, folder=str(folder))
    done = subprocess.run([sys.executable, "-c", head + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_family_predicts_the_same_with_numpy_alone(families, tmp_path):
    made = export_bundle(families, tmp_path / "out")
    found = {one.target: one for one in made.measured.differences}
    assert {name.split()[0] for name in found} == {name for name in FAMILIES if name != "foreign" and installed(name)}
    assert not [one.target for one in found.values() if one.relative > 1e-12 or one.flags]
    exact = [name for name, one in found.items() if one.largest == 0.0]
    assert {"lightgbm regression", "ridge regression", "svm regression"} <= set(exact)
    assert made.ok
    assert made.exit_code == 0


def test_what_was_measured_stands_in_the_folder(small, tmp_path):
    made = export_bundle(small, tmp_path / "out")
    assert made.measured.same
    assert made.measured.source == "training rows kept in the bundle"
    assert made.measured.rows == 150
    assert 0 < made.measured.one_ms < made.measured.load_s * 1000
    report = json.loads((made.out / "export.json").read_text())
    assert report["ok"]
    assert report["bytes"] == sum(path.stat().st_size for path in made.out.rglob("*") if path.is_file()) < 2e6
    assert not (made.out / "bundle" / "reference.npz").exists()
    assert "within the limits of the problem: predict_ms = 5000, memory_gb = 4" in list(made.lines())


def test_awkward_rows_get_the_same_answers_and_reasons(small, tmp_path):
    export_bundle(small, tmp_path / "out")
    expected = Answerer.open(small).answer_columns(COLUMNS)
    code = f"print(__import__('json').dumps(load().predict({COLUMNS!r}).rows()))"
    rows = json.loads(alone(tmp_path / "out", code))
    for target, prediction in expected.predictions.items():
        assert [row[f"{target}_reason"] for row in rows] == prediction.reason.tolist()
        assert [row[f"{target}_in_domain"] for row in rows] == prediction.in_domain.tolist()
        for part in ("low", "high", "std"):
            found = np.array([row[f"{target}_{part}"] for row in rows], dtype=float)
            np.testing.assert_array_equal(found, getattr(prediction, part))
    assert "no element 'Xx'" in rows[1]["ridge regression_reason"]


def test_one_input_is_asked_by_its_values_and_no_rows_give_no_rows(single, tmp_path):
    export_bundle(single, tmp_path / "out")
    code = "m = load(); print(m.names, len(m.predict(['SrTiO3', 'NaCl']).rows()), m.predict([]).rows())"
    assert alone(tmp_path / "out", code).split() == ["('formula',)", "2", "[]"]


def test_columns_of_other_lengths_and_rows_without_names_are_refused(small, tmp_path):
    from matloop.deploy.edge.runtime import Runner

    runner = Runner(load_bundle(small))
    with pytest.raises(DataError, match="values do not make rows"):
        runner.predict({"formula": ["Fe"], "T": [], "route": []})
    with pytest.raises(DataError, match="give mappings with 'formula', 'T', 'route'"):
        runner.predict(["Fe2O3"])


def test_the_command_of_the_folder_writes_what_matloop_predict_writes(small, kit, tmp_path):
    made, table = export_bundle(small, tmp_path / "out"), tmp_path / "table.csv"
    with table.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*kit.rows(1), "note"])
        writer.writerows([*row, "=1+A1"] for row in zip(*kit.rows(20).values(), strict=True))
    out, expected = tmp_path / "out.csv", tmp_path / "expected.csv"
    command = [sys.executable, str(made.out), "predict", str(table), "-o", str(out)]
    assert "20 rows" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
    predict_file(small, table, expected)
    ours, theirs = (list(csv.DictReader(path.open())) for path in (out, expected))
    assert list(ours[0]) == list(theirs[0])
    assert ours[0]["note"] == "'=1+A1"
    for one, other in zip(ours, theirs, strict=True):
        assert float(one["ridge regression_predicted"]) == float(other["ridge regression_predicted"])
        assert one["ridge regression_reason"] == other["ridge regression_reason"]


def test_one_file_does_what_the_folder_does(single, tmp_path):
    made = export_bundle(single, tmp_path / "one.pyz")
    assert made.bytes == made.out.stat().st_size
    asked = subprocess.run([sys.executable, str(made.out), "ask", "Fe2O3"], capture_output=True, text=True, check=True)
    expected = Answerer.open(single).answer([{"formula": "Fe2O3"}])
    assert json.loads(asked.stdout)["y_low"] == expected.predictions["y"].low[0]
    info = subprocess.run([sys.executable, str(made.out), "info"], capture_output=True, text=True, check=True).stdout
    assert "needs: formula" in info


def test_a_broken_table_or_bundle_is_told_with_its_exit_code(single, tmp_path):
    made = export_bundle(single, tmp_path / "out")
    (tmp_path / "b.csv").write_text("formula,note\nNaCl\n")
    run = [sys.executable, str(made.out), "predict", str(tmp_path / "b.csv")]
    bad = subprocess.run(run, capture_output=True, text=True, check=False)
    assert bad.returncode == 3
    assert "lines 2 have another number of cells" in bad.stderr
    with (made.out / "bundle" / "model-0.npz").open("ab") as stream:
        stream.write(b"x")
    done = subprocess.run([sys.executable, str(made.out), "info"], capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "damaged or was changed" in done.stderr


def test_a_broken_limit_is_told_by_name_and_exit_code(single, kit, tmp_path):
    model = load_bundle(single).models[0]
    problem = kit.PROBLEM.replace("5000", "1e-4").replace("memory_gb = 4", "memory_gb = 0.001")
    kit.saved(single, {"y": model}, Representation(kit.SHOWN.inputs[:1]), kit.INPUTS[:1], problem)
    done = CliRunner().invoke(app, ["export", str(single), "-o", str(tmp_path / "out"), "--quiet"])
    assert done.exit_code == 5
    assert "limit broken: predict_ms = 0.0001" in done.output
    assert "limit broken: memory_gb = 0.001" in done.output


def test_nothing_but_an_earlier_export_is_replaced(small, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("kept")
    with pytest.raises(ConfigError, match="no export"):
        export_bundle(small, tmp_path / "out")
    assert (tmp_path / "out" / "mine.txt").read_text() == "kept"
    export_bundle(small, tmp_path / "again")
    export_bundle(small, tmp_path / "again")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "bundle", "out"]


def test_an_unknown_kind_of_export_is_refused(small, tmp_path):
    with pytest.raises(ConfigError, match="Known: numpy, onnx"):
        export_bundle(small, tmp_path / "out", to="tflite")


def test_every_featurizer_of_compositions_describes_the_same(kit, tmp_path):
    kinds = {name: getattr(FEATURIZERS.load(name), "kind", "composition") for name in FEATURIZERS}
    names = tuple(name for name, kind in kinds.items() if kind == "composition" and name != "elements")
    shown = Representation((InputFeatures("formula", "composition", names),))
    table = kit.table_of({"formula": kit.rows()["formula"]}, kit.INPUTS[:1], shown)
    model = replace(kit.fitted("ridge", "regression", table, 0), target="y")
    made = export_bundle(kit.saved(tmp_path / "bundle", {"y": model}, shown, kit.INPUTS[:1]), tmp_path / "out")
    assert made.measured.differences[0].largest == 0.0


def test_what_needs_more_than_numpy_is_refused_part_by_part(families, kit, tmp_path):
    model = load_bundle(families).models[0]
    inputs = (Input("cell", "structure"), Input("ligand", "molecule"), kit.INPUTS[1])
    shown = Representation(
        (
            InputFeatures("cell", "structure", ("density", "fractions")),
            InputFeatures("ligand", "molecule", ("morgan",)),
            kit.SHOWN.inputs[1],
        )
    )
    bundle = kit.saved(tmp_path / "bundle", {model.target: model}, shown, inputs)
    with pytest.raises(ConfigError) as refused:
        export_bundle(bundle, tmp_path / "out")
    assert "input 'cell' (density, fractions): structures are read and described with" in str(refused.value)
    assert "input 'ligand' (morgan): molecules are read with rdkit" in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_an_estimator_of_scikit_learn_is_refused_by_its_target(kit, tmp_path):
    pytest.importorskip("skops", reason="the extra foreign is not installed")
    table = kit.table_of(kit.rows())
    data = kit.data_of(table)
    recipe = Recipe((Spec("foreign", {"name": "svr", "class": "sklearn.svm:SVR", "params": {}}),))
    model = kit.finished(fit_recipe(recipe, data, np.arange(len(table)), 0), data, table, "y", 0)
    with pytest.raises(ConfigError, match="the model of 'y' holds an estimator of scikit-learn"):
        export_bundle(kit.saved(tmp_path / "bundle", {"y": model}), tmp_path / "out")

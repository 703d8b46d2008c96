"""Models as ONNX, against the models themselves."""

import json
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the extra edge is not installed")
runtime = pytest.importorskip("onnxruntime", reason="the extra edge is not installed")

from matloop.core.errors import ConfigError  # noqa: E402
from matloop.deploy.answering import Answerer  # noqa: E402
from matloop.deploy.bundle import load_bundle  # noqa: E402
from matloop.deploy.edge.export import export_bundle  # noqa: E402
from matloop.deploy.edge.graph.build import NotInGraph  # noqa: E402
from matloop.deploy.edge.graph.model import onnx_model  # noqa: E402
from matloop.deploy.edge.with_onnx import read_model  # noqa: E402

REFUSED = {"composition_gp"}


@pytest.fixture(scope="module")
def table(kit):
    return kit.table_of(kit.rows(120, seed=5))


def test_every_family_is_the_same_in_onnx_or_refused_by_name(families, table):
    refused = set()
    for model in load_bundle(families).models:
        try:
            content = onnx_model(model)
        except NotInGraph:
            refused.add(model.target.split()[0])
            continue
        found, expected = read_model(content).predict_table(table), model.predict_table(table)
        np.testing.assert_array_equal(found.in_domain, expected.in_domain, err_msg=model.target)
        for part in ("value", "low", "high", "std", "proba"):
            scale = 1.0 if model.classes else np.std(expected.value)
            np.testing.assert_allclose(
                getattr(found, part),
                getattr(expected, part),
                rtol=0,
                atol=1e-6 * max(scale, 1e-3),
                err_msg=model.target,
            )
    assert refused == REFUSED & {model.target.split()[0] for model in load_bundle(families).models}


def test_an_exported_folder_of_onnx_answers_alone_and_is_measured(single, tmp_path):
    made = export_bundle(single, tmp_path / "out", to="onnx")
    assert made.ok
    assert made.measured.tolerance == 1e-6
    assert not list(made.out.rglob("*.npz"))
    asked = subprocess.run(
        [sys.executable, str(made.out), "ask", "Fe2O3", "Xx"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    expected = Answerer.open(single).answer([{"formula": "Fe2O3"}]).predictions["y"]
    assert json.loads(asked[0])["y_low"] == pytest.approx(expected.low[0], rel=1e-9)
    assert "no element 'Xx'" in json.loads(asked[1])["y_reason"]


def test_the_file_says_by_itself_what_it_takes_and_gives(families):
    model = next(model for model in load_bundle(families).models if model.target == "ridge regression")
    session = runtime.InferenceSession(onnx_model(model), providers=["CPUExecutionProvider"])
    texts = session.get_modelmeta().custom_metadata_map
    assert json.loads(texts["features"]) == list(model.columns.names)
    assert texts["unit"] == "K"
    assert [one.name for one in session.get_outputs()] == ["value", "low", "high", "std", "in_domain"]
    assert session.get_inputs()[0].type == "tensor(double)"


def test_what_has_no_operators_is_refused_with_the_other_way(families, kit, tmp_path):
    model = next(model for model in load_bundle(families).models if model.target.startswith("composition_gp"))
    bundle = kit.saved(tmp_path / "bundle", {model.target: model})
    with pytest.raises(ConfigError, match="it holds a kernel of compositions. Export it with --to numpy"):
        export_bundle(bundle, tmp_path / "out", to="onnx")
    assert not (tmp_path / "out").exists()

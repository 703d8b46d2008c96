"""Tables of many rows, and how a batch of them is compared with the table predicted as one."""

import duckdb
import pandas as pd
import pytest

from matloop.deploy.batch import predict
from matloop.deploy.bundle import load_bundle
from matloop.deploy.predict import predict_frame

FORMULAS = ["Fe2O3", "NaCl", "LiFePO4", "GaAs", "Bi2Te3", "PbTe", "Xx2O3", "SiO2", "", "TiO2", "CuO", "ZnO"]


def write(path, frame):
    with duckdb.connect() as connection:
        connection.register("frame", frame)
        connection.execute(f"COPY frame TO '{path}' (FORMAT parquet)")
    return path


@pytest.fixture
def frame():
    return pd.DataFrame({"id": range(60), "pretty_formula": [FORMULAS[k % len(FORMULAS)] for k in range(60)]})


@pytest.fixture
def table(frame, tmp_path):
    return write(tmp_path / "table.parquet", frame)


@pytest.fixture
def small(monkeypatch):
    """Chunks of seven rows."""
    monkeypatch.setattr(predict, "CHUNK", 7)


@pytest.fixture
def bundle(regression):
    return regression.result.bundle_folder


@pytest.fixture
def expected(bundle, frame):
    return predict_frame(load_bundle(bundle), frame).frame

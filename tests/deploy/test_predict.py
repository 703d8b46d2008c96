import pandas as pd
import pytest

from matloop.deploy.bundle import load_bundle
from matloop.deploy.predict import predict_file, write_frame


def test_paths_may_be_text(regression, tmp_path):
    table, out = tmp_path / "t.csv", tmp_path / "out.csv"
    table.write_text("pretty_formula\nFe2O3\n")
    predicted = predict_file(str(regression.result.bundle_folder), str(table), str(out))
    assert predicted.out == out
    assert out.exists()
    assert (
        load_bundle(str(regression.result.bundle_folder)).manifest
        == load_bundle(regression.result.bundle_folder).manifest
    )


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".xlsx"])
def test_cells_that_a_spreadsheet_would_run_are_marked_and_numbers_are_not(tmp_path, ending):
    frame = pd.DataFrame({"note": ["=1+1", "-", "-3.5", "ok"], "@SUM(A1)": [-3.5, 1.0, float("nan"), 2.0]})
    out = tmp_path / f"t{ending}"
    write_frame(out, frame)
    found = (
        pd.read_excel(out, dtype=str) if ending == ".xlsx" else pd.read_csv(out, dtype=str, sep=None, engine="python")
    )
    assert found["note"].tolist() == ["'=1+1", "-", "-3.5", "ok"]
    assert found["'@SUM(A1)"].tolist()[:2] == (["-3.5", "1"] if ending == ".xlsx" else ["-3.5", "1.0"])
    assert frame["note"][0] == "=1+1"

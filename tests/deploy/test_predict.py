from matloop.deploy.bundle import load_bundle
from matloop.deploy.predict import predict_file


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

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matloop.core.arrayfile import read_arrays, write_arrays
from matloop.core.errors import BundleError
from matloop.core.files import sha256
from matloop.deploy.bundle import load_bundle
from matloop.deploy.predict import predict_file, predict_frame

CALL = "import sys; from matloop.cli.main import main; sys.argv[0] = 'matloop'; main()"


@pytest.fixture
def bundle(regression, tmp_path):
    return shutil.copytree(regression.result.bundle_folder, tmp_path / "bundle")


def resealed(folder) -> None:
    """What an author of a hostile bundle would do: make the digests fit again."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, entry in manifest["files"].items():
        entry["bytes"], entry["sha256"] = (folder / name).stat().st_size, sha256(folder / name)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_another_process_predicts_what_the_run_predicted(regression, tmp_path):
    out = tmp_path / "out.csv"
    command = ["predict", str(regression.result.bundle_folder), str(regression.table), "-o", str(out)]
    subprocess.run([sys.executable, "-c", CALL, *command], check=True, capture_output=True)
    import pandas as pd

    told = pd.read_csv(out, keep_default_na=False).set_index("mp_id")
    points = regression.result.record.targets[0].evaluation.vault.points
    same = [i for i, name in enumerate(points.ids) if name in told.index]
    assert len(same) > 20
    for column, ours in (("predicted", points.value), ("low", points.low), ("high", points.high)):
        theirs = told.loc[points.ids[same], f"S_n_{column}"].astype(float).to_numpy()
        np.testing.assert_allclose(theirs, ours[same], rtol=1e-9)


def test_the_same_batch_gives_the_same_bits_after_loading(regression):
    first, second = (load_bundle(regression.result.bundle_folder) for _ in range(2))
    import pandas as pd

    frame = pd.read_csv(regression.table, keep_default_na=False)
    one, other = predict_frame(first, frame).predictions["S_n"], predict_frame(second, frame).predictions["S_n"]
    np.testing.assert_array_equal(one.value, other.value)
    np.testing.assert_array_equal(one.low, other.low)


def test_a_row_alone_is_the_row_in_a_batch(regression):
    import pandas as pd

    bundle = load_bundle(regression.result.bundle_folder)
    frame = pd.read_csv(regression.table, keep_default_na=False)
    batch = predict_frame(bundle, frame).predictions["S_n"]
    for row in (0, 7, 100):
        alone = predict_frame(bundle, frame.iloc[[row]]).predictions["S_n"]
        assert alone.value[0] == pytest.approx(batch.value[row], rel=1e-9)
        assert alone.high[0] == pytest.approx(batch.high[row], rel=1e-9)


def test_unreadable_rows_come_back_as_rows_with_a_reason(regression, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("pretty_formula,note\nFe2O3,a\nXx2O3,b\n,c\nH2O),d\nNaCl,e\n")
    frame = predict_file(regression.result.bundle_folder, table).frame
    assert list(frame["note"]) == list("abcde")
    assert frame["S_n_predicted"].notna().tolist() == [True, False, False, False, True]
    assert "Xx" in frame["S_n_reason"][1]
    assert (frame["S_n_reason"][[1, 2, 3]] != "").all()


def test_an_element_never_seen_is_named(regression, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("pretty_formula\nRn2O\n")
    predicted = predict_file(regression.result.bundle_folder, table)
    assert not predicted.predictions["S_n"].in_domain[0]
    assert "Rn" in predicted.frame["S_n_reason"][0]


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet", ".xlsx", ".csv.gz"])
def test_every_format_is_written(regression, tmp_path, ending):
    out = tmp_path / f"out{ending}"
    predict_file(regression.result.bundle_folder, regression.table, out)
    from matloop.data.collect import collect
    from matloop.problem import Source

    assert len(collect(Source(str(out)))) == 240


def test_classes_come_with_probabilities_that_sum_to_one(classification):
    frame = predict_file(classification.result.bundle_folder, classification.table).frame
    assert set(frame["strong_predicted"]) <= {"yes", "no"}
    np.testing.assert_allclose(frame["strong_proba_yes"] + frame["strong_proba_no"], 1.0)


def test_a_folder_that_is_no_bundle_is_said(tmp_path, regression):
    with pytest.raises(BundleError, match=r"no manifest\.json"):
        load_bundle(tmp_path)
    with pytest.raises(BundleError, match="Did you mean"):
        load_bundle(regression.result.folder)


def test_a_missing_a_changed_and_a_later_file_are_said(bundle):
    manifest = json.loads((bundle / "manifest.json").read_text())
    (bundle / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(BundleError, match="Install a later matloop"):
        load_bundle(bundle)
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    (bundle / "README.md").write_text("changed")
    with pytest.raises(BundleError, match=r"README\.md is not what the manifest says"):
        load_bundle(bundle)
    (bundle / "model-0.npz").unlink()
    with pytest.raises(BundleError):
        load_bundle(bundle)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/b.npz", "x\0.npz", ""])
def test_a_manifest_cannot_point_outside_its_folder(bundle, name):
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["files"][name] = {"bytes": 1, "sha256": "0"}
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="not trusted"):
        load_bundle(bundle)


def test_deeply_nested_json_is_an_error_not_a_crash(bundle):
    (bundle / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(BundleError, match="damaged"):
        load_bundle(bundle)


def test_hostile_indices_are_refused_even_with_fitting_digests(bundle):
    arrays = read_arrays(bundle / "model-0.npz")
    integers = [name for name, array in arrays.items() if array.dtype.kind in "iu" and array.size > 3]
    assert integers
    accepted = []
    for name in integers:
        bad = {**arrays, name: np.full_like(arrays[name], np.iinfo(arrays[name].dtype).max)}
        write_arrays(bundle / "model-0.npz", bad)
        resealed(bundle)
        try:
            load_bundle(bundle)
        except BundleError:
            continue
        accepted.append(name)
    assert accepted == []


def test_a_choice_of_columns_that_was_cut_is_refused(bundle):
    """The columns of each member must be as many as its model was fitted on."""
    arrays = read_arrays(bundle / "model-0.npz")
    chosen = [name for name in arrays if re.fullmatch(r"estimator/member\d+/columns", name)]
    assert chosen
    for name in chosen:
        write_arrays(bundle / "model-0.npz", {**arrays, name: arrays[name][:-1]})
        resealed(bundle)
        with pytest.raises(BundleError, match="columns"):
            load_bundle(bundle)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_corrupt_arrays_give_a_clear_error_or_finite_work(bundle, regression, data):
    arrays = read_arrays(regression.result.bundle_folder / "model-0.npz")
    name = data.draw(st.sampled_from(sorted(arrays)))
    how = data.draw(st.sampled_from(["drop", "cut", "nan", "huge", "type"]))
    array = arrays[name]
    if how == "drop":
        del arrays[name]
    elif how == "cut" and array.ndim:
        arrays[name] = array[: len(array) // 2]
    elif how == "nan" and array.dtype.kind == "f":
        arrays[name] = np.full_like(array, np.nan)
    elif how == "huge" and array.dtype.kind in "iuf":
        arrays[name] = np.full_like(
            array, np.iinfo(array.dtype).max if array.dtype.kind != "f" else np.finfo(array.dtype).max
        )
    elif how == "type":
        arrays[name] = np.array("text")
    write_arrays(bundle / "model-0.npz", arrays)
    resealed(bundle)
    import pandas as pd

    try:
        predict_frame(load_bundle(bundle), pd.DataFrame({"pretty_formula": ["Fe2O3", "NaCl"]}))
    except BundleError as error:
        assert "model-0" in str(error) or "bundle" in str(error).lower()

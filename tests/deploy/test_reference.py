import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from matloop.core.arrayfile import read_arrays, write_arrays
from matloop.core.elements import Z_OF
from matloop.core.errors import BundleError
from matloop.core.files import sha256
from matloop.deploy.bundle import load_bundle
from matloop.deploy.reference import FILE, Reference, load_reference


@pytest.fixture
def bundle(regression, tmp_path):
    return shutil.copytree(regression.result.bundle_folder, tmp_path / "bundle")


def rewritten(folder, **changed):
    """The file with other arrays, its digest made to fit again as an author of a hostile bundle would."""
    arrays = read_arrays(folder / FILE) | {name.replace("__", "/"): array for name, array in changed.items()}
    write_arrays(folder / FILE, {name: array for name, array in arrays.items() if array is not None})
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][FILE] = {"bytes": (folder / FILE).stat().st_size, "sha256": sha256(folder / FILE)}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_the_rows_kept_are_development_rows_and_no_sealed_one_is_among_them(regression):
    kept = load_reference(regression.result.bundle_folder)
    sealed = json.loads((regression.result.folder / "split.json").read_text())["sealed"]
    assert len(kept) > 100
    assert not set(kept.ids.tolist()) & set(sealed)


def test_predictions_are_those_of_models_that_had_not_seen_the_row(regression):
    kept = load_reference(regression.result.bundle_folder)
    error = np.abs(kept.value["S_n"] - kept.truth["S_n"])
    cv = regression.result.record.targets[0].evaluation.cv.scores["mae"].value
    assert error.mean() == pytest.approx(cv, rel=1e-6)  # all rows are kept here
    covered = (kept.low["S_n"] <= kept.truth["S_n"]) & (kept.truth["S_n"] <= kept.high["S_n"])
    assert 0.8 < covered.mean() < 1.0


def test_features_and_elements_are_those_of_the_formulas(regression):
    kept = load_reference(regression.result.bundle_folder)
    row = next(i for i, formula in enumerate(kept.inputs["formula"]) if re.search("O(?![a-z])", str(formula)))
    assert kept.elements[row, Z_OF["O"] - 1]
    assert kept.X[row, kept.names.index("fraction O")] > 0
    assert kept.names == load_bundle(regression.result.bundle_folder).models[0].columns.names


def test_there_and_back_is_the_same(regression):
    kept = load_reference(regression.result.bundle_folder)
    again = Reference.from_arrays(kept.to_arrays())
    np.testing.assert_array_equal(again.X, kept.X)
    np.testing.assert_array_equal(again.inputs["formula"], kept.inputs["formula"])
    np.testing.assert_array_equal(again.high["S_n"], kept.high["S_n"])


def test_a_bundle_of_an_earlier_release_has_none(bundle):
    manifest = json.loads((bundle / "manifest.json").read_text())
    del manifest["files"][FILE]
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    assert load_reference(bundle) is None


def test_classes_are_kept_by_their_index(classification):
    kept = load_reference(classification.result.bundle_folder)
    assert set(np.unique(kept.truth["strong"])) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"X": np.zeros((3, 2))}, "shape"),
        ({"ids": np.array([], dtype="U1")}, "0 rows"),
        ({"value__0": None}, "missing"),
        ({"in_domain__0": np.full(192, 7.0)}, "0 and 1"),
        ({"elements": np.zeros((192, 118))}, "expected kind"),
        ({"targets": np.array(["other"])}, "not of the model"),
        ({"inputs": np.array(["other"])}, "lacks the input"),
    ],
)
def test_arrays_that_cannot_be_are_refused(bundle, changed, said):
    n = len(load_reference(bundle))
    changed = {name: array[:n] if array is not None and len(array) == 192 else array for name, array in changed.items()}
    rewritten(bundle, **changed)
    with pytest.raises(BundleError, match=said):
        load_reference(bundle)


def test_infinite_features_are_refused(regression):
    kept = load_reference(regression.result.bundle_folder)
    X = kept.X.copy()
    X[3, 2] = np.inf
    with pytest.raises(BundleError, match="infinite"):
        Reference.from_arrays(replace(kept, X=X).to_arrays())


def test_a_changed_file_is_said(bundle):
    (bundle / FILE).write_bytes(b"damaged")
    with pytest.raises(BundleError, match="manifest says"):
        load_reference(bundle)


def test_at_most_two_thousand_rows_are_read(regression):
    kept = load_reference(regression.result.bundle_folder)
    many = np.resize(np.arange(len(kept)), 2001)
    grown = replace(kept, ids=kept.ids[many])
    with pytest.raises(BundleError, match="2,000"):
        Reference.from_arrays(grown.to_arrays())

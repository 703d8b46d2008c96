import numpy as np
import pandas as pd
import pytest

from matloop.core.elements import Z_OF
from matloop.core.errors import DataError
from matloop.deploy.bundle import load_bundle
from matloop.deploy.reference import load_reference
from matloop.monitor.seen import seen_in_columns, seen_in_training


@pytest.fixture(scope="module")
def bundle(regression):
    return load_bundle(regression.result.bundle_folder)


def test_rows_asked_are_described_as_the_rows_learnt_from(bundle, regression):
    reference = load_reference(regression.result.bundle_folder)
    trained = seen_in_training(reference, bundle)
    frame = pd.read_csv(regression.table, keep_default_na=False).set_index("mp_id")
    asked = seen_in_columns(bundle, {"pretty_formula": frame.loc[reference.ids, "pretty_formula"].tolist()})
    np.testing.assert_array_equal(asked.X, trained.X)
    np.testing.assert_array_equal(asked.elements, trained.elements)
    assert asked.inputs["formula"].tolist() == trained.inputs["formula"].tolist()
    assert asked.matter == trained.matter == ("formula",)
    assert asked.predictions["S_n"].unit == trained.predictions["S_n"].unit


def test_what_cannot_be_read_keeps_its_place(bundle):
    found = seen_in_columns(bundle, {"pretty_formula": ["Fe2O3", "Xx2", None]})
    assert found.readable.tolist() == [True, False, False]
    assert np.isnan(found.X[1:]).all()
    assert found.elements[0, Z_OF["Fe"] - 1]
    assert not found.elements[1:].any()


def test_no_rows_are_no_error(bundle):
    assert len(seen_in_columns(bundle, {"pretty_formula": []})) == 0


def test_a_missing_column_and_uneven_ones_are_said(bundle):
    with pytest.raises(DataError, match="pretty_formula"):
        seen_in_columns(bundle, {"formula": ["NaCl"]})

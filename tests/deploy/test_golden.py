"""Bundles of earlier releases must load and predict as they did; a new format adds a folder here, none is removed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from matloop.deploy.predict import predict_file

GOLDEN = Path(__file__).parents[1] / "golden"
BUNDLES = sorted(folder for folder in GOLDEN.iterdir() if folder.is_dir())


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.name)
def test_an_earlier_bundle_predicts_what_it_did(bundle):
    found = predict_file(bundle, GOLDEN / "formulas.csv").frame
    told = pd.read_csv(GOLDEN / f"{bundle.name}.csv", keep_default_na=False)
    for column in ("S_n_predicted", "S_n_low", "S_n_high", "S_n_std"):
        np.testing.assert_allclose(found[column].astype(float), told[column].astype(float), rtol=1e-6)
    assert found["S_n_in_domain"].tolist() == told["S_n_in_domain"].tolist()

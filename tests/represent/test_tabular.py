"""Products and windows as transformers: the peer's values, and no look at later rows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from matloop.core.errors import ConfigError, DataError
from matloop.represent.tabular import PolynomialFeaturizer, WindowFeaturizer


def test_products_are_those_of_scikit_learn():
    X = np.random.default_rng(0).normal(size=(20, 3))
    made = PolynomialFeaturizer(degree=3).fit(X)
    peer = PolynomialFeatures(3, include_bias=False).fit(X)
    np.testing.assert_allclose(made.transform(X), peer.transform(X), rtol=1e-14)
    assert made.get_feature_names_out()[-1] == "x2^3"
    assert len(made.get_feature_names_out()) == 19


def test_products_of_some_columns_of_a_frame_with_gaps():
    frame = pd.DataFrame({"T": [2.0, np.nan], "p": [3.0, 4.0], "other": [1.0, 1.0]})
    made = PolynomialFeaturizer(["T", "p"], interactions=True).fit(frame)
    assert made.get_feature_names_out().tolist() == ["T", "p", "other", "T * p"]
    np.testing.assert_array_equal(made.transform(frame)[:, 3], [6.0, np.nan])
    with pytest.raises(ConfigError, match="no column"):
        PolynomialFeaturizer(["Tt"]).fit(frame)
    with pytest.raises(ConfigError, match="at least 2"):
        PolynomialFeaturizer(degree=1).fit(frame)


def test_a_law_of_a_product_is_found_in_a_pipeline():
    rng = np.random.default_rng(1)
    X = rng.uniform(1, 3, size=(40, 2))
    y = 4 * X[:, 0] * X[:, 1] - X[:, 1] ** 2
    assert make_pipeline(PolynomialFeaturizer(), LinearRegression()).fit(X, y).score(X, y) == pytest.approx(1.0)


def test_windows_of_a_frame_with_dates_see_no_later_row():
    frame = pd.DataFrame({
        "day": pd.to_datetime(["2024-01-03", "2024-01-01", "2024-01-02"]), "T": [30.0, 10.0, 20.0],
    })  # fmt: skip
    window = WindowFeaturizer("T", along="day", rows=(2,), statistics=("mean", "slope"))
    np.testing.assert_allclose(window.fit_transform(frame)[:, 0], [25.0, 10.0, 15.0])
    assert window.transform(frame)[0, 1] == pytest.approx(10 / 86400)
    frame.loc[0, "T"] = 1e9
    np.testing.assert_allclose(window.transform(frame)[1:, 0], [10.0, 15.0])


def test_faults_of_a_window_are_named():
    frame = pd.DataFrame({"t": [0.0, 1.0], "T": ["a", "2"]})
    with pytest.raises(DataError, match="row 0, column 'T': 'a'"):
        WindowFeaturizer("T", along="t").fit_transform(frame)
    with pytest.raises(ConfigError, match="Did you mean"):
        WindowFeaturizer("T", along="t", statistics=("meen",)).fit(frame)
    with pytest.raises(ConfigError, match="no column"):
        WindowFeaturizer("T", along="x").fit(frame)
    with pytest.raises(ConfigError, match="ends"):
        WindowFeaturizer("T", along="t", ends="zero").fit(frame)

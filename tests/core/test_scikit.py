"""What estimators owe to scikit-learn without loading it."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from matloop.core.errors import ConfigError
from matloop.core.scikit import Estimator, Transformer


class Scaled(Transformer):
    """Columns times a factor."""

    def __init__(self, factor: float = 2.0, inner: Estimator | None = None) -> None:
        self.factor = factor
        self.inner = inner

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.asarray(X, dtype=float) * self.factor

    def get_feature_names_out(self, input_features=None):
        return np.array(["a", "b"], dtype=object)

    def __sklearn_is_fitted__(self):
        return True


def test_parameters_go_in_and_out_also_of_what_is_inside():
    outer = Scaled(3.0, Scaled())
    assert outer.get_params() == {"factor": 3.0, "inner": outer.inner, "inner__factor": 2.0, "inner__inner": None}
    outer.set_params(factor=4.0, inner__factor=5.0)
    assert (outer.factor, outer.inner.factor) == (4.0, 5.0)
    with pytest.raises(ConfigError, match="factr"):
        outer.set_params(factr=1.0)


def test_it_shows_what_differs_from_the_defaults():
    assert repr(Scaled()) == "Scaled()"
    assert repr(Scaled(3.0)) == "Scaled(factor=3.0)"
    assert "Scaled" in Scaled(3.0)._repr_html_()


def test_scikit_learn_clones_it_and_puts_it_in_a_pipeline():
    twin = clone(Scaled(3.0))
    assert twin.factor == 3.0
    X = [[1.0, 2.0], [3.0, 5.0], [4.0, 1.0]]
    assert make_pipeline(Scaled(), Ridge()).fit(X, [1.0, 2.0, 3.0]).predict(X).shape == (3,)
    assert get_tags(Scaled()).transformer_tags is not None


def test_columns_come_in_the_container_that_was_asked_for():
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]}, index=["p", "q"])
    plain = Scaled().transform(frame)
    assert isinstance(plain, np.ndarray)
    found = clone(Scaled().set_output(transform="pandas")).transform(frame)
    assert found.columns.tolist() == ["a", "b"]
    assert found.index.tolist() == ["p", "q"]
    np.testing.assert_array_equal(found.to_numpy(), plain)
    with config_context(transform_output="pandas"):
        assert isinstance(Scaled().transform(frame), pd.DataFrame)


def test_neither_loading_nor_transforming_loads_scikit_learn():
    code = (
        "import sys; from matloop.represent.magpie import MagpieFeaturizer; "
        "MagpieFeaturizer().fit_transform(['NaCl']); print('sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

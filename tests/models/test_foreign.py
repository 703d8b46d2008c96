"""The caller's own estimators: as plain data, and fitted ones back from bytes without trust."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingRegressor,
)
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge, RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC

from matloop.core.errors import BundleError, ConfigError, MissingExtra
from matloop.models import missing
from matloop.models.arrays import model_from_arrays
from matloop.models.described import built, described, task_of
from matloop.models.foreign import FAMILY, checked
from matloop.testing.models import example

needs_skops = pytest.mark.skipif(bool(missing("foreign")), reason=missing("foreign"))


class Mine(BaseEstimator):
    """An estimator that is not part of scikit-learn."""


def fitted(estimator, case=None):
    case = case or example()
    settings = {"name": "mine", **described("mine", estimator)}
    return FAMILY.build(settings, case.columns, case.task, case.n_classes, "auto", 0).fit(case.X, case.y)


@pytest.mark.parametrize(
    "estimator",
    [
        GradientBoostingRegressor(max_depth=3, learning_rate=np.float64(0.2)),
        make_pipeline(SimpleImputer(missing_values=np.nan), MinMaxScaler(feature_range=(0, 2)), SVR(C=2.0)),
        GaussianProcessRegressor(RBF(0.5) + WhiteKernel(0.1)),
        VotingRegressor([("a", Ridge(2.0)), ("b", make_pipeline(StandardScaler(), SVR()))]),
        RidgeCV(alphas=np.array([0.1, 1.0])),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_an_estimator_comes_back_from_json_with_the_same_parameters(estimator):
    text = json.dumps(described("mine", estimator))
    again = built("mine", json.loads(text), seed=7)
    assert all(v == 7 for key, v in again.get_params().items() if key.endswith("random_state"))
    open_again = {key: None for key, v in again.get_params().items() if key.endswith("random_state")}
    assert json.dumps(described("mine", again.set_params(**open_again))) == text


def test_the_path_is_the_public_one_and_defaults_are_left_out():
    found = described("gbr", GradientBoostingRegressor(max_depth=4))
    assert found == {"class": "sklearn.ensemble:GradientBoostingRegressor", "params": {"max_depth": 4}}


@pytest.mark.parametrize(
    ("estimator", "said"),
    [
        (Ridge, "Give an object: Ridge"),
        ("ridge", "is a str, not a scikit-learn estimator"),
        (Mine(), "Mine is not part of scikit-learn"),
        (make_pipeline(FunctionTransformer(lambda X: X), Ridge()), "parameter 'func': <function"),
        (GradientBoostingRegressor(random_state=np.random.RandomState(0)), "parameter 'random_state'"),
        (make_pipeline(Mine(), Ridge()), "Mine is not part of scikit-learn"),
        (StandardScaler(), "neither values nor classes"),
        (LinearSVC(), "no probabilities"),
    ],
)
def test_what_cannot_be_described_is_named(estimator, said):
    with pytest.raises(ConfigError, match=said):
        described("mine", estimator)


def test_nothing_outside_scikit_learn_is_imported_by_a_path():
    for path in ("os:system", "subprocess:Popen", "matloop.core.files:write_text"):
        with pytest.raises(ConfigError, match="not imported"):
            built("mine", {"class": path, "params": {}})
    with pytest.raises(ConfigError, match="not an estimator"):
        built("mine", {"class": "sklearn.utils:check_array", "params": {}})
    with pytest.raises(ConfigError, match="max_depth"):
        built("mine", {"class": "sklearn.ensemble:GradientBoostingRegressor", "params": {"max_deph": 3}})


def test_a_classifier_for_values_is_refused_with_the_target():
    with pytest.raises(ConfigError, match=r"'knn'.*a classifier, but 'S_n' asks for values"):
        checked({"knn": LogisticRegression()}, {"S_n": "regression"})
    both = checked({"a": LogisticRegression(), "b": Ridge()}, {"S_n": "regression", "metal": "classification"})
    assert [task_of(name, one) for name, one in both.items()] == ["classification", "regression"]


@needs_skops
@pytest.mark.parametrize(
    "estimator",
    [
        HistGradientBoostingRegressor(max_iter=5), RandomForestRegressor(5), SVR(),
        MLPRegressor(hidden_layer_sizes=(9,)),
        KNeighborsRegressor(algorithm="brute"), GaussianProcessRegressor(RBF() + WhiteKernel()),
        GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=3),
        VotingRegressor([("a", Ridge()), ("b", RandomForestRegressor(3))]),
    ],
    ids=lambda estimator: type(estimator).__name__,
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_regressors_predict_the_same_after_reading(estimator):
    case, model = example(), fitted(estimator)
    again = model_from_arrays(model.to_arrays())
    np.testing.assert_array_equal(model.predict(case.X), again.predict(case.X))
    assert np.abs(model.predict(case.X) - case.y).mean() < 1.2 * np.abs(case.y - np.median(case.y)).mean()


@needs_skops
@pytest.mark.parametrize(
    "estimator",
    [
        HistGradientBoostingClassifier(max_iter=5), RandomForestClassifier(5), LogisticRegression(),
        CalibratedClassifierCV(LinearSVC(), cv=3), CalibratedClassifierCV(SVC(), cv=3),
    ],
    ids=lambda estimator: type(estimator).__name__,
)  # fmt: skip
def test_classifiers_predict_the_same_after_reading(estimator):
    case = example("classification", 3)
    model = fitted(estimator, case)
    again = model_from_arrays(model.to_arrays())
    np.testing.assert_array_equal(model.predict_proba(case.X), again.predict_proba(case.X))
    np.testing.assert_allclose(again.predict_proba(case.X).sum(axis=1), 1.0)


@needs_skops
def test_the_target_reaches_the_estimator_in_its_own_unit():
    case = example()
    counts = np.round(np.exp(0.3 * case.y) * 100.0)  # a Poisson regression refuses standardised values below zero
    model = FAMILY.build(
        {"name": "p", **described("p", PoissonRegressor())}, case.columns, "regression", 0, "auto", 0
    ).fit(case.X, counts)
    assert model.predict(case.X).min() > 0


@needs_skops
def test_weights_reach_the_last_step_of_a_pipeline():
    case = example()
    weights = np.where(case.y > np.median(case.y), 50.0, 1.0)
    settings = {"name": "p", **described("p", make_pipeline(StandardScaler(), Ridge(1e6)))}
    even, heavy = (
        FAMILY.build(settings, case.columns, "regression", 0, "auto", 0).fit(case.X, case.y, w).predict(case.X).mean()
        for w in (None, weights)
    )
    assert heavy > even + 0.5


@needs_skops
def test_what_cannot_be_checked_when_read_is_not_kept():
    with pytest.raises(ConfigError, match=r"_kd_tree.KDTree.*algorithm='brute'"):
        fitted(KNeighborsRegressor(algorithm="kd_tree"))


def test_without_skops_a_bundle_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "skops", None)
    monkeypatch.setitem(sys.modules, "skops.io", None)
    with pytest.raises(MissingExtra, match=r"matloop\[foreign\]"):
        fitted(Ridge())


@needs_skops
def test_another_scikit_learn_is_refused_with_the_one_to_install():
    arrays = fitted(Ridge()).to_arrays()
    arrays["scikit_learn"] = np.array("0.24.2")
    with pytest.raises(BundleError, match=r"pip install 'scikit-learn==0.24.\*'"):
        model_from_arrays(arrays)


# --- hostile files ---------------------------------------------------------------------------------------------------


def rewritten(arrays, change):
    """The same arrays with the skops file changed by an author who keeps all sums right."""
    with zipfile.ZipFile(io.BytesIO(arrays["estimator"].tobytes())) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return {**arrays, "estimator": np.frombuffer(stream.getvalue(), np.uint8)}


def with_nodes(change):
    """A change of every node table of a tree in the file."""

    def rewrite(entries):
        for name, content in entries.items():
            if name.endswith(".npy"):
                table = np.load(io.BytesIO(content))
                if table.dtype.names:
                    change(table)
                    stream = io.BytesIO()
                    np.save(stream, table)
                    entries[name] = stream.getvalue()

    return rewrite


def loop(nodes):
    nodes[nodes.dtype.names[1]][0] = 0


def far_column(nodes):
    nodes["feature" if "feature" in nodes.dtype.names else "feature_idx"][0] = 10**6


def loop_left(nodes):
    nodes["left" if "left" in nodes.dtype.names else "left_child"][0] = 0


@needs_skops
@pytest.mark.parametrize("change", [far_column, loop_left, loop], ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    "estimator",
    [RandomForestRegressor(3), GradientBoostingRegressor(n_estimators=3)],
    ids=["forest", "boosting"],
)
def test_trees_that_lead_astray_are_refused_before_a_row_walks_them(estimator, change):
    with pytest.raises(BundleError, match="nodes"):
        model_from_arrays(rewritten(fitted(estimator).to_arrays(), with_nodes(change)))


@needs_skops
@pytest.mark.parametrize("change", [far_column, loop_left], ids=lambda f: f.__name__)
def test_histogram_trees_that_lead_astray_are_refused(change):
    with pytest.raises(BundleError, match="nodes"):
        model_from_arrays(rewritten(fitted(HistGradientBoostingRegressor(max_iter=3)).to_arrays(), with_nodes(change)))


@needs_skops
def test_a_file_that_names_a_function_to_call_is_refused():
    def call_system(entries):
        state = json.loads(entries["schema.json"])
        state.update(__class__="system", __module__="posix", __loader__="FunctionNode", content="system")
        entries["schema.json"] = json.dumps(state).encode()

    with pytest.raises(BundleError, match="posix.system|cannot be read"):
        model_from_arrays(rewritten(fitted(Ridge()).to_arrays(), call_system))


@needs_skops
def test_a_foreign_type_is_refused_whatever_the_file_says_of_it():
    def other_type(entries):
        entries["schema.json"] = (
            entries["schema.json"]
            .replace(b'"Ridge"', b'"Popen"')
            .replace(b'"sklearn.linear_model._ridge"', b'"subprocess"')
        )

    with pytest.raises(BundleError, match="subprocess.Popen"):
        model_from_arrays(rewritten(fitted(Ridge()).to_arrays(), other_type))


@needs_skops
def test_packed_entries_are_refused_so_nothing_can_grow():
    arrays = fitted(Ridge()).to_arrays()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.npy", b"0" * 10**6)
    with pytest.raises(BundleError, match="not trusted"):
        model_from_arrays({**arrays, "estimator": np.frombuffer(stream.getvalue(), np.uint8)})


@needs_skops
def test_support_vectors_of_another_size_are_refused():
    def shorter(entries):
        for name in [name for name in entries if name.endswith(".npy")]:
            table = np.load(io.BytesIO(entries[name]))
            if table.ndim == 2 and table.shape[0] == 1:  # the dual coefficients
                stream = io.BytesIO()
                np.save(stream, table[:, :1])
                entries[name] = stream.getvalue()

    with pytest.raises(BundleError, match="coefficients"):
        model_from_arrays(rewritten(fitted(SVR()).to_arrays(), shorter))


@needs_skops
def test_bytes_are_equal_in_another_process():
    code = (
        "import sys, hashlib; sys.path[:0] = " + repr([str(p) for p in sys.path]) + ";"
        "from sklearn.linear_model import Ridge; from matloop.models.foreign import FAMILY;"
        "from matloop.models.described import described; from matloop.testing.models import example; c = example();"
        "m = FAMILY.build({'name': 'r', **described('r', Ridge(2.0))}, c.columns, c.task, 0, 'auto', 0).fit(c.X, c.y);"
        "sys.stdout.write(hashlib.sha256(m.to_arrays()['estimator'].tobytes()).hexdigest())"
    )
    once, twice = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    )
    assert once == twice
    assert len(once) == 64

"""A bundle with a model of every family of the registry, each a target of its own, small and quickly fitted."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from matloop.deploy.bundle import Manifest, load_bundle, save_bundle
from matloop.deploy.reference import FILE, Reference
from matloop.doubt.conformal import fit_doubt
from matloop.doubt.domain import fit_domain
from matloop.doubt.domains import DOMAINS
from matloop.doubt.prediction import OutOfFold
from matloop.models import FAMILIES, installed
from matloop.models.family import Spec
from matloop.problem.question import Input
from matloop.represent.representation import InputFeatures, Representation, represent
from matloop.represent.table import FeatureTable
from matloop.train.model import Model
from matloop.train.recipe_model import FitData, fit_recipe
from matloop.train.values import Recipe

INPUTS = (
    Input("formula", "composition", column="formula"),
    Input("T", "number", unit="K"),
    Input("route", "category"),
)
SHOWN = Representation(
    (
        InputFeatures("formula", "composition", ("stoichiometry", "valence", "fractions")),
        InputFeatures("T", "number", unit="K"),
        InputFeatures("route", "category", words=("melt", "sinter")),
    )
)


def rows(n=90, seed=0):
    """Formulas, temperatures with gaps and routes, as columns of plain values."""
    rng = np.random.default_rng(seed)
    symbols = np.array(["Fe", "Ni", "Co", "O", "S", "Ti"])
    formulas = ["".join(f"{s}{rng.integers(1, 5)}" for s in rng.permutation(symbols)[:2]) for _ in range(n)]
    temperature = [None if rng.random() < 0.1 else round(float(t), 1) for t in rng.uniform(300, 900, n)]
    return {"formula": formulas, "T": temperature, "route": rng.choice(["melt", "sinter"], n).tolist()}


def table_of(columns, inputs=INPUTS, shown=SHOWN):
    from matloop.data.inputs import read_inputs
    from matloop.data.table import RawTable, provenance

    arrays = {name: np.array(values, dtype=object) for name, values in columns.items()}
    return represent(read_inputs(RawTable(arrays, provenance("rows", "", arrays)), inputs)[0], shown)


def fitted(name, task, table, number):
    """A model of one family; the measures of the domain take turns."""
    rng = np.random.default_rng(1)
    y = np.nan_to_num(table.X[:, -2], nan=600.0) / 100 + 3 * table.X[:, 0] + rng.normal(size=len(table))
    n_classes = 0 if task == "regression" else 2 + number % 2
    if n_classes:
        y = np.searchsorted(np.quantile(y, np.arange(1, n_classes) / n_classes), y).astype(float)
    family, columns = FAMILIES.load(name), table.columns()
    settings = {**family.settings(1, columns, task, np.random.default_rng(0))[0], **getattr(family, "cheap", {})}
    data = FitData(table.X, y, np.ones(len(y)), np.zeros((0, table.X.shape[1])), columns, task, n_classes, "linear",
                   None, "auto")  # fmt: skip
    estimator = fit_recipe(Recipe((Spec(name, settings),)), data, np.arange(len(y)), 0)
    return finished(estimator, data, table, f"{name} {task}", number)


def data_of(table):
    """Values of the first column with noise, for a regression."""
    y = table.X[:, 0] + np.random.default_rng(1).normal(size=len(table))
    none = np.zeros((0, table.X.shape[1]))
    return FitData(table.X, y, np.ones(len(y)), none, table.columns(), "regression", 0, "linear", None, "auto")


def finished(estimator, data, table, target, number):
    fold, classes = np.arange(len(table)) % 3, tuple(f"c{k}" for k in range(data.n_classes))
    said = estimator.output(table.X)
    oof = OutOfFold(said.value, said.spread, said.proba, fold)
    doubt = fit_doubt(oof, table.X, data.y, groups=fold, task=data.task, classes=classes, seed=0)
    measure = list(DOMAINS)[number % len(DOMAINS)]
    domain = fit_domain(table, data.y, fold, seed=0, method=measure)
    return Model(target, data.task, "K", classes, table.columns(), estimator, doubt, domain)


PROBLEM = """
name = "families"
[data]
source = "table.csv"
[inputs]
formula = { kind = "composition" }
[targets.y]
unit = "K"
[limits]
predict_ms = 5000
memory_gb = 4
"""


def reference(models, table, columns):
    """The first rows as the sample that a bundle keeps."""
    n = len(table)
    by_target = {name: {target: np.zeros(n) for target in models} for name in PARTS}
    inputs = {"formula": np.array(columns["formula"]), "route": np.array(columns["route"])}
    inputs["T"] = np.array([np.nan if t is None else t for t in columns["T"]], dtype=float)
    ids = np.array([f"row-{k}" for k in range(n)])
    return Reference(ids, table.names, table.X, inputs, elements=np.zeros((n, 0), dtype=bool), **by_target)


PARTS = ("truth", "value", "low", "high", "std", "in_domain")


def saved(folder, models, representation=SHOWN, inputs=INPUTS, problem=PROBLEM, kept=None):
    manifest = Manifest(1, "0", "families", "Does each predict?", "run", inputs, representation, (), "all", 90, "0")
    tables = {} if kept is None else {FILE: kept.to_arrays()}
    save_bundle(folder, manifest, models, {"problem.toml": problem}, tables)
    return folder


@pytest.fixture(scope="session")
def families(tmp_path_factory):
    """The bundle of all families that are installed, but the one of scikit-learn's own objects."""
    table = table_of(rows())
    models = {}
    for number, name in enumerate(name for name in FAMILIES if name != "foreign" and installed(name)):
        tasks = sorted(FAMILIES.load(name).tasks)
        for task in tasks if name in ("lightgbm", "svm", "mlp") else tasks[number % len(tasks) :][:1]:
            models[f"{name} {task}"] = fitted(name, task, table, number)
    return saved(tmp_path_factory.mktemp("families") / "bundle", models)


@pytest.fixture
def small(families, tmp_path):
    """A bundle of two of them, with a sample of rows."""
    loaded = load_bundle(families)
    chosen = {m.target: m for m in loaded.models if m.target in ("lightgbm regression", "ridge regression")}
    columns = rows(150)
    return saved(tmp_path / "bundle", chosen, kept=reference(chosen, table_of(columns), columns))


@pytest.fixture
def single(families, tmp_path):
    """One model of formulas alone."""
    table = table_of(rows())
    at = [k for k, origin in enumerate(table.origins) if origin.startswith("formula")]
    part = FeatureTable(table.X[:, at], tuple(table.names[k] for k in at), tuple(table.origins[k] for k in at), {}, {})
    model = fitted("lightgbm", "regression", part, 0)
    return saved(tmp_path / "bundle", {"y": replace(model, target="y")}, Representation(SHOWN.inputs[:1]), INPUTS[:1])


@pytest.fixture(scope="session")
def kit():
    """What tests make bundles with."""
    return SimpleNamespace(
        rows=rows,
        table_of=table_of,
        fitted=fitted,
        data_of=data_of,
        finished=finished,
        saved=saved,
        INPUTS=INPUTS,
        SHOWN=SHOWN,
        PROBLEM=PROBLEM,
    )

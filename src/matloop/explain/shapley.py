"""SHAP values of any model: exact where its structure allows it, else sampled; they always sum to the prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.explain.network_shap import network_contributions
from matloop.explain.output import predict_of, rows_of
from matloop.explain.sampled_shap import WALKS, sampled_contributions
from matloop.explain.tree_shap import tree_contributions, tree_cost
from matloop.models.constant import Constant
from matloop.models.linear import Linear
from matloop.models.network import Network
from matloop.models.prepare import Prepared
from matloop.models.table_model import TableModel
from matloop.models.trees import Trees
from matloop.train.recipe_model import Member, RecipeModel

BACKGROUND = 100
"""Background rows that a network is compared with."""


@dataclass(frozen=True, slots=True)
class Shap:
    """SHAP values: `base + values.sum(axis=1)` is `prediction`.

    values : shape (n_rows, n_groups), or (n_rows, n_features) without groups. base, prediction : shape (n_rows,).
    method : "tree", "linear", "network" (exact for the model's structure) or "sampled"; "a + b" for an ensemble.
    output : "value", "log10 of the value", "probability" or "log-odds".
    """

    values: FloatArray
    base: FloatArray
    prediction: FloatArray
    method: str
    output: str

    @property
    def gap(self) -> float:
        """Largest |base + contributions - prediction|, as a share of the spread of the predictions."""
        off = float(np.abs(self.base + self.values.sum(axis=1) - self.prediction).max(initial=0.0))
        spread = float(self.prediction.std())
        return off / spread if spread > 0 else off


def shap_values(
    model: Any,
    X: Any,
    background: Any,
    *,
    groups: Sequence[IntArray] | None = None,
    column: int | None = None,
    walks: int = WALKS,
    threads: int = 1,
    seed: int = 0,
) -> Shap:
    """What each column, or group of columns, adds to the prediction of each row.

    Parameters
    ----------
    model : a fitted recipe, forest, LightGBM or linear model (explained exactly), another fitted scikit-learn
        estimator, or a function of rows (sampled).
    X : shape (n_rows, n_features), rows to explain.
    background : shape (n_background, n_features), rows like those of the training: what "not knowing a column" means.
    groups : columns that belong together; their contributions are summed. None: every column by itself.
    column : the class that is explained; None: the second of two.
    walks : background rows that a sampled explanation starts from.

    Returns
    -------
    Shap. Trees are followed as they were grown (path-dependent), so correlated columns share what they say; linear
    models, networks and sampled ones put columns in and out independently.

    Raises
    ------
    DataError : shapes do not fit; several classes and none is named.

    References
    ----------
    Lundberg & Lee, Adv. Neural Inf. Process. Syst. 30 (2017) 4765. arXiv:1705.07874

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> forest = RandomForestRegressor(20, random_state=0).fit(X, 2 * X[:, 0])
    >>> found = shap_values(forest, X[:5], X)
    >>> bool(np.allclose(found.base + found.values.sum(axis=1), forest.predict(X[:5])))
    True
    """
    X, background = rows_of(X), rows_of(background, "background")
    if X.shape[1] != background.shape[1]:
        raise DataError(f"X has {X.shape[1]} columns, the background {background.shape[1]}. Give rows of one kind.")
    found = exact_contributions(model, X, background, column=column, threads=threads)
    if found is not None:
        return found if groups is None else replace(found, values=summed(found.values, groups))
    predict = predict_of(model, column)
    parts = [np.array([j]) for j in range(X.shape[1])] if groups is None else [*groups]
    rest = np.setdiff1d(np.arange(X.shape[1]), np.concatenate(parts)) if parts else np.arange(X.shape[1])
    values, base = sampled_contributions(
        predict, X, background, [*parts, rest] if len(rest) else parts, walks=walks, seed=seed
    )
    said = predict(X)
    # what the columns outside all groups add is part of nobody's contribution: it belongs to the row's base
    bases = base + values[:, len(parts) :].sum(axis=1)
    return Shap(values[:, : len(parts)], bases, said, "sampled", _output(model))


def summed(values: FloatArray, groups: Sequence[IntArray]) -> FloatArray:
    """Contributions of groups, shape (n_rows, n_groups), from those of columns."""
    return np.column_stack([values[:, columns].sum(axis=1) for columns in groups])


def exact_contributions(
    model: Any, X: FloatArray, background: FloatArray, *, column: int | None = None, threads: int = 1
) -> Shap | None:
    """SHAP values of single columns by the model's structure, or None where it has none that can be used."""
    if isinstance(model, RecipeModel):
        return _of_recipe(model, X, background, column, threads)
    if isinstance(model, TableModel):
        return _of_table(model, X, background, column, threads)
    return _of_foreign(model, X, background, column, threads)


def exact_cost(model: Any) -> float | None:
    """Steps that the exact explanation of one row takes about, or None where there is none; trees dominate."""
    members = model.members if isinstance(model, RecipeModel) else ()
    if not members or any(not _has_structure(member) for member in members):
        return None
    if model.border.task == "classification" and len({_kind(member) for member in members}) > 1:
        return None
    trees = [m.model.predictor_ for m in members if isinstance(m.model.predictor_, Trees)]  # type: ignore[attr-defined]
    return sum(map(tree_cost, trees)) + 1.0


def _has_structure(member: Member) -> bool:
    if member.gate is not None or not isinstance(member.model, TableModel):
        return False
    predictor = member.model.predictor_
    if isinstance(predictor, Trees):
        return not predictor.median and not member.model.prepared_.axes.shape[1] and _kind(member) != ""
    return isinstance(predictor, Linear | Network | Constant) and _kind(member) != ""


def _kind(member: Member) -> str:
    return _explained(member.model)[0] if isinstance(member.model, TableModel) else ""


def _explained(model: TableModel) -> tuple[str, str]:
    """What of a model can be written as a sum: its output ("" for none), and by which method."""
    predictor = model.predictor_
    method = {Trees: "tree", Linear: "linear", Network: "network"}.get(type(predictor), "constant")
    if model.task == "regression":
        return "value", method
    link = getattr(predictor, "link", "identity")
    if link == "identity" and not isinstance(predictor, Network):
        return "probability", method
    two = len(model.present_) == 2
    one_network = not isinstance(predictor, Network) or len(predictor.members) == 1
    return ("log-odds" if two and one_network and (link == "sigmoid" or method == "network") else ""), method


def _of_recipe(
    model: RecipeModel, X: FloatArray, background: FloatArray, column: int | None, threads: int
) -> Shap | None:
    classes = model.border.task == "classification"
    if any(not _has_structure(member) for member in model.members):
        return None
    kinds = {_kind(member) for member in model.members}
    if len(kinds) > 1 or (kinds == {"log-odds"} and len(model.members) > 1):
        return None
    values, base, said = np.zeros(X.shape), np.zeros(len(X)), np.zeros(len(X))
    methods = []
    for member, weight in zip(model.members, model.weights.tolist(), strict=True):
        one = _of_table(member.model, X[:, member.columns], background[:, member.columns], column, threads)  # type: ignore[arg-type]
        if one is None:
            return None
        values[:, member.columns] += weight * one.values
        base += weight * one.base
        said += weight * one.prediction
        methods.append(one.method)
    output = kinds.pop()
    if not classes and model.border.scale == "log":
        output = "log10 of the value"
    return Shap(values, base, said, " + ".join(dict.fromkeys(methods)), output)


def _of_table(
    model: TableModel, X: FloatArray, background: FloatArray, column: int | None, threads: int
) -> Shap | None:
    output, method = _explained(model)
    prepared, predictor = model.prepared_, model.predictor_
    if not output or (isinstance(predictor, Trees) and (predictor.median or prepared.axes.shape[1])):
        return None
    index = 0
    if model.task == "classification":
        if column is None and model.n_classes > 2:
            raise DataError(f"the model knows {model.n_classes} classes. Say which one to explain: column=0, ...")
        wanted = 1 if column is None else column
        places = np.flatnonzero(model.present_ == wanted)
        if not len(places):
            return Shap(np.zeros(X.shape), np.zeros(len(X)), np.zeros(len(X)), method, output)
        index = int(places[0])
    if isinstance(predictor, Constant):
        told = predictor.values(np.zeros((len(X), 0)))[:, index] * model.scale_ + model.centre_
        return Shap(np.zeros(X.shape), told, told, method, output)
    before = replace(prepared, axes=np.zeros((len(prepared.source), 0)), axes_mean=np.zeros(len(prepared.source)))
    Z, other = before.transform(X), before.transform(background)
    found, base, said = _raw(predictor, prepared, Z, other, index, output, threads)
    values = np.zeros(X.shape)
    np.add.at(values.T, prepared.source, found.T)
    return Shap(
        values * model.scale_, np.full(len(X), base * model.scale_ + model.centre_),
        said * model.scale_ + model.centre_, method, output,
    )  # fmt: skip


def _raw(
    predictor: Any, prepared: Prepared, Z: FloatArray, background: FloatArray, index: int, output: str, threads: int
) -> tuple[FloatArray, float, FloatArray]:
    """Contributions of the prepared columns, their base, and the raw output itself, before scale and centre."""
    sign = -1.0 if output == "log-odds" and index == 0 else 1.0
    if isinstance(predictor, Trees):
        column = 0 if output == "log-odds" else index
        found, base = tree_contributions(predictor, Z, background, column=column, threads=threads)
        return sign * found, sign * base, sign * replace(predictor, link="identity").values(Z)[:, column]
    axes = prepared.axes if prepared.axes.shape[1] else np.eye(Z.shape[1])
    shift = prepared.axes_mean if prepared.axes.shape[1] else np.zeros(Z.shape[1])
    if isinstance(predictor, Linear):
        column = 0 if output == "log-odds" else index
        weights = sign * axes @ predictor.weights[:, column]
        middle = background.mean(axis=0)
        offset = sign * float(predictor.intercept[column]) - float(shift @ weights)
        return (Z - middle) * weights, float(middle @ weights) + offset, Z @ weights + offset
    wanted = np.array([-1.0, 1.0]) * (1.0 if index else -1.0) if output == "log-odds" else np.ones(1)
    network: Network = predictor
    if prepared.axes.shape[1]:
        network = _before_axes(network, axes, shift)
    step = max(1, len(background) // BACKGROUND)
    found, base = network_contributions(network, Z, background[::step][:BACKGROUND], wanted)
    return found, base, _raw_network(network, Z, wanted)


def _before_axes(network: Network, axes: FloatArray, shift: FloatArray) -> Network:
    """The same network over columns before principal axes: the first layer swallows them."""
    members = []
    for layers in network.members:
        weights = axes @ layers[0][0].astype(np.float64)
        offsets = layers[0][1] - shift @ weights
        members.append(((weights, offsets), *layers[1:]))
    return replace(network, members=tuple(members))  # type: ignore[arg-type]


def _raw_network(network: Network, Z: FloatArray, out: FloatArray) -> FloatArray:
    return np.asarray(replace(network, link="identity").values(Z) @ out)


def _of_foreign(model: Any, X: FloatArray, background: FloatArray, column: int | None, threads: int) -> Shap | None:
    """Estimators of scikit-learn and LightGBM whose structure is known."""
    name, package = type(model).__name__, type(model).__module__.partition(".")[0]
    if package == "lightgbm":
        return _of_lightgbm(model, X, column)
    if package != "sklearn":
        return None
    grown = getattr(model, "estimators_", None)
    if name in _FORESTS and getattr(model, "n_outputs_", 2) == 1:
        return _of_forest(model, list(grown) if grown is not None else [model], X, background, column, threads)
    if hasattr(model, "coef_") and hasattr(model, "intercept_") and not hasattr(model, "predict_proba"):
        weights = np.asarray(model.coef_, dtype=np.float64)
        if weights.shape == (X.shape[1],) and name not in ("GammaRegressor", "PoissonRegressor", "TweedieRegressor"):
            middle = background.mean(axis=0)
            base = float(middle @ weights + np.ravel(model.intercept_)[0])
            said = np.asarray(model.predict(X), dtype=np.float64)
            return Shap((X - middle) * weights, np.full(len(X), base), said, "linear", "value")
    return None


_FORESTS = frozenset(
    f"{kind}{task}"
    for kind in ("RandomForest", "ExtraTrees", "DecisionTree", "ExtraTree")
    for task in ("Regressor", "Classifier")
)


def _of_forest(
    model: Any, grown: list[Any], X: FloatArray, background: FloatArray, column: int | None, threads: int
) -> Shap | None:
    from matloop.models.forests import from_forest

    classes = int(model.n_classes_) if hasattr(model, "predict_proba") else 0
    if np.isnan(X).any() or np.isnan(background).any():
        return None
    trees = from_forest([one.tree_ for one in grown], X.shape[1], classes)
    said = predict_of(model, column)(X)
    index = (1 if column is None else column) if classes else 0
    values, base = tree_contributions(trees, X, background, column=index, threads=threads)
    return Shap(values, np.full(len(X), base), said, "tree", "probability" if classes else "value")


def _of_lightgbm(model: Any, X: FloatArray, column: int | None) -> Shap | None:
    booster = getattr(model, "booster_", model)
    if booster.num_model_per_iteration() > 1:
        return None
    found = np.asarray(booster.predict(X, pred_contrib=True), dtype=np.float64)
    raw, said = (np.asarray(booster.predict(X, raw_score=flag), dtype=np.float64) for flag in (True, False))
    if np.allclose(raw, said):
        return Shap(found[:, :-1], found[:, -1], raw, "tree", "value")
    if np.allclose(1.0 / (1.0 + np.exp(-raw)), said):
        sign = -1.0 if column == 0 else 1.0
        return Shap(sign * found[:, :-1], sign * found[:, -1], sign * raw, "tree", "log-odds")
    return None  # another link: the trees do not sum to what the model says


def _output(model: Any) -> str:
    if isinstance(model, RecipeModel):
        if model.border.task == "classification":
            return "probability"
        return "log10 of the value" if model.border.scale == "log" else "value"
    return "probability" if hasattr(model, "predict_proba") else "value"

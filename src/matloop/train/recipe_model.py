"""A fitted recipe: its members, how they are weighed, and how raw outputs become values in target units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, IntArray, nested, number, taken, text, under, within
from matloop.core.errors import BundleError, DataError
from matloop.models import FAMILIES
from matloop.models.arrays import model_from_arrays
from matloop.models.family import ArrayModel, FitTask, Spec, Uncertainty, of_label
from matloop.models.outputs import outputs_of
from matloop.problem.question import Loss
from matloop.represent.table import Columns
from matloop.train.values import Recipe

Scale = Literal["linear", "log"]
_LOG_LIMIT = 300.0  # exponents beyond this overflow a double
_SURE = 0.9  # self-training takes a row when one class has at least this probability
_PSEUDO_WEIGHT = 0.5  # of a self-labelled row against a labelled one: half, as it is partly the model's own opinion
_PSEUDO_ROUNDS = 2
_ATOM_SHARE = 0.05  # a lowest value that fewer rows have is no atom


@dataclass(frozen=True, slots=True)
class FitData:
    """All that fits read: the development rows as plain arrays.

    X : shape (n, n_features). y : shape (n,), target unit or class index. weights : shape (n,).
    unlabelled : shape (n_unlabelled, n_features), rows without a label; may be empty.
    """

    X: FloatArray
    y: FloatArray
    weights: FloatArray
    unlabelled: FloatArray
    columns: Columns
    task: FitTask
    n_classes: int
    scale: Scale
    bounds: tuple[float, float] | None
    loss: Loss


@dataclass(frozen=True, slots=True)
class Output:
    """What a fitted recipe says about rows: value (n,), proba (n, n_classes) or (n, 0), spread (n,) >= 0.

    uncertainty : the spread apart by cause (for classes: of the label); None where only the spread was kept.
    """

    value: FloatArray
    proba: FloatArray
    spread: FloatArray
    uncertainty: Uncertainty | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """One fitted model and the feature columns that it sees.

    gate : for a target with many values at `atom`, its lower end (no gap, no activity): a classifier of "above the
    atom"; `model` was then fitted on the rows above it.
    """

    model: ArrayModel
    columns: IntArray
    gate: ArrayModel | None = None
    atom: float = 0.0

    def to_arrays(self) -> Arrays:
        """Plain arrays."""
        gate = {} if self.gate is None else {**nested("gate", self.gate.to_arrays()), "atom": np.array(self.atom)}
        return {"columns": self.columns, **nested("model", self.model.to_arrays()), **gate}

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_features: int) -> Self:
        """The member again, with everything checked (BundleError)."""
        at = within(arrays, "columns", 0, n_features).astype(np.int64)
        model, gate = _of_width(under("model", arrays), len(at)), under("gate", arrays)
        if not gate:
            return cls(model, at)
        return cls(model, at, _of_width(gate, len(at)), number(arrays, "atom"))


def _of_width(arrays: Arrays, width: int) -> ArrayModel:
    model = model_from_arrays(arrays)
    if model.n_features_in_ != width:
        raise BundleError(
            f"a model of {model.n_features_in_} columns was kept with a choice of {width}. The bundle is not trusted."
        )
    return model


@dataclass(frozen=True, slots=True)
class Border:
    """How a model's output becomes a value: the task, and for regressions the scale and the physical bounds."""

    task: FitTask
    n_classes: int
    scale: Scale = "linear"
    bounds: tuple[float, float] | None = None

    def into(self, y: FloatArray) -> FloatArray:
        """Target values as the model is fitted to them (log10 on a log scale)."""
        if self.task == "regression" and self.scale == "log":
            if not (y > 0).all():
                raise DataError(f"{int((y <= 0).sum())} target values are not positive; a log scale needs values > 0.")
            return np.log10(y)
        return y

    def back(self, fitted: FloatArray) -> FloatArray:
        """Model output in target units, inside the bounds."""
        value = 10.0 ** np.clip(fitted, -_LOG_LIMIT, _LOG_LIMIT) if self.scale == "log" else fitted
        return np.clip(value, *self.bounds) if self.bounds else value


def positions(columns: Columns, prefixes: Sequence[str]) -> IntArray:
    """Positions of the columns whose origin is one of `prefixes` or lies below it; all columns if there are none.

    Raises
    ------
    DataError : no column has such an origin.
    """
    if not prefixes:
        return np.arange(len(columns.names))
    chosen = [i for i, origin in enumerate(columns.origins) if any(_lies_under(origin, p) for p in prefixes)]
    if not chosen:
        raise DataError(f"no feature column comes from {', '.join(prefixes)}; known: {sorted(set(columns.origins))}.")
    return np.array(chosen, dtype=np.int64)


def _lies_under(origin: str, prefix: str) -> bool:
    return origin == prefix or origin.startswith(prefix + ":")


def chosen_columns(columns: Columns, at: IntArray) -> Columns:
    """The columns at the positions `at`."""
    names = tuple(columns.names[i] for i in at)
    vocabularies = {name: columns.vocabularies[name] for name in names if name in columns.vocabularies}
    return Columns(names, tuple(columns.origins[i] for i in at), vocabularies)


def fit_member(spec: Spec, data: FitData, rows: IntArray, seed: int, *, pseudo_labels: bool = False) -> Member:
    """Fit one spec on `rows`; with `pseudo_labels` self-training rounds use the rows without a label, too."""
    at = positions(data.columns, spec.columns)
    if spec.settings.get("hurdle"):
        return _fit_hurdle(spec, data, rows, seed, at)
    border = Border(data.task, data.n_classes, data.scale, data.bounds)
    X, y, weights = data.X[np.ix_(rows, at)], border.into(data.y[rows]), data.weights[rows]
    model = _fitted(spec, data, at, (X, y, weights), seed)
    if pseudo_labels and len(data.unlabelled):
        strange = data.unlabelled[:, at]
        for _ in range(_PSEUDO_ROUNDS):
            guess, sure = _self_labels(model, strange, data.task)
            if not sure.any():
                break
            share = np.full(int(sure.sum()), _PSEUDO_WEIGHT * weights.mean())
            more = (np.vstack([X, strange[sure]]), np.r_[y, guess[sure]], np.r_[weights, share])
            model = _fitted(spec, data, at, more, seed)
    return Member(model, at)


def atom_of(y: FloatArray) -> float | None:
    """The lowest value, if many rows have exactly that one (no gap, no activity, below detection); else None."""
    lowest = float(y.min())
    return lowest if _ATOM_SHARE <= float((y == lowest).mean()) <= 1.0 - _ATOM_SHARE else None


def _fit_hurdle(spec: Spec, data: FitData, rows: IntArray, seed: int, at: IntArray) -> Member:
    """Two steps: is it above the atom, and how far; a two-part (hurdle) model.

    Cragg, Econometrica 39 (1971) 829. doi:10.2307/1909582
    """
    y, atom = data.y[rows], atom_of(data.y[rows])
    if atom is None or data.task != "regression" or data.scale == "log":
        raise DataError("a two-step model needs a target with many rows at its lowest value, on a linear scale.")
    X, weights = data.X[np.ix_(rows, at)], data.weights[rows]
    above = y > atom
    how_far = _fitted(spec, data, at, (X[above], y[above], weights[above]), seed)
    classify = replace(data, task="classification", n_classes=2, loss="cross_entropy")
    plain = Spec(spec.family, {name: value for name, value in spec.settings.items() if name != "loss"}, spec.columns)
    gate = _fitted(plain, classify, at, (X, above.astype(float), weights), seed)
    return Member(how_far, at, gate, atom)


def _fitted(
    spec: Spec, data: FitData, at: IntArray, training: tuple[FloatArray, FloatArray, FloatArray], seed: int
) -> ArrayModel:
    X, y, weights = training
    family = FAMILIES.load(spec.family)
    settings = {name: value for name, value in spec.settings.items() if name not in ("loss", "hurdle")}
    loss = str(spec.settings.get("loss", data.loss))
    if "loss" not in spec.settings and loss not in getattr(family, "losses", (loss,)):
        loss = "auto"
    model: ArrayModel = family.build(settings, chosen_columns(data.columns, at), data.task, data.n_classes, loss, seed)
    even = bool(np.all(weights == weights[0]))
    return model.fit(X, y, None if even else weights)


def _self_labels(model: ArrayModel, X: FloatArray, task: FitTask) -> tuple[FloatArray, np.ndarray]:
    """The model's own labels of rows without one, and which of them it is sure about."""
    said = outputs_of(model, X)
    if task == "classification":
        return said.value, said.proba.max(axis=1) >= _SURE
    return said.value, (said.spread <= np.median(said.spread)) & np.isfinite(said.value)


def member_output(member: Member, X: FloatArray, border: Border) -> Output:
    """What one member says, in target units."""
    said = outputs_of(member.model, X[:, member.columns])
    if border.task == "classification":
        return Output(said.value, said.proba, said.spread, said.uncertainty)
    value, unsure = border.back(said.value), said.uncertainty
    if member.gate is not None:
        value, unsure = _gated(member, X, value, unsure)
    if border.scale == "log":
        unsure = unsure.times(np.log(10.0) * np.abs(value))  # first order: d(10^u) = ln(10) 10^u du
    return Output(value, said.proba, unsure.total, unsure)


def _gated(member: Member, X: FloatArray, value: FloatArray, unsure: Uncertainty) -> tuple[FloatArray, Uncertainty]:
    """The atom where "above" is less likely than not, else the value drawn towards the atom by the doubt about it.

    The variance of "rise or nothing" is chance * variance + chance * (1 - chance) * rise^2; of the second term the part
    of a chance that is itself unsure is epistemic.
    """
    assert member.gate is not None
    gate = outputs_of(member.gate, X[:, member.columns])
    chance, rise = gate.proba[:, 1], value - member.atom
    coin = chance * (1.0 - chance)
    loose = np.minimum(gate.uncertainty.epistemic**2, coin)
    epistemic = np.sqrt(chance * unsure.epistemic**2 + loose * rise**2)
    aleatoric = np.sqrt(chance * unsure.aleatoric**2 + (coin - loose) * rise**2)
    return member.atom + np.where(chance > 0.5, chance * rise, 0.0), Uncertainty(epistemic, aleatoric)


def combine(parts: Sequence[Output], weights: Sequence[float] | FloatArray, border: Border, threshold: float) -> Output:
    """Members' outputs as one: weighted mean (of the logarithms on a log scale), own spread and disagreement together.

    The variance of a mixture is the mean of the members' variances plus the variance between their means; the latter is
    epistemic, so a committee of unlike families says where they disagree.
    """
    w = np.asarray(weights, dtype=float)
    own = sum(w[k] * part.spread**2 for k, part in enumerate(parts))
    if border.task == "classification":
        proba = np.asarray(sum(w[k] * part.proba for k, part in enumerate(parts)))
        value = decided(proba, threshold)
        top = value.astype(np.int64)[:, None] if border.n_classes != 2 else np.ones((len(value), 1), dtype=np.int64)
        means = [np.take_along_axis(part.proba, top, axis=1)[:, 0] for part in parts]
        centre = np.take_along_axis(proba, top, axis=1)[:, 0]
    elif border.scale == "log":
        means = [np.log10(part.value) for part in parts]
        centre = np.asarray(sum(w[k] * mean for k, mean in enumerate(means)))
        value = border.back(centre)
        slope = np.log(10.0) * value
        means, centre = [mean * slope for mean in means], centre * slope
        proba = parts[0].proba
    else:
        means = [part.value for part in parts]
        centre = np.asarray(sum(w[k] * mean for k, mean in enumerate(means)))
        value, proba = border.back(centre), parts[0].proba
    between = np.asarray(sum(w[k] * (mean - centre) ** 2 for k, mean in enumerate(means)))
    spread = np.sqrt(own + between)
    apart = [part.uncertainty for part in parts if part.uncertainty is not None]
    if len(apart) < len(parts):
        return Output(value, proba, spread)
    if border.task == "classification":
        return Output(value, proba, spread, of_label(centre, spread))
    noise = sum(w[k] * part.aleatoric**2 for k, part in enumerate(apart))
    model = sum(w[k] * part.epistemic**2 for k, part in enumerate(apart)) + between
    return Output(value, proba, spread, Uncertainty(np.sqrt(model), np.sqrt(noise)))


def decided(proba: FloatArray, threshold: float) -> FloatArray:
    """Class indices: of two classes the second from probability `threshold` on, of more the most probable."""
    if proba.shape[1] == 2:
        return (proba[:, 1] >= threshold).astype(float)
    return proba.argmax(axis=1).astype(float)


@dataclass(frozen=True, slots=True)
class RecipeModel:
    """A recipe after its fit; predicts from raw feature rows of shape (n, n_features).

    weights : shape (n_members,), sum to one. threshold : see `Recipe`.
    """

    members: tuple[Member, ...]
    weights: FloatArray
    border: Border
    n_features: int
    threshold: float = 0.5

    def output(self, X: FloatArray) -> Output:
        """Value, probabilities and spread in one walk over the members.

        Raises
        ------
        DataError : `X` has another number of columns than the recipe was fitted on.
        """
        if X.ndim != 2 or X.shape[1] != self.n_features:
            raise DataError(f"the model was fitted on {self.n_features} features, the rows have shape {X.shape}.")
        parts = [member_output(member, X, self.border) for member in self.members]
        return combine(parts, self.weights, self.border, self.threshold)

    def predict(self, X: FloatArray) -> FloatArray:
        """Target unit, or class index as float; shape (n,)."""
        return self.output(X).value

    def predict_proba(self, X: FloatArray) -> FloatArray:
        """Class probabilities as the members give them (uncalibrated), shape (n, n_classes); (n, 0) for regressions."""
        return self.output(X).proba

    def spread(self, X: FloatArray) -> FloatArray:
        """Standard deviation from the members' own doubt and from their disagreement, shape (n,), target unit."""
        return self.output(X).spread

    def uncertainty(self, X: FloatArray) -> Uncertainty:
        """The spread apart by cause: the members' own doubt and their disagreement (epistemic), and the noise that they
        see (aleatoric); target unit. For classes both are of the label, and the epistemic part alone is the spread."""
        found = self.output(X).uncertainty
        assert found is not None
        return found

    def to_arrays(self) -> Arrays:
        """The model as plain arrays, members under `member<k>/`."""
        low, high = self.border.bounds or (-np.inf, np.inf)
        arrays: Arrays = {
            "weights": np.asarray(self.weights, dtype=float),
            "threshold": np.array(float(self.threshold)),
            "task": np.array(self.border.task),
            "scale": np.array(self.border.scale),
            "bounds": np.array([low, high]),
            "n_classes": np.array(self.border.n_classes),
            "n_features": np.array(self.n_features),
        }
        for k, member in enumerate(self.members):
            arrays |= nested(f"member{k}", member.to_arrays())
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """The inverse of `to_arrays`, with every index, shape and size checked first (BundleError)."""
        weights = taken(arrays, "weights")
        if not len(weights) or (weights < 0).any() or abs(weights.sum() - 1.0) > 1e-6:
            raise BundleError(f"member weights {weights} are not shares of one. The bundle is not trusted.")
        n_features = int(number(arrays, "n_features"))
        border = _border(arrays)
        members = tuple(Member.from_arrays(under(f"member{k}", arrays), n_features) for k in range(len(weights)))
        return cls(members, weights, border, n_features, number(arrays, "threshold"))


def _border(arrays: Arrays) -> Border:
    task, scale = text(arrays, "task"), text(arrays, "scale")
    if task not in ("regression", "classification") or scale not in ("linear", "log"):
        raise BundleError(f"task {task!r} on scale {scale!r} is not known to this release.")
    bounds = taken(arrays, "bounds", finite=False)
    if bounds.shape != (2,) or np.isnan(bounds).any() or bounds[0] > bounds[1]:
        raise BundleError(f"bounds {bounds} are not a pair of limits. The bundle is not trusted.")
    limits = None if np.isinf(bounds).all() else (float(bounds[0]), float(bounds[1]))
    return Border(task, int(number(arrays, "n_classes")), scale, limits)  # type: ignore[arg-type]


def fit_recipe(recipe: Recipe, data: FitData, rows: IntArray, seed: int) -> RecipeModel:
    """Fit all members of `recipe` here and now (the pool of `fits` does the same in other processes)."""
    members = tuple(fit_member(s, data, rows, seed, pseudo_labels=recipe.pseudo_labels) for s in recipe.members)
    border = Border(data.task, data.n_classes, data.scale, data.bounds)
    return RecipeModel(members, np.array(recipe.weights), border, data.X.shape[1], recipe.threshold)

"""A whole model as one graph: value, interval, deviation or probabilities, and whether a row is in the domain."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from matloop.core.errors import ConfigError
from matloop.deploy.edge.graph.build import Graph, NotInGraph, Value, nearest, softmax, squared_gaps
from matloop.deploy.edge.graph.parts import predicted, prepared, tree_values
from matloop.doubt.conformal import Doubt
from matloop.doubt.domain import Domain
from matloop.doubt.domain_seen import MOST_WORDS, Seen
from matloop.doubt.domains.density import KernelDensity
from matloop.doubt.domains.gaussian_process import GPDeviation
from matloop.doubt.domains.isolation import Isolation
from matloop.doubt.domains.leverage import Leverage
from matloop.doubt.domains.neighbours import NeighbourDistance
from matloop.doubt.domains.ranges import Ranges
from matloop.doubt.domains.space import CLIP, Space
from matloop.doubt.nearness import Nearness
from matloop.doubt.probabilities import SMALLEST
from matloop.doubt.widths import FARTHEST, ConstantWidth, SpreadWidth, TreeWidth, ValueWidth
from matloop.models.table_model import TableModel
from matloop.train.model import Model
from matloop.train.recipe_model import Border, Member, RecipeModel

_LOG_LIMIT = 300.0
"""Powers of ten beyond are not formed, as in `train.recipe_model`."""


def onnx_model(model: Model) -> bytes:
    """The model as an ONNX file, in double precision.

    Input `X` (rows, n_features): the features of the bundle's representation; their names stand in the metadata.
    Outputs of a regression: `value`, `low`, `high`, `std`; of a classification: `class` (index), `proba`, `std`; of
    both: `in_domain`. Each has one column, `proba` one per class.

    Raises
    ------
    NotInGraph : a part of the model is not written as ONNX operators; the message says which.
    MissingExtra : onnx is not installed.
    """
    g = Graph(len(model.columns.names))
    value, proba, spread = _recipe(g, model.estimator)
    if model.classes:
        found, std = _calibrated(value, proba, model.doubt)
        outputs = {"class": (value, 1, False), "proba": (found, len(model.classes), False), "std": (std, 1, False)}
    else:
        low, high, std = _interval(g, value, spread, model.doubt)
        outputs = {"value": (value, 1, False), "low": (low, 1, False), "high": (high, 1, False), "std": (std, 1, False)}
    outputs["in_domain"] = (_inside(g, model.domain), 1, True)
    texts = {
        "target": model.target, "unit": model.unit, "level": repr(model.level), "classes": json.dumps(model.classes),
        "features": json.dumps(model.columns.names),
    }  # fmt: skip
    return g.model(outputs, "matloop", texts)


def _one(g: Graph) -> Value:
    return g.const(np.array(1.0))


# ---- estimator ----


def _recipe(g: Graph, one: RecipeModel) -> tuple[Value, Value, Value]:
    """Value (n_rows, 1), probabilities (n_rows, n_classes), spread (n_rows, 1); see `RecipeModel.output`."""
    parts = [_member(g, member, one.border) for member in one.members]
    border, weights = one.border, [float(weight) for weight in one.weights]
    own = _added([part[2] * part[2] * w for part, w in zip(parts, weights, strict=True)])
    if border.task == "classification":
        proba = _added([part[1] * w for part, w in zip(parts, weights, strict=True)])
        value, mark = _decided(g, proba, one.threshold, border.n_classes)
        means = [(part[1] * mark).sum() for part in parts]
        centre = (proba * mark).sum()
    else:
        proba = g.fill(0.0)
        logs = border.scale == "log"
        means = [part[0].log() / float(np.log(10.0)) if logs else part[0] for part in parts]
        centre = _added([mean * w for mean, w in zip(means, weights, strict=True)])
        value = _back(centre, border)
        if logs:
            slope = value * float(np.log(10.0))
            means, centre = [mean * slope for mean in means], centre * slope
    between = _added([(mean - centre) * (mean - centre) * w for mean, w in zip(means, weights, strict=True)])
    return value, proba, (own + between).sqrt()


def _added(parts: Sequence[Value]) -> Value:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _decided(g: Graph, proba: Value, threshold: float, n_classes: int) -> tuple[Value, Value]:
    """The class index, and a mark at the class that the spread is of."""
    if n_classes == 2:
        return proba.take([1]).op("GreaterOrEqual", np.array(threshold)).numbers(), g.const(np.array([[0.0, 1.0]]))
    top = g.op("ArgMax", proba, axis=1, keepdims=1)
    return top.numbers(), top.op("Equal", g.const(np.arange(n_classes)[None, :])).numbers()


def _member(g: Graph, member: Member, border: Border) -> tuple[Value, Value, Value]:
    """Value, probabilities and spread of one member in target units."""
    if member.gate is not None:
        raise NotInGraph("a model in two steps (a gate before the value)")
    model = member.model
    if not isinstance(model, TableModel):
        raise NotInGraph("an estimator of scikit-learn's own kind")
    values, epistemic, aleatoric = predicted(prepared(g.X.take(member.columns), model.prepared_), model.predictor_)
    if border.task == "classification":
        present = np.eye(model.n_classes)[model.present_]
        return g.fill(0.0), values @ present, epistemic
    value = _back(values.take([0]) * model.scale_ + model.centre_, border)
    spread = (epistemic * epistemic + aleatoric * aleatoric).sqrt() * model.scale_
    return value, g.fill(0.0), spread * value.abs() * float(np.log(10.0)) if border.scale == "log" else spread


def _back(fitted: Value, border: Border) -> Value:
    g = fitted.graph
    value = fitted
    if border.scale == "log":
        value = g.op("Pow", g.const(np.array(10.0)), fitted.clip(-_LOG_LIMIT, _LOG_LIMIT))
    return value.clip(*border.bounds) if border.bounds else value


# ---- doubt ----


def _interval(g: Graph, value: Value, spread: Value, doubt: Doubt) -> tuple[Value, Value, Value]:
    """Low, high and standard deviation; see `Doubt.apply`."""
    from scipy.special import ndtri

    assert doubt.width is not None
    assert doubt.bins is not None
    distance = g.fill(0.0) if doubt.nearness is None else _distance(g, doubt.nearness)
    low, high = _ends(g, value, spread, distance, doubt.width)
    middle, half = (low + high) * 0.5, (high - low) * 0.5
    place = g.const(np.zeros((1, 1), dtype=np.int64)) if not len(doubt.bins.edges) else _place(half, doubt.bins.edges)
    below = middle - g.op("Gather", doubt.bins.low, place, axis=0) * half
    above = middle + g.op("Gather", doubt.bins.high, place, axis=0) * half
    if doubt.widening is not None:
        factor = _interpolated((distance + 1e-30).log(), doubt.widening.log_distance, doubt.widening.stretch)
        middle, half = (below + above) * 0.5, (above - below) * 0.5 * factor
        below, above = middle - half, middle + half
    below, above = below * doubt.shrink, above * doubt.shrink
    std = (above - below) * 0.5 / float(ndtri(0.5 * (1.0 + doubt.level)))
    low, high = value + below.at_most(np.array(0.0)), value + above.at_least(np.array(0.0))
    if doubt.bounds is not None:
        low, high = low.clip(*doubt.bounds), high.clip(*doubt.bounds)
    return low, high, std


def _place(half: Value, edges: np.ndarray) -> Value:
    """How many edges are at most as large, (n_rows, 1): `searchsorted(side="right")`."""
    return half.op("GreaterOrEqual", edges[None, :]).numbers().sum().op("Cast", to=7)


def _interpolated(x: Value, knots: np.ndarray, heights: np.ndarray) -> Value:
    """`np.interp` for constant knots, (n_rows, 1): first height, and what each step adds."""
    found = x.graph.fill(float(heights[0]))
    for k in range(len(knots) - 1):
        width = float(knots[k + 1] - knots[k])
        rise = float(heights[k + 1] - heights[k])
        done = ((x - float(knots[k])) / width).clip(0.0, 1.0) if width > 0 else _step(x, float(knots[k]))
        found = found + done * rise
    return found


def _step(x: Value, at: float) -> Value:
    return x.op("GreaterOrEqual", np.array(at)).numbers()


def _distance(g: Graph, near: Nearness) -> Value:
    places = _projected(g.X, near.space)
    k = min(near.neighbours, len(near.landmarks))
    distance, _ = nearest(places, near.landmarks.astype(np.float64), k)
    return distance.mean()


def _projected(X: Value, space: Space) -> Value:
    """Rows on the axes, in single precision; see `Space.project`."""
    z = (X.take(space.columns) - space.centre[None, :]) / space.scale[None, :]
    return (z.filled(0.0).clip(-CLIP, CLIP) @ space.axes).single()


def _ends(g: Graph, value: Value, spread: Value, distance: Value, width: object) -> tuple[Value, Value]:
    if isinstance(width, ConstantWidth):
        half = g.fill(width.half)
    elif isinstance(width, SpreadWidth):
        half = spread * width.slope + width.base
    elif isinstance(width, ValueWidth):
        terms = g.concat([value, value.abs()])
        z = ((terms - width.centre[None, :]) / width.spread[None, :]).clip(-FARTHEST, FARTHEST)
        half = (z @ width.slopes[:, None]).exp() * width.scale
    elif isinstance(width, TreeWidth):
        Z = g.concat([value, spread, (distance + 1e-3).log(), g.X.take(width.columns)])
        size = tree_values(Z, width.size).clip(-30.0, 30.0).exp() * width.multiple
        low, high = (tree_values(Z, width.low) - size) * 0.5, (tree_values(Z, width.high) + size) * 0.5
        middle, half = (low + high) * 0.5, ((high - low) * 0.5).at_least(np.array(width.floor))
        return (middle - half) * width.unit, (middle + half) * width.unit
    else:
        raise NotInGraph(f"a rule for widths of kind {type(width).__name__}")
    return -half, half


def _calibrated(value: Value, proba: Value, doubt: Doubt) -> tuple[Value, Value]:
    """Calibrated probabilities, and the standard deviation of the label."""
    how = doubt.calibration
    assert how is not None
    g, n = value.graph, len(how.shift)
    if how.method == "isotonic":
        raised = g.concat([_interpolated(proba.take([c]), *how.steps[c]) for c in range(n)])
        found = raised / raised.sum()
    elif how.method == "identity":
        found = proba
    else:
        found = softmax(proba.at_least(np.array(SMALLEST)).log() * how.slope + how.shift[None, :])
    mark = value.op("Equal", g.const(np.arange(n, dtype=np.float64)[None, :])).numbers()
    chosen = (found * mark).sum()
    return found, (chosen * (_one(g) - chosen)).at_least(np.array(0.0)).sqrt()


# ---- domain ----


def _inside(g: Graph, domain: Domain) -> Value:
    """Whether rows are like the training rows; see `Domain.judge`."""
    seen = domain.seen
    strange = [_score(_expanded(g, seen), domain).above(np.array(domain.threshold))]
    if len(seen.fractions):
        strange.append(_any(g.X.take(seen.fractions).above(np.array(0.0))))
    if len(seen.complete):
        strange.append(_any(g.X.take(seen.complete).isnan()))
    if len(seen.numbers):
        numbers = g.X.take(seen.numbers)
        strange.append(_any(g.op("Or", numbers.below(seen.low[None, :]), numbers.above(seen.high[None, :]))))
    for column in np.unique(seen.words[:, 0]).tolist():
        codes = seen.words[seen.words[:, 0] == column, 1].astype(np.float64)
        code = g.X.take([column])
        known = _any(code.op("Equal", codes[None, :]))
        strange.append(g.op("Not", g.op("Or", known, code.isnan())))
    found = strange[0]
    for one in strange[1:]:
        found = g.op("Or", found, one)
    return g.op("Not", found)


def _any(flags: Value) -> Value:
    return flags.numbers().most().above(np.array(0.5))


def _expanded(g: Graph, seen: Seen) -> Value:
    if not len(seen.words):
        return g.X
    columns, counts = np.unique(seen.words[:, 0], return_counts=True)
    blank = np.isin(np.arange(len(seen.names)), columns)
    inside = g.where(g.const(blank[None, :]), np.array(0.0), g.X)
    marks = g.X.take(seen.words[:, 0]).op("Equal", seen.words[:, 1].astype(np.float64)[None, :]).numbers()
    shown = ~np.isin(seen.words[:, 0], columns[counts > MOST_WORDS])
    return g.concat([inside, marks * shown.astype(np.float64)[None, :]])


def _score(wide: Value, domain: Domain) -> Value:
    """How foreign rows are, (n_rows, 1)."""
    g, measure, places = wide.graph, domain.foreign.measure, _projected(wide, domain.foreign.space)
    if isinstance(measure, NeighbourDistance):
        known = measure.landmarks.astype(np.float64)
        distance, place = nearest(places, known, min(measure.neighbours, len(known)))
        around = g.op("Gather", measure.radius, place, axis=0).mean().at_least(np.array(1e-12))
        return distance.mean() / g.op("Pow", around, np.array(float(measure.power)))
    if isinstance(measure, KernelDensity):
        exponent = squared_gaps(places, measure.landmarks.astype(np.float64)) * (-0.5 / measure.bandwidth**2)
        top = exponent.most()
        log_mean = (exponent - top).exp().sum().log() + top - float(np.log(len(measure.landmarks)))
        return (log_mean * -2.0).at_least(np.array(0.0)).sqrt() * measure.bandwidth
    if isinstance(measure, Leverage):
        away = places - measure.middle[None, :]
        hat = (((away @ measure.inverse) * away).sum() + 1.0) / float(measure.n_rows)
        return hat.at_least(np.array(0.0)) * (measure.n_rows / (3.0 * (len(measure.middle) + 1)))
    if isinstance(measure, Ranges):
        unit = np.maximum(measure.high - measure.low, 1e-6)[None, :]
        low, high = g.const(measure.low[None, :]), g.const(measure.high[None, :])
        outside = (low - places).at_least(np.array(0.0)) + (places - high).at_least(np.array(0.0))
        return (outside / unit).sum()
    if isinstance(measure, GPDeviation):
        kernel = (squared_gaps(places, measure.landmarks.astype(np.float64)) * (-0.5 / measure.length**2)).exp()
        told = kernel @ np.linalg.inv(measure.lower).T
        return (_one(g) - (told * told).sum()).clip(0.0, 1.0).sqrt()
    if isinstance(measure, Isolation):
        path = tree_values(places, measure.trees)
        return g.op("Pow", g.const(np.array(2.0)), -path / measure.usual)
    raise ConfigError(f"the domain measure {domain.foreign.method!r} is not written as ONNX operators.")

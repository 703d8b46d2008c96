"""Preparations and predictors as operators; each takes prepared columns Z and gives values and uncertainty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.deploy.edge.graph.build import Graph, NotInGraph, Value, linked, nearest, softmax, squared_gaps
from matloop.models.bayesian_head import BayesianHead, Head
from matloop.models.constant import Constant
from matloop.models.jackknife import JackknifeForest
from matloop.models.kernels import Kernel, KernelSum
from matloop.models.linear import Linear
from matloop.models.nearest_neighbour import Neighbours
from matloop.models.network import LOG_VARIANCE, Network
from matloop.models.prepare import MISSING, WORD, Prepared
from matloop.models.quantile_boosting import QuantileTrees
from matloop.models.sampled_network import Sampled, SampledNetwork
from matloop.models.trees import Trees

Told = tuple[Value, Value, Value]
"""Values (n_rows, n_values), epistemic and aleatoric standard deviation (n_rows, 1)."""
_PAIRS = 300_000
"""Entries per row of a table of differences, where distances are sums of absolute ones: 2.4 MB."""


def prepared(X: Value, how: Prepared) -> Value:
    """See `models.prepare.Prepared.transform`."""
    if len(how.knots):
        raise NotInGraph("columns scaled by their quantiles (scaling = 'quantile')")
    g, Z = X.graph, X.take(how.source)
    empty = Z.isnan()
    filled = g.where(empty, how.fill[None, :], Z) if len(how.fill) else Z
    if (how.mode == WORD).any():
        filled = g.where(g.const((how.mode == WORD)[None, :]), Z.op("Equal", how.code[None, :]).numbers(), filled)
    if (how.mode == MISSING).any():
        filled = g.where(g.const((how.mode == MISSING)[None, :]), empty.numbers(), filled)
    Z = (filled - how.centre[None, :]) / how.scale[None, :]
    if how.clip:
        cut = Z.clip(-how.clip, how.clip)
        Z = g.where(Z.isnan(), Z, cut) if np.isnan(how.fill).any() else cut
    if how.axes.shape[1]:
        Z = (Z - how.axes_mean[None, :]) @ how.axes
    return Z


def predicted(Z: Value, one: Any) -> Told:
    """What a predictor says of prepared columns.

    Raises
    ------
    NotInGraph : there is no such predictor here.
    """
    for kind, write in _WRITERS.items():
        if isinstance(one, kind):
            return write(Z, one)
    raise NotInGraph(f"a model of kind {one.kind!r}")


def _zeros(g: Graph) -> Value:
    return g.fill(0.0)


def _constant(Z: Value, one: Constant) -> Told:
    values = _zeros(Z.graph) + one.value[None, :]
    return values, _zeros(Z.graph), _zeros(Z.graph)


def _linear(Z: Value, one: Linear) -> Told:
    return linked(Z @ one.weights + one.intercept[None, :], one.link), _zeros(Z.graph), _zeros(Z.graph)


def _neighbours(Z: Value, one: Neighbours) -> Told:
    g = Z.graph
    if one.metric == "euclidean":
        distance, place = nearest(Z, one.rows, one.k)
    else:
        apart, place = g.op("TopK", _absolute(Z, one.rows), np.array([one.k]), outputs=2, axis=1, largest=0, sorted=1)
        distance = apart
    share = g.op("Gather", one.weights, place, axis=0)
    if one.by_distance:
        exact = distance.op("LessOrEqual", np.array(1e-9)).numbers()
        any_exact = exact.most().above(np.array(0.5))
        share = share * g.where(any_exact, exact, g.const(np.array(1.0)) / distance.at_least(np.array(1e-9)))
    total = share.sum()
    known = total.above(np.array(0.0))
    share = g.where(known, share / g.where(known, total, np.array(1.0)), np.array(1.0 / one.k))
    answers = g.op("Gather", one.answers, place, axis=0)
    wide = g.op("Unsqueeze", share, np.array([2]))
    values = (wide * answers).sum(1, keep=False)
    own, middle = _chosen(answers, values, one.n_values)
    variance = (share * (own - middle) * (own - middle)).sum()
    few = (share * share).sum().at_most(np.array(1.0))
    return values, (few * variance).sqrt(), ((g.const(np.array(1.0)) - few) * variance).sqrt()


def _chosen(each: Value, values: Value, n_values: int) -> tuple[Value, Value]:
    """Of every member (n_rows, n_members, n_values) the value, or the chance of the class most probable by `values`;
    and the same of `values`, (n_rows, 1)."""
    g = each.graph
    if n_values == 1:
        return each.reshape(0, -1), values
    top = g.op("ArgMax", values, axis=1, keepdims=1)
    mark = top.op("Equal", g.const(np.arange(n_values)[None, :])).numbers()
    own = (each * g.op("Unsqueeze", mark, np.array([1]))).sum(2, keep=False)
    return own, (values * mark).sum()


def _absolute(A: Value, rows: FloatArray) -> Value:
    """Sums of absolute differences to constant rows, (n_rows, n_known)."""
    if rows.size > _PAIRS:
        raise NotInGraph(
            f"distances by absolute differences to {len(rows):,} rows of {rows.shape[1]} columns, which would take "
            f"{8e-6 * rows.size:.0f} MB per row"
        )
    return (A.graph.op("Unsqueeze", A, np.array([1])) - rows[None, :, :]).abs().sum(2, keep=False)


def _kernel(Z: Value, one: KernelSum) -> Told:
    g, kernel = Z.graph, one.kernel
    if not isinstance(kernel, Kernel):
        raise NotInGraph("a kernel of compositions")
    K = _similar(Z, kernel, one.centres)
    values = linked(K @ one.weights + one.intercept[None, :], one.link)
    noise = g.fill(float(np.sqrt(one.noise)))
    if not one.precision.size:
        return values, _zeros(g), noise
    own = g.const(np.array(kernel.amplitude)) + (Z * Z).sum() * (kernel.linear / one.centres.shape[1])
    spread = (own - ((K @ one.precision) * K).sum()).at_least(np.array(0.0)).sqrt()
    if one.link == "sigmoid":
        spread = spread * values.take([0]) * values.take([1])
    return values, spread, noise


def _similar(Z: Value, kernel: Kernel, centres: FloatArray) -> Value:
    scaled, rows = Z / kernel.lengths[None, :], centres / kernel.lengths
    if kernel.name == "laplacian":
        K = (-_absolute(scaled, rows)).exp()
    else:
        K = _shape(kernel.name, squared_gaps(scaled, rows))
    K = K * np.full((1, len(rows)), kernel.amplitude)  # runtimes round one factor beside a product to single precision
    return K + Z @ (centres.T * (kernel.linear / centres.shape[1])) if kernel.linear else K


def _shape(name: str, squared: Value) -> Value:
    if name == "rbf":
        return (squared * -0.5).exp()
    r = (squared * (3.0 if name == "matern32" else 5.0)).sqrt()
    bend = r + 1.0 if name == "matern32" else r + 1.0 + r * r / 3.0
    return bend * (-r).exp()


# ---- networks ----


def _bent(Z: Value, bend: str) -> Value:
    return Z.at_least(np.array(0.0)) if bend == "relu" else Z / ((-Z.clip(-80, 80)).exp() + 1.0)


def _network(Z: Value, one: Network) -> Told:
    raw = []
    for layers in one.members:
        at = Z
        for place, (weights, offsets) in enumerate(layers):
            at = at @ weights.astype(np.float64) + offsets.astype(np.float64)[None, :]
            at = _bent(at, one.bend) if place + 1 < len(layers) else at
        raw.append(Z.graph.op("Unsqueeze", at, np.array([1])))
    return _mixed(Z.graph.concat(raw, axis=1), one.link, one.noisy, one.n_values)


def _sampled(Z: Value, one: SampledNetwork) -> Told:
    parts = [Z.graph.op("Transpose", _draws(Z, member, one.bend), perm=[1, 0, 2]) for member in one.members]
    return _mixed(Z.graph.concat(parts, axis=1), one.link, one.noisy, one.n_values)


def _draws(Z: Value, one: Sampled, bend: str) -> Value:
    """Raw outputs of every draw, (n_draws, n_rows, n_out)."""
    at = Z.graph.op("Unsqueeze", Z, np.array([0]))
    at = Z.graph.op("Expand", at, np.array([one.n_draws, 1, 1]))
    for place, (weights, offsets) in enumerate(one.layers):
        mean = at @ weights.astype(np.float64) + offsets.astype(np.float64)
        if one.deviations:
            loose, off = (part.astype(np.float64) ** 2 for part in one.deviations[place])
            mean = mean + ((at * at) @ loose + off).sqrt() * one.shifts[place].astype(np.float64)[:, None, :]
        if place + 1 == len(one.layers):
            return mean
        at = _bent(mean, bend)
        at = at * one.masks[place].astype(np.float64)[:, None, :] if one.masks else at
    return at


def _mixed(raw: Value, link: str, noisy: bool, n_values: int) -> Told:
    """Members (n_rows, n_members, n_out) as one, see `models.network.mixed`."""
    g = raw.graph
    noise = _zeros(g)
    if noisy:
        logs = g.op("Gather", raw, np.array([1]), axis=2).clip(*LOG_VARIANCE)
        noise = logs.exp().mean(1, keep=False)
        raw = g.op("Gather", raw, np.array([0]), axis=2)
    if link == "softmax":
        powers = (raw - raw.most(2)).exp()
        raw = powers / powers.sum(2)
    values = raw.mean(1, keep=False)
    own, _ = _chosen(raw, values, n_values)
    return values, _deviation(own), noise.sqrt()


def _deviation(own: Value) -> Value:
    """Over the columns, (n_rows, 1)."""
    away = own - own.mean()
    return (away * away).mean().sqrt()


def _bayesian(Z: Value, one: BayesianHead) -> Told:
    g, classes = Z.graph, not len(one.members[0].noise)
    told = [_head(Z, head, one.bend) for head in one.members]
    raws, variances = (g.concat([g.op("Unsqueeze", part[k], np.array([1])) for part in told], axis=1) for k in (0, 1))
    if classes:
        flat = raws / (variances * float(np.pi / 8.0) + 1.0).sqrt()
        raws = softmax(flat, 2)
    values = raws.mean(1, keep=False)
    own, _ = _chosen(raws, values, one.n_values)
    if classes:
        top = g.op("ArgMax", values, axis=1, keepdims=1)
        mark = g.op("Unsqueeze", top.op("Equal", g.const(np.arange(one.n_values)[None, :])).numbers(), np.array([1]))
        slopes = g.op("Unsqueeze", own, np.array([2])) * (mark - raws)
        inside = (slopes * slopes * variances).sum(2, keep=False)
    else:
        inside = variances.reshape(0, -1)
    spread = _deviation(own)
    noise = g.concat([part[2] for part in told]).mean()
    return values, (inside.mean() + spread * spread).sqrt(), noise.sqrt()


def _head(Z: Value, head: Head, bend: str) -> Told:
    """Outputs and their variances, (n_rows, n_out) each, and the variance of the noise; see `Head.told`."""
    g, at = Z.graph, Z
    for place, (weights, offsets) in enumerate(head.layers):
        ahead = at @ weights.astype(np.float64) + offsets.astype(np.float64)[None, :]
        at = (at + _bent(ahead, bend) if place else ahead) if head.residual else _bent(ahead, bend)
    if head.waves is not None:
        frequencies, phases = (part.astype(np.float64) for part in head.waves)
        size = np.full((1, len(phases)), np.sqrt(2.0 / len(phases)))
        at = (at @ frequencies + phases[None, :]).op("Cos") * size
    phi = g.concat([at, g.fill(1.0)])
    spread = []
    for factor in head.factor:
        part = phi @ factor.astype(np.float64)
        spread.append((part * part).sum())
    noise = (phi @ head.noise[:, None]).clip(*LOG_VARIANCE).exp() if len(head.noise) else _zeros(g)
    return phi @ head.weights, g.concat(spread), noise


# ---- trees ----


def tree_sums(Z: Value, one: Trees, *, members: bool) -> Value:
    """What trees add up to, (n_rows, n_members or 1 times n_raw)."""
    width, n_raw = one.value.shape[1], one.n_raw
    first = (one.member * n_raw if members else 0 * one.member) + one.output
    n_targets = (one.n_members if members else 1) * n_raw
    found = [_ensemble(Z, one, one.value[:, k], first + k, n_targets) for k in range(width)]
    total = found[0]
    for more in found[1:]:
        total = total + more
    return total


def _ensemble(Z: Value, one: Trees, weights: np.ndarray, target: np.ndarray, n_targets: int) -> Value:
    """One operator for all trees: `weights` (n_leaves,) are added to the column `target` (n_trees,) of their tree.

    Every child is another split, or a leaf, both counted over all trees. A tree of one leaf gets a split with that leaf
    on both sides.
    """
    g, splits = Z.graph, np.diff(one.splits)
    owner = np.repeat(np.arange(one.n_trees), splits)
    alone = np.flatnonzero(splits == 0)

    def child(which: np.ndarray) -> tuple[list[int], list[int]]:
        leaf = which < 0
        place = np.where(leaf, ~which + one.leaves[owner], which + one.splits[owner])
        return np.r_[place, one.leaves[alone]].tolist(), np.r_[leaf, np.ones(len(alone))].astype(int).tolist()

    left, left_leaf = child(one.left.astype(np.int64))
    right, right_leaf = child(one.right.astype(np.int64))
    roots = one.splits[:-1].copy()
    roots[alone] = len(owner) + np.arange(len(alone))
    # a missing value that never was missing in training counts as zero
    tracks = np.where(one.missing, one.default_left, one.threshold >= 0)
    blank = np.zeros(len(alone), np.int64)
    return g.op(
        "TreeEnsemble", Z.single(), domain="ai.onnx.ml", n_targets=int(n_targets), aggregate_function=1,
        post_transform=0, tree_roots=roots.tolist(),
        nodes_featureids=np.r_[one.feature.astype(np.int64), blank].tolist(),
        nodes_modes=g.tensor(np.zeros(len(owner) + len(alone), np.uint8)),
        nodes_splits=g.tensor(np.r_[one.threshold.astype(np.float64), blank]),
        nodes_truenodeids=left, nodes_trueleafs=left_leaf, nodes_falsenodeids=right, nodes_falseleafs=right_leaf,
        nodes_missing_value_tracks_true=np.r_[tracks.astype(np.int64), blank].tolist(),
        leaf_targetids=np.repeat(target, np.diff(one.leaves)).tolist(),
        leaf_weights=g.tensor(weights.astype(np.float64)),
    )  # fmt: skip


def tree_values(Z: Value, one: Trees) -> Value:
    """See `models.trees.Trees.values`."""
    if one.median:
        each = tree_sums(Z, one, members=True).reshape(-1, one.n_members, one.n_raw)
        return linked(_median(each, one.n_members), one.link)
    return linked(tree_sums(Z, one, members=False) / float(one.n_members), one.link)


def _median(each: Value, n_members: int) -> Value:
    ordered, _ = each.graph.op("TopK", each, np.array([n_members]), outputs=2, axis=1, largest=0, sorted=1)
    middle = each.graph.op("Gather", ordered, np.array([(n_members - 1) // 2, n_members // 2]), axis=1)
    return middle.mean(1, keep=False)


def _by_member(Z: Value, one: Trees) -> tuple[Value, Value, Value]:
    """Values, the value or the largest probability by each member, and the variance of the noise."""
    g = Z.graph
    each = tree_sums(Z, one, members=True).reshape(-1, one.n_members, one.n_raw)
    noise = _zeros(g)
    if len(one.noise):
        noise = _ensemble(Z, one, one.noise / np.float64(one.n_trees), np.zeros(one.n_trees, np.int64), 1)
    values = linked(_median(each, one.n_members) if one.median else each.mean(1, keep=False), one.link)
    if one.link == "sigmoid":
        positive = g.const(np.array(1.0)) / ((-each.clip(-500, 500)).exp() + 1.0)
        each = g.concat([g.const(np.array(1.0)) - positive, positive], axis=2)
    elif one.link == "softmax":
        powers = (each - each.most(2)).exp()
        each = powers / powers.sum(2)
    own, _ = _chosen(each, values, one.n_values)
    return values, own, noise


def _trees(Z: Value, one: Trees) -> Told:
    if one.n_members == 1:
        return tree_values(Z, one), _zeros(Z.graph), _zeros(Z.graph)
    values, own, noise = _by_member(Z, one)
    return values, _deviation(own), noise.at_least(np.array(0.0)).sqrt()


def _jackknife(Z: Value, one: JackknifeForest) -> Told:
    values, own, _ = _by_member(Z, one.trees)
    away = own - own.mean()
    variance = ((away @ one.form.astype(np.float64)) * away).sum()
    epistemic = variance.at_least((away * away).mean() / float(len(one.form))).sqrt()
    noise = _zeros(Z.graph) if one.noise is None else tree_values(Z, one.noise)
    return values, epistemic, noise.at_least(np.array(0.0)).sqrt()


def _quantiles(Z: Value, one: QuantileTrees) -> Told:
    from scipy.special import ndtri

    g, n = Z.graph, len(one.levels)
    sums = tree_sums(Z, one.trees, members=False)
    found, _ = g.op("TopK", sums.take(np.arange(n)), np.array([n]), outputs=2, axis=1, largest=0, sorted=1)
    middle = found.take([int(np.abs(one.levels - 0.5).argmin())])
    found = middle + (found - middle) * np.full((1, n), one.stretch)
    scores = ndtri(one.levels)
    noise = ((found - middle) @ scores[:, None]) / float(scores @ scores)
    more = one.trees.n_raw - n
    return middle, _deviation(sums.take(np.arange(n, n + more))) if more else _zeros(g), noise


_WRITERS: dict[type, Callable[[Value, Any], Told]] = {
    Constant: _constant,
    Linear: _linear,
    Neighbours: _neighbours,
    KernelSum: _kernel,
    BayesianHead: _bayesian,
    Network: _network,
    SampledNetwork: _sampled,
    Trees: _trees,
    JackknifeForest: _jackknife,
    QuantileTrees: _quantiles,
}

"""How networks are trained: one loop for every family, its losses, and what is held back to know when to stop."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Literal, TypeVar

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray
from matloop.core.optional import require
from matloop.models.family import Uncertainty
from matloop.models.held_back import held_back
from matloop.models.network import LOG_VARIANCE, Bend, Layer

Kept = TypeVar("Kept")
Optimiser = Literal["adamw", "adam", "sgd"]
Loss = Callable[[Any, Any, Any, Any], Any]
"""(net, inputs, targets, weights) -> the loss to be made small, as torch's scalar"""
FullLoss = Callable[[Any, Any, Any, Any, Any], Any]
"""the same with torch itself before"""

_HELD_BACK = 0.15
_FEW = 20
"""below so many rows nothing is held back and training lasts a fixed number of epochs"""
_STEPS = 20_000
"""optimiser steps of one network at most, unless `epochs` says otherwise"""
_CLIP = 5.0
_BETA = 0.5
"""how far the gradient of a row is weighted by its variance: without it (0) rows that are far off early on are taken
for noise and never learnt (Seitzer et al. 2022, doi:10.48550/arXiv.2203.09168)"""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a network is trained.

    rate : largest learning rate; it falls as a cosine. l1, l2 : penalties on the weights (l2 is decoupled weight decay
    for "adamw"). batch : rows per step, 0 chooses by the number of rows. epochs : the most, 0 chooses.
    patience : epochs without progress on the rows held back after which training stops; the best state is kept.
    to_the_end : all epochs are done and the last state is kept.
    """

    rate: float = 3e-3
    l2: float = 1e-2
    l1: float = 0.0
    optimiser: Optimiser = "adamw"
    batch: int = 0
    epochs: int = 0
    patience: int = 40
    to_the_end: bool = False

    def batch_size(self, n_rows: int) -> int:
        """Rows per step."""
        return self.batch or (32 if n_rows < 1_000 else 64 if n_rows < 5_000 else 256)

    def most_epochs(self, n_rows: int) -> int:
        """Epochs at most."""
        return self.epochs or int(np.clip(_STEPS * self.batch_size(n_rows) // max(n_rows, 1), 30, 400))


@dataclass(frozen=True, slots=True)
class Rows:
    """What a network is trained on; `classes` is 0 for a regression."""

    Z: FloatArray
    y: FloatArray
    weights: FloatArray
    classes: int


@dataclass(frozen=True, slots=True)
class Training:
    """Loss of training and judged rows per epoch, and which rows were held back, shape (n_rows,)."""

    train_loss: FloatArray
    validation_loss: FloatArray
    held: BoolArray


@contextmanager
def own_torch(extra: str = "deep") -> Iterator[Any]:
    """Torch with one thread and random numbers of its own; both are given back as they were."""
    torch = require("torch", extra=extra)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            yield torch
    finally:
        torch.set_num_threads(threads)


def train(torch: Any, net: Any, loss: Loss, rows: Rows, how: Schedule, seed: int) -> Training:
    """Train `net` and leave it in its best state, in evaluation mode; a method `after_step` of it is called after each
    step."""
    rng = np.random.default_rng(seed)
    n = len(rows.Z)
    held = held_back(rows.y, rows.classes, _HELD_BACK, seed) if n >= _FEW else np.zeros(n, bool)
    inputs = torch.tensor(rows.Z, dtype=torch.float32)
    targets = torch.tensor(rows.y, dtype=torch.int64 if rows.classes else torch.float32)
    counts = torch.tensor(rows.weights, dtype=torch.float32)
    learnt, judged = np.flatnonzero(~held), torch.tensor(np.flatnonzero(held if held.any() else ~held))
    optimiser = _optimiser(torch, how, net)
    epochs, batch = how.most_epochs(n), how.batch_size(n)
    best, state, since = np.inf, copy.deepcopy(net.state_dict()), 0
    curves: tuple[list[float], list[float]] = ([], [])
    for epoch in range(epochs):
        for group in optimiser.param_groups:
            group["lr"] = how.rate * 0.5 * (1.0 + np.cos(np.pi * epoch / epochs))
        net.train()
        total = 0.0
        order = rng.permutation(learnt)
        for start in range(0, len(order), batch):
            some = torch.tensor(order[start : start + batch])
            value = loss(net, inputs[some], targets[some], counts[some])
            penalised = value + how.l1 * _absolute(net) if how.l1 else value
            optimiser.zero_grad()
            penalised.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), _CLIP)
            optimiser.step()
            if hasattr(net, "after_step"):
                net.after_step()
            total += float(value.detach()) * len(some)
        net.eval()
        with torch.no_grad():
            judged_loss = float(loss(net, inputs[judged], targets[judged], counts[judged]))
        curves[0].append(total / len(order))
        curves[1].append(judged_loss)
        if judged_loss < best:
            best, since = judged_loss, 0
            state = state if how.to_the_end else copy.deepcopy(net.state_dict())
        elif (since := since + 1) >= how.patience and held.any() and not how.to_the_end:
            break
    if not how.to_the_end:
        net.load_state_dict(state)
    return Training(np.array(curves[0]), np.array(curves[1]), held)


def train_members(
    count: int, rows: Rows, how: Schedule, seed: int, *, build: Callable[[Any], Any], kept: Callable[[Any, int], Kept],
    loss: FullLoss,
) -> tuple[list[Kept], list[Training]]:  # fmt: skip
    """Networks of different seeds and rows held back: `build(torch)` makes one, `kept(net, seed)` what stays of it."""
    found: list[Kept] = []
    told: list[Training] = []
    with own_torch() as torch:
        for m in range(count):
            own = seed * 1_000 + m
            torch.manual_seed(own)
            net = build(torch)
            told.append(train(torch, net, partial(loss, torch), rows, how, own))
            found.append(kept(net, own))
    return found, told


def _optimiser(torch: Any, how: Schedule, net: Any) -> Any:
    if how.optimiser == "sgd":
        return torch.optim.SGD(net.parameters(), lr=how.rate, momentum=0.9, nesterov=True, weight_decay=how.l2)
    kind = torch.optim.AdamW if how.optimiser == "adamw" else torch.optim.Adam
    return kind(net.parameters(), lr=how.rate, weight_decay=how.l2)


def _absolute(net: Any) -> Any:
    return sum(p.abs().sum() for name, p in net.named_parameters() if name.endswith("weight"))


def dense(torch: Any, widths: tuple[int, ...], activation: Bend, dropout: float) -> Any:
    """Dense layers from the first of `widths` to the last, bent (and thinned) between, as torch's module."""
    parts: list[Any] = []
    for n_in, n_out in pairwise(widths[:-1]):
        parts += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU() if activation == "relu" else torch.nn.SiLU()]
        if dropout:
            parts.append(torch.nn.Dropout(dropout))
    return torch.nn.Sequential(*parts, torch.nn.Linear(widths[-2], widths[-1]))


def layers_of(net: Any) -> tuple[Layer, ...]:
    """Copies of the weights of dense layers, turned to (n_in, n_out)."""
    return tuple(layer_of(part) for part in net if hasattr(part, "weight"))


def layer_of(part: Any) -> Layer:
    """Copies of the weights of one dense layer."""
    return np.array(part.weight.detach().numpy().T, order="C"), np.array(part.bias.detach().numpy())


def noise_loss(torch: Any, net: Any, inputs: Any, targets: Any, weights: Any) -> Any:
    """The loss of families that know their noise: for values the likelihood of a normal error whose variance is the
    logarithm in the second output, for classes the cross entropy; weighted mean over the rows.

    Judged are values by the Huber loss alone: by the likelihood training would stop as soon as the first rows are
    overfitted, long before the values are good.
    """
    raw = net(inputs)
    if targets.dtype == torch.int64:
        return (torch.nn.functional.cross_entropy(raw, targets, reduction="none") * weights).mean()
    if not net.training:
        return (torch.nn.functional.huber_loss(raw[:, 0], targets, reduction="none") * weights).mean()
    logs = raw[:, 1].clamp(*LOG_VARIANCE)
    rows = 0.5 * (logs + (raw[:, 0] - targets) ** 2 * torch.exp(-logs))
    return (rows * torch.exp(_BETA * logs).detach() * weights).mean()


def stretch(residual: FloatArray, unsure: Uncertainty, weights: FloatArray) -> float:
    """What noise variances must be multiplied by to fit the squared residuals of rows that were held back.

    The variance that a network learns is that of rows it was fitted to, hence too small; what the epistemic part
    explains of the residuals is no noise. 1.0 without rows; kept from absurd values, as few rows are held back.
    """
    if not len(residual):
        return 1.0
    noise = (residual**2 - unsure.epistemic**2) / unsure.aleatoric**2
    return float(np.clip(np.average(noise, weights=weights + 1e-12), 0.1, 10.0))

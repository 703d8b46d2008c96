"""Multilayer perceptron, trained by torch, kept and evaluated as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.optional import require
from matloop.models.family import FitTask
from matloop.models.held_back import held_back
from matloop.models.network import Bend, Layer, Network
from matloop.models.prepare import Preparation
from matloop.models.table_family import BOTH, Settings, TableFamily, log_uniform, one_of
from matloop.represent.table import Columns

Optimiser = Literal["adamw", "adam", "sgd"]
_HELD_BACK = 0.15
_FEW = 20
"""below so many rows nothing is held back and training lasts a fixed number of epochs"""
_STEPS = 20_000
"""optimiser steps of one network at most, unless `epochs` says otherwise"""


@dataclass(frozen=True, slots=True)
class MlpLearner:
    """Settings.

    layers : widths of the hidden layers. activation : "silu" or "relu". dropout : share of units left out per step.
    l1, l2 : penalties on the weights (l2 is decoupled weight decay for "adamw").
    optimiser : "adamw", "adam" or "sgd" (with momentum). rate : largest learning rate; it falls as a cosine.
    batch : rows per step, 0 chooses by the number of rows. epochs : the most, 0 chooses.
    patience : epochs without progress on the rows held back after which training stops; the best state is kept.
    members : networks of different seeds and held-back rows that are averaged, 0 chooses (5 for small tables, 2 for
    large ones); from two on there is a spread.
    """

    layers: tuple[int, ...] | list[int] = (128, 64)
    activation: Bend = "silu"
    dropout: float = 0.1
    l1: float = 0.0
    l2: float = 1e-2
    optimiser: Optimiser = "adamw"
    rate: float = 3e-3
    batch: int = 0
    epochs: int = 0
    patience: int = 40
    members: int = 0
    loss: str = "auto"

    def learn(self, Z: FloatArray, y: FloatArray, weights: FloatArray, *, classes: int, seed: int) -> Network:
        """Row weights multiply the loss of a row."""
        torch = require("torch", extra="deep")
        count = self.members or (5 if len(Z) < 2_000 else 3 if len(Z) < 10_000 else 2)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with torch.random.fork_rng(devices=[]):
                found = [_train(torch, self, Z, y, weights, classes, seed * 1_000 + m) for m in range(count)]
        finally:
            torch.set_num_threads(threads)
        link: Literal["identity", "softmax"] = "softmax" if classes else "identity"
        train, held = found[0][1]
        return Network(tuple(layers for layers, _ in found), self.activation, link, train, held)

    def batch_size(self, n_rows: int) -> int:
        """Rows per step."""
        return self.batch or (32 if n_rows < 1_000 else 64 if n_rows < 5_000 else 256)

    def most_epochs(self, n_rows: int) -> int:
        """Epochs at most."""
        return self.epochs or int(np.clip(_STEPS * self.batch_size(n_rows) // max(n_rows, 1), 30, 400))


def _train(
    torch: Any, how: MlpLearner, Z: FloatArray, y: FloatArray, weights: FloatArray, classes: int, seed: int
) -> tuple[tuple[Layer, ...], tuple[FloatArray, FloatArray]]:
    """One network in its best state, and both loss curves."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = _net(torch, how, Z.shape[1], classes or 1)
    held = held_back(y, classes, _HELD_BACK, seed) if len(Z) >= _FEW else np.zeros(len(Z), bool)
    inputs = torch.tensor(Z, dtype=torch.float32)
    targets = torch.tensor(y, dtype=torch.int64 if classes else torch.float32)
    counts = torch.tensor(weights, dtype=torch.float32)
    rows, judged = np.flatnonzero(~held), torch.tensor(np.flatnonzero(held if held.any() else ~held))
    optimiser = _optimiser(torch, how, net)
    epochs, batch = how.most_epochs(len(Z)), how.batch_size(len(Z))
    best, state, since = np.inf, _state(net), 0
    curves: tuple[list[float], list[float]] = ([], [])
    for epoch in range(epochs):
        for group in optimiser.param_groups:
            group["lr"] = how.rate * 0.5 * (1.0 + np.cos(np.pi * epoch / epochs))
        net.train()
        total = 0.0
        order = rng.permutation(rows)
        for start in range(0, len(order), batch):
            some = torch.tensor(order[start : start + batch])
            loss = _loss(torch, how.loss, net(inputs[some]), targets[some], counts[some])
            penalised = loss + how.l1 * _absolute(net) if how.l1 else loss
            optimiser.zero_grad()
            penalised.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimiser.step()
            total += float(loss.detach()) * len(some)
        net.eval()
        with torch.no_grad():
            judged_loss = float(_loss(torch, how.loss, net(inputs[judged]), targets[judged], counts[judged]))
        curves[0].append(total / len(order))
        curves[1].append(judged_loss)
        if judged_loss < best:
            best, state, since = judged_loss, _state(net), 0
        elif (since := since + 1) >= how.patience and held.any():
            break
    return state, (np.array(curves[0]), np.array(curves[1]))


def _net(torch: Any, how: MlpLearner, n_in: int, n_out: int) -> Any:
    parts: list[Any] = []
    for width in how.layers:
        parts += [torch.nn.Linear(n_in, width), torch.nn.ReLU() if how.activation == "relu" else torch.nn.SiLU()]
        if how.dropout:
            parts.append(torch.nn.Dropout(how.dropout))
        n_in = width
    return torch.nn.Sequential(*parts, torch.nn.Linear(n_in, n_out))


def _optimiser(torch: Any, how: MlpLearner, net: Any) -> Any:
    if how.optimiser == "sgd":
        return torch.optim.SGD(net.parameters(), lr=how.rate, momentum=0.9, nesterov=True, weight_decay=how.l2)
    kind = torch.optim.AdamW if how.optimiser == "adamw" else torch.optim.Adam
    return kind(net.parameters(), lr=how.rate, weight_decay=how.l2)


def _loss(torch: Any, name: str, raw: Any, targets: Any, weights: Any) -> Any:
    """Weighted mean of the loss over the rows."""
    loss = torch.nn.functional
    if targets.dtype == torch.int64:
        rows = (
            loss.multi_margin_loss(raw, targets, reduction="none")
            if name == "hinge"
            else loss.cross_entropy(raw, targets, reduction="none")
        )
    elif name == "mae":
        rows = (raw[:, 0] - targets).abs()
    elif name == "huber":
        rows = loss.huber_loss(raw[:, 0], targets, reduction="none")
    else:
        rows = (raw[:, 0] - targets) ** 2
    return (rows * weights).mean()


def _absolute(net: Any) -> Any:
    return sum(p.abs().sum() for name, p in net.named_parameters() if name.endswith("weight"))


def _state(net: Any) -> tuple[Layer, ...]:
    """Copies of the weights, turned to (n_in, n_out)."""
    layers = [part for part in net if hasattr(part, "weight")]
    return tuple(
        (np.array(part.weight.detach().numpy().T, order="C"), np.array(part.bias.detach().numpy())) for part in layers
    )


def _space(columns: Columns, task: FitTask, rng: np.random.Generator, number: int) -> Settings:
    if number == 0:
        return {} if task == "classification" else {"loss": "huber"}
    return {
        "layers": one_of(rng, [64], [128, 64], [256, 128], [256, 128, 64]),
        "activation": one_of(rng, "silu", "relu"),
        "dropout": one_of(rng, 0.0, 0.1, 0.2, 0.4),
        "l2": log_uniform(rng, 1e-4, 0.3),
        "rate": log_uniform(rng, 5e-4, 1e-2),
        "scaling": one_of(rng, "standard", "quantile"),
        "select": one_of(rng, 0, 0, 60),
        **({} if task == "classification" else {"loss": one_of(rng, "mse", "mae", "huber")}),
    }


FAMILY = TableFamily(
    name="mlp",
    label="Multilayer perceptron",
    tasks=BOTH,
    citation="Rumelhart, Hinton & Williams, Nature 323 (1986) 533. doi:10.1038/323533a0",
    max_rows=200_000,
    learner=MlpLearner,
    space=_space,
    losses=frozenset({"mse", "mae", "huber", "cross_entropy", "hinge"}),
    preparation=Preparation(scaling="standard", clip=4.0),
    extra="deep",
    needs=("torch",),
    own_spread=True,
    cheap={"epochs": 12, "members": 2},
)

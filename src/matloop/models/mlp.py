"""Multilayer perceptron, trained by torch, kept and evaluated as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.models.family import FitTask
from matloop.models.network import Bend, Network
from matloop.models.prepare import Preparation
from matloop.models.table_family import BOTH, Settings, TableFamily, log_uniform, one_of
from matloop.models.training import Optimiser, Rows, Schedule, dense, layers_of, train_members
from matloop.represent.table import Columns


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
        count = self.members or usual_members(len(Z))
        rows = Rows(Z, y, weights, classes)
        how = Schedule(self.rate, self.l2, self.l1, self.optimiser, self.batch, self.epochs, self.patience)
        widths = (Z.shape[1], *self.layers, classes or 1)
        members, curves = train_members(
            count, rows, how, seed, build=lambda torch: dense(torch, widths, self.activation, self.dropout),
            kept=lambda net, own: layers_of(net), loss=self._loss,
        )  # fmt: skip
        link: Literal["identity", "softmax"] = "softmax" if classes else "identity"
        return Network(tuple(members), self.activation, link, curves[0].train_loss, curves[0].validation_loss)

    def _loss(self, torch: Any, net: Any, inputs: Any, targets: Any, weights: Any) -> Any:
        return _loss(torch, self.loss, net(inputs), targets, weights)


def usual_members(n_rows: int) -> int:
    """How many networks are averaged: as many as time allows."""
    return 5 if n_rows < 2_000 else 3 if n_rows < 10_000 else 2


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

"""Laplace approximation: a trained network, and how far its last layer could be another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.models.bayesian_head import BayesianHead, Head, with_posterior
from matloop.models.deep_ensemble import network_space
from matloop.models.network import Bend
from matloop.models.prepare import Preparation
from matloop.models.table_family import BOTH, TableFamily
from matloop.models.training import Rows, Schedule, dense, layers_of, noise_loss, train_members


@dataclass(frozen=True, slots=True)
class LaplaceLearner:
    """Settings.

    layers : widths of the hidden layers; the last one is what the posterior is about. activation : "silu" or "relu".
    dropout : share of units left out per step of training. l2 : decoupled weight decay. rate : largest learning rate.
    epochs : the most, 0 chooses. patience : epochs without progress after which training stops.
    members : networks of different seeds, averaged (a mixture of Laplace approximations).
    """

    layers: tuple[int, ...] | list[int] = (128, 64)
    activation: Bend = "silu"
    dropout: float = 0.1
    l2: float = 1e-2
    rate: float = 3e-3
    epochs: int = 0
    patience: int = 40
    members: int = 3
    loss: str = "auto"

    def learn(self, Z: FloatArray, y: FloatArray, weights: FloatArray, *, classes: int, seed: int) -> BayesianHead:
        """Row weights multiply the likelihood of a row, also in the posterior."""
        rows = Rows(Z, y, weights, classes)
        how = Schedule(self.rate, self.l2, epochs=self.epochs, patience=self.patience)
        widths = (Z.shape[1], *self.layers, classes or 2)
        heads, curves = train_members(
            self.members, rows, how, seed, build=lambda torch: dense(torch, widths, self.activation, self.dropout),
            kept=lambda net, own: _head(net, classes), loss=noise_loss,
        )  # fmt: skip
        members = tuple(
            with_posterior(head, self.activation, rows, told.held) for head, told in zip(heads, curves, strict=True)
        )
        return BayesianHead(members, self.activation, curves[0].train_loss, curves[0].validation_loss)


def _head(net: Any, classes: int) -> Head:
    *layers, (weights, offsets) = layers_of(net)
    last = np.vstack([weights, offsets]).astype(np.float64)
    if classes:
        return Head(tuple(layers), False, None, last)
    return Head(tuple(layers), False, None, last[:, :1], noise=last[:, 1].copy())


FAMILY = TableFamily(
    name="laplace_network",
    label="Network with Laplace approximation",
    tasks=BOTH,
    citation="Daxberger et al., Adv. Neural Inf. Process. Syst. 34 (2021) 20089. doi:10.48550/arXiv.2106.14806",
    max_rows=200_000,
    learner=LaplaceLearner,
    space=network_space,
    losses=frozenset({"mse", "cross_entropy"}),
    preparation=Preparation(scaling="standard", clip=4.0),
    extra="deep",
    needs=("torch",),
    own_spread=True,
    by_name=True,
    cheap={"epochs": 8, "members": 2},
)

"""Deep ensemble: networks of different seeds that tell a value and its noise; where they disagree they do not know."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.models.family import FitTask, Uncertainty
from matloop.models.network import Bend, Network, with_noise_times
from matloop.models.prepare import Preparation
from matloop.models.table_family import BOTH, Settings, TableFamily, log_uniform, one_of
from matloop.models.training import Rows, Schedule, Training, dense, layers_of, noise_loss, stretch, train_members
from matloop.represent.table import Columns


@dataclass(frozen=True, slots=True)
class DeepEnsembleLearner:
    """Settings.

    layers : widths of the hidden layers. activation : "silu" or "relu". dropout : share of units left out per step.
    l2 : decoupled weight decay. rate : largest learning rate. epochs : the most, 0 chooses. patience : epochs without
    progress after which a network stops. members : networks of different seeds and rows held back.
    """

    layers: tuple[int, ...] | list[int] = (128, 64)
    activation: Bend = "silu"
    dropout: float = 0.1
    l2: float = 1e-2
    rate: float = 3e-3
    epochs: int = 0
    patience: int = 40
    members: int = 5
    loss: str = "auto"

    def learn(self, Z: FloatArray, y: FloatArray, weights: FloatArray, *, classes: int, seed: int) -> Network:
        """Row weights multiply the loss of a row."""
        rows = Rows(Z, y, weights, classes)
        how = Schedule(self.rate, self.l2, epochs=self.epochs, patience=self.patience)
        widths = (Z.shape[1], *self.layers, classes or 2)
        members, curves = train_members(
            self.members, rows, how, seed, build=lambda torch: dense(torch, widths, self.activation, self.dropout),
            kept=lambda net, own: layers_of(net), loss=noise_loss,
        )  # fmt: skip
        link: Literal["identity", "softmax"] = "softmax" if classes else "identity"
        found = Network(
            tuple(members), self.activation, link, curves[0].train_loss, curves[0].validation_loss, noisy=not classes
        )
        return found if classes else _stretched(found, rows, curves)


def _stretched(network: Network, rows: Rows, curves: list[Training]) -> Network:
    """Each member with the noise that its own held-back rows show."""
    members = []
    for layers, told in zip(network.members, curves, strict=True):
        held = told.held
        alone = Network((layers,), network.bend, "identity", noisy=True)
        values, own = alone.values_and_uncertainty(rows.Z[held])
        unsure = Uncertainty(network.values_and_uncertainty(rows.Z[held])[1].epistemic, own.aleatoric)
        members.append(with_noise_times(layers, stretch(rows.y[held] - values[:, 0], unsure, rows.weights[held])))
    return replace(network, members=tuple(members))


def network_space(columns: Columns, task: FitTask, rng: np.random.Generator, number: int) -> Settings:
    """Settings that all networks with noise share."""
    if number == 0:
        return {}
    return {
        "layers": one_of(rng, [64], [128, 64], [256, 128]),
        "activation": one_of(rng, "silu", "relu"),
        "l2": log_uniform(rng, 1e-4, 0.3),
        "rate": log_uniform(rng, 5e-4, 1e-2),
        "scaling": one_of(rng, "standard", "quantile"),
        "select": one_of(rng, 0, 0, 60),
    }


FAMILY = TableFamily(
    name="deep_ensemble",
    label="Deep ensemble",
    tasks=BOTH,
    citation="Lakshminarayanan, Pritzel & Blundell, Adv. Neural Inf. Process. Syst. 30 (2017) 6402.",
    max_rows=200_000,
    learner=DeepEnsembleLearner,
    space=network_space,
    losses=frozenset({"mse", "cross_entropy"}),
    preparation=Preparation(scaling="standard", clip=4.0),
    extra="deep",
    needs=("torch",),
    own_spread=True,
    by_name=True,
    cheap={"epochs": 8, "members": 2},
)

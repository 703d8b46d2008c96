"""Monte-Carlo dropout: units are left out in prediction, too; thinned networks differ where there were few rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.models.deep_ensemble import network_space
from matloop.models.family import FitTask
from matloop.models.network import Bend, Layer
from matloop.models.prepare import Preparation
from matloop.models.sampled_network import Sampled, SampledNetwork, stretched
from matloop.models.table_family import BOTH, Settings, TableFamily, one_of
from matloop.models.training import Rows, Schedule, dense, layers_of, noise_loss, train_members
from matloop.represent.table import Columns


@dataclass(frozen=True, slots=True)
class McDropoutLearner:
    """Settings.

    layers : widths of the hidden layers. activation : "silu" or "relu". dropout : share of units left out, in training
    and in prediction. draws : thinned networks that predict. l2 : decoupled weight decay. rate : largest learning rate.
    epochs : the most, 0 chooses. patience : epochs without progress after which training stops.
    members : networks of different seeds, each with its own draws.
    """

    layers: tuple[int, ...] | list[int] = (128, 64)
    activation: Bend = "silu"
    dropout: float = 0.2
    draws: int = 30
    l2: float = 1e-2
    rate: float = 3e-3
    epochs: int = 0
    patience: int = 40
    members: int = 2
    loss: str = "auto"

    def learn(self, Z: FloatArray, y: FloatArray, weights: FloatArray, *, classes: int, seed: int) -> SampledNetwork:
        """Row weights multiply the loss of a row."""
        rows = Rows(Z, y, weights, classes)
        how = Schedule(self.rate, self.l2, epochs=self.epochs, patience=self.patience)
        widths = (Z.shape[1], *self.layers, classes or 2)
        members, curves = train_members(
            self.members, rows, how, seed, build=lambda torch: dense(torch, widths, self.activation, self.dropout),
            kept=lambda net, own: self._thinned(layers_of(net), own), loss=noise_loss,
        )  # fmt: skip
        link: Literal["identity", "softmax"] = "softmax" if classes else "identity"
        losses = curves[0].train_loss, curves[0].validation_loss
        found = SampledNetwork(tuple(members), self.activation, link, not classes, *losses)
        return found if classes else stretched(found, rows, [curve.held for curve in curves])

    def _thinned(self, layers: tuple[Layer, ...], seed: int) -> Sampled:
        rng, stays = np.random.default_rng(seed), 1.0 - self.dropout
        masks = [(rng.random((self.draws, len(offsets))) < stays) / stays for _, offsets in layers[:-1]]
        return Sampled(layers, masks=tuple(mask.astype(np.float32) for mask in masks))


def _space(columns: Columns, task: FitTask, rng: np.random.Generator, number: int) -> Settings:
    settings = network_space(columns, task, rng, number)
    return settings if number == 0 else {**settings, "dropout": one_of(rng, 0.1, 0.2, 0.3, 0.5)}


FAMILY = TableFamily(
    name="mc_dropout",
    label="Monte-Carlo dropout",
    tasks=BOTH,
    citation="Gal & Ghahramani, Proc. Mach. Learn. Res. 48 (2016) 1050.",
    max_rows=200_000,
    learner=McDropoutLearner,
    space=_space,
    losses=frozenset({"mse", "cross_entropy"}),
    preparation=Preparation(scaling="standard", clip=4.0),
    extra="deep",
    needs=("torch",),
    own_spread=True,
    by_name=True,
    cheap={"epochs": 8, "members": 1, "draws": 8},
)

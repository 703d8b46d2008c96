"""Bayesian network by variational inference: every weight is a normal distribution, learnt by backpropagation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.models.deep_ensemble import network_space
from matloop.models.family import FitTask
from matloop.models.network import Bend, Layer
from matloop.models.prepare import Preparation
from matloop.models.sampled_network import Sampled, SampledNetwork, stretched
from matloop.models.table_family import BOTH, Settings, TableFamily, one_of
from matloop.models.training import Rows, Schedule, noise_loss, train_members
from matloop.represent.table import Columns

_START = 0.05
"""first deviation of a weight, in units of that of its prior: small, so that training begins like a plain network's"""

_EPOCHS = 200


@dataclass(frozen=True, slots=True)
class VariationalLearner:
    """Settings.

    layers : widths of the hidden layers. activation : "silu" or "relu".
    prior : standard deviation of the prior of a weight, in units of 1 / sqrt(number of inputs of the layer).
    kl : weight of the prior against the data. 1 is Bayes' rule, but with many more weights than rows the network then
    hardly leaves its prior (steels, 250 columns, 250 rows: error 204 MPa, with 0.03 112, a plain network 119), so less
    is usual (a cold posterior; Wenzel et al. 2020, doi:10.48550/arXiv.2002.02405).
    draws : fixed draws of the weights that predict, in pairs of opposite sign. rate : largest learning rate.
    epochs : 0 chooses; all are done, as the prior keeps the network from overfitting.
    members : networks of different seeds, each with its own draws.
    """

    layers: tuple[int, ...] | list[int] = (64, 64)
    activation: Bend = "silu"
    prior: float = 1.0
    kl: float = 0.03
    draws: int = 30
    rate: float = 5e-3
    epochs: int = 0
    members: int = 2
    loss: str = "auto"

    def learn(self, Z: FloatArray, y: FloatArray, weights: FloatArray, *, classes: int, seed: int) -> SampledNetwork:
        """Row weights multiply the likelihood of a row."""
        rows = Rows(Z, y, weights, classes)
        usual = min(_EPOCHS, Schedule().most_epochs(len(Z)))
        how = Schedule(self.rate, 0.0, epochs=self.epochs or usual, optimiser="adam", to_the_end=True)
        widths = (Z.shape[1], *self.layers, classes or 2)
        share = self.kl / float(weights.sum())

        def loss(torch: Any, net: Any, inputs: Any, targets: Any, counts: Any) -> Any:
            fit = noise_loss(torch, net, inputs, targets, counts)
            return fit + share * net.distance() if net.training else fit

        members, curves = train_members(
            self.members, rows, how, seed, build=lambda torch: _net(torch, widths, self.activation, self.prior),
            kept=self._drawn, loss=loss,
        )  # fmt: skip
        link: Literal["identity", "softmax"] = "softmax" if classes else "identity"
        losses = curves[0].train_loss, curves[0].validation_loss
        found = SampledNetwork(tuple(members), self.activation, link, not classes, *losses)
        return found if classes else stretched(found, rows, [curve.held for curve in curves])

    def _drawn(self, net: Any, seed: int) -> Sampled:
        rng = np.random.default_rng(seed)
        half = max(self.draws // 2, 1)
        shifts = []
        for layer in net.layers:
            one = rng.normal(size=(half, layer.mean.shape[0]))
            shifts.append(np.concatenate([one, -one]).astype(np.float32))
        layers = tuple(_pair(layer.mean, layer.offset) for layer in net.layers)
        deviations = tuple(_pair(layer.spread(layer.loose), layer.spread(layer.off)) for layer in net.layers)
        return Sampled(layers, deviations, tuple(shifts))


def _pair(weights: Any, offsets: Any) -> Layer:
    return np.array(weights.detach().numpy().T, order="C"), np.array(offsets.detach().numpy())


def _net(torch: Any, widths: tuple[int, ...], activation: Bend, prior: float) -> Any:
    functional = torch.nn.functional
    bend = functional.relu if activation == "relu" else functional.silu

    class Layer(torch.nn.Module):
        def __init__(self, n_in: int, n_out: int) -> None:
            super().__init__()
            self.prior = (prior / math.sqrt(n_in), prior)
            self.mean = torch.nn.Parameter(torch.randn(n_out, n_in) / math.sqrt(n_in))
            self.offset = torch.nn.Parameter(torch.zeros(n_out))
            # spread is softplus: log(exp(s) - 1) gives s
            start = [math.log(math.expm1(_START * one)) for one in self.prior]
            self.loose = torch.nn.Parameter(torch.full((n_out, n_in), start[0]))
            self.off = torch.nn.Parameter(torch.full((n_out,), start[1]))

        def spread(self, raw: Any) -> Any:
            return functional.softplus(raw) + 1e-6

        def forward(self, at: Any) -> Any:
            mean = functional.linear(at, self.mean, self.offset)
            if not self.training:
                return mean
            variance = functional.linear(at**2, self.spread(self.loose) ** 2, self.spread(self.off) ** 2)
            return mean + variance.sqrt() * torch.randn_like(mean)

        def distance(self) -> Any:
            """Of this layer's distribution from its prior (Kullback-Leibler, closed form)."""
            total = 0.0
            pairs = ((self.mean, self.loose, self.prior[0]), (self.offset, self.off, self.prior[1]))
            for mean, raw, wide in pairs:
                share = (self.spread(raw) / wide) ** 2
                total = total + 0.5 * (share + (mean / wide) ** 2 - 1.0 - share.log()).sum()
            return total

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = torch.nn.ModuleList([Layer(n_in, n_out) for n_in, n_out in pairwise(widths)])

        def forward(self, at: Any) -> Any:
            for layer in self.layers[:-1]:
                at = bend(layer(at))
            return self.layers[-1](at)

        def distance(self) -> Any:
            return sum(layer.distance() for layer in self.layers)

    return Net()


def _space(columns: Columns, task: FitTask, rng: np.random.Generator, number: int) -> Settings:
    settings = network_space(columns, task, rng, number)
    settings.pop("l2", None)
    if number == 0:
        return settings
    return {**settings, "prior": one_of(rng, 0.5, 1.0, 2.0), "kl": one_of(rng, 0.01, 0.03, 0.1)}


FAMILY = TableFamily(
    name="variational_network",
    label="Variational Bayesian network",
    tasks=BOTH,
    citation="Blundell et al., Proc. Mach. Learn. Res. 37 (2015) 1613.",
    max_rows=200_000,
    learner=VariationalLearner,
    space=_space,
    losses=frozenset({"mse", "cross_entropy"}),
    preparation=Preparation(scaling="standard", clip=4.0),
    extra="deep",
    needs=("torch",),
    own_spread=True,
    by_name=True,
    cheap={"epochs": 30, "members": 1, "draws": 8},
)

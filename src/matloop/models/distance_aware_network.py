"""Distance-aware network: layers that keep rows apart, and a Gaussian process on what they make of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.models.bayesian_head import BayesianHead, Head, with_posterior
from matloop.models.deep_ensemble import network_space
from matloop.models.family import FitTask
from matloop.models.kernels import usual_distance
from matloop.models.network import Bend
from matloop.models.prepare import Preparation
from matloop.models.table_family import BOTH, Settings, TableFamily, one_of
from matloop.models.training import Rows, Schedule, layer_of, noise_loss, train_members
from matloop.represent.table import Columns


@dataclass(frozen=True, slots=True)
class DistanceAwareLearner:
    """Settings.

    width, blocks : of the residual layers. activation : "silu" or "relu". norm : largest stretch of a residual layer;
    below 1 rows that differ stay apart. waves : random cosines that stand for the Gaussian process.
    l2 : decoupled weight decay. rate : largest learning rate. epochs : the most, 0 chooses. patience : epochs without
    progress after which training stops. members : networks of different seeds, averaged.
    """

    width: int = 64
    blocks: int = 2
    activation: Bend = "silu"
    norm: float = 0.95
    waves: int = 256
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
        heads, curves = train_members(
            self.members, rows, how, seed, build=lambda torch: _net(torch, self, Z, classes),
            kept=lambda net, own: _head(net, classes), loss=noise_loss,
        )  # fmt: skip
        members = tuple(
            with_posterior(head, self.activation, rows, told.held) for head, told in zip(heads, curves, strict=True)
        )
        return BayesianHead(members, self.activation, curves[0].train_loss, curves[0].validation_loss)


def _net(torch: Any, how: DistanceAwareLearner, Z: FloatArray, classes: int) -> Any:
    functional = torch.nn.functional
    bend = functional.relu if how.activation == "relu" else functional.silu

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.entry = torch.nn.Linear(Z.shape[1], how.width)
            self.blocks = torch.nn.ModuleList([torch.nn.Linear(how.width, how.width) for _ in range(how.blocks)])
            self.register_buffer("directions", torch.randn(how.width, how.waves))
            self.register_buffer("phases", 2.0 * torch.pi * torch.rand(how.waves))
            self.last = torch.nn.Linear(how.waves, classes or 2)
            with torch.no_grad():
                some = self.hidden(torch.tensor(Z[:500], dtype=torch.float32)).double().numpy()
            self.log_length = torch.nn.Parameter(torch.tensor(usual_distance(some, "rbf", 0)).float().log())
            self.after_step()

        def hidden(self, at: Any) -> Any:
            at = self.entry(at)
            for block in self.blocks:
                at = at + bend(block(at))
            return at

        def frequencies(self) -> Any:
            return self.directions / self.log_length.exp()

        def forward(self, at: Any) -> Any:
            waves = torch.cos(self.hidden(at) @ self.frequencies() + self.phases)
            return self.last(waves * (2.0 / how.waves) ** 0.5)

        def after_step(self) -> None:
            """No block stretches by more than `norm` (Miyato et al. 2018, doi:10.48550/arXiv.1802.05957)."""
            with torch.no_grad():
                for block in self.blocks:
                    size = float(torch.linalg.matrix_norm(block.weight, 2))
                    block.weight.mul_(min(1.0, how.norm / max(size, 1e-12)))

    return Net()


def _head(net: Any, classes: int) -> Head:
    layers = tuple(layer_of(part) for part in (net.entry, *net.blocks))
    waves = (np.array(net.frequencies().detach().numpy()), np.array(net.phases.numpy()))
    weights, offsets = layer_of(net.last)
    last = np.vstack([weights, offsets]).astype(np.float64)
    if classes:
        return Head(layers, True, waves, last)
    return Head(layers, True, waves, last[:, :1], noise=last[:, 1].copy())


def _space(columns: Columns, task: FitTask, rng: np.random.Generator, number: int) -> Settings:
    settings = network_space(columns, task, rng, number)
    if number == 0:
        return settings
    settings.pop("layers")
    return {**settings, "width": one_of(rng, 32, 64, 128), "blocks": one_of(rng, 1, 2, 3)}


FAMILY = TableFamily(
    name="distance_aware_network",
    label="Distance-aware network",
    tasks=BOTH,
    citation="Liu et al., Adv. Neural Inf. Process. Syst. 33 (2020) 7498. doi:10.48550/arXiv.2006.10108",
    max_rows=200_000,
    learner=DistanceAwareLearner,
    space=_space,
    losses=frozenset({"mse", "cross_entropy"}),
    preparation=Preparation(scaling="standard", clip=4.0),
    extra="deep",
    needs=("torch",),
    own_spread=True,
    by_name=True,
    cheap={"epochs": 8, "members": 1, "waves": 64},
)

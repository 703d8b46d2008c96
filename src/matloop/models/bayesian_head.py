"""Networks whose last layer is Bayesian: features are learnt, the weights upon them have a posterior in closed form.

Near training rows the posterior is narrow; in directions of the features that no row has shown it is the prior. With
features of the last hidden layer this is the last-layer Laplace approximation (Daxberger et al. 2021,
doi:10.48550/arXiv.2106.14806); with random waves of them it is a Gaussian process on learnt distances (Liu et al. 2020,
doi:10.48550/arXiv.2006.10108). The weights of different classes are taken as independent.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import Arrays, BoolArray, FloatArray, nested, number, taken, text, under
from matloop.core.errors import BundleError
from matloop.models.family import Uncertainty
from matloop.models.link import linked
from matloop.models.network import BENDS, LOG_VARIANCE, Bend, Layer, bent, check_layers, read_layer
from matloop.models.training import Rows, stretch

_PRECISIONS = (1e-4, 1e6)
"""where the precision of the prior is looked for"""


@dataclass(frozen=True, slots=True)
class Head:
    """One network.

    layers : to the features. residual : the first layer is linear, each further one is added to what it is given;
    else every layer is bent. waves : frequencies and phases of random cosines of the features, or none.
    weights : shape (n_phi, n_out), upon phi = (features or waves, 1).
    factor : shape (n_out, n_phi, n_phi), F with F F^T the covariance of the weights of each output.
    noise : shape (n_phi,), the logarithm of the noise variance is phi . noise; or (0,) for classes.
    """

    layers: tuple[Layer, ...]
    residual: bool
    waves: Layer | None
    weights: FloatArray
    factor: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0, 0), np.float32))
    noise: FloatArray = field(default_factory=lambda: np.zeros(0))

    def phi(self, Z: FloatArray, bend: Bend) -> FloatArray:
        """What the last layer sees, shape (n_rows, n_phi)."""
        at = Z
        for place, (weights, offsets) in enumerate(self.layers):
            ahead = at @ weights.astype(np.float64) + offsets
            if self.residual:
                at = at + bent(ahead, bend) if place else ahead
            else:
                at = bent(ahead, bend)
        if self.waves is not None:
            frequencies, phases = self.waves
            at = np.sqrt(2.0 / len(phases)) * np.cos(at @ frequencies.astype(np.float64) + phases)
        return np.hstack([at, np.ones((len(at), 1))])

    def told(self, phi: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Outputs and their variances, both shape (n_rows, n_out), and the noise variance, shape (n_rows,)."""
        spread = [((phi @ factor.astype(np.float64)) ** 2).sum(axis=1) for factor in self.factor]
        noise = np.exp(np.clip(phi @ self.noise, *LOG_VARIANCE)) if len(self.noise) else np.zeros(len(phi))
        return phi @ self.weights, np.stack(spread, axis=1), noise

    def to_arrays(self) -> Arrays:
        arrays: Arrays = {
            "n_layers": np.array(len(self.layers)), "residual": np.array(self.residual), "weights": self.weights,
            "factor": self.factor.reshape(-1, self.factor.shape[2]), "noise": self.noise,
        }  # fmt: skip
        parts = {f"layer{place}": layer for place, layer in enumerate(self.layers)}
        for name, (weights, offsets) in (parts | ({"waves": self.waves} if self.waves else {})).items():
            arrays |= nested(name, {"weights": weights, "offsets": offsets})
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Head:
        n = int(number(arrays, "n_layers"))
        if not 1 <= n <= 100:
            raise BundleError(f"a network of {n} layers cannot be read. The bundle is not trusted.")
        layers = tuple(read_layer(under(f"layer{place}", arrays)) for place in range(n))
        found = under("waves", arrays)
        waves = read_layer(found) if found else None
        check_layers(((*layers, waves) if waves is not None else layers,))
        weights, noise = taken(arrays, "weights", ndim=2).astype(np.float64), taken(arrays, "noise").astype(np.float64)
        n_phi, n_out = weights.shape
        factor, residual = taken(arrays, "factor", ndim=2).astype(np.float32), bool(number(arrays, "residual"))
        last = (waves or layers[-1])[1]
        even = len({len(offsets) for _, offsets in layers}) == 1
        good = n_out > 0 and n_phi == len(last) + 1 and factor.shape == (n_out * n_phi, n_phi)
        if not good or len(noise) not in (0, n_phi) or (len(noise) and n_out != 1) or (residual and not even):
            raise BundleError("the last layer of a network does not fit its features. The bundle is not trusted.")
        return cls(layers, residual, waves, weights, factor.reshape(n_out, n_phi, n_phi), noise)


@dataclass(frozen=True, slots=True)
class BayesianHead:
    """One or several such networks, averaged. A regression has one output, a classification one per class."""

    kind: ClassVar[str] = "bayesian_head"
    members: tuple[Head, ...]
    bend: Bend
    train_loss: FloatArray = field(default_factory=lambda: np.zeros(0))
    validation_loss: FloatArray = field(default_factory=lambda: np.zeros(0))

    @property
    def n_in(self) -> int:
        return len(self.members[0].layers[0][0])

    @property
    def n_values(self) -> int:
        return self.members[0].weights.shape[1]

    @property
    def loss_curve(self) -> tuple[FloatArray, FloatArray]:
        """Training and validation loss per epoch, of the first network."""
        return self.train_loss, self.validation_loss

    def values(self, Z: FloatArray) -> FloatArray:
        """Shape (n_rows, n_values)."""
        return self.values_and_uncertainty(Z)[0]

    def values_and_uncertainty(self, Z: FloatArray) -> tuple[FloatArray, Uncertainty]:
        """The values; their deviation by the posterior of the weights and over the networks; the noise."""
        told = [member.told(member.phi(Z, self.bend)) for member in self.members]
        classes = not len(self.members[0].noise)
        each = np.stack([_softened(raw, variance) if classes else raw for raw, variance, _ in told])
        values = each.mean(axis=0)
        top = values.argmax(axis=1)[None, :, None] if classes else np.zeros((1, len(Z), 1), np.int64)
        own = np.take_along_axis(each, top, axis=2)[:, :, 0]
        if classes:
            # first order: p_top changes with output k by p_top (1 or 0 - p_k)
            slopes = own[:, :, None] * ((np.arange(values.shape[1]) == top) - each)
            inside = [(slope**2 * variance).sum(axis=1) for slope, (_, variance, _) in zip(slopes, told, strict=True)]
        else:
            inside = [variance[:, 0] for _, variance, _ in told]
        noise = np.mean([one for _, _, one in told], axis=0)
        return values, Uncertainty(np.sqrt(np.mean(inside, axis=0) + own.var(axis=0)), np.sqrt(noise))

    def to_arrays(self) -> Arrays:
        arrays: Arrays = {
            "n_members": np.array(len(self.members)), "bend": np.array(self.bend), "train_loss": self.train_loss,
            "validation_loss": self.validation_loss,
        }  # fmt: skip
        for m, member in enumerate(self.members):
            arrays |= nested(f"{m}", member.to_arrays())
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> BayesianHead:
        count, bend = int(number(arrays, "n_members")), text(arrays, "bend")
        if not 1 <= count <= 1_000 or bend not in BENDS:
            raise BundleError(f"{count} networks with the bend {bend!r} cannot be read. The bundle is not trusted.")
        members = tuple(Head.from_arrays(under(f"{m}", arrays)) for m in range(count))
        shapes = {(len(one.layers[0][0]), one.weights.shape[1], len(one.noise) > 0) for one in members}
        if len(shapes) != 1:
            raise BundleError("the networks of a model differ in their inputs or outputs. The bundle is not trusted.")
        train, held = (taken(arrays, name).astype(np.float64) for name in ("train_loss", "validation_loss"))
        return cls(members, BENDS[BENDS.index(bend)], train, held)


def _softened(raw: FloatArray, variance: FloatArray) -> FloatArray:
    """Probabilities when the outputs themselves are unsure (mean field; MacKay 1992, doi:10.1162/neco.1992.4.5.720)."""
    return linked(raw / np.sqrt(1.0 + np.pi / 8.0 * variance), "softmax")


def with_posterior(head: Head, bend: Bend, rows: Rows, held: BoolArray) -> Head:
    """The network with the posterior of its last layer given all rows, and the noise that held-back rows show."""
    phi = head.phi(rows.Z, bend)
    if rows.classes:
        proba = linked(phi @ head.weights, "softmax")
        return replace(head, factor=_factors(phi, (proba * (1.0 - proba)) * rows.weights[:, None], head.weights))
    for _ in range(2):  # the noise first without, then with what the posterior explains
        noise = np.exp(np.clip(phi @ head.noise, *LOG_VARIANCE))
        known = head.told(phi[held])[1][:, 0] if len(head.factor) else np.zeros(int(held.sum()))
        left = rows.y[held] - (phi[held] @ head.weights)[:, 0]
        factor = stretch(left, Uncertainty(np.sqrt(known), np.sqrt(noise[held])), rows.weights[held])
        shift = np.zeros(len(head.noise))
        shift[-1] = np.log(factor)
        head = replace(head, noise=head.noise + shift)
        noise = np.exp(np.clip(phi @ head.noise, *LOG_VARIANCE))
        head = replace(head, factor=_factors(phi, (rows.weights / noise)[:, None], head.weights))
    return head


def _factors(phi: FloatArray, curvature: FloatArray, weights: FloatArray) -> NDArray[np.float32]:
    """F of every output: F F^T is the inverse of phi^T curvature phi + precision of the prior."""
    from scipy.linalg import solve_triangular

    bends = [(phi * curve[:, None]).T @ phi for curve in curvature.T]
    precision = prior_precision(np.concatenate([np.linalg.eigvalsh(bend) for bend in bends]), weights)
    found = []
    for bend in bends:
        root = np.linalg.cholesky(bend + precision * np.eye(len(bend)))
        found.append(solve_triangular(root, np.eye(len(bend)), lower=True).T)
    return np.stack(found).astype(np.float32)


def prior_precision(curvatures: FloatArray, weights: FloatArray) -> float:
    """Of the prior of the weights: the one of the largest Laplace evidence (MacKay 1992).

    log evidence = (sum log p - sum log(curvature + p) - p |weights|^2) / 2 + terms without p.

    Parameters
    ----------
    curvatures : eigenvalues of the curvature of the likelihood, one per weight. weights : where the likelihood was made
    largest, as many.
    """
    from scipy.optimize import minimize_scalar

    sizes, square = np.maximum(curvatures, 0.0), float((weights**2).sum())

    def cost(log: float) -> float:
        p = np.exp(log)
        return float(-(len(sizes) * log - np.log(sizes + p).sum() - p * square))

    found = minimize_scalar(cost, bounds=np.log(_PRECISIONS), method="bounded", options={"xatol": 1e-3})
    return float(np.exp(found.x))

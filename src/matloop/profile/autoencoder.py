"""A small autoencoder: a bent map through which the features can be read back; needs PyTorch."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from matloop.core.arrays import FloatArray
from matloop.core.optional import require

HIDDEN = (64, 32)
STEPS, BATCH, RATE, DECAY = 1500, 256, 3e-3, 1e-4
"""Optimisation steps are the same for few and many rows: the time is bounded (about five seconds on one core)."""
HELD = 0.1
"""Share of the rows that are read back without having been learnt from, where there are at least 50."""
PATIENCE, EVERY = 8, 25


class Autoencoder(TransformerMixin, BaseEstimator):
    """A network that squeezes points through `n_components` numbers and unfolds them again.

    Where many rows are near a bent sheet it keeps more than principal axes of the same number do; `read_back_` says how
    much. New rows are placed exactly, by the same network. The network is small, runs on the CPU in one thread, and
    is the same for the same seed.

    Parameters
    ----------
    n_components : numbers in the middle. seed : of the first weights and the order of the rows.

    Attributes
    ----------
    read_back_ : share of the variance of the held-out rows (of all rows where there are fewer than 50) that is read
        back from the map; at most 1, below 0 where it is worse than the mean.

    Raises
    ------
    MissingExtra : PyTorch is not installed.

    References
    ----------
    Hinton & Salakhutdinov, Science 313 (2006) 504. doi:10.1126/science.1127647
    """

    new_rows = "exactly"

    def __init__(self, n_components: int = 2, seed: int = 0) -> None:
        self.n_components = n_components
        self.seed = seed

    def fit(self, X: FloatArray, y: None = None) -> Self:
        """Learn to read points (n, d) back."""
        torch = require("torch", extra="deep")
        self.mean_ = X.mean(axis=0)
        self.scale_ = max(float(X.std()), 1e-300)
        points = (X - self.mean_) / self.scale_
        order = np.random.default_rng(self.seed).permutation(len(X))
        n_held = round(HELD * len(X)) if len(X) >= 50 else 0
        held, learnt = points[order[:n_held]], points[order[n_held:]]
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                encoder, decoder = _network(torch, X.shape[1], self.n_components)
                _learn(torch, encoder, decoder, learnt, held if n_held else learnt)
                judged = held if n_held else learnt
                back = _run(torch, decoder, _run(torch, encoder, judged))
        finally:
            torch.set_num_threads(threads)
        self.weights_ = [(_array(layer.weight), _array(layer.bias)) for layer in encoder if hasattr(layer, "weight")]
        spread = float(((judged - learnt.mean(axis=0)) ** 2).sum())
        self.read_back_ = 1.0 - float(((judged - back) ** 2).sum()) / spread if spread > 0 else 1.0
        rows = f"{n_held:,} held-out rows" if n_held else "the rows themselves"
        sizes = "-".join(str(n) for n in (*HIDDEN, self.n_components, *reversed(HIDDEN)))
        self.how_ = (
            f"autoencoder ({sizes}, seed {self.seed}), which reads back {100 * self.read_back_:.0f} % of the variance "
            f"of {rows}"
        )
        self.embedding_ = self.transform(X)
        return self

    def transform(self, X: FloatArray) -> FloatArray:
        """Places of points (n, d), shape (n, n_components)."""
        found = (X - self.mean_) / self.scale_
        for at, (weight, bias) in enumerate(self.weights_):
            found = found @ weight.T + bias
            if at < len(self.weights_) - 1:
                found = np.tanh(found)
        return np.asarray(found, dtype=np.float64)


def _network(torch: Any, width: int, n_components: int) -> tuple[Any, Any]:
    def chain(sizes: tuple[int, ...]) -> Any:
        layers: list[Any] = []
        for before, after in pairwise(sizes):
            layers += [torch.nn.Linear(before, after), torch.nn.Tanh()]
        return torch.nn.Sequential(*layers[:-1])

    sizes = (width, *HIDDEN, n_components)
    return chain(sizes), chain(sizes[::-1])


def _learn(torch: Any, encoder: Any, decoder: Any, points: FloatArray, judged: FloatArray) -> None:
    """Adam with a falling rate, ended early where held-out rows are read back worse; the best weights are kept."""
    both = torch.nn.Sequential(encoder, decoder)
    known, asked = (torch.as_tensor(part, dtype=torch.float32) for part in (points, judged))
    optimiser = torch.optim.AdamW(both.parameters(), lr=RATE, weight_decay=DECAY)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    best, best_loss, waited = {k: v.clone() for k, v in both.state_dict().items()}, np.inf, 0
    for step in range(STEPS):
        rows = torch.randint(len(known), (min(BATCH, len(known)),))
        loss = ((both(known[rows]) - known[rows]) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        rates.step()
        if step % EVERY == EVERY - 1:
            with torch.no_grad():
                found = float(((both(asked) - asked) ** 2).mean())
            waited = 0 if found < best_loss else waited + 1
            if found < best_loss:
                best, best_loss = {k: v.clone() for k, v in both.state_dict().items()}, found
            if waited >= PATIENCE:
                break
    both.load_state_dict(best)


def _run(torch: Any, network: Any, points: FloatArray) -> FloatArray:
    with torch.no_grad():
        return _array(network(torch.as_tensor(points, dtype=torch.float32)))


def _array(tensor: Any) -> FloatArray:
    return np.asarray(tensor.detach().numpy(), dtype=np.float64)

"""What is altered in the training rows of one fit, to ask what a model leans on: labels, or feature columns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.train.recipe_model import FitData


@dataclass(frozen=True, slots=True)
class Change:
    """An alteration of the training rows; the rows that are predicted keep their values.

    labels_shuffled : labels are dealt out anew among the training rows, so that nothing is left to learn.
    label_noise : standard deviation of Gaussian noise added to the labels (target unit; on a log scale a factor
        `10 ** noise`), or for classes the share of rows that get another class.
    shuffled : columns that are permuted, each by itself, among the training rows.
    without : columns that are blanked out, in the rows that are predicted too: the model is fitted without them.
    seed : of the shuffling and noise.
    """

    labels_shuffled: bool = False
    label_noise: float = 0.0
    shuffled: tuple[int, ...] = ()
    without: tuple[int, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.label_noise < np.inf:
            raise ConfigError(f"label noise is a standard deviation or a share, 0 or more, got {self.label_noise}.")

    def training(self, data: FitData, train: IntArray) -> FitData:
        """`data` as it is fitted: only its rows `train` are altered."""
        rng = np.random.default_rng(self.seed)
        y = np.array(data.y)
        if self.labels_shuffled:
            y[train] = y[rng.permutation(train)]
        if self.label_noise:
            y[train] = _noisy(y[train], self.label_noise, data, rng)
        if not self.shuffled and not self.without:
            return replace(data, y=y)
        X = np.array(data.X)
        for column in self.shuffled:
            X[train, column] = X[rng.permutation(train), column]
        return replace(data, X=self.seen(X), y=y, unlabelled=self.seen(np.array(data.unlabelled)))

    def seen(self, X: FloatArray) -> FloatArray:
        """Rows as the altered model sees them: columns that it is fitted without hold nothing."""
        if not self.without:
            return X
        blank = np.array(X)
        blank[:, list(self.without)] = 0.0
        return blank


def _noisy(y: FloatArray, noise: float, data: FitData, rng: np.random.Generator) -> FloatArray:
    if data.task == "classification":
        other = (y + rng.integers(1, max(data.n_classes, 2), len(y))) % max(data.n_classes, 2)
        return np.where(rng.random(len(y)) < noise, other, y)
    shift = rng.standard_normal(len(y)) * noise
    if data.scale == "log":
        return y * 10.0**shift
    return np.clip(y + shift, *data.bounds) if data.bounds else y + shift

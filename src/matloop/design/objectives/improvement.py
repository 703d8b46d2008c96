"""How much an experiment is expected to add to the volume that the front dominates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, solve_triangular
from scipy.special import ndtr

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.design.contract import About, Acquisition, Aim, Belief
from matloop.design.merit import log_expected_gain
from matloop.design.objectives.aims import Known, known_of, log_met, normals, open_aims, without_limits
from matloop.design.objectives.fronts import is_front
from matloop.design.objectives.hypervolume import reference_point, rooms_beyond

_SURE = 3.0  # standard deviations: what is worse by so much on both sides is not on the front
_MOST = 64
_CHUNK = 128
_HOPELESS = 7.0
_TINY = 1e-100
_ROOT_2_PI = float(np.sqrt(2 * np.pi))


@dataclass(frozen=True, slots=True)
class HypervolumeImprovement:
    """log of the expected hypervolume improvement, with noise: what is known is known only as well as it was measured.

    Joint draws of the known (and pending) experiments give the fronts that may be true; over each of them the
    improvement by a new experiment is integrated exactly, given the draw. Chances of aims with an end are multiplied,
    and a known experiment is on a front only in draws in which it meets them. One open aim: noisy expected improvement;
    none: the chance. Objectives that order everything known alike count once.

    reference : one value per open aim, in the units of the beliefs; None: the limit that a goal sets for the same value
    ("maximise y" and "y >= 3"), else see `hypervolume.reference_point`.
    draws : of the front.

    Daulton, Balandat, Bakshy, NeurIPS 34 (2021), doi:10.48550/arXiv.2105.08195 (noise); Yang et al., Swarm Evol.
    Comput. 44 (2019) 945, doi:10.1016/j.swevo.2018.10.007 (exact over boxes); Ament et al. 2023 (logarithms).
    """

    reference: tuple[float, ...] | None = None
    draws: int = 32

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        return self.prepare(beliefs, X, about).worth(beliefs, X, about)

    def prepare(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> Acquisition:
        """The same with its fronts drawn, for as long as beliefs and what is known stay as they are."""
        limits, about = without_limits(about)
        aims = open_aims(about)
        if not aims:
            return ChanceAlone()
        known = known_of(beliefs, about, aims)
        reference = self._reference(beliefs, X, about, known, aims)
        if self.reference is None:
            ends = np.array([limits.get(aim.belief, np.nan) for aim in aims]) / known.scale
            reference = np.where(np.isfinite(ends), ends, reference)
        kept = _candidates_of_front(known, about.seed)
        X_front = known.X[kept]
        roots = tuple(_Root.of(beliefs[aim.belief], X_front, s) for aim, s in zip(aims, known.scale, strict=True))
        z = normals(self.draws, len(X_front) * (len(aims) + 1), about.seed) if len(X_front) else np.zeros((1, 0))
        parts = np.split(z, len(aims) + 1, axis=1)
        values = np.stack([root.values(part) for root, part in zip(roots, parts, strict=False)], axis=2)
        met = ndtr(parts[-1]) < known.met[kept]
        boxes = _Boxes.of(values, met, reference)
        likely = _Boxes.of(known.mean[kept][None], (known.met[kept] > 0.5)[None], reference)
        return DrawnFronts(aims, known.scale, X_front, roots, tuple(parts[:-1]), boxes, likely)

    def _reference(
        self, beliefs: Sequence[Belief], X: FloatArray, about: About, known: Known, aims: tuple[Aim, ...]
    ) -> FloatArray:
        if self.reference is not None:
            n_open = sum(aim.is_open for aim in about.aims)
            if len(self.reference) != n_open:
                raise ConfigError(
                    f"hypervolume: {len(self.reference)} numbers as reference for {n_open} objectives; give one each."
                )
            chosen = dict(zip((a for a in about.aims if a.is_open), self.reference, strict=True))
            return np.array([chosen[aim] for aim in aims]) / known.scale
        good = known.met > 0.5
        if good.any():
            return reference_point(known.mean[good])
        if len(known.X):
            return known.mean.min(axis=0)
        return np.array([beliefs[aim.belief].predict(X)[0].min(initial=np.inf) for aim in aims]) / known.scale


@dataclass(frozen=True, slots=True)
class ChanceAlone:
    """log of the chance that all aims are met."""

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        return log_met(beliefs, X, about)


@dataclass(frozen=True, slots=True)
class DrawnFronts:
    """`HypervolumeImprovement` with its fronts drawn.

    aims : m open aims. X : shape (b, width), experiments that may be on the front. roots : of each aim's covariance at
    them. normals : per aim, shape (n_draws, b), what the draws were made of. likely : the room beyond the front of
    means: experiments that add e^7 times less to it than the best of those asked for are not looked at closer.
    """

    aims: tuple[Aim, ...]
    scale: FloatArray
    X: FloatArray
    roots: tuple[_Root, ...]
    normals: tuple[FloatArray, ...]
    boxes: _Boxes
    likely: _Boxes

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        if not len(X):
            return np.zeros(0)
        pairs = [beliefs[aim.belief].predict(X) for aim in self.aims]
        means = [(mean / s)[None, :] for (mean, _), s in zip(pairs, self.scale, strict=True)]
        stds = [np.maximum(std / s, 1e-9) for (_, std), s in zip(pairs, self.scale, strict=True)]
        gain = self.likely.log_gain(means, stds)
        close = np.flatnonzero(gain >= gain.max() - _HOPELESS)
        for start in range(0, len(close), _CHUNK):
            part = close[start : start + _CHUNK]
            gain[part] = self._gain(beliefs, X[part])
        return gain + float(np.log(self.scale).sum()) + log_met(beliefs, X, without_limits(about)[1])

    def _gain(self, beliefs: Sequence[Belief], X: FloatArray) -> FloatArray:
        found = [
            root.given(beliefs[aim.belief], self.X, X, part)
            for aim, root, part in zip(self.aims, self.roots, self.normals, strict=True)
        ]
        return self.boxes.log_gain([mean for mean, _ in found], [std for _, std in found])


def _candidates_of_front(known: Known, seed: int) -> IntArray:
    """Rows that may be on the front: not surely beaten, and at most 64, by how often they are on drawn fronts."""
    if not len(known.X):
        return np.zeros(0, np.int64)
    low, high = known.mean - _SURE * known.std, known.mean + _SURE * known.std
    sure = low[is_front(low, known.met > 0.99)]
    beaten = np.zeros(len(high), bool)
    for row in sure:
        beaten |= (row >= high).all(axis=1) & (row > high).any(axis=1)
    rows = np.flatnonzero(~beaten & (known.met > 1e-3))
    if len(rows) <= _MOST:
        return rows
    rng = np.random.default_rng(seed)
    often = np.zeros(len(rows))
    for _ in range(32):
        values = known.mean[rows] + known.std[rows] * rng.standard_normal((len(rows), known.mean.shape[1]))
        often += is_front(values, rng.random(len(rows)) < known.met[rows])
    return np.sort(rows[np.argsort(-often, kind="stable")[:_MOST]])


@dataclass(frozen=True, slots=True)
class _Root:
    """A belief at the experiments that may be on the front: mean, shape (b,), lower Cholesky factor, (b, b)."""

    mean: FloatArray
    lower: FloatArray
    scale: float

    @classmethod
    def of(cls, belief: Belief, X: FloatArray, scale: float) -> _Root:
        if not len(X):
            return cls(np.zeros(0), np.zeros((0, 0)), scale)
        mean, covariance = belief.joint(X)
        covariance = covariance / scale**2
        # where nothing is in doubt, rounding must not look like it
        extra = max(1e-6 * float(np.mean(np.diag(covariance))), 1e-10)
        while True:
            try:
                lower = cho_factor(covariance + extra * np.eye(len(X)), lower=True)[0]
            except np.linalg.LinAlgError:
                extra *= 10.0
                continue
            return cls(mean / scale, np.tril(lower), scale)

    def values(self, z: FloatArray) -> FloatArray:
        """Drawn values, shape (n_draws, b)."""
        return self.mean + z @ self.lower.T

    def given(self, belief: Belief, X_front: FloatArray, X: FloatArray, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean at X given each draw, shape (n_draws, n), and standard deviation given any, shape (n,)."""
        b = len(X_front)
        if not b:
            mean, std = belief.predict(X)
            return (mean / self.scale)[None, :], np.maximum(std / self.scale, 1e-9)
        mean, covariance = belief.joint(np.vstack([X_front, X]))
        across = covariance[:b, b:] / self.scale**2
        half = solve_triangular(self.lower, across, lower=True, check_finite=False)
        variance = np.diag(covariance)[b:] / self.scale**2 - (half**2).sum(axis=0)
        return mean[b:] / self.scale + z @ half, np.sqrt(np.maximum(variance, 1e-18))


@dataclass(frozen=True, slots=True)
class _Boxes:
    """The room beyond each drawn front in boxes: per objective the levels at which boxes begin or end, and which levels
    a box has (-1: no end); draw : of each box; levels : per objective (draw, value)."""

    levels: tuple[tuple[IntArray, FloatArray], ...]
    low: IntArray
    high: IntArray
    n_draws: int

    @classmethod
    def of(cls, values: FloatArray, met: BoolArray, reference: FloatArray) -> _Boxes:
        """values : shape (n_draws, b, m). met : shape (n_draws, b)."""
        m = len(reference)
        lows, highs, draw = [], [], []
        for k in range(len(values)):
            low, high = rooms_beyond(values[k][met[k]], reference)
            lows.append(low)
            highs.append(high)
            draw.append(np.full(len(low), k, np.int64))
        low, high, of = np.vstack(lows), np.vstack(highs), np.concatenate(draw)
        levels: list[tuple[IntArray, FloatArray]] = []
        begins, ends = np.empty(low.shape, np.int64), np.full(low.shape, -1, np.int64)
        for j in range(m):
            closed = np.isfinite(high[:, j])
            pairs = np.column_stack([np.append(of, of[closed]), np.append(low[:, j], high[closed, j])])
            apart, back = np.unique(pairs, axis=0, return_inverse=True)
            back = back.reshape(-1)
            begins[:, j] = back[: len(of)]
            ends[closed, j] = back[len(of) :]
            levels.append((apart[:, 0].astype(np.int64), apart[:, 1]))
        return cls(tuple(levels), begins, ends, len(values))

    def log_gain(self, means: Sequence[FloatArray], stds: Sequence[FloatArray]) -> FloatArray:
        """log of the mean over draws of the expected gain, shape (n,); means per objective of shape (n_draws, n)."""
        product = np.ones((len(self.low), means[0].shape[1]))
        for j, (mean, std) in enumerate(zip(means, stds, strict=True)):
            gain = _gain_above(mean, std, self.levels[j])
            product *= np.maximum(gain[self.low[:, j]] - gain[self.high[:, j]], 0.0)
        total = product.sum(axis=0)
        with np.errstate(divide="ignore"):
            found = np.log(total)
        far = total < _TINY
        if far.any():
            found[far] = self._far([mean[:, far] for mean in means], [std[far] for std in stds])
        return found - np.log(self.n_draws)

    def _far(self, means: Sequence[FloatArray], stds: Sequence[FloatArray]) -> FloatArray:
        """The same in logarithms, for what a float cannot hold."""
        total = np.zeros((len(self.low), means[0].shape[1]))
        for j, (mean, std) in enumerate(zip(means, stds, strict=True)):
            of, level = self.levels[j]
            gain = log_expected_gain(mean[of] - level[:, None], np.broadcast_to(std, (len(of), len(std))), 0.0)
            gain = np.vstack([gain, np.full((1, len(std)), -np.inf)])
            low, high = gain[self.low[:, j]], gain[self.high[:, j]]
            with np.errstate(divide="ignore", invalid="ignore"):
                total += low + np.log1p(-np.exp(np.minimum(high - low, 0.0)))
        return np.asarray(np.logaddexp.reduce(np.where(np.isnan(total), -np.inf, total), axis=0))


def _gain_above(mean: FloatArray, std: FloatArray, levels: tuple[IntArray, FloatArray]) -> FloatArray:
    """E[max(Y - level, 0)], shape (n_levels + 1, n); the last row, for no end, is 0."""
    of, level = levels
    z = (mean[of] - level[:, None]) / std
    gain = std * (z * ndtr(z) + np.exp(-0.5 * z * z) / _ROOT_2_PI)
    return np.vstack([np.maximum(gain, 0.0), np.zeros((1, len(std)))])

"""How much the error rises when columns are shuffled: batched, screened first, refined where it matters.

References
----------
Breiman, Mach. Learn. 45 (2001) 5 (permutation importance). doi:10.1023/A:1010933404324
Janitza, Celik & Boulesteix, Adv. Data Anal. Classif. 12 (2018) 885 (negative importances measure the noise).
doi:10.1007/s11634-016-0270-x
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.explain.samples import Judge, Pace, Sample


def rises(
    samples: Sequence[Sample], groups: Sequence[IntArray], judge: Judge, pace: Pace, *, repeats: int, seed: int
) -> FloatArray:
    """Rise of the loss when each group of columns is shuffled together, shape (n_groups, n_samples, repeats).

    What the deadline does not allow stays NaN: all groups get their first repeat on the first sample before any gets a
    second.
    """
    found = np.full((len(groups), len(samples), repeats), np.nan)
    for repeat in range(repeats):
        for s, sample in enumerate(samples):
            out = sample.model.output(sample.X)
            base = judge.loss(sample.y, out.value, out.proba)
            n, step = len(sample.y), pace.batch(len(sample.y))
            for start in range(0, len(groups), step):
                if pace.left() <= 0:
                    return found
                chunk = range(start, min(start + step, len(groups)))
                X = np.concatenate(list(_shuffled(sample.X, groups, chunk, [seed, s, repeat])))
                out = sample.model.output(X)
                for place, g in enumerate(chunk):
                    part = slice(place * n, (place + 1) * n)
                    found[g, s, repeat] = judge.loss(sample.y, out.value[part], out.proba[part]) - base
    return found


def _shuffled(X: FloatArray, groups: Sequence[IntArray], chunk: range, seed: list[int]) -> Iterator[FloatArray]:
    for g in chunk:
        turned = X.copy()
        order = np.random.default_rng([*seed, g]).permutation(len(X))
        turned[:, groups[g]] = X[np.ix_(order, groups[g])]
        yield turned


def noise_floor(values: FloatArray) -> float:
    """The importance that pure chance reaches: as far above zero as the lowest one is below it."""
    known = values[np.isfinite(values)]
    return max(0.0, -float(known.min())) if len(known) else 0.0

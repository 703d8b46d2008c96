"""Drift that a chemist sees: elements, families and chemical systems that come, go, or become frequent."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray, TextArray
from matloop.core.elements import SYMBOLS
from matloop.evaluate.multiple import adjusted
from matloop.monitor.contract import Seen
from matloop.monitor.drift.columns import LEAST, counts_p
from matloop.monitor.drift.families import FAMILIES, families
from matloop.monitor.drift.units import Units
from matloop.monitor.drift.values import ChemistryDrift, ElementDrift, FamilyDrift
from matloop.report.words import short

EXAMPLES, LONGEST = 4, 40
PERMUTATIONS = 999
_UNSEEN = re.compile(r"contains ([A-Z][a-z]?), never seen in training")


def compare_chemistry(
    reference: Seen, now: Seen, of_reference: Units, of_now: Units, *, seed: int
) -> ChemistryDrift | None:
    """Elements, families and systems over distinct materials; None where no input is matter or nothing could be read.

    A share of an element is compared by Fisher's exact test (corrected for all elements, Holm), families by a G-test.
    How many systems are new is judged by shuffling the materials between the two sides, because also without any drift
    many systems of a sample are new.
    """
    a, b = reference.elements[of_reference.matter], now.elements[of_now.matter]
    if a.shape[1] == 0 or b.shape[1] == 0 or len(a) == 0 or len(b) == 0:
        return None
    shown = labels(now, of_now.matter)
    elements = _elements(a, b, shown, _never_learnt(now))
    of_a, of_b = families(a), families(b)
    counts = tuple(np.bincount(side, minlength=len(FAMILIES)) for side in (of_a, of_b))
    enough = min(len(a), len(b)) >= LEAST
    p_families = counts_p(*counts) if enough else float("nan")
    share, expected, p_systems, new = _systems(a, b, seed)
    holm = adjusted([one.p if enough else float("nan") for one in elements], "holm")
    return ChemistryDrift(
        len(a), len(b),
        tuple(replace(one, holm=float(holm[k]) if np.isfinite(holm[k]) else 1.0) for k, one in enumerate(elements)),
        tuple(
            FamilyDrift(
                name, float(counts[0][k] / len(a)), float(counts[1][k] / len(b)), int(counts[0][k]), int(counts[1][k]),
                _some(shown, of_b == k),
            )
            for k, name in enumerate(FAMILIES) if counts[0][k] or counts[1][k]
        ),
        share, expected, _some(shown, new), p_families, p_systems if enough else float("nan"),
    )  # fmt: skip


def labels(seen: Seen, rows: IntArray) -> TextArray:
    """What to call rows: the texts of their matter, else the values of all inputs."""
    names = seen.matter or tuple(seen.inputs)
    parts = [
        [text if isinstance(text, str) else f"{name} {text:.4g}" for text in seen.inputs[name][rows].tolist()]
        for name in names if name in seen.inputs
    ]  # fmt: skip
    return np.array([", ".join(words)[:80] for words in zip(*parts, strict=True)], dtype=np.str_).reshape(-1)


def _never_learnt(now: Seen) -> frozenset[str]:
    """Elements that the domain says no training row had, sampled or not."""
    reasons = {str(text) for one in now.predictions.values() for text in np.unique(one.reason)}
    return frozenset(symbol for text in reasons for symbol in _UNSEEN.findall(text))


def _elements(a: BoolArray, b: BoolArray, shown: TextArray, unseen: frozenset[str]) -> list[ElementDrift]:
    first, second = a.sum(axis=0), b.sum(axis=0)
    used = np.flatnonzero(first + second)
    p = _share_p(first[used], len(a), second[used], len(b))
    return [
        ElementDrift(
            SYMBOLS[k + 1], float(first[k] / len(a)), float(second[k] / len(b)), int(first[k]), int(second[k]),
            float(p[place]), unseen=SYMBOLS[k + 1] in unseen,
            examples=_some(shown, b[:, k]) if first[k] < second[k] else (),
        )
        for place, k in enumerate(used.tolist())
    ]  # fmt: skip


def _share_p(k: IntArray, n: int, j: IntArray, m: int) -> FloatArray:
    from scipy.stats import hypergeom

    up, down = hypergeom.sf(j - 1, n + m, k + j, m), hypergeom.cdf(j, n + m, k + j, m)
    return np.minimum(1.0, 2.0 * np.minimum(up, down))


def _systems(a: BoolArray, b: BoolArray, seed: int) -> tuple[float, float, float, BoolArray]:
    """Share of new systems, the share that chance gives, p of a rise, and which rows of `b` are new."""
    both = np.packbits(np.vstack([a, b]), axis=1)
    codes = np.unique(both, axis=0, return_inverse=True)[1].reshape(-1)
    n, size = len(a), int(codes.max()) + 1

    def new(order: IntArray) -> BoolArray:
        known = np.zeros(size, dtype=bool)
        known[codes[order[:n]]] = True
        return np.asarray(~known[codes[order[n:]]])

    rng, plain = np.random.default_rng(seed), np.arange(len(codes))
    found = new(plain)
    drawn = np.array([new(rng.permutation(plain)).mean() for _ in range(PERMUTATIONS)])
    p = (1.0 + np.count_nonzero(drawn >= found.mean())) / (1.0 + PERMUTATIONS)
    return float(found.mean()), float(drawn.mean()), float(p), found


def _some(shown: TextArray, where: BoolArray) -> tuple[str, ...]:
    return tuple(short(text, LONGEST) for text in shown[np.flatnonzero(where)[:EXAMPLES]].tolist())

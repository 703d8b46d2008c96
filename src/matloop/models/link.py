"""From raw sums to values: nothing for a regression, probabilities for classes."""

from __future__ import annotations

from typing import Literal

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, text
from matloop.core.errors import BundleError

Link = Literal["identity", "sigmoid", "softmax"]
LINKS: tuple[Link, ...] = ("identity", "sigmoid", "softmax")


def linked(raw: FloatArray, link: Link) -> FloatArray:
    """Raw sums (n_rows, n) to values: as they are, or probabilities of two (from one sum) or n classes."""
    if link == "identity":
        return raw
    if link == "sigmoid":
        positive = 1.0 / (1.0 + np.exp(-np.clip(raw[:, 0], -500, 500)))
        return np.stack([1.0 - positive, positive], axis=1)
    powers = np.exp(raw - raw.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def read_link(arrays: Arrays) -> Link:
    """The link named in the arrays; BundleError for any other word."""
    word = text(arrays, "link")
    if word not in LINKS:
        raise BundleError(f"a model names the link {word!r}, known are {', '.join(LINKS)}. The bundle is not trusted.")
    return LINKS[LINKS.index(word)]

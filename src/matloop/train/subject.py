"""The model under study: what every study of a trained recipe starts from, before any sealed label is seen."""

from __future__ import annotations

from dataclasses import dataclass

from matloop.core.arrays import TextArray
from matloop.problem.question import Depth, Target
from matloop.train.fits import Fits
from matloop.train.values import Development, Trained


@dataclass(frozen=True, slots=True)
class Subject:
    """A chosen recipe with its development rows and a pool to fit it again in.

    ids, shown : shape (n,), each development row's id, and what a reader knows it by (its formula).
    seed : of every draw. depth : how much a study may ask of the pool; its deadline comes beside it.
    """

    development: Development
    trained: Trained
    fits: Fits
    target: Target
    ids: TextArray
    shown: TextArray
    seed: int
    depth: Depth = "standard"

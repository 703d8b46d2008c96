"""The next experiments: the best of a domain by an acquisition, several at once, none twice."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError
from matloop.design.acquisition.batches import BATCHES
from matloop.design.acquisition.search import Search, _rounded
from matloop.design.contract import About, Acquisition, Belief, Domain, Points


@dataclass(frozen=True, slots=True)
class Chosen:
    """Experiments in the order in which they were chosen.

    worth : shape (n,), by the acquisition when it was chosen, with chances and costs. X : shape (n, width), encoded.
    """

    points: Points
    worth: FloatArray
    X: FloatArray


def choose(
    acquisition: Acquisition,
    beliefs: Sequence[Belief],
    about: About,
    domain: Domain,
    n: int,
    *,
    seed: int,
    batch: str = "believer",
    candidates: Points | None = None,
    tried: Points | None = None,
    cooling: float = 1.0,
) -> Chosen:
    """The `n` experiments that are worth most together.

    A small domain is looked at wholly; of others, samples and, in rounds of ever shorter moves, the surroundings of
    the best and of the best known experiments. Chances that an experiment works and costs count: the logarithm of the
    chance is added, `cooling` times that of the cost taken off (1: gain per cost; 0: cost does not matter). An
    acquisition in the unit of the values is first made a gain, see `aims.softened`.

    Parameters
    ----------
    batch : how several are chosen that do not repeat each other, a name in `batches.BATCHES`. candidates : choose among
        these only. tried : the known, then the pending experiments, in the order of `about`; they are not chosen again,
        as told by `domain.keys`. Without it, what is encoded like a known or pending experiment is not.

    Returns
    -------
    Chosen ; fewer than `n` where the domain has no more that are worth anything.

    Raises
    ------
    ConfigError : no such batch rule, or the acquisition needs a goal that is not there.
    """
    if batch not in BATCHES:
        near = difflib.get_close_matches(batch, BATCHES, n=1) or sorted(BATCHES)
        raise ConfigError(f"there is no batch rule {batch!r}. Did you mean {' or '.join(map(repr, near))}?")
    if about.axes is None:
        about = replace(about, axes=domain.axes)
    search = Search(domain, acquisition, tuple(beliefs), about, seed, cooling)
    if tried is None:
        search.seen.update(row.tobytes() for row in _rounded(np.vstack([about.known, about.pending])))
    else:
        search.taken.update(str(key) for key in domain.keys(tried))
    search.start(candidates, _best_known(about, tried))
    rows, worth = BATCHES[batch](search, n)
    return Chosen(Points(search.points[rows]), np.asarray(worth, dtype=np.float64), search.X[rows])


def _best_known(about: About, tried: Points | None) -> Points | None:
    """Known experiments, best first: by the open aims, those that do what they must ahead of others."""
    from matloop.design.acquisition.aims import meets, open_aims, spread_of

    if tried is None or not len(about.known) or len(tried) < len(about.known):
        return None
    height = np.zeros(len(about.known))
    for aim in open_aims(about):
        row = about.values[aim.belief]
        height = height + aim.weight * np.where(np.isfinite(row), row, np.nanmin(row, initial=0.0)) / spread_of(row)
    order = np.lexsort((-height, ~meets(about)))
    return tried.take(order)

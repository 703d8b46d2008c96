"""How large a structure may be: what is usual, and less for whoever answers strangers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowed:
    """Sites of one structure, with all images by symmetry, and pairs of sites within a cutoff, at most."""

    sites: int = 200_000
    pairs: int = 20_000_000


USUAL = Allowed()
_now: ContextVar[Allowed] = ContextVar("allowed", default=USUAL)


def allowed() -> Allowed:
    """What is allowed here, in this thread."""
    return _now.get()


@contextmanager
def at_most(*, sites: int, pairs: int) -> Iterator[None]:
    """Allow no more inside, in this thread: larger structures are refused, before they take time."""
    token = _now.set(Allowed(min(sites, USUAL.sites), min(pairs, USUAL.pairs)))
    try:
        yield
    finally:
        _now.reset(token)

"""Memory that is used again and again."""

from __future__ import annotations

from functools import cache

import numpy as np

_KEPT = 31 * 2**20
"""Bytes; above 32 MB the C library does not follow."""


@cache
def keep_freed_memory() -> None:
    """Let the C library keep arrays of up to 31 MB for the next one when they are freed, at most twice that at once.

    Else each goes back to the system and comes again page by page, which for a batch of 1,000 rows takes a sixth of the
    time. glibc raises its limit to the largest array that was freed so far; one that nobody writes to costs nothing.
    Other libraries do as they do.
    """
    np.empty(_KEPT, dtype=np.uint8)

"""How many rows a minute each key may ask, counted over all workers.

The generic cell rate algorithm (ATM Forum 1996; as in RFC 4115's terms a single token bucket) needs one number per key:
the moment at which its bucket is full again. It lies in a file that all workers map.
"""

from __future__ import annotations

import fcntl
import mmap
import struct
import time
from pathlib import Path

from matloop.service.models.refused import Refused

SLOTS = 2**20
"""Keys share a slot, and so a limit, with a chance of about their number in a million."""
_NUMBER = struct.Struct("<d")
SIZE = SLOTS * _NUMBER.size
BURST_S = 60.0
"""What may be asked at once: as much as in a minute."""


class Rates:
    """Rows per minute by key.

    Parameters
    ----------
    file : shared by all workers; made if it is not there, and sparse.
    """

    def __init__(self, file: Path) -> None:
        self._file = file.open("a+b")
        self._file.truncate(SIZE)
        self._map = mmap.mmap(self._file.fileno(), SIZE)

    def take(self, key: str, rows: int, per_minute: int) -> None:
        """Count rows of a key (its hash, or "" for all without one).

        Raises
        ------
        Refused : they are more than its share (429), with the seconds until they are not.
        """
        if per_minute <= 0:
            return
        if rows > per_minute:
            raise Refused(
                429, f"{rows:,} rows at once are more than the {per_minute:,} of a minute. Ask for fewer.", "rate", 60.0
            )
        place, now = 8 * (int(key[:10] or "0", 16) % SLOTS), time.time()
        fcntl.lockf(self._file, fcntl.LOCK_EX, 8, place)
        try:
            full = max(_NUMBER.unpack_from(self._map, place)[0], now)
            then = full + rows * 60.0 / per_minute
            if then - now <= BURST_S + 1e-6:
                _NUMBER.pack_into(self._map, place, then)
                return
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 8, place)
        raise Refused(
            429, f"{per_minute:,} rows a minute are allowed. Come again in a moment.", "rate", then - now - BURST_S
        )

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()
        self._file.close()

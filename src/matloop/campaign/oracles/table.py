"""A table as a laboratory: what was measured once is measured again."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matloop.campaign.oracles.contract import Outcome, Setting, failed
from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd

TOLERANCE = 1e-9
"""Numbers are equal where they differ by less than this share of the column's range: what writing them down costs."""
NEAR = 0.05
"""With "nearest", a row is taken up to this root mean square distance, in ranges of the columns."""


@dataclass(frozen=True, slots=True)
class TableOracle:
    """Rows of a table as measurements.

    A candidate is looked up by all its columns that the table has too. Where several rows are equal (replicates), one
    is drawn by the seed and the candidate's label. With `nearest` a candidate that is not in the table gets the row
    that is nearest in its numbers (all words equal), and the settings of that row are told with the value.
    """

    table: pd.DataFrame
    setting: Setting
    nearest: bool = False

    def __post_init__(self) -> None:
        missing = [name for name in self.setting.targets if name not in self.table.columns]
        if missing:
            raise DataError(
                f"the table has no column {missing[0]!r}. It has: {', '.join(map(str, self.table.columns))}."
            )

    def measure(self, candidates: pd.DataFrame, *, seed: int) -> Iterator[Outcome]:
        """See `Oracle`."""
        shared = [
            name for name in candidates.columns if name in self.table.columns and name not in self.setting.targets
        ]
        if not shared:
            raise DataError(
                f"no column of the candidates ({', '.join(map(str, candidates.columns))}) is in the table "
                f"({', '.join(map(str, self.table.columns))})."
            )
        lookup = _Lookup.of(self.table, shared)
        for place, row in enumerate(candidates.index):
            rows, distance = lookup.rows(candidates.iloc[place])
            if not len(rows) or distance > (NEAR if self.nearest else TOLERANCE):
                where = "is not in the table" if not self.nearest else f"has no row nearby (distance {distance:.2g})"
                yield failed(row, f"the candidate {where}", cost=self.setting.cost)
                continue
            chosen = int(rows[_draw(seed, row, len(rows))])
            yield self._told(row, chosen, shared if distance > TOLERANCE else [])

    def _told(self, row: Any, chosen: int, moved: list[Any]) -> Outcome:
        found = self.table.iloc[chosen]
        values = {name: _float(found[name], name, chosen) for name in self.setting.targets}
        values = {name: value for name, value in values.items() if np.isfinite(value)}
        if not values:
            return failed(row, f"row {chosen + 1} of the table has no value", cost=self.setting.cost)
        settings = {str(name): found[name] for name in moved}
        return Outcome(row, values, cost=self.setting.cost, settings=settings, note=f"row {chosen + 1} of the table")


@dataclass(frozen=True, slots=True)
class _Lookup:
    """Columns of a table, ready to be compared with: words as they are, numbers in ranges."""

    words: Mapping[Any, Any]
    numbers: Mapping[Any, FloatArray]
    spans: Mapping[Any, float]
    n: int

    @classmethod
    def of(cls, table: pd.DataFrame, columns: list[Any]) -> _Lookup:
        import pandas as pd

        numbers = {
            name: table[name].to_numpy(dtype=float)
            for name in columns
            if pd.api.types.is_numeric_dtype(table[name]) and not pd.api.types.is_bool_dtype(table[name])
        }
        words = {name: table[name].astype(str).to_numpy() for name in columns if name not in numbers}
        spans = {name: float(np.nanmax(one) - np.nanmin(one)) or 1.0 for name, one in numbers.items() if len(one)}
        return cls(words, numbers, spans, len(table))

    def rows(self, candidate: Any) -> tuple[IntArray, float]:
        """The rows nearest to a candidate, all equally near, and how far they are in ranges of the columns."""
        keep = np.ones(self.n, dtype=bool)
        for name, values in self.words.items():
            keep &= values == str(candidate[name])
        rows = np.flatnonzero(keep)
        square = np.zeros(len(rows))
        for name, values in self.numbers.items():
            wanted, have = float(candidate[name]), values[rows]
            apart = np.where(np.isnan(have), 0.0 if np.isnan(wanted) else np.inf, have - wanted) / self.spans[name]
            square += np.where(np.isnan(apart), np.inf, apart) ** 2
        if not len(rows):
            return rows, np.inf
        distance = np.sqrt(square / max(len(self.numbers), 1))
        return rows[distance <= distance.min() + TOLERANCE], float(distance.min())


def _draw(seed: int, row: Any, n: int) -> int:
    return int(np.random.default_rng([seed, zlib.crc32(str(row).encode())]).integers(n))


def _float(value: Any, name: str, row: int) -> float:
    try:
        return float(value) if value is not None else float("nan")
    except (TypeError, ValueError) as error:
        raise DataError(
            f"row {row + 1}, column {name!r}: {value!r} is no number. Correct it, or leave the cell empty."
        ) from error


def make(text: str, setting: Setting) -> TableOracle:
    """ "table:FILE", or "table:FILE?nearest" for candidates that lie between the rows."""
    path, _, option = text.partition("?")
    if not path or option not in ("", "nearest"):
        raise ConfigError("write 'table:FILE', or 'table:FILE?nearest' to take the nearest row where none is equal.")
    from matloop.campaign.oracles.files import read_frame

    return TableOracle(read_frame(Path(path), setting.targets), setting, nearest=option == "nearest")

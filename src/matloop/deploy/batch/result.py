"""What a batch came to, in words, as JSON and as a small table."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from matloop.core.jsonable import to_jsonable
from matloop.deploy.batch.account import Cause
from matloop.deploy.batch.parts import Manifest

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that is finished.

    out : file or folder of parts. manifest : the file beside it (or in it) that says what it is made of. n_rows : of
    the table. n_now : of these, predicted by this call; the others had been before. seconds : this call took, with
    starting and writing. outside : rows unlike the training data, by target. unreadable : rows without a prediction.
    causes : why, the most frequent first. by : who worked. kept : parts that were there before.
    """

    out: Path
    manifest: Path
    n_rows: int
    n_now: int
    seconds: float
    targets: tuple[str, ...]
    outside: Mapping[str, int]
    unreadable: int
    causes: Mapping[str, Cause]
    bundle: str
    by: str
    n_parts: int
    kept: int

    @classmethod
    def of(
        cls, found: Manifest, out: Path, manifest: Path, seconds: float, n_now: int, by: str, kept: int | None = None
    ) -> Self:
        """The summary of a manifest."""
        account, n_parts = found.account, found.n_parts
        return cls(
            out, manifest, account.rows, n_now, seconds, tuple(account.outside), account.outside, account.unreadable,
            account.causes, found.plan.bundle, by, n_parts, n_parts if kept is None else kept,
        )  # fmt: skip

    @property
    def per_second(self) -> float:
        """Rows per second of this call; 0 where nothing was left to do."""
        return self.n_now / self.seconds if self.n_now else 0.0

    def lines(self) -> Iterator[str]:
        """What was predicted, how fast, and what to look at."""
        yield f"{self.n_rows:,} rows: {', '.join(self.targets)}"
        if self.n_now:
            before = f" ({self.n_rows - self.n_now:,} had been done before)" if self.n_now < self.n_rows else ""
            yield f"  {self.n_now:,} rows in {self.seconds:.1f} s, {self.per_second:,.0f} rows/s, {self.by}{before}"
        else:
            yield "  all of it had been done before; nothing was predicted again"
        for name, count in self.outside.items():
            share = count / max(self.n_rows - self.unreadable, 1)
            yield f"  {name}: {count:,} rows ({share:.1%}) are unlike the training data; see {name}_reason"
        if self.unreadable:
            yield f"  {self.unreadable:,} rows ({self.unreadable / self.n_rows:.1%}) have no prediction:"
        for name, cause in list(self.causes.items())[:_SHOWN]:
            yield f"    {cause.rows:,} x {name}; first row {cause.first_row:,}: {cause.example}"
        if len(self.causes) > _SHOWN:
            yield f"    and {len(self.causes) - _SHOWN} more causes, in {self.manifest.name}"
        yield f"written to {self.out}" + (f" ({self.n_parts:,} parts)" if self.out.is_dir() else "")

    def as_json(self) -> Any:
        """All of it as plain values."""
        return {**to_jsonable(self), "rows_per_second": self.per_second}

    def _repr_html_(self) -> str:
        return "".join(f"<div>{html.escape(line)}</div>" for line in self.lines())

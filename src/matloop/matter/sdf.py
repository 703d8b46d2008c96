"""SD files as text: records, each a mol block and named values. Nothing is read into the blocks here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_END = "$$$$"
_TAG = re.compile(r"^>.*?<(.*)>")


@dataclass(frozen=True, slots=True)
class SdfRecord:
    """One record: its title, the mol block (through "M  END"), its named values, the line where it begins (1-based).

    A record that was cut off keeps what there is of it; whoever reads the block says what is wrong.
    """

    title: str
    block: str
    values: Mapping[str, str]
    line: int


def sdf_records(text: str) -> tuple[SdfRecord, ...]:
    """All records of an SD file (V2000 or V3000), or the one of a mol file.

    Values that span several lines keep their line feeds; a name that comes twice keeps its last value.

    Examples
    --------
    >>> [r.values for r in sdf_records("water\\n\\n\\n...\\nM  END\\n> <bp>\\n373\\n\\n$$$$\\n")]
    [{'bp': '373'}]
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return tuple(_record(part, first) for first, part in _parts(lines))


def _parts(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """(line of the file, lines) of every record; what follows the last end mark counts if anything is written there."""
    start = 0
    for place, line in enumerate(lines):
        if line.startswith(_END):
            yield start + 1, lines[start:place]
            start = place + 1
    if any(line.strip() for line in lines[start:]):
        yield start + 1, lines[start:]


def _record(lines: list[str], first: int) -> SdfRecord:
    stop = next((i + 1 for i, line in enumerate(lines) if line.startswith("M  END")), None)
    if stop is None:
        stop = next((i for i, line in enumerate(lines) if _TAG.match(line)), len(lines))
    title = lines[0].strip() if lines else ""
    return SdfRecord(title, "\n".join(lines[:stop]) + "\n", _values(lines[stop:]), first)


def _values(lines: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    name, written = "", list[str]()
    for line in [*lines, ""]:
        if found := _TAG.match(line):
            values |= {name: "\n".join(written)} if name else {}
            name, written = found[1].strip(), []
        elif name and line.strip():
            written.append(line.rstrip())
        elif name:
            values[name], name = "\n".join(written), ""
    return values

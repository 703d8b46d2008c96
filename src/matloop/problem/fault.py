"""One thing that is wrong with a problem, and where it stands in the file."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

_KEY = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_DOTTED = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_HEADER = re.compile(rf"^\s*\[\s*({_DOTTED})\s*\]")
_ENTRY = re.compile(rf"^\s*({_DOTTED})\s*=")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'')


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong (`said`: what was found and what to do) at `path`, the tables and the key that lead there."""

    path: tuple[str, ...]
    said: str

    @property
    def where(self) -> str:
        """`[targets.S_n] scale`, as a reader of the file would say it."""
        if not self.path:
            return ""
        *tables, last = self.path
        if not tables:
            return f"[{last}]" if last in TABLES else last
        if len(self.path) == 2 and tables[0] == "targets":
            return f"[targets.{last}]"
        return f"[{'.'.join(tables)}] {last}"


TABLES = ("data", "inputs", "targets", "roles", "limits", "protocol", "training")


@dataclass(frozen=True, slots=True)
class Places:
    """The line of each table and key of a TOML text; lines count from 1."""

    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict)

    def line(self, path: Sequence[str]) -> int | None:
        """The line of `path`, or of the nearest table around it."""
        whole = tuple(path)
        for length in range(len(whole), 0, -1):
            if whole[:length] in self.lines:
                return self.lines[whole[:length]]
        return None


def places(text: str) -> Places:
    """Where the keys stand; a plain scan that skips comments and strings of several lines."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    within = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if within:
            within = "" if within in line else within
            continue
        if header := _HEADER.match(line):
            table = _keys(header[1])
            _note(lines, table, number)
        elif entry := _ENTRY.match(line):
            _note(lines, (*table, *_keys(entry[1])), number)
            _note_inline(lines, (*table, *_keys(entry[1])), line[entry.end() :], number)
        within = _opened(line)
    return Places(lines)


def _note(lines: dict[tuple[str, ...], int], path: tuple[str, ...], number: int) -> None:
    for length in range(1, len(path) + 1):
        lines.setdefault(path[:length], number)


def _note_inline(lines: dict[tuple[str, ...], int], path: tuple[str, ...], rest: str, number: int) -> None:
    if rest.lstrip().startswith("{"):
        for key in re.finditer(rf"[{{,]\s*({_KEY})\s*=", _STRING.sub('""', rest)):
            lines.setdefault((*path, *_keys(key[1])), number)


def _opened(line: str) -> str:
    for quotes in ('"""', "'''"):
        if line.count(quotes) % 2:
            return quotes
    return ""


def _keys(dotted: str) -> tuple[str, ...]:
    return tuple(part[1:-1] if part[0] in "\"'" else part for part in re.findall(_KEY, dotted))


def said(faults: Iterable[Fault], file: str = "", at: Places | None = None) -> tuple[str, ...]:
    """Each fault as a sentence that starts with file, line, table and key, in the order of the file."""
    at = at or Places()
    numbered = [(at.line(fault.path), fault) for fault in faults]
    numbered.sort(key=lambda pair: (pair[0] is None, pair[0] or 0))
    return tuple(dict.fromkeys(_sentence(file, line, fault) for line, fault in numbered))


def _sentence(file: str, line: int | None, fault: Fault) -> str:
    place = ", ".join(part for part in (file, f"line {line}" if line else "", fault.where) if part)
    return f"{place}: {fault.said}" if place else fault.said


def nearest(word: str, known: Iterable[str], n: int = 3) -> tuple[str, ...]:
    """Up to `n` of `known` that look like `word`, the most alike first; upper and lower case do not matter."""
    by_lower: dict[str, str] = {}
    for name in known:
        by_lower.setdefault(str(name).lower(), str(name))
    close = difflib.get_close_matches(word.lower(), by_lower, n=n, cutoff=0.55)
    inside = [low for low in by_lower if len(word) > 2 and word.lower() in low and low not in close]
    return tuple(by_lower[low] for low in (*close, *sorted(inside, key=len)))[:n]


def did_you_mean(word: str, known: Sequence[str], otherwise: str = "Known") -> str:
    """`Did you mean "log"?`, or the list of what is known where nothing is near."""
    if near := nearest(word, known):
        return f"Did you mean {' or '.join(map(quoted, near))}?"
    shown = ", ".join(map(quoted, known[:20])) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
    return f"{otherwise}: {shown}." if known else ""


def quoted(word: object) -> str:
    """`word` in double quotes, cut where it is very long."""
    text = str(word)
    return f'"{text[:77]}..."' if len(text) > 80 else f'"{text}"'

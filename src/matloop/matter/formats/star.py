"""The syntax of CIF (STAR): data blocks of named values and loops. Text in, text out; nothing is interpreted here.

Hall, Allen & Brown, Acta Cryst. A 47 (1991) 655. doi:10.1107/S010876739101067X
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from matloop.matter.formats.part import StructureError

_FIELD = re.compile(r"^;(.*?)^;", re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"\S+")
_CLOSING = {"'": re.compile(r"'(?=\s|$)"), '"': re.compile(r'"(?=\s|$)')}
_RESERVED = ("loop_", "data_", "save_", "stop_", "global_")


@dataclass(frozen=True, slots=True)
class Block:
    """One data block: names in lower case, values as text, one each or a column of a loop.

    broken : names in loops whose values do not fill whole rows.
    """

    name: str
    values: dict[str, str] = field(default_factory=dict)
    columns: dict[str, list[str]] = field(default_factory=dict)
    broken: dict[str, tuple[int, int]] = field(default_factory=dict)

    def column(self, *names: str) -> list[str] | None:
        """The first of these that is there, as a column (a single value is a column of one); None if none is."""
        for name in names:
            if name in self.columns:
                return self.columns[name]
            if self.values.get(name):
                return [self.values[name]]
        return None

    def value(self, *names: str) -> str:
        """The first of these that says something ("" if none does); unknown (?) and inapplicable (.) say nothing."""
        for name in names:
            column = self.column(name)
            if column and column[0] not in ("?", ".", ""):
                return column[0]
        return ""


def blocks_of(text: str) -> list[Block]:
    """All data blocks of a CIF.

    Raises
    ------
    StructureError : a text field is not closed.

    Examples
    --------
    >>> blocks_of("data_a _cell_length_a 5.64(1) loop_ _x _y 1 'one two' 2 b")[0].columns
    {'_x': ['1', '2'], '_y': ['one two', 'b']}
    """
    tokens = list(_tokens(text))
    starts = [i for i, token in enumerate(tokens) if token[:5].lower() == "data_"]
    return [_block(tokens, i, j) for i, j in pairwise([*starts, len(tokens)])]


def _tokens(text: str) -> Iterator[str]:
    """Words as written, with their quotes; a text field begins with a line feed."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    at = 0
    for found in _FIELD.finditer(text):
        yield from _words(text[at : found.start()])
        yield "\n" + found[1]
        at = found.end()
    if re.search(r"^;", text[at:], re.MULTILINE):
        raise StructureError("a text field (between lines that begin with ';') is not closed: the CIF is truncated")
    yield from _words(text[at:])


def _words(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        if "'" in line or '"' in line or "#" in line:
            yield from _quoted(line)
        else:
            yield from line.split()


def _quoted(line: str) -> Iterator[str]:
    """Words of a line with quotes or a comment; a quote ends where a blank follows, one that never does is a letter."""
    closing = dict(_CLOSING)
    at = 0
    while found := _WORD.search(line, at):
        start, at = found.span()
        first = line[start]
        if first == "#":
            return
        if first in closing:
            end = closing[first].search(line, start + 1)
            if end:
                at = end.end()
            else:  # there is none in the rest of the line: not sought again, so that the time is that of the length
                del closing[first]
        yield line[start:at]


def _plain(token: str) -> str:
    """The value of a token: without quotes, a text field as one line."""
    if token[0] == "\n":
        return " ".join(token.split())
    if token[0] in "'\"" and len(token) > 1 and token[-1] == token[0]:
        return token[1:-1].strip()
    return token


def _ends_loop(token: str) -> bool:
    return token[0] == "_" or (token[0] in "lLdDsSgG" and token.lower().startswith(_RESERVED))


def _block(tokens: list[str], start: int, stop: int) -> Block:
    block = Block(tokens[start][5:])
    at = start + 1
    while at < stop:
        token = tokens[at]
        if token[0] == "_":
            there = at + 1 < stop and not _ends_loop(tokens[at + 1])
            block.values.setdefault(token.lower(), _plain(tokens[at + 1]) if there else "")
            at += 2 if there else 1
        elif token.lower() == "loop_":
            at = _loop(block, tokens, at + 1, stop)
        else:
            at += 1
    return block


def _loop(block: Block, tokens: list[str], at: int, stop: int) -> int:
    """Read the loop whose names begin at `at`; the place after it."""
    names = []
    while at < stop and tokens[at][0] == "_":
        names.append(tokens[at].lower())
        at += 1
    end = at
    while end < stop and not _ends_loop(tokens[end]):
        end += 1
    if not names:
        return end
    whole = end - (end - at) % len(names)
    for k, name in enumerate(names):
        block.columns.setdefault(name, [_plain(token) for token in tokens[at + k : whole : len(names)]])
        if whole != end:
            block.broken[name] = (len(names), end - at)
    return end

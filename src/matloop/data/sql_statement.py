"""One statement of SQL that only reads: what it is made of, and why another one is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from matloop.core.errors import ConfigError

_TOKEN = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?\*/)"
    r"|(?P<dollar>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)"
    r"|(?P<text>'(?:[^']|'')*')"
    r'|(?P<name>"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\])'
    r"|(?P<word>[^\W\d]\w*)"
    r"|(?P<end>;)"
    r"|(?P<other>\S)",
    re.DOTALL,
)
_CHANGES = frozenset({"insert", "update", "delete", "merge", "into"})
"""Words of a SELECT that changes something (in a WITH, or INTO, FOR UPDATE). A column of such a name stands in double
quotes."""
_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*){0,2}")


@dataclass(frozen=True, slots=True)
class _Word:
    kind: str
    text: str
    at: int


def statement(text: str, source: str) -> str:
    """A query as it is sent: one SELECT (or WITH ... SELECT) without what follows it; of a bare name all of that table.

    Parameters
    ----------
    source : for messages.

    Raises
    ------
    ConfigError : nothing, another kind of statement, several of them, or a word that changes data; the message says
        where it stands.
    """
    if _NAME.fullmatch(text.strip()):
        return f"SELECT * FROM {text.strip()}"
    words = list(_words(text))
    if not words:
        raise ConfigError(f'{source}: there is no query. Write source = "sql:URL#SELECT ...".')
    first = words[0]
    if first.text.lower() not in ("select", "with", "("):
        raise ConfigError(
            f"{source}: the query begins with {first.text[:40]!r}. Only one SELECT (or WITH ... SELECT) is allowed: a "
            "source is read and never changed."
        )
    ends = [k for k, word in enumerate(words) if word.kind == "end"]
    if ends and ends[0] + 1 < len(words):
        raise ConfigError(
            f"{source}, {place(text, words[ends[0] + 1].at)}: there is a second statement behind the semicolon. Give "
            "one SELECT."
        )
    for word in words:
        if word.kind == "word" and word.text.lower() in _CHANGES:
            raise ConfigError(
                f"{source}, {place(text, word.at)}: {word.text!r} belongs to statements that change something, and a "
                'source is only read. A column of that name is written in double quotes: "' + word.text + '".'
            )
    return text[: words[ends[0]].at].strip() if ends else text.strip()


def is_ordered(query: str) -> bool:
    """Whether an ORDER BY stands in it, so that rows come in the same order again."""
    words = [word.text.lower() for word in _words(query) if word.kind == "word"]
    return ("order", "by") in pairwise(words)


def place(text: str, at: int) -> str:
    """`line 2, column 7` of the sign at `at`, counted from 1."""
    before = text[:at]
    return f"line {before.count(chr(10)) + 1}, column {at - (before.rfind(chr(10)) + 1) + 1}"


def pointed(text: str, at: int) -> str:
    """The line with the sign at `at`, and below it a mark that points there."""
    start = text.rfind("\n", 0, at) + 1
    line = text[start:].split("\n", 1)[0]
    left = max(0, at - start - 60)
    return f"  {line[left : left + 100]}\n  {' ' * (at - start - left)}^"


def found(text: str, word: str) -> int:
    """Where a word stands that the database complains of; -1 where it stands nowhere or several times."""
    at = [one.at for one in _words(text) if one.text == word]
    return at[0] if len(at) == 1 else -1


def _words(text: str) -> Iterator[_Word]:
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "comment" and match["comment"] is None:
            kind = "dollar" if match["dollar"] is not None else str(match.lastgroup)
            yield _Word(kind, match[0], match.start())

"""The filter language of OPTIMADE 1.2: text to a tree, with the place of the first mistake.

The grammar is that of the specification (section "The Filter Language EBNF Grammar"), read by descent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from matloop.core.errors import ConfigError

Operator = Literal["=", "!=", "<", "<=", ">", ">="]
Scalar = str | int | float | bool
LONGEST = 50_000
"""Characters of one filter."""
_DEEPEST = 60
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
    | (?P<operator><=|>=|!=|<|>|=)
    | (?P<word>[A-Z]+)
    | (?P<name>[a-z_][a-z_0-9]*(?:\.[a-z_][a-z_0-9+]*)*)
    | (?P<sign>[(),:])
    )""",
    re.VERBOSE | re.DOTALL,
)
_WORDS = ("AND", "OR", "NOT", "IS", "KNOWN", "UNKNOWN", "CONTAINS", "STARTS", "ENDS", "WITH", "LENGTH", "HAS", "ALL",
          "ANY", "ONLY", "TRUE", "FALSE")  # fmt: skip
TURNED: dict[str, Operator] = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
"""The operator when both sides change places."""


class FilterFault(ConfigError):
    """A filter that cannot be read: the message shows where."""


@dataclass(frozen=True, slots=True)
class Name:
    """A property: ("nelements",), or with dots ("references", "id")."""

    path: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(self.path)


Value = Scalar | Name


@dataclass(frozen=True, slots=True)
class Compare:
    """`left operator right`."""

    left: Value
    operator: Operator
    right: Value


@dataclass(frozen=True, slots=True)
class Known:
    """`name IS KNOWN`, or UNKNOWN."""

    name: Name
    known: bool


@dataclass(frozen=True, slots=True)
class Part:
    """`name CONTAINS|STARTS|ENDS text`."""

    name: Name
    how: Literal["CONTAINS", "STARTS", "ENDS"]
    text: Value


@dataclass(frozen=True, slots=True)
class Has:
    """`name HAS ...`: "ONE", "ALL", "ANY" or "ONLY" of (operator, value)."""

    name: Name
    how: Literal["ONE", "ALL", "ANY", "ONLY"]
    items: tuple[tuple[Operator, Value], ...]


@dataclass(frozen=True, slots=True)
class Zipped:
    """`a:b HAS ...`: lists that belong together."""

    names: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Length:
    """`name LENGTH operator number`."""

    name: Name
    operator: Operator
    number: int


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary; of what is unknown it is unknown too."""

    part: Node


@dataclass(frozen=True, slots=True)
class All:
    """`a AND b AND ...`."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """`a OR b OR ...`."""

    parts: tuple[Node, ...]


Node = Compare | Known | Part | Has | Zipped | Length | Not | All | Either


def parse_filter(text: str) -> Node | None:
    """The tree of a filter, None for an empty one.

    Raises
    ------
    FilterFault : it is no filter; the message shows the place and what could stand there.

    Examples
    --------
    >>> parse_filter('nelements < 3 AND NOT elements HAS "O"')
    All(parts=(Compare(left=Name(path=('nelements',)), operator='<', right=3), Not(part=Has(name=Name(path=('elements',\
)), how='ONE', items=(('=', 'O'),)))))
    """
    if len(text) > LONGEST:
        raise FilterFault(f"the filter has {len(text):,} characters; {LONGEST:,} are the most.")
    reader = _Reader(text)
    if reader.kind == "end":
        return None
    found = reader.alternatives()
    if reader.kind != "end":
        reader.fail("AND, OR or the end")
    return found


class _Reader:
    """The tokens of a filter, one at a time."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.depth = 0
        self.end = 0
        self.start, self.kind, self.token = 0, "", ""
        self.next()

    def next(self) -> str:
        """Go on by one token; returns the one before."""
        before = self.token
        rest = len(self.text) - len(self.text[self.end :].lstrip())
        found = _TOKEN.match(self.text, self.end)
        self.start = rest
        if rest == len(self.text):
            self.kind, self.token = "end", ""
        elif found is None or found.lastgroup is None:
            self.kind, self.token = "", self.text[rest]
            self.fail("a property, a value or an operator")
        else:
            self.kind, self.token, self.end = found.lastgroup, found[found.lastgroup], found.end()
            if self.kind == "word" and self.token not in _WORDS:
                self.fail("a property (they are written in small letters) or a word of the language")
        return before

    def fail(self, wanted: str) -> None:
        near = self.text[max(0, self.start - 40) : self.start + 25].replace("\n", " ")
        mark = " " * min(40, self.start) + "^"
        what = repr(self.token) if self.token else "the end"
        raise FilterFault(
            f"the filter cannot be read at character {self.start + 1}: found {what}, expected {wanted}.\n{near}\n{mark}"
        )

    def word(self, *words: str) -> bool:
        """Take one of these words, if it is next."""
        if self.kind == "word" and self.token in words:
            self.next()
            return True
        return False

    def sign(self, sign: str) -> bool:
        if self.kind == "sign" and self.token == sign:
            self.next()
            return True
        return False

    # ---- expressions ----

    def alternatives(self) -> Node:
        parts = [self.together()]
        while self.word("OR"):
            parts.append(self.together())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def together(self) -> Node:
        parts = [self.phrase()]
        while self.word("AND"):
            parts.append(self.phrase())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def phrase(self) -> Node:
        contrary = self.word("NOT")
        if self.kind == "sign" and self.token == "(":
            self.depth += 1
            if self.depth > _DEEPEST:
                self.fail(f"at most {_DEEPEST} brackets inside each other")
            self.next()
            found = self.alternatives()
            if not self.sign(")"):
                self.fail("AND, OR or ')'")
            self.depth -= 1
        else:
            found = self.comparison()
        return Not(found) if contrary else found

    def comparison(self) -> Node:
        if self.kind == "name":
            return self.after(self.name())
        left = self.constant()
        return Compare(left, self.operator(), self.value())

    def after(self, name: Name) -> Node:
        """What may follow a property."""
        if self.kind == "operator":
            return Compare(name, self.operator(), self.value())
        if self.kind == "sign" and self.token == ":":
            return self.zipped(name)
        how = self.token if self.kind == "word" else ""
        if how in ("CONTAINS", "STARTS", "ENDS"):
            self.next()
            if how != "CONTAINS":
                self.word("WITH")
            return Part(name, how, self.value())  # type: ignore[arg-type]
        if self.word("IS"):
            if not (self.kind == "word" and self.token in ("KNOWN", "UNKNOWN")):
                self.fail("KNOWN or UNKNOWN")
            return Known(name, self.next() == "KNOWN")
        if self.word("LENGTH"):
            return self.length(name)
        if self.word("HAS"):
            return self.has(name)
        self.fail("an operator (=, <, HAS, CONTAINS, STARTS WITH, ENDS WITH, LENGTH, IS KNOWN)")
        raise AssertionError

    def length(self, name: Name) -> Length:
        operator: Operator = self.operator() if self.kind == "operator" else "="
        if self.kind != "number" or not re.fullmatch(r"[-+]?\d+", self.token):
            self.fail("a whole number")
        return Length(name, operator, int(self.next()[:18]))

    def has(self, name: Name) -> Has:
        how = self.token if self.kind == "word" and self.token in ("ALL", "ANY", "ONLY") else "ONE"
        if how != "ONE":
            self.next()
        items = [self.item()]
        while how != "ONE" and self.sign(","):
            items.append(self.item())
        return Has(name, how, tuple(items))  # type: ignore[arg-type]

    def item(self) -> tuple[Operator, Value]:
        operator: Operator = self.operator() if self.kind == "operator" else "="
        return operator, self.value()

    def zipped(self, name: Name) -> Zipped:
        names = [name]
        while self.sign(":"):
            if self.kind != "name":
                self.fail("a property")
            names.append(self.name())
        if not self.word("HAS"):
            self.fail("HAS")
        self.word("ALL", "ANY", "ONLY")
        self.item()
        while self.sign(":") or self.sign(","):
            self.item()
        return Zipped(tuple(names))

    # ---- what they are made of ----

    def operator(self) -> Operator:
        if self.kind != "operator":
            self.fail("an operator (=, !=, <, <=, >, >=)")
        return self.next()  # type: ignore[return-value]

    def name(self) -> Name:
        return Name(tuple(self.next().split(".")))

    def value(self) -> Value:
        return self.name() if self.kind == "name" else self.constant()

    def constant(self) -> Scalar:
        if self.kind == "string":
            return re.sub(r"\\(.)", r"\1", self.next()[1:-1], flags=re.DOTALL)
        if self.kind == "number":
            text = self.next()
            return int(text) if len(text) < 19 and re.fullmatch(r"[-+]?\d+", text) else float(text)
        if self.kind == "word" and self.token in ("TRUE", "FALSE"):
            return self.next() == "TRUE"
        self.fail('a property, a number, TRUE, FALSE, or a text in double quotes ("Fe")')
        raise AssertionError

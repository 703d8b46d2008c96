"""Conditions in words of arithmetic: read into a small tree, never run as Python.

    temperature * time <= 1200
    solvent != "DMF" or temperature < 150
    `T (K)` in [300, 350] and sqrt(a) + b = 1

Names are parameters and components of mixtures; one that is no plain word stands between backticks. Words stand in
quotes. "=" is the same as "==".
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from matloop.core.errors import ConfigError
from matloop.problem.fault import did_you_mean, quoted
from matloop.problem.space import Bound, Linear

FUNCTIONS = {"sqrt": 1, "log": 1, "log10": 1, "exp": 1, "abs": 1, "min": 0, "max": 0}
"""Functions and how many values they take; 0 for two or more."""
_LONGEST, _DEEPEST = 2000, 60
_OPERATORS: dict[type, str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
_COMPARE: dict[type, str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.In: "in",
    ast.NotIn: "not in",
}  # fmt: skip
_SIGNS = str.maketrans({"≤": "<=", "≥": ">=", "≠": "!=", "−": "-", "·": "*", "×": "*", "“": '"', "”": '"'})


@dataclass(frozen=True, slots=True)
class Value:
    """A number or a word."""

    of: float | str


@dataclass(frozen=True, slots=True)
class Name:
    """A parameter, or a component of a mixture."""

    name: str


@dataclass(frozen=True, slots=True)
class Apply:
    """Something done to numbers: "+", "-" (one part: the sign), "*", "/", "**", or a function."""

    what: str
    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """`left` what `right`; for "in" and "not in" the right is a tuple of values."""

    what: str
    left: Tree
    right: Tree | tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Logic:
    """ "and", "or", "not"."""

    what: str
    parts: tuple[Tree, ...]


Tree = Value | Name | Apply | Compare | Logic


def read_condition(text: str, known: Mapping[str, Sequence[str] | None]) -> Tree:
    """The tree of a condition.

    Parameters
    ----------
    known : {name: the words that it may be, None for a number}.

    Raises
    ------
    ConfigError : it cannot be read, names what is not there, or compares a word with a number; the message says where.

    Examples
    --------
    >>> read_condition("a <= 2", {"a": None})
    Compare(what='<=', left=Name(name='a'), right=Value(of=2.0))
    """
    if len(text) > _LONGEST:
        raise ConfigError(f"the condition {quoted(text)} has {len(text)} signs; more than {_LONGEST} are not read.")
    plain, names = _prepared(text)
    try:
        parsed = ast.parse(plain.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(_unreadable(text, plain, error)) from error
    tree = _Reader(text, names, known).truth(parsed.body, 0)
    return tree


def names_in(tree: Tree) -> tuple[str, ...]:
    """The names in a tree, each once, in their order."""
    return tuple(dict.fromkeys(_names(tree)))


def _names(tree: Tree) -> Iterator[str]:
    if isinstance(tree, Name):
        yield tree.name
    elif isinstance(tree, Apply | Logic):
        for part in tree.parts:
            yield from _names(part)
    elif isinstance(tree, Compare):
        yield from _names(tree.left)
        if not isinstance(tree.right, tuple):
            yield from _names(tree.right)


# ---- linear ones ----


def linears(tree: Tree) -> tuple[tuple[Linear, ...], bool]:
    """The linear conditions that must hold where the tree does, and whether they say all that it says.

    Examples
    --------
    >>> linears(read_condition("2 * a + b <= 3 and a > 0", {"a": None, "b": None}))[0][0]
    Linear(coefficients={'a': 2.0, 'b': 1.0}, bound='<=', limit=3.0)
    """
    if isinstance(tree, Logic) and tree.what == "and":
        found = [linears(part) for part in tree.parts]
        return tuple(one for some, _ in found for one in some), all(whole for _, whole in found)
    if isinstance(tree, Compare) and tree.what in ("<=", "<", ">=", ">", "==") and not isinstance(tree.right, tuple):
        left, right = _affine(tree.left), _affine(tree.right)
        if left is not None and right is not None:
            weights = {n: left[0].get(n, 0.0) - right[0].get(n, 0.0) for n in (*left[0], *right[0])}
            weights = {name: weight for name, weight in weights.items() if weight}
            bound: Bound = "=" if tree.what == "==" else "<=" if tree.what[0] == "<" else ">="
            if weights:
                return (Linear(weights, bound, right[1] - left[1]),), tree.what not in ("<", ">")
    return (), False


def _affine(tree: Tree) -> tuple[dict[str, float], float] | None:
    """Coefficients and the constant of a sum; None where the tree is none."""
    if isinstance(tree, Value):
        return ({}, tree.of) if isinstance(tree.of, float) else None
    if isinstance(tree, Name):
        return {tree.name: 1.0}, 0.0
    if not isinstance(tree, Apply) or tree.what not in ("+", "-", "*", "/"):
        return None
    parts = [_affine(part) for part in tree.parts]
    if any(part is None for part in parts):
        return None
    known = [part for part in parts if part is not None]
    if len(known) == 1:
        return _scaled(known[0], -1.0)
    (a, x), (b, y) = known
    if tree.what in ("+", "-"):
        sign = 1.0 if tree.what == "+" else -1.0
        return {n: a.get(n, 0.0) + sign * b.get(n, 0.0) for n in (*a, *b)}, x + sign * y
    if tree.what == "*" and not (a and b):
        return _scaled((a, x), y) if a else _scaled((b, y), x)
    if tree.what == "/" and not b and y:
        return _scaled((a, x), 1.0 / y)
    return None


def _scaled(sum_: tuple[dict[str, float], float], factor: float) -> tuple[dict[str, float], float]:
    return {name: weight * factor for name, weight in sum_[0].items()}, sum_[1] * factor


def linear_text(linear: Linear) -> str:
    """A linear condition as a person would write it; `read_condition` reads it back."""
    parts: list[str] = []
    for name, weight in linear.coefficients.items():
        sign = "- " if weight < 0 else "+ " if parts else ""
        size = "" if abs(weight) == 1 else f"{abs(weight)!r} * "
        parts.append(f"{sign if parts else sign.strip()}{size}{written_name(name)}")
    return f"{' '.join(parts)} {linear.bound} {linear.limit!r}"


def written_name(name: str) -> str:
    """A name as a condition writes it: between backticks where it is no plain word."""
    plain = re.fullmatch(r"[^\W\d]\w*", name) and name not in ("and", "or", "not", "in", "is", "if", "else", "lambda")
    return name if plain and name not in FUNCTIONS and name not in ("True", "False", "None", "for") else f"`{name}`"


# ---- reading ----


def _prepared(text: str) -> tuple[str, dict[str, str]]:
    """Backticked names as stand-ins, a single "=" as "=="; nothing inside quotes is touched."""
    out: list[str] = []
    names: dict[str, str] = {}
    for part in re.split(r"""(`[^`]*`|"[^"]*"|'[^']*')""", text.translate(_SIGNS)):
        if part.startswith("`") and part.endswith("`") and len(part) > 2:
            stand_in = f"_name_{len(names)}_"
            names[stand_in] = part[1:-1].strip()
            out.append(stand_in)
        elif part[:1] in "\"'" and part:
            out.append(part)
        else:
            out.append(re.sub(r"(?<![<>=!])=(?!=)", "==", part).replace("\n", " "))
    return "".join(out), names


def _unreadable(text: str, plain: str, error: BaseException) -> str:
    hint = 'Write it like: temperature * time <= 1200, or: solvent != "DMF" or temperature < 150.'
    offset = getattr(error, "offset", None)
    near = f" near {quoted(plain.strip()[max(offset - 6, 0) : offset + 10])}" if offset else ""
    if text.count('"') % 2 or text.count("`") % 2:
        hint = "A quote or a backtick is not closed."
    elif text.count("(") != text.count(")"):
        hint = f"{text.count('(')} brackets are opened and {text.count(')')} closed."
    elif re.search(
        r"[^\W\d]\w*\s+\(|[^\W\d]\w*\s+[^\W\d]\w*", re.sub(r"\b(and|or|not|in)\b|\"[^\"]*\"|`[^`]*`", "+", text)
    ):
        hint = "A name with spaces or signs stands between backticks: `T (K)` <= 500."
    return f"the condition {quoted(text)} cannot be read{near}. {hint}"


@dataclass(frozen=True, slots=True)
class _Reader:
    text: str
    names: Mapping[str, str]
    known: Mapping[str, Sequence[str] | None]

    def fault(self, node: ast.AST | str, why: str) -> ConfigError:
        part = node if isinstance(node, str) else ast.unparse(node)
        for stand_in, name in self.names.items():
            part = part.replace(stand_in, f"`{name}`")
        return ConfigError(f"the condition {quoted(self.text)}, at {quoted(part)}: {why}")

    def truth(self, node: ast.expr, depth: int) -> Tree:
        """A part that is true or false."""
        if depth > _DEEPEST:
            raise self.fault(self.text, "it is nested too deeply. Split it into several conditions.")
        if isinstance(node, ast.BoolOp):
            parts = tuple(self.truth(one, depth + 1) for one in node.values)
            return Logic("and" if isinstance(node.op, ast.And) else "or", parts)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return Logic("not", (self.truth(node.operand, depth + 1),))
        if isinstance(node, ast.Compare):
            return self.compare(node, depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr):
            raise self.fault(node, 'write "and" for &, "or" for |.')
        raise self.fault(node, "it is neither true nor false. Compare it with something: <=, >=, <, >, =, !=, in.")

    def compare(self, node: ast.Compare, depth: int) -> Tree:
        sides = [node.left, *node.comparators]
        found: list[Tree] = []
        for left, op, right in zip(sides, node.ops, sides[1:], strict=False):
            what = _COMPARE.get(type(op))
            if what is None:
                raise self.fault(node, '"is" is not known here; write = or !=.')
            found.append(
                self.among(node, left, what, right) if "in" in what else self.pair(node, left, what, right, depth)
            )
        return found[0] if len(found) == 1 else Logic("and", tuple(found))

    def pair(self, node: ast.AST, left: ast.expr, what: str, right: ast.expr, depth: int) -> Tree:
        a, b = self.side(left, depth + 1), self.side(right, depth + 1)
        words_a, words_b = self.words(a), self.words(b)
        if (words_a is None) != (words_b is None):
            named = next((one.name for one in (a, b) if isinstance(one, Name) and self.words(one) is not None), "")
            advice = (
                f"{quoted(named)} is a word: compare it with a word in quotes."
                if named
                else "a word is compared with a number."
            )
            raise self.fault(node, advice)
        if words_a is not None and what not in ("==", "!="):
            raise self.fault(node, "words are equal or not (=, !=, in); they are not more or less.")
        for name, value in ((a, b), (b, a)):
            if isinstance(name, Name) and isinstance(value, Value):
                self.known_word(node, name, value)
        return Compare(what, a, b)

    def among(self, node: ast.AST, left: ast.expr, what: str, right: ast.expr) -> Tree:
        if not isinstance(right, ast.List | ast.Tuple | ast.Set):
            raise self.fault(node, 'after "in" stands a list: solvent in ["water", "ethanol"].')
        name, values = self.side(left, 0), tuple(self.side(one, 0) for one in right.elts)
        plain = tuple(value for value in values if isinstance(value, Value))
        if len(plain) < len(values):
            raise self.fault(node, "the list may hold numbers and words in quotes only.")
        for value in plain:
            if (self.words(name) is None) != isinstance(value.of, float):
                raise self.fault(node, "a word is compared with a number. Words stand in quotes, numbers do not.")
            if isinstance(name, Name):
                self.known_word(node, name, value)
        return Compare(what, name, plain)

    def words(self, tree: Tree) -> Sequence[str] | None:
        """The words that a part may be; None for numbers."""
        if isinstance(tree, Name):
            return self.known[tree.name]
        return (tree.of,) if isinstance(tree, Value) and isinstance(tree.of, str) else None

    def known_word(self, node: ast.AST, name: Name, value: Value) -> None:
        words = self.known[name.name]
        if words is not None and isinstance(value.of, str) and value.of not in words:
            raise self.fault(
                node, f"{quoted(name.name)} is never {quoted(value.of)}. {did_you_mean(value.of, list(words))}"
            )

    def side(self, node: ast.expr, depth: int) -> Tree:
        """A name, a number, a word, or arithmetic."""
        if depth > _DEEPEST:
            raise self.fault(self.text, "it is nested too deeply. Split it into several conditions.")
        if isinstance(node, ast.Constant):
            return self.constant(node)
        if isinstance(node, ast.Name):
            return self.name(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            part = self.number(node.operand, depth)
            return part if isinstance(node.op, ast.UAdd) else _negative(part)
        if isinstance(node, ast.BinOp):
            what = _OPERATORS.get(type(node.op))
            if what is None:
                raise self.fault(node, "known are + - * / and ** (a power).")
            return Apply(what, (self.number(node.left, depth), self.number(node.right, depth)))
        if isinstance(node, ast.Call):
            return self.call(node, depth)
        raise self.fault(node, "a condition holds names, numbers, words in quotes, + - * / ** and functions "
                         f"({', '.join(FUNCTIONS)}); nothing else.")  # fmt: skip

    def number(self, node: ast.expr, depth: int) -> Tree:
        tree = self.side(node, depth + 1)
        if self.words(tree) is not None:
            raise self.fault(node, "is a word; arithmetic is for numbers.")
        return tree

    def constant(self, node: ast.Constant) -> Value:
        if isinstance(node.value, str):
            return Value(node.value)
        if isinstance(node.value, int | float) and not isinstance(node.value, bool) and abs(node.value) < 1e300:
            return Value(float(node.value))
        raise self.fault(node, "is neither a number nor a word in quotes.")

    def name(self, node: ast.Name) -> Name:
        name = self.names.get(node.id, node.id)
        if name in self.known:
            return Name(name)
        owner = next((one for one, words in self.known.items() if words is not None and name in words), "")
        if owner:
            raise self.fault(node, f"it is a word of {quoted(owner)}, and words stand in quotes: {quoted(name)}.")
        raise self.fault(node, f"there is no parameter of this name. {did_you_mean(name, list(self.known))}")

    def call(self, node: ast.Call, depth: int) -> Tree:
        called = node.func.id if isinstance(node.func, ast.Name) else ""
        if called not in FUNCTIONS or node.keywords:
            raise self.fault(node, f"there is no such function. Known: {', '.join(FUNCTIONS)}.")
        wanted = FUNCTIONS[called]
        if (wanted and len(node.args) != wanted) or (not wanted and len(node.args) < 2):
            raise self.fault(node, f"{called} takes {wanted or 'two or more'} value{'' if wanted == 1 else 's'}.")
        return Apply(called, tuple(self.number(one, depth) for one in node.args))


def _negative(part: Tree) -> Tree:
    return Value(-part.of) if isinstance(part, Value) and isinstance(part.of, float) else Apply("-", (part,))

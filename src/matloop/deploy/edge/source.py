"""The source of matloop as pieces: what each top-level statement defines, and what it needs to run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

ROOT = "matloop"
_SCOPES = ast.FunctionDef | ast.AsyncFunctionDef
_IMPORTS = ast.Import | ast.ImportFrom


@dataclass(frozen=True, slots=True)
class Alias:
    """A name that an import binds: `name` is the attribute of `module`, or the module itself where attribute is ""."""

    name: str
    module: str
    attribute: str = ""

    @property
    def is_own(self) -> bool:
        """Whether it comes from matloop itself."""
        return self.module.partition(".")[0] == ROOT


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines `first` to `last` (from 1) of a module that stand or go together.

    binds : names it defines. names : names it reads; dotted : (name, attribute) pairs read; attributes : all attributes
    read; texts : text constants. imports : imports inside it, with their lines. methods : of a class, each a piece by
    itself, whose names are not in `names` of the class.
    """

    first: int
    last: int
    binds: tuple[str, ...]
    names: frozenset[str]
    dotted: frozenset[tuple[str, str]]
    attributes: frozenset[str]
    texts: frozenset[str]
    imports: tuple[tuple[int, int, tuple[Alias, ...]], ...] = ()
    methods: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class Module:
    """A module read as pieces. imports : aliases at its top; always : pieces that run whenever it is imported."""

    name: str
    lines: tuple[str, ...]
    docstring: int
    imports: dict[str, Alias]
    pieces: dict[str, Piece]
    always: tuple[Piece, ...]
    is_package: bool
    order: tuple[Piece, ...] = field(default_factory=tuple)


def exists(name: str) -> bool:
    """Whether matloop has a module of this name."""
    return _place(name) is not None


@cache
def read_module(name: str) -> Module:
    """The module `name` of the installed matloop as pieces.

    Raises
    ------
    ModuleNotFoundError : matloop has no such module.
    """
    place = _place(name)
    if place is None:
        raise ModuleNotFoundError(f"matloop has no module {name!r}.")
    path, is_package = place
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    imports: dict[str, Alias] = {}
    pieces: dict[str, Piece] = {}
    always, order = [], []
    body = list(tree.body)
    docstring = body[0].end_lineno or 0 if body and _is_text(body[0]) else 0
    for number, node in enumerate(body):
        if isinstance(node, _IMPORTS):
            imports |= {alias.name: alias for alias in _aliases(node)}
        elif not (_is_text(node) or _is_typing_only(node)):
            last = _end(node)
            if number + 1 < len(body) and not isinstance(node, _SCOPES | ast.ClassDef) and _is_text(body[number + 1]):
                last = _end(body[number + 1])  # the text below a constant says what it is
            piece = _piece(node, last)
            order.append(piece)
            pieces |= dict.fromkeys(piece.binds, piece)
            if not piece.binds:
                always.append(piece)
    return Module(name, tuple(text.splitlines()), docstring, imports, pieces, tuple(always), is_package, tuple(order))


def _place(name: str) -> tuple[Traversable, bool] | None:
    root, _, rest = name.partition(".")
    if root != ROOT:
        return None
    parts = rest.split(".") if rest else []
    here = files(ROOT)
    inside = here.joinpath(*parts, "__init__.py")
    if inside.is_file():
        return inside, True
    beside = here.joinpath(*parts[:-1], f"{parts[-1]}.py") if parts else inside
    return (beside, False) if beside.is_file() else None


def _piece(node: ast.stmt, last: int) -> Piece:
    methods: tuple[Piece, ...] = ()
    skipped: list[ast.AST] = []
    if isinstance(node, ast.ClassDef):
        skipped = [part for part in node.body if isinstance(part, _SCOPES)]
        methods = tuple(_piece(part, _end(part)) for part in skipped if isinstance(part, ast.stmt))
    seen = list(_walk(node, skipped))
    return Piece(
        first=_start(node),
        last=last,
        binds=tuple(_binds(node)),
        names=frozenset(one.id for one in seen if isinstance(one, ast.Name)),
        dotted=frozenset(
            (one.value.id, one.attr)
            for one in seen
            if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name)
        ),
        attributes=frozenset(one.attr for one in seen if isinstance(one, ast.Attribute)),
        texts=frozenset(one.value for one in seen if isinstance(one, ast.Constant) and isinstance(one.value, str)),
        imports=tuple((one.lineno, _end(one), tuple(_aliases(one))) for one in seen if isinstance(one, _IMPORTS)),
        methods=methods,
    )


def _walk(node: ast.AST, skipped: list[ast.AST]) -> Iterator[ast.AST]:
    """Every node that runs: methods that are pieces by themselves, and annotations of functions and of their variables,
    are left out; annotations of fields are not, because a field's type is looked up when a value is read from JSON."""
    for name, value in ast.iter_fields(node):
        unread = name in ("returns", "type_params") or (name == "annotation" and not isinstance(node, ast.AnnAssign))
        for child in [] if unread else value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and child not in skipped:
                yield child
                yield from _walk(child, skipped)


def _binds(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, _SCOPES | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            yield from (one.id for one in ast.walk(target) if isinstance(one, ast.Name))
    elif isinstance(node, ast.TypeAlias if hasattr(ast, "TypeAlias") else ()):
        yield node.name.id


def _aliases(node: ast.Import | ast.ImportFrom) -> Iterator[Alias]:
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield Alias(alias.asname or alias.name, node.module or "", alias.name)
        else:
            # `import a.b` binds a; `import a.b as c` binds the module a.b
            yield Alias(alias.asname or alias.name.partition(".")[0], alias.name)


def _start(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(one.lineno for one in decorators)])


def _end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_typing_only(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"

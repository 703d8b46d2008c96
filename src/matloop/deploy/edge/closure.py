"""What is reached from some functions: the definitions of matloop that they need, followed name by name.

Methods of a class that nobody calls stay behind, so fitting, writing and plotting go where only predicting is asked.
Tables of places ("matloop.room.module:name") are followed for the entries that are wanted, by their names.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from matloop.core.errors import RunError
from matloop.deploy.edge.source import ROOT, Alias, Module, Piece, exists, read_module

_PLACE = re.compile(rf"{ROOT}(\.\w+)+:\w+")


@dataclass(slots=True)
class Kept:
    """What stays of one module."""

    module: Module
    pieces: dict[int, Piece] = field(default_factory=dict)
    methods: dict[int, Piece] = field(default_factory=dict)
    imports: dict[str, Alias] = field(default_factory=dict)


@dataclass(slots=True)
class Closure:
    """The definitions reached, by module.

    wanted : names whose entries in tables of places are followed. severed : modules that are not followed.
    replaced : modules that something else stands in for.
    libraries : {library module: names taken from it}. texts : text constants of what is kept, by module.
    """

    wanted: frozenset[str]
    severed: frozenset[str]
    replaced: frozenset[str]
    modules: dict[str, Kept] = field(default_factory=dict)
    libraries: dict[str, set[str]] = field(default_factory=dict)
    texts: dict[str, set[str]] = field(default_factory=dict)
    _words: set[str] = field(default_factory=set)
    _attributes: set[str] = field(default_factory=set)
    _waiting: list[tuple[str, str]] = field(default_factory=list)
    _classes: list[tuple[Kept, Piece]] = field(default_factory=list)

    def _reach(self, module: str, name: str) -> None:
        self._waiting.append((module, name))

    def _settle(self) -> None:
        """Follow until nothing new is found: names first, then the methods that have become needed."""
        while True:
            while self._waiting:
                self._take(*self._waiting.pop())
            fresh = [
                (kept, method)
                for kept, piece in self._classes
                for method in piece.methods
                if method.first not in kept.methods and self._called(method.binds[0])
            ]
            if not fresh:
                return
            for kept, method in fresh:
                kept.methods[method.first] = method
                self._read(kept, method)

    def _called(self, name: str) -> bool:
        return (name.startswith("__") and name.endswith("__")) or name in self._attributes or name in self._words

    def _take(self, module: str, name: str) -> None:
        kept = self._module(module)
        if name in kept.module.pieces:
            piece = kept.module.pieces[name]
            if piece.first not in kept.pieces:
                kept.pieces[piece.first] = piece
                self._read(kept, piece)
        elif name in kept.module.imports:
            self._import(kept, kept.module.imports[name])
        elif exists(f"{module}.{name}"):
            self._module(f"{module}.{name}")

    def _module(self, name: str) -> Kept:
        if name not in self.modules:
            self.modules[name] = kept = Kept(read_module(name))
            for piece in kept.module.always:
                kept.pieces[piece.first] = piece
                self._read(kept, piece)
        return self.modules[name]

    def _import(self, kept: Kept, alias: Alias) -> None:
        kept.imports[alias.name] = alias
        self._follow(alias)

    def _follow(self, alias: Alias) -> None:
        if alias.module in self.severed or f"{alias.module}.{alias.attribute}" in self.severed:
            return
        if not alias.is_own or alias.module in self.replaced:
            self.libraries.setdefault(alias.module, set()).add(alias.attribute)
        elif alias.attribute:
            self._reach(alias.module, alias.attribute)
        else:
            self._module(alias.module)

    def _read(self, kept: Kept, piece: Piece) -> None:
        self._attributes |= piece.attributes
        self._words |= piece.texts
        self.texts.setdefault(kept.module.name, set()).update(piece.texts)
        if piece.methods:
            self._classes.append((kept, piece))
        inner = {alias.name: alias for _, _, aliases in piece.imports for alias in aliases}
        for alias in inner.values():
            self._follow(alias)
        for name in piece.names:
            if name in kept.module.pieces or name in kept.module.imports:
                self._reach(kept.module.name, name)
        for base, attribute in piece.dotted:
            held = inner.get(base) or kept.module.imports.get(base)
            if held is None or not held.is_own:
                continue
            target = f"{held.module}.{held.attribute}" if held.attribute else held.module
            if exists(target):
                self._reach(target, attribute)
        for text in self._places(kept, piece):
            module, _, attribute = text.partition(":")
            self._reach(module, attribute)
        for text in _annotated(piece.texts):
            if text in kept.module.pieces or text in kept.module.imports:
                self._reach(kept.module.name, text)

    def _places(self, kept: Kept, piece: Piece) -> list[str]:
        """Places that a table names for what is wanted; a place outside any table is followed always."""
        written = [text for text in piece.texts if _PLACE.fullmatch(text)]
        if not written:
            return []
        tree = ast.parse("\n".join(kept.module.lines[piece.first - 1 : piece.last]).lstrip())
        listed: dict[str, set[str]] = {}
        for node in ast.walk(tree):
            pairs: list[tuple[str | None, ast.expr]] = []
            if isinstance(node, ast.Call):
                pairs = [(keyword.arg, keyword.value) for keyword in node.keywords]
            elif isinstance(node, ast.Dict):
                keys = [str(key.value) if isinstance(key, ast.Constant) else None for key in node.keys]
                pairs = list(zip(keys, node.values, strict=True))
            for key, value in pairs:
                if isinstance(value, ast.Constant) and isinstance(value.value, str) and key is not None:
                    listed.setdefault(value.value, set()).add(key)
        return [text for text in written if text not in listed or listed[text] & self.wanted]


def _annotated(texts: Iterable[str]) -> list[str]:
    """Types that are named in quotes."""
    return [text for text in texts if text.isidentifier() and text[:1].isupper()]


def closure_of(
    roots: Iterable[tuple[str, str]],
    wanted: Collection[str],
    severed: Collection[str] = (),
    replaced: Collection[str] = (),
) -> Closure:
    """Everything that the functions `roots`, pairs (module, name), need, without following `severed` and `replaced`
    modules.

    Raises
    ------
    RunError : a root does not exist.
    """
    found = Closure(frozenset(wanted), frozenset(severed), frozenset(replaced))
    for module, name in roots:
        if name not in read_module(module).pieces:
            raise RunError(f"{module} has no {name!r}.")
        found._reach(module, name)
    found._settle()
    return found

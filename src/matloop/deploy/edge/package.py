"""A closure written as a package of its own: the same lines, cut to what is reached, libraries replaced."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from importlib.resources import files

from matloop.deploy.edge.closure import Closure, Kept
from matloop.deploy.edge.source import ROOT, Alias, Piece, exists, read_module

STANDINS = "matloop.deploy.edge.standins"
LIBRARIES = {
    "matloop.models.leaves": f"{STANDINS}.leaves",
    "pandas": f"{STANDINS}.pandas",
    "pint": f"{STANDINS}.pint",
    "scipy.linalg": f"{STANDINS}.scipy_linalg",
    "scipy.spatial.distance": f"{STANDINS}.scipy_distance",
    "scipy.special": f"{STANDINS}.scipy_special",
    "sklearn.base": f"{STANDINS}.sklearn_base",
    "sklearn.exceptions": f"{STANDINS}.sklearn_exceptions",
    "sklearn.neighbors": f"{STANDINS}.sklearn_neighbors",
    "threadpoolctl": f"{STANDINS}.threadpoolctl",
}
"""What stands in for a library module, and for the one module of matloop that calls a compiled library."""
_ABSENT = f"{STANDINS}.absent"
_ALLOWED = frozenset({"numpy", *sys.stdlib_module_names})
_QUOTED = re.compile(rf"""(["']){ROOT}((?:\.\w+)+(?::\w+)?)\1""")


def package_files(closure: Closure, package: str, licence: str) -> dict[str, str]:
    """{path inside the package: text} of every module that is reached, and of the stand-ins.

    Parameters
    ----------
    package : what it is called instead of matloop, so that both can be loaded side by side.
    licence : a line at the top of every file.
    """
    written = {}
    for name, kept in closure.modules.items():
        written[_path(kept.module.name, kept.module.is_package)] = _module_text(kept, closure, package, licence)
        del name
    for name in (_ABSENT, STANDINS, *LIBRARIES.values()):
        module = read_module(name)
        text = "\n".join(module.lines).replace(f"from {ROOT}.", f"from {package}.") + "\n"
        written[_path(name, module.is_package)] = f"# {licence}\n" + text
    for path in list(written):
        parts = path.split("/")[:-1]
        for depth in range(len(parts) + 1):
            written.setdefault("/".join([*parts[:depth], "__init__.py"]), f"# {licence}\n")
    return dict(sorted(written.items()))


def tables_of(closure: Closure) -> dict[str, str]:
    """{path inside the package: text} of the element tables that are named in what is reached."""
    keeper = "matloop.core.elements"
    if keeper not in closure.modules:
        return {}
    words = {word for module, texts in closure.texts.items() if module != keeper for word in texts}
    own = closure.modules[keeper]
    for piece in own.pieces.values():  # functions that read a table of their own; not constants that list tables
        words |= piece.texts if own.module.lines[piece.first - 1].startswith(("def ", "@")) else set()
    place = files("matloop.core").joinpath("tables")
    named = [one for one in place.iterdir() if one.name.endswith(".csv") and one.name[:-4] in words]
    return {f"core/tables/{one.name}": one.read_text("utf-8") for one in sorted(named, key=lambda one: one.name)}


def absent_names(closure: Closure) -> list[str]:
    """Names of libraries that are reached and that nothing stands in for; using one says so."""
    found = []
    for module, names in sorted(closure.libraries.items()):
        for name in sorted(names):
            if module.partition(".")[0] not in _ALLOWED and not _stands_in(Alias("", module, name)):
                found.append(f"{module}.{name}" if name else module)
    return found


def _path(module: str, is_package: bool) -> str:
    inside = module.split(".")[1:]
    return "/".join([*inside, "__init__.py"]) if is_package else "/".join(inside) + ".py"


def _module_text(kept: Kept, closure: Closure, package: str, licence: str) -> str:
    module = kept.module
    parts = [f"# {licence}", "\n".join(module.lines[: module.docstring]), "", "from __future__ import annotations", ""]
    used = [alias for name, alias in module.imports.items() if name in kept.imports and alias.module != "__future__"]
    parts += [line for alias in used for line in _import_lines(alias, closure, package)]
    for piece in module.order:
        if piece.first in kept.pieces:
            parts += ["", "", "\n".join(_lines(piece, kept, closure, package))]
    text = "\n".join(parts) + "\n"
    return re.sub(r"\n{4,}", "\n\n\n", _QUOTED.sub(rf"\g<1>{package}\g<2>\g<1>", text))


def _lines(piece: Piece, kept: Kept, closure: Closure, package: str) -> Iterable[str]:
    """The lines of a definition without the methods that stay behind, imports inside it written anew."""
    dropped: set[int] = set()
    for method in piece.methods:
        if method.first not in kept.methods:
            dropped |= set(range(method.first, method.last + 1))
    written: dict[int, list[str]] = {}
    for part in (piece, *(one for one in piece.methods if one.first in kept.methods)):
        for first, last, aliases in part.imports:
            line = kept.module.lines[first - 1]
            indent = line[: len(line) - len(line.lstrip())]
            dropped |= set(range(first, last + 1))
            lines = [text for alias in aliases for text in _import_lines(alias, closure, package)]
            written[first] = [indent + text for text in lines]
    for number in range(piece.first, piece.last + 1):
        yield from written.get(number, [] if number in dropped else [kept.module.lines[number - 1]])


def _import_lines(alias: Alias, closure: Closure, package: str) -> list[str]:
    """An import as it is in the package."""
    if alias.module.partition(".")[0] in _ALLOWED:
        return [_import(alias.module, alias)]
    target = _stands_in(alias) or (alias.module if alias.is_own and _is_kept(alias, closure) else "")
    if target:
        return [_import(target.replace(ROOT, package, 1), alias)]
    place = f"{alias.module}.{alias.attribute}" if alias.attribute else alias.module
    return [f"from {_ABSENT.replace(ROOT, package, 1)} import Absent", f'{alias.name} = Absent("{place}")']


def _import(module: str, alias: Alias) -> str:
    if alias.attribute:
        renamed = f" as {alias.name}" if alias.name != alias.attribute else ""
        return f"from {module} import {alias.attribute}{renamed}"
    if module == alias.module and alias.name == module.partition(".")[0]:
        return f"import {module}"
    above, _, last = module.rpartition(".")
    return f"from {above} import {last} as {alias.name}" if above else f"import {module} as {alias.name}"


def _stands_in(alias: Alias) -> str:
    """The module that stands in for the library that an import names; "" where there is none."""
    target = LIBRARIES.get(alias.module, "")
    if target and (not alias.attribute or alias.attribute in read_module(target).pieces):
        return target
    return ""


def _is_kept(alias: Alias, closure: Closure) -> bool:
    if alias.module not in closure.modules:
        return alias.attribute != "" and exists(f"{alias.module}.{alias.attribute}")
    kept = closure.modules[alias.module]
    if not alias.attribute or alias.attribute in kept.imports:
        return True
    piece = kept.module.pieces.get(alias.attribute)
    return (piece is not None and piece.first in kept.pieces) or exists(f"{alias.module}.{alias.attribute}")

"""The problem file: TOML to `Problem` and back. Every fault is collected and told at once, in the user's words."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matloop.core.errors import ConfigError, all_faults
from matloop.problem.fault import Fault, Places, did_you_mean, nearest, places, quoted, said
from matloop.problem.question import (
    Cleaning,
    Features,
    Input,
    Limits,
    Measurements,
    Never,
    Problem,
    Protocol,
    Roles,
    Selection,
    Source,
    Success,
    Target,
    Training,
    Window,
)
from matloop.problem.validate import located

_FROM_TABLE_NAME = {Input: ("name",), Target: ("name",)}
_PYTHON_ONLY: dict[type, tuple[str, ...]] = {Training: ("estimators",)}
_WHY_PYTHON_ONLY = (
    "a problem file may come from a stranger, so it never names code to import. Delete the key, and give your own "
    "estimators in Python: matloop.run(problem, estimators={...})."
)
_SYNONYMS = {
    "formula": "composition", "material": "composition", "chemical formula": "composition", "float": "number",
    "numeric": "number", "numerical": "number", "int": "number", "integer": "number", "continuous": "number",
    "categorical": "category", "string": "category", "str": "category", "text": "category", "binary": "classification",
    "classify": "classification", "classifier": "classification", "log10": "log", "logarithmic": "log",
    "lin": "linear", "average": "mean", "wt": "wt%", "at": "at%", "mol": "mol%", "weight%": "wt%", "mass%": "wt%",
    "crystal": "structure", "cif": "structure", "poscar": "structure", "smiles": "molecule", "sdf": "molecule",
    "inchi": "molecule", "rmse": "mse", "l1": "mae", "l2": "mse", "fast": "quick", "deep": "thorough",
    "drop": "set_aside",
}  # fmt: skip
_LATER = {
    "image", "pattern", "spectrum", "atoms", "text", "segmentation", "potential", "generation",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """A problem file: the problem (None where anything is wrong with it), all faults, and the lines of its keys."""

    file: str
    problem: Problem | None
    faults: tuple[Fault, ...]
    places: Places

    def sentences(self, more: Sequence[Fault] = ()) -> tuple[str, ...]:
        """The faults, and `more`, each with file, line, table and key."""
        return said((*self.faults, *more), self.file, self.places)


def load_problem(path: Path | str) -> Problem:
    """The problem that a TOML file asks.

    Parameters
    ----------
    path : the file; its tables and keys are listed in `docs/reference/problem.md`.

    Raises
    ------
    ConfigError : the file is missing or not TOML, or the question is unclear; the message lists every fault with its
        line, what was found and what to do.
    """
    reading = read_problem(Path(path))
    if reading.faults or reading.problem is None:
        raise ConfigError(faulty(reading.file, reading.sentences()))
    return reading.problem


def faulty(file: str, sentences: Sequence[str]) -> str:
    """The message of an error that tells all faults of a problem file."""
    count = "1 thing has" if len(sentences) == 1 else f"{len(sentences)} things have"
    return all_faults(f"{file}: {count} to be mended:", sentences, limit=30)


def read_problem(path: Path) -> Reading:
    """The file with all its faults; ConfigError only where it cannot be opened or is not TOML at all."""
    return parse_problem(_opened(path), path.name)


def parse_problem(text: str, file: str = "problem.toml") -> Reading:
    """The problem in a TOML text, with all its faults.

    Raises
    ------
    ConfigError : the text is not TOML; the message has the line and a hint.
    """
    document = _document(text, file)
    faults: list[Fault] = []
    problem = _problem(document, faults)
    faults += _contradictions(problem, faults)
    return Reading(file, None if faults else problem, tuple(faults), places(text))


def _document(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_syntax(text, file, str(error))) from error


def _contradictions(problem: Problem, faults: Sequence[Fault]) -> list[Fault]:
    """What contradicts itself in the parts that could be read; what only follows from a fault is not told."""
    broken = {fault.path[:2] for fault in faults} | {fault.path[:1] for fault in faults if fault.path[:1] != ("data",)}
    doubtful = {("roles",)} if ("inputs",) in broken else set()
    return [
        fault
        for fault in located(problem)
        if fault.path[:2] not in broken and (len(fault.path) > 1 or fault.path not in broken)
        if fault.path[:1] not in doubtful
    ]


def _opened(path: Path) -> str:
    if not path.exists():
        beside = [entry.name for entry in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        near = nearest(path.name, beside) or tuple(sorted(beside)[:3])
        hint = f"Did you mean {' or '.join(near)}?" if near else "Make one from a table with: matloop init TABLE"
        raise ConfigError(f"{path}: there is no such problem file. {hint}")
    if path.is_dir():
        raise ConfigError(f"{path}: this is a folder, a problem file was expected, such as {path / 'problem.toml'}.")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}, line {line}: the file is not UTF-8. Save it as UTF-8 in your editor.") from error
    except OSError as error:
        raise ConfigError(f"{path}: the file cannot be read ({error.strerror}).") from error


# --- from tables to values -------------------------------------------------------------------------------------------


def _problem(document: Mapping[str, Any], faults: list[Fault]) -> Problem:
    """The problem as far as it can be read; what cannot is a fault, and its default stands in."""
    _unknown_keys(document, [f.name for f in dataclasses.fields(Problem)], (), faults)
    inputs = [_built(Input, t, ("inputs", n), faults, n) for n, t in _named(document, "inputs", faults)]
    targets = [_built(Target, t, ("targets", n), faults, n) for n, t in _named(document, "targets", faults)]
    data, roles, limits, protocol, training, features, cleaning, measurements = (
        _built(kind, _table(document, key, faults), (key,), faults)
        for key, kind in (
            ("data", Source), ("roles", Roles), ("limits", Limits), ("protocol", Protocol), ("training", Training),
            ("features", Features), ("cleaning", Cleaning), ("measurements", Measurements),
        )
    )  # fmt: skip
    return Problem(
        name=_value(str, document.get("name", ""), ("name",), faults) or "",
        question=_value(str, document.get("question", ""), ("question",), faults) or "",
        data=data or Source(""),
        inputs=tuple(entry for entry in inputs if entry is not None),
        targets=tuple(target for target in targets if target is not None),
        roles=roles,
        limits=limits,
        protocol=protocol,
        training=training,
        features=features,
        cleaning=cleaning,
        measurements=measurements,
    )


def _table(document: Mapping[str, Any], name: str, faults: list[Fault]) -> Mapping[str, Any]:
    found = document.get(name, {})
    if isinstance(found, Mapping):
        return found
    faults.append(Fault((name,), f"found {_shown(found)}, a table was expected: a line [{name}], its keys below it."))
    return {}


def _named(document: Mapping[str, Any], name: str, faults: list[Fault]) -> list[tuple[str, Mapping[str, Any]]]:
    """The tables below `[inputs]` or `[targets]`, by name."""
    good = []
    for key, found in _table(document, name, faults).items():
        if isinstance(found, Mapping):
            good.append((key, found))
        else:
            faults.append(Fault((name, key), f"found {_shown(found)}. {_how_to_write(name, key, found)}"))
    return good


def _how_to_write(table: str, key: str, found: object) -> str:
    if table == "inputs":
        kind = found if found in typing.get_args(typing.get_type_hints(Input)["kind"]) else "number"
        return f'Write: {_key(key)} = {{ kind = "{kind}" }}'
    fields = [field.name for field in dataclasses.fields(Target)]
    if key in fields:
        return f"A target has a table of its own: write a line [targets.NAME], and {key} = {_shown(found)} below it."
    return f"A target has a table of its own: write a line [targets.{_key(key)}], and its keys below it."


def _built(kind: type, table: Mapping[str, Any], path: tuple[str, ...], faults: list[Fault], name: str = "") -> Any:
    """A dataclass of the question from its table; field types are the schema. What cannot be read keeps its default;
    None where something that has no default is missing."""
    given, python_only = _FROM_TABLE_NAME.get(kind, ()), _PYTHON_ONLY.get(kind, ())
    hints = typing.get_type_hints(kind)
    fields = [f for f in dataclasses.fields(kind) if f.name not in (*given, *python_only)]
    faults += [Fault((*path, key), _WHY_PYTHON_ONLY) for key in python_only if key in table]
    table = {key: found for key, found in table.items() if key not in python_only}
    _unknown_keys(table, [f.name for f in fields], path, faults)
    values, whole = {}, True
    for f in fields:
        if f.name in table and (value := _value(hints[f.name], table[f.name], (*path, f.name), faults)) is not None:
            values[f.name] = value
        elif f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING and f.name != "column":
            whole = False
            if f.name not in table:
                faults.append(Fault((*path, f.name), _missing(kind, f.name)))
    if kind is Target or (kind is Input and "columns" not in values):
        values.setdefault("column", name)
    return kind(**({"name": name} if given else {}), **values) if whole else None


_EXAMPLE = {
    (Source, "source"): 'source = "table.csv"',
    (Input, "kind"): 'kind = "composition", "structure", "molecule", "number" or "category"',
    (Success, "metric"): 'metric = "mae"',
    (Window, "along"): 'along = "time"',
    (Selection, "method"): 'method = "mrmr"',
    (Never, "abs_error_above"): "abs_error_above = 2.0",
    (Never, "share_above"): "share_above = 0.01",
}


def _missing(kind: type, key: str) -> str:
    return f"is missing; write for example: {_EXAMPLE.get((kind, key), key + ' = ...')}"


def _unknown_keys(table: Mapping[str, Any], known: Sequence[str], path: tuple[str, ...], faults: list[Fault]) -> None:
    for key in table:
        if key not in known:
            faults.append(Fault((*path, key), f"there is no such key. {_advice(key, known, path)}"))


def _advice(key: str, known: Sequence[str], path: tuple[str, ...]) -> str:
    homes = [home for home, fields in _HOMES.items() if key in fields and home.split(".")[0] != ".".join(path)]
    if homes:
        return f"It belongs in [{homes[0]}]."
    return did_you_mean(key, known)


_HOMES = {
    "top": ("name", "question"),
    **{
        table: tuple(f.name for f in dataclasses.fields(kind) if f.name not in _FROM_TABLE_NAME.get(kind, ()))
        for table, kind in (
            ("data", Source), ("roles", Roles), ("limits", Limits), ("protocol", Protocol), ("training", Training),
            ("features", Features), ("cleaning", Cleaning), ("measurements", Measurements),
            ("targets.NAME", Target), ("targets.NAME.success", Success), ("targets.NAME.success.never", Never),
        )
    },
}  # fmt: skip


def _value(hint: Any, found: Any, path: tuple[str, ...], faults: list[Fault]) -> Any:
    """`found` as the type `hint`; a fault and None where it is not that."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _value(next(a for a in arguments if a is not type(None)), found, path, faults)
    if origin is typing.Literal:
        return _choice(arguments, found, path, faults)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if isinstance(found, Mapping):
            return _built(hint, found, path, faults)
        faults.append(Fault(path, f"found {_shown(found)}, a table was expected: [{'.'.join(map(_key, path))}]."))
        return None
    if origin is tuple:
        return _several(arguments, found, path, faults)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _words(found, path, faults)
    return _plain(hint, found, path, faults)


def _choice(choices: tuple[str, ...], found: Any, path: tuple[str, ...], faults: list[Fault]) -> str | None:
    if found in choices:
        return str(found)
    word = str(found).strip().lower()
    if word in _LATER:
        advice = f"This release does not support it yet. Known: {', '.join(map(quoted, choices))}."
    elif _SYNONYMS.get(word) in choices:
        advice = f"Did you mean {quoted(_SYNONYMS[word])}?"
    else:
        advice = did_you_mean(str(found), choices)
        if not advice.startswith("Known"):
            advice += f" Known: {', '.join(map(quoted, choices))}."
    faults.append(Fault(path, f"found {_shown(found)}. {advice}"))
    return None


_WORDS_OF = {str: "text in quotes", float: "a number", int: "a whole number", bool: "true or false"}


def _plain(hint: Any, found: Any, path: tuple[str, ...], faults: list[Fault]) -> Any:
    fits = isinstance(found, hint) and not (isinstance(found, bool) and hint is not bool)
    if hint is float and isinstance(found, int) and not isinstance(found, bool):
        return float(found)
    if fits:
        return found
    advice = f"{_WORDS_OF[hint]} was expected"
    if hint in (float, int) and isinstance(found, str):
        advice += ", without quotes" if re.fullmatch(r"\s*[-+]?[\d.]+(e[-+]?\d+)?\s*", found, re.I) else ""
    faults.append(Fault(path, f"found {_shown(found)}; {advice}."))
    return None


def _several(arguments: tuple[Any, ...], found: Any, path: tuple[str, ...], faults: list[Fault]) -> Any:
    length = None if arguments[-1] is Ellipsis else len(arguments)
    if not isinstance(found, list) or (length is not None and len(found) != length):
        kind = str if typing.get_origin(arguments[0]) is typing.Literal else arguments[0]
        what = {str: "a list of texts", int: "a list of whole numbers", float: "a list of numbers"}[kind]
        example = {str: '["a", "b"]', int: "[0, 1, 2]", float: "[0.0, inf]"}[kind]
        count = f" of {length}" if length else ""
        faults.append(Fault(path, f"found {_shown(found)}; {what}{count} was expected, such as {example}."))
        return None
    before = len(faults)
    values = tuple(_value(arguments[0], item, path, faults) for item in found)
    return values if len(faults) == before else None


def _words(found: Any, path: tuple[str, ...], faults: list[Fault]) -> dict[str, str] | None:
    if isinstance(found, Mapping) and all(isinstance(item, str) for item in found.values()):
        return dict(found)
    faults.append(
        Fault(path, f'found {_shown(found)}; a table was expected, such as {{ Fe = "Fe (wt%)", C = "C (wt%)" }}.')
    )
    return None


def _shown(found: Any) -> str:
    if isinstance(found, str):
        return f"the text {quoted(found)}"
    text = _scalar(found) if isinstance(found, bool | int | float | list | Mapping) else str(found)
    return text if len(text) <= 80 else text[:77] + "..."


# --- what is wrong with the TOML itself ------------------------------------------------------------------------------


def _syntax(text: str, file: str, error: str) -> str:
    at = re.search(r"\(at (?:line (\d+), column (\d+)|end of document)\)", error)
    lines = text.splitlines()
    number = int(at[1]) if at and at[1] else len(lines)
    if at and "\n" not in text and not at[1]:
        number = 1
    line = lines[number - 1] if 0 < number <= len(lines) else ""
    plain = re.sub(r"\s*\(at .*\)$", "", error)
    return f"{file}, line {number}: this is not valid TOML: {plain}.\n    {line.strip()}\n{_syntax_hint(line, plain)}"


def _syntax_hint(line: str, error: str) -> str:
    value = re.match(rf"\s*({_BARE})\s*=\s*(.*?)\s*(?:#.*)?$", line)
    if re.search("[“”‘’„]", line):
        return 'Use plain quotes: " instead of “ or ”.'
    if "\\" in line and ("escape" in error.lower() or "hex" in error.lower() or "unescaped" in error.lower()):
        return (
            "A backslash is special between double quotes: put the path between single quotes, 'C:\\data\\table.csv'."
        )
    if "overwrite" in error or "twice" in error or "already" in error:
        return "The same key or table is written twice: keep one of them."
    if value is None:
        return (
            "Each line is a [table], or key = value; a comment starts with #. A "
            'name with spaces needs quotes: "T (K)" = ...'
        )
    key, found = value[1], value[2]
    if found in ("True", "False", "TRUE", "FALSE", "Yes", "No", "yes", "no"):
        return f"Write: {key} = {'true' if found.lower() in ('true', 'yes') else 'false'}"
    if found in ("None", "null", "nan", "NA", ""):
        return f"A key without a value is left out: delete the line of {key}."
    if re.fullmatch(r"[-+]?\d+,\d+", found):
        return f"A decimal point is expected: {key} = {found.replace(',', '.')}"
    if re.fullmatch(r"[^\"'\[{].*", found) and not re.fullmatch(r"[-+]?[\d.]+", found):
        return f"Text needs quotes: {key} = {json.dumps(found, ensure_ascii=False)}"
    return "Look for a missing quote, bracket or comma."


_BARE = r"[^=\s]+"


# --- from values to tables -------------------------------------------------------------------------------------------

_HEAD = {
    "data": "a path (relative to this file), or the name of a data set that matloop carries (matloop data list)",
    "inputs": "what the model may see; a column that is not listed here is never a feature",
    "targets": "what is asked for",
    "roles": "columns with another meaning; rows of one group never straddle a split",
    "limits": "what the answer may cost; minutes cover search and evidence together",
    "protocol": "how honesty is kept: share of sealed rows, seeds of models and "
    "folds, depth quick | standard | thorough",
    "features": "columns made from several inputs",
    "cleaning": "which rows are used: your decisions, polymorphs, levels of theory, faulty and repeated structures",
    "measurements": "how values were measured: columns kept beside the data, and files of instruments",
    "training": "which model families to try (matloop models list); all that are installed where none is named",
}


def dump_problem(problem: Problem, notes: Mapping[str, Sequence[str]] | None = None) -> str:
    """The problem as TOML that `load_problem` reads back to an equal value.

    Parameters
    ----------
    problem : what to write.
    notes : further comment lines by table ("inputs", "targets.S_n", "roles", ...), put at its end; those of "" stand at
        the top of the file.
    """
    notes = notes or {}
    lines = [*_comments(notes.get("", ())), f"name = {_scalar(problem.name)}"]
    if problem.question:
        lines.append(f"question = {_scalar(problem.question)}")
    lines += _section("data", _pairs(problem.data), notes)
    lines += ["", f"[inputs]  # {_HEAD['inputs']}", *_input_lines(problem.inputs), *_comments(notes.get("inputs", ()))]
    for target in problem.targets:
        lines += _target_lines(target, notes)
    if not problem.targets:
        lines += ["", f"[targets]  # {_HEAD['targets']}"]
    lines += [] if not problem.targets else _comments(notes.get("targets", ()))
    for name, value in (("roles", problem.roles), ("limits", problem.limits), ("protocol", problem.protocol)):
        lines += _section(name, _pairs(value, always=_ALWAYS.get(name, ())), notes)
    if features := _pairs(problem.features):
        lines += _section("features", features, notes)
    if cleaning := _pairs(problem.cleaning):
        lines += _section("cleaning", cleaning, notes)
    if measurements := _pairs(problem.measurements):
        lines += _section("measurements", measurements, notes)
    own = problem.training.estimators
    if (training := _pairs(problem.training, leave=_PYTHON_ONLY[Training])) or own:
        lines += _section("training", training, notes)
        lines += _comments(
            [f"own estimators, only in Python (matloop.run): {', '.join(map(repr, own))}"] if own else []
        )
    return "\n".join(lines) + "\n"


_ALWAYS = {"limits": ("minutes",), "protocol": ("test_fraction", "seeds", "depth"), "roles": ()}


def _section(name: str, pairs: Mapping[str, Any], notes: Mapping[str, Sequence[str]]) -> list[str]:
    lines = ["", f"[{name}]  # {_HEAD[name]}"]
    return lines + [f"{key} = {_scalar(value)}" for key, value in pairs.items()] + _comments(notes.get(name, ()))


def _input_lines(inputs: Sequence[Input]) -> list[str]:
    width = max((len(_key(entry.name)) for entry in inputs), default=0)
    lines = []
    for entry in inputs:
        pairs = _pairs(entry, leave=("name",))
        if entry.column == entry.name and not entry.columns:
            pairs.pop("column", None)
        lines.append(f"{_key(entry.name):<{width}} = {_scalar(pairs)}")
    return lines


def _target_lines(target: Target, notes: Mapping[str, Sequence[str]]) -> list[str]:
    place = f"targets.{_key(target.name)}"
    pairs = _pairs(target, always=("task",), leave=("name", "success"))
    if target.column == target.name:
        pairs.pop("column", None)
    lines = ["", f"[{place}]", *(f"{key} = {_scalar(value)}" for key, value in pairs.items())]
    lines += _comments(notes.get(f"targets.{target.name}", ()))
    if target.success is not None:
        success = _pairs(target.success, leave=("never",))
        lines += ["", f"[{place}.success]", *(f"{key} = {_scalar(value)}" for key, value in success.items())]
        if target.success.never is not None:
            lines.append(f"never = {_scalar(_pairs(target.success.never))}")
    return lines


def _pairs(value: Any, always: Sequence[str] = (), leave: Sequence[str] = ()) -> dict[str, Any]:
    """The fields that differ from their defaults, and those in `always`."""
    pairs = {}
    for f in dataclasses.fields(value):
        found = getattr(value, f.name)
        default = f.default_factory() if f.default_factory is not dataclasses.MISSING else f.default
        if f.name in leave or found is None or (found == default and f.name not in always):
            continue
        pairs[f.name] = found
    return pairs


def _comments(lines: Sequence[str]) -> list[str]:
    return [f"# {part}".rstrip() for line in lines for part in (line.splitlines() or [""])]


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if dataclasses.is_dataclass(value):
        return _scalar(_pairs(value))
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_scalar(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_scalar, value)) + "]"
    return repr(value)

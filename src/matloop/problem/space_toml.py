"""Spaces as TOML: `[space.NAME]` tables with a kind, constraints as texts, or a table of candidates; and back.

[space]
constraints = ["temperature * time <= 1200", "Fe + Ni >= 0.2"]

[space.temperature]
kind = "continuous"
low = 300
high = 900
unit = "K"

[space.alloy]
kind = "mixture"
components = { Fe = [0.0, 0.5], Ni = { high = 0.4, least = 0.05 }, Co = [0.0, 1.0] }
at_most = 2
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from matloop.core.errors import ConfigError, all_faults
from matloop.problem.condition import linear_text, linears, read_condition
from matloop.problem.fault import Fault, did_you_mean, quoted, said
from matloop.problem.space import (
    Categorical,
    Component,
    Constraint,
    Continuous,
    Elements,
    Expression,
    Integer,
    Linear,
    Mixture,
    Ordinal,
    Parameter,
    Rule,
    Space,
    When,
)
from matloop.problem.space_faults import RESERVED, located, words_of

KINDS: dict[str, type] = {
    "continuous": Continuous,
    "integer": Integer,
    "ordinal": Ordinal,
    "categorical": Categorical,
    "mixture": Mixture,
}
_KEY_OF = {"kind": "matter"}  # of a categorical: "kind" says what the parameter is
_SYNONYMS = {
    "number": "continuous", "float": "continuous", "real": "continuous", "range": "continuous", "int": "integer",
    "category": "categorical", "choice": "categorical", "words": "categorical", "discrete": "ordinal",
    "composition": "mixture", "simplex": "mixture", "fractions": "mixture", "levels": "ordinal",
}  # fmt: skip
_OF_TABLE = {"low": 0.0, "high": 0.0, "values": ()}  # what a table of candidates says itself


def read_space(document: Mapping[str, Any], faults: list[Fault]) -> Space:
    """The space of a file: its tables `[space.NAME]`; `constraints` and `candidates` stand in `[space]` or at the top.

    Columns that `[targets]` names describe no candidate.

    Parameters
    ----------
    faults : what cannot be read or contradicts itself is added here; the space is then empty.
    """
    tables = document.get("space", {})
    if not isinstance(tables, Mapping):
        wanted = "a table was expected: a line [space.NAME] for each parameter, its keys below it"
        return _not(tables, wanted, ("space",), faults, Space())
    own: list[Fault] = []
    top = {key: document[key] for key in ("constraints", "candidates") if key in document}
    found = _space({**tables, **top}, own)
    if found.candidates:  # a result in the table describes no candidate
        known = dict.fromkeys((*found.without, *_results(document.get("targets", {}))))
        found = dataclasses.replace(found, without=tuple(known))
    for fault in own:
        moved = (
            fault.path[1:] if fault.path[:1] == ("space",) and fault.path[1:2] and fault.path[1] in top else fault.path
        )
        faults.append(Fault(moved, fault.said))
    return found


def _results(targets: Any) -> tuple[str, ...]:
    """The columns that the targets of a file are measured in."""
    named = targets.items() if isinstance(targets, Mapping) else ()
    tables = [(name, table) for name, table in named if isinstance(table, Mapping)]
    columns = [(table.get("column", name), table.get("error_column", "")) for name, table in tables]
    return tuple(str(column) for pair in columns for column in pair if column)


def space_of(tables: Mapping[str, Any], *, where: str = "space") -> Space:
    """The space that parameters as tables describe, for Python: {name: {"kind": ..., ...}, "constraints": [...]}.

    Parameters
    ----------
    where : what the tables come from, for messages.

    Raises
    ------
    ConfigError : something cannot be read or contradicts itself; every fault is told.

    Examples
    --------
    >>> space_of({"T": {"kind": "continuous", "low": 300, "high": 400, "unit": "K"}}).parameters[0].high
    400.0
    """
    faults: list[Fault] = []
    space = _space(tables, faults)
    if faults:
        raise ConfigError(all_faults(f"{where}: the space has to be mended:", said(faults), limit=30))
    return space


def _space(tables: Mapping[str, Any], faults: list[Fault]) -> Space:
    candidates = _text(tables.get("candidates", ""), ("space", "candidates"), faults)
    named = {name: table for name, table in tables.items() if name not in RESERVED}
    parameters = [_parameter(name, table, bool(candidates), faults) for name, table in named.items()]
    texts = _texts(tables.get("constraints", []), ("space", "constraints"), faults)
    without = _texts(tables.get("without", []), ("space", "without"), faults)
    elements = _elements(tables["elements"], ("space", "elements"), faults) if "elements" in tables else ()
    if faults:
        return Space()
    whole = tuple(one for one in parameters if one is not None)
    space = Space(whole, (*map(Expression, texts), *elements), candidates, without)
    faults += located(space)
    return Space() if faults else dataclasses.replace(space, constraints=_lined(space))


def _lined(space: Space) -> tuple[Constraint, ...]:
    """Texts that say one linear condition, and nothing else, as that."""
    found: list[Constraint] = []
    for one in space.constraints:
        lines: tuple[Linear, ...] = ()
        if isinstance(one, Expression) and not space.candidates:
            lines, whole = linears(read_condition(one.text, words_of(space.parameters)))
            lines = lines if whole and len(lines) == 1 else ()
        found += lines or (one,)
    return tuple(found)


# ---- reading ----


def _parameter(name: str, table: Any, of_table: bool, faults: list[Fault]) -> Parameter | None:
    path = ("space", name)
    if not isinstance(table, Mapping):
        advice = 'Write a line [space.NAME] and below it kind = "continuous", low = ..., high = ...'
        faults.append(Fault(path, f"found {_shown(table)}, a table was expected. {advice}"))
        return None
    kind = table.get("kind")
    if kind not in KINDS:
        faults.append(Fault((*path, "kind"), _no_kind(kind)))
        return None
    schema = {_KEY_OF.get(f.name, f.name): f for f in dataclasses.fields(KINDS[kind]) if f.name != "name"}
    values: dict[str, Any] = {"name": name}
    before = len(faults)
    for key in table:
        if key != "kind" and key not in schema:
            faults.append(Fault((*path, key), f"there is no such key for {kind}. {did_you_mean(key, list(schema))}"))
    for key, field in schema.items():
        if key in table:
            values[field.name] = _READ[_type(field.name, kind)](table[key], (*path, key), faults)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            if of_table and key in _OF_TABLE:
                values[field.name] = _OF_TABLE[key]
            else:
                faults.append(Fault((*path, key), f"is missing; write for example: {_EXAMPLE[key]}"))
    found: Parameter | None = KINDS[kind](**values) if len(faults) == before else None
    return found


_EXAMPLE = {
    "low": "low = 20",
    "high": "high = 80",
    "values": 'values = ["water", "ethanol"]; of an ordinal: values = [1, 2, 5]',
    "components": "components = { Fe = [0.0, 0.5], Ni = [0.0, 1.0] }",
}


def _no_kind(kind: object) -> str:
    known = ", ".join(map(quoted, KINDS))
    if kind is None:
        return f"is missing. Known: {known}."
    if (meant := _SYNONYMS.get(str(kind).lower())) is not None:
        return f"found {quoted(kind)}. Did you mean {quoted(meant)}? Known: {known}."
    return f"found {quoted(kind)}. {did_you_mean(str(kind), list(KINDS))}"


def _type(field: str, kind: str) -> str:
    if field in ("low", "high"):
        return "whole" if kind == "integer" else "number"
    if field == "values":
        return "numbers" if kind == "ordinal" else "texts"
    return {
        "step": "number", "unit": "text", "scale": "text", "kind": "text", "features": "texts", "when": "when",
        "descriptors": "descriptors", "components": "components", "at_most": "whole", "at_least": "whole",
        "as_composition": "flag",
    }[field]  # fmt: skip


def _number(found: Any, path: tuple[str, ...], faults: list[Fault]) -> float:
    if isinstance(found, int | float) and not isinstance(found, bool):
        return float(found)
    return _not(found, "a number was expected, without quotes", path, faults, 0.0)


def _whole(found: Any, path: tuple[str, ...], faults: list[Fault]) -> int:
    if isinstance(found, int) and not isinstance(found, bool):
        return found
    return _not(found, "a whole number was expected", path, faults, 0)


def _flag(found: Any, path: tuple[str, ...], faults: list[Fault]) -> bool:
    return found if isinstance(found, bool) else _not(found, "true or false was expected", path, faults, False)


def _text(found: Any, path: tuple[str, ...], faults: list[Fault]) -> str:
    return found if isinstance(found, str) else _not(found, "text in quotes was expected", path, faults, "")


def _texts(found: Any, path: tuple[str, ...], faults: list[Fault]) -> tuple[str, ...]:
    if isinstance(found, list | tuple) and all(isinstance(one, str) for one in found):
        return tuple(found)
    return _not(found, 'a list of texts was expected, such as ["a", "b"]', path, faults, ())


def _numbers(found: Any, path: tuple[str, ...], faults: list[Fault]) -> tuple[float, ...]:
    if isinstance(found, list | tuple) and all(isinstance(x, int | float) and not isinstance(x, bool) for x in found):
        return tuple(map(float, found))
    return _not(found, "a list of numbers was expected, such as [1, 2, 5]", path, faults, ())


def _when(found: Any, path: tuple[str, ...], faults: list[Fault]) -> When | None:
    if isinstance(found, Mapping) and len(found) == 1:
        (parent, values), *_ = found.items()
        values = values if isinstance(values, list | tuple) else [values]
        if all(isinstance(value, str | int | float) and not isinstance(value, bool) for value in values):
            return When(parent, tuple(v if isinstance(v, str) else float(v) for v in values))
    return _not(found, 'one parameter and its values were expected: when = { solvent = ["water"] }', path, faults, None)


def _descriptors(found: Any, path: tuple[str, ...], faults: list[Fault]) -> dict[str, tuple[float, ...]]:
    if not isinstance(found, Mapping):
        return _not(found, "a table was expected: descriptors = { water = [1.0, 78.4], ... }", path, faults, {})
    read = {}
    for word, numbers in found.items():
        read[word] = _numbers(numbers if isinstance(numbers, list | tuple) else [numbers], (*path, word), faults)
    return read


def _components(found: Any, path: tuple[str, ...], faults: list[Fault]) -> tuple[Component, ...]:
    if isinstance(found, list | tuple) and all(isinstance(name, str) for name in found):
        return tuple(Component(name) for name in found)
    if not isinstance(found, Mapping):
        wanted = "a table was expected: components = { Fe = [0.0, 0.5], Ni = { high = 0.4, least = 0.05 } }"
        return _not(found, wanted, path, faults, ())
    read = []
    for name, bounds in found.items():
        here = (*path, name)
        if isinstance(bounds, list | tuple) and len(bounds) == 2:
            low, high = _numbers(bounds, here, faults) or (0.0, 1.0)
            read.append(Component(name, low, high))
        elif isinstance(bounds, Mapping) and not (odd := [k for k in bounds if k not in ("low", "high", "least")]):
            read.append(Component(name, **{key: _number(value, (*here, key), faults) for key, value in bounds.items()}))
        elif isinstance(bounds, Mapping):
            faults.append(
                Fault((*here, odd[0]), f"there is no such key. {did_you_mean(odd[0], ['low', 'high', 'least'])}")
            )
        else:
            faults.append(Fault(here, f"found {_shown(bounds)}; write [low, high], or {{ high = 0.4, least = 0.05 }}."))
    return tuple(read)


def _elements(found: Any, path: tuple[str, ...], faults: list[Fault]) -> tuple[Elements, ...]:
    if not isinstance(found, Mapping):
        return _not(found, 'a table was expected: elements = { without = ["Tc", "actinides"] }', path, faults, ())
    readers: dict[str, Any] = {"without": _texts, "only": _texts, "max_price": _number, "max_hhi": _number}
    for key in found:
        if key not in readers:
            faults.append(Fault((*path, key), f"there is no such key. {did_you_mean(key, list(readers))}"))
    return (Elements(**{key: read(found[key], (*path, key), faults) for key, read in readers.items() if key in found}),)


_READ: dict[str, Any] = {
    "number": _number, "whole": _whole, "flag": _flag, "text": _text, "texts": _texts, "numbers": _numbers,
    "when": _when, "descriptors": _descriptors, "components": _components,
}  # fmt: skip


def _not(found: Any, wanted: str, path: tuple[str, ...], faults: list[Fault], instead: Any) -> Any:
    faults.append(Fault(path, f"found {_shown(found)}; {wanted}."))
    return instead


def _shown(found: Any) -> str:
    text = f"the text {quoted(found)}" if isinstance(found, str) else json.dumps(found, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


# ---- writing ----


def write_space(space: Space) -> str:
    """The space as TOML that `read_space` reads back.

    Raises
    ------
    ConfigError : a constraint is a function, which a file cannot hold.
    """
    lines = ["[space]"]
    if space.candidates:
        lines.append(f"candidates = {_toml(space.candidates)}")
    if space.without:
        lines.append(f"without = {_toml(space.without)}")
    if texts := [_written(one) for one in space.constraints if not isinstance(one, Elements)]:
        lines.append(f"constraints = {_toml(texts)}")
    for limits in (one for one in space.constraints if isinstance(one, Elements)):
        pairs = {f.name: getattr(limits, f.name) for f in dataclasses.fields(limits)}
        told = ", ".join(f"{name} = {_toml(value)}" for name, value in pairs.items() if value not in ((), None))
        lines.append(f"elements = {{ {told} }}")
    for one in space.parameters:
        kind = next(name for name, cls in KINDS.items() if isinstance(one, cls))
        lines += ["", f"[space.{_key(one.name)}]", f'kind = "{kind}"']
        lines += [f"{key} = {_toml(value)}" for key, value in _pairs(one, bool(space.candidates)).items()]
    return "\n".join(lines) + "\n"


def _written(one: Linear | Expression | Rule) -> str:
    if isinstance(one, Rule):
        raise ConfigError(
            f"the rule {quoted(one.name)} is a function and cannot stand in a file. Write it as a condition "
            '("temperature * time <= 1200"), or keep the space in Python.'
        )
    return one.text if isinstance(one, Expression) else linear_text(one)


def _pairs(one: Parameter, of_table: bool) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for field in dataclasses.fields(one):
        value = getattr(one, field.name)
        default = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
        if field.name == "name" or value == default or (of_table and value == _OF_TABLE.get(field.name, value is None)):
            continue
        if isinstance(value, When):
            value = {value.parameter: list(value.values)}
        if field.name == "components":
            value = {part.name: _bounds(part) for part in value}
        pairs[_KEY_OF.get(field.name, field.name)] = value
    return pairs


def _bounds(part: Component) -> Any:
    if part.least:
        return {"low": part.low, "high": part.high, "least": part.least}
    return [part.low, part.high]


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _toml(name)


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(str(key))} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return repr(value)

"""What a bundle predicts when a material is changed, or the smallest change that reaches a goal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from matloop.core.elements import ATOMIC_MASS, SYMBOLS, Z_OF
from matloop.core.errors import ConfigError, DataError
from matloop.core.jsonable import to_jsonable
from matloop.data.collect import from_frame
from matloop.data.dataset import Categories, Column, Dataset, Numbers
from matloop.data.inputs import needed, read_inputs
from matloop.deploy.bundle import Bundle, load_bundle
from matloop.doubt.prediction import Prediction
from matloop.explain.charges import neutral
from matloop.explain.chemistry_cases import room_of
from matloop.explain.chemistry_values import Altered, Found
from matloop.explain.counterfactuals import Judge, Wish, counterfactuals, difference, single_changes
from matloop.explain.edits import amounts_of, from_amounts, named
from matloop.explain.moves import Candidates, Row, moves_of
from matloop.matter.compositions import Compositions, as_compositions
from matloop.pipeline.account import few_digits
from matloop.problem.fault import did_you_mean
from matloop.problem.question import Input
from matloop.represent.representation import Representation, represent
from matloop.train.model import Model

Change = str | float | int


@dataclass(frozen=True, slots=True)
class WhatIf:
    """A material as it is, and changed.

    shown : the material. before : its prediction (one row). found : the changes, and what they do.
    """

    target: str
    unit: str
    classes: tuple[str, ...]
    shown: str
    before: Prediction
    found: Found
    warnings: tuple[str, ...] = ()
    outside: bool = False
    """whether the row that was asked for is outside the domain"""

    def lines(self) -> Iterable[str]:
        """What to print."""
        inside = "" if self.before.in_domain[0] else f"; outside the domain: {self.before.reason[0]}"
        yield f"{self.shown}: {self.target} {self._said(self.before, 0)}{inside}"
        if self.found.wish:
            yield f"Smallest changes for it {self.found.wish}:"
        for one in self.found.altered:
            yield f"  {' and '.join(one.moves)}: {one.shown}, {self._altered(one)}"
        if not self.found.altered:
            parts = [f"{self.found.tried:,} tried"]
            parts += [f"{self.found.outside:,} of them outside the domain"] if self.found.outside else []
            parts += [f"{self.found.charged:,} left out: charges cannot balance"] if self.found.charged else []
            yield f"  no feasible change of one or two steps ({', '.join(parts)})"
        yield from self.warnings

    def as_json(self) -> Any:
        """The same for a program."""
        return to_jsonable(self)

    def _repr_html_(self) -> str:
        return "".join(f"<p>{escape(line)}</p>" for line in self.lines())

    def _said(self, said: Prediction, row: int) -> str:
        if self.classes:
            best = int(said.value[row])
            return f"{self.classes[best]!r} with {said.proba[row, best]:.0%}"
        unit = f" {self.unit}" if self.unit else ""
        return f"{said.value[row]:.4g}{unit} ({said.low[row]:.4g} to {said.high[row]:.4g})"

    def _altered(self, one: Altered) -> str:
        told = "supported" if one.supported else "outside the domain" if self.outside else "within the doubt"
        if self.classes:
            chance = f" with {one.chance:.0%}" if np.isfinite(one.chance) else ""
            return f"{self.classes[int(one.value)]!r}{chance}; {told}"
        unit = f" {self.unit}" if self.unit else ""
        return (
            f"{one.value:.4g}{unit} ({one.low:.4g} to {one.high:.4g}), change {one.change:+.3g} "
            f"({one.change_low:.3g} to {one.change_high:.3g}); {told}"
        )


def what_if(
    bundle: Bundle | Path | str,
    row: str | Mapping[str, Any],
    changes: Mapping[str, Change] | None = None,
    *,
    target: str = "",
    at_least: float | None = None,
    at_most: float | None = None,
    becomes: str = "",
) -> WhatIf:
    """What a model says when a material is changed; or the smallest feasible change that reaches a goal.

    Parameters
    ----------
    bundle : a bundle or its folder.
    row : a formula, where that is the only input (also in a column per element); else a mapping of the columns of the
        bundle's inputs.
    changes : made together. `{"Co": "Ni"}` replaces an element by another, `{"Li": 1.1}` sets its amount (atoms per
        formula as written), `{"temperature": 900}` sets an input. None and no goal: each element exchanged for each
        alike one, the largest changes first.
    target : which target, where the bundle has several.
    at_least, at_most, becomes : the goal: a value, or the name of a class.

    Returns
    -------
    WhatIf. A change is `supported` where the interval of the difference leaves out zero (with a goal: where the whole
    interval reaches it; for a class where its probability is at least 90 %), else it is within the doubt.

    Raises
    ------
    ConfigError : no such target, input, element or class; changes and a goal together.
    DataError : the row cannot be read or predicted. BundleError : there is no readable bundle.

    Examples
    --------
    >>> found = what_if("runs/thermopower/3f1c/bundle", "CoSb3", {"Co": "Rh"})         # doctest: +SKIP
    >>> found.found.altered[0].change                                                 # doctest: +SKIP
    -41.3
    """
    loaded = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
    model = _model(loaded, target)
    wish, words = _wish(model, at_least, at_most, becomes)
    if wish is not None and changes:
        raise ConfigError("give changes or a goal (at_least, at_most, becomes), not both.")
    dataset, shown = _read(loaded, row)
    start, name = _row(dataset, loaded.manifest.representation)
    judge = _judge(model, dataset, loaded.manifest.representation, name)
    before = judge(Candidates.same(start))
    if not np.isfinite(before.value[0]):
        raise DataError(f"{shown} cannot be predicted: {before.reason[0]}.")
    warnings: tuple[str, ...] = ()
    if wish is not None:
        room = room_of(model, loaded.manifest.representation, name)
        found = counterfactuals(judge, start, wish, room, wish_words=words)
    elif changes:
        altered, said, warnings = _made(judge, start, changes, before, units_of(loaded))
        found = Found("", (altered,), 1, 0, int(not said.in_domain[0]))
    else:
        found = _exchanges(judge, start, before, model, loaded.manifest.representation, name)
    outside = bool(changes) and found.outside > 0
    return WhatIf(model.target, model.unit, model.classes, shown, before, found, warnings, outside)


def what_if_told(
    bundle: Path | str,
    formula: str = "",
    *,
    inputs: Iterable[str] = (),
    changes: Iterable[str] = (),
    target: str = "",
    at_least: float | None = None,
    at_most: float | None = None,
    becomes: str = "",
) -> WhatIf:
    """`what_if` with texts as they are typed: inputs "temperature=900", changes "Co=Ni" or "Li=1.1".

    Raises
    ------
    ConfigError : a text is no pair; there is no composition for the formula; and as `what_if`.
    """
    loaded = load_bundle(bundle)
    row: dict[str, Any] = _pairs(inputs, "--input")
    if formula:
        composed = [entry for entry in loaded.manifest.inputs if entry.kind == "composition"]
        if len(composed) != 1:
            raise ConfigError(
                f"the bundle has {len(composed)} inputs that are formulas: give them by --input NAME=FORMULA."
            )
        row = {**spread(composed[0], formula), **row}
    made = {name: value if value in Z_OF else _number(value) for name, value in _pairs(changes, "--change").items()}
    return what_if(
        loaded, row, made or None, target=target, at_least=at_least, at_most=at_most, becomes=becomes
    )  # fmt: skip


def _pairs(texts: Iterable[str], option: str) -> dict[str, str]:
    found = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not (name.strip() and sign and value.strip()):
            raise ConfigError(f"{option} {text!r} is no pair: write NAME=VALUE, such as Co=Ni or temperature=900.")
        found[name.strip()] = value.strip()
    return found


def _number(text: str) -> Change:
    try:
        return float(text)
    except ValueError:
        return text


def _model(bundle: Bundle, target: str) -> Model:
    models = {model.target: model for model in bundle.models}
    if not target and len(models) > 1:
        raise ConfigError(f"the bundle predicts {', '.join(map(repr, models))}. Say which: target=...")
    if target and target not in models:
        raise ConfigError(f"the bundle has no target {target!r}, only {', '.join(map(repr, models))}.")
    return models[target] if target else bundle.models[0]


def _wish(model: Model, at_least: float | None, at_most: float | None, becomes: str) -> tuple[Wish | None, str]:
    given = [name for name, value in (("at_least", at_least), ("at_most", at_most)) if value is not None]
    given += ["becomes"] if becomes else []
    if not given:
        return None, ""
    if len(given) > 1:
        raise ConfigError(f"one goal at a time, got {' and '.join(given)}.")
    if (given == ["becomes"]) != bool(model.classes):
        kind = f"classes ({', '.join(map(repr, model.classes))}): use becomes" if model.classes else "a value"
        raise ConfigError(f"{model.target!r} is {kind}; {given[0]} does not fit.")
    if becomes:
        if becomes not in model.classes:
            raise ConfigError(f"there is no class {becomes!r}. {did_you_mean(becomes, list(model.classes))}")
        return Wish("becomes", float(model.classes.index(becomes))), f"to be called {becomes!r}"
    unit = f" {model.unit}" if model.unit else ""
    if at_least is not None:
        return Wish("at_least", float(at_least)), f"to be at least {at_least:g}{unit}"
    assert at_most is not None
    return Wish("at_most", float(at_most)), f"to be at most {at_most:g}{unit}"


def _read(bundle: Bundle, row: str | Mapping[str, Any]) -> tuple[Dataset, str]:
    """The row as a dataset, and what to call it."""
    inputs = bundle.manifest.inputs
    columns = list(dict.fromkeys(name for entry in inputs for name in needed(entry)))
    if isinstance(row, str):
        if len(inputs) != 1 or (inputs[0].kind != "composition" and len(columns) != 1):
            raise ConfigError(f"the bundle needs {', '.join(map(repr, columns))}: give a mapping of these columns.")
        row = spread(inputs[0], row)
    raw = from_frame(pd.DataFrame({name: [value] for name, value in row.items()}))
    known = {entry.name: entry.words for entry in bundle.manifest.representation.inputs if entry.words}
    dataset, unreadable = read_inputs(raw, inputs, words=known)
    if unreadable:
        raise DataError(f"the row cannot be read: {unreadable[0]}.")
    parts = [_called(entry, row, dataset) for entry in inputs]
    return dataset, ", ".join(dict.fromkeys(part for several in parts for part in several))


def _called(entry: Input, row: Mapping[str, Any], dataset: Dataset) -> list[str]:
    """What an input of the row is called: its texts, or the formula that several columns make."""
    column = dataset.inputs[entry.name]
    if entry.columns and isinstance(column, Compositions):
        return [few_digits(str(column.formulas[0]))]
    return [str(row[name]) for name in needed(entry) if name in row]


def spread(entry: Input, formula: str) -> dict[str, Any]:
    """A formula as the columns that an input is read from: one, or one per element, in what amounts are given there.

    Raises
    ------
    ConfigError : there is no column for one of its elements. DataError : it cannot be read.
    """
    if not entry.columns:
        return {entry.column or entry.name: formula}
    found = as_compositions([formula])
    amounts = dict(zip((SYMBOLS[z] for z in found.elements), found.amounts.tolist(), strict=True))
    if strange := [symbol for symbol in amounts if symbol not in entry.columns]:
        raise ConfigError(
            f"{formula}: there is no column for {', '.join(strange)}, only for {', '.join(entry.columns)}."
        )
    if entry.amounts == "wt%":
        amounts = {symbol: n * float(ATOMIC_MASS[Z_OF[symbol]]) for symbol, n in amounts.items()}
    scale = 1.0 if entry.amounts == "formula" else 100.0 / sum(amounts.values())
    return {column: scale * amounts.get(symbol, 0.0) for symbol, column in entry.columns.items()}


def _row(dataset: Dataset, representation: Representation) -> tuple[Row, str]:
    """What can be changed, and the name of the composition that is."""
    kinds = {given.name: dataset.inputs[given.name] for given in representation.inputs}
    composed = [name for name, column in kinds.items() if isinstance(column, Compositions) and len(column.elements)]
    return Row(
        kinds[composed[0]] if composed else None,  # type: ignore[arg-type]
        {name: float(column.values[0]) for name, column in kinds.items() if isinstance(column, Numbers)},
        {name: str(column.values[0]) for name, column in kinds.items() if isinstance(column, Categories)},
    ), composed[0] if composed else ""


def _judge(model: Model, dataset: Dataset, representation: Representation, name: str) -> Judge:
    def judge(changed: Candidates) -> Prediction:
        rows = dataset.take(np.zeros(len(changed), dtype=np.int64))
        inputs: dict[str, Column] = dict(rows.inputs)
        if changed.compositions is not None:
            inputs[name] = changed.compositions
        for number, values in changed.numbers.items():
            inputs[number] = Numbers(values, getattr(rows.inputs[number], "unit", ""))
        for category, words in changed.words.items():
            inputs[category] = Categories(np.array(words, dtype=np.str_))
        return model.predict_table(represent(replace(rows, inputs=inputs), representation))

    return judge


def units_of(bundle: Bundle) -> dict[str, str]:
    """Units of the inputs and features of a bundle, by name."""
    return bundle.manifest.representation.units


def _made(
    judge: Judge, start: Row, changes: Mapping[str, Change], before: Prediction, units: Mapping[str, str]
) -> tuple[Altered, Prediction, tuple[str, ...]]:
    """The row with all changes made, what is said of it, and what to be warned of."""
    composition, numbers, words, moves = start.composition, dict(start.numbers), dict(start.words), list[str]()
    dense = None if composition is None else amounts_of(composition)
    for name, value in changes.items():
        if name in numbers:
            if isinstance(value, str):
                raise ConfigError(f"input {name!r} is a number, got {value!r}.")
            unit = f" {units[name]}" if units.get(name) else ""
            moves.append(f"{name} {numbers[name]:.4g} → {float(value):.4g}{unit}")
            numbers[name] = float(value)
        elif name in words:
            moves.append(f"{name} {words[name]!r} → {str(value)!r}")
            words[name] = str(value)
        elif name in Z_OF and dense is not None:
            dense, move = _edited(dense, name, value)
            moves.append(move)
        else:
            known = [*numbers, *words, *(["an element of the formula"] if dense is not None else [])]
            raise ConfigError(f"{name!r} is no input and no element. There are: {', '.join(known)}.")
    if dense is not None and composition is not None:
        composition = named(from_amounts(dense, composition.charges))
    row = Row(composition, numbers, words)
    said = judge(Candidates.same(row))
    if not np.isfinite(said.value[0]):
        raise DataError(f"the changed row cannot be predicted: {said.reason[0]}.")
    change, low, high = (float(part[0]) for part in difference(before, said))
    sure = bool(low > 0 or high < 0) if not said.classes else bool(said.proba[0].max() >= said.level)
    parts = [str(composition.formulas[0])] if composition is not None else []
    parts += [f"{name} {value:.4g}" for name, value in numbers.items()]
    best = float(said.proba[0, int(said.value[0])]) if said.classes else float("nan")
    altered = Altered(
        tuple(moves), ", ".join([*parts, *words.values()]), float("nan"), float(said.value[0]), float(said.low[0]),
        float(said.high[0]), best, change, low, high, sure and bool(said.in_domain[0]),
    )  # fmt: skip
    return altered, said, _warnings(start.composition, composition, said)


def _edited(dense: np.ndarray, symbol: str, value: Change) -> tuple[np.ndarray, str]:
    z, made = Z_OF[symbol], dense.copy()
    if isinstance(value, str):
        if value not in Z_OF:
            raise ConfigError(f"no element is called {value!r}.")
        if dense[0, z] == 0:
            raise ConfigError(f"there is no {symbol} in the formula to be replaced by {value}.")
        made[0, Z_OF[value]] += made[0, z]
        made[0, z] = 0.0
        return made, f"{symbol} → {value}"
    if not 0.0 <= float(value) < np.inf:
        raise ConfigError(f"the amount of {symbol} must be 0 or more, got {value}.")
    made[0, z] = float(value)
    if made.sum() <= 0:
        raise ConfigError("nothing is left of the formula.")
    return made, f"{symbol} {dense[0, z]:.4g} → {float(value):.4g} per formula"


def _warnings(old: Compositions | None, new: Compositions | None, said: Prediction) -> tuple[str, ...]:
    found = []
    if not said.in_domain[0]:
        found.append(f"The changed row is outside the domain: {said.reason[0]}.")
    if old is not None and new is not None and neutral(old)[0] and not neutral(new)[0]:
        found.append("The charges of the changed formula cannot balance with the usual oxidation states.")
    return tuple(found)


def _exchanges(
    judge: Judge, start: Row, before: Prediction, model: Model, representation: Representation, name: str
) -> Found:
    """Each element exchanged for each alike one that the model has seen, the largest changes first."""
    room = room_of(model, representation, name)
    moves = [move for move in moves_of(start, room) if move.whole]
    if not moves:
        raise ConfigError("no element of the row has an alike one that the model has seen. Give changes or a goal.")
    return single_changes(judge, start, moves, before)

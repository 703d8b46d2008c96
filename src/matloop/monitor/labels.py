"""Measured values that arrive later find the answers that they belong to: by request, by the asker's ids, by inputs."""

from __future__ import annotations

import bisect
import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from matloop.core.errors import DataError
from matloop.data.collect import collect
from matloop.matter.formula import FormulaError, parse_formula
from matloop.monitor.record import Answered
from matloop.monitor.told import Book, Match
from matloop.problem.question import Source

By = Literal["request", "id", "inputs"]
Key = TypeVar("Key", bound=Hashable)
RTOL = 1e-6
"""Relative difference up to which two numbers of an input are the same: a table that was rounded on its way."""
EXAMPLES = 5
_NONE = frozenset({"", "nan", "na", "n/a", "none", "null", "-"})


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a table of measured values.

    values : in the table. taken : of them found their answers and are new. rows : answers that got a label by them (an
    input that was asked often has several). corrections : answers whose earlier label was replaced. left : {why: how
    many were not taken}, with up to five places each in `examples`. by : what they were joined by. file : where kept.
    """

    source: str
    by: By
    values: int
    taken: int
    rows: int
    corrections: int
    left: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    file: str = ""

    def lines(self) -> list[str]:
        """What to tell the user."""
        how = {"request": "request and row", "id": "the asker's ids", "inputs": "the inputs"}[self.by]
        head = (
            f"{self.taken:,} of {self.values:,} measured values found their answers by {how} ({self.rows:,} answers)."
        )
        more = [f"  {self.corrections:,} answers had another value before; the new one stands."] * bool(
            self.corrections
        )
        left = [f"  {n:,} {why}: {', '.join(self.examples.get(why, ()))}" for why, n in self.left.items()]
        return [head, *more, *left]

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "source": self.source, "by": self.by, "values": self.values, "taken": self.taken, "rows": self.rows,
            "corrections": self.corrections, "left": dict(self.left),
            "examples": {why: list(places) for why, places in self.examples.items()}, "file": self.file,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Table:
    """Measured values as columns of equal length, and where they came from."""

    columns: Mapping[str, Sequence[Any]]
    source: str

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))


def as_table(table: Any) -> Table:
    """A file of a known format, a data frame, or columns by name.

    Raises
    ------
    DataError : it cannot be read, or its columns have different lengths.
    """
    if isinstance(table, str | Path):
        raw = collect(Source(str(table)))
        return Table({name: column.tolist() for name, column in raw.columns.items()}, Path(table).name)
    columns = {str(name): list(table[name]) for name in table}
    if len({len(column) for column in columns.values()}) > 1:
        raise DataError("the columns of the table of labels have different lengths. Give each a value per row.")
    return Table(columns, "a table")


def how(table: Table, by: By | None) -> By:
    """What to join by: as said, or by what columns there are ("request", else "id", else the inputs).

    Raises
    ------
    DataError : the column that it needs is missing.
    """
    found: By = by or ("request" if "request" in table.columns else "id" if "id" in table.columns else "inputs")
    if found not in ("request", "id", "inputs"):
        raise DataError(f"labels cannot be joined by {found!r}: take 'request', 'id' or 'inputs'.")
    if found != "inputs" and found not in table.columns:
        raise DataError(f"{table.source}: there is no column {found!r} to join by; it has {', '.join(table.columns)}.")
    return found


def names_of(table: Table, by: By) -> frozenset[str]:
    """The ids of requests, or names of the asker, that the table joins by; none where it joins by inputs."""
    if by == "request":
        return frozenset(_by_request(table, {}))
    return frozenset(str(name).strip() for name in table.columns["id"]) if by == "id" else frozenset()


def match(
    table: Table, answers: Iterable[tuple[float, Answered]], book: Book, *, by: By, formulas: frozenset[str],
    targets: Collection[str] = (),
) -> tuple[list[Match], Told]:  # fmt: skip
    """Labels joined with answers; of two that contradict each other in one table neither is taken.

    Parameters
    ----------
    answers : times and answers, gone through once; those that hold nothing of `names_of` may be left out. book : what
        was told before. formulas : input columns in which "Fe2O3" and "O3Fe2" are the same. targets : of
        answers that were left out.

    Raises
    ------
    DataError : no column of the table is a target of the answers.
    """
    index = _Index(table, by, formulas)
    found: dict[tuple[str, int, str], tuple[int, Match]] = {}
    known = set(targets)
    for time, answered in answers:
        known |= answered.targets.keys()
        index.learn(answered)
        for row, label in index.of(answered):
            for one in _matches(table, time, answered, row, label, formulas):
                found[one.request, one.row, one.target] = (label, one)
    measured = [name for name in table.columns if name in known]
    if not measured:
        raise DataError(
            f"{table.source}: none of its columns ({', '.join(table.columns)}) is a target of the answers "
            f"({', '.join(sorted(known)) or 'there are no answers'}). Name the measured column like the target."
        )
    return _sifted(table, index, found, book, measured)


def _sifted(
    table: Table, index: _Index, found: Mapping[tuple[str, int, str], tuple[int, Match]], book: Book,
    measured: Sequence[str],
) -> tuple[list[Match], Told]:  # fmt: skip
    """Only what is new, and a reason for every other value."""
    bad = index.contradictory(measured)
    left: Counter[str] = Counter()
    places: dict[str, list[str]] = {}
    new, used, corrections = [], set(), 0
    fate: dict[tuple[int, str], str] = {}
    for (request, row, target), (label, one) in found.items():
        if (label, target) in bad:
            continue
        before = book.known(request, row, target)
        if before is not None and _same(before, one.truth):
            fate.setdefault((label, target), "told before")
            continue
        fate[label, target] = ""
        corrections += before is not None
        new.append(one)
        used.add((label, target))
    total = 0
    for target in measured:
        for label, raw in enumerate(table.columns[target]):
            if _empty(raw):
                continue
            total += 1
            why = bad.get((label, target)) or index.why.get(label) or fate.get((label, target))
            if why is None:
                why = "no number" if index.met(label) else "without an answer in the log"
            if why:
                left[why] += 1
                places.setdefault(why, []).append(f"row {label + 1}")
    examples = {why: (*rows[:EXAMPLES], *(["..."] if len(rows) > EXAMPLES else [])) for why, rows in places.items()}
    told = Told(table.source, index.by, total, len(used), len(new), corrections, dict(sorted(left.items())), examples)
    return new, told


class _Index:
    """The labels by what they are joined by. `why` : labels that cannot be joined at all."""

    def __init__(self, table: Table, by: By, formulas: frozenset[str]) -> None:
        self.table, self.by, self.formulas = table, by, formulas
        self.why: dict[int, str] = {}
        self._met: set[int] = set()
        self._requests: dict[str, list[tuple[int | None, int]]] = {}
        self._ids: dict[str, list[int]] = {}
        self._by_inputs: dict[tuple[str, ...], _Inputs] = {}
        if by == "request":
            self._requests = _by_request(table, self.why)
        elif by == "id":
            self._ids = _grouped((str(name).strip(), row) for row, name in enumerate(table.columns["id"]))

    def learn(self, answered: Answered) -> None:
        """Index the inputs of a model that was not met before."""
        names = tuple(answered.inputs)
        if self.by == "inputs" and names not in self._by_inputs and names:
            if not all(name in self.table.columns for name in names):
                self._by_inputs[names] = _Inputs({}, names, self.formulas)
                return
            columns = {name: self.table.columns[name] for name in names}
            self._by_inputs[names] = _Inputs(columns, names, self.formulas)

    def of(self, answered: Answered) -> Iterator[tuple[int, int]]:
        """(row of the answer, label) of every row that has one; of several equal labels the first."""
        for row, labels in self._of(answered):
            self._met.update(labels)
            yield row, labels[0]

    def _of(self, answered: Answered) -> Iterator[tuple[int, list[int]]]:
        if self.by == "inputs":
            inputs = self._by_inputs.get(tuple(answered.inputs))
            if inputs is not None and inputs.columns:
                for row, values in enumerate(zip(*answered.inputs.values(), strict=True)):
                    labels = inputs.find(values)
                    if labels:
                        yield row, labels
        elif self.by == "id":
            for row, name in enumerate(answered.ids[: answered.n]):
                labels = self._ids.get(str(name).strip(), [])
                if labels:
                    yield row, labels
        else:
            told = self._requests.get(answered.request, [])
            for at_row, label in told:
                if at_row is None and answered.n > 1:
                    self.why[label] = "of a request with several rows: say which (column row, from 0)"
                elif (at_row or 0) < answered.n:
                    yield at_row or 0, [label, *(other for at, other in told if (at or 0) == (at_row or 0))]

    def met(self, label: int) -> bool:
        return label in self._met

    def contradictory(self, measured: Sequence[str]) -> dict[tuple[int, str], str]:
        """Labels of one key that say different things, and those that only repeat another."""
        found: dict[tuple[int, str], str] = {}
        for labels in self._groups():
            for target in measured:
                told = [row for row in labels if not _empty(self.table.columns[target][row])]
                if len(told) > 1:
                    values = [_value(self.table.columns[target][row]) for row in told]
                    if all(_same(values[0], value) for value in values):
                        found |= {(row, target): "twice in the table" for row in told[1:]}
                    else:
                        found |= {(row, target): "that contradict each other" for row in told}
        return found

    def _groups(self) -> Iterator[list[int]]:
        if self.by == "inputs":
            for inputs in self._by_inputs.values():
                yield from inputs.groups()
        elif self.by == "id":
            yield from self._ids.values()
        else:
            for told in self._requests.values():
                yield from _grouped(((row or 0), label) for row, label in told).values()


def _grouped(pairs: Iterable[tuple[Key, int]]) -> dict[Key, list[int]]:
    found: dict[Key, list[int]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def _by_request(table: Table, why: dict[int, str]) -> dict[str, list[tuple[int | None, int]]]:
    """{request: [(row or None, label)]}; "id/3" says the row too."""
    rows: Sequence[Any] = table.columns.get("row", [None] * len(table))
    found: dict[str, list[tuple[int | None, int]]] = {}
    for label, (request, row) in enumerate(zip(table.columns["request"], rows, strict=True)):
        name, slash, tail = str(request).strip().rpartition("/")
        at: int | None = None
        if slash and tail.isdigit() and len(tail) < 10:
            at = int(tail)
        else:
            name = str(request).strip()
        if not _empty(row):
            number = _value(row)
            if not isinstance(number, float) or number < 0 or number != int(number):
                why[label] = "with a row that is no whole number from 0"
                continue
            at = int(number)
        found.setdefault(name, []).append((at, label))
    return found


class _Inputs:
    """Labels by their inputs: texts exactly (formulas by what they are made of), numbers within `RTOL`."""

    def __init__(self, columns: Mapping[str, Sequence[Any]], names: tuple[str, ...], formulas: frozenset[str]) -> None:
        self.columns, self._canonical = columns, [_canonical_of(name in formulas) for name in names]
        self._buckets: dict[tuple[str | None, ...], list[tuple[tuple[float, ...], list[int]]]] = {}
        for label, values in enumerate(zip(*columns.values(), strict=True)):
            words, numbers = self._split(values)
            bucket = self._buckets.setdefault(words, [])
            same = self._near(bucket, numbers)
            if same is None:
                bisect.insort(bucket, (numbers, [label]))
            else:
                same.append(label)

    def find(self, values: Sequence[Any]) -> list[int]:
        words, numbers = self._split(values)
        bucket = self._buckets.get(words)
        return (self._near(bucket, numbers) or []) if bucket else []

    def groups(self) -> Iterator[list[int]]:
        for bucket in self._buckets.values():
            yield from (labels for _, labels in bucket)

    def _split(self, values: Sequence[Any]) -> tuple[tuple[str | None, ...], tuple[float, ...]]:
        found = [canonical(value) for canonical, value in zip(self._canonical, values, strict=True)]
        words = tuple(None if isinstance(one, float) else one for one in found)
        return words, tuple(one for one in found if isinstance(one, float))

    @staticmethod
    def _near(bucket: list[tuple[tuple[float, ...], list[int]]], numbers: tuple[float, ...]) -> list[int] | None:
        if not numbers:
            return bucket[0][1] if bucket else None
        room = RTOL * abs(numbers[0]) + 1e-12
        at = bisect.bisect_left(bucket, ((numbers[0] - room,), []))
        while at < len(bucket) and bucket[at][0][0] <= numbers[0] + room:
            if all(
                math.isclose(a, b, rel_tol=RTOL, abs_tol=1e-12) for a, b in zip(bucket[at][0], numbers, strict=True)
            ):
                return bucket[at][1]
            at += 1
        return None


def _canonical_of(is_formula: bool) -> Callable[[Any], float | str]:
    return _formula if is_formula else _canonical


def _canonical(value: Any) -> float | str:
    """A number as number (also one that a table holds as text), anything else as its text without outer spaces."""
    if isinstance(value, str):
        text = value.strip()
        if text and (text[0].isdigit() or text[0] in "+-."):
            number = _value(text)
            return number
        return text
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) else ""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


def _formula(value: Any) -> float | str:
    return _parsed(value.strip()) if isinstance(value, str) else _canonical(value)


@lru_cache(maxsize=200_000)
def _parsed(text: str) -> str:
    try:
        read = parse_formula(text)
    except FormulaError:
        return text
    return " ".join(f"{z}:{amount:.6g}" for z, amount in sorted(read.amounts.items())) + f" {read.charge:g}"


def _matches(
    table: Table, time: float, answered: Answered, row: int, label: int, formulas: frozenset[str]
) -> Iterator[Match]:
    for target, columns in answered.targets.items():
        if target not in table.columns or _empty(table.columns[target][label]):
            continue
        truth = _value(table.columns[target][label])
        value = _at(columns, "value", row)
        if isinstance(truth, str) and isinstance(value, int | float):
            continue  # a number was predicted, this is none
        if isinstance(value, str):
            truth = str(table.columns[target][label]).strip()
        yield Match(
            answered.model, answered.version, answered.bundle, target, answered.request, row, time, truth, value,
            _at(columns, "low", row), _at(columns, "high", row), _at(columns, "in_domain", row),
            input_key(answered, row, formulas),
        )  # fmt: skip


def _at(columns: Mapping[str, list[Any]], name: str, row: int) -> Any:
    return columns[name][row] if name in columns else None


def input_key(answered: Answered, row: int, formulas: frozenset[str]) -> str:
    """A digest of the inputs of one row, equal for equal inputs."""
    values = {name: _canonical_of(name in formulas)(column[row]) for name, column in answered.inputs.items()}
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()


def _empty(value: Any) -> bool:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return isinstance(value, str) and value.strip().lower() in _NONE


def _value(value: Any) -> float | str:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value).strip()
    return number if math.isfinite(number) else str(value).strip()


def _same(a: float | str, b: float | str) -> bool:
    if isinstance(a, float | int) and isinstance(b, float | int):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
    return a == b

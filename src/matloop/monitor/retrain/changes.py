"""What a round changed: data by chemistry, scores, the predictions that moved most and why, what the models lean on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.jsonable import to_jsonable
from matloop.data.dataset import Categories, Dataset, Labels, Numbers
from matloop.matter.compositions import Compositions
from matloop.matter.structures import Structures
from matloop.matter.structures import to_compositions as structure_atoms
from matloop.monitor.retrain.compare import Met, dense, families_of
from matloop.monitor.retrain.contest import Contest
from matloop.monitor.retrain.outcome import paragraphs
from matloop.monitor.retrain.sources import SetAside
from matloop.pipeline.account import shown_rows
from matloop.problem.question import Target

SHOWN_MOVED, SHOWN_LEANS, SHOWN_COUNTS = 12, 12, 30
MOST_POINTS = 1500


@dataclass(frozen=True, slots=True)
class Count:
    """Training rows with something in common, for champion and challenger."""

    name: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A prediction that moved: what it was and is (value, low, high; or the class), the truth, and why it moved."""

    shown: str
    where: str
    truth: str
    before: str
    after: str
    closer: bool
    why: str


@dataclass(frozen=True, slots=True)
class Lean:
    """Rise of the error when a group of features is shuffled; NaN where a model was not asked about that group."""

    name: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Points:
    """Absolute errors (or Brier scores) of unseen rows, for a figure."""

    before: FloatArray
    after: FloatArray
    where: tuple[str, ...]
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TargetChange:
    """One target. models : kind of model of champion and challenger, empty where it is not known. hurried : that the
    challenger had less of a search than the champion, else empty."""

    contest: Contest
    moved: tuple[Moved, ...]
    leans: tuple[Lean, ...]
    points: Points
    level: float = 0.9
    no_leans: str = ""
    models: tuple[str, str] = ("", "")
    hurried: str = ""


@dataclass(frozen=True, slots=True)
class DataChange:
    """What the challenger learnt from, beside the champion. rows : (before, after). version : of the data."""

    version: int
    rows: tuple[int, int]
    families: tuple[Count, ...]
    elements: tuple[Count, ...]
    arrived: int
    added: int
    corrected: tuple[tuple[str, str], ...]
    vaulted: int
    later: int
    aside: tuple[SetAside, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything that the page of a round tells."""

    name: str
    question: str
    home: str
    number: int
    begun: str
    decided: str
    who: str
    outcome: str
    waits: bool
    answer: str
    sentence: str
    reasons: tuple[tuple[str, str], ...]
    champion: str
    challenger: str
    run: str
    looks: int
    left_out: int
    data: DataChange
    targets: tuple[TargetChange, ...]
    history: tuple[tuple[str, str, str, str], ...]
    notes: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """The verdict in a few words."""
        if self.outcome == "promoted":
            return "Promoted: the challenger is in use"
        if self.waits:
            return "Better: waits for your decision"
        declined = self.answer == "better"
        return "Declined: the champion stays" if declined else f"The champion stays: {_SAID[self.answer]}"

    def lines(self) -> Iterable[str]:
        """The same for a person, in short."""
        yield f"{self.headline}. {self.sentence}"
        before, after = self.data.rows
        yield f"  trained on {after:,} rows instead of {before:,}"
        yield from (f"  {one.contest.target}: {why}" for one in self.targets for why in one.contest.why)
        yield from (f"  note: {one}" for one in self.hurried)

    @property
    def hurried(self) -> tuple[str, ...]:
        """Of which targets the challenger had less of a search, so that it may be worse for that."""
        return tuple(f"{one.contest.target}: {one.hurried}" for one in self.targets if one.hurried)

    def as_json(self) -> Any:
        """The same for a program, whole."""
        return {"headline": self.headline, **to_jsonable(self)}

    def _repr_html_(self) -> str:
        return paragraphs(self.lines())


_SAID = {
    "better": "declined", "worse": "the challenger is worse",
    "not shown to be better": "the challenger is not shown to be better", "cannot be judged": "too little to judge by",
}  # fmt: skip


def counts(before: Dataset, after: Dataset) -> tuple[tuple[Count, ...], tuple[Count, ...]]:
    """Training rows by family and by element, what changed most first."""
    families = [Counter(name for name in families_of(one).tolist() if name) for one in (before, after)]
    elements = [_elements(one) for one in (before, after)]
    return _counted(*families), _counted(*elements)


def _elements(dataset: Dataset) -> Counter[str]:
    found: Counter[str] = Counter()
    for column in dataset.inputs.values():
        batch = structure_atoms(column) if isinstance(column, Structures) else column
        if isinstance(batch, Compositions):
            fractions, symbols = dense(batch)
            found.update(dict(zip(symbols, (fractions > 0).sum(axis=0).tolist(), strict=True)))
    return found


def _counted(before: Counter[str], after: Counter[str]) -> tuple[Count, ...]:
    names = sorted(set(before) | set(after), key=lambda name: (-abs(after[name] - before[name]), name))
    return tuple(Count(name, before[name], after[name]) for name in names[:SHOWN_COUNTS])


def moved_most(target: Target, one: Met, unseen: Dataset, before: Dataset, after: Dataset) -> tuple[Moved, ...]:
    """The predictions that moved most, with the reason as far as the data tell it.

    Parameters
    ----------
    unseen : the rows compared on. before, after : what champion and challenger learnt from.
    """
    first, second = one.rows.champion, one.rows.challenger
    if first.classes:
        step = np.abs(second.proba - first.proba).sum(axis=1)
    else:
        step = np.abs(_scaled(target, second.value) - _scaled(target, first.value))
    chosen = np.argsort(-step, kind="stable")[:SHOWN_MOVED]
    place = {str(name): row for row, name in enumerate(unseen.ids.tolist())}
    rows = np.array([place[str(one.ids[row])] for row in chosen], dtype=np.int64)
    why = reasons(target, unseen.take(rows), before, after) if len(rows) else []
    found = []
    for at, row in enumerate(chosen.tolist()):
        truth, errors = float(one.rows.y[row]), [_off(target, told, one.rows.y, row) for told in (first, second)]
        inside = bool(first.in_domain[row]), bool(second.in_domain[row])
        said = why[at]
        if inside == (False, True):
            said = f"outside of what the champion knew ({first.reason[row]}), inside now; {said}"
        elif inside == (True, False):
            said = f"now outside of the domain ({second.reason[row]}); {said}"
        found.append(
            Moved(str(one.shown[row]), str(one.where[row]), _told(truth, one.rows.classes), _interval(first, row),
                  _interval(second, row), errors[1] < errors[0], said)
        )  # fmt: skip
    return tuple(found)


def _scaled(target: Target, value: FloatArray) -> FloatArray:
    return np.log10(np.maximum(value, 1e-300)) if target.scale == "log" else value


def _off(target: Target, told: Any, y: FloatArray, row: int) -> float:
    if told.classes:
        return 1.0 - float(told.proba[row, int(y[row])])
    return float(abs(_scaled(target, told.value[row : row + 1])[0] - _scaled(target, y[row : row + 1])[0]))


def _told(value: float, classes: Sequence[str]) -> str:
    return classes[int(value)] if classes else f"{value:.4g}"


def _interval(told: Any, row: int) -> str:
    if told.classes:
        value = int(told.value[row])
        return f"{told.classes[value]} ({told.proba[row, value]:.0%})"
    if np.isfinite(told.low[row]) and np.isfinite(told.high[row]):
        return f"{told.value[row]:.4g} ({told.low[row]:.4g} to {told.high[row]:.4g})"
    return f"{told.value[row]:.4g}"


def reasons(target: Target, rows: Dataset, before: Dataset, after: Dataset) -> list[str]:
    """Why each prediction may have moved: a nearer row to learn from, a corrected label, or neither."""
    vectors = _vectors([rows, before, after])
    shown_before = shown_rows(before, np.arange(len(before)))
    shown_after = shown_rows(after, np.arange(len(after)))
    found = []
    for vector in vectors[0]:
        old, far_old = _nearest(vector, vectors[1])
        new, far_new = _nearest(vector, vectors[2])
        label = _label(after.targets[target.name], new)
        if far_new < far_old * (1.0 - 1e-9):
            found.append(f"learnt from {shown_after[new]}{label}, nearer than {shown_before[old]} was")
        elif (was := _label(before.targets[target.name], old)) != label and shown_before[old] == shown_after[new]:
            found.append(f"the label of its nearest row, {shown_after[new]}, is{label.replace(' =', '')} and was"
                         f"{was.replace(' =', '')}")  # fmt: skip
        else:
            found.append(f"no nearer row than {shown_before[old]}: the model as a whole became another")
    return found


def _label(labels: Labels, row: int) -> str:
    value = labels.values[row]
    return f" = {_told(float(value), labels.classes)}" if np.isfinite(value) else ""


def _nearest(vector: FloatArray, others: FloatArray) -> tuple[int, float]:
    distance = np.abs(others - vector).sum(axis=1)
    place = int(np.argmin(distance))
    return place, float(distance[place])


def _vectors(parts: Sequence[Dataset]) -> list[FloatArray]:
    """All datasets in one plain space: atomic fractions, standardised numbers, words as 0 and 1."""
    blocks: list[list[FloatArray]] = [[] for _ in parts]
    for name in parts[0].inputs:
        columns = [part.inputs[name] for part in parts]
        for block, found in zip(blocks, _block(columns), strict=True):
            block.append(found)
    return [np.hstack(block) if block else np.zeros((len(part), 1)) for block, part in zip(blocks, parts, strict=True)]


def _block(columns: Sequence[Any]) -> list[FloatArray]:
    columns = [structure_atoms(one) if isinstance(one, Structures) else one for one in columns]
    if isinstance(columns[0], Compositions):
        out = [np.zeros((len(one), 119)) for one in columns]
        for matrix, one in zip(out, columns, strict=True):
            matrix[one.rows, one.elements] = one.fractions
        return out
    if isinstance(columns[0], Numbers):
        whole = np.concatenate([one.values for one in columns])
        spread, middle = float(np.nanstd(whole)) or 1.0, float(np.nanmean(whole)) if np.isfinite(whole).any() else 0.0
        return [np.nan_to_num((one.values - middle) / spread)[:, None] for one in columns]
    if isinstance(columns[0], Categories):
        words = sorted({word for one in columns for word in one.values.tolist()})
        return [(np.asarray(one.values)[:, None] == np.array(words)[None, :]).astype(float) / 2 for one in columns]
    return [np.zeros((len(one), 1)) for one in columns]


def leans(champion_run: Path, challenger_run: Path, target: str) -> tuple[tuple[Lean, ...], str]:
    """Importances of both models, the largest first; without the files of a run, nothing and why."""
    found = []
    for folder in (champion_run, challenger_run):
        try:
            content: Mapping[str, Any] = json.loads((folder / "explanation.json").read_text("utf-8"))[target]
            found.append({one["members"][0]: float(one["value"] or 0.0) for one in content["importances"]})
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            return (), f"the run in {folder.name} has no explanation.json: a bundle alone does not tell"
    before, after = found
    names = sorted(set(before) | set(after), key=lambda name: -max(before.get(name, 0.0), after.get(name, 0.0)))
    nan = float("nan")
    return tuple(Lean(name, before.get(name, nan), after.get(name, nan)) for name in names[:SHOWN_LEANS]), ""

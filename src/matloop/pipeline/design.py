"""A user's own candidates, ranked by a bundle: which to make or measure next, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from matloop.core.arrays import IntArray
from matloop.core.errors import ConfigError, DataError, listed
from matloop.core.progress import SILENT, Progress
from matloop.core.threads import one_thread
from matloop.data.clean import read_inputs
from matloop.data.collect import collect
from matloop.data.dataset import Dataset
from matloop.data.table import RawTable
from matloop.deploy.bundle import Bundle, load_bundle
from matloop.deploy.predict import ending_of, prediction_columns, write_frame
from matloop.deploy.rows import predict_dataset
from matloop.design.goals import read_goal, settled
from matloop.design.limits import Limits, elements_of, kept_from, price, prices_of
from matloop.design.rank import Known, Pick, Ranked, Wishes, rank
from matloop.doubt.prediction import Prediction
from matloop.matter.compositions import Compositions
from matloop.matter.molecules import Molecules
from matloop.matter.molecules import to_compositions as molecule_atoms
from matloop.matter.structures import Structures
from matloop.matter.structures import to_compositions as structure_atoms
from matloop.pipeline.account import shown_rows
from matloop.pipeline.judge import labels_of
from matloop.problem.question import Source
from matloop.problem.toml import load_problem
from matloop.report.words import counted
from matloop.represent.representation import represent
from matloop.split.groups import fingerprints

_KINDS = {
    "costs": "costs more than the limit", "has no known price": "has an element without a known price",
    "contains, beside": "contains an element beside the allowed ones",
    "contains": "contains an element that is kept out", "is in few hands": "contains an element that is in few hands",
}  # fmt: skip
"""What reasons begin with, and how they are counted together."""


@dataclass(frozen=True, slots=True)
class Designed:
    """Ranked candidates.

    frame : one row per pick in order: rank, purpose, reason, merit, then the table's own columns and the predictions.
    excluded : {1-based row: why it could not be chosen}. notes : what the ranking rests on, in words.
    """

    frame: pd.DataFrame
    picks: tuple[Pick, ...]
    excluded: Mapping[int, str]
    n_candidates: int
    notes: tuple[str, ...]
    out: Path | None = None

    def lines(self) -> list[str]:
        """For the screen."""
        found = [f"{len(self.picks)} of {self.n_candidates:,} candidates", *(f"  {note}" for note in self.notes)]
        found += [f"{k:>3}. {pick.name}: {pick.reason}" for k, pick in enumerate(self.picks, start=1)]
        why = Counter(_kind(reason) for reason in self.excluded.values())
        found += [f"not chosen from: {counted(count, 'row')}: {reason}" for reason, count in why.most_common(8)]
        if len(why) > 8:
            found.append(f"not chosen from: {sum(why.values()) - sum(n for _, n in why.most_common(8)):,} other rows")
        return [*found, f"written to {self.out}"] if self.out else found

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "picks": [
                {"row": pick.row + 1, "name": pick.name, "purpose": pick.purpose, "score": pick.score,
                 "chance": pick.chance, "gain": dict(pick.gain), "reason": pick.reason,
                 "nearest": None if pick.nearest is None else pick.nearest.name}
                for pick in self.picks
            ],
            "n_candidates": self.n_candidates, "notes": list(self.notes), "out": str(self.out) if self.out else None,
            "excluded": {str(row): why for row, why in self.excluded.items()},
        }  # fmt: skip

    def _repr_html_(self) -> str:
        return self.frame.to_html(index=False)


def design(
    bundle: Path | str,
    candidates: Path | str,
    goals: Sequence[str] = (),
    *,
    n: int = 20,
    known: Path | str = "",
    without: str = "",
    only: str = "",
    max_price: float | None = None,
    prices: Path | str | None = None,
    max_hhi: float | None = None,
    diversity: float = 1.0,
    explore: float = 0.0,
    outside: bool = False,
    out: Path | str | None = None,
    progress: Progress = SILENT,
) -> Designed:
    """Rank the candidates of a table by what a model expects of them, how sure it is, and how they differ.

    Parameters
    ----------
    bundle : folder of a bundle. candidates, known : tables with the columns of its inputs; `known` also with measured
        targets: what is in it is not proposed again, and its best row is what is to be beaten.
    goals : sentences, see `matloop.design.goals.read_goal`; empty maximises the only target.
    n : how many picks. without, only : elements or series of elements, separated by commas. max_price : USD/kg of the
        elements, `prices` a CSV with prices of one's own. max_hhi : the largest Herfindahl-Hirschman index of
        production of an element. diversity, explore, outside : see `matloop.design.rank.Wishes`.
    out : table to write (.csv, .parquet, .jsonl, .xlsx, ...); what could not be chosen goes beside it, with reasons.

    Raises
    ------
    ConfigError : a goal or limit that makes no sense, or that nothing can fulfil. DataError, BundleError : bundle or
    table cannot be read.
    """
    if out is not None:
        ending_of(Path(out))
    limits = Limits(elements_of(without), elements_of(only), max_price, max_hhi, prices_of(prices) if prices else None)
    with one_thread():
        progress.step("load")
        model = load_bundle(bundle)
        progress.step("read")
        raw = collect(Source(str(candidates), missing=model.manifest.missing))
        dataset, unreadable = _read(model, raw)
        predictions = predict_dataset(model, dataset, unreadable, progress=progress)
        wishes = _wishes(goals, predictions, n=n, diversity=diversity, explore=explore, outside=outside)
        progress.step("rank")
        measured, prints = _known(model, Path(bundle), known, predictions) if known else (None, frozenset())
        excluded = _excluded(dataset, unreadable, limits, prints, wishes, predictions)
        allowed = np.ones(len(dataset), dtype=bool)
        allowed[list(excluded)] = False
        found = rank(
            wishes, predictions, allowed, lambda rows: shown_rows(dataset, rows),
            lambda rows: represent(dataset.take(rows), model.manifest.representation).X, measured,
        )  # fmt: skip
    if not found.picks:
        raise ConfigError(_nothing_left(excluded, len(dataset)))
    done = Designed(
        _frame(raw, dataset, found, predictions, limits), found.picks,
        {row + 1: why for row, why in sorted(excluded.items())}, len(dataset), _notes(wishes, found),
    )  # fmt: skip
    return done if out is None else _written(done, Path(out))


def _read(model: Bundle, raw: RawTable) -> tuple[Dataset, dict[int, str]]:
    words = {entry.name: entry.words for entry in model.manifest.representation.inputs if entry.words}
    return read_inputs(raw, model.manifest.inputs, words=words)


def _wishes(goals: Sequence[str], predictions: Mapping[str, Prediction], **how: Any) -> Wishes:
    if not goals:
        if len(predictions) > 1 or next(iter(predictions.values())).classes:
            raise ConfigError(
                f"the model predicts {', '.join(predictions)}: say what is wished for, such as "
                f'--goal "maximise {next(iter(predictions))}".'
            )
        goals = [f"maximise {next(iter(predictions))}"]
    targets = {name: (one.unit, one.classes) for name, one in predictions.items()}
    return Wishes(settled([read_goal(goal) for goal in goals], targets), **how)


def _known(
    model: Bundle, folder: Path, table: Path | str, predictions: Mapping[str, Prediction]
) -> tuple[Known, frozenset[str]]:
    raw = collect(Source(str(table), missing=model.manifest.missing))
    dataset, unreadable = _read(model, raw)
    problem = load_problem(folder / "problem.toml")
    values = {
        target.name: labels_of(raw, target, predictions[target.name])
        for target in problem.targets
        if target.column in raw.names and target.name in predictions
    }
    if not values:
        columns = ", ".join(repr(target.column) for target in problem.targets)
        raise DataError(f"{table}: there is no column of measured values ({columns}).")
    readable = np.setdiff1d(np.arange(len(dataset)), list(unreadable))
    kept = dataset.take(readable)
    measured = Known(
        {name: found[readable] for name, found in values.items()},
        np.asarray(shown_rows(dataset, readable), dtype=np.str_),
        represent(kept, model.manifest.representation).X,
    )
    return measured, frozenset(fingerprints(kept).tolist())


def _excluded(
    dataset: Dataset, unreadable: Mapping[int, str], limits: Limits, prints: frozenset[str], wishes: Wishes,
    predictions: Mapping[str, Prediction],
) -> dict[int, str]:  # fmt: skip
    """Rows that may not be chosen, with the first reason."""
    found = {row: f"cannot be read: {why}" for row, why in unreadable.items()}
    if not limits.is_empty:
        atoms = _atoms(dataset)
        for one in atoms:
            for row, why in kept_from(one, limits).items():
                found.setdefault(row, why)
        if not atoms:
            raise ConfigError(
                "limits of elements and prices need an input that is a composition, structure or molecule."
            )
    if prints:
        for row in np.flatnonzero([mark in prints for mark in fingerprints(dataset).tolist()]).tolist():
            found.setdefault(row, "is measured already")
    for goal in wishes.goals:
        blank = predictions[goal.target]
        for row in np.flatnonzero(np.isnan(blank.value)).tolist():
            found.setdefault(row, f"has no prediction of {goal.target}: {blank.reason[row]}")
    if not wishes.outside:
        for goal in wishes.goals:
            said = predictions[goal.target]
            for row in np.flatnonzero(~said.in_domain).tolist():
                found.setdefault(row, f"outside the model's domain: {said.reason[row]}")
    return found


def _atoms(dataset: Dataset) -> list[Compositions]:
    found = []
    for column in dataset.inputs.values():
        if isinstance(column, Compositions):
            found.append(column)
        elif isinstance(column, Structures):
            found.append(structure_atoms(column))
        elif isinstance(column, Molecules):
            found.append(molecule_atoms(column))
    return found


def _frame(
    raw: RawTable, dataset: Dataset, found: Ranked, predictions: Mapping[str, Prediction], limits: Limits
) -> pd.DataFrame:
    rows: IntArray = np.array([pick.row for pick in found.picks], dtype=np.int64)
    columns: dict[str, object] = {
        "rank": np.arange(1, len(rows) + 1),
        "row": rows + 1,
        "purpose": [pick.purpose for pick in found.picks],
        "chance": [pick.chance for pick in found.picks],
        "score": [pick.score for pick in found.picks],
    }
    for name in found.merit.gains:
        columns[f"{name}_gain"] = [pick.gain[name] for pick in found.picks]
    for atoms in _atoms(dataset)[:1]:
        prices = prices_of(None) if limits.prices is None else limits.prices
        columns["price_usd_per_kg"] = price(atoms.take(rows), prices)
    own: dict[str, Any] = {name: np.asarray(column)[rows] for name, column in raw.columns.items()}
    columns |= {name if name not in columns else f"{name}'": values for name, values in own.items()}
    for name, prediction in predictions.items():
        columns |= prediction_columns(name, prediction.take(rows), columns)
    columns["why"] = [pick.reason for pick in found.picks]
    return pd.DataFrame(columns)


def _notes(wishes: Wishes, found: Ranked) -> tuple[str, ...]:
    notes = [f"goal: {goal.text}" for goal in wishes.goals]
    notes += found.reference_words
    if wishes.outside:
        notes.append("candidates outside the model's domain may be chosen: their intervals hold less often")
    likely = [pick for pick in found.picks if pick.chance < 0.5]
    if likely and any(not goal.is_open for goal in wishes.goals):
        notes.append(f"{len(likely)} of the picks are more likely to miss a goal than to reach all of them")
    return tuple(notes)


def _nothing_left(excluded: Mapping[int, str], n: int) -> str:
    why = Counter(_kind(reason) for reason in excluded.values()).most_common(5)
    return f"none of the {n:,} candidates can be chosen:\n" + listed([f"{count:,}: {reason}" for reason, count in why])


def _kind(reason: str) -> str:
    """A reason without what is particular to one row."""
    for head, kind in _KINDS.items():
        if reason.startswith(head):
            return kind
    return reason.partition(" (")[0][:80]


def _written(done: Designed, out: Path) -> Designed:
    write_frame(out, done.frame)
    if done.excluded:
        ending = ending_of(out)
        beside = out.with_name(out.name[: -len(ending)] + ".excluded" + ending)
        write_frame(beside, pd.DataFrame({"row": list(done.excluded), "why": list(done.excluded.values())}))
    return replace(done, out=out)

"""The rows that neither champion nor challenger has seen, and what both say of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray, TextArray
from matloop.core.elements import SYMBOLS
from matloop.data.clean import clean
from matloop.data.dataset import Categories, Dataset, Labels
from matloop.data.table import RawTable
from matloop.deploy.bundle import Bundle
from matloop.doubt.prediction import Prediction
from matloop.evaluate.chemical_families import chemical_family
from matloop.matter.compositions import Compositions
from matloop.matter.structures import Structures
from matloop.matter.structures import to_compositions as structure_atoms
from matloop.monitor.retrain.contest import SETS, Rows, Where, on_classes
from matloop.monitor.retrain.joining import lenient
from matloop.monitor.retrain.tables import Texts, raw_of
from matloop.pipeline.account import shown_rows
from matloop.problem.question import Problem
from matloop.split.groups import fingerprints, whole_groups
from matloop.split.vault import Sealed, seal


@dataclass(frozen=True, slots=True)
class Seen:
    """What a model learnt from: names of groups, and fingerprints of inputs."""

    groups: frozenset[str]
    inputs: frozenset[str]

    @classmethod
    def of(cls, dataset: Dataset) -> Seen:
        """Of a model that learnt from these rows."""
        return cls(frozenset(dataset.groups.tolist()), frozenset(fingerprints(dataset).tolist()))

    def holds(self, dataset: Dataset) -> BoolArray:
        """Which rows the model knows, shape (n,)."""
        return np.isin(dataset.groups, sorted(self.groups)) | np.isin(fingerprints(dataset), sorted(self.inputs))


@dataclass(frozen=True, slots=True)
class Met:
    """Rows of one target, as they stand on the page. where, ids, shown : shape (n,)."""

    rows: Rows
    where: TextArray
    ids: TextArray
    shown: TextArray


@dataclass(frozen=True, slots=True)
class Ground:
    """Where two models are compared. unseen : rows of the vault and later ones, labels of the vault taken out.
    where : shape (n,), "vault" or "later". development : what the challenger learnt from."""

    unseen: Dataset
    where: TextArray
    groups: TextArray
    sealed: Sealed
    vault_rows: IntArray
    development: Dataset
    left_out: int


def seen_by(problem: Problem, raw: RawTable, vaults: Path) -> tuple[Seen, Sealed]:
    """What a model of this problem that was made from this table has learnt from: all that the vault does not hold."""
    cleaned = clean(raw, problem)
    sealed = seal(cleaned.dataset, problem, vaults)
    return Seen.of(cleaned.dataset.take(sealed.development)), sealed


def ground(
    problem: Problem, raw: RawTable, version: Texts, later: Texts, vaults: Path, known: Seen
) -> Ground:  # fmt: skip
    """The rows to compare on.

    Parameters
    ----------
    raw : the version of the data that the challenger was made from; `version` the same as texts. later : rows held out.
    known : what the champion has learnt from; such rows are left out, on either set.
    """
    cleaned = clean(raw, problem)
    sealed = seal(cleaned.dataset, problem, vaults)
    development = sealed.dataset.take(sealed.development)
    own = Seen.of(development)
    both = clean(raw_of(version.plus(later), raw, problem.data.missing), lenient(problem)).dataset
    place = {rows: at for at, rows in enumerate(both.source_rows)}
    hidden = [place.get(cleaned.dataset.source_rows[row], -1) for row in sealed.sealed.tolist()]
    newer = [at for at, rows in enumerate(both.source_rows) if min(rows) > len(version)]
    mine, challengers = known.holds(both), own.holds(both)
    vault_fair = [row for row, at in enumerate(hidden) if at >= 0 and not mine[at]]
    fair = [at for at in newer if not mine[at] and not challengers[at]]
    chosen = np.array([hidden[row] for row in vault_fair] + fair, dtype=np.int64)
    rows = both.take(chosen)
    groups = np.char.add("g", whole_groups(rows).astype(np.str_)) if len(rows) else np.empty(0, dtype="U1")
    return Ground(
        rows.unlabelled(np.arange(len(vault_fair))),
        np.array(["vault"] * len(vault_fair) + ["later"] * len(fair), dtype="U5"), groups, sealed,
        np.array(vault_fair, dtype=np.int64), development, len(hidden) - len(vault_fair) + len(newer) - len(fair),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Foretold:
    """What both models say of the ground, by target."""

    champion: Mapping[str, Prediction]
    challenger: Mapping[str, Prediction]

    @property
    def digest(self) -> str:
        """Hash of what the champion says: another look at the vault if it is another."""
        digest = hashlib.sha256()
        for name, told in sorted(self.champion.items()):
            digest.update(name.encode())
            for array in (told.value, told.low, told.high, told.proba):
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def foretold(found: Ground, champion: Bundle, challenger: Bundle) -> Foretold:
    """Both models on the same rows."""
    return Foretold(champion.predict(found.unseen), challenger.predict(found.unseen))


def met(problem: Problem, found: Ground, told: Foretold, vault_labels: Mapping[str, Labels]) -> dict[str, Met]:
    """Rows of each target that have a label and a prediction of both.

    Parameters
    ----------
    vault_labels : as the vault gives them, in the order of its rows.
    """
    families, shown = families_of(found.unseen), shown_rows(found.unseen, np.arange(len(found.unseen)))
    result = {}
    for target in problem.targets:
        name = target.name
        y, classes = _truth(found, name, vault_labels[name])
        first, second = told.champion[name], told.challenger[name]
        classes = tuple(dict.fromkeys((*classes, *first.classes, *second.classes))) if second.classes else ()
        first, second = on_classes(first, classes), on_classes(second, classes)
        use = np.flatnonzero(np.isfinite(y) & np.isfinite(first.value) & np.isfinite(second.value))
        rows = Rows(y[use], first.take(use), second.take(use), found.groups[use], families[use], classes)
        result[name] = Met(rows, found.where[use], found.unseen.ids[use], shown[use])
    return result


def split_sets(one: Met) -> dict[Where, Rows]:
    """The rows of each set."""
    parts: dict[Where, Rows] = {}
    for where in SETS:
        rows = np.flatnonzero(one.where == where)
        if len(rows):
            whole = one.rows
            parts[where] = Rows(whole.y[rows], whole.champion.take(rows), whole.challenger.take(rows),
                                whole.groups[rows], whole.families[rows], whole.classes)  # fmt: skip
    return parts


def _truth(found: Ground, name: str, hidden: Labels) -> tuple[FloatArray, tuple[str, ...]]:
    """Labels of the ground, NaN where there is none or only a limit; classes by their names."""
    own = found.unseen.targets[name]
    later = np.flatnonzero(found.where == "later")
    taken = hidden.take(found.vault_rows)
    y = np.full(len(found.unseen), np.nan)
    classes = tuple(dict.fromkeys((*taken.classes, *own.classes)))
    y[: len(found.vault_rows)] = _exact(taken, classes)
    y[later] = _exact(own.take(later), classes)
    return y, classes


def _exact(labels: Labels, classes: tuple[str, ...]) -> FloatArray:
    values = np.where(labels.censored == 0, labels.values, np.nan)
    if not labels.classes:
        return np.asarray(values)
    place = np.array([classes.index(name) for name in labels.classes], dtype=float)
    return np.where(np.isfinite(values), place[np.nan_to_num(values).astype(np.int64)], np.nan)


def families_of(dataset: Dataset) -> TextArray:
    """What kind of matter each row is, shape (n,): the chemical family of its composition; without one the word of the
    first category; else empty."""
    for column in dataset.inputs.values():
        batch = structure_atoms(column) if isinstance(column, Structures) else column
        if isinstance(batch, Compositions):
            fractions, symbols = dense(batch)
            return chemical_family(fractions, symbols)
    for column in dataset.inputs.values():
        if isinstance(column, Categories):
            return np.asarray(column.values, dtype=np.str_)
    return np.full(len(dataset), "", dtype="U1")


def dense(batch: Compositions) -> tuple[FloatArray, list[str]]:
    """Atomic fractions, shape (n, n_elements), and the element of each column."""
    fractions = np.zeros((len(batch), len(SYMBOLS)))
    fractions[batch.rows, batch.elements] = batch.fractions
    held = np.flatnonzero(fractions.any(axis=0))
    return fractions[:, held], [SYMBOLS[z] for z in held]

"""The vault: test labels are taken out of the data before anything learns from it, and every look at them is counted.

A folder of vaults is shared by all runs on the same kind of data. A vault is named after the hash of what is in it, so
that an edited file is noticed; what was sealed once stays sealed in every later split.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import DataError, RunError
from matloop.core.files import write_bytes, write_text
from matloop.core.journal import Journal
from matloop.data.dataset import Categories, Column, Dataset, Labels, Numbers
from matloop.matter.molecules import Molecules
from matloop.matter.structure_keys import content_keys
from matloop.matter.structures import Structures
from matloop.problem.question import Problem
from matloop.split.groups import check_split, fingerprints, whole_groups

SEED = 20180629
"""The vault's own seed: model seeds never move the sealed rows."""
SLICES = 10
LABELS, SPLIT, LOOKS = "labels.npz", "split.json", "looks.jsonl"


@dataclass(frozen=True, slots=True)
class Vault:
    """Sealed labels on disk; `folder` holds labels.npz, split.json and looks.jsonl."""

    folder: Path

    def look(self, *, run: str, why: str, predictions_sha: str) -> dict[str, Labels]:
        """The sealed labels of every target, in the order of the sealed rows; the look is logged first.

        Raises
        ------
        RunError : a file of the vault is missing or was edited, or the look cannot be logged.
        """
        labels = _verified(self.folder)[1]
        event = {"run": run, "why": why, "predictions_sha": predictions_sha, "targets": list(labels)}
        Journal(self.folder / LOOKS).append(event)
        return labels

    def looks(self) -> int:
        """How many different sets of predictions were compared with these rows, in this vault or one that shares
        sealed groups and a target with it; the same predictions again are the same look."""
        mine = _split(self.folder)
        seen: set[str] = set()
        for other in _vaults(self.folder.parent):
            theirs = _split(other)
            shares = set(mine["groups"]) & set(theirs["groups"]) and set(mine["targets"]) & set(theirs["targets"])
            if other == self.folder or shares:
                seen |= {str(event["predictions_sha"]) for event in Journal(other / LOOKS).events()}
        return len(seen)

    def ids(self) -> tuple[str, ...]:
        """Ids of the sealed rows, in the order of the labels."""
        return tuple(_split(self.folder)["ids"])


@dataclass(frozen=True, slots=True)
class Sealed:
    """Who may see which row.

    development, sealed : row indices, ascending; together all rows.
    dataset : the rows as they came, the labels of sealed ones taken out.
    how : the split in words.
    """

    development: IntArray
    sealed: IntArray
    dataset: Dataset
    vault: Vault
    how: str


def seal(dataset: Dataset, problem: Problem, folder: Path) -> Sealed:
    """Put the labels of a share of the rows into a vault below `folder`, or find the vault that already holds them.

    Groups stay whole, and so do rows with the same inputs; the first target is spread evenly, every target gets sealed
    labels where it can. What sits in an earlier vault of the folder, by group or by inputs, goes to the vault again.

    Raises
    ------
    DataError : too few groups to hold any out, or no labelled row is left to learn from.
    RunError : a vault was edited, the disk is full, or the folder cannot be written.
    """
    names = [target.name for target in problem.targets]
    groups = whole_groups(dataset)
    rows_sha = dataset_digest(dataset)
    with _locked(folder):
        again = _same(folder, rows_sha, problem.protocol.test_fraction)
        if again is None:
            forced = _sealed_before(folder, dataset)
            held = choose_sealed(
                np.column_stack([dataset.targets[name].values for name in names]),
                groups,
                fraction=problem.protocol.test_fraction,
                classify=problem.targets[0].task == "classification",
                seed=SEED,
                forced=forced,
            )
            sealed = np.flatnonzero(held)
            how = _how(dataset, sealed, groups, forced, problem)
            place = _store(folder, dataset, sealed, rows_sha, problem.protocol.test_fraction, how)
        else:
            place = again
            split, _ = _verified(place)
            known = {str(name): row for row, name in enumerate(dataset.ids)}
            sealed, how = np.array([known[name] for name in split["ids"]], dtype=np.int64), str(split["how"])
    development = np.setdiff1d(np.arange(len(dataset)), sealed)
    check_split(dataset, development, sealed)
    return Sealed(development, sealed, dataset.unlabelled(sealed), Vault(place), how)


def open_vault(folder: Path) -> Vault:
    """The vault in `folder` (the one with split.json in it), checked.

    Raises
    ------
    RunError : there is none, or it was edited.
    """
    _verified(folder)
    return Vault(folder)


def choose_sealed(
    y: FloatArray,
    groups: IntArray,
    *,
    fraction: float,
    classify: bool,
    seed: int,
    forced: BoolArray | None = None,
) -> BoolArray:
    """Which rows are held out, shape (n,).

    Parameters
    ----------
    y : shape (n, n_targets), NaN where unlabelled; the first is spread evenly.
    groups : shape (n,), 0..n_groups-1; never straddle.
    forced : shape (n,), rows that are held out whatever comes; their groups follow.

    Raises
    ------
    DataError : fewer than two groups have labels, or nothing would be left to learn from.
    """
    n_groups = int(groups.max()) + 1 if len(groups) else 0
    sizes = np.bincount(groups, minlength=n_groups)
    labelled = np.isfinite(y).any(axis=1)
    useful: FloatArray = np.bincount(groups, weights=labelled, minlength=n_groups).astype(np.float64)
    if (useful > 0).sum() < 2:
        raise DataError(
            f"{int((useful > 0).sum())} group of rows has labels; two are needed to hold one out. "
            "Add rows of other materials, or choose another column as [roles] group."
        )
    held = np.zeros(n_groups, dtype=bool)
    if forced is not None and forced.any():
        held[groups[forced]] = True
    strata = _strata(y, groups, n_groups, classify)
    rng = np.random.default_rng(seed)
    owed = 0.0
    for stratum in range(int(strata.max()) + 1):
        members = rng.permutation(np.flatnonzero((strata == stratum) & (useful > 0)))
        owed = _take(held, members, useful, fraction, owed)
    _give_each_target_some(held, y, groups, sizes, rng)
    if not (useful[~held] > 0).any():
        raise DataError(
            "every labelled row is in the vault already; none is left to learn from. "
            "Add new rows, or give the problem another name."
        )
    return held[groups]


def _take(held: BoolArray, members: IntArray, useful: FloatArray, fraction: float, owed: float) -> float:
    """Hold groups out until the share is met as nearly as whole groups allow; what is still owed (rows)."""
    owed += fraction * float(useful[members].sum()) - float(useful[members][held[members]].sum())
    for group in members[~held[members]].tolist():
        if useful[group] <= 2.0 * owed:
            held[group] = True
            owed -= float(useful[group])
        if owed < 0.5:
            break
    return max(owed, -0.5 * float(useful[members].max(initial=0.0)))


def _strata(y: FloatArray, groups: IntArray, n_groups: int, classify: bool) -> IntArray:
    """Groups that have the same targets labelled and alike values of the first of them; shape (n_groups,)."""
    there = np.isfinite(y)
    has = np.stack([np.bincount(groups, weights=column, minlength=n_groups) > 0 for column in there.T], axis=1)
    first = np.where(has.any(axis=1), has.argmax(axis=1), y.shape[1])
    strata = np.zeros(n_groups, dtype=np.int64)
    next_free = 0
    for pattern in np.unique(has, axis=0)[::-1]:
        members = np.flatnonzero((has == pattern).all(axis=1))
        if pattern.any():
            target = int(first[members[0]])
            inside = _slice(y[:, target], groups, members, n_groups, classify and target == 0)
        else:
            inside = np.zeros(len(members), dtype=np.int64)
        strata[members] = next_free + inside
        next_free += int(inside.max()) + 1
    return strata


def _slice(y: FloatArray, groups: IntArray, members: IntArray, n_groups: int, classify: bool) -> IntArray:
    known = np.isfinite(y)
    count = np.bincount(groups[known], minlength=n_groups)[members]
    if classify:
        _, codes, sizes = np.unique(y[known], return_inverse=True, return_counts=True)
        rank = np.argsort(np.argsort(sizes, kind="stable"), kind="stable")[codes.reshape(-1)]
        rarest = np.full(n_groups, len(sizes), dtype=np.int64)
        np.minimum.at(rarest, groups[known], rank)
        return rarest[members]
    means = np.bincount(groups[known], weights=y[known], minlength=n_groups)[members] / count
    place = np.searchsorted(np.sort(means), means, side="left")
    n_slices = int(np.clip(len(members) // 10, 1, SLICES))
    return (place * n_slices // len(members)).astype(np.int64)


def _give_each_target_some(
    held: BoolArray, y: FloatArray, groups: IntArray, sizes: IntArray, rng: np.random.Generator
) -> None:
    """See that a target with labels in two groups or more has sealed ones."""
    for column in y.T:
        having = np.flatnonzero(np.bincount(groups, weights=np.isfinite(column), minlength=len(held)) > 0)
        if len(having) >= 2 and not held[having].any():
            smallest = rng.permutation(having)
            held[smallest[np.argmin(sizes[smallest])]] = True


def dataset_digest(dataset: Dataset) -> str:
    """Hash of the rows: ids, groups, inputs and labels, in their order."""
    digest = hashlib.sha256()
    _add(digest, "ids", dataset.ids)
    _add(digest, "groups", dataset.groups)
    for name in sorted(dataset.inputs):
        _add_column(digest, name, dataset.inputs[name])
    digest.update(labels_digest(dataset.targets).encode())
    return digest.hexdigest()


def labels_digest(targets: Mapping[str, Labels]) -> str:
    """Hash of labels, by value."""
    digest = hashlib.sha256()
    for name in sorted(targets):
        labels = targets[name]
        digest.update(json.dumps([name, labels.unit, list(labels.classes)]).encode())
        _add(digest, "values", labels.values)
        _add(digest, "errors", labels.errors)
        _add(digest, "censored", labels.censored)
    return digest.hexdigest()


def _add_column(digest: hashlib._Hash, name: str, column: Column) -> None:
    if isinstance(column, Numbers | Categories):
        _add(digest, name, column.values)
        return
    if isinstance(column, Molecules):
        _add(digest, name, column.smiles)
        return
    if isinstance(column, Structures):
        _add(digest, name, content_keys(column))
        return
    for part in ("offsets", "elements", "amounts", "charges"):
        _add(digest, f"{name}.{part}", getattr(column, part))


def _add(digest: hashlib._Hash, name: str, array: np.ndarray) -> None:
    kind = array.dtype.kind
    content = json.dumps(array.tolist()).encode() if kind in "UO" else np.ascontiguousarray(array).tobytes()
    digest.update(f"{name} {kind} {array.shape} {len(content)}\n".encode() + content)


def _sealed_before(folder: Path, dataset: Dataset) -> BoolArray:
    """Rows whose group, or whose inputs, are in an earlier vault."""
    groups: set[str] = set()
    inputs: set[str] = set()
    for place in _vaults(folder):
        split = _verified(place)[0]
        groups.update(split["groups"])
        inputs.update(split["inputs"])
    if not groups:
        return np.zeros(len(dataset), dtype=bool)
    prints = fingerprints(dataset)
    return np.isin(dataset.groups, np.array(sorted(groups))) | np.isin(prints, np.array(sorted(inputs)))


def _same(folder: Path, rows_sha: str, fraction: float) -> Path | None:
    for place in _vaults(folder):
        split = _split(place)
        if split["rows_sha"] == rows_sha and split["test_fraction"] == fraction:
            return place
    return None


def _vaults(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob(f"*/{SPLIT}"))


def _store(folder: Path, dataset: Dataset, sealed: IntArray, rows_sha: str, fraction: float, how: str) -> Path:
    """Write a vault; labels first, so that a split without labels can never be seen."""
    labels = {name: column.take(sealed) for name, column in dataset.targets.items()}
    split = {
        "version": 1,
        "rows_sha": rows_sha,
        "labels_sha": labels_digest(labels),
        "test_fraction": fraction,
        "seed": SEED,
        "n_rows": len(dataset),
        "how": how,
        "ids": [str(name) for name in dataset.ids[sealed]],
        "groups": sorted({str(name) for name in dataset.groups[sealed]}),
        "inputs": sorted({str(mark) for mark in fingerprints(dataset)[sealed]}),
        "targets": {name: {"unit": x.unit, "classes": list(x.classes)} for name, x in labels.items()},
    }
    place = folder / _name(split)
    write_bytes(place / LABELS, _packed(labels))
    write_text(place / SPLIT, json.dumps(split, indent=1, ensure_ascii=False))
    return place


def _name(split: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(split, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]


def _packed(labels: Mapping[str, Labels]) -> bytes:
    stream = io.BytesIO()
    arrays: dict[str, np.ndarray] = {}
    for number, column in enumerate(labels.values()):
        arrays |= {
            f"values_{number}": column.values,
            f"errors_{number}": column.errors,
            f"censored_{number}": column.censored,
        }
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def _split(place: Path) -> dict:
    """split.json of a vault, checked against the name of its folder."""
    path = place / SPLIT
    try:
        split: dict = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: not readable as a vault ({error}). {_ADVICE}") from error
    if not isinstance(split, dict) or _name(split) != place.name:
        raise RunError(f"{path}: the file was edited; it does not match the name of its folder. {_ADVICE}")
    return split


_ADVICE = "Restore the folder from a copy; scores on an altered vault mean nothing."


def _verified(place: Path) -> tuple[dict, dict[str, Labels]]:
    """Split and labels of a vault, both checked by hash."""
    split = _split(place)
    path = place / LABELS
    try:
        with np.load(path, allow_pickle=False) as stored:
            labels = {
                name: Labels(
                    stored[f"values_{number}"],
                    stored[f"errors_{number}"],
                    stored[f"censored_{number}"],
                    known["unit"],
                    tuple(known["classes"]),
                )
                for number, (name, known) in enumerate(split["targets"].items())
            }
    except Exception as error:
        raise RunError(f"{path}: the sealed labels cannot be read ({error}). {_ADVICE}") from error
    if labels_digest(labels) != split["labels_sha"]:
        raise RunError(f"{path}: the sealed labels were edited; they do not match their hash. {_ADVICE}")
    return split, labels


def _how(dataset: Dataset, sealed: IntArray, groups: IntArray, forced: BoolArray, problem: Problem) -> str:
    n_groups = len(np.unique(groups[sealed]))
    text = (
        f"{len(sealed)} of {len(dataset)} rows ({n_groups} of {int(groups.max()) + 1} groups) sealed: whole groups, "
        f"{problem.targets[0].name} spread evenly, fixed seed"
    )
    again = int(np.isin(sealed, np.flatnonzero(forced)).sum())
    return text + (f"; {again} of them were in an earlier vault" if again else "")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One seal at a time in a folder, over all processes."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = (folder / ".lock").open("a+b")
    except OSError as error:
        raise RunError(
            f"{folder}: the vault cannot be written ({error.strerror}). Choose another folder with -o."
        ) from error
    with stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield

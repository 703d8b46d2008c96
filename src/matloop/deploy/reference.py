"""What a bundle keeps of the rows that its models learnt from, so that later rows can be compared with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrayfile import read_arrays
from matloop.core.arrays import Arrays, BoolArray, FloatArray, IntArray, TextArray, frozen, taken
from matloop.core.elements import SYMBOLS
from matloop.core.errors import BundleError
from matloop.data.dataset import Categories, Column, Dataset, Numbers
from matloop.deploy.bundle import read_manifest, verify
from matloop.doubt.prediction import Prediction
from matloop.matter.compositions import Compositions
from matloop.matter.molecules import Molecules
from matloop.matter.molecules import to_compositions as molecule_atoms
from matloop.matter.structures import Structures, shown_structures
from matloop.matter.structures import to_compositions as structure_atoms
from matloop.represent.table import FeatureTable

MOST = 2000
"""Rows kept, drawn at random by the seed of the run."""
FILE = "reference.npz"
LIMIT_BYTES = 2**30
"""Of the file when unpacked."""
LONGEST = 1000
"""Characters kept of a text."""
N_ELEMENTS = len(SYMBOLS) - 1
_BY_TARGET = ("truth", "value", "low", "high", "std", "in_domain")


@dataclass(frozen=True, slots=True)
class Reference:
    """A sample of development rows; never sealed ones.

    ids : (n,) of the rows in the dataset. names, X : features, shape (n, p). inputs : {input, as the problem file calls
    it: (n,) numbers in its unit or texts; of a structure its formula}. truth : {target: (n,) labels}. value, low, high,
    std : {target: (n,)} predictions by models that did not see the row (out of fold), with their calibrated intervals;
    class indices for a classification; NaN where the row has no label. in_domain : {target: (n,)} as 0 or 1, likewise.
    elements : shape (n, 118), whether the row holds the element of atomic number column + 1; shape (n, 0) where no
    input is matter.
    """

    ids: TextArray
    names: tuple[str, ...]
    X: FloatArray
    inputs: Mapping[str, FloatArray | TextArray]
    truth: Mapping[str, FloatArray]
    value: Mapping[str, FloatArray]
    low: Mapping[str, FloatArray]
    high: Mapping[str, FloatArray]
    std: Mapping[str, FloatArray]
    in_domain: Mapping[str, FloatArray]
    elements: BoolArray

    def __len__(self) -> int:
        return len(self.ids)

    def to_arrays(self) -> Arrays:
        """Plain arrays; names of inputs and targets stand in lists, since a name may hold any character."""
        arrays: Arrays = {
            "ids": self.ids, "names": np.array(self.names, dtype=np.str_), "X": self.X, "elements": self.elements,
            "inputs": np.array(list(self.inputs), dtype=np.str_), "targets": np.array(list(self.truth), dtype=np.str_),
        }  # fmt: skip
        arrays |= {f"input/{k}": column for k, column in enumerate(self.inputs.values())}
        for what in _BY_TARGET:
            arrays |= {f"{what}/{k}": getattr(self, what)[name] for k, name in enumerate(self.truth)}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Reference:
        """The value that `to_arrays` gave.

        Raises
        ------
        BundleError : an array is missing, of another shape or kind, or holds what cannot be.
        """
        ids, names = taken(arrays, "ids", kind="U"), taken(arrays, "names", kind="U")
        n, inputs, targets = len(ids), taken(arrays, "inputs", kind="U"), taken(arrays, "targets", kind="U")
        if not 0 < n <= MOST:
            raise BundleError(f"the reference holds {n} rows, 1 to {MOST:,} are possible. The bundle is not trusted.")
        X = _shaped(taken(arrays, "X", ndim=2, finite=False), "X", (n, len(names))).astype(np.float64)
        if np.isinf(X).any():
            raise BundleError("array 'X' holds infinite values. The bundle is not trusted.")
        elements = taken(arrays, "elements", kind="b", ndim=2)
        _shaped(elements, "elements", (n, N_ELEMENTS if elements.shape[1] else 0))
        by_target = {
            what: {str(name): _numbers(arrays, f"{what}/{k}", n) for k, name in enumerate(targets)}
            for what in _BY_TARGET
        }
        for name, values in by_target["in_domain"].items():
            if not (np.isnan(values) | (values == 0) | (values == 1)).all():
                raise BundleError(f"in_domain of {name!r} holds other values than 0 and 1. The bundle is not trusted.")
        columns = {str(name): _input(arrays, f"input/{k}", n) for k, name in enumerate(inputs)}
        return cls(ids, tuple(map(str, names)), frozen(X), columns, elements=elements, **by_target)


@dataclass(frozen=True, slots=True)
class HeldRows:
    """Rows of a dataset that have a label of one target, and what models said of them that had not seen them.

    rows : (m,) of the dataset. truth : (m,) labels. prediction : of the same rows.
    """

    rows: IntArray
    truth: FloatArray
    prediction: Prediction


def sample_reference(
    dataset: Dataset, table: FeatureTable, rows: IntArray, held: Mapping[str, HeldRows], *, seed: int, most: int = MOST
) -> Reference:
    """Keep at most `most` of `rows`, drawn at random, in their order.

    Parameters
    ----------
    table : features of all rows of `dataset`.
    rows : rows that may be shown: of development, never sealed.
    held : by target; rows outside `rows` are not looked at.
    """
    chosen = np.sort(np.random.default_rng(seed).permutation(len(rows))[:most])
    kept = rows[chosen]
    part = dataset.take(kept)
    filled = {target: _filled(one, kept, len(dataset)) for target, one in held.items()}
    by_target = {what: {target: columns[what] for target, columns in filled.items()} for what in _BY_TARGET}
    return Reference(
        part.ids, table.names, np.asarray(table.X[kept], dtype=np.float64), plain_inputs(part),
        elements=elements_of(part), **by_target,
    )  # fmt: skip


def load_reference(folder: Path | str) -> Reference | None:
    """The rows that a bundle keeps of its training, checked; None in a bundle of a release that kept none.

    Raises
    ------
    BundleError : the manifest or the file is damaged, was changed, or holds what cannot be.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    if FILE not in manifest.files:
        return None
    verify(folder, FILE, manifest.files[FILE])
    try:
        found = Reference.from_arrays(read_arrays(folder / FILE, limit_bytes=LIMIT_BYTES))
    except BundleError as error:
        raise BundleError(f"{folder / FILE}: {error}") from error
    for entry in manifest.models:
        if entry.target not in found.truth or entry.columns.names != found.names:
            raise BundleError(f"{folder / FILE} is not of the model of {entry.target!r}. The bundle is not trusted.")
    if lacking := [item.name for item in manifest.inputs if item.name not in found.inputs]:
        raise BundleError(f"{folder / FILE} lacks the input {lacking[0]!r}. The bundle is not trusted.")
    return found


def plain_inputs(dataset: Dataset) -> dict[str, FloatArray | TextArray]:
    """The inputs of a dataset as numbers or texts: formulas of compositions and structures, SMILES of molecules."""
    return {name: _plain(column) for name, column in dataset.inputs.items()}


def elements_of(dataset: Dataset) -> BoolArray:
    """Which elements each row holds in any of its inputs, shape (n, 118); (n, 0) where no input is matter."""
    matter = [atoms for column in dataset.inputs.values() if (atoms := _atoms(column)) is not None]
    found = np.zeros((len(dataset), N_ELEMENTS if matter else 0), dtype=bool)
    for atoms in matter:
        found[atoms.rows, atoms.elements - 1] = True
    return found


def _plain(column: Column) -> FloatArray | TextArray:
    if isinstance(column, Numbers):
        return np.asarray(column.values, dtype=np.float64)
    if isinstance(column, Categories):
        return _texts(column.values)
    if isinstance(column, Structures):
        return _texts(shown_structures(column))
    return _texts(column.smiles if isinstance(column, Molecules) else column.formulas)


def _texts(values: NDArray) -> TextArray:
    return np.array([str(value)[:LONGEST] for value in values], dtype=np.str_).reshape(len(values))


def _atoms(column: Column) -> Compositions | None:
    if isinstance(column, Structures):
        return structure_atoms(column)
    if isinstance(column, Molecules):
        return molecule_atoms(column)
    return column if isinstance(column, Compositions) else None


def _filled(held: HeldRows, kept: IntArray, n_rows: int) -> dict[str, FloatArray]:
    """What is known of one target at the rows `kept`; NaN where nothing is."""
    place = np.full(n_rows, -1, dtype=np.int64)
    place[held.rows] = np.arange(len(held.rows))
    at = place[kept]
    said = held.prediction
    found = {"truth": held.truth, "value": said.value, "low": said.low, "high": said.high, "std": said.std}
    found["in_domain"] = np.where(np.isfinite(said.value), said.in_domain.astype(np.float64), np.nan)
    return {name: np.where(at >= 0, values[np.maximum(at, 0)], np.nan) for name, values in found.items()}


def _numbers(arrays: Arrays, name: str, n: int) -> FloatArray:
    return _shaped(taken(arrays, name, finite=False), name, (n,)).astype(np.float64)


def _input(arrays: Arrays, name: str, n: int) -> FloatArray | TextArray:
    return _shaped(taken(arrays, name, kind="fU", finite=False), name, (n,))


def _shaped(array: NDArray, name: str, shape: tuple[int, ...]) -> NDArray:
    if array.shape != shape:
        raise BundleError(f"array {name!r} has the shape {array.shape}, expected {shape}. The bundle is not trusted.")
    return array

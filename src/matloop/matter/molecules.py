"""Molecules as a batch of flat arrays, and what they are read from and written to. RDKit reads; extra `molecules`."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import BoolArray, FloatArray, IntArray, TextArray, frozen
from matloop.core.errors import DataError, all_faults
from matloop.core.optional import available, require
from matloop.matter.compositions import Compositions
from matloop.matter.sdf import sdf_records

LONGEST_SMILES, LONGEST_BLOCK = 5_000, 1_000_000
"""Characters of a SMILES (or InChI), and of a mol block."""
MOST_ATOMS = 1_000
"""Atoms of a molecule, without hydrogens that are only implied. Larger ones are polymers or proteins."""
NO_RING = "no ring"
EXTRA = "molecules"
_ORDERS = {"SINGLE": 1.0, "DOUBLE": 2.0, "TRIPLE": 3.0, "QUADRUPLE": 4.0, "AROMATIC": 1.5}
Written = Literal["SMILES", "InChI", "mol block"]


@dataclass(frozen=True, slots=True)
class Molecules:
    """Atoms and bonds of many molecules, compressed by rows (CSR).

    offsets : shape (n_rows + 1,); row i holds atoms offsets[i]:offsets[i+1]. A row without atoms could not be read.
    elements : shape (n_atoms,), atomic number; 0 is an open end ("*"). Hydrogens that are only implied are no atoms.
    charges : shape (n_atoms,), formal charge in e. hydrogens : shape (n_atoms,), implied hydrogens of each atom.
    positions : shape (n_atoms, 3), Angstrom; NaN where no 3D coordinates were given.
    bond_offsets : shape (n_rows + 1,). bonds : shape (n_bonds, 2), atoms counted from the first of the row.
    orders : shape (n_bonds,), 1, 2, 3, 4, or 1.5 where aromatic; others (dative, zero) as 1.
    smiles : shape (n_rows,), canonical SMILES with stereochemistry and isotopes, which the arrays do not hold: equal
        for equal molecules; "" for unreadable rows. Salts and mixtures keep all their parts.
    texts : shape (n_rows,), as written: a SMILES, an InChI or a mol block.
    """

    offsets: IntArray
    elements: IntArray
    charges: IntArray
    hydrogens: IntArray
    positions: FloatArray
    bond_offsets: IntArray
    bonds: IntArray
    orders: FloatArray
    smiles: NDArray[np.object_]
    texts: NDArray[np.object_]

    def __post_init__(self) -> None:
        for name in self.__slots__:
            frozen(getattr(self, name))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def rows(self) -> IntArray:
        """The row of each atom, shape (n_atoms,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    @property
    def sizes(self) -> IntArray:
        """Atoms of each row with all hydrogens, shape (n_rows,)."""
        implied = np.bincount(self.rows, weights=self.hydrogens, minlength=len(self)).astype(np.int64)
        return np.diff(self.offsets) + implied

    @property
    def placed(self) -> BoolArray:
        """Rows with 3D coordinates, shape (n_rows,)."""
        first = np.minimum(self.offsets[:-1], max(len(self.positions) - 1, 0))
        known = np.isfinite(self.positions[first, 0]) if len(self.positions) else np.zeros(len(self), dtype=bool)
        return known & (np.diff(self.offsets) > 0)

    def take(self, rows: IntArray) -> Molecules:
        """The given rows, in the given order."""
        offsets, atoms = _taken(self.offsets, rows)
        bond_offsets, bonds = _taken(self.bond_offsets, rows)
        return Molecules(
            offsets, self.elements[atoms], self.charges[atoms], self.hydrogens[atoms], self.positions[atoms],
            bond_offsets, self.bonds[bonds], self.orders[bonds], self.smiles[rows], self.texts[rows],
        )  # fmt: skip


def _taken(offsets: IntArray, rows: IntArray) -> tuple[IntArray, IntArray]:
    counts = np.diff(offsets)[rows]
    new = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return new, np.repeat(offsets[:-1][rows] - new[:-1], counts) + np.arange(new[-1])


def rdkit_missing() -> str:
    """What to install where molecules cannot be read here; empty where they can."""
    return "" if available("rdkit") else f"molecules need rdkit: pip install 'matloop[{EXTRA}]'"


# ---- reading ----


def from_smiles(texts: Sequence[str]) -> tuple[Molecules, dict[int, str]]:
    """Read SMILES (an InChI or a mol block is known by its look), each distinct text once.

    Returns
    -------
    the molecules, and {row: reason} for every row that could not be read, with RDKit's own complaint.

    Raises
    ------
    MissingExtra : rdkit is not installed.

    Examples
    --------
    >>> molecules, reasons = from_smiles(["OCC", "C1CC"])                   # doctest: +SKIP
    >>> molecules.smiles.tolist(), reasons                                  # doctest: +SKIP
    (['CCO', ''], {1: "RDKit cannot read this SMILES: unclosed ring for input: 'C1CC'"})
    """
    molecules, reasons, _ = read_texts(texts)
    return molecules, reasons


def read_texts(texts: Sequence[str]) -> tuple[Molecules, dict[int, str], dict[int, str]]:
    """As `from_smiles`, with {row: what is worth knowing} as a third value (several parts, open ends)."""
    chem = require("rdkit.Chem", extra=EXTRA)
    known: dict[str, Any] = {}
    with require("rdkit.rdBase", extra=EXTRA).BlockLogs():
        for text in dict.fromkeys(texts):
            known[text] = _parsed(chem, text)
        drawn = {text: _drawn(chem, found) for text, found in known.items()}
    reasons: dict[int, str] = {}
    notes: dict[int, str] = {}
    complaints: dict[str, str] = {}
    for row, text in enumerate(texts):
        found = drawn[text]
        if isinstance(found, str):
            if text not in complaints:
                complaints[text] = found or _complaint(chem, text)
            reasons[row] = complaints[text]
        elif found.note:
            notes[row] = found.note
    whole = {text: found for text, found in drawn.items() if isinstance(found, _Drawn)}
    rows = [whole.get(text) for text in texts]
    return _assembled(rows, texts), reasons, notes


def written_as(text: str) -> Written:
    """What a text is, by its look."""
    if text.startswith("InChI="):
        return "InChI"
    return "mol block" if "\n" in text else "SMILES"


def shown_molecule(text: str, limit: int = 60) -> str:
    """A short name of what was written: the SMILES, or the title of a mol block."""
    if written_as(text) == "mol block":
        title = text.split("\n", 1)[0].strip()
        text = f"mol block {title!r}" if title else "mol block"
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _parsed(chem: Any, text: object) -> Any:
    """An RDKit molecule; None where RDKit complains, or a reason of our own."""
    if not isinstance(text, str):
        return f"{text!r} is no text: a SMILES such as 'CCO' is needed"
    if not text.strip():
        return "is empty: there is no molecule"
    kind = written_as(text)
    longest = LONGEST_BLOCK if kind == "mol block" else LONGEST_SMILES
    if len(text) > longest:
        return f"is {len(text):,} characters long; at most {longest:,} are read as a molecule"
    return _by_rdkit(chem, text)


def _by_rdkit(chem: Any, text: str) -> Any:
    kind = written_as(text)
    if kind == "InChI":
        return chem.MolFromInchi(text)
    if kind == "mol block":
        return chem.MolFromMolBlock(text, removeHs=False)
    return chem.MolFromSmiles(text)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """One molecule as lists, and what is worth knowing of it."""

    atoms: list[tuple[int, int, int]]
    bonds: list[tuple[int, int]]
    orders: list[float]
    positions: FloatArray | None
    smiles: str
    note: str


def _drawn(chem: Any, molecule: Any) -> _Drawn | str:
    """The lists of an RDKit molecule; a reason, empty where RDKit has one."""
    if molecule is None or isinstance(molecule, str):
        return molecule or ""
    if not 0 < molecule.GetNumAtoms() <= MOST_ATOMS:
        n = molecule.GetNumAtoms()
        return f"has {n:,} atoms; at most {MOST_ATOMS:,} are read" if n else "holds no atom"
    atoms = [(a.GetAtomicNum(), a.GetFormalCharge(), a.GetTotalNumHs()) for a in molecule.GetAtoms()]
    if not any(z for z, _, _ in atoms):
        return "holds open ends only, no atom"
    bonds = list(molecule.GetBonds())
    return _Drawn(
        atoms,
        [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in bonds],
        [_ORDERS.get(str(b.GetBondType()), 1.0) for b in bonds],
        _positions(molecule),
        smiles := _canonical(chem, molecule),
        _note(smiles, sum(z == 0 for z, _, _ in atoms)),
    )


def _canonical(chem: Any, molecule: Any) -> str:
    """The same SMILES with hydrogens written out or implied; [H][H] keeps its own."""
    plain = chem.RemoveHs(molecule, sanitize=False) if any(a.GetAtomicNum() == 1 for a in molecule.GetAtoms()) else None
    text = chem.MolToSmiles(molecule if plain is None else plain)
    again = chem.MolFromSmiles(text) if plain is not None else None
    return chem.MolToSmiles(again) if again is not None else text


def _positions(molecule: Any) -> FloatArray | None:
    if not molecule.GetNumConformers() or not molecule.GetConformer().Is3D():
        return None
    found = np.array(molecule.GetConformer().GetPositions(), dtype=float)
    return found if np.isfinite(found).all() and (np.ptp(found, axis=0) > 0).any() else None


def _note(smiles: str, open_ends: int) -> str:
    parts = smiles.count(".") + 1
    said = [f"{parts} parts (a salt, solvate or mixture), described together"] if parts > 1 else []
    said += [f"{open_ends} open ends (*), no atoms of the composition"] if open_ends else []
    return "; ".join(said)


def _complaint(chem: Any, text: str) -> str:
    """What RDKit says against a text."""
    base = require("rdkit.rdBase", extra=EXTRA)
    stream = io.StringIO()
    base.LogToPythonStderr()
    try:
        with contextlib.redirect_stderr(stream):
            _by_rdkit(chem, text)
    finally:
        base.LogToCppStreams()
    logged = stream.getvalue().splitlines()
    lines = [re.sub(r"^\[[\d:]+\]\s*|SMILES Parse Error:\s*", "", line).strip() for line in logged]
    said = [line for line in lines if re.search(r"[a-z]{3}", line) and line != text.strip()][:2]
    why = "; ".join(said).rstrip(".:") or "it gives no reason"
    return f"RDKit cannot read this {written_as(text)}: {why[:300]}"


def _assembled(rows: Sequence[_Drawn | None], texts: Sequence[object]) -> Molecules:
    there = [row for row in rows if row is not None]
    counts = [0 if row is None else len(row.atoms) for row in rows]
    bond_counts = [0 if row is None else len(row.bonds) for row in rows]
    atoms = np.array([atom for row in there for atom in row.atoms], dtype=np.int64).reshape(-1, 3)
    bonds = np.array([bond for row in there for bond in row.bonds], dtype=np.int64).reshape(-1, 2)
    blank = [np.full((len(row.atoms), 3), np.nan) if row.positions is None else row.positions for row in there]
    return Molecules(
        _offsets(counts),
        np.ascontiguousarray(atoms[:, 0]), np.ascontiguousarray(atoms[:, 1]), np.ascontiguousarray(atoms[:, 2]),
        np.concatenate(blank) if blank else np.zeros((0, 3)),
        _offsets(bond_counts),
        bonds,
        np.array([order for row in there for order in row.orders], dtype=float),
        _objects(["" if row is None else row.smiles for row in rows]),
        _objects(texts),
    )  # fmt: skip


def _offsets(counts: Sequence[int]) -> IntArray:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _objects(values: Sequence[object]) -> NDArray[np.object_]:
    """Texts of very different lengths: one long mol block must not widen every row."""
    found = np.empty(len(values), dtype=object)
    found[:] = list(values)
    return found


def as_molecules(X: Any) -> Molecules:
    """Anything that names molecules as a batch; every row must be readable.

    Parameters
    ----------
    X : as for `read_molecules`.

    Raises
    ------
    DataError : rows that cannot be read, each with its reason, up to ten and a count.
    """
    molecules, reasons = read_molecules(X)
    if reasons:
        faults = [
            f"row {row}: {shown_molecule(str(molecules.texts[row]))!r} {why}" for row, why in sorted(reasons.items())
        ]
        raise DataError(all_faults("molecules cannot be read; correct or drop these rows:", faults))
    return molecules


def read_molecules(X: Any) -> tuple[Molecules, dict[int, str]]:
    """Anything that names molecules as a batch, and {row: reason} for rows that cannot be read.

    Parameters
    ----------
    X : Molecules (rows without atoms stay so, without a reason), or a sequence (list, array, Series, one-column frame)
        of SMILES, InChI, mol blocks or RDKit molecules.

    Raises
    ------
    DataError : `X` is no sequence. MissingExtra : rdkit is not installed.
    """
    if isinstance(X, Molecules):
        return X, {}
    return from_smiles([_text(row) for row in _as_list(X)])


def _as_list(X: Any) -> list[Any]:
    if isinstance(X, str) or hasattr(X, "GetAtoms"):
        raise DataError("a sequence of molecules is needed, not a single one: write [smiles].")
    values = X.to_numpy(dtype=object) if hasattr(X, "to_numpy") else X
    if isinstance(values, np.ndarray):
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if values.ndim != 1:
            raise DataError(f"one column of molecules is needed, found shape {values.shape}.")
        return values.tolist()
    if isinstance(values, Mapping) or not isinstance(values, Iterable):
        raise DataError(f"a sequence of molecules is needed, found {type(X).__name__}.")
    return list(values)


def _text(row: Any) -> Any:
    """A row as text: an RDKit molecule as mol block where it has 3D coordinates, else as SMILES; missing as ""."""
    if hasattr(row, "GetAtoms"):
        chem = require("rdkit.Chem", extra=EXTRA)
        return chem.MolToSmiles(row) if _positions(row) is None else chem.MolToMolBlock(row)
    return "" if row is None or (isinstance(row, float) and np.isnan(row)) else row


def from_rdkit(molecules: Sequence[Any]) -> tuple[Molecules, dict[int, str]]:
    """RDKit molecules as a batch, with their 3D coordinates where they have such; None is an unreadable row.

    Raises
    ------
    MissingExtra : rdkit is not installed.
    """
    return from_smiles([_text(molecule) for molecule in molecules])


def from_sdf(source: Path | str) -> tuple[Molecules, dict[int, str]]:
    """The molecules of an SD or mol file (V2000, V3000), with 3D coordinates where it has them, and {row: reason}.

    Parameters
    ----------
    source : the path, or the text itself (with line feeds). `matter.sdf.sdf_records` has the named values.

    Raises
    ------
    DataError : there is no such file. MissingExtra : rdkit is not installed.
    """
    if isinstance(source, str) and "\n" in source:
        text = source
    else:
        try:
            text = Path(source).read_text("utf-8", errors="replace")
        except OSError as error:
            raise DataError(f"{source}: cannot be read ({error.strerror}).") from error
    return from_smiles([record.block for record in sdf_records(text)])


# ---- writing ----


def to_rdkit(m: Molecules) -> list[Any]:
    """RDKit molecules, from canonical SMILES, or with 3D coordinates and all written atoms; None for unreadable rows.

    Raises
    ------
    MissingExtra : rdkit is not installed.
    """
    chem = require("rdkit.Chem", extra=EXTRA)
    placed = m.placed
    with require("rdkit.rdBase", extra=EXTRA).BlockLogs():
        return [
            None if not smiles else _by_rdkit(chem, str(m.texts[row])) if placed[row] else plain_rdkit(smiles)
            for row, smiles in enumerate(m.smiles.tolist())
        ]


def plain_rdkit(smiles: str) -> Any:
    """One RDKit molecule from a canonical SMILES; None where RDKit cannot read back what it wrote (very rare)."""
    return require("rdkit.Chem", extra=EXTRA).MolFromSmiles(smiles)


def to_sdf(m: Molecules, *, titles: Sequence[str] = (), values: Mapping[str, Sequence[object]] | None = None) -> str:
    """The readable rows as the text of an SD file: atoms, bonds, 3D coordinates; from it the same molecules are read.

    Parameters
    ----------
    titles : one per row; canonical SMILES by default. values : named values, one per row each.

    Raises
    ------
    MissingExtra : rdkit is not installed.
    """
    chem = require("rdkit.Chem", extra=EXTRA)
    parts = []
    for row, molecule in enumerate(to_rdkit(m)):
        if molecule is None:
            continue
        molecule.SetProp("_Name", str(titles[row] if len(titles) else m.smiles[row]).replace("\n", " ")[:78])
        tags = "".join(f">  <{name}>\n{column[row]}\n\n" for name, column in (values or {}).items())
        parts.append(f"{chem.MolToMolBlock(molecule)}{tags}$$$$\n")
    return "".join(parts)


def to_compositions(m: Molecules) -> Compositions:
    """Atoms of each molecule by element, implied hydrogens counted; open ends are left out.

    Examples
    --------
    >>> to_compositions(from_smiles(["CCO"])[0]).amounts.tolist()            # doctest: +SKIP
    [6.0, 2.0, 1.0]
    """
    real = m.elements > 0
    counts = np.zeros((len(m), 119))
    np.add.at(counts, (m.rows[real], m.elements[real]), 1.0)
    np.add.at(counts, (m.rows, np.ones(len(m.rows), dtype=np.int64)), m.hydrogens.astype(float))
    rows, elements = np.nonzero(counts)
    charges = np.bincount(m.rows, weights=m.charges, minlength=len(m)).astype(float)
    offsets = np.searchsorted(rows, np.arange(len(m) + 1)).astype(np.int64)
    names: TextArray = np.array([smiles[:200] for smiles in m.smiles.tolist()] or [""], dtype=np.str_)[: len(m)]
    return Compositions(offsets, elements.astype(np.int64), counts[rows, elements], charges, names)


def scaffolds(m: Molecules) -> TextArray:
    """The Bemis-Murcko scaffold (rings and what links them) of each molecule as canonical SMILES, shape (n,).

    `NO_RING` for molecules without a ring, "" for unreadable rows.

    Raises
    ------
    MissingExtra : rdkit is not installed.

    References
    ----------
    Bemis & Murcko, J. Med. Chem. 39 (1996) 2887. doi:10.1021/jm9602928
    """
    murcko = require("rdkit.Chem.Scaffolds.MurckoScaffold", extra=EXTRA)
    known = {"": ""}
    with require("rdkit.rdBase", extra=EXTRA).BlockLogs():
        for smiles in dict.fromkeys(m.smiles.tolist()):
            molecule = plain_rdkit(smiles) if smiles else None
            if smiles:
                found = smiles if molecule is None else murcko.MurckoScaffoldSmiles(mol=molecule)
                known[smiles] = found or NO_RING
    return np.array([known[smiles] for smiles in m.smiles.tolist()] or [""], dtype=np.str_)[: len(m)]

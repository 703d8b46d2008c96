"""Splits of molecules by their Bemis-Murcko scaffold: the rings and what links them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from matloop.core.arrays import TextArray
from matloop.core.errors import DataError, all_faults
from matloop.matter.molecules import NO_RING, from_smiles
from matloop.matter.molecules import scaffolds as murcko
from matloop.problem.question import Task
from matloop.split.folds import make_folds
from matloop.split.groups import group_index, joined
from matloop.split.splitter import Held, Rows, Splitter, folds_held, n_rows


def scaffolds(smiles: Sequence[str]) -> TextArray:
    """The Bemis-Murcko scaffold of each molecule as canonical SMILES, shape (n,); "" for molecules without a ring.

    Raises
    ------
    DataError : SMILES that cannot be read, by row. MissingExtra : rdkit is not installed.

    References
    ----------
    Bemis & Murcko, J. Med. Chem. 39 (1996) 2887. doi:10.1021/jm9602928
    """
    texts = [str(text) for text in np.asarray(smiles, dtype=object).reshape(-1).tolist()]
    molecules, reasons = from_smiles(texts)
    faults = [f"row {row}: {texts[row]!r} {why}" for row, why in sorted(reasons.items())]
    if faults:
        raise DataError(all_faults("SMILES that rdkit cannot read; correct or drop these rows:", faults))
    found = murcko(molecules)
    return np.where(found == NO_RING, "", found)


class ScaffoldFolds(Splitter):
    """Folds of equal size that keep every scaffold whole, with the target spread evenly.

    Molecules without a ring share the empty scaffold and stay together, as is the custom (MoleculeNet).

    Parameters
    ----------
    smiles : shape (n,), a molecule per row of X; None where X itself holds SMILES.

    References
    ----------
    Bemis & Murcko, J. Med. Chem. 39 (1996) 2887. doi:10.1021/jm9602928
    Wu et al., Chem. Sci. 9 (2018) 513 (scaffold splits). doi:10.1039/C7SC02664A
    """

    def __init__(
        self, n_splits: int = 5, *, smiles: Sequence[str] | None = None, seed: int = 0, task: Task = "regression"
    ) -> None:
        self.n_splits, self.smiles, self.seed, self.task = n_splits, smiles, seed, task

    def _held(self, rows: Rows) -> Iterator[Held]:
        given: Any = rows.X if self.smiles is None else self.smiles
        if n_rows(given) != len(rows):
            raise DataError(f"there are {n_rows(given)} SMILES for {len(rows)} rows; one per row is needed.")
        whole = joined(group_index(scaffolds(given)), rows.group)
        yield from folds_held(
            make_folds(rows.numbers(self.task), whole, n_folds=self.n_splits, seed=self.seed, task=self.task)
        )

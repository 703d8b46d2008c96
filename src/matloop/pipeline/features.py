"""Features of one column of compositions or molecules, as a table of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from matloop.core.errors import ConfigError, DataError
from matloop.data.collect import collect
from matloop.data.inputs import read_inputs
from matloop.data.table import no_column
from matloop.deploy.predict import ending_of, write_frame
from matloop.problem.fault import did_you_mean, quoted
from matloop.problem.question import Input, InputKind, Source
from matloop.represent import FEATURIZERS
from matloop.represent.representation import plan_representation, represent


@dataclass(frozen=True, slots=True)
class Made:
    """Features that were written: where, how many, and the rows that could not be (fully) described."""

    out: str
    n_rows: int
    n_features: int
    reasons: Mapping[int, str]
    """1-based data row -> why"""

    def lines(self) -> Iterable[str]:
        """The same for a person."""
        yield f"{self.n_rows} rows, {self.n_features} features"
        yield from (f"  row {row}: {why}" for row, why in list(self.reasons.items())[:10])
        if len(self.reasons) > 10:
            yield f"  and {len(self.reasons) - 10} more rows with a reason, in the column reason"
        yield f"written to {self.out}"


def make_features(table: str, *, column: str, sets: Sequence[str], out: Path) -> Made:
    """Describe a column of compositions or molecules by the named featurizers and write the result.

    It is a column of molecules where one of the featurizers describes molecules.

    The order of rows is kept; a row that cannot be read has empty cells and its reason.

    Parameters
    ----------
    table : a path, or the name of a data set that matloop carries.
    column : the column of compositions, or of SMILES (InChI, mol blocks).
    sets : names of `FEATURIZERS`.
    out : the file to write; its ending says how.

    Raises
    ------
    ConfigError : no such featurizer, or an ending that is not known. DataError : no such table or column.
    RunError : `out` cannot be written.
    """
    ending_of(out)
    for name in sets:
        if name not in FEATURIZERS:
            raise ConfigError(f"there is no featurizer {quoted(name)}. {did_you_mean(name, list(FEATURIZERS))}")
    raw = collect(Source(table))
    if column not in raw.columns:
        raise DataError(f"{table}: {no_column(column, raw.names)}")
    kinds = [getattr(FEATURIZERS.load(name), "kind", "composition") for name in sets]
    kind: InputKind = "molecule" if "molecule" in kinds else "composition"
    inputs = (Input(column, kind, column, features=tuple(sets)),)
    dataset, unreadable = read_inputs(raw, inputs)
    made = represent(dataset, plan_representation(dataset, inputs))
    reasons = {**made.reasons, **unreadable}
    chosen = [i for i, origin in enumerate(made.origins) if origin.partition(":")[2] in sets]
    columns: dict[str, object] = {column: raw.columns[column]}
    columns |= {made.names[i]: made.X[:, i] for i in chosen}
    columns["reason"] = np.array([reasons.get(row, "") for row in range(len(dataset))], dtype=object)
    write_frame(out, pd.DataFrame(columns))
    return Made(str(out), len(dataset), len(chosen), {row + 1: reasons[row] for row in sorted(reasons)})

"""`matloop data references`: formation energies from total energies, by references given or fitted."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from matloop.core.errors import ConfigError, DataError
from matloop.core.files import write_text
from matloop.core.jsonable import to_jsonable
from matloop.data.cleaning.references import References, fit_references, formation_energies, given_references
from matloop.data.collect import collect
from matloop.data.inputs import number_column
from matloop.data.table import RawTable, no_column
from matloop.data.words import shown, texts
from matloop.matter.compositions import read_compositions
from matloop.pipeline.columns import look
from matloop.problem.question import Source

FORMATION, ERROR = "formation energy per atom", "formation energy per atom error"


@dataclass(frozen=True, slots=True)
class ReferencesMade:
    """References, how many rows got a formation energy by them, and the files that were written."""

    references: References
    unit: str
    n_rows: int
    n_formed: int
    lacking: tuple[str, ...]
    table: Path | None
    out: Path | None

    def lines(self) -> Iterable[str]:
        """The same for a person."""
        found, unit = self.references, f" {self.unit}" if self.unit else ""
        for name, value in found.energies.items():
            error = found.errors[name]
            spread = f" ± {error:.2g}" if np.isfinite(error) else ""
            rows = f"  ({found.rows[name]:,} rows)" if name in found.rows else ""
            yield f"{name:<2} {value:.4f}{spread}{unit}{rows}"
        if found.n_rows:
            yield (
                f"fitted to {found.n_rows:,} rows: RMSE {found.rmse:.4g}{unit}, {found.left_out:.4g}{unit} for rows "
                "that were left out; the fit has seen these rows, so give it rows that are no test rows"
            )
        yield f"{self.n_formed:,} of {self.n_rows:,} rows have a formation energy" + (
            f"; no reference for {', '.join(self.lacking)}" if self.lacking else ""
        )
        yield from (f"{what} {path}" for what, path in (("table", self.table), ("references", self.out)) if path)

    def as_json(self) -> Any:
        """The same for a program."""
        return to_jsonable(self)


def make_references(
    table: Path | str,
    *,
    energy: str,
    formula: str = "",
    measured: str = "",
    use: Path | None = None,
    out: Path | None = None,
    save: Path | None = None,
) -> ReferencesMade:
    """Formation energies per atom from total energies per atom.

    Parameters
    ----------
    energy : column of total energies per atom. formula : found by itself where empty.
    measured : column of measured formation energies per atom, which makes the fit one of FERE.
    use : CSV of references (element, energy, and error if there is one); without it they are fitted to the table.
    out : CSV of the table with two more columns. save : CSV of the references, for `use` on other tables.

    Raises
    ------
    ConfigError, DataError : what is wrong with options, columns, or elements.
    """
    if use is not None and measured:
        raise ConfigError("references are either given (--use) or fitted (--measured): choose one.")
    raw = collect(Source(str(table)))
    name = formula or next((fact.name for fact in look(raw) if fact.kind == "composition"), "")
    for column in (energy, measured, name):
        if column and column not in raw.columns:
            raise DataError(f"{table}: {no_column(column, raw.names)}")
    if not name:
        raise DataError(f"{table}: no column holds formulas. Name it with --formula.")
    batch, _ = read_compositions(list(raw.column(name)))
    read = number_column(raw, energy, "")
    aim = number_column(raw, measured, read.unit).values if measured else None
    found = _given(use) if use is not None else fit_references(batch, read.values, aim)
    formation, errors, lacking = formation_energies(batch, read.values, found)
    if out is not None:
        write_text(out, _with_columns(raw, formation, errors))
    if save is not None:
        write_text(save, _as_csv(found))
    return ReferencesMade(found, read.unit, len(raw), int(np.isfinite(formation).sum()), lacking, out, save)


def _given(path: Path) -> References:
    raw = collect(Source(str(path)))
    for column in ("element", "energy"):
        if column not in raw.columns:
            raise DataError(f"{path}: {no_column(column, raw.names)} A table of references has element, energy, error.")
    names = [str(one) for one in texts(raw.column("element"))]
    energies = number_column(raw, "energy", "").values
    errors = number_column(raw, "error", "").values if "error" in raw.columns else np.full(len(raw), np.nan)
    twice = sorted({one for one in names if names.count(one) > 1})
    if twice:
        raise DataError(f"{path}: {', '.join(twice)} stands more than once. Keep one line per element.")
    pairs = [dict(zip(names, values.tolist(), strict=True)) for values in (energies, errors)]
    return given_references(*pairs)


def _with_columns(raw: RawTable, formation: np.ndarray, errors: np.ndarray) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow([*raw.names, FORMATION, ERROR])
    told = [[f"{value:.8g}" if np.isfinite(value) else "" for value in column] for column in (formation, errors)]
    columns = [[shown(value) for value in raw.column(name).tolist()] for name in raw.names]
    writer.writerows(zip(*columns, *told, strict=True))
    return stream.getvalue()


def _as_csv(found: References) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["element", "energy", "error"])
    for name, value in found.energies.items():
        error = found.errors[name]
        writer.writerow([name, f"{value:.8g}", f"{error:.3g}" if np.isfinite(error) else ""])
    return stream.getvalue()

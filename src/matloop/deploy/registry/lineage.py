"""From a prediction back to what it learnt from: version, run, dataset, training rows, records, licences."""

from __future__ import annotations

import csv
import io
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matloop.core.errors import ConfigError
from matloop.core.files import write_text
from matloop.core.jsonable import to_jsonable
from matloop.data.dataset import Provenance
from matloop.data.share.escape import disarmed
from matloop.deploy.answering import Answerer
from matloop.deploy.reference import load_reference
from matloop.deploy.registry.contract import Version
from matloop.deploy.registry.learnt import Learnt, Near, asked_features, found, learnt, near
from matloop.deploy.registry.registry import Registry
from matloop.deploy.registry.sources import FromRecord, traced

SHOWN = 10
"""Training rows that are shown when nobody says how many."""
_RECORDS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class LearntRow:
    """A training row. targets : {name: label; None where it was not learnt}. records : what it was made of. distance :
    from the row that was asked, in features of standard deviation 1; None where none was asked."""

    id: str
    inputs: Mapping[str, Any]
    targets: Mapping[str, Any]
    records: tuple[FromRecord, ...]
    distance: float | None = None


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a model, or one prediction of it, goes back to.

    provenance : of the table; None where the run was not registered. n_rows : rows that were learnt from, n_sealed :
    that were kept away. rows : the nearest ones to what was asked, else the first ones. among : how many rows the
    nearest were looked for in. typical : distance of a training row from its nearest other one. asked, answer : the row
    that was asked, and what the model says of it. gaps : where the way back ends, in words.
    """

    version: Version
    provenance: Provenance | None
    n_rows: int
    n_sealed: int
    rows: tuple[LearntRow, ...]
    asked: Mapping[str, Any] | None = None
    answer: Mapping[str, str] | None = None
    among: int = 0
    typical: float | None = None
    gaps: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The way back, a step a line."""
        version, known = self.version, self.provenance
        said = [f"asked    {_pairs(self.asked)}"] if self.asked else []
        said += [f"answer   {target}: {text}" for target, text in (self.answer or {}).items()]
        said += [
            f"model    {version.spelled}, {version.stage}, bundle {version.bundle}, added {version.created} by "
            f"{version.who}",
            f"run      {version.run_id}: {version.question or version.name}",
        ]
        if known is not None:
            said.append(f"data     {known.source}{f' ({known.query})' if known.query else ''}, {known.n_rows:,} rows")
            said.append(f"         sha256 {known.sha256[:16]}, {known.licence or 'no licence known'}")
            said += [f"         cite: {known.citation}"] if known.citation else []
            said.append(f"learnt   {self.n_rows:,} rows ({self.n_sealed:,} more were sealed)")
        else:
            said.append(f"data     sha256 {version.data_sha256[:16]}")
        if self.rows and self.asked:
            typical = "" if self.typical is None else f"; a training row is usually {self.typical:.3g} from its nearest"
            said.append(f"nearest  of {self.among:,} training rows{typical}")
        elif self.rows:
            said.append(f"rows     the first {len(self.rows)}")
        said += [line for row in self.rows for line in _row(row)]
        return said + [f"note: {gap}" for gap in self.gaps]

    def as_json(self) -> Any:
        """The same for a program."""
        return to_jsonable(self)

    def _repr_html_(self) -> str:
        from html import escape

        return "<pre>" + escape("\n".join(self.lines())) + "</pre>"


def lineage(registry: Registry, asked: str, row: Mapping[str, Any] | None = None, *, limit: int = SHOWN) -> Lineage:
    """Where a model learnt what it says.

    Parameters
    ----------
    asked : "thermopower@3", as for `Registry.get`. row : values by column as the service takes them; then the training
        rows nearest to it are found, and what the model says of it. limit : rows, at most.

    Raises
    ------
    NotInStore : there is no such version. DataError : the row cannot be read. BundleError : what is stored is damaged.
    """
    version = registry.get(asked)
    known = learnt(registry, version)
    gaps: list[str] = []
    if known is None:
        gaps.append(
            "the run was not registered with the bundle, so its rows are not known here. Register the run's folder, "
            "not only its bundle: matloop models add STORE RUN"
        )
    if row is None:
        chosen: list[tuple[int, float | None]] = [(place, None) for place in range(min(limit, len(known or ())))]
        return _assembled(registry, version, known, chosen, gaps)
    with tempfile.TemporaryDirectory(prefix="matloop-") as folder:
        bundle = registry.fetch(version, folder)
        answerer = Answerer.open(bundle)
        row = _by_column(answerer, row)
        missing = [name for name in answerer.columns if name not in row]
        if missing:
            raise ConfigError(f"the row lacks {_names(missing)}. {version.spelled} takes: {_names(answerer.columns)}")
        close, ids = _near(answerer, bundle, known, row, limit, gaps)
        answer = _answer(answerer, row)
    places = {} if known is None else {str(name): place for place, name in enumerate(known.ids)}
    chosen = [(places.get(name, -1), far) for name, far in zip(ids, close.distance if close else (), strict=True)]
    made = _assembled(registry, version, known, [one for one in chosen if one[0] >= 0], gaps)
    return Lineage(
        version, made.provenance, made.n_rows, made.n_sealed, made.rows, dict(row), answer, close.among if close else 0,
        close.typical if close else None, made.gaps,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """A file of all training rows. n : lines. sources : (provider, licence, whether it may be shared, records)."""

    out: Path
    n: int
    sources: tuple[tuple[str, str, bool, int], ...]

    def lines(self) -> list[str]:
        """The file, and how many records came from where under which licence."""
        said = [f"{self.n:,} lines written to {self.out}"]
        for provider, licence, shareable, n in self.sources:
            own = "" if shareable else ", not to be shared"
            said.append(f"  {n:,} records of {provider or 'no known provider'}: {licence or 'no licence known'}{own}")
        return said


def write_rows(registry: Registry, asked: str, out: Path) -> Written:
    """Write every training row with every record that it was made of as CSV: row, inputs, labels, dataset key,
    provider, id, URL, licence, DOI, whether it may be shared.

    Raises
    ------
    ConfigError : the file is not to end in .csv, or the run was not registered. RunError : it cannot be written.
    """
    if out.suffix != ".csv":
        raise ConfigError(f"{out}: the rows are written as .csv")
    version = registry.get(asked)
    known = learnt(registry, version)
    if known is None:
        raise ConfigError(f"{version.spelled} was registered without its run, so its rows are not known.")
    rows, gaps = _rows(registry, known, [(place, None) for place in range(len(known))])
    stream = io.StringIO()
    writer = csv.writer(stream)
    names = (*known.inputs, *known.targets)
    writer.writerow(["row", *names, "table row", "key", "provider", "id", "url", "licence", "doi", "shareable", "note"])
    n = 0
    for row in rows:
        values = [row.id, *row.inputs.values(), *row.targets.values()]
        for one in row.records or (None,):
            found = _record_cells(one, gaps)
            writer.writerow([disarmed(value) if isinstance(value, str) else value for value in (*values, *found)])
            n += 1
    write_text(out, stream.getvalue())
    counts = Counter((o.provider, o.licence, o.shareable) for row in rows for o in (one.origin for one in row.records))
    return Written(out, n, tuple((*key, many) for key, many in sorted(counts.items())))


# ---- putting together ----


def _by_column(answerer: Answerer, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row by the names of its columns, where it may also say the names of inputs."""
    columns = {entry.name: entry.column for entry in answerer.bundle.manifest.inputs if entry.column}
    return {name if name in answerer.columns else columns.get(name, name): value for name, value in row.items()}


def _near(
    answerer: Answerer, bundle: Path, known: Learnt | None, row: Mapping[str, Any], limit: int, gaps: list[str]
) -> tuple[Near | None, list[str]]:
    """The nearest training rows, and their names."""
    given = {name: row[name] for name in answerer.columns}
    if known is not None:
        close = near(answerer.bundle, known, given, limit)
        if close is not None:
            return close, [str(known.ids[place]) for place in close.rows]
    sample = load_reference(bundle)
    if sample is None:
        gaps.append("the bundle keeps no sample of its training rows, so the nearest ones cannot be found.")
        return None, []
    close = found(asked_features(answerer.bundle, given), sample.X, limit)
    gaps.append(f"the nearest rows were looked for in the sample of {len(sample):,} rows that the bundle keeps.")
    return close, [str(sample.ids[place]) for place in close.rows]


def _answer(answerer: Answerer, row: Mapping[str, Any]) -> dict[str, str]:
    found = answerer.answer([row])
    said = {}
    for target, one in found.predictions.items():
        reason = str(one.reason[0])
        if one.classes:
            value = one.value[0]
            text = one.classes[int(value)] if value == value else "none"
        else:
            unit = f" {one.unit}" if one.unit else ""
            text = f"{one.value[0]:.4g}{unit} ({one.low[0]:.4g} to {one.high[0]:.4g})"
        said[target] = text if one.in_domain[0] else f"{text}; outside the domain: {reason}"
    return said


def _assembled(
    registry: Registry, version: Version, known: Learnt | None, chosen: Sequence[tuple[int, float | None]],
    gaps: list[str],
) -> Lineage:  # fmt: skip
    if known is None:
        return Lineage(version, None, 0, 0, (), gaps=tuple(gaps))
    rows, more = _rows(registry, known, chosen)
    return Lineage(version, known.provenance, len(known), known.n_sealed, rows, gaps=(*gaps, *more))


def _rows(
    registry: Registry, known: Learnt, chosen: Sequence[tuple[int, float | None]]
) -> tuple[tuple[LearntRow, ...], tuple[str, ...]]:
    wanted = [row for place, _ in chosen for row in known.source_rows[place]]
    back = traced(registry, known.provenance, wanted, known.targets)
    rows = tuple(
        LearntRow(
            str(known.ids[place]), {name: _plain(values[place]) for name, values in known.inputs.items()},
            {name: _plain(values[place]) for name, values in known.targets.items()},
            tuple(back.records[row] for row in known.source_rows[place] if row in back.records), far,
        )
        for place, far in chosen
    )  # fmt: skip
    return rows, back.gaps


def _plain(value: Any) -> Any:
    item = value.item() if hasattr(value, "item") else value
    return None if isinstance(item, float) and item != item else item


# ---- words ----


def _row(row: LearntRow) -> list[str]:
    far = "" if row.distance is None else f"  distance {row.distance:.3g}"
    labels = {name: value for name, value in row.targets.items() if value is not None}
    said = [f"  {row.id}  {_pairs(row.inputs)}  ->  {_pairs(labels) or 'no label'}{far}"]
    for one in row.records[:_RECORDS_SHOWN]:
        origin = one.origin
        name = " ".join(filter(None, (origin.provider, origin.id)))
        parts = (f"record {one.key}" if one.key else f"row {one.row}", name, origin.url, origin.licence,
                 f"doi:{origin.doi}" if origin.doi else "", "" if origin.shareable else "not to be shared")  # fmt: skip
        said.append("      " + ", ".join(filter(None, parts)))
    if len(row.records) > _RECORDS_SHOWN:
        said.append(f"      and {len(row.records) - _RECORDS_SHOWN} more records")
    return said


def _record_cells(one: FromRecord | None, gaps: Sequence[str]) -> list[Any]:
    if one is None:
        return ["", "", "", "", "", "", "", "", "; ".join(gaps)]
    origin = one.origin
    return [one.row, one.key, origin.provider, origin.id, origin.url, origin.licence, origin.doi, origin.shareable,
            origin.note]  # fmt: skip


def _pairs(values: Mapping[str, Any] | None) -> str:
    return ", ".join(f"{name} {_short(value)}" for name, value in (values or {}).items())


def _short(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)

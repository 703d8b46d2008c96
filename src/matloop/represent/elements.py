"""Statistics of element properties from any table: an embedded source, or a CSV of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.element_csv import parse_element_table, read_element_table
from matloop.core.elements import SYMBOLS, ElementTable, property_units, table
from matloop.core.errors import ConfigError, DataError
from matloop.matter.compositions import Compositions
from matloop.represent import deml, magpie
from matloop.represent.featurizer import CompositionFeaturizer
from matloop.represent.miedema import MIEDEMA_2016
from matloop.represent.pooling import pool_by, pooled_names, pooled_units
from matloop.represent.statistics import statistic
from matloop.represent.valence import DEML_2016
from matloop.represent.vectors import MATSCHOLAR_2019, MEGNET_2019

SUMMARY = ("minimum", "maximum", "range", "mean", "std_dev")
Missing = Literal["auto", "mean", "nan"]
PYMATGEN_2013 = (
    "S. P. Ong et al., Python Materials Genomics (pymatgen): a robust, open-source python library for materials "
    "analysis, Comput. Mater. Sci. 68 (2013) 314, doi:10.1016/j.commatsci.2012.10.028"
)
POLYANSKIY_2024 = (
    "M. N. Polyanskiy, Refractiveindex.info database of optical constants, Sci. Data 11 (2024) 94, "
    "doi:10.1038/s41597-023-02898-2"
)
RICCI_2017 = (
    "F. Ricci et al., An ab initio electronic transport database for inorganic materials, Sci. Data 4 (2017) 170085, "
    "doi:10.1038/sdata.2017.85"
)


@dataclass(frozen=True, slots=True)
class Source:
    """An embedded table, and what is taken of it where nothing else is said (matminer's preset).

    table : name in `core.elements.table`
    prefix : what column names begin with
    properties : empty for all
    """

    table: str
    prefix: str
    citation: str
    properties: tuple[str, ...] = ()
    statistics: tuple[str, ...] = SUMMARY


SOURCES = {
    "magpie": Source("magpie", "MagpieData", magpie.WARD_2016, magpie.PROPERTIES, magpie.STATISTICS),
    "deml": Source("deml", "DemlData", DEML_2016, deml.PROPERTIES),
    "pymatgen": Source(
        "periodic",
        "PymatgenData",
        PYMATGEN_2013,
        (
            "X", "row", "group", "block", "atomic_mass", "atomic_radius", "mendeleev_no", "electrical_resistivity",
            "velocity_of_sound", "thermal_conductivity", "melting_point", "bulk_modulus",
            "coefficient_of_linear_thermal_expansion",
        ),
    ),
    "matscholar": Source("matscholar", "MatscholarElementData", MATSCHOLAR_2019),
    "megnet": Source("megnet", "MEGNetElementData", MEGNET_2019),
    "optical": Source("optical", "OpticalData", POLYANSKIY_2024, statistics=(*SUMMARY, "mode")),
    "transport": Source("transport", "TransportData", RICCI_2017, statistics=(*SUMMARY, "mode")),
    "miedema": Source("miedema", "Miedema", MIEDEMA_2016),
}  # fmt: skip
"""Embedded sources by name: every preset of matminer's `ElementProperty`, and Miedema's parameters."""


class ElementTableFeaturizer(CompositionFeaturizer):
    """Statistics over the atoms of element properties, from any table.

    With an embedded `source` and nothing else it is matminer's `ElementProperty` with the preset of that name
    ("pymatgen" is its preset "matminer"; "matscholar" and "megnet" its "matscholar_el" and "megnet_el"). The source
    "transport" was fitted to the transport data that `ricci-transport` embeds: features made from it know such labels.

    Parameters
    ----------
    source : "pymatgen", "magpie", "deml", "matscholar", "megnet", "optical", "transport" or "miedema"
    properties : names of its columns; empty: those of matminer's preset, or all of one's own table
    statistics : names for `represent.statistics.statistic`; empty: matminer's for the source, or minimum, maximum,
        range, mean and std_dev
    table : instead of `source`: the path of a CSV (rules: `core.element_csv`), or an `ElementTable` that is already
        read. Such a table is what a fitted model must keep: see `self_contained`.
    missing : what stands for a value that the table does not have: "mean" of the known elements (matminer's rule),
        "nan" with a reason, "auto": "mean" for sources, "nan" for one's own table
    name : of one's own table, in column names; empty: the file's

    Examples
    --------
    >>> ElementTableFeaturizer(source="magpie", properties=("MeltingT",), statistics=("mean",)).transform(["NaCl"])
    array([[271.235]])
    >>> own = ElementTableFeaturizer.from_text("element,hardness\\nFe,4.0\\nNi,4.0", statistics=("mean",))
    >>> own.reasons(["FeNi", "FeO"])
    {1: 'table: no values of O'}
    """

    def __init__(
        self,
        source: str = "pymatgen",
        properties: tuple[str, ...] = (),
        statistics: tuple[str, ...] = (),
        table: str | ElementTable = "",
        missing: Missing = "auto",
        name: str = "",
    ) -> None:
        self.source = source
        self.properties = properties
        self.statistics = statistics
        self.table = table
        self.missing = missing
        self.name = name

    @classmethod
    def from_text(
        cls, text: str, *, properties: tuple[str, ...] = (), statistics: tuple[str, ...] = (), name: str = "table"
    ) -> ElementTableFeaturizer:
        """With the table that is written in `text` as CSV.

        Raises
        ------
        DataError : `text` is no such table.
        """
        return cls(properties=properties, statistics=statistics, table=parse_element_table(text, name), name=name)

    def self_contained(self) -> ElementTableFeaturizer:
        """The same featurizer without a path: the content of the file is read and kept, as `table`.

        Raises
        ------
        DataError : the file cannot be read.
        """
        if not isinstance(self.table, str) or not self.table:
            return self
        own = self.get_params() | {"table": _content(self.table), "name": self._label()}
        return ElementTableFeaturizer(**own)

    def columns(self) -> tuple[str, ...]:
        chosen = self._chosen()
        return pooled_names(self._label(), chosen.columns, self._statistics())

    def describe(self, elements: IntArray, amounts: FloatArray) -> FloatArray:
        return pool_by(self._chosen().values, elements, amounts, [statistic(name) for name in self._statistics()])

    def limits(self, compositions: Compositions) -> dict[int, str]:
        gaps: BoolArray = np.isnan(self._chosen().values)
        hit = np.logical_or.reduce(gaps, axis=1)[compositions.elements]
        met: dict[int, set[int]] = {}
        for row, z in zip(compositions.rows[hit].tolist(), compositions.elements[hit].tolist(), strict=True):
            met.setdefault(row, set()).add(z)
        return {row: self._told(gaps, tuple(sorted(zs))) for row, zs in met.items()}

    def units(self) -> dict[str, str]:
        known = {} if self.table else property_units(self._embedded().table)
        return pooled_units(self._label(), self._chosen().columns, self._statistics(), known)

    def citations(self) -> tuple[str, ...]:
        return () if self.table else (self._embedded().citation,)

    def _told(self, gaps: BoolArray, zs: tuple[int, ...]) -> str:
        """Which values of which elements are missing."""
        columns = self._chosen().columns
        whole = [SYMBOLS[z] for z in zs if gaps[z].all()]
        parts = [f"no values of {', '.join(whole)}"] if whole else []
        for z in zs:
            if not gaps[z].all():
                names = [columns[j] for j in np.flatnonzero(gaps[z])]
                parts.append(f"no {', '.join(names[:3])}{' ...' if len(names) > 3 else ''} of {SYMBOLS[z]}")
        return f"{self._label()}: {'; '.join(parts)}"

    def _embedded(self) -> Source:
        if self.source not in SOURCES:
            raise ConfigError(f"there is no source {self.source!r} of element properties. Known: {', '.join(SOURCES)}.")
        return SOURCES[self.source]

    def _label(self) -> str:
        if not self.table:
            return self._embedded().prefix
        return self.name or (Path(self.table).name.split(".")[0] if isinstance(self.table, str) else "table")

    def _statistics(self) -> tuple[str, ...]:
        given = tuple(self.statistics) or (SUMMARY if self.table else self._embedded().statistics)
        for name in given:
            statistic(name)
        return tuple(dict.fromkeys(given))

    def _chosen(self) -> ElementTable:
        """The picked properties, gaps filled where that is asked for."""
        if self.missing not in ("auto", "mean", "nan"):
            raise ConfigError(f"missing = {self.missing!r}: 'auto', 'mean' or 'nan' is needed.")
        if self.table:
            whole = _content(self.table) if isinstance(self.table, str) else self.table
            return _picked(whole, tuple(self.properties), self.missing == "mean")
        source = self._embedded()
        return _of_source(self.source, tuple(self.properties) or source.properties, self.missing != "nan")


@cache
def _of_source(source: str, properties: tuple[str, ...], filled: bool) -> ElementTable:
    if source == "deml":
        return _picked(deml.filled_deml() if filled else deml.deml_table(), properties, fill=False)
    return _picked(table(SOURCES[source].table), properties, filled)


@lru_cache(maxsize=32)
def _picked(whole: ElementTable, properties: tuple[str, ...], fill: bool) -> ElementTable:
    made = whole.filled() if fill else whole
    if not properties:
        return made
    unknown = [name for name in properties if name not in whole.columns]
    if unknown:
        shown = ", ".join(whole.columns[:60]) + (" ..." if len(whole.columns) > 60 else "")
        raise ConfigError(f"the element table has no property {', '.join(map(repr, unknown))}. It has: {shown}.")
    return made.pick(tuple(dict.fromkeys(properties)))


def _content(path: str) -> ElementTable:
    """The table in a file; read again only when the file has changed."""
    try:
        state = Path(path).stat()
    except (OSError, ValueError) as error:
        raise DataError(f"the element table {path!r} cannot be read: {error}.") from error
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=32)
def _read(path: str, changed: int, size: int) -> ElementTable:
    return read_element_table(path)

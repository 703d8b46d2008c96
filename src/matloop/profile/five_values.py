"""What is said about a table: the five Vs with their figures, columns, relations, warnings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from matloop.core.arrays import BoolArray, FloatArray, IntArray, TextArray
from matloop.data.measurements.values import Measured, MeasurementStudy
from matloop.data.store.values import Version
from matloop.matter.compositions import Compositions
from matloop.metrics.estimate import Estimate
from matloop.profile.study import MapStudy
from matloop.represent.table import FeatureTable

Part = Literal["input", "target", "error", "time", "id", "other"]


@dataclass(frozen=True, slots=True)
class Field:
    """A column that was read: numbers, or words (then `codes` index `words`, -1 is missing and `values` is empty).

    missing : shape (n_rows,), nothing stands there. unreadable : there is something, but not what the column holds.
    """

    name: str
    part: Part
    unit: str
    values: FloatArray
    codes: IntArray
    words: tuple[str, ...]
    missing: BoolArray
    unreadable: BoolArray

    @property
    def is_number(self) -> bool:
        """Whether it holds numbers."""
        return len(self.values) > 0


@dataclass(frozen=True, slots=True)
class History:
    """The past of a dataset in a store: its versions, the first one first.

    retrieved : shape (n_records,), seconds since 1970 when records were got, NaN where not known. values, changed :
    records of the first version, and those of them that are another or gone today.
    """

    versions: tuple[Version, ...]
    retrieved: FloatArray
    values: int
    changed: int


@dataclass(frozen=True, slots=True)
class TableRead:
    """A table as `profile_table` takes it.

    compositions : of each row, None where the table has none. phase : shape (n_rows,), what tells polymorphs apart
    (space group, prototype), "" where not known; `phase_from` says where it comes from, "" where nothing does.
    input_keys : shape (n_rows,), equal where all inputs are equal. row_keys : equal where everything but ids is equal;
    both -1 where a row has no input. seconds : since 1970, NaN where not known.
    labels : shape (n_rows,), rows whose targets may be looked at.
    drawn : rows with their features, from which map and target relations are made; `drawn_rows` says which they are.
    measured : columns that say how values were measured, None where there are none.
    """

    source: str
    fields: tuple[Field, ...]
    compositions: Compositions | None
    phase: TextArray
    phase_from: str
    input_keys: IntArray
    row_keys: IntArray
    seconds: FloatArray
    labels: BoolArray
    drawn: FeatureTable | None
    drawn_rows: IntArray
    shown: TextArray
    notes: tuple[str, ...] = ()
    measured: Measured | None = None
    history: History | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def of(self, part: Part) -> tuple[Field, ...]:
        """The columns that play a part."""
        return tuple(one for one in self.fields if one.part == part)


@dataclass(frozen=True, slots=True)
class Finding:
    """One measured figure: `shown` is the number in words, `meaning` what it means for learning.

    level : "good", "look" or "bad".
    """

    name: str
    value: float
    shown: str
    meaning: str
    level: Literal["good", "look", "bad"] = "good"


@dataclass(frozen=True, slots=True)
class Noise:
    """Spread of rows with equal inputs, of one target.

    sets, rows : with two or more labelled rows. copies : sets whose values agree to the last digit, left out of `sd`.
    sd : pooled standard deviation of one value. mae : mean absolute deviation of one value from the true mean.
    robust_sd : from the median set, which a few wrong values do not move. ceiling : largest R2 against single values.
    disagree : for classes, share of sets whose rows disagree; `floor` the share of rows that no model gets right.
    """

    target: str
    unit: str
    sets: int
    rows: int
    copies: int
    sd: Estimate
    mae: Estimate
    robust_sd: float
    ceiling: float
    disagree: Estimate
    floor: float


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One column. quantiles : least, 5 %, 25 %, 50 %, 75 %, 95 %, most. counts between `edges`, or of `top` words.

    suspicious : {what: 1-based rows, at most 10}; n_suspicious all of them.
    """

    name: str
    part: Part
    unit: str
    kind: Literal["number", "words"]
    missing: float
    unreadable: int
    distinct: int
    quantiles: tuple[float, ...]
    mean: float
    sd: float
    skew: float
    log: bool
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    top: tuple[str, ...]
    suspicious: Mapping[str, tuple[int, ...]]
    n_suspicious: int


@dataclass(frozen=True, slots=True)
class Relation:
    """Two columns of numbers over the rows that have both; p-values are corrected for all pairs (Holm).

    pearson, spearman : with 95 % intervals. warnings : what the linear correlation hides.
    """

    first: str
    second: str
    n_rows: int
    pearson: Estimate
    spearman: Estimate
    p_pearson: float
    p_spearman: float
    warnings: tuple[Warned, ...]


@dataclass(frozen=True, slots=True)
class Warned:
    """An Anscombe-type warning: kind, in words, and the points to draw (at most 400)."""

    kind: Literal["bend", "few rows", "two clusters"]
    said: str
    strength: float
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class TargetRelation:
    """How much one column or feature tells of the target: Spearman's rho, or share of the (rank) variance explained by
    the words; p corrected for all of them (Holm). `made` is true for features of the composition."""

    name: str
    made: bool
    kind: Literal["spearman", "groups"]
    strength: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Redundant:
    """Two columns that say the same; how : "equal", "linear", "monotone" or "determined"."""

    first: str
    second: str
    how: str
    strength: float


@dataclass(frozen=True, slots=True)
class MissingTogether:
    """A set of columns that are empty in the same rows, and in how many."""

    columns: tuple[str, ...]
    n_rows: int


@dataclass(frozen=True, slots=True)
class DataProfile:
    """All that is said about a table, before any model.

    volume, velocity, veracity, validity, volatility : figures and what they mean for learning.
    elements : {symbol: rows}. classes : {target: {class: rows}}. levels : {column: {level of theory: rows}}.
    months : ((year and month, rows), ...). labels_shown : rows whose labels were looked at.
    measured : what batches, instruments, operators and time do to the first target.
    """

    source: str
    n_rows: int
    labels_shown: int
    volume: tuple[Finding, ...]
    velocity: tuple[Finding, ...]
    veracity: tuple[Finding, ...]
    validity: tuple[Finding, ...]
    volatility: tuple[Finding, ...]
    elements: Mapping[str, int]
    classes: Mapping[str, Mapping[str, int]]
    levels: Mapping[str, Mapping[str, int]]
    months: tuple[tuple[str, int], ...]
    noise: tuple[Noise, ...]
    columns: tuple[ColumnProfile, ...]
    missing: tuple[MissingTogether, ...]
    relations: tuple[Relation, ...]
    names: tuple[str, ...]
    pearson: FloatArray
    spearman: FloatArray
    redundant: tuple[Redundant, ...]
    target: str
    unit: str
    target_relations: tuple[TargetRelation, ...]
    map: MapStudy | None
    notes: tuple[str, ...]
    measured: MeasurementStudy | None = None

    @property
    def vs(self) -> tuple[tuple[str, tuple[Finding, ...]], ...]:
        """The five in their order."""
        return (
            ("Volume", self.volume), ("Velocity", self.velocity), ("Veracity", self.veracity),
            ("Validity", self.validity), ("Volatility", self.volatility),
        )  # fmt: skip

    @property
    def warnings(self) -> tuple[Relation, ...]:
        """Relations whose correlation hides their shape, the clearest first."""
        found = [one for one in self.relations if one.warnings]
        return tuple(sorted(found, key=lambda one: -max(w.strength for w in one.warnings)))

"""The question as a frozen value: what goes in, what is asked, what counts as success, what it may cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from matloop.problem.show import problem_html

InputKind = Literal["composition", "structure", "molecule", "number", "category"]
Task = Literal["regression", "classification", "ranking"]
Scale = Literal["linear", "log"]
Merge = Literal["median", "mean", "min", "max", "first", "majority", "error"]
Censored = Literal["set_aside", "at_bound"]
Depth = Literal["quick", "standard", "thorough"]
Loss = Literal["auto", "mse", "mae", "huber", "cross_entropy", "hinge"]
Amounts = Literal["formula", "wt%", "at%", "mol%"]
Statistic = Literal["mean", "std", "min", "max", "slope", "last", "lag"]
Ends = Literal["shorter", "missing"]
Polymorphs = Literal["all", "lowest_energy", "by_space_group"]
Mixed = Literal["refuse", "separate", "correct", "columns"]
Geometry = Literal["flag", "remove", "ignore"]
NearStructures = Literal["ignore", "tell", "merge"]
SelectMethod = Literal[
    "telling", "variance", "pearson", "spearman", "mrmr", "redundancy", "forest", "l1", "forward"
]  # fmt: skip

REDUCED_FORMULA = "reduced_formula"
"""The derived group: rows with the same composition, whatever multiple of it was written."""

MOLECULE = "molecule"
"""The derived group: rows with the same molecule, however it was written (canonical SMILES)."""

SCAFFOLD = "scaffold"
"""The derived group: rows whose molecules share rings and linkers (Bemis-Murcko); molecules without a ring are one."""

SPACE_GROUP, PROTOTYPE, NEARLY_IDENTICAL = "space_group", "prototype", "nearly_identical"
CRYSTAL_GROUPS = (REDUCED_FORMULA, SPACE_GROUP, PROTOTYPE, NEARLY_IDENTICAL)
"""Derived groups of structures: the same composition (polymorphs together), space group, prototype (space group and
Wyckoff positions, whatever the elements), or nearly the same structure (polymorphs apart)."""

IN_MEMORY = "in memory"
"""The source of a table that is handed over in Python and has no file."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the table is: a path, or the name of a data set that matloop carries.

    `sheet` (Excel) and `encoding` are read from the file when empty; `missing` are further spellings of "no value".
    """

    source: str
    sheet: str = ""
    encoding: str = ""
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """The rows just before a row of a series, as further inputs: what the number was lately and where it was going.

    `along` is the column that orders the rows (numbers or dates), `by` the column that names the series (empty: all
    rows are one). A window holds `rows` rows (a length or several), none of them later: the row itself and those before
    it, or with `current = false` only those before it. `statistics` of the known values in it: "mean", "std" (of two or
    more), "min", "max", "slope" (per unit of `along`; per second where that is dates), "last" (the latest known one);
    "lag" gives the values one, two, ... rows before, up to the longest window. `ends` says what stands where a series
    has fewer rows before: a "shorter" window, or "missing".
    """

    along: str
    by: str = ""
    rows: tuple[int, ...] = (5,)
    statistics: tuple[Statistic, ...] = ("mean", "std", "slope")
    current: bool = True
    ends: Ends = "shorter"


@dataclass(frozen=True, slots=True)
class Input:
    """One named input. What is not listed as an input is never a feature.

    `column` holds it (for a composition also `columns`, one per element: {element symbol: column}, with `amounts`
    saying in what they are given; for a molecule it holds SMILES, InChI or mol blocks). `features` names featurizers of
    `represent`; empty means the kind's default.
    `unit` is the unit that numbers are converted to. `degree` adds powers of a number up to it, `window` what it was in
    earlier rows of a series. `order` are the words of a category from low to high: it is then a number 0, 1, 2, ...
    """

    name: str
    kind: InputKind
    column: str = ""
    unit: str = ""
    amounts: Amounts = "formula"
    columns: Mapping[str, str] = field(default_factory=dict)
    features: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    degree: int = 1
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class Never:
    """What must not happen: a share above `share_above` of absolute errors above `abs_error_above` (target unit)."""

    abs_error_above: float
    share_above: float


@dataclass(frozen=True, slots=True)
class Success:
    """What counts as success: a metric of `metrics` and the value it must reach on the sealed rows."""

    metric: str
    at_most: float | None = None
    at_least: float | None = None
    never: Never | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One property that is asked for.

    `scale = "log"` fits log10(value) (values must be > 0); `bounds` are physical limits of the value, predictions and
    intervals stay inside. `error_column` holds one standard deviation per row (its inverse square weighs the row).
    `merge` is the rule for rows of the same inputs; `censored` what to do with "> 300". `positive` names the class that
    counts as positive in a two-class task. `top_k` is the length of the short list that a ranking is judged by.
    """

    name: str
    column: str
    unit: str = ""
    task: Task = "regression"
    scale: Scale = "linear"
    bounds: tuple[float, float] | None = None
    error_column: str = ""
    merge: Merge | None = None
    censored: Censored = "set_aside"
    positive: str = ""
    top_k: int = 10
    success: Success | None = None


@dataclass(frozen=True, slots=True)
class Roles:
    """Columns with a role other than input or target. `group` rows never straddle a split; empty means
    `reduced_formula` where there is a composition or structure, `molecule` where there is a molecule, else every row by
    itself."""

    group: str = ""
    id: str = ""
    weight: str = ""
    time: str = ""
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """What the answer may cost. `minutes` covers search and evidence together; `lost_share` is the share of rows that
    cleaning may remove before the run stops and says so."""

    minutes: float = 10.0
    predict_ms: float | None = None
    memory_gb: float | None = None
    lost_share: float = 0.1
    cores: int | None = None


@dataclass(frozen=True, slots=True)
class Protocol:
    """How honesty is kept: share of sealed rows, seeds of models and folds (never of the vault), depth of evidence."""

    test_fraction: float = 0.2
    seeds: tuple[int, ...] = (0, 1, 2)
    depth: Depth = "standard"
    folds: int = 5


@dataclass(frozen=True, slots=True)
class Features:
    """Columns that are made from several inputs. `polynomial` is the highest degree of products of number inputs: 2
    adds all squares and all products of two."""

    polynomial: int = 1


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What cleaning may decide, and which of its decisions are overruled.

    `keep` and `remove` are names of rows (those of `[roles] id`, or "row-17"): what stands in `keep` is not removed by
    any choice made here (a row that cannot be read stays out), what stands in `remove` goes.

    `polymorphs`: of the structures of one composition keep "all", the one of "lowest_energy", or that of each space
    group ("by_space_group"); `energy` is the column with energies per atom, `space_group` a column of space groups
    where they are not to be found from the structures.

    `method` is the column that says how the values were obtained (PBE, PBE+U, HSE06, experiment); `mixed` what to do
    where known methods that do not compare are mixed in a target: "refuse"; "separate" and keep those that compare
    with `level` (empty: with the most frequent one); "correct" and shift the others to it, by a fit to development
    materials that have both; "columns" and make the values of the others columns beside it, which may be inputs,
    `"gap (PBE)" = { kind = "number" }`. `compatible` lists methods that compare in this table. Where the
    column is also an input of kind category, the mix is learnt by the model and nothing is refused.

    `geometry`: overlapping atoms, cells without volume, absurd densities and charges. `near_structures`: structures
    that are nearly the same; `exact` lets pymatgen's StructureMatcher confirm each suspect. `near_compositions`:
    compositions that differ by at most this atomic fraction in every element are told (0: not looked for).
    """

    keep: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    polymorphs: Polymorphs = "all"
    energy: str = ""
    space_group: str = ""
    method: str = ""
    mixed: Mixed = "refuse"
    level: str = ""
    compatible: tuple[str, ...] = ()
    geometry: Geometry = "flag"
    near_structures: NearStructures = "ignore"
    exact: bool = False
    near_compositions: float = 0.0


@dataclass(frozen=True, slots=True)
class Measurements:
    """How the values were measured: columns that are kept beside the data and are no features unless they are inputs.

    `operator`, `instrument`, `laboratory` and `batch` name columns of words, `time` that of the moment of measurement
    (empty: the one of `[roles]`), `conditions` further columns. `replicate` names the sample: rows of one sample are
    repeated measurements (empty: rows with the same inputs are). `control` says which rows measure a control sample:
    the column holds its name there and is empty elsewhere.

    `files` attaches files of instruments to rows: a path from the folder of the table, with columns in braces
    ("spectra/{sample}.csv").
    """

    operator: str = ""
    instrument: str = ""
    laboratory: str = ""
    batch: str = ""
    time: str = ""
    conditions: tuple[str, ...] = ()
    replicate: str = ""
    control: str = ""
    files: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are named, each once."""
        plain = (self.operator, self.instrument, self.laboratory, self.batch, self.time, *self.conditions,
                 self.replicate, self.control)  # fmt: skip
        return tuple(dict.fromkeys(name for name in plain if name))


@dataclass(frozen=True, slots=True)
class Selection:
    """At most so many `columns` are kept, chosen by `method` from the training rows of each fold anew."""

    method: SelectMethod
    columns: int = 40


@dataclass(frozen=True, slots=True)
class Training:
    """Which model families to try (empty: all that are installed), by which loss, and whether rows without a label
    may be used (they are, only when paired folds say that it helps).

    `candidates` is the most that are tried; 0 leaves that to the minutes. With it, and minutes enough, the result does
    not depend on how fast the machine is.

    `select` makes every model choose columns first (not your own estimators); without it the search tries that where it
    pays.

    `estimators` are the caller's own scikit-learn estimators as plain data; `matloop.run(problem, estimators=...)`
    fills it. A problem file cannot have them: files come from strangers and must never name code to import.
    """

    families: tuple[str, ...] = ()
    loss: Loss = "auto"
    unlabelled: bool = True
    candidates: int = 0
    select: Selection | None = None
    estimators: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """One question about materials, complete: the value of a problem file."""

    name: str
    data: Source
    inputs: tuple[Input, ...]
    targets: tuple[Target, ...]
    question: str = ""
    roles: Roles = Roles()
    limits: Limits = Limits()
    protocol: Protocol = Protocol()
    training: Training = Training()
    features: Features = Features()
    cleaning: Cleaning = Cleaning()
    measurements: Measurements = Measurements()

    def target(self, name: str) -> Target:
        """The target called `name` (KeyError if there is none)."""
        return next(t for t in self.targets if t.name == name)

    @property
    def derived_group(self) -> str:
        """The rule that makes the groups from the inputs; empty where they are a column, or every row by itself.

        "molecule", "scaffold" and those of structures are names of columns where there is no such input.
        """
        kinds = {entry.kind for entry in self.inputs}
        group = self.roles.group
        if not group:
            formula = REDUCED_FORMULA if kinds & {"composition", "structure"} else ""
            return " + ".join(rule for rule in (formula, MOLECULE if MOLECULE in kinds else "") if rule)
        derived = (
            group == REDUCED_FORMULA
            or (group in (MOLECULE, SCAFFOLD) and MOLECULE in kinds)
            or (group in CRYSTAL_GROUPS and "structure" in kinds)
        )
        return self.roles.group if derived else ""

    def _repr_html_(self) -> str:
        return problem_html(self)

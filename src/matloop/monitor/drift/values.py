"""What a comparison of two sets of rows found, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from matloop.core.arrays import FloatArray

What = Literal["input", "feature", "prediction"]


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """One column then and now.

    what : an input as it is asked, a feature made from it, or what the model said. kind : "number" or "category".
    n_reference, n_now : independent rows with a value. distance : between the distributions, 0 to 1 (Kolmogorov-Smirnov
    for numbers, total variation for categories). psi : population stability index less what chance alone gives it.
    before, after : medians (numbers). shift : of the median in standard deviations of the reference. missing : share
    without a value, then and now. new : words that the reference does not have, with their counts. p : of the test;
    holm, fdr : corrected for all columns; p_missing likewise of the missing share (Holm).
    """

    name: str
    what: What
    kind: Literal["number", "category"]
    n_reference: int
    n_now: int
    distance: float
    psi: float
    p: float
    before: float = float("nan")
    after: float = float("nan")
    shift: float = float("nan")
    missing: tuple[float, float] = (0.0, 0.0)
    p_missing: float = float("nan")
    new: Mapping[str, int] = field(default_factory=dict)
    holm: float = 1.0
    fdr: float = 1.0


@dataclass(frozen=True, slots=True)
class Whole:
    """All features together.

    mmd, p_mmd : squared maximum mean discrepancy (unbiased) and its permutation p-value. auc, p_classifier : of a
    classifier that is asked, by cross-validation, whether a row is of the reference or of now; 0.5 where it cannot
    tell. energy, p_energy : energy distance likewise, for reading. p : of the two tests together.
    """

    n_reference: int
    n_now: int
    n_axes: int
    mmd: float
    p_mmd: float
    auc: float
    p_classifier: float
    energy: float
    p_energy: float

    @property
    def p(self) -> float:
        """Smaller of the two, times two."""
        return min(1.0, 2.0 * min(self.p_mmd, self.p_classifier))


@dataclass(frozen=True, slots=True)
class ElementDrift:
    """Share of the materials that hold an element, then and now; `examples` of now; `unseen` where the model says that
    no training row at all has it; `holm` is corrected for all elements."""

    symbol: str
    before: float
    after: float
    n_before: int
    n_after: int
    p: float
    holm: float = 1.0
    unseen: bool = False
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FamilyDrift:
    """Share of the materials of a family (oxide, alloy, ...), then and now, with examples of now."""

    name: str
    before: float
    after: float
    n_before: int
    n_after: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChemistryDrift:
    """Elements, families and chemical systems of two sets of materials.

    elements, families : those that occur anywhere. systems_new : share of materials of now whose set of elements is not
    in the reference; systems_expected : the share that chance gives, since no sample holds all systems. p_* : of the
    tests.
    """

    n_reference: int
    n_now: int
    elements: tuple[ElementDrift, ...]
    families: tuple[FamilyDrift, ...]
    systems_new: float
    systems_expected: float
    examples: tuple[str, ...]
    p_families: float
    p_systems: float

    @property
    def new_elements(self) -> tuple[ElementDrift, ...]:
        """Elements that no reference row holds, the most frequent first."""
        found = [one for one in self.elements if one.n_before == 0]
        return tuple(sorted(found, key=lambda one: (-one.n_after, one.symbol)))


@dataclass(frozen=True, slots=True)
class OutputDrift:
    """What the model said of one target, then (out of fold) and now.

    value : of the predictions. outside : share outside the domain, p_outside of a rise. width : median width of the
    intervals (of a class: its standard deviation) and its distribution.
    """

    target: str
    value: ColumnDrift | None
    outside: tuple[float, float]
    n_outside: tuple[int, int]
    p_outside: float
    width: ColumnDrift | None


@dataclass(frozen=True, slots=True)
class MapPoints:
    """Rows on the two widest axes of the reference's features.

    reference, now : (n, 2). labels_reference, labels_now : what the rows are. shares : of the spread along each axis.
    """

    reference: FloatArray
    now: FloatArray
    labels_reference: tuple[str, ...]
    labels_now: tuple[str, ...]
    shares: tuple[float, float]

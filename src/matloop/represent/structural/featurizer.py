"""What all featurizers of structures share: reading, bounds, one neighbour list per batch, sites pooled to rows."""

from __future__ import annotations

from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.scikit import Transformer
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import Structures
from matloop.matter.structures_read import read_structures
from matloop.problem.question import InputKind
from matloop.represent.structural.pooling import pool_sites, pooled_names, pooled_units

ROWS_AT_ONCE = 256
"""Structures per batch: memory stays flat in the number of rows."""
SITES_AT_ONCE = 4096
"""Sites per batch, unless one row alone has more."""


class Parts:
    """Cuts of one batch with their neighbour lists; those asked for last are kept."""

    KEPT = 2

    def __init__(self, structures: Structures) -> None:
        self._structures = structures
        self._known: OrderedDict[bytes, Vicinity] = OrderedDict()

    def of(self, rows: IntArray) -> Vicinity:
        """The given rows (`.structures`) and their pairs."""
        key = rows.tobytes()
        if key not in self._known:
            self._known[key] = Vicinity(self._structures.take(rows))
            while len(self._known) > self.KEPT:
                self._known.popitem(last=False)
        return self._known[key]


class StructureFeaturizer(Transformer):
    """A stateless transformer from structures to named columns; a plug-in fills in `columns`, `describe`, `citations`.

    `transform` takes whatever `read_structures` takes. A row that cannot be read or described is NaN; `reasons` says
    why. Each row is worked out from its own sites, so it has the same bits in every batch.
    """

    kind: ClassVar[InputKind] = "structure"
    needs_order: ClassVar[bool] = True
    """Whether a site that is shared or partly vacant cannot be described; such rows are then refused with a reason."""
    needs_cell: ClassVar[bool] = False
    """Whether the structure has to repeat along all three vectors."""
    most_sites: ClassVar[int] = 20_000
    """Sites of a row, at most."""
    invariances: ClassVar[tuple[str, ...]] = ("rotation", "translation", "permutation", "cell", "supercell")
    """What the features do not depend on: "cell" is the choice of lattice vectors, "supercell" repeating it."""

    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, unique."""

    @abstractmethod
    def describe(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        """Features of readable rows, and {row: why it has none or lacks some}.

        Parameters
        ----------
        structures : rows with sites, of finite numbers and, where the class asks for it, ordered and with a cell
        near : neighbour lists of these structures

        Returns
        -------
        shape (n_rows, n_columns), NaN where there is no value; reasons by row
        """

    def units(self) -> dict[str, str]:
        """{column: unit, as `core.units` reads it}; the others are pure numbers, or of no unit that is known."""
        return {}

    @abstractmethod
    def citations(self) -> tuple[str, ...]:
        """What to cite when these features are used."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Nothing is learnt."""
        return self

    def transform(self, X: Any) -> FloatArray:
        """Features, shape (n_rows, n_columns).

        Raises
        ------
        DataError : `X` is no sequence of structures.
        """
        return self.described(read_structures(X)[0])[0]

    def reasons(self, X: Any) -> dict[int, str]:
        """{row: why it is not (fully) described}."""
        structures, reasons = read_structures(X)
        empty = np.flatnonzero(structures.sizes == 0).tolist()
        unread = dict.fromkeys(empty, "the structure could not be read")
        return {**unread, **self.described(structures)[1], **reasons}

    def described(self, structures: Structures, parts: Parts | None = None) -> tuple[FloatArray, dict[int, str]]:
        """Features, shape (n_rows, n_columns), and {row: why a readable structure is not (fully) described}.

        parts : of these structures, handed to every featurizer of the batch, so that pairs are counted once.
        """
        parts = parts or Parts(structures)
        n_columns, reasons = len(self.columns()), self.refusals(structures)
        taken = (structures.sizes > 0) & ~np.isin(np.arange(len(structures)), list(reasons))
        fine, cut = np.flatnonzero(taken), chunks(structures.sizes[taken])
        if len(cut) == 1 and taken.all():
            near = parts.of(fine)
            return self.describe(near.structures, near)
        features = np.empty((len(structures), n_columns))
        features[~taken] = np.nan
        for rows in cut:
            near = parts.of(fine[rows])
            features[fine[rows]], found = self.describe(near.structures, near)
            reasons |= {int(fine[rows][row]): why for row, why in found.items()}
        return features, dict(sorted(reasons.items()))

    def refusals(self, structures: Structures) -> dict[int, str]:
        """{row: why this featurizer does not take it}; rows without sites are not among them."""
        found = refusals(
            structures, needs_order=self.needs_order, needs_cell=self.needs_cell, most_sites=self.most_sites
        )
        return {row: why for row, why in found.items() if structures.sizes[row]}

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the columns."""
        return np.array(self.columns(), dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True


class SiteFeaturizer(StructureFeaturizer):
    """Features of each site, pooled to the structure; a plug-in fills in the two methods `site_*` and `citations`.

    statistics : names in `structural.pooling.STATISTICS`, taken over the sites of a structure.
    """

    def __init__(self, statistics: tuple[str, ...] = ("mean", "std", "minimum", "maximum")) -> None:
        self.statistics = statistics

    @abstractmethod
    def site_columns(self) -> tuple[str, ...]:
        """Names of the columns of a site, unique."""

    @abstractmethod
    def describe_sites(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        """Features of all sites, shape (n_sites, n_site_columns), and {row: why its sites have none or lack some}."""

    def columns(self) -> tuple[str, ...]:
        return pooled_names(self.site_columns(), self.statistics)

    def site_units(self) -> dict[str, str]:
        """{column of a site: unit}, as of `units`."""
        return {}

    def units(self) -> dict[str, str]:
        return pooled_units(self.site_units(), self.statistics)

    def describe(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        sites, reasons = self.describe_sites(structures, near)
        return pool_sites(sites, structures.offsets, self.statistics), reasons

    def sites(self, X: Any) -> FloatArray:
        """Features of every site of every structure, shape (n_sites, n_site_columns), NaN for rows without."""
        structures, _ = read_structures(X)
        n_columns = len(self.site_columns())
        taken = (structures.sizes > 0) & ~np.isin(np.arange(len(structures)), list(self.refusals(structures)))
        fine, cut = np.flatnonzero(taken), chunks(structures.sizes[taken])
        if len(cut) == 1 and taken.all():
            return self.describe_sites(structures, Vicinity(structures))[0]
        found = np.empty((len(structures.coordinates), n_columns))
        found[~taken[structures.rows]] = np.nan
        for rows in cut:
            part = structures.take(fine[rows])
            found[_sites_of(structures.offsets, fine[rows])] = self.describe_sites(part, Vicinity(part))[0]
        return found


def refusals(structures: Structures, *, needs_order: bool, needs_cell: bool, most_sites: int) -> Mapping[int, str]:
    """{row: why it is not described at all}: too many sites, no finite numbers, no volume, disorder, no cell."""
    found: dict[int, str] = {}
    volumes, lengths = np.abs(np.linalg.det(structures.lattices)), np.linalg.norm(structures.lattices, axis=2)
    flat = structures.periodic.any(axis=1) & (volumes < 1e-6 * np.maximum(lengths.prod(axis=1), 1e-12))
    finite = np.array(np.isfinite(structures.lattices).reshape(-1, 9).all(axis=1), ndmin=1)
    finite[structures.rows[~np.isfinite(structures.coordinates).all(axis=1)]] = False
    for row in np.flatnonzero(needs_cell & ~structures.periodic.all(axis=1)).tolist():
        found[row] = "has no cell that repeats in all three directions, and this description needs one"
    for row in np.flatnonzero(needs_order & ~structures.ordered).tolist():
        found[row] = "has sites that are shared or partly vacant; this description needs one species per site"
    for row in np.flatnonzero(structures.sizes > most_sites).tolist():
        found[row] = f"has {structures.sizes[row]:,} sites; this description is worked out for up to {most_sites:,}"
    for row in np.flatnonzero(flat).tolist():
        found[row] = "the cell has no volume: its lattice vectors lie in one plane"
    for row in np.flatnonzero(~finite).tolist():
        found[row] = "a lattice vector or coordinate is no finite number"
    return found


def chunks(sizes: IntArray) -> list[IntArray]:
    """Places of rows that are worked out together: at most ROWS_AT_ONCE rows and about SITES_AT_ONCE sites."""
    if not len(sizes):
        return []
    before = np.cumsum(sizes) - sizes
    both = np.stack([before // SITES_AT_ONCE, np.arange(len(sizes)) // ROWS_AT_ONCE])
    part = np.concatenate([[0], np.cumsum((np.diff(both, axis=1) != 0).any(axis=0))])
    return [np.flatnonzero(part == k) for k in range(int(part[-1]) + 1)]


def _sites_of(offsets: IntArray, rows: IntArray) -> IntArray:
    return np.concatenate([np.arange(offsets[row], offsets[row + 1]) for row in rows.tolist()])

"""Whether a crystal is made of molecules, chains, layers or a framework."""

from __future__ import annotations

import operator
from collections.abc import Iterable

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.elements import table
from matloop.matter.neighbours import Neighbours, Vicinity, neighbours
from matloop.matter.structures import Structures
from matloop.represent.structural.bond_graph import (
    BONDS_CITED,
    COVALENT_RADIUS,
    bond_graph,
    component_ranks,
    ranks,
    spanning_forest,
    unfolded,
)
from matloop.represent.structural.featurizer import StructureFeaturizer

FIRST_CUTOFF, WIDER = 6.0, 1.5  # Angstrom; how much farther to look where a row is not yet connected
LONGEST = 4.0
"""In units of the sum of covalent radii: longer bonds are not tried, their score would be below 0.0025."""
_FEW_ROWS = 64
"""Up to so many rows are grown one after the other; more go in step."""
WIDTH = 0.15  # of the score function, Larsen et al. 2019, eq. 2
RADII: FloatArray = np.where(
    np.isnan(table("magpie").column("CovalentRadius")), COVALENT_RADIUS, table("magpie").column("CovalentRadius") / 100
)
"""Angstrom, as ASE has them: of Cordero's for carbon, manganese, iron and cobalt other ones than pymatgen takes."""
LARSEN_2019 = (
    "P. M. Larsen, M. Pandey, M. Strange, K. W. Jacobsen, Definition of a scoring parameter to identify "
    "low-dimensional materials components, Phys. Rev. Materials 3 (2019) 034003, doi:10.1103/PhysRevMaterials.3.034003"
)


class DimensionalityFeaturizer(StructureFeaturizer):
    """In how many directions the bonded parts of a crystal go on, and how clear that is.

    Columns: "dimensionality", the largest among the bonded parts by `rule`, 0 molecules to 3 framework (pymatgen's
    `get_dimensionality_larsen` of these bonds; with "crystal_nn" matminer's `Dimensionality`);
    "score 0D" to "score 3D" and "score mixed", which add up to one (Larsen et al. 2019): bonds are those below k times
    the sum of covalent radii, and as k grows from zero the parts merge; the score of 2D is high if all parts are layers
    over a wide range of k. As ASE's `analyze_dimensionality`, which goes on beyond k = 4: scores differ by less than
    0.003 there.

    The scores are continuous in the positions, the first column is not. Molecules and slabs have scores; for the first
    column they need the rule "covalent".

    Parameters
    ----------
    rule : see `bond_graph`.
    """

    def __init__(self, rule: str = "crystal_nn") -> None:
        self.rule = rule

    def columns(self) -> tuple[str, ...]:
        return ("dimensionality", *(f"score {n}D" for n in range(4)), "score mixed")

    def describe(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        graph = bond_graph(structures, near, self.rule).both_ways()
        component, directions = component_ranks(len(structures.coordinates), graph)
        bonded = np.maximum.reduceat(directions[component], structures.offsets[:-1]).astype(float)
        bonded[list(graph.refused)] = np.nan
        scores, refused = dimension_scores(structures, near)
        return np.column_stack([bonded, scores]), dict(sorted({**graph.refused, **refused}.items()))

    def citations(self) -> tuple[str, ...]:
        return (LARSEN_2019, *BONDS_CITED)


def score(k: FloatArray) -> FloatArray:
    """How much of the range of k lies below, 0 to 1; all of it above 1."""
    excess = np.square(np.maximum(k - 1.0, 0.0) / WIDTH)
    return excess / (1.0 + excess)


def dimension_scores(structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
    """Scores of 0D, 1D, 2D, 3D and mixed, shape (n_rows, 5), and {row: why it has none}."""
    found = np.full((len(structures), 5), np.nan)
    refused: dict[int, str] = {}
    radii = RADII[structures.site_numbers]
    widest = 2.0 * LONGEST * np.maximum.reduceat(radii, structures.offsets[:-1])
    cutoff, listed, part = FIRST_CUTOFF, near.within(FIRST_CUTOFF), structures
    left = rows = np.arange(len(structures))
    while len(left):
        for row, why in listed.refused.items():
            refused[int(rows[row])] = why
        scores, done = _scored(part, listed, cutoff)
        fine = done | (widest[rows] <= cutoff)
        fine &= ~np.isin(rows, list(refused))
        found[rows[fine]] = scores[fine]
        left = left[~np.isin(left, rows[fine]) & ~np.isin(left, list(refused))]
        if len(left):
            cutoff, rows = cutoff * WIDER, left
            part = structures.take(rows)
            listed = neighbours(part, min(cutoff, float(widest[rows].max())))
    return found, refused


def _scored(structures: Structures, listed: Neighbours, cutoff: float) -> tuple[FloatArray, BoolArray]:
    """Scores of rows by the listed pairs, and which rows need no longer ones."""
    n_sites = len(structures.coordinates)
    radii = RADII[structures.site_numbers]
    k = listed.distances / (radii[listed.first] + radii[listed.second])
    row_of = structures.rows
    # of longer pairs than this not all are listed
    complete = np.minimum(cutoff / (2.0 * np.maximum.reduceat(radii, structures.offsets[:-1])), LONGEST)
    ahead = (listed.first < listed.second) | ((listed.first == listed.second) & _is_ahead(listed.images))
    keep = np.flatnonzero(ahead & (k <= complete[row_of[listed.first]]))
    bonds = listed.first[keep], listed.second[keep], listed.images[keep]
    k = k[keep]
    forest = spanning_forest(n_sites, bonds, k)
    cells = unfolded(n_sites, bonds, forest)
    cycles = bonds[2] + cells[bonds[0]] - cells[bonds[1]]
    merges = np.zeros(len(k), dtype=bool)
    merges[forest] = True
    # a bond within a tree that closes no path to another cell changes nothing
    some = np.flatnonzero(merges | cycles.any(axis=1))
    order = some[np.lexsort((some, ~merges[some], k[some], row_of[bonds[0][some]]))]
    grow = _grown_singly if len(structures) <= _FEW_ROWS else _grown
    return grow(structures, bonds[0][order], bonds[1][order], cycles[order], merges[order], k[order])


def _is_ahead(images: IntArray) -> BoolArray:
    x, y, z = images.T
    return (x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z > 0))))


def _grown(
    structures: Structures, first: IntArray, second: IntArray, cycles: IntArray, merges: BoolArray, k: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """Add the bonds of every row one by one, rows in step, and share out the range of k among the kinds of parts."""
    n_rows, row_of = len(structures), structures.rows
    component = np.arange(len(row_of))
    squares = np.zeros((len(row_of), 3, 3), dtype=np.int64)
    rank = np.zeros(len(row_of), dtype=np.int64)
    parts = np.zeros((n_rows, 4), dtype=np.int64)
    parts[:, 0] = structures.sizes
    full = structures.periodic.sum(axis=1)
    bounds = np.searchsorted(row_of[first], np.arange(n_rows + 1))
    scores, last = np.zeros((n_rows, 5)), np.zeros(n_rows)
    done = (structures.sizes == 1) & (full == 0)
    t = 0
    while True:
        rows = np.flatnonzero(~done & (bounds[:-1] + t < bounds[1:]))
        if not len(rows):
            break
        bond = bounds[rows] + t
        t += 1
        now = score(k[bond])
        scores[rows, _kind(parts[rows])] += now - last[rows]
        last[rows] = now
        a, b = component[first[bond]], component[second[bond]]
        merging = merges[bond]
        one, other = a[merging], b[merging]
        parts[rows[merging], rank[one]] -= 1
        parts[rows[merging], rank[other]] -= 1
        squares[one] += squares[other]
        rank[one] = ranks(squares[one])
        parts[rows[merging], rank[one]] += 1
        if len(one):
            renamed = np.arange(len(row_of))
            renamed[other] = one
            component = renamed[component]
        a, way = a[~merging], cycles[bond[~merging]]
        wider = squares[a] + way[:, :, None] * way[:, None, :]
        grown = ranks(wider)
        more = grown > rank[a]
        parts[rows[~merging][more], rank[a[more]]] -= 1
        parts[rows[~merging][more], grown[more]] += 1
        squares[a[more]], rank[a[more]] = wider[more], grown[more]
        done[rows] = (parts[rows].sum(axis=1) == 1) & (parts[rows, full[rows]] == 1)
    scores[np.arange(n_rows), _kind(parts)] += 1.0 - last
    return scores, done


def _grown_singly(
    structures: Structures, first: IntArray, second: IntArray, cycles: IntArray, merges: BoolArray, k: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """As `_grown`, one row after the other: many times faster where there are few."""
    scores, done = np.zeros((len(structures), 5)), np.zeros(len(structures), dtype=bool)
    row_of, reached = structures.rows[first], score(k)
    for row in range(len(structures)):
        a, b = np.searchsorted(row_of, [row, row + 1]).tolist()
        bonds = zip(
            first[a:b].tolist(), second[a:b].tolist(), cycles[a:b].tolist(), merges[a:b].tolist(),
            reached[a:b].tolist(), strict=True,
        )  # fmt: skip
        sites = range(int(structures.offsets[row]), int(structures.offsets[row + 1]))
        scores[row], done[row] = _grown_row(sites, bonds, int(structures.periodic[row].sum()))
    return scores, done


def _grown_row(
    sites: range, bonds: Iterable[tuple[int, int, list[int], bool, float]], full: int
) -> tuple[list[float], bool]:
    """Scores of one row, and whether it needs no longer bonds."""
    home = {site: site for site in sites}
    squares = dict.fromkeys(sites, (0, 0, 0, 0, 0, 0))
    rank = dict.fromkeys(sites, 0)
    parts, scores, last = [len(sites), 0, 0, 0], [0.0] * 5, 0.0
    done = len(sites) == 1 and full == 0

    def root(site: int) -> int:
        while home[site] != site:
            home[site] = site = home[home[site]]
        return site

    for i, j, (x, y, z), merging, now in bonds:
        if done:
            break
        scores[_kind_of(parts)] += now - last
        last = now
        a, wider = root(i), (x * x, x * y, x * z, y * y, y * z, z * z)
        if merging:
            b = root(j)
            parts[rank[a]] -= 1
            parts[rank[b]] -= 1
            home[b], wider = a, squares[b]
        elif rank[a] == 3:
            continue
        wider = tuple(map(operator.add, squares[a], wider))
        grown = _rank(*wider)
        if merging:
            parts[grown] += 1
        elif grown > rank[a]:
            parts[rank[a]] -= 1
            parts[grown] += 1
        else:
            continue
        squares[a], rank[a] = wider, grown
        done = sum(parts) == 1 and parts[full] == 1
    scores[_kind_of(parts)] += 1.0 - last
    return scores, done


def _rank(xx: int, xy: int, xz: int, yy: int, yz: int, zz: int) -> int:
    """The rank of a sum of v v^T of vectors of whole numbers, as `ranks`."""
    minors = xx * yy - xy * xy + xx * zz - xz * xz + yy * zz - yz * yz
    volume = xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz)
    return (xx + yy + zz > 0) + (minors > 0) + (volume > 0)


def _kind_of(parts: list[int]) -> int:
    """0 to 3 where all parts are of that dimension, else 4."""
    there = [dimension for dimension, count in enumerate(parts) if count > 0]
    return there[0] if len(there) == 1 else 4


def _kind(parts: IntArray) -> IntArray:
    """0 to 3 where all parts are of that dimension, else 4."""
    there = parts > 0
    return np.where(there.sum(axis=1) == 1, there.argmax(axis=1), 4)

"""Which atoms are bonded, as a graph that repeats with the cell, and in how many directions its components go on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import table
from matloop.core.errors import ConfigError
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import Structures
from matloop.represent.structural.crystal_nn import crystal_coordination
from matloop.represent.structural.voronoi import tessellate

COVALENT_RADIUS: FloatArray = table("covalent").column("covalent_radius")
"""Angstrom, shape (119,), Cordero et al. 2008; above curium Pyykkö 2015."""
TOLERANCE = 0.25
"""Angstrom: how much longer than the sum of the covalent radii a bond may be (Isayev et al. 2017)."""
BOND_RULES = ("crystal_nn", "covalent", "isayev")
BONDS_CITED = (
    "H. Pan et al., Benchmarking coordination number prediction algorithms on inorganic crystal structures, Inorg. "
    "Chem. 60 (2021) 1590, doi:10.1021/acs.inorgchem.0c02996",
    "O. Isayev et al., Universal fragment descriptors for predicting properties of inorganic crystals, Nat. Commun. 8 "
    "(2017) 15679, doi:10.1038/ncomms15679",
    "B. Cordero et al., Covalent radii revisited, Dalton Trans. (2008) 2832, doi:10.1039/b801115j",
)


@dataclass(frozen=True, slots=True)
class BondGraph:
    """Bonds of a batch, as seen from their first site.

    first, second : shape (n_bonds,), sites counted over the batch, sorted by `first`. images : shape (n_bonds, 3), the
    cell in which `second` lies, for coordinates as written. refused : {row: why its bonds are not known}.
    """

    first: IntArray
    second: IntArray
    images: IntArray
    refused: dict[int, str]

    def both_ways(self) -> BondGraph:
        """The same with each bond that is seen from one end also seen from the other, none twice."""
        bonds = np.concatenate(
            [
                np.column_stack([self.first, self.second, self.images]),
                np.column_stack([self.second, self.first, -self.images]),
            ]
        )
        bonds = np.unique(bonds, axis=0)
        return BondGraph(bonds[:, 0], bonds[:, 1], bonds[:, 2:], self.refused)


def bond_graph(structures: Structures, near: Vicinity, rule: str) -> BondGraph:
    """Bonds by a stated rule.

    Parameters
    ----------
    rule : "crystal_nn", those of pymatgen's `CrystalNN`, which the two ends need not agree on; "covalent", nearer than
        the sum of the covalent radii and 0.25 Angstrom, also for molecules and slabs; "isayev", of these the ones that
        share a face of their Voronoi cells (pymatgen's `IsayevNN`).

    Raises
    ------
    ConfigError : there is no such rule.
    """
    if rule not in BOND_RULES:
        raise ConfigError(f"rule = {rule!r}: known are {', '.join(BOND_RULES)}.")
    radii = COVALENT_RADIUS[structures.site_numbers]
    if rule == "covalent":
        listed = near.within(_reach(radii))
        bonded = np.flatnonzero(listed.distances < radii[listed.first] + radii[listed.second] + TOLERANCE)
        return BondGraph(listed.first[bonded], listed.second[bonded], listed.images[bonded], dict(listed.refused))
    faces = tessellate(structures, near)
    refused = {row: f'{why}. rule="covalent" needs no cells' for row, why in faces.refused.items()}
    first, second = faces.sites, faces.neighbours
    if rule == "isayev":
        bonded = np.flatnonzero(faces.distances < radii[first] + radii[second] + TOLERANCE)
    else:
        bonded = np.sort(crystal_coordination(structures, faces).bonds())
    return BondGraph(first[bonded], second[bonded], faces.images[bonded], refused)


def _reach(radii: FloatArray) -> float:
    """A cutoff that holds all bonds of the rule "covalent": of few different lengths, so that lists are found again."""
    return float(np.ceil(2.0 * radii.max(initial=0.5) + TOLERANCE))


def spanning_forest(n_sites: int, bonds: tuple[IntArray, IntArray, IntArray], lengths: FloatArray) -> IntArray:
    """Places of bonds that connect what all bonds connect, the shortest possible ones and none too many.

    Parameters
    ----------
    bonds : first, second and images. lengths : shape (n_bonds,), > 0.
    """
    first, second, _ = bonds
    low, high = np.minimum(first, second), np.maximum(first, second)
    order = np.lexsort((np.arange(len(first)), lengths, high, low))
    order = order[low[order] != high[order]]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)
    best = order[new]
    weights = coo_array((lengths[best], (low[best], high[best])), shape=(n_sites, n_sites)).tocsr()
    tree = minimum_spanning_tree(weights).tocoo()
    wanted = np.sort(tree.row.astype(np.int64) * n_sites + tree.col)
    return np.sort(best[np.isin(low[best] * n_sites + high[best], wanted)])


def unfolded(n_sites: int, bonds: tuple[IntArray, IntArray, IntArray], forest: IntArray) -> IntArray:
    """The cell in which each site stands when a tree of the forest is drawn in one piece, shape (n_sites, 3)."""
    first, second, images = (one[forest] for one in bonds)
    ends = np.concatenate([first, second]), np.concatenate([second, first]), np.concatenate([images, -images])
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(n_sites, n_sites))
    _, component = connected_components(graph, directed=False)
    cells, known = np.zeros((n_sites, 3), dtype=np.int64), np.zeros(n_sites, dtype=bool)
    known[np.unique(component, return_index=True)[1]] = True
    left = np.arange(len(ends[0]))
    while len(left):
        near, far, images = (one[left] for one in ends)
        step = known[near] & ~known[far]
        cells[far[step]] = cells[near[step]] + images[step]
        known[far[step]] = True
        left = left[~(known[near] & known[far])]
    return cells


def ranks(squares: IntArray) -> IntArray:
    """In how many directions vectors v of whole numbers go: the rank of the sums of v v^T, shape (..., 3, 3)."""
    m = squares.astype(float)
    minors = sum(m[..., i, i] * m[..., j, j] - m[..., i, j] ** 2 for i, j in ((0, 1), (0, 2), (1, 2)))
    volume = np.einsum("...i,...i->...", m[..., 0, :], np.cross(m[..., 1, :], m[..., 2, :]))
    some = np.einsum("...ii->...", m) > 0.5
    return some.astype(np.int64) + (minors > 0.5) + (volume > 0.5)


def component_ranks(n_sites: int, graph: BondGraph) -> tuple[IntArray, IntArray]:
    """The component of each site, shape (n_sites,), and in how many directions each component goes on, 0 to 3."""
    bonds = (graph.first, graph.second, graph.images)
    forest = spanning_forest(n_sites, bonds, np.ones(len(graph.first)))
    cells = unfolded(n_sites, bonds, forest)
    links = coo_array((np.ones(len(forest)), (graph.first[forest], graph.second[forest])), shape=(n_sites, n_sites))
    n, component = connected_components(links, directed=False)
    cycles = graph.images + cells[graph.first] - cells[graph.second]
    squares = np.zeros((n, 3, 3), dtype=np.int64)
    for i in range(3):
        for j in range(i, 3):
            total = np.bincount(component[graph.first], weights=cycles[:, i] * cycles[:, j], minlength=n)
            squares[:, i, j] = squares[:, j, i] = np.rint(total).astype(np.int64)
    return component.astype(np.int64), ranks(squares)

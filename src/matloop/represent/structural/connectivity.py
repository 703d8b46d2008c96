"""Topology alone: who is bonded to whom, whatever the lengths and angles."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import filled_table
from matloop.core.errors import ConfigError
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import Structures
from matloop.represent.structural.bond_graph import BONDS_CITED, COVALENT_RADIUS, BondGraph, bond_graph
from matloop.represent.structural.element_classes import labels
from matloop.represent.structural.featurizer import StructureFeaturizer

LONGEST = 4
DEEPEST = 4
MOST_STEPS = 3_000_000
"""From one shell of neighbours to the next, per row: about 250 MB."""


class ConnectivityFeaturizer(StructureFeaturizer):
    """Coarse-grained n-grams: chains of n bonded atoms, told apart by the families of their elements, per atom.

    Columns "halogen", "alkali-halogen", "halogen-alkali-halogen" (the middle one in the middle) and so on: share of
    atoms, bonds per atom, angles per atom, with `longest` 4 also chains of three bonds. A chain does not turn back
    on its last bond, and is the same read from its other end. Lengths, angles and the element within its family do
    not enter, so that strained, relaxed and substituted crystals of one topology are alike.

    Changes only where a bond forms or breaks.

    Parameters
    ----------
    longest : atoms of a chain, 1 to 4.
    rule : who is bonded, see `bond_graph`; a bond counts if one of its ends sees it.
    kinds : whether only metals, metalloids and nonmetals are told apart, not nine families.
    """

    def __init__(self, longest: int = 3, rule: str = "crystal_nn", kinds: bool = False) -> None:
        self.longest = longest
        self.rule = rule
        self.kinds = kinds

    def columns(self) -> tuple[str, ...]:
        if not 1 <= self.longest <= LONGEST:
            raise ConfigError(f"longest = {self.longest}: 1 to {LONGEST} atoms are possible.")
        names, _ = labels((), kinds=self.kinds)
        return tuple("-".join(names[k] for k in gram) for gram in _grams(len(names), self.longest))

    def describe(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        names, class_of = labels((), kinds=self.kinds)
        n = len(names)
        graph = bond_graph(structures, near, self.rule).both_ways()
        classes = class_of[structures.site_numbers]
        around = np.bincount(graph.first * n + classes[graph.second], minlength=len(classes) * n).reshape(-1, n)
        chains = [_alone(structures, classes, n)]
        if self.longest > 1:
            chains.append(_bonds(structures, graph, classes, n))
        if self.longest > 2:
            chains.append(_angles(structures, around, classes, n))
        if self.longest > 3:
            chains.append(_torsions(structures, graph, around, classes, n))
        features: FloatArray = np.concatenate(chains, axis=1) / structures.sizes[:, None]
        features[list(graph.refused)] = np.nan
        return features, dict(graph.refused)

    def citations(self) -> tuple[str, ...]:
        return (
            "S. Liu, M. F. Demirel, Y. Liang, N-gram graph: simple unsupervised representation for graphs, with "
            "applications to molecules, NeurIPS (2019), doi:10.48550/arXiv.1806.09206",
            *BONDS_CITED,
        )


class TopologyFeaturizer(StructureFeaturizer):
    """Coordination sequences and autocorrelations of the bond network: what is reached from an atom in k bonds.

    Columns "coordination sequence 1", the mean number of atoms that k bonds lead to and no fewer, and its standard
    deviation over the atoms; and for each distance k and property p "p product 1", "p difference 1": the mean
    over pairs of atoms k bonds apart of p_i p_j and of |p_i - p_j| (revised autocorrelations), with p the Pauling
    electronegativity, the atomic number, the covalent radius (Angstrom) and the number of bonds. Zero where no pair is
    so far apart. Lengths and angles do not enter.

    Changes only where a bond forms or breaks.

    Parameters
    ----------
    deepest : bonds, 1 to 4.
    rule : who is bonded, see `bond_graph`; a bond counts if one of its ends sees it.
    """

    PROPERTIES = ("electronegativity", "number", "radius", "bonds")

    def __init__(self, deepest: int = 3, rule: str = "crystal_nn") -> None:
        self.deepest = deepest
        self.rule = rule

    def columns(self) -> tuple[str, ...]:
        if not 1 <= self.deepest <= DEEPEST:
            raise ConfigError(f"deepest = {self.deepest}: 1 to {DEEPEST} bonds are possible.")
        depths = range(1, self.deepest + 1)
        counts = [f"coordination sequence {k}{what}" for k in depths for what in ("", " std")]
        pairs = [f"{name} {way} {k}" for k in depths for name in self.PROPERTIES for way in ("product", "difference")]
        return (*counts, *pairs)

    def units(self) -> dict[str, str]:
        depths = range(1, self.deepest + 1)
        products = {f"radius product {k}": "angstrom^2" for k in depths}
        return products | {f"radius difference {k}": "angstrom" for k in depths}

    def describe(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        graph = bond_graph(structures, near, self.rule).both_ways()
        numbers, n_sites = structures.site_numbers, len(structures.coordinates)
        degree = np.bincount(graph.first, minlength=n_sites).astype(float)
        x = filled_table("periodic").column("X")[numbers]
        properties = np.stack([x, numbers.astype(float), COVALENT_RADIUS[numbers], degree])
        counts, pairs = [], []
        shells, refused = _shells(structures, graph, self.deepest)
        for start, end in shells:
            reached = np.bincount(start, minlength=n_sites).astype(float)
            mean = _by_row(reached, structures.rows, len(structures)) / structures.sizes
            spread = _by_row((reached - mean[structures.rows]) ** 2, structures.rows, len(structures))
            counts += [mean, np.sqrt(spread / structures.sizes)]
            rows = structures.rows[start]
            total = np.maximum(np.bincount(rows, minlength=len(structures)), 1)
            for one in properties:
                pairs.append(_by_row(one[start] * one[end], rows, len(structures)) / total)
                pairs.append(_by_row(np.abs(one[start] - one[end]), rows, len(structures)) / total)
        features: FloatArray = np.stack([*counts, *pairs], axis=1)
        refused = {**graph.refused, **refused}
        features[list(refused)] = np.nan
        return features, refused

    def citations(self) -> tuple[str, ...]:
        return (
            "R. W. Grosse-Kunstleve, G. O. Brunner, N. J. A. Sloane, Algebraic description of coordination sequences "
            "and exact topological densities for zeolites, Acta Cryst. A 52 (1996) 879, doi:10.1107/S0108767396007519",
            "J. P. Janet, H. J. Kulik, Resolving transition metal chemical space: feature selection for machine "
            "learning and structure-property relationships, J. Phys. Chem. A 121 (2017) 8939, "
            "doi:10.1021/acs.jpca.7b08750",
            *BONDS_CITED,
        )


def _grams(n: int, longest: int) -> list[tuple[int, ...]]:
    """Chains of 1, 2, ... classes; of a chain and its reverse the smaller one."""
    grams: list[tuple[int, ...]] = [(a,) for a in range(n)]
    if longest > 1:
        grams += combinations_with_replacement(range(n), 2)
    if longest > 2:
        grams += [(a, b, c) for b in range(n) for a, c in combinations_with_replacement(range(n), 2)]
    if longest > 3:
        inner = [(b, c) for b, c in combinations_with_replacement(range(n), 2)]
        grams += [(a, b, c, d) for b, c in inner for a in range(n) for d in range(n) if b != c or a <= d]
    return grams


def _alone(structures: Structures, classes: IntArray, n: int) -> FloatArray:
    return _counted(structures.rows * n + classes, None, len(structures), n)


def _bonds(structures: Structures, graph: BondGraph, classes: IntArray, n: int) -> FloatArray:
    a, b = classes[graph.first], classes[graph.second]
    place = _pair_places(n)[a, b]
    m = n * (n + 1) // 2
    return _counted(structures.rows[graph.first] * m + place, None, len(structures), m) / 2.0


def _angles(structures: Structures, around: IntArray, classes: IntArray, n: int) -> FloatArray:
    a, c = np.triu_indices(n)
    ways = np.where(a == c, around[:, a] * (around[:, a] - 1) // 2, around[:, a] * around[:, c])
    m = len(a)
    place = ((structures.rows * n + classes) * m)[:, None] + np.arange(m)
    return _counted(place.ravel(), ways.ravel().astype(float), len(structures), n * m)


def _torsions(structures: Structures, graph: BondGraph, around: IntArray, classes: IntArray, n: int) -> FloatArray:
    """Chains a-i-j-d about each bond i-j, seen from the end of the lower class; between equal classes from both."""
    grams = [gram for gram in _grams(n, 4) if len(gram) == 4]
    place_of = np.full((n, n, n, n), -1)
    for k, (a, b, c, d) in enumerate(grams):
        place_of[a, b, c, d] = place_of[d, c, b, a] = k
    i, j = graph.first, graph.second
    seen = np.flatnonzero(classes[i] <= classes[j])
    i, j = i[seen], j[seen]
    before, after = around[i].astype(float), around[j].astype(float)
    before[np.arange(len(i)), classes[j]] -= 1.0
    after[np.arange(len(j)), classes[i]] -= 1.0
    ways = before[:, :, None] * after[:, None, :]
    ways[classes[i] == classes[j]] /= 2.0
    ends = np.arange(n)
    place = place_of[ends[:, None], classes[i][:, None, None], classes[j][:, None, None], ends]
    place = (structures.rows[i] * len(grams))[:, None, None] + place
    return _counted(place.ravel(), ways.ravel(), len(structures), len(grams))


def _pair_places(n: int) -> IntArray:
    place = np.zeros((n, n), dtype=np.int64)
    a, b = np.triu_indices(n)
    place[a, b] = place[b, a] = np.arange(len(a))
    return place


def _counted(place: IntArray, weights: FloatArray | None, n_rows: int, width: int) -> FloatArray:
    found = np.bincount(place, weights=weights, minlength=n_rows * width)
    return found.reshape(n_rows, width).astype(float)


def _by_row(values: FloatArray, rows: IntArray, n_rows: int) -> FloatArray:
    return np.bincount(rows, weights=values, minlength=n_rows).astype(float)


def _shells(
    structures: Structures, graph: BondGraph, deepest: int
) -> tuple[list[tuple[IntArray, IntArray]], dict[int, str]]:
    """Pairs (start, end) of sites that are 1, 2, ... bonds apart, every image of the end for itself."""
    n_sites = len(structures.coordinates)
    offsets = np.searchsorted(graph.first, np.arange(n_sites + 1))
    degree = np.diff(offsets)
    refused: dict[int, str] = {}
    site = np.arange(n_sites)
    before: IntArray = np.empty((0, 5), dtype=np.int64)
    here = np.column_stack([site, site, np.zeros((len(site), 3), dtype=np.int64)])
    shells = []
    for _ in range(deepest):
        many = np.bincount(structures.rows[here[:, 0]], weights=degree[here[:, 1]], minlength=len(structures))
        for row in np.flatnonzero(many > MOST_STEPS).tolist():
            refused[row] = (
                f"{many[row]:,.0f} steps lead on from its atoms; up to {MOST_STEPS:,} are followed. Take a smaller "
                "`deepest` or a smaller cell"
            )
        here = here[~np.isin(structures.rows[here[:, 0]], list(refused))]
        counts = degree[here[:, 1]]
        step = np.repeat(np.arange(len(here)), counts)
        bond = np.repeat(offsets[here[:, 1]] - (np.cumsum(counts) - counts), counts) + np.arange(int(counts.sum()))
        reached = np.column_stack([here[step, 0], graph.second[bond], here[step, 2:] + graph.images[bond]])
        known = np.concatenate([before, here])
        before, here = here, _new(reached, known)
        shells.append((here[:, 0], here[:, 1]))
    return shells, refused


def _new(reached: IntArray, known: IntArray) -> IntArray:
    """The distinct lines of `reached` that are not in `known`, sorted."""
    both = np.concatenate([known, reached])
    low = both.min(axis=0, initial=0)
    span = both.max(axis=0, initial=0) - low + 1
    keys = (both - low) @ np.concatenate([np.cumprod(span[::-1])[-2::-1], [1]])
    found, place = np.unique(keys[len(known) :], return_index=True)
    return reached[place[~np.isin(found, keys[: len(known)])]]

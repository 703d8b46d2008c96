"""How far materials are from each other: by features on one scale, or by the elements that have to be exchanged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from scipy.spatial.distance import cdist

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import SYMBOLS, Z_OF
from matloop.core.errors import ConfigError, DataError
from matloop.matter.compositions import read_compositions
from matloop.represent.engine import describe
from matloop.represent.standard import Standard, fit_standard
from matloop.represent.table import Columns

METRICS: tuple[str, ...] = ("euclidean", "cosine", "manhattan", "minkowski")
"""Distances between rows of features."""
EARTH_MOVER = "earth_mover"
"""The distance between compositions themselves, which needs no features."""
BLOCK = 2_000_000
"""Pairs of rows compared at once (16 MB)."""
MODIFIED_PETTIFOR = (
    "He Ne Ar Kr Xe Rn Fr Cs Rb K Na Li Ra Ba Sr Ca Eu Yb Lu Tm Y Er Ho Dy Tb Gd Sm Pm Nd Pr Ce La Ac Th Pa U Np Pu Am "
    "Cm Bk Cf Es Fm Md No Lr Sc Zr Hf Ti Ta Nb V Cr Mo W Re Tc Os Ru Ir Rh Pt Pd Au Ag Cu Ni Co Fe Mn Mg Zn Cd Hg Be "
    "Al Ga In Tl Pb Sn Ge Si B C N P As Sb Bi Po Te Se S O At I Br Cl F H"
)
"""Elements in the order in which they replace each other in crystals; Glawe et al. 2016,
doi:10.1088/1367-2630/18/9/093011."""
Scale = Literal["pettifor", "atomic"]


def distances(asked: FloatArray, known: FloatArray, metric: str = "euclidean", *, p: float = 3.0) -> FloatArray:
    """Distances of all pairs of rows, shape (n_asked, n_known).

    Parameters
    ----------
    asked, known : shape (n, width). Features have to be on one scale before (`represent.standard`), else the one with
        the largest numbers decides alone.
    metric : "euclidean"; "cosine", one minus the cosine of the angle between the rows, in [0, 2] (NaN for a row of
        zeros); "manhattan", the sum of absolute differences; "minkowski", the p-th root of the sum of their p-th
        powers.
    p : at least 1, for "minkowski" only.

    Raises
    ------
    ConfigError : no such metric, or p below 1.

    Examples
    --------
    >>> distances(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]]), "manhattan").tolist()
    [[7.0]]
    """
    if metric == "cosine":
        # half the squared distance of unit vectors: also right where the angle is tiny, and the same bits in any batch
        return 0.5 * cdist(_unit(asked), _unit(known), "sqeuclidean")
    if metric == "minkowski":
        if not p >= 1:
            raise ConfigError(f"p = {p:g}: the Minkowski distance needs p of 1 or more.")
        return cdist(asked, known, "minkowski", p=p)
    if metric not in METRICS:
        raise ConfigError(f"there is no metric {metric!r}. Known: {', '.join((*METRICS, EARTH_MOVER))}.")
    return cdist(asked, known, "cityblock" if metric == "manhattan" else metric)


def _unit(rows: FloatArray) -> FloatArray:
    lengths = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    return rows / np.where(lengths > 0, lengths, np.nan)


# ---- earth mover's distance ----


def heights(X: Any, scale: Scale = "pettifor") -> tuple[FloatArray, dict[int, str]]:
    """Share of atoms up to each place of an order of the elements, and {row: why it has none}.

    The Manhattan distance of two such rows is the earth mover's distance between the compositions.

    Parameters
    ----------
    X : what `read_compositions` takes. scale : "pettifor", the modified Pettifor scale (103 places, up to Lr);
        "atomic", atomic numbers (118 places).

    Returns
    -------
    shape (n_rows, n_places), NaN for rows that cannot be read or hold an element without a place.
    """
    compositions, reasons = read_compositions(X)
    place = _places(scale)
    at = place[compositions.elements]
    shares = np.zeros((len(compositions), int(place.max()) + 1))
    shares[compositions.rows[at >= 0], at[at >= 0]] = compositions.fractions[at >= 0]
    found = np.cumsum(shares, axis=1)
    for entry in np.flatnonzero(at < 0).tolist():
        symbol = SYMBOLS[int(compositions.elements[entry])]
        reasons.setdefault(int(compositions.rows[entry]), f"{symbol} has no place on the scale {scale!r}")
    found[np.diff(compositions.offsets) == 0] = np.nan
    found[list(reasons)] = np.nan
    return found, reasons


def earth_mover(asked: Any, known: Any, scale: Scale = "pettifor") -> FloatArray:
    """Earth mover's distance of compositions, shape (n_asked, n_known): atoms times places they have to be moved.

    Zero for equal compositions, small where elements are exchanged for similar ones: CaTiO3 to SrTiO3 moves a fifth of
    the atoms by one place, 0.2. In one dimension it is the area between the two cumulative distributions.

    Parameters
    ----------
    asked, known : what `read_compositions` takes; NaN for rows that cannot be read. scale : as in `heights`.

    References
    ----------
    Hargreaves et al., Chem. Mater. 32 (2020) 10610. doi:10.1021/acs.chemmater.0c03381

    Examples
    --------
    >>> earth_mover(["CaTiO3"], ["SrTiO3", "CaTiO3"]).round(6).tolist()
    [[0.2, 0.0]]
    """
    return cdist(heights(asked, scale)[0], heights(known, scale)[0], "cityblock")


def _places(scale: Scale) -> IntArray:
    """Place of each atomic number 0..118, -1 for none."""
    order = [Z_OF[symbol] for symbol in MODIFIED_PETTIFOR.split()] if scale == "pettifor" else list(range(1, 119))
    if scale not in get_args(Scale):
        raise ConfigError(f"there is no scale {scale!r}. Known: {', '.join(get_args(Scale))}.")
    found = np.full(119, -1, dtype=np.int64)
    found[order] = np.arange(len(order))
    return found


# ---- nearest ----


@dataclass(frozen=True, slots=True)
class Nearest:
    """The nearest rows of a table to each asked one, nearest first: `row` and `distance`, both (n_asked, k); row -1 and
    NaN where the table has fewer rows with a distance."""

    row: IntArray
    distance: FloatArray


def nearest(
    asked: FloatArray,
    table: FloatArray | Iterable[FloatArray],
    k: int = 10,
    *,
    metric: str = "euclidean",
    p: float = 3.0,
) -> Nearest:
    """Nearest rows of a table, all pairs tried; of equally near ones the earlier comes first.

    Parameters
    ----------
    asked : shape (n_asked, width). table : shape (n, width), or blocks of rows one after the other, of which none is
        kept. k : how many. metric, p : as in `distances`.
    """
    if k < 1:
        raise ConfigError(f"k = {k}: one neighbour or more can be asked for.")
    best = Nearest(np.full((len(asked), 0), -1, dtype=np.int64), np.empty((len(asked), 0)))
    start = 0
    for block in _small(table, len(asked)):
        found = distances(asked, block, metric, p=p)
        rows = np.broadcast_to(np.arange(start, start + len(block)), found.shape)
        both = np.hstack([best.distance, found])
        order = np.argsort(both, axis=1, kind="stable")[:, :k]  # NaN last, earlier rows first
        row = np.take_along_axis(np.hstack([best.row, rows]), order, axis=1)
        distance = np.take_along_axis(both, order, axis=1)
        best = Nearest(np.where(np.isnan(distance), -1, row), distance)
        start += len(block)
    missing = k - best.row.shape[1]
    return Nearest(
        np.pad(best.row, ((0, 0), (0, missing)), constant_values=-1),
        np.pad(best.distance, ((0, 0), (0, missing)), constant_values=np.nan),
    )


def _small(table: FloatArray | Iterable[FloatArray], n_asked: int) -> Iterator[FloatArray]:
    size = max(BLOCK // max(n_asked, 1), 1)
    for block in [table] if isinstance(table, np.ndarray) else table:
        yield from (block[start : start + size] for start in range(0, len(block), size))


def neighbours_of(
    asked: Any,
    among: Any,
    k: int = 10,
    *,
    featurizers: Sequence[Any] = ("magpie",),
    metric: str = "euclidean",
    p: float = 3.0,
) -> Nearest:
    """The nearest materials of a table to some others, in any representation.

    Features are brought to mean 0 and standard deviation 1 over `among`, missing ones are its median; rows without any
    feature are neighbours of none.

    Parameters
    ----------
    asked, among : compositions, molecules or structures, as `describe` takes them. featurizers : as for `describe`; not
        used by the metric "earth_mover".

    Raises
    ------
    DataError : an asked row cannot be described. ConfigError : as `describe` and `distances`.

    Examples
    --------
    >>> neighbours_of(["LiFePO4"], ["NaCl", "NaFePO4", "LiMnPO4"], 2, metric="earth_mover").row.tolist()
    [[1, 2]]
    """
    if metric == EARTH_MOVER:
        wanted, reasons = heights(asked)
        refuse_unknown(reasons)
        return nearest(wanted, heights(among)[0], k, metric="manhattan")
    of, known = describe(featurizers, asked), describe(featurizers, among)
    refuse_unknown(empty_rows(of.X, of.by_row))
    standard = scaling(known.X)
    return nearest(scaled(of.X, standard), scaled(known.X, standard), k, metric=metric, p=p)


def scaling(X: FloatArray) -> Standard:
    """Mean and standard deviation of each feature over the rows that have any."""
    described = ~np.isnan(X).all(axis=1)
    if not described.any():
        raise DataError("no row of the table can be described, so nothing can be compared.")
    return fit_standard(X[described], Columns((), (), {}))


def scaled(X: FloatArray, standard: Standard) -> FloatArray:
    """Features on that scale; rows without any are NaN."""
    found = standard.apply(X)
    found[np.isnan(X).all(axis=1)] = np.nan
    return found


def empty_rows(X: FloatArray, reasons: dict[int, str]) -> dict[int, str]:
    """{row without any feature: why}."""
    return {row: reasons.get(row, "has no features") for row in np.flatnonzero(np.isnan(X).all(axis=1)).tolist()}


def refuse_unknown(reasons: dict[int, str]) -> None:
    """DataError if one of the asked rows has no description."""
    if reasons:
        row, why = next(iter(reasons.items()))
        raise DataError(f"material {row + 1} of those asked for cannot be compared: {why}.")

"""Ideal surroundings of a site by coordination number: the angles and widths of its order parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["polyhedral", "bent", "cuboctahedral", "body-centred", "steinhardt", "single bond"]
_SOUTH = 2.356194490192345  # 135 degree: neighbours beyond are opposite


@dataclass(frozen=True, slots=True)
class Motif:
    """One order parameter: 1 for the ideal surroundings, towards 0 for others.

    The numbers are those that pymatgen fitted (`op_params.yaml`, `cn_opt_params.yaml`).

    name : as in matminer. kind : which formula.
    angles : ideal angles between a neighbour and the others, as shares of 180 degrees. width : inverse width of the
        Gaussian around them, per share of 180 degrees.
    fold : the neighbours around an axis repeat this often over 180 degrees.
    pole : radian; neighbours beyond this angle are opposite ones. pole_width : inverse width of the Gaussian at 180
        degrees. fan : radian; around an axis, only neighbours within this angle of the first count.
    order : of the spherical harmonics (kind "steinhardt").
    """

    name: str
    kind: Kind = "polyhedral"
    angles: tuple[float, ...] = ()
    width: float = 0.0
    fold: float = 1.0
    pole: float | None = None
    pole_width: float = 0.0
    fan: float | None = None
    order: int = 0


def _bent(name: str, angle: float, width: float) -> Motif:
    return Motif(name, "bent", (angle,), width)


def _around(name: str, width: float, fold: float, angles: tuple[float, ...] = (0.5,)) -> Motif:
    return Motif(name, angles=angles, width=width, fold=fold)


def _bipyramid(name: str, width: float, fold: float, pole_width: float) -> Motif:
    return Motif(name, angles=(0.5,), width=width, fold=fold, pole=_SOUTH, pole_width=pole_width)


_TETRAHEDRON = 0.6081734479693927  # arccos(-1/3) / 180 degree
_STEINHARDT = tuple(Motif(f"q{order}", "steinhardt", order=order) for order in (2, 4, 6))

MOTIFS: dict[int, tuple[Motif, ...]] = {
    1: (Motif("sgl_bd", "single bond"),),
    2: (
        _bent("L-shaped", 0.5, 15.15),
        _bent("water-like", 0.5802777777777778, 13.95),
        _bent("bent 120 degrees", 0.666666666667, 13.25),
        _bent("bent 150 degrees", 0.833333333333333, 12.45),
        _bent("linear", 1.0, 8.667),
    ),
    3: (
        _around("trigonal planar", 17.5, 1.0, (0.66666666667,)),
        _around("trigonal non-coplanar", 18.33, 1.5, (_TETRAHEDRON,)),
        _around("T-shaped", 15.5, 1.0),
    ),
    4: (
        _bipyramid("square co-planar", 17.7, 1.0, 13.5),
        _around("tetrahedral", 18.5, 1.5, (_TETRAHEDRON,)),
        Motif("rectangular see-saw-like", "polyhedral", (0.5,), 27.0, 2.0, _SOUTH, 11.5, fan=_SOUTH),
        _bipyramid("see-saw-like", 15.75, 1.5, 12.75),
        _around("trigonal pyramidal", 15.5, 1.5),
    ),
    5: (
        _around("pentagonal planar", 19.333, 1.0, (0.4, 0.8)),
        _around("square pyramidal", 14.9, 2.0),
        _bipyramid("trigonal bipyramidal", 16.6, 1.5, 12.0),
    ),
    6: (
        Motif("hexagonal planar", "polyhedral", (0.33333333, 0.66666667), 25.0, 1.0, 2.6179938779914944, 7.5),
        _bipyramid("octahedral", 18.0, 2.0, 15.0),
        _around("pentagonal pyramidal", 13.8, 2.5),
    ),
    7: (_around("hexagonal pyramidal", 12.5, 3.0), _bipyramid("pentagonal bipyramidal", 14.75, 2.5, 12.5)),
    8: (Motif("body-centered cubic", "body-centred"), _bipyramid("hexagonal bipyramidal", 13.6, 3.0, 14.1)),
    9: _STEINHARDT,
    10: _STEINHARDT,
    11: _STEINHARDT,
    12: (Motif("cuboctahedral", "cuboctahedral"), *_STEINHARDT),
}
"""Order parameters by the number of neighbours that they are taken of, in matminer's order."""

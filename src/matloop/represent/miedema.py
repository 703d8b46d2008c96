"""Formation enthalpies of alloys from Miedema's model."""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray, frozen
from matloop.core.elements import SYMBOLS, ElementTable, filled_table, table
from matloop.core.errors import ConfigError
from matloop.matter.compositions import Compositions
from matloop.represent import pooling
from matloop.represent.featurizer import CompositionFeaturizer

PARAMETERS = (
    "molar_volume", "electron_density", "electronegativity", "valence_electrons", "a_const", "R_const", "H_trans",
    "compressibility", "shear_modulus", "melting_point", "structural_stability",
)  # fmt: skip
KJ_PER_MOL = 96.4853  # 1 eV/atom, rounded as in matminer so that values agree
BOER_1988 = "F. R. de Boer et al., Cohesion in Metals: Transition Metal Alloys, North-Holland (1988)"
MIEDEMA_2016 = (
    "R. F. Zhang, S. H. Zhang, Z. J. He, J. Jing, S. H. Sheng, Miedema Calculator: a thermodynamic platform for "
    "predicting formation enthalpies of alloys within framework of Miedema's theory, Comput. Phys. Commun. 209 (2016) "
    "58, doi:10.1016/j.cpc.2016.08.013"
)
# energy of a lattice against the mean of all by valence electrons per atom, kJ/mol
VALENCES = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 5.5, 6.0, 7.0, 8.0, 8.5, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0)
LATTICES = {
    "fcc": (0, 0, 0, -2, -1.5, 9, 14, 11, -3, -9.5, -11, -9, -2, 1.5, 0, 0, 0, 0),
    "bcc": (0, 0, 0, 2.2, 2, -9.5, -14.5, -12, 4, 10, 11, 8.5, 1.5, 1.5, 0, 0, 0, 0),
    "hcp": (0, 0, 0, -2.5, -2.5, 10, 15, 13, -5, -10.5, -11, -8, -1, 2.5, 0, 0, 0, 0),
}
ORDER = {"inter": 8.0, "amor": 5.0, "ss": 0.0}
"""How strongly unlike atoms are neighbours: intermetallic compound, amorphous phase, solid solution."""


class MiedemaFeaturizer(CompositionFeaturizer):
    """Formation enthalpies of intermetallic compound, amorphous phase and solid solution: matminer's `Miedema`.

    In eV/atom; of the solid solution the lowest of fcc, bcc, hcp and no lattice. Alloys of more than two elements are
    the sum over their pairs, as there. Meant for metals: 73 elements have parameters.

    With three or more elements one value differs from matminer's: the enthalpy that turns H, B, C, N, Si, P, Ge and the
    like into metals counts once for each atom. matminer adds it again for every pair, so that a trace of a third
    element in AlSi would raise its enthalpy by 0.18 eV/atom.

    Parameters
    ----------
    missing : what stands for the parameters of another element: "mean" of the known ones, as in matminer 0.10 (such
        numbers mean little), or "nan". Either way `limits` names the row.

    Examples
    --------
    >>> MiedemaFeaturizer().transform(["ZrNi"]).round(3)
    array([[-0.737, -0.577, -0.285]])
    """

    def __init__(self, missing: Literal["mean", "nan"] = "mean") -> None:
        self.missing = missing

    def columns(self) -> tuple[str, ...]:
        if self.missing not in ("mean", "nan"):
            raise ConfigError(f"missing = {self.missing!r}: 'nan' or 'mean' is needed.")
        return ("Miedema_deltaH_inter", "Miedema_deltaH_amor", "Miedema_deltaH_ss_min")

    def describe(self, elements: IntArray, amounts: FloatArray) -> FloatArray:
        share = pooling.fractions(amounts)
        of = dict(zip(PARAMETERS, np.moveaxis(_parameters(self.missing).values[elements], 2, 0), strict=True))
        sums = {kind: np.zeros(len(elements)) for kind in (*ORDER, "elastic")}
        for j in range(elements.shape[1]):
            for i in range(j):
                pair = {name: (values[:, i], values[:, j]) for name, values in of.items()}
                parts = share[:, i], share[:, j]
                for kind, order in ORDER.items():
                    sums[kind] += _chemical(pair, parts, order)
                sums["elastic"] += _elastic(pair, parts)
        # to make a metal of an element that is none, once per atom however many partners it has
        metallic = pooling.total(share * of["H_trans"]) if elements.shape[1] > 1 else np.zeros(len(elements))
        compound = sums["inter"] + metallic
        amorphous = sums["amor"] + metallic + 3.5 * pooling.total(share * of["melting_point"]) / 1000.0
        solution = sums["ss"] + metallic + sums["elastic"] + _lattice(of, share)
        return np.column_stack([compound, amorphous, solution]) / KJ_PER_MOL

    def limits(self, compositions: Compositions) -> dict[int, str]:
        hit = _unknown()[compositions.elements]
        met: dict[int, list[str]] = {}
        for row, z in zip(compositions.rows[hit].tolist(), compositions.elements[hit].tolist(), strict=True):
            met.setdefault(row, []).append(SYMBOLS[z])
        taken = ": the mean over the known elements was taken" if self.missing == "mean" else ""
        return {
            row: f"parameters of Miedema's model are not known for {', '.join(symbols)}{taken}"
            for row, symbols in met.items()
        }

    def units(self) -> dict[str, str]:
        return dict.fromkeys(self.columns(), "eV/atom")

    def citations(self) -> tuple[str, ...]:
        return (BOER_1988, MIEDEMA_2016)


@cache
def _parameters(missing: str) -> ElementTable:
    return filled_table("miedema", PARAMETERS) if missing == "mean" else table("miedema").pick(PARAMETERS)


@cache
def _unknown() -> BoolArray:
    """Which elements lack a parameter, by atomic number."""
    gaps: BoolArray = frozen(np.logical_or.reduce(np.isnan(table("miedema").pick(PARAMETERS).values), axis=1))
    return gaps


Pair = tuple[FloatArray, FloatArray]


def _screening(density: Pair) -> FloatArray:
    """1 / n_a^(1/3) + 1 / n_b^(1/3)."""
    return 1.0 / np.cbrt(density[0]) + 1.0 / np.cbrt(density[1])


def _chemical(of: dict[str, Pair], share: Pair, order: float) -> FloatArray:
    """Enthalpy of mixing of a pair by charge transfer and the step of electron density, kJ/mol."""
    (n_a, n_b), (x_a, x_b) = of["electron_density"], of["electronegativity"]
    area = np.cbrt(of["molar_volume"][0]) ** 2, np.cbrt(of["molar_volume"][1]) ** 2
    f_b, f_a = _surrounded(share, area, order)
    area = (
        area[0] * (1.0 + of["a_const"][0] * f_b * (x_a - x_b)),
        area[1] * (1.0 + of["a_const"][1] * f_a * (x_b - x_a)),
    )
    f_b, _ = _surrounded(share, area, order)
    metal_a, metal_b = (_transition(valence) for valence in of["valence_electrons"])
    p = np.where(metal_a & metal_b, 14.1, np.where(metal_a | metal_b, 12.35, 10.7))
    r = np.where(metal_a != metal_b, of["R_const"][0] * of["R_const"][1] * p, 0.0)
    step = np.cbrt(n_a) - np.cbrt(n_b)
    exchange = 2.0 * (-p * (x_a - x_b) ** 2 - r + 9.4 * p * step**2) / _screening(of["electron_density"])
    return f_b * share[0] * area[0] * exchange


def _surrounded(share: Pair, area: Pair, order: float) -> Pair:
    """How far an atom of a is surrounded by b, and one of b by a."""
    whole = share[0] * area[0] + share[1] * area[1]
    a, b = share[0] * area[0] / whole, share[1] * area[1] / whole
    more = 1.0 + order * (a * b) ** 2
    return b * more, a * more


def _transition(valence: FloatArray) -> BoolArray:
    metal: BoolArray = (valence >= 3) & (valence <= 11) & (valence == np.rint(valence))
    return metal


def _elastic(of: dict[str, Pair], share: Pair) -> FloatArray:
    """Energy of fitting atoms of one size into a lattice of another, kJ/mol."""
    (n_a, n_b), (x_a, x_b), (v_a, v_b) = of["electron_density"], of["electronegativity"], of["molar_volume"]
    screening = _screening(of["electron_density"])
    # charge transfer changes the volumes: a in b, and b in a
    moved_a = _transfer(v_a + _transfer(v_a, screening) * (x_a - x_b) / n_a, screening) * (x_a - x_b)
    moved_b = _transfer(v_b + _transfer(v_b, screening) * (x_b - x_a) / n_b, screening) * (x_b - x_a)
    (k_a, k_b), (g_a, g_b) = of["compressibility"], of["shear_modulus"]
    a_in_b = _misfit(k_a, g_b, v_a + moved_a / n_a, v_b + moved_a / n_b)
    b_in_a = _misfit(k_b, g_a, v_b + moved_b / n_b, v_a + moved_b / n_a)
    return share[0] * share[1] * (share[1] * a_in_b + share[0] * b_in_a)


def _transfer(volume: FloatArray, screening: FloatArray) -> FloatArray:
    return 1.5 * np.cbrt(np.abs(volume)) ** 2 / screening


def _misfit(bulk: FloatArray, shear: FloatArray, inner: FloatArray, hole: FloatArray) -> FloatArray:
    below = 4.0 * shear * inner + 3.0 * bulk * hole
    above = 2.0 * bulk * shear * (inner - hole) ** 2
    return np.divide(above, below, out=np.zeros_like(above), where=below != 0)  # gases have no moduli


def _lattice(of: dict[str, FloatArray], share: FloatArray) -> FloatArray:
    """Energy of the best of fcc, bcc, hcp and no lattice against the elements in their own, kJ/mol; at most 0."""
    valence = pooling.total(share * of["valence_electrons"])
    own = pooling.total(share * of["structural_stability"])
    best = np.zeros(len(share))
    for energies in LATTICES.values():
        np.minimum(best, np.interp(valence, VALENCES, energies) - own, out=best)
    return best

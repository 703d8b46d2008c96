"""The chemical families of compositions, by plain rules on atomic fractions: oxide, halide, metals only, f block."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, TextArray
from matloop.core.elements import Z_OF

LEAST = 0.1
"""Atomic fraction from which an anion gives a compound its name: 0.2 % of nitrogen make no nitride of a steel."""
OXOANION = 2.5
"""Oxygen atoms per other non-metal from which these are taken for the centres of oxoanions (PO4, SO4, CO3, NO3)."""
HYDRIDE = 0.4
"""Share of hydrogen from which borohydrides and amides are hydrides first."""
PRESENT = 1e-6

HALOGENS = ("F", "Cl", "Br", "I", "At")
CHALCOGENS = ("S", "Se", "Te")
PNICTOGENS = ("N", "P", "As", "Sb")
LIGHT = ("B", "C", "Si", "Ge")
WEAK = ("P", "As", "Sb", "Se", "Te")
OXOANION_CENTRES = ("C", "N", "P", "S", "As", "Se")
NOBLE = ("He", "Ne", "Ar", "Kr", "Xe", "Rn", "Og")
NON_METALS = frozenset(("H", "O", "Po", *HALOGENS, *CHALCOGENS, *PNICTOGENS, *LIGHT, *NOBLE))
"""With the metalloids B, Si, Ge, As, Sb, Te; all other elements count as metals."""


def chemical_family(fractions: FloatArray, symbols: Sequence[str]) -> TextArray:
    """One family per composition, shape (n,), by which anions it holds; simple rules, not a crystal chemist.

    Parameters
    ----------
    fractions : shape (n, n_elements), atomic fractions. symbols : the element of each column.

    Returns
    -------
    "element", "metals only", "oxide", "oxoanion salt" (oxygen at least 2.5 per other non-metal: phosphates, sulfates,
    carbonates), "halide", "chalcogenide" (S, Se, Te), "pnictide" (N, P, As, Sb), "carbide, boride, silicide or
    germanide", "hydride", "organic" (C with H), "mixed anions", "other"; empty where nothing is known of the
    composition. An anion counts from 10 % of the atoms.

    Examples
    --------
    >>> chemical_family(np.array([[0.4, 0.6], [1.0, 0.0]]), ["Fe", "O"]).tolist()
    ['oxide', 'element']
    """
    share = _shares(fractions, symbols)
    metal = share([s for s in symbols if s not in NON_METALS]) > PRESENT
    oxygen, nitrogen, carbon, hydrogen = (share([s]) for s in "ONCH")
    halogens, chalcogens, pnictogens, light = (share(part) for part in (HALOGENS, CHALCOGENS, PNICTOGENS, LIGHT))
    centres, several = share(OXOANION_CENTRES), (np.nan_to_num(fractions) > PRESENT).sum(axis=1)
    anions = sum((part >= LEAST).astype(int) for part in (oxygen, halogens, chalcogens, nitrogen))
    alone = (oxygen >= LEAST) & (halogens < LEAST)
    rules = [
        (several == 0, ""),
        (several == 1, "element"),
        ((carbon >= LEAST) & (hydrogen >= LEAST), "organic"),
        (alone & (centres >= LEAST / OXOANION) & (oxygen >= OXOANION * centres), "oxoanion salt"),
        # silicates, borates, antimonates and tellurates are oxides; an oxysulfide or oxynitride is none
        (alone & (share(["N", "S", "C"]) < LEAST) & (oxygen >= 1.5 * share(WEAK)), "oxide"),
        (anions > 1, "mixed anions"),
        (halogens >= LEAST, "halide"),
        (chalcogens >= LEAST, "chalcogenide"),
        ((hydrogen >= HYDRIDE) & metal, "hydride"),
        (pnictogens >= LEAST, "pnictide"),
        ((light >= LEAST) & (metal | (carbon >= LEAST)), "carbide, boride, silicide or germanide"),
        ((hydrogen >= LEAST) & metal, "hydride"),
        (metal & (share(sorted(NON_METALS)) < 2 * LEAST), "metals only"),
    ]
    return np.asarray(np.select([rule for rule, _ in rules], [name for _, name in rules], "other"), dtype=np.str_)


def element_blocks(fractions: FloatArray, symbols: Sequence[str]) -> dict[str, BoolArray]:
    """Which compositions hold an element of the d block, of the f block, or none of both; each shape (n,)."""
    block = {s: _block(Z_OF[s]) for s in symbols}
    share = _shares(fractions, symbols)
    d, f = (share([s for s in symbols if block[s] == one]) > PRESENT for one in "df")
    known = np.nan_to_num(fractions).sum(axis=1) > PRESENT
    return {"with a transition metal": d, "with an f element": f, "main group only": known & ~d & ~f}


def _shares(fractions: FloatArray, symbols: Sequence[str]) -> Callable[[Sequence[str]], FloatArray]:
    known = np.nan_to_num(fractions)
    place = {symbol: at for at, symbol in enumerate(symbols)}

    def share(chosen: Sequence[str]) -> FloatArray:
        return np.asarray(known[:, [place[s] for s in chosen if s in place]].sum(axis=1))

    return share


def _block(z: int) -> str:
    if 57 <= z <= 71 or 89 <= z <= 103:
        return "f"  # with La, Lu, Ac and Lr, which chemists count in
    return "d" if 21 <= z <= 30 or 39 <= z <= 48 or 72 <= z <= 80 or 104 <= z <= 112 else "p"

"""What decides between solid solution, intermetallic and glass: misfits of size and stiffness, and mixing."""

from __future__ import annotations

from functools import cache

import numpy as np

from matloop.core.arrays import FloatArray, IntArray, frozen
from matloop.core.elements import filled_table, mixing_enthalpies
from matloop.represent import pooling
from matloop.represent.featurizer import CompositionFeaturizer

GAS_CONSTANT = 8.314 / 1000  # kJ/(mol K), rounded as in matminer so that values agree
SHELLS = {"s": 2.0, "p": 6.0, "d": 10.0, "f": 14.0}
YANG_2012 = (
    "X. Yang, Y. Zhang, Prediction of high-entropy stabilized solid-solution in multi-component alloys, "
    "Mater. Chem. Phys. 132 (2012) 233, doi:10.1016/j.matchemphys.2011.11.021"
)
WEN_2019 = (
    "C. Wen et al., Machine learning assisted design of high entropy alloys with desired property, "
    "Acta Mater. 170 (2019) 109, doi:10.1016/j.actamat.2019.03.010"
)
TAKEUCHI_2005 = (
    "A. Takeuchi, A. Inoue, Classification of bulk metallic glasses by atomic size difference, heat of mixing and "
    "period of constituent elements, Mater. Trans. 46 (2005) 2817, doi:10.2320/matertrans.46.2817"
)


class AlloyFeaturizer(CompositionFeaturizer):
    """Parameters of Yang & Zhang (2012) and Wen et al. (2019), as in matminer's `WenAlloys` without its text columns.

    Enthalpies in kJ/mol, entropy in kJ/(mol K), cohesive energy in eV/atom, shear modulus in GPa. "Mixing enthalpy" is
    an absolute value there; "Mixing enthalpy signed" keeps the sign. "Configuration entropy" and "Lambda entropy" have
    matminer's sign, which is the opposite of the papers' (R sum c ln c). Its "APE mean" is in `packing`, its "Atomic
    weight mean" in `magpie`. Values unknown for an element or a pair are the mean over the known ones. Meant for
    metals; for other compositions the numbers exist but mean little.
    """

    def columns(self) -> tuple[str, ...]:
        return (
            "Yang delta", "Yang omega", "Radii local mismatch", "Radii gamma", "Configuration entropy",
            "Lambda entropy", "Electronegativity delta", "Electronegativity local mismatch", "VEC mean",
            "Mixing enthalpy",
            "Mixing enthalpy signed", "Mean cohesive energy", "Interant electrons", "Interant s electrons",
            "Interant p electrons", "Interant d electrons", "Interant f electrons", "Shear modulus mean",
            "Shear modulus delta", "Shear modulus local mismatch", "Shear modulus strength model",
        )  # fmt: skip

    def describe(self, elements: IntArray, amounts: FloatArray) -> FloatArray:
        share = pooling.fractions(amounts)
        magpie, miedema = filled_table("magpie"), filled_table("miedema")
        radius, melting = magpie.column("MiracleRadius")[elements], magpie.column("MeltingT")[elements]
        affinity, shear = miedema.column("electronegativity")[elements], miedema.column("shear_modulus")[elements]
        entropy = GAS_CONSTANT * pooling.total(share * np.log(share))
        mixing = _mixing_enthalpy(elements, share)
        absolute = np.maximum(1e-6, np.abs(mixing))
        delta = _misfit(radius, share)
        shells = [_filled_electrons(magpie.column(f"N{s}Unfilled")[elements], n) for s, n in SHELLS.items()]
        with np.errstate(divide="ignore", invalid="ignore"):
            columns = [
                delta,
                np.abs(pooling.total(share * melting) * entropy / absolute) if elements.shape[1] > 1 else 0.0 * delta,
                _local_mismatch(radius, share),
                _solid_angles(radius, share),
                entropy,
                np.where(delta > 1e-9, entropy / delta**2, 0.0),
                _misfit(affinity, share),
                _local_mismatch(affinity, share),
                pooling.total(share * miedema.column("valence_electrons")[elements]),
                absolute,
                mixing,
                pooling.total(share * miedema.column("cohesive_energy")[elements]),
                shells[0] + shells[1] + shells[2] + shells[3],
                *shells,
                pooling.total(share * shear),
                _misfit(shear, share),
                _local_mismatch(shear, share),
                _strength(shear, share),
            ]
        return np.column_stack(columns)

    def units(self) -> dict[str, str]:
        mixing, entropy = ("Mixing enthalpy", "Mixing enthalpy signed"), ("Configuration entropy", "Lambda entropy")
        return {
            "Radii local mismatch": "pm",
            **dict.fromkeys(entropy, "kJ/(mol*K)"),
            "Electronegativity local mismatch": "eV",
            **dict.fromkeys(mixing, "kJ/mol"),
            "Mean cohesive energy": "eV/atom",
            **dict.fromkeys(("Shear modulus mean", "Shear modulus local mismatch"), "GPa"),
        }

    def citations(self) -> tuple[str, ...]:
        return (YANG_2012, WEN_2019, TAKEUCHI_2005)


@cache
def _pairs() -> FloatArray:
    """Mixing enthalpies with the mean over the known pairs wherever a pair is not known."""
    known = mixing_enthalpies()
    mean = np.nanmean(known[np.triu_indices(len(known))])
    return frozen(np.where(np.isnan(known), mean, known))


def _mixing_enthalpy(elements: IntArray, share: FloatArray) -> FloatArray:
    """4 times the sum of c_i c_j H_ij over pairs, kJ/mol."""
    total = np.zeros(len(elements))
    for i in range(elements.shape[1]):
        for j in range(i):
            total += share[:, i] * share[:, j] * _pairs()[elements[:, i], elements[:, j]]
    return 4.0 * total


def _misfit(values: FloatArray, share: FloatArray) -> FloatArray:
    """Root of the mean of (1 - v / mean)^2; 0 for a pure element."""
    if values.shape[1] == 1:
        return np.zeros(len(values))
    ratio = values / pooling.total(share * values)[:, None]
    return np.sqrt(pooling.total(share * (1.0 - ratio) ** 2))


def _local_mismatch(values: FloatArray, share: FloatArray) -> FloatArray:
    """Sum of c_i c_j |v_i - v_j| over pairs."""
    total = np.zeros(len(values))
    for i in range(values.shape[1]):
        for j in range(i):
            total += share[:, i] * share[:, j] * np.abs(values[:, i] - values[:, j])
    return total


def _solid_angles(radius: FloatArray, share: FloatArray) -> FloatArray:
    """Ratio of the solid angles around the smallest and the largest atom (gamma)."""
    mean = pooling.total(share * radius)
    small, large = (_uncovered(mean, edge) for edge in (radius.min(axis=1), radius.max(axis=1)))
    return small / large


def _uncovered(mean: FloatArray, radius: FloatArray) -> FloatArray:
    return 1.0 - np.sqrt((mean * radius + radius**2) / (mean + radius) ** 2)


def _filled_electrons(unfilled: FloatArray, places: float) -> FloatArray:
    """Electrons in a shell that is neither empty nor full, summed over the elements (each counts once)."""
    return pooling.total(np.where(unfilled != 0, places - unfilled, 0.0))


def _strength(shear: FloatArray, share: FloatArray) -> FloatArray:
    """Local strengthening by differences of shear modulus."""
    if shear.shape[1] == 1:
        return np.zeros(len(shear))
    mean = pooling.total(share * shear)[:, None]
    difference = 2.0 * share * (shear - mean) / (shear + mean)
    return pooling.total(difference / (1.0 + 0.5 * np.abs(difference)))

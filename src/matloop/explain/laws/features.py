"""What composition features are called by people, and their units: a law is read, so its names must be readable."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PROPERTIES: Mapping[str, tuple[str, str | None]] = {
    "Number": ("atomic number", ""),
    "AtomicWeight": ("atomic weight", "amu"),
    "MeltingT": ("melting point", "K"),
    "BoilingT": ("boiling point", "K"),
    "Column": ("group", ""),
    "Row": ("period", ""),
    "CovalentRadius": ("covalent radius", "pm"),
    "MiracleRadius": ("metallic radius", "pm"),
    "VdWRadius": ("van der Waals radius", "angstrom"),
    "ZungerPP-r_sigma": ("pseudopotential radius r_sigma", "bohr"),
    "ZungerPP-r_pi": ("pseudopotential radius r_pi", "bohr"),
    "Electronegativity": ("electronegativity", ""),
    "AllenElectronegativity": ("Allen electronegativity", ""),
    "NsValence": ("s valence electrons", ""),
    "NpValence": ("p valence electrons", ""),
    "NdValence": ("d valence electrons", ""),
    "NfValence": ("f valence electrons", ""),
    "NValence": ("valence electrons", ""),
    "NsUnfilled": ("empty s states", ""),
    "NpUnfilled": ("empty p states", ""),
    "NdUnfilled": ("empty d states", ""),
    "NfUnfilled": ("empty f states", ""),
    "NUnfilled": ("empty valence states", ""),
    "GSvolume_pa": ("volume per atom of the elements", "angstrom^3"),
    "ICSDVolume": ("volume per atom (ICSD)", "angstrom^3"),
    "GSbandgap": ("band gap of the elements", "eV"),
    "GSmagmom": ("magnetic moment of the elements", "muB"),
    "FirstIonizationEnergy": ("first ionisation energy", "eV"),
    "SecondIonizationEnergy": ("second ionisation energy", "eV"),
    "ElectronAffinity": ("electron affinity", "kJ/mol"),
    "Polarizability": ("polarisability", "angstrom^3"),
    "HeatFusion": ("heat of fusion", "kJ/mol"),
    "HeatVaporization": ("heat of vaporisation", "kJ/mol"),
    "HeatCapacityMolar": ("molar heat capacity", "J/(mol*K)"),
    "BulkModulus": ("bulk modulus of the elements", "GPa"),
    "ShearModulus": ("shear modulus of the elements", "GPa"),
    "phi": ("Miedema potential", "eV"),
    "n_ws^third": ("Miedema electron density", None),
    "IsMetal": ("share of metals", ""),
    "IsMetalloid": ("share of metalloids", ""),
}
"""Element property: words and unit (core/tables/README.md); None: a unit of its own kind."""

_OTHERS: Mapping[str, tuple[str, str | None]] = {
    "0-norm": ("number of elements", ""),
    "2-norm": ("2-norm of the fractions", ""),
    "avg s valence electrons": ("mean s valence electrons", ""),
    "avg p valence electrons": ("mean p valence electrons", ""),
    "avg d valence electrons": ("mean d valence electrons", ""),
    "avg f valence electrons": ("mean f valence electrons", ""),
    "frac s valence electrons": ("share of s valence electrons", ""),
    "frac p valence electrons": ("share of p valence electrons", ""),
    "frac d valence electrons": ("share of d valence electrons", ""),
    "frac f valence electrons": ("share of f valence electrons", ""),
    "max ionic char": ("largest ionic character", ""),
    "avg ionic char": ("mean ionic character", ""),
    "transition metal fraction": ("share of magnetic transition metals", ""),
    "band center": ("band centre", "eV"),
    "HOMO energy": ("highest occupied orbital", "eV"),
    "LUMO energy": ("lowest empty orbital", "eV"),
    "gap of atomic orbitals": ("gap of atomic orbitals", "eV"),
}
_STATISTICS = {
    "minimum": "least",
    "maximum": "largest",
    "range": "range of",
    "mean": "mean",
    "avg_dev": "mean deviation of",
    "std": "spread of",
}
_POOLED = re.compile(r"(?:MagpieData|element) (\w+) (.+)")
_FRACTION = re.compile(r"(?:fraction )?([A-Z][a-z]?)(?: fraction)?")


@dataclass(frozen=True, slots=True)
class Feature:
    """A column as a law may use it: place in the table, own name, the words for it, unit (None: unknown)."""

    place: int
    name: str
    words: str
    unit: str | None


def described(name: str) -> tuple[str, str | None] | None:
    """Words and unit of a composition feature; None for one that has no meaning in a law (a mode, a learnt vector)."""
    if name in _OTHERS:
        return _OTHERS[name]
    found = _POOLED.fullmatch(name)
    if found and found[1] in _STATISTICS and found[2] in PROPERTIES:
        words, unit = PROPERTIES[found[2]]
        return f"{_STATISTICS[found[1]]} {words}", unit
    found = _FRACTION.fullmatch(name)
    return (f"{found[1]} fraction", "") if found else None


def feature_units(names: Sequence[str]) -> list[str | None]:
    """The unit of each composition feature, None where it is not known."""
    told = [described(name) for name in names]
    return [None if one is None else one[1] for one in told]


def law_features(
    names: Sequence[str], origins: Sequence[str], categorical: Sequence[int], units: Mapping[str, str]
) -> tuple[Feature, ...]:
    """The columns of a feature table that laws are sought over: numbers as given, and readable composition features.

    origins : as of a FeatureTable: `"temperature:number"`, `"formula:magpie"`. units : of the inputs, by name.
    """
    found = []
    for place, (name, origin) in enumerate(zip(names, origins, strict=True)):
        source, _, kind = origin.rpartition(":")
        if place in categorical:
            continue
        if kind == "number":
            found.append(Feature(place, name, name, units.get(source, "")))
            continue
        prefix, _, bare = name.rpartition(": ") if ": " in name else ("", "", name)
        told = described(bare)
        if told is not None:
            found.append(Feature(place, name, f"{prefix}: {told[0]}" if prefix else told[0], told[1]))
    return tuple({one.words: one for one in reversed(found)}.values())[::-1]  # of two that mean the same the first

"""Make tests/represent/matminer_0_10_1.npz: composition features of matminer 0.10.1 for varied real formulas.

    python tools/feature_references.py tests/represent/matminer_0_10_1.npz

Needs matminer 0.10.1; the file holds `formulas`, and per featurizer of ours `<name>/columns` and `<name>/values`. What
the file already has is kept. Of WenAlloys the packing efficiency (not one of our columns) is left out, because it takes
minutes; so does packing of more than four elements.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import matminer.featurizers.composition.alloy as alloy
import numpy as np
from matminer.featurizers.composition.composite import ElementProperty, Meredig
from matminer.featurizers.composition.element import BandCenter, Stoichiometry, TMetalFraction
from matminer.featurizers.composition.ion import (
    CationProperty,
    ElectronAffinity,
    ElectronegativityDiff,
    IonProperty,
    OxidationStates,
)
from matminer.featurizers.composition.orbital import ValenceOrbital
from matminer.featurizers.composition.packing import AtomicPackingEfficiency
from matminer.featurizers.composition.thermo import CohesiveEnergy
from pymatgen.core import Composition

FORMULAS = (  # noqa: SIM905
    # oxides, salts, minerals
    "Fe2O3 Fe3O4 SiO2 BaTiO3 LiFePO4 Mg3Al2Si3O12 CaCO3 NaCl KMnO4 Cu2S Mn3O4 Ca5(PO4)3F K4Fe(CN)6 NH4NO3 H2O UO2 "
    # semiconductors, thermoelectrics, intermetallics
    "GaAs Bi2Te3 PbTe CoSb3 Mg2Si ZrNiSn InP CdTe SnSe Cu2ZnSnS4 LaFe4Sb12 Ni3Al NiTi Nb3Sn MgB2 LaNi5 SmCo5 Nd2Fe14B "
    # fractional ones and alloys
    "La0.7Sr0.3MnO3 YBa2Cu3O6.93 Li1.2Ni0.13Co0.13Mn0.54O2 Bi0.5Sb1.5Te3 Zr41Ti14Cu12Ni10Be23 CoCrFeMnNi "
    "Fe0.74Cr0.18Ni0.08 "
    "Fe0.620C0.000953Mn0.000521Si0.00102Cr0.000110Ni0.192Mo0.0176V0.000112Nb0.0000616Co0.146Al0.00318Ti0.0185 "
    # pure elements, noble gases, actinides, the end of the table, and what looks like something else
    "Fe C He XeF6 ArF U3O8 PuO2 AmCl3 Cf2O3 LrN Og2O Fr2O NaN CO Co NO No HfO2 C60 CH3NH3PbI3"
).split()
CHARGE_TRIALS = 45  # matminer tries every combination: more atoms than this take minutes
OF_IONS = ("oxidation", "cations", "electron_affinity", "electronegativity_difference")


def featurizers() -> dict[str, object]:
    """Ours by name -> matminer's."""
    packing_efficiency, Miedema = AtomicPackingEfficiency(), alloy.Miedema
    packing = type("NoPacking", (), {"compute_simultaneous_packing_efficiency": lambda self, composition: [0.0]})
    alloy.AtomicPackingEfficiency = lambda **options: packing()
    return {
        "magpie": ElementProperty.from_preset("magpie"),
        "stoichiometry": Stoichiometry(),
        "valence": ValenceOrbital(),
        "ionic": IonProperty(),
        "deml": ElementProperty.from_preset("deml"),
        "transition_metal": TMetalFraction(),
        "band_center": BandCenter(),
        "alloy": alloy.WenAlloys(),
        "megnet": ElementProperty.from_preset("megnet_el"),
        "oxidation": OxidationStates.from_preset("deml"),
        "cations": CationProperty.from_preset("deml"),
        "electron_affinity": ElectronAffinity(),
        "electronegativity_difference": ElectronegativityDiff(),
        "elements": ElementProperty.from_preset("matminer"),
        "elements(source='optical')": ElementProperty.from_preset("optical"),
        "elements(source='transport')": ElementProperty.from_preset("mp_transport"),
        "meredig": Meredig(),
        "packing": packing_efficiency,
        "miedema": Miedema(),
        "miedema(missing='nan')": Miedema(impute_nan=False),
        "cohesive_energy": CohesiveEnergy(),
    }


def row(name: str, featurizer: object, composition: Composition) -> list[object] | None:
    """Features of one composition; None where matminer fails or takes minutes (charges, fractional or large)."""
    whole = all(amount == int(amount) for amount in composition.values())
    small = whole and composition.num_atoms <= CHARGE_TRIALS
    if (name in ("ionic", *OF_IONS) and not small) or (name == "packing" and len(composition) > 4):
        return None
    if name == "cohesive_energy":  # of 1 eV/atom; 0 is taken for "look it up"
        return [featurizer.featurize(composition, 1.0)[0] + 1.0]
    if name not in OF_IONS:
        return featurizer.featurize(composition)
    try:
        return featurizer.featurize(composition.add_charges_from_oxi_state_guesses())
    except ValueError:  # no ions
        return None


def labels_of(name: str, featurizer: object) -> list[str]:
    """Names of matminer's columns; those that would not be unique are told apart as ours are."""
    labels = featurizer.feature_labels()
    if name == "meredig":
        return [label if j < len(labels) - 17 else f"Meredig {label}" for j, label in enumerate(labels)]
    return ["elemental cohesive energy"] if name == "cohesive_energy" else labels


def main(path: Path) -> None:
    warnings.simplefilter("ignore")
    arrays = dict(np.load(path)) if path.exists() else {}
    if arrays.get("formulas", np.array([])).tolist() != list(FORMULAS):
        arrays = {"formulas": np.array(FORMULAS)}
    for name, featurizer in featurizers().items():
        if f"{name}/values" in arrays:
            continue
        rows = [row(name, featurizer, Composition(formula)) for formula in FORMULAS]
        labels = labels_of(name, featurizer)
        numeric = [j for j in range(len(labels)) if not any(isinstance(r[j], str) for r in rows if r)]
        arrays[f"{name}/columns"] = np.array([labels[j] for j in numeric])
        values = [[float(r[j]) for j in numeric] if r else [np.nan] * len(numeric) for r in rows]
        arrays[f"{name}/values"] = np.array(values)
    np.savez_compressed(path, **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

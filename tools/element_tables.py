"""Make src/matloop/core/tables/*.csv from the packages matminer 0.10.1 and pymatgen (both only needed here).

    python tools/element_tables.py src/matloop/core/tables

Each table has one line per element (Z, symbol, then the properties as the source prints them; empty = not known) and
one entry in SOURCES.json with its SHA-256; sources and licences are in README.md there. The values are copied, or
written as matminer fits them (optical, transport); float32 vectors are written with the fewest digits that give the
same float32.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import matminer
import numpy as np
import pymatgen.core
from matminer.utils.data import OpticalData, PymatgenData, TransportData
from matminer.utils.data_files.deml_elementdata import properties as deml
from monty.serialization import loadfn
from pymatgen.analysis import diffraction, hhi
from pymatgen.core import Element, Species
from pymatgen.core.molecule_structure_comparator import CovalentRadius

DATA = Path(matminer.__file__).parent / "utils" / "data_files"
SYMBOLS = [Element.from_Z(z).symbol for z in range(1, 119)]
DEML_SCALARS = [
    "atom_num", "atom_mass", "row_num", "col_num", "atom_radius", "molar_vol", "heat_fusion", "melting_point",
    "boiling_point", "heat_cap", "electronegativity", "electric_pol", "GGAU_Etot", "mus_fere", "electron_affin",
]  # fmt: skip
PYMATGEN_SCALARS = [
    "atomic_radius", "van_der_waals_radius", "mendeleev_no", "thermal_conductivity", "bulk_modulus", "row", "group",
    "block", "electrical_resistivity", "velocity_of_sound", "melting_point", "coefficient_of_linear_thermal_expansion",
    "boiling_point", "liquid_range", "density_of_solid", "molar_volume", "youngs_modulus", "rigidity_modulus",
    "poissons_ratio", "brinell_hardness", "vickers_hardness", "mineral_hardness", "reflectivity",
    "atomic_radius_calculated", "metallic_radius", "average_ionic_radius", "average_cationic_radius",
    "average_anionic_radius", "electron_affinity", "ionization_energy",
]  # fmt: skip
DEML_IONIC = ["xtal_field_split", "magn_moment", "so_coupling", "sat_magn"]
MIEDEMA = [
    "molar_volume", "electron_density", "electronegativity", "valence_electrons", "a_const", "R_const", "H_trans",
    "compressibility", "shear_modulus", "melting_point", "structural_stability",
]  # fmt: skip


def text(value: object) -> str:
    """`value` as it stands in the CSV; missing (None, NaN) is empty."""
    if value is None:
        return ""
    number = float(value)
    return (
        "" if np.isnan(number) else repr(int(number)) if number == int(number) and abs(number) < 1e15 else repr(number)
    )


def write(folder: Path, name: str, columns: list[str], rows: dict[int, list[str]]) -> None:
    """Write one table, one line per atomic number that has any value."""
    with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["Z", "symbol", *columns])
        for z in sorted(rows):
            if any(rows[z]):
                writer.writerow([z, SYMBOLS[z - 1] if z else "*", *rows[z]])


def magpie(folder: Path) -> None:
    """Every Magpie property but the list of oxidation states; unreadable lines ("Missing") are empty."""
    files = sorted((DATA / "magpie_elementdata").glob("*.table"))
    names = [f.stem for f in files if f.stem not in ("OxidationStates", "IonizationEnergies")]
    rows: dict[int, list[str]] = {z: [] for z in range(1, 119)}
    for name in names:
        lines = (DATA / "magpie_elementdata" / f"{name}.table").read_text().splitlines()
        for z in rows:
            try:
                rows[z].append(text(float(lines[z - 1])))
            except (ValueError, IndexError):
                rows[z].append("")
    write(folder, "magpie", names, rows)


def deml_table(folder: Path) -> None:
    """The scalar properties of Deml et al., and the first ionisation energy (kJ/mol times 1000, as there)."""
    rows = {
        z: [text(deml[key].get(s)) for key in DEML_SCALARS] + [text(deml["ionization_en"].get(s, [None])[0])]
        for z, s in enumerate(SYMBOLS, start=1)
    }
    write(folder, "deml", [*DEML_SCALARS, "first_ioniz"], rows)


def periodic(folder: Path) -> None:
    """Mass, Pauling electronegativity and a few more from pymatgen, and lists of oxidation states."""
    rows, states = {}, {}
    for z in range(1, 119):
        element = Element.from_Z(z)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scalars = [_of_pymatgen(element, name) for name in PYMATGEN_SCALARS]
            rows[z] = [text(element.atomic_mass), text(element.X), *(text(value) for value in scalars)]
        states[z] = [
            " ".join(f"{state:d}" for state in listed)
            for listed in (element.common_oxidation_states, element.icsd_oxidation_states, element.oxidation_states)
        ]
    write(folder, "periodic", ["atomic_mass", "X", *PYMATGEN_SCALARS], rows)
    write(folder, "oxidation_states", ["common", "icsd", "all"], states)


def _of_pymatgen(element: Element, name: str) -> float | None:
    """A value of pymatgen; the block as matminer counts it (s 1, p 2, d and f 3); a zero radius is none."""
    if name == "block":
        return PymatgenData().get_elemental_property(element, name)
    try:
        value = getattr(element, name)
    except KeyError:  # pymatgen raises it for the electron affinities that it does not list
        return None
    return None if name.endswith("ionic_radius") and not value else value


def occurrences(folder: Path) -> None:
    """How often each oxidation state stands in the ICSD: what pymatgen ranks its guesses by."""
    listed = loadfn(Path(pymatgen.core.__file__).parent / "icsd_bv.yaml")["occurrence"]
    species = {Species.from_str(name): count for name, count in listed.items()}
    rows = sorted((s.Z, int(s.oxi_state), count) for s, count in species.items() if s.symbol not in "DT")
    with (folder / "oxidation_occurrence.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows([["Z_of", "state", "sites"], *rows])


def deml_ions(folder: Path) -> None:
    """Properties of ions by charge: the ionisation energy that leads to it, and four of Deml et al."""
    rows = []
    for z, symbol in enumerate(SYMBOLS, start=1):
        energies = deml["ionization_en"].get(symbol, [])
        listed = {charge: text(energy) for charge, energy in enumerate(energies, start=1)}
        charges = sorted({*listed, *(int(q) for key in DEML_IONIC for q in deml[key].get(symbol, {}))})
        ionic = [[text(deml[key].get(symbol, {}).get(q)) for key in DEML_IONIC] for q in charges]
        rows += [[z, q, listed.get(q, ""), *cells] for q, cells in zip(charges, ionic, strict=True)]
    with (folder / "deml_ions.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows([["Z_of", "charge", "ionization_en", *DEML_IONIC], *rows])


def fitted(folder: Path) -> None:
    """What matminer's pseudo-inverse makes of optical and transport data of compounds; NaN is empty."""
    for name, source in (("optical", OpticalData(impute_nan=False)), ("transport", TransportData(impute_nan=False))):
        data = source.all_element_data
        rows = {z: [text(value) for value in data.loc[s]] for z, s in enumerate(SYMBOLS, start=1)}
        write(folder, name, list(data.columns), rows)


def bond_valence(folder: Path) -> None:
    """Size and electronegativity parameters from which lengths of single bonds follow (O'Keeffe, Brese)."""
    listed = loadfn(Path(pymatgen.core.__file__).parent / "bvparam_1991.yaml")
    rows = {z: [text(listed.get(s, {}).get(key)) for key in "rc"] for z, s in enumerate(SYMBOLS, start=1)}
    write(folder, "bond_valence", ["r", "c"], rows)


def vectors(folder: Path) -> None:
    """Element vectors learnt elsewhere: Matscholar (200, float32) and MEGNet (16; Z = 0 is its dummy atom)."""
    words = json.loads((DATA / "matscholar_els.json").read_text())
    rows = {SYMBOLS.index(s) + 1: [str(np.float32(v)) for v in vector] for s, vector in words.items()}
    if any(np.float32(v) != v for vector in words.values() for v in vector):
        raise SystemExit("matscholar_els.json is no longer float32: write it with repr")
    write(folder, "matscholar", [f"embedding {i}" for i in range(1, 201)], rows)
    nets = json.loads((DATA / "megnet_elemental_embedding.json").read_text())
    write(
        folder, "megnet", [f"embedding {i}" for i in range(1, 17)], {z: [repr(v) for v in nets[z]] for z in range(95)}
    )


def alloys(folder: Path) -> None:
    """Miedema's parameters, cohesive energies (Kittel), and liquid mixing enthalpies of pairs (Takeuchi, Inoue)."""
    with (DATA / "Miedema.csv").open() as stream:
        read = {row["element"]: row for row in csv.DictReader(stream)}
    cohesive = json.loads((DATA / "cohesive_energies.json").read_text())
    rows = {
        z: [text(read[s][key]) if s in read else "" for key in MIEDEMA] + [text(cohesive.get(s))]
        for z, s in enumerate(SYMBOLS, start=1)
    }
    write(folder, "miedema", [*MIEDEMA, "cohesive_energy"], rows)
    pairs = sorted({(*sorted((SYMBOLS.index(a) + 1, SYMBOLS.index(b) + 1)), h) for a, b, h in _pairs()})
    with (folder / "mixing_enthalpy.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows([["Z_a", "Z_b", "kJ_per_mol"], *pairs])


def orbitals(folder: Path) -> None:
    """Energies of the atomic orbitals (Hartree), a line per orbital; Z above 92 has none."""
    with warnings.catch_warnings(), (folder / "orbitals.csv").open("w", newline="", encoding="utf-8") as stream:
        warnings.simplefilter("ignore")
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["Z_of", "orbital", "hartree"])
        for z in range(1, 119):
            listed = Element.from_Z(z).atomic_orbitals or {}
            writer.writerows([z, name, text(energy)] for name, energy in sorted(listed.items(), key=lambda o: o[1]))


def in_crystals(folder: Path) -> None:
    """Parameters of X-ray scattering, and electron configurations as text; empty where pymatgen has none."""
    fitted = json.loads((Path(diffraction.__file__).parent / "atomic_scattering_params.json").read_text())
    names = [f"{letter}{i}" for i in range(1, 5) for letter in "ab"]
    rows = {z: [text(v) for pair in fitted.get(s, []) for v in pair] for z, s in enumerate(SYMBOLS, start=1)}
    write(folder, "scattering", names, rows)
    written: dict[int, list[str]] = {}
    for z in range(1, 119):
        with warnings.catch_warnings(), contextlib.suppress(KeyError):
            warnings.simplefilter("ignore")
            shells = sorted(Element.from_Z(z).full_electronic_structure, key=lambda s: (s[0], "spdf".index(s[1])))
            written[z] = [" ".join(f"{n}{letter}{count}" for n, letter, count in shells)]
    write(folder, "configurations", ["shells"], written)


# single bonds, Pyykkö, J. Phys. Chem. A 119 (2015) 2326, doi:10.1021/jp5065819, for Z = 97 to 118, in pm
SUPERHEAVY = (
    168, 168, 165, 167, 173, 176, 161, 157, 149, 143, 141, 134, 129, 128, 121, 122, 136, 143, 162, 175, 165, 157,
)  # fmt: skip


def radii(folder: Path) -> None:
    """Covalent radii, to Z = 96 Cordero's, and radii of ions by charge; Angstrom."""
    known = {SYMBOLS.index(s) + 1: r for s, r in CovalentRadius.radius.items()}
    known |= {z: r / 100 for z, r in enumerate(SUPERHEAVY, start=97)}
    write(folder, "covalent", ["covalent_radius"], {z: [text(r)] for z, r in sorted(known.items())})
    with (folder / "ionic_radii.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["Z_of", "state", "radius"])
        for z in range(1, 119):
            listed = Element.from_Z(z).data.get("Ionic radii", {})
            writer.writerows([z, state, text(float(listed[str(state)]))] for state in sorted(int(q) for q in listed))


def supply(folder: Path) -> None:
    """Price (USD/kg) and how concentrated production and reserves are (Herfindahl-Hirschman index, 0 to 10,000)."""
    place = Path(hhi.__file__).parent
    prices = {line[0]: line[1] for line in csv.reader((place / "costdb_elements.csv").read_text("utf-8").splitlines())}
    lines = (place / "hhi_data.csv").read_text("utf-8").splitlines()
    spread = {line[0].strip(): line[1:3] for line in csv.reader(lines) if line and not line[0].startswith("#")}
    rows = {
        z: [text(cell or None) for cell in (prices.get(s, ""), *spread.get(s, ("", "")))]
        for z, s in enumerate(SYMBOLS, start=1)
    }
    write(folder, "supply", ["price", "hhi_production", "hhi_reserve"], rows)


def _pairs() -> list[tuple[str, str, str]]:
    lines = (DATA / "MiedemaLiquidDeltaHf.tsv").read_text().splitlines()[1:]
    read = {tuple(sorted(line.split()[:2])): line.split()[2] for line in lines if line.strip()}
    return [(a, b, text(value)) for (a, b), value in read.items()]


def sources(folder: Path) -> None:
    """What each table came from, and its SHA-256 (checked by a test)."""
    made = {
        f.name: {"bytes": f.stat().st_size, "sha256": hashlib.sha256(f.read_bytes()).hexdigest()}
        for f in sorted(folder.glob("*.csv"))
    }
    versions = {name: version(name) for name in ("matminer", "pymatgen", "pymatgen-core")}
    (folder / "SOURCES.json").write_text(json.dumps({"made_with": versions, "files": made}, indent=1) + "\n")


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for make in (
        magpie, deml_table, deml_ions, periodic, occurrences, bond_valence, vectors, alloys, orbitals, fitted,
        in_crystals, radii, supply, sources,
    ):  # fmt: skip
        make(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

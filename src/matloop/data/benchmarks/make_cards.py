"""The recipe of cards.json: what matminer and jarvis-tools say about the data sets that they offer, in short.

    python make_cards.py .../matminer/datasets/dataset_metadata.json .../jarvis/db/figshare.py

Neither library is imported or run: the first file is JSON, the second is read as text.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path
from typing import Any

from matloop.core import units

MATBENCH = {
    "matbench_dielectric": ("n", "", "refractive index"),
    "matbench_expt_gap": ("gap expt", "eV", "measured band gap"),
    "matbench_expt_is_metal": ("is_metal", "", "whether it is a metal, by experiment"),
    "matbench_glass": ("gfa", "", "whether it forms a metallic glass"),
    "matbench_jdft2d": ("exfoliation_en", "meV/atom", "exfoliation energy (optB88vdW, optPBE-vdW)"),
    "matbench_log_gvrh": ("log10(G_VRH)", "", "log10 of the shear modulus in GPa (VRH, PBE)"),
    "matbench_log_kvrh": ("log10(K_VRH)", "", "log10 of the bulk modulus in GPa (VRH, PBE)"),
    "matbench_mp_e_form": ("e_form", "eV/atom", "formation energy (PBE, PBE+U)"),
    "matbench_mp_gap": ("gap pbe", "eV", "band gap (PBE)"),
    "matbench_mp_is_metal": ("is_metal", "", "whether the PBE band gap is zero"),
    "matbench_perovskites": ("e_form", "eV", "heat of formation per unit cell of five atoms (RPBE)"),
    "matbench_phonons": ("last phdos peak", "cm^-1", "highest peak of the phonon density of states (PBEsol)"),
    "matbench_steels": ("yield strength", "MPa", "measured yield strength"),
}
"""Target, unit and meaning, as the metadata of Matbench v0.1 state them."""
CLASSES = ("matbench_expt_is_metal", "matbench_glass", "matbench_mp_is_metal")
JARVIS = {
    "dft_3d": "bulk materials by DFT (optB88vdW, TBmBJ), newest release",
    "dft_3d_2022": "bulk materials by DFT (optB88vdW, TBmBJ), release of December 2022",
    "dft_3d_2021": "bulk materials by DFT (optB88vdW, TBmBJ), release of August 2021",
    "dft_2d": "monolayers by DFT (optB88vdW, TBmBJ)",
    "dft_2d_2021": "monolayers by DFT (optB88vdW, TBmBJ), release of March 2021",
    "cfid_3d": "bulk materials by DFT with classical force-field descriptors",
    "megnet": "Materials Project as used for MEGNet, 2018",
    "megnet2": "Materials Project as used for MEGNet, April 2019",
    "mp_3d_2020": "Materials Project, 2020",
    "oqmd_3d_no_cfid": "Open Quantum Materials Database",
    "qmof": "metal-organic frameworks by DFT (QMOF)",
    "hmof": "hypothetical metal-organic frameworks",
    "c2db": "Computational 2D Materials Database",
    "snumat": "band gaps by a hybrid functional (SNUMAT)",
    "twod_matpd": "2DMatPedia",
    "polymer_genome": "polymers by DFT (Polymer Genome)",
    "omdb": "organic crystals (OMDB)",
    "supercon_3d": "critical temperatures of bulk superconductors by DFPT",
    "supercon_2d": "critical temperatures of two-dimensional superconductors by DFPT",
    "supercon_chem": "measured critical temperatures by formula (SuperCon)",
    "mag2d_chem": "magnetic two-dimensional materials",
    "vacancydb": "vacancy formation energies by DFT",
    "surfacedb": "surface energies by DFT",
    "interfacedb": "interfaces of semiconductors by DFT",
    "ssub": "formation enthalpies of the SGTE substance database",
    "mlearn": "energies and forces of six elements (mlearn)",
    "foundry_ml_exp_bandgaps": "measured band gaps (Foundry)",
    "qm9_std_jctc": "small organic molecules (QM9)",
    "mxene275": "MXenes by DFT",
    "alex_pbe_hull": "Alexandria, materials on the convex hull (PBE)",
    "alex_supercon": "Alexandria, superconductors by DFPT",
    "halide_peroskites": "halide perovskites by DFT (spelt so by its publisher)",
}
"""Sets of materials; texts, images and raw files of codes are left out."""
ARTICLES = {"dft_3d": 6815699, "dft_2d": 6815705}
"""Articles of figshare that list the newest of these files with its MD5."""
JARVIS_UNITS = {
    "formation_energy_peratom": ("eV/atom", "formation energy (optB88vdW)"),
    "optb88vdw_bandgap": ("eV", "band gap (optB88vdW)"),
    "optb88vdw_total_energy": ("eV/atom", "total energy (optB88vdW)"),
    "mbj_bandgap": ("eV", "band gap (TBmBJ)"),
    "hse_gap": ("eV", "band gap (HSE06)"),
    "ehull": ("eV/atom", "energy above the convex hull"),
    "exfoliation_energy": ("meV/atom", "exfoliation energy"),
    "bulk_modulus_kv": ("GPa", "bulk modulus (Voigt)"),
    "shear_modulus_gv": ("GPa", "shear modulus (Voigt)"),
    "magmom_oszicar": ("bohr_magneton", "magnetic moment of the cell"),
    "magmom_outcar": ("bohr_magneton", "magnetic moment of the cell, by atoms"),
    "density": ("g/cm^3", "density"),
    "n-Seebeck": ("uV/K", "Seebeck coefficient, electrons"),
    "p-Seebeck": ("uV/K", "Seebeck coefficient, holes"),
    "Tc_supercon": ("K", "critical temperature (McMillan-Allen-Dynes)"),
    "avg_elec_mass": ("electron_mass", "effective mass of electrons"),
    "avg_hole_mass": ("electron_mass", "effective mass of holes"),
}
_JARVIS_CITE = "K. Choudhary et al., The joint automated repository for various integrated simulations (JARVIS) for data-driven materials design, npj Comput. Mater. 6 (2020) 173, doi:10.1038/s41524-020-00440-1"  # noqa: E501
_UNIT = (
    (r"\beV\s*(?:/|per )\s*atom", "eV/atom"), (r"\bmeV/atom", "meV/atom"), (r"1/cm\b", "cm^-1"), (r"\bGPa\b", "GPa"),
    (r"\bMPa\b", "MPa"), (r"(?:in |\()eV\b", "eV"), (r"cubic angstrom|A\^3(?!/)", "angstrom^3"),
    (r"A\^3/atom", "angstrom^3/atom"), (r"in A \(angstrom\)", "angstrom"), (r"in degrees", "degree"),
    (r"[Bb]ohr [Mm]agneton", "bohr_magneton"), (r"micro ?[Vv]olts? ?(?:per|/) ?[Kk]elvin|microVolts/K", "uV/K"),
    (r"W/m\.K|W/K/m\b", "W/(m*K)"), (r"uW/cm2\.K", "uW/(cm*K^2)"), (r"emu/cc", "emu/cm^3"),
    (r"weight percent|elongation in %|in %", "%"), (r"ohm\.cm", "ohm*cm"), (r"Siemens/cm", "S/cm"),
    (r"in Kelvin|in K\b|, in K\.", "K"),
)  # fmt: skip


def main(matminer: Path, jarvis: Path) -> str:
    """The cards as JSON text."""
    known = json.loads(matminer.read_text("utf-8"))
    made = [_matminer(name, entry) for name, entry in sorted(known.items())]
    tree = ast.parse(jarvis.read_text("utf-8"))
    table = next(node for node in ast.walk(tree) if isinstance(node, ast.Dict) and len(node.keys) > 20)
    sets = {key.value: value for key, value in zip(table.keys, table.values, strict=True)
            if isinstance(key, ast.Constant)}  # fmt: skip
    made += [_jarvis(name, *map(_joined, ast.iter_child_nodes(sets[name]))) for name in JARVIS]
    return json.dumps({"credit": CREDIT, "cards": made}, ensure_ascii=False, indent=1) + "\n"


def _joined(node: ast.AST) -> str:
    """A text, also one of several that are added."""
    if isinstance(node, ast.BinOp):
        return _joined(node.left) + _joined(node.right)
    return str(node.value) if isinstance(node, ast.Constant) else ""


CREDIT = (
    "Names, addresses, hashes, columns and references of the sets called matbench_... and of the matminer sets come "
    "from matminer 0.10.1 (dataset_metadata.json), Copyright (c) 2015, The Regents of the University of California, "
    "through Lawrence Berkeley National Laboratory, modified BSD licence; L. Ward et al., Comput. Mater. Sci. 152 "
    "(2018) 60, doi:10.1016/j.commatsci.2018.05.018. Targets and units of Matbench come from Matbench v0.1 (MIT "
    "licence). Names and addresses of the JARVIS sets come from jarvis-tools 2026.6.12 (NIST, MIT licence). "
    "The data themselves are not part of matloop."
)


def _matminer(name: str, entry: dict[str, Any]) -> dict[str, Any]:
    target, unit, meaning = MATBENCH.get(name, ("", "", ""))
    columns = {column: ["", _short(told)] for column, told in entry["columns"].items()}
    for column, told in entry["columns"].items():
        columns[column][0] = unit if column == target else _unit(column, told)
    if target:
        columns[target] = [unit, meaning]
    cites = list(dict.fromkeys(filter(None, map(_cite, entry["bibtex_refs"]))))
    title = f"{meaning}, from {_from(entry)}" if target else _short(entry["description"], 200)
    return {
        "name": name, "family": "matbench" if target else "matminer", "title": title,
        "url": entry["url"], "file": f"{name}.{entry['file_type']}", "sha256": entry["hash"],
        "rows": entry["num_entries"], "target": target, "classes": name in CLASSES, "columns": columns,
        "licence": "MIT (Matbench)" if target else "", "citation": "; ".join(cites) or _short(entry["reference"], 200),
    }  # fmt: skip


def _jarvis(name: str, url: str, file: str, message: str, reference: str, *more: str) -> dict[str, Any]:
    del more  # the node that says that the list is read
    count = re.search(r"([\d.]+)(k)?(?:$|,)", message.replace("...", "").strip())
    times = 1_000 if count and count[2] else 1
    return {
        "name": name, "family": "jarvis", "title": JARVIS[name], "url": url,
        "file": f"{file}.zip", "sha256": "", "rows": int(float(count[1]) * times) if count else 0, "target": "",
        "classes": False, "columns": {key: list(value) for key, value in JARVIS_UNITS.items()} if "dft" in name else {},
        "licence": "", "citation": f"{_JARVIS_CITE}; {reference.splitlines()[0]}", "article": ARTICLES.get(name, 0),
    }  # fmt: skip


def _from(entry: dict[str, Any]) -> str:
    return "the structure" if "structure" in entry["columns"] else "the composition"


def _unit(column: str, told: str) -> str:
    for pattern, unit in _UNIT:
        if re.search(pattern, told) and not re.search(r"\[|\(", column):
            assert units.known(unit), unit
            return unit
    return ""


def _short(text: str, most: int = 160) -> str:
    text = re.sub(r"^Target variable\.\s*", "", " ".join(text.replace("\\#", "number").split()))
    first = re.split(r"(?<=[a-z)\]])\. ", text)[0].rstrip(".")
    return first if len(first) <= most else first[: most - 3].rsplit(" ", 1)[0] + " ..."


def _cite(entry: str) -> str:
    """`A. Dunn et al., title, journal 6 (2020) 138, doi:...` of an entry of BibTeX."""

    for written, sign in _SIGNS:
        entry = entry.replace(written, sign)

    def of(name: str) -> str:
        found = re.search(
            rf'(?<![a-z]){name}\s*=\s*(?:\{{((?:[^{{}}]|\{{[^{{}}]*\}})*)\}}|"([^"]*)")', entry, re.I | re.S
        )
        return " ".join(re.sub(r"[{}]", "", (found[1] or found[2] or "") if found else "").split())

    authors = re.split(r"\s+and\s+", of("author")) if of("author") else []
    first = authors[0] if authors else ""
    if "," in first:
        family, _, given = first.partition(",")
        first = f"{' '.join(part[0] + '.' for part in given.replace('.', ' ').split())} {family}".strip()
    elif len(first.split()) == 2 and len(first.split()[0]) > 2:
        first = f"{first[0]}. {first.split()[1]}"
    who = f"{first} et al." if len(authors) > 1 else first
    doi = re.sub(r"^(?:https?://(?:dx\.)?doi\.org/|doi:)", "", of("doi")) or _doi_in(of("url"))
    where = " ".join(filter(None, [of("journal"), of("volume"), f"({of('year')})" if of("year") else "", of("pages")]))
    url = "" if doi else re.sub(r"\\url", "", of("url") or of("howpublished"))
    said = ", ".join(filter(None, [who, of("title"), where, f"doi:{doi}" if doi else url.strip()]))
    return said.strip(" ,")


_SIGNS = (('{\\"o}', "ö"), ('{\\"a}', "ä"), ("{\\textperiodcentered}", "·"), ("{\\_}", "_"), ("\\url", ""))


def _doi_in(url: str) -> str:
    found = re.search(r"doi\.org/(10\.\S+)", url)
    return found[1] if found else ""


if __name__ == "__main__":
    Path(__file__).with_name("cards.json").write_text(main(Path(sys.argv[1]), Path(sys.argv[2])), "utf-8")

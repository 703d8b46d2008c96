"""Formation energies from total energies, as a user asks for them."""

import csv

import numpy as np
import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.pipeline.references import FORMATION, make_references

METALS, OTHERS = {"Na": -1.3, "Mg": -1.5, "Al": -3.7}, {"O": -4.9, "Cl": -1.8}


@pytest.fixture
def energies(tmp_path):
    path = tmp_path / "energies.csv"
    lines = ["formula,energy,dHf"]
    rng = np.random.default_rng(0)
    for metal, e in METALS.items():
        for other, f in OTHERS.items():
            for n in (1, 2, 3):
                formed = rng.uniform(-2, -0.5)
                lines.append(f"{metal}{other}{n},{(e + n * f) / (n + 1) + formed:.6f},{formed:.6f}")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_fitted_references_serve_another_table(energies, tmp_path):
    made = make_references(energies, energy="energy", measured="dHf", save=tmp_path / "refs.csv")
    assert made.references.energies == pytest.approx({**METALS, **OTHERS}, abs=1e-4)
    used = make_references(energies, energy="energy", use=tmp_path / "refs.csv", out=tmp_path / "out.csv")
    rows = list(csv.DictReader((tmp_path / "out.csv").open(encoding="utf-8")))
    assert [float(row[FORMATION]) for row in rows] == pytest.approx([float(row["dHf"]) for row in rows], abs=1e-4)
    assert used.n_formed == len(rows) == 18


def test_elements_without_a_reference_are_said(energies, tmp_path):
    few = tmp_path / "refs.csv"
    few.write_text("element,energy\nNa,-1.3\nO,-4.9\n", "utf-8")
    made = make_references(energies, energy="energy", use=few)
    assert (made.n_formed, set(made.lacking)) == (3, {"Mg", "Al", "Cl"})


def test_what_is_wrong_is_said(energies, tmp_path):
    twice = tmp_path / "refs.csv"
    twice.write_text("element,energy\nNa,-1.3\nNa,-4.9\n", "utf-8")
    with pytest.raises(DataError, match="Na stands more than once"):
        make_references(energies, energy="energy", use=twice)
    with pytest.raises(DataError, match="no column"):
        make_references(energies, energy="enregy")
    with pytest.raises(ConfigError, match="choose one"):
        make_references(energies, energy="energy", measured="dHf", use=twice)

import subprocess
import sys

import numpy as np
import pytest

from matloop.core.errors import DataError, MissingExtra
from matloop.matter import molecules as room
from matloop.matter.compositions import to_formulas
from matloop.matter.molecules import (
    NO_RING,
    as_molecules,
    from_rdkit,
    from_sdf,
    from_smiles,
    read_molecules,
    read_texts,
    scaffolds,
    to_compositions,
    to_rdkit,
    to_sdf,
)

WATER = """water
  by hand             3D

  3  2  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.0000    0.1173 O   0  0
    0.0000    0.7572   -0.4692 H   0  0
    0.0000   -0.7572   -0.4692 H   0  0
  1  2  1  0
  1  3  1  0
M  END
"""
WATER_V3000 = """water
  by hand             3D

  0  0  0     0  0            999 V3000
M  V30 BEGIN CTAB
M  V30 COUNTS 3 2 0 0 0
M  V30 BEGIN ATOM
M  V30 1 O 0 0 0.1173 0
M  V30 2 H 0 0.7572 -0.4692 0
M  V30 3 H 0 -0.7572 -0.4692 0
M  V30 END ATOM
M  V30 BEGIN BOND
M  V30 1 1 1 2
M  V30 2 1 1 3
M  V30 END BOND
M  V30 END CTAB
M  END
"""


def test_without_rdkit_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdkit", None)
    monkeypatch.setitem(sys.modules, "rdkit.Chem", None)
    with pytest.raises(MissingExtra, match=r"matloop\[molecules\]"):
        from_smiles(["CCO"])
    assert "matloop[molecules]" in room.rdkit_missing()


def test_importing_the_room_does_not_import_rdkit():
    code = "import sys, matloop.matter.molecules, matloop.represent.representation; sys.exit('rdkit' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestWithRdkit:
    @pytest.fixture(autouse=True)
    def _rdkit(self):
        pytest.importorskip("rdkit", reason="the extra molecules is not installed")

    def test_ethanol_as_arrays(self):
        molecules, reasons = from_smiles(["OCC"])
        assert reasons == {}
        assert molecules.elements.tolist() == [8, 6, 6]
        assert molecules.hydrogens.tolist() == [1, 2, 3]
        assert molecules.bonds.tolist() == [[0, 1], [1, 2]]
        assert molecules.sizes.tolist() == [9]
        assert not molecules.placed.any()

    def test_one_molecule_has_one_canonical_smiles_however_it_is_written(self):
        same = ["OCC", "CCO", "C(O)C", "[CH3][CH2][OH]", "[H]OCC", "InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3"]
        assert set(from_smiles(same)[0].smiles) == {"CCO"}
        left, right = from_smiles(["N[C@@H](C)C(=O)O", "N[C@H](C)C(=O)O"])[0].smiles
        assert left != right

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("C1CC", "unclosed ring"),
            ("C(C)(C)(C)(C)C", "valence for atom # 0 C, 5, is greater than permitted"),
            ("hello", "syntax error"),
            ("", "is empty"),
            ("C" * 5001, "5,001 characters"),
            ("C" * 1001, "has 1,001 atoms; at most 1,000"),
            ("*", "no atom"),
            ("name\n\n\n 3 2\nM  END\n", "Counts line too short"),
            (None, "is empty"),
            (3, "3 is no text"),
        ],
    )
    def test_what_cannot_be_read_has_a_reason(self, text, why, capfd):
        molecules, reasons = read_molecules(["CCO", text, "C"])
        assert why in reasons[1]
        assert np.diff(molecules.offsets).tolist() == [3, 0, 1]
        assert molecules.smiles.tolist() == ["CCO", "", "C"]
        assert capfd.readouterr().err == ""

    def test_salts_and_open_ends_are_kept_and_said(self):
        molecules, reasons, notes = read_texts(["[Na+].[O-]C(=O)C", "*CC*", "CC"])
        assert reasons == {}
        assert "2 parts" in notes[0]
        assert "2 open ends" in notes[1]
        assert 2 not in notes
        assert to_formulas(to_compositions(molecules)).tolist() == ["NaH3C2O2", "H4C2", "H6C2"]

    def test_compositions_count_implied_hydrogens_and_charges(self):
        found = to_compositions(from_smiles(["OCC", "C1CC", "[NH4+]"])[0])
        assert found.amounts.tolist() == [6.0, 2.0, 1.0, 4.0, 1.0]
        assert np.diff(found.offsets).tolist() == [3, 0, 2]
        assert found.charges.tolist() == [0, 0, 1]

    @pytest.mark.parametrize("block", [WATER, WATER_V3000])
    def test_coordinates_of_an_sd_file_are_kept(self, block):
        molecules, reasons = from_sdf(block + "$$$$\n")
        assert reasons == {}
        assert molecules.smiles.tolist() == ["O"]
        assert molecules.placed.all()
        bond = np.linalg.norm(molecules.positions[0] - molecules.positions[1])
        assert bond == pytest.approx(0.9578, abs=1e-3)  # H2O, NIST CCCBDB

    def test_flat_drawings_have_no_place_in_space(self):
        flat = to_sdf(from_smiles(["CCO"])[0])
        assert not from_sdf(flat)[0].placed.any()

    def test_there_and_back(self):
        smiles = ["CCO", "C[C@H](N)C(=O)O", "[Na+].[Cl-]", "c1ccccc1", "*CC*", "[2H]C"]
        molecules = from_smiles(smiles)[0]
        again, reasons = from_rdkit(to_rdkit(molecules))
        assert reasons == {}
        assert again.smiles.tolist() == molecules.smiles.tolist()
        assert from_sdf(to_sdf(molecules))[0].smiles.tolist() == molecules.smiles.tolist()

    def test_coordinates_there_and_back(self):
        water = from_sdf(WATER)[0]
        np.testing.assert_allclose(from_rdkit(to_rdkit(water))[0].positions, water.positions, atol=1e-4)
        np.testing.assert_allclose(from_sdf(to_sdf(water))[0].positions, water.positions, atol=1e-4)

    def test_sd_text_carries_names_and_values(self):
        text = to_sdf(from_smiles(["CCO", "C1CC"])[0], titles=["ethanol", "none"], values={"bp": [351.4, 0]})
        assert text.startswith("ethanol\n")
        assert ">  <bp>\n351.4\n" in text
        assert text.count("$$$$") == 1

    def test_rows_are_taken_in_order(self):
        molecules = from_smiles(["CCO", "C1CC", "c1ccccc1"])[0]
        taken = molecules.take(np.array([2, 1, 0]))
        assert taken.smiles.tolist() == ["c1ccccc1", "", "CCO"]
        assert taken.orders[:6].tolist() == [1.5] * 6
        assert np.diff(taken.bond_offsets).tolist() == [6, 0, 2]

    def test_scaffolds_are_rings_and_linkers(self):
        molecules = from_smiles(["CCc1ccccc1", "c1ccccc1CCc1ccncc1O", "CCO", "C1CC"])[0]
        assert scaffolds(molecules).tolist() == ["c1ccccc1", "c1ccc(CCc2ccncc2)cc1", NO_RING, ""]

    def test_bad_rows_are_listed_with_their_reason(self):
        with pytest.raises(DataError, match="row 1: 'C1CC' RDKit cannot read this SMILES: unclosed ring"):
            as_molecules(["CC", "C1CC"])
        with pytest.raises(DataError, match="write \\[smiles\\]"):
            as_molecules("CCO")
        with pytest.raises(DataError, match="cannot be read"):
            from_sdf("nowhere.sdf")

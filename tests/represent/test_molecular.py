import json

import numpy as np
import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.core.jsonable import dumps, from_jsonable
from matloop.data.dataset import Dataset
from matloop.matter.molecules import from_sdf, from_smiles, to_compositions
from matloop.problem.question import Input
from matloop.represent import FEATURIZERS
from matloop.represent.molecular.coulomb import (
    BagOfBondsFeaturizer,
    CoulombMatrixFeaturizer,
    bags_for,
    coulomb_matrix,
)
from matloop.represent.molecular.fingerprints import MorganFeaturizer
from matloop.represent.representation import Representation, plan_representation, represent

CO = """carbon monoxide
  by hand             3D

  2  1  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.0000    0.0000 C   0  5
    0.0000    0.0000    1.1280 O   0  3
  1  2  3  0
M  END
"""


def test_the_coulomb_matrix_of_carbon_monoxide_by_hand():
    matrix = coulomb_matrix(np.array([6, 8]), np.array([[0, 0, 0], [0, 0, 1.128]]))
    np.testing.assert_allclose(matrix, [[36.8581, 42.5532], [42.5532, 73.5167]], rtol=1e-5)


def test_the_coulomb_matrix_agrees_with_dscribe():
    peer = pytest.importorskip("dscribe.descriptors", reason="the peer is not installed")
    ase = pytest.importorskip("ase")
    places = np.array([[0, 0, 0.1173], [0, 0.7572, -0.4692], [0, -0.7572, -0.4692]])
    theirs = peer.CoulombMatrix(n_atoms_max=3, permutation="none").create(ase.Atoms("OH2", places))
    np.testing.assert_allclose(coulomb_matrix(np.array([8, 1, 1]), places).ravel(), theirs, rtol=1e-6)


def test_names_need_no_library():
    for name in ("rdkit", "morgan", "maccs", "coulomb_matrix", "bag_of_bonds"):
        assert len(FEATURIZERS.load(name)().get_feature_names_out()) > 50


def test_options_out_of_range_are_refused():
    for wrong in (MorganFeaturizer(bits=0), CoulombMatrixFeaturizer(0), BagOfBondsFeaturizer((("Xx", 3),))):
        with pytest.raises(ConfigError):
            wrong.columns()


class TestWithRdkit:
    @pytest.fixture(autouse=True)
    def _rdkit(self):
        pytest.importorskip("rdkit", reason="the extra molecules is not installed")

    def test_descriptors_of_aspirin_are_the_published_ones(self):
        rdkit = FEATURIZERS.load("rdkit")()
        found = dict(zip(rdkit.columns(), rdkit.transform(["CC(=O)Oc1ccccc1C(=O)O"])[0], strict=True))
        # PubChem CID 2244: 180.16 g/mol, polar surface 63.6 A2, 3 rotatable bonds by PubChem's rule, 1 donor
        assert found["RDKit MolWt"] == pytest.approx(180.16, abs=0.01)
        assert found["RDKit TPSA"] == pytest.approx(63.6, abs=0.01)
        assert found["RDKit NumHDonors"] == 1
        assert found["RDKit RingCount"] == 1

    def test_descriptors_are_those_of_rdkit_by_its_own_loop(self):
        from rdkit import Chem
        from rdkit.Chem import Descriptors

        smiles = ["CCO", "Cn1cnc2c1c(=O)n(C)c(=O)n2C", "OC(=O)c1ccc(Br)cc1"]
        ours = FEATURIZERS.load("rdkit")().transform(smiles)
        names = [name.removeprefix("RDKit ") for name in FEATURIZERS.load("rdkit")().columns()]
        theirs = [Descriptors.CalcMolDescriptors(Chem.MolFromSmiles(text)) for text in smiles]
        np.testing.assert_allclose(ours, [[row[name] for name in names] for row in theirs], rtol=1e-9)

    def test_morgan_counts_neighbourhoods(self):
        counts = MorganFeaturizer(radius=0, bits=64).transform(["CCCC", "C"])
        assert counts.sum(axis=1).tolist() == [4, 1]
        assert sorted(counts[0][counts[0] > 0]) == [2, 2]  # two end carbons, two inner ones

    def test_maccs_knows_a_ring_and_an_oxygen(self):
        keys = dict(zip(*_row("maccs", "c1ccccc1O"), strict=True))
        assert keys["MACCS 164"] == 1  # an oxygen
        assert keys["MACCS 165"] == 1  # a ring
        assert keys["MACCS 161"] == 0  # a nitrogen

    def test_given_coordinates_make_the_coulomb_spectrum(self):
        X = CoulombMatrixFeaturizer(4).transform(from_sdf(CO)[0])
        expected = np.linalg.eigvalsh([[36.8581, 42.5532], [42.5532, 73.5167]])[::-1]
        np.testing.assert_allclose(X[0], [*expected, 0, 0], rtol=1e-5)

    def test_embedded_coordinates_do_not_depend_on_how_the_molecule_is_written(self):
        a, b = CoulombMatrixFeaturizer(12).transform(["OCC", "C(C)O"])
        np.testing.assert_array_equal(a, b)
        assert np.isfinite(a).all()

    def test_bags_of_water_by_hand(self):
        bags = BagOfBondsFeaturizer((("H", 2), ("O", 1), ("H-O", 3), ("H-H", 1)))
        values = bags.transform(["O"])[0]
        np.testing.assert_allclose(values[:3], [0.5, 0.5, 0.5 * 8**2.4])
        np.testing.assert_allclose(values[3:6], [8 / 0.97, 8 / 0.97, 0], rtol=0.02)  # O-H of 0.97 A in MMFF94
        assert values[6] == pytest.approx(1 / 1.53, rel=0.05)

    def test_bags_are_as_long_as_the_data_need(self):
        atoms = to_compositions(from_smiles(["CCO", "O"])[0])
        assert dict(bags_for(atoms)) == {
            "H": 6, "C": 2, "O": 1, "H-H": 15, "H-C": 12, "H-O": 6, "C-C": 1, "C-O": 2,
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("name", "smiles", "why"),
        [
            ("rdkit", "C" * 301, "up to 300"),
            ("coulomb_matrix", "C" * 60, "holds 60"),
            ("bag_of_bonds", "[Na+].[Cl-]", "2 parts"),
            ("bag_of_bonds", "C[Se]C", "contains Se"),
            ("bag_of_bonds", "C" * 100, "up to 200"),
        ],
    )
    def test_a_molecule_beyond_a_bound_is_missing_with_a_reason(self, name, smiles, why):
        featurizer = FEATURIZERS.load(name)()
        X = featurizer.transform(["CC", smiles])
        assert np.isnan(X[1]).all()
        assert not np.isnan(X[0]).all()
        assert why in featurizer.reasons(["CC", smiles])[1]

    def test_a_molecule_input_has_descriptors_and_fractions(self):
        rows = dataset(["CCO", "C1CC", "CCBr"])
        table = represent(rows, plan_representation(rows, [Input("smiles", "molecule")]))
        assert set(table.origins) == {"smiles:rdkit", "smiles:fractions"}
        assert table.X[2, table.names.index("fraction Br")] == pytest.approx(1 / 8)
        assert table.reasons == {1: "smiles: 'C1CC' could not be read as a molecule"}

    def test_many_rows_add_morgan_counts(self):
        rows = dataset(["C" * (1 + i % 9) for i in range(500)])
        assert plan_representation(rows, [Input("m", "molecule")]).inputs[0].featurizers == (
            "rdkit", "morgan", "fractions",
        )  # fmt: skip

    def test_columns_that_grow_are_set_by_the_data_and_kept_in_the_plan(self):
        rows = dataset(["CCO", "CC"])
        plan = plan_representation(rows, [Input("m", "molecule", features=("coulomb_matrix", "bag_of_bonds"))])
        assert plan.inputs[0].atoms == 9
        again = from_jsonable(Representation, json.loads(dumps(plan)))
        assert again == plan
        new = represent(dataset(["CCCC"]), again)
        assert new.X.shape[1] == represent(rows, plan).X.shape[1]
        assert "has 14 atoms; this Coulomb spectrum holds 9" in new.reasons[0]

    def test_composition_features_serve_for_molecules_too(self):
        rows = dataset(["CCO"])
        table = represent(rows, plan_representation(rows, [Input("m", "molecule", features=("stoichiometry",))]))
        assert table.X[0, table.names.index("0-norm")] == 3

    def test_features_of_another_kind_are_refused(self):
        from matloop.matter.compositions import from_formulas

        rows = dataset(["CCO"])
        rows = Dataset(rows.ids, {"f": from_formulas(["NaCl"])[0]}, {}, *_rest(rows))
        with pytest.raises(ConfigError, match="'morgan' describes a molecule, this is a composition"):
            plan_representation(rows, [Input("f", "composition", features=("morgan",))])
        with pytest.raises(DataError, match="holds compositions"):
            plan_representation(rows, [Input("f", "molecule")])


def _row(name, smiles):
    featurizer = FEATURIZERS.load(name)()
    return featurizer.columns(), featurizer.transform([smiles])[0]


def _rest(rows):
    return rows.groups, rows.weights, rows.times, rows.source_rows


def dataset(smiles):
    n = len(smiles)
    ids = np.array([str(i) for i in range(n)])
    column = {"smiles": from_smiles(smiles)[0]}
    column["m"] = column["smiles"]
    return Dataset(ids, column, {}, ids, np.ones(n), np.full(n, np.nan), tuple((i + 1,) for i in range(n)))

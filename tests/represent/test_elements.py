import gzip

import numpy as np
import pytest
from sklearn.base import clone

from matloop.core.elements import ElementTable, table
from matloop.core.errors import ConfigError, DataError
from matloop.represent import FEATURIZERS
from matloop.represent.elements import SOURCES, ElementTableFeaturizer
from matloop.testing.featurizers import check_featurizer

OWN = "element,hardness,colour,x\nFe,4.0,grey,1\nNi,5.0,white,2\nO,,none,3\n"


@pytest.mark.parametrize("source", list(SOURCES))
def test_every_source_keeps_the_contract(source):
    check_featurizer(ElementTableFeaturizer(source=source, statistics=("mean", "median", "holder_mean::2")))


@pytest.mark.parametrize("name", ["magpie", "deml"])
def test_a_source_alone_is_matminers_preset(name):
    preset, same = FEATURIZERS.load(name)(), ElementTableFeaturizer(source=name)
    texts = ["Fe2O3", "La0.7Sr0.3MnO3", "XeF6", "Og"]
    assert preset.columns() == same.columns()
    np.testing.assert_array_equal(preset.transform(texts), same.transform(texts))


def test_properties_and_statistics_are_taken_in_the_order_that_is_asked_for():
    one = ElementTableFeaturizer("magpie", properties=("MeltingT", "Number"), statistics=("max", "mean", "max"))
    assert one.columns() == tuple(f"MagpieData {s} {p}" for p in ("MeltingT", "Number") for s in ("max", "mean"))
    np.testing.assert_allclose(one.transform(["NaCl"]), [[370.87, 271.235, 17.0, 14.0]])


def test_a_table_of_ones_own_leaves_gaps_with_a_reason():
    own = ElementTableFeaturizer.from_text(OWN, statistics=("mean",), name="mine")
    X = own.transform(["FeNi", "FeO", "FeCu", "Fe2O3"])
    assert own.columns() == ("mine mean hardness", "mine mean x")
    np.testing.assert_allclose(X, [[4.5, 1.5], [np.nan, 2.0], [np.nan, np.nan], [np.nan, 2.2]])
    assert own.reasons(["FeNi", "FeO", "FeCu", "CuZnO"]) == {
        1: "mine: no hardness of O",
        2: "mine: no values of Cu",
        3: "mine: no values of Cu, Zn; no hardness of O",
    }
    filled = ElementTableFeaturizer(table=own.table, statistics=("mean",), missing="mean")
    np.testing.assert_allclose(filled.transform(["FeO"]), [[(4.0 + 4.5) / 2, 2.0]])
    assert filled.reasons(["FeO"]) == {}


def test_a_gap_of_an_embedded_source_may_stay_a_gap():
    gaps = ElementTableFeaturizer(properties=("bulk_modulus",), statistics=("mean",), missing="nan")
    assert np.isnan(gaps.transform(["MgO"])).all()
    assert gaps.reasons(["MgO"]) == {0: "PymatgenData: no values of O"}


def test_a_file_travels_by_its_content(tmp_path):
    path = tmp_path / "hardness.csv.gz"
    path.write_bytes(gzip.compress(OWN.encode()))
    of_file = ElementTableFeaturizer(table=str(path), statistics=("mean",))
    kept = clone(of_file).self_contained()
    expected, names = of_file.transform(["FeNi", "FeO"]), of_file.columns()
    path.unlink()
    arrays = kept.table.to_arrays()
    again = ElementTableFeaturizer(**(kept.get_params() | {"table": ElementTable.from_arrays(arrays)}))
    assert again.columns() == names == ("hardness mean hardness", "hardness mean x")
    np.testing.assert_array_equal(again.transform(["FeNi", "FeO"]), expected)
    with pytest.raises(DataError, match=r"hardness\.csv\.gz"):
        of_file.transform(["FeNi"])


def test_a_file_that_changes_is_read_again(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("element,x\nFe,1\n")
    own = ElementTableFeaturizer(table=str(path), statistics=("mean",))
    assert own.transform(["Fe"]) == 1.0
    path.write_text("element,x\nFe,22\n")
    assert own.transform(["Fe"]) == 22.0


def test_learned_vectors_as_a_table():
    vectors = table("megnet")
    text = "element," + ",".join(map(str, range(16))) + "\n"
    text += "\n".join(
        ["O", "Fe", "Cu"][i] + "," + ",".join(map(repr, vectors.values[z].tolist())) for i, z in enumerate((8, 26, 29))
    )
    own = ElementTableFeaturizer.from_text(text, statistics=("mean", "std_dev"))
    embedded = ElementTableFeaturizer("megnet", statistics=("mean", "std_dev"))
    np.testing.assert_array_equal(own.transform(["Fe2O3", "CuFeO2"]), embedded.transform(["Fe2O3", "CuFeO2"]))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"source": "periodic"}, "Known: magpie"),
        ({"properties": ("hardness",)}, "no property 'hardness'.*bulk_modulus"),
        ({"statistics": ("meen",)}, "Did you mean 'mean'"),
        ({"missing": "zero"}, "'auto', 'mean' or 'nan'"),
    ],
)
def test_a_wrong_option_says_what_is_right(options, told):
    with pytest.raises(ConfigError, match=told):
        ElementTableFeaturizer(**options).transform(["Fe"])

import json

import numpy as np
import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.core.jsonable import dumps, from_jsonable
from matloop.data.dataset import Categories, Dataset, Numbers
from matloop.matter.compositions import from_formulas
from matloop.problem.question import Input
from matloop.represent.representation import Representation, plan_representation, represent


def dataset(**inputs):
    n = len(next(iter(inputs.values())))
    columns = {}
    for name, values in inputs.items():
        if isinstance(values[0], float):
            columns[name] = Numbers(np.array(values), "K")
        else:
            columns[name] = Categories(np.array(values)) if name == "route" else from_formulas(values)[0]
    ids = np.array([str(i) for i in range(n)])
    return Dataset(ids, columns, {}, ids, np.ones(n), np.full(n, np.nan), tuple((i + 1,) for i in range(n)))


INPUTS = (Input("formula", "composition"), Input("temperature", "number"), Input("route", "category"))


@pytest.fixture
def rows():
    return dataset(formula=["Fe2O3", "NaCl", "Xx"], temperature=[300.0, np.nan, 500.0], route=["spray", "", "melt"])


def test_columns_have_names_and_origins(rows):
    table = represent(rows, plan_representation(rows, INPUTS))
    assert table.X.shape == (3, len(table.names)) == (3, len(table.origins))
    assert len(set(table.names)) == len(table.names)
    assert table.X[0, table.names.index("MagpieData mean Number")] == pytest.approx(15.2)
    assert table.origins[table.names.index("fraction Fe")] == "formula:fractions"
    assert table.origins[-2:] == ("temperature:number", "route:category")


def test_words_become_places_in_the_vocabulary(rows):
    table = represent(rows, plan_representation(rows, INPUTS))
    assert table.vocabularies == {"route": ("melt", "spray")}
    np.testing.assert_array_equal(table.X[:, -1], [1, np.nan, 0])


def test_an_unreadable_composition_is_missing_with_a_reason(rows):
    table = represent(rows, plan_representation(rows, INPUTS))
    assert np.isnan(table.X[2, :-2]).all()
    assert table.reasons == {2: "formula: 'Xx' could not be read as a composition"}


def test_an_unseen_word_is_missing_with_a_reason(rows):
    plan = plan_representation(rows, INPUTS)
    new = dataset(formula=["Fe"], temperature=[1.0], route=["zap"])
    table = represent(new, plan)
    assert np.isnan(table.X[0, -1])
    assert table.reasons == {0: "route: 'zap' was never seen in training"}


def test_a_vocabulary_may_be_empty():
    empty = dataset(route=["", ""])
    plan = plan_representation(empty, [Input("route", "category")])
    assert represent(dataset(route=["a", ""]), plan).reasons == {0: "route: 'a' was never seen in training"}


def test_several_compositions_are_prefixed():
    two = dataset(film=["Fe2O3"], target=["NaCl"])
    table = represent(two, plan_representation(two, [Input("film", "composition"), Input("target", "composition")]))
    assert "film: fraction Fe" in table.names
    assert "target: fraction Cl" in table.names
    assert len(set(table.names)) == len(table.names)


def test_fractions_are_made_even_when_not_asked_for():
    one = dataset(formula=["Fe2O3"])
    plan = plan_representation(one, [Input("formula", "composition", features=("stoichiometry",))])
    assert plan.inputs[0].featurizers == ("stoichiometry", "fractions")


def test_a_misspelt_featurizer_gets_the_nearest():
    one = dataset(formula=["Fe2O3"])
    with pytest.raises(ConfigError, match='Did you mean "magpie"'):
        plan_representation(one, [Input("formula", "composition", features=("magpi",))])


def test_a_missing_or_wrong_input_is_said(rows):
    with pytest.raises(DataError, match="'colour' is missing"):
        plan_representation(rows, [Input("colour", "category")])
    with pytest.raises(DataError, match="holds numbers"):
        plan_representation(rows, [Input("temperature", "composition")])


def test_two_columns_of_one_name_are_refused():
    clash = dataset(formula=["Fe"], **{"0-norm": [1.0]})
    with pytest.raises(ConfigError, match="'0-norm'"):
        plan_representation(clash, [Input("formula", "composition"), Input("0-norm", "number")])


def test_json_and_back(rows):
    plan = plan_representation(rows, INPUTS)
    again = from_jsonable(Representation, json.loads(dumps(plan)))
    assert again == plan
    np.testing.assert_array_equal(represent(rows, again).X, represent(rows, plan).X)


def test_a_row_is_the_same_in_any_table():
    formulas = ["Fe2O3", "C", "La0.7Sr0.3MnO3", "CoCrFeMnNi", "Xx"] * 20
    many = dataset(formula=formulas)
    plan = plan_representation(many, [Input("formula", "composition")])
    whole = represent(many, plan).X
    for row in (0, 1, 2, 3, 57):
        np.testing.assert_array_equal(represent(many.take(np.array([row])), plan).X[0], whole[row])


def test_citations_are_each_named_once(rows):
    cited = plan_representation(rows, INPUTS).citations
    assert len(set(cited)) == len(cited)
    assert any("10.1038/npjcompumats.2016.28" in c for c in cited)


def numbers(**inputs):
    rows = dataset(**inputs)
    units = dict(zip(rows.inputs, ["K", "GPa"], strict=True))
    return Dataset(
        rows.ids, {name: Numbers(c.values, units[name]) for name, c in rows.inputs.items()},
        {}, rows.groups, rows.weights, rows.times, rows.source_rows,
    )  # fmt: skip


def test_products_up_to_a_degree_have_names_units_and_values():
    rows = numbers(T=[2.0, np.nan], p=[3.0, 5.0])
    inputs = (Input("T", "number"), Input("p", "number", degree=3))
    plan = plan_representation(rows, inputs, polynomial=2)
    table = represent(rows, plan)
    assert table.names == ("T", "p", "T^2", "T * p", "p^2", "p^3")
    assert table.origins[3] == "T * p:product"
    np.testing.assert_array_equal(table.X, [[2, 3, 4, 6, 9, 27], [np.nan, 5, np.nan, np.nan, 25, 125]])
    assert plan.units == {"T": "K", "p": "GPa", "T^2": "K^2", "T * p": "K*GPa", "p^2": "GPa^2", "p^3": "GPa^3"}
    assert from_jsonable(Representation, json.loads(dumps(plan))) == plan


def test_words_with_an_order_are_a_number():
    rows = dataset(route=["mid", "low", "high", ""])
    plan = plan_representation(rows, [Input("route", "category", order=("low", "mid", "high"))])
    table = represent(rows, plan)
    assert table.vocabularies == {}
    assert table.origins == ("route:ordinal",)
    np.testing.assert_array_equal(table.X[:, 0], [1, 0, 2, np.nan])


def test_an_element_table_of_ones_own_travels_with_the_representation(tmp_path):
    """After the plan the CSV may go: the same features come from what was kept, also from its JSON."""
    import json

    from matloop.core.jsonable import dumps, from_jsonable
    from matloop.represent.representation import Representation

    file = tmp_path / "mine.csv"
    file.write_text("element,hardness\nFe,4.0\nO,1.0\nNa,0.5\nCl,2.0\n")
    rows = dataset(formula=["Fe2O3", "NaCl", "XeF2"])
    text = "elements(table='mine.csv', statistics=['mean', 'maximum'])"
    given = [Input("formula", "composition", features=(text,))]
    plan = plan_representation(rows, given, folder=str(tmp_path))
    file.unlink()
    again = from_jsonable(Representation, json.loads(dumps(plan)))
    table = represent(rows, again)
    assert table.names[:2] == ("mine mean hardness", "mine maximum hardness")
    np.testing.assert_allclose(table.X[:2, :2], [[(2 * 4 + 3 * 1) / 5, 4.0], [1.25, 2.0]])
    assert np.isnan(table.X[2, :2]).all()
    assert "no values of" in table.reasons[2]
    with pytest.raises(DataError, match=r"lost\.csv"):
        plan_representation(rows, [Input("formula", "composition", features=("elements(table='lost.csv')",))])

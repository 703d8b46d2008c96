import numpy as np
import pytest
from data_tables import frame, problem, written

from matloop.core.errors import DataError
from matloop.data.clean import clean, read_inputs
from matloop.data.table import ColumnCard
from matloop.matter.compositions import reduced_formulas
from matloop.problem import Input

FORMULA = Input("formula", "composition", "formula")


def read(folder, text, *inputs, **options):
    return read_inputs(written(folder, text), inputs, **options)


def test_every_row_stays_in_order_with_a_reason_where_it_cannot_be_read(tmp_path):
    dataset, why = read(
        tmp_path, "formula,T\nNaCl,300\nXx2O3,300\n,300\nKCl,warm\nKCl,400\n", FORMULA, Input("T", "number", "T")
    )
    assert dataset.ids.tolist() == ["row-1", "row-2", "row-3", "row-4", "row-5"]
    assert sorted(why) == [1, 2, 3]
    assert "'Xx2O3'" in why[1]
    assert why[2] == "column \"formula\", '': is empty: there is no formula"
    assert why[3] == "column \"T\", 'warm': is not a number"
    assert reduced_formulas(dataset.inputs["formula"])[4] == "KCl"
    assert dataset.inputs["T"].values[4] == 400.0


def test_formula_nan_is_sodium_nitride_not_missing(tmp_path):
    dataset, why = read(tmp_path, "formula\nNaN\nNaCl\n", FORMULA)
    assert not why
    assert dataset.inputs["formula"].elements[:2].tolist() == [7, 11]


def test_missing_columns_are_listed_with_near_names(tmp_path):
    with pytest.raises(DataError) as caught:
        read(tmp_path, "Formula,temp\nNaCl,1\n", FORMULA, Input("T", "number", "tmp"))
    assert "lacks 2 of the columns" in str(caught.value)
    assert 'there is no column "formula". Did you mean "Formula"?' in str(caught.value)
    assert 'Did you mean "temp"?' in str(caught.value)


def test_ids_can_come_from_a_column(tmp_path):
    dataset, _ = read(tmp_path, "name,formula\nA1,NaCl\nB2,KCl\n", FORMULA, id_column="name")
    assert dataset.ids.tolist() == ["A1", "B2"]


@pytest.mark.parametrize("header", ["T (°C)", "T [degC]", "T ($^\\circ$C)"])
def test_unit_of_the_header_is_converted(tmp_path, header):
    dataset, _ = read(tmp_path, f"{header}\n25\n100\n", Input("T", "number", header, unit="K"))
    np.testing.assert_allclose(dataset.inputs["T"].values, [298.15, 373.15])


def test_unit_beside_the_value_goes_before_that_of_the_header(tmp_path):
    dataset, _ = read(tmp_path, "E (GPa)\n1\n500 MPa\n", Input("E", "number", "E (GPa)", unit="MPa"))
    np.testing.assert_allclose(dataset.inputs["E"].values, [1000.0, 500.0])


def test_header_in_brackets_that_is_no_fitting_unit_is_only_noted():
    raw = frame(**{"size (m)": [str(i) for i in range(20)]})
    cleaned = clean(raw, problem(Input("s", "number", "size (m)", unit="kg")))
    assert any('the header says m, but unit = "kg"' in note for note in cleaned.notes)


def test_card_that_contradicts_the_unit_stops():
    raw = frame(T=["1"] * 20)
    raw.describe["T"] = ColumnCard("K", "temperature")
    with pytest.raises(
        DataError, match=r'column "T": the values are in K, which cannot be converted to eV. Write unit = "K"'
    ):
        read_inputs(raw, [Input("T", "number", "T", unit="eV")])


def test_limit_of_an_input_is_its_value_and_listed():
    cleaned = clean(frame(T=["> 300"] + ["20"] * 19), problem(FORMULA, Input("T", "number", "T")))
    repair = next(r for r in cleaned.repaired if r.column == "T")
    assert (repair.row, repair.old, repair.new) == (1, "> 300", "300")
    assert "a lower limit" in repair.reason


# ---- categories ----


def test_spellings_of_a_category_merge_into_the_most_frequent():
    route = ["Sputter", "sputter", " Sputter ", "spray"] * 5
    cleaned = clean(frame(route=route), problem(FORMULA, Input("route", "category", "route")))
    assert set(cleaned.dataset.inputs["route"].values) == {"Sputter", "spray"}
    repairs = [r for r in cleaned.repaired if r.column == "route"]
    assert [r.row for r in repairs] == [2, 6, 10, 14, 18]
    assert repairs[0].new == "Sputter"


def test_words_that_may_mean_something_stay_categories(tmp_path):
    dataset, _ = read(tmp_path, "a\nNone\nNaN\nNA\nn/a\n-\n x  y \n", Input("a", "category", "a"))
    assert dataset.inputs["a"].values.tolist() == ["None", "NaN", "NA", "", "", "x y"]


def test_categories_take_the_spelling_of_training(tmp_path):
    dataset, _ = read(tmp_path, "a\nSPRAY\nspray\nnew\n", Input("a", "category", "a"), words={"a": ("Spray",)})
    assert dataset.inputs["a"].values.tolist() == ["Spray", "Spray", "new"]


# ---- amounts ----

STEEL = Input("alloy", "composition", columns={"Fe": "Fe", "C": "C", "Cr": "Cr"}, amounts="wt%")


def test_weights_per_element_become_atoms(tmp_path):
    dataset, why = read(tmp_path, "Fe,C,Cr\n98,2,\n", STEEL)
    assert not why
    # 2 wt% carbon in iron is (2/12.011) / (2/12.011 + 98/55.845) = 8.67 at%
    assert dataset.inputs["alloy"].fractions[0] == pytest.approx(0.0867, abs=1e-4)


def test_balance_is_the_rest_to_hundred(tmp_path):
    raw = written(tmp_path, "Fe,C,Cr\nbal.,2,18\n")
    dataset, why = read_inputs(raw, [STEEL])
    assert not why
    fractions = dataset.inputs["alloy"].fractions
    iron = (80 / 55.845) / (80 / 55.845 + 2 / 12.011 + 18 / 51.9961)
    assert fractions[dataset.inputs["alloy"].elements == 26][0] == pytest.approx(iron, abs=1e-5)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("-1,2,3", "negative amount of Fe"),
        (",,", "all amounts are zero or missing"),
        ("bal,bal,3", "balance of more than one element"),
        ("bal,99,3", "amounts above 100"),
        ("much,2,3", "is not a number"),
    ],
)
def test_amounts_that_make_no_composition_have_a_reason(tmp_path, row, reason):
    _, why = read(tmp_path, f"Fe,C,Cr\n98,1,1\n{row}\n98,1,1\n", STEEL)
    assert reason in why[1]


def test_text_of_weights_is_read_as_weights(tmp_path):
    dataset, _ = read(tmp_path, "a\nFe98C2\n", Input("a", "composition", "a", amounts="wt%"))
    assert dataset.inputs["a"].fractions[0] == pytest.approx(0.0867, abs=1e-4)


def test_json_object_of_amounts_is_a_composition(tmp_path):
    raw = written(tmp_path, '{"c": {"Fe": 2, "O": 3}}\n', "t.jsonl")
    dataset, _ = read_inputs(raw, [Input("c", "composition", "c")])
    assert reduced_formulas(dataset.inputs["c"]).tolist() == ["Fe2O3"]


def test_row_without_any_input_has_a_reason(tmp_path):
    _, why = read(tmp_path, "a,b\n1,x\n,\n2,y\n", Input("a", "number", "a"), Input("b", "category", "b"))
    assert why == {1: "no input has a value"}


@pytest.mark.parametrize("formula", ["Xx2O3", "", "H2O)", "Na" * 5000, "n/a", "-"])
def test_formulas_that_are_none_have_a_short_reason(tmp_path, formula):
    _, why = read(tmp_path, f"formula,T\nNaCl,1\n{formula},2\n", FORMULA)
    assert 'column "formula"' in why[1]
    assert len(why[1]) < 300


def test_further_spellings_of_no_value_count_for_every_kind(tmp_path):
    raw = written(tmp_path, "f,T,c\nNaCl,-99,-99\n-99,1,x\n", missing=("-99",))
    dataset, why = read_inputs(
        raw, [Input("f", "composition", "f"), Input("T", "number", "T"), Input("c", "category", "c")]
    )
    assert np.isnan(dataset.inputs["T"].values[0])
    assert dataset.inputs["c"].values.tolist() == ["", "x"]
    assert "is empty" in why[1]


def test_numbers_in_a_text_column_of_excel_read_like_text(tmp_path):
    from data_tables import column

    from matloop.data.words import texts

    assert texts(column(27.0, 27, "27 ", None, np.nan, True)).tolist() == ["27", "27", "27", "", "", "True"]


def test_an_amount_that_is_not_given_is_read_as_none_and_said(tmp_path):
    table = "Fe,C,Cr,gap\n" + "".join(f"{98 - k},{2 + k},n.d.,{k}\n" for k in range(12))
    cleaned = clean(written(tmp_path, table), problem(STEEL))
    said = [repair for repair in cleaned.repaired if repair.column == "Cr"]
    assert len(said) == 12
    assert "no amount of Cr is given: read as none" in said[0].reason

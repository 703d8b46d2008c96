from dataclasses import replace

import numpy as np
import pytest
from data_tables import FORMULAS, frame, problem
from hypothesis import given
from hypothesis import strategies as st

from matloop.core.errors import DataError
from matloop.data.clean import clean
from matloop.data.dataset import Dataset, Labels
from matloop.data.merge import merge
from matloop.problem import Input, Roles, Target

GAP = Target("gap", "gap", unit="eV")
KIND = Target("kind", "kind", task="classification")


def dataset(keys, labels):
    n = len(keys)
    rows = tuple((i + 1,) for i in range(n))
    ids = np.array([f"row-{i + 1}" for i in range(n)])
    return Dataset(ids, {}, {"gap": labels}, ids, np.ones(n), np.full(n, np.nan), rows)


def merged(keys, values, *, errors=None, censored=None, classes=(), **target):
    n = len(values)
    labels = Labels(
        np.array(values, dtype=float),
        np.full(n, np.nan) if errors is None else np.array(errors, dtype=float),
        np.zeros(n, dtype=np.int64) if censored is None else np.array(censored, dtype=np.int64),
        "" if classes else "eV",
        tuple(classes),
    )
    target = replace(GAP, task="classification" if classes else "regression", **target)
    return merge(dataset(keys, labels), np.array(keys), [target], "t.csv")


@pytest.mark.parametrize(
    ("rule", "value"), [("median", 2.0), ("mean", 4.0), ("min", 1.0), ("max", 9.0), ("first", 9.0), (None, 2.0)]
)
def test_rules_for_numbers(rule, value):
    assert merged([0, 0, 1, 0], [9.0, 1.0, 5.0, 2.0], merge=rule).dataset.targets["gap"].values.tolist() == [value, 5.0]


@given(
    st.lists(st.tuples(st.integers(0, 4), st.floats(-1e6, 1e6)), min_size=1, max_size=40),
    st.sampled_from(["median", "mean", "min", "max"]),
)
def test_rules_agree_with_numpy(pairs, rule):
    order = {key: i for i, key in enumerate(dict.fromkeys(key for key, _ in pairs))}
    keys, values = np.array([order[key] for key, _ in pairs]), np.array([value for _, value in pairs])
    found = merged(keys.tolist(), values, merge=rule).dataset.targets["gap"].values
    expected = [getattr(np, rule)(values[keys == key]) for key in range(len(order))]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-6)


def test_error_of_a_merged_value_is_its_standard_error():
    errors = merged([0, 0, 0, 0, 1], [1.0, 2.0, 3.0, 4.0, 5.0], merge="mean").dataset.targets["gap"].errors
    assert errors[0] == pytest.approx(np.std([1, 2, 3, 4], ddof=1) / 2)
    assert np.isnan(errors[1])
    median = merged([0, 0, 0, 0], [1.0, 2.0, 3.0, 4.0]).dataset.targets["gap"].errors[0]
    assert median == pytest.approx(errors[0] * 1.2533)


def test_copies_say_nothing_about_noise():
    result = merged([0, 0, 1], [0.1 + 0.2, 0.1 + 0.2, 5.0])
    assert np.isnan(result.dataset.targets["gap"].errors[0])
    assert not result.repairs
    assert result.n_merged == 1


def test_stated_errors_count_where_they_are_larger():
    errors = merged([0, 0], [1.0, 1.0001], errors=[0.2, 0.2], merge="mean").dataset.targets["gap"].errors
    assert errors[0] == pytest.approx(0.2 / np.sqrt(2))


def test_values_go_before_limits_and_the_tightest_limit_stays():
    gap = merged([0, 0, 1, 1, 2, 2], [3.0, 1.0, 300.0, 350.0, 5.0, 4.0], censored=[1, 0, 1, 1, -1, -1]).dataset.targets[
        "gap"
    ]
    assert gap.values.tolist() == [1.0, 350.0, 4.0]
    assert gap.censored.tolist() == [0, 1, -1]


def test_unlabelled_copies_do_not_change_a_value():
    assert merged([0, 0], [np.nan, 2.0]).dataset.targets["gap"].values.tolist() == [2.0]
    assert np.isnan(merged([0, 0], [np.nan, np.nan]).dataset.targets["gap"].values[0])


def test_majority_of_classes_and_the_first_at_a_tie():
    result = merged([0, 0, 0, 1, 1], [0, 1, 1, 1, 0], classes=["a", "b"])
    assert result.dataset.targets["gap"].values.tolist() == [1.0, 1.0]
    assert "a tie, the class of the first row is taken" in result.repairs[1].reason
    assert (result.repairs[0].old, result.repairs[0].new) == ("a; b; b", "b")


def test_conflicts_name_rows_values_and_spread():
    (repair,) = merged([0, 1, 0], [1.0, 5.0, 2.0]).repairs
    assert (repair.row, repair.old, repair.new) == (1, "1; 2 eV", "1.5 eV")
    assert repair.reason == (
        "median of rows 1, 3, which have the same inputs; they spread by 0.7071 eV (standard deviation)"
    )


def test_rule_error_stops_and_names_the_rows():
    with pytest.raises(DataError, match=r'(?s)t.csv, column "gap": 1 sets of rows.*merge = "median".*rows 1, 3: 1; 2'):
        merged([0, 1, 0], [1.0, 5.0, 2.0], merge="error")
    assert merged([0, 0], [1.0, 1.0], merge="error").dataset.targets["gap"].values.tolist() == [1.0]


def test_multiples_of_a_formula_are_one_row_unless_conditions_differ():
    raw = frame(formula=["NaCl", "Na2Cl2", "Cl Na", *FORMULAS[3:]], T=["300", "300.0", "400", *["300"] * 17])
    cleaned = clean(raw, problem(Input("formula", "composition", "formula"), Input("T", "number", "T")))
    assert cleaned.dataset.source_rows[:2] == ((1, 2), (3,))
    assert cleaned.n_merged == 1


def test_equal_numbers_in_two_units_are_one_row():
    raw = frame(formula=["NaCl"] * 2 + FORMULAS[2:], T=["25 °C", "298.15 K", *["300 K"] * 18])
    cleaned = clean(raw, problem(Input("f", "composition", "formula"), Input("T", "number", "T", unit="K")))
    assert cleaned.n_merged == 1


def test_merged_row_keeps_first_id_and_group_mean_weight_and_latest_time():
    raw = frame(
        formula=["NaCl", *FORMULAS[1:19], "NaCl"],
        name=[f"s{i}" for i in range(20)],
        lab=["a", *["c"] * 18, "b"],
        w=["1", *["1"] * 18, "3"],
        when=["2001", *["2000"] * 18, "1999"],
    )
    roles = Roles(group="lab", id="name", weight="w", time="when")
    cleaned = clean(raw, problem(roles=roles))
    row = cleaned.dataset.take(np.array([0]))
    assert (row.ids[0], row.groups[0], row.weights[0], row.source_rows[0]) == ("s0", "a", 2.0, (1, 20))
    assert row.times[0] == np.datetime64("2001-01-01", "s").astype(float)
    assert any("1 merged rows come from more than one group" in note for note in cleaned.notes)


def test_same_inputs_never_stay_apart():
    rng = np.random.default_rng(1)
    raw = frame(formula=rng.choice(FORMULAS, 20).tolist())
    cleaned = clean(raw, problem())
    assert len(set(cleaned.dataset.groups)) == len(cleaned.dataset)
    assert sum(map(len, cleaned.dataset.source_rows)) == 20


def test_nearly_equal_compositions_share_a_group_but_stay_two_rows():
    raw = frame(formula=["Y2Ba4Cu7O14.98", "Y2Ba4Cu7O15.03", *FORMULAS[2:]])
    cleaned = clean(raw, problem())
    assert cleaned.n_merged == 0
    assert cleaned.dataset.groups[0] == cleaned.dataset.groups[1]


def test_multiples_and_orders_of_decimals_are_one_composition():
    raw = frame(formula=["La0.7Sr0.3MnO3", "La7Sr3Mn10O30", "O3MnSr0.3La0.7", *FORMULAS[3:]])
    assert clean(raw, problem()).dataset.source_rows[0] == (1, 2, 3)

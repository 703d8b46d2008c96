import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from data_tables import FORMULAS, frame, problem, written

from matloop.core.errors import DataError
from matloop.data.clean import clean, sealed_account
from matloop.data.collect import from_frame
from matloop.problem import Input, Roles, Target

FORMULA = Input("formula", "composition", "formula")
GAP = Target("gap", "gap", unit="eV")
KIND = Target("kind", "kind", task="classification")


def gaps(*first):
    return [*first, *(f"{0.5 + i / 10:.2f}" for i in range(len(first), 20))]


def kinds(*first):
    return [*first, *("metal" if i % 2 else "oxide" for i in range(20 - len(first)))]


def fails(raw, asked, *said):
    with pytest.raises(DataError) as caught:
        clean(raw, asked)
    for part in said:
        assert part in str(caught.value), f"{part!r} is not in: {caught.value}"


# ---- targets ----


def test_clean_table_passes_untouched():
    cleaned = clean(frame(), problem())
    assert len(cleaned.dataset) == 20
    assert not cleaned.removed
    assert not cleaned.repaired
    assert cleaned.dataset.groups[4] == "Al2O3"
    assert cleaned.dataset.targets["gap"].unit == "eV"


def test_limits_are_set_aside_or_kept_at_their_bound():
    raw = frame(gap=gaps("> 3", "<0.1"))
    aside = clean(raw, problem())
    assert [r.row for r in aside.removed] == [1, 2]
    assert 'censored = "at_bound"' in aside.removed[0].reason
    kept = clean(raw, problem(target=replace(GAP, censored="at_bound"))).dataset.targets["gap"]
    assert kept.values[:2].tolist() == [3.0, 0.1]
    assert kept.censored[:3].tolist() == [1, -1, 0]


def test_errors_come_from_the_value_or_the_error_column():
    assert clean(frame(gap=gaps("1.2 ± 0.1")), problem()).dataset.targets["gap"].errors[0] == pytest.approx(0.1)
    raw = frame(gap=gaps("1.2 ± 0.1", "1.3 ± 0.2"), err=["50 meV", "", "0", "-1", "bad", *["0.2 eV"] * 15])
    cleaned = clean(raw, problem(target=replace(GAP, error_column="err")))
    errors = cleaned.dataset.targets["gap"].errors
    np.testing.assert_allclose(errors[[0, 1, 5]], [0.05, 0.2, 0.2])
    assert np.isnan(errors[2:5]).all()
    assert [r.row for r in cleaned.repaired if r.column == "err"] == [3, 4, 5]


def test_impossible_values_are_removed_with_the_bounds():
    cleaned = clean(frame(gap=gaps("-1", "30")), problem(target=replace(GAP, bounds=(0.0, 15.0))))
    assert [r.row for r in cleaned.removed] == [1, 2]
    assert cleaned.removed[0].reason == "is -1 eV, outside the bounds 0 to 15"


def test_log_scale_needs_values_above_zero():
    cleaned = clean(frame(gap=gaps("0", "-1")), problem(target=replace(GAP, scale="log")))
    assert [r.row for r in cleaned.removed] == [1, 2]
    assert "no logarithm" in cleaned.removed[0].reason


def test_rows_without_a_label_stay_unless_not_wanted():
    raw = frame(gap=gaps("", "n.d."))
    cleaned = clean(raw, problem())
    assert np.isnan(cleaned.dataset.targets["gap"].values[:2]).all()
    assert any("2 of 20 rows have no value and are unlabelled" in note for note in cleaned.notes)
    assert [r.row for r in clean(raw, problem(unlabelled=False)).removed] == [1, 2]


def test_missing_labels_do_not_count_as_lost():
    assert len(clean(frame(gap=[""] * 8 + gaps()[8:]), problem(unlabelled=False)).dataset) == 12


def test_row_with_one_of_two_targets_stays():
    raw = frame(gap=gaps("bad", "", ""), kind=kinds("oxide", "metal", ""))
    cleaned = clean(raw, problem(target=(GAP, KIND), unlabelled=False))
    assert [r.row for r in cleaned.removed] == [3]
    repair = next(r for r in cleaned.repaired if r.row == 1)
    assert repair.reason == "is not a number; the value is not used, the row is kept for its other targets"
    assert np.isnan(cleaned.dataset.targets["gap"].values[0])


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        ([True, False], ("False", "True")),
        (["true", "True", "True", "false"], ("True", "false")),
        ([1, 0], ("0", "1")),
        (["1", "1.0", "0", "10"], ("0", "1", "10")),
        (["b", "a"], ("a", "b")),
    ],
)
def test_classes_stay_as_written(values, classes):
    raw = frame(kind=(values * 20)[:20])
    found = clean(raw, problem(target=KIND)).dataset.targets["kind"].classes
    assert tuple(word.lower() for word in found) == tuple(word.lower() for word in classes)


def test_ranking_is_read_as_numbers():
    assert clean(frame(), problem(target=replace(GAP, task="ranking"))).dataset.targets["gap"].classes == ()


# ---- roles ----


def test_repeated_ids_are_numbered_and_listed():
    cleaned = clean(
        frame(name=["A", "A", "A-2", "A", "", *(f"s{i}" for i in range(15))]), problem(roles=Roles(id="name"))
    )
    assert cleaned.dataset.ids[:5].tolist() == ["A", "A-3", "A-2", "A-4", "row-5"]
    assert [(r.row, r.new) for r in cleaned.repaired] == [(2, "A-3"), (4, "A-4")]


def test_weights_are_checked():
    cleaned = clean(frame(w=["2", "", "-1", *["1"] * 17]), problem(roles=Roles(weight="w")))
    assert cleaned.dataset.weights[:2].tolist() == [2.0, 1.0]
    assert [(r.row, r.reason) for r in cleaned.removed] == [(3, "is a negative weight")]


def test_times_are_read_as_dates_or_years():
    when = ["1970-01-02", "1971", "31.12.1970", "03.01.1970", "soon", *["2000"] * 15]
    cleaned = clean(frame(when=when), problem(roles=Roles(time="when")))
    day = 86_400.0
    np.testing.assert_allclose(cleaned.dataset.times[:4], [day, 365 * day, 364 * day, 2 * day])
    assert np.isnan(cleaned.dataset.times[4])
    assert next(r for r in cleaned.repaired if r.column == "when").old == "soon"


def test_groups_are_formulas_columns_or_equal_inputs():
    process = Input("T", "number", "T")
    raw = frame(T=[str(i) for i in range(20)], lab=["a", "b"] * 10)
    assert clean(raw, problem(FORMULA, process)).dataset.groups[0] == "NaCl"
    assert clean(raw, problem(roles=Roles(group="lab"))).dataset.groups[:2].tolist() == ["a", "b"]
    own = clean(raw, problem(process)).dataset
    assert len(set(own.groups)) == 20


def test_own_groups_do_not_depend_on_the_order_of_the_table():
    table = pd.DataFrame({"T": [str(i) for i in range(20)], "gap": gaps()})
    one = clean(from_frame(table), problem(Input("T", "number", "T"))).dataset
    other = clean(from_frame(table[::-1]), problem(Input("T", "number", "T"))).dataset
    assert one.groups.tolist() == other.groups[::-1].tolist()


def test_group_of_formulas_needs_formulas():
    fails(
        frame(T=[str(i) for i in range(20)]),
        problem(Input("T", "number", "T"), roles=Roles(group="reduced_formula")),
        'needs an input of kind "composition"',
    )


def test_compositions_shared_by_groups_are_noted():
    table = frame(20, formula=["NaCl"] * 4 + FORMULAS[4:], T=[str(i) for i in range(20)], lab=["a", "b"] * 10)
    cleaned = clean(table, problem(FORMULA, Input("T", "number", "T"), roles=Roles(group="lab")))
    assert any('1 compositions stand in more than one group of "lab"' in note for note in cleaned.notes)


# ---- what stops ----


def test_unknown_columns_of_all_roles_are_listed_at_once():
    asked = problem(
        Input("formula", "composition", "Formula"),
        target=replace(GAP, error_column="gap_err"),
        roles=Roles(id="nme", weight="w", time="when", group="lab"),
    )
    fails(
        frame(name=["x"] * 20),
        asked,
        "lacks 6 of the columns",
        '[inputs] formula: there is no column "Formula". Did you mean "formula"?',
        "[targets.gap] error_column",
        '[roles] id: there is no column "nme". Did you mean "name"?',
        "[roles] group",
    )


def test_five_percent_of_bad_rows_go_and_are_listed():
    cleaned = clean(frame(formula=["Xx2O3", *FORMULAS[1:]]), problem())
    (removal,) = cleaned.removed
    assert (removal.row, removal.id, removal.column, removal.found) == (1, "row-1", "formula", "Xx2O3")
    assert "Xx" in removal.reason
    assert cleaned.dataset.source_rows[0] == (2,)


def test_ninety_five_percent_of_bad_rows_stop_the_run(tmp_path):
    rows = [f"NaCl,bad{i}" for i in range(15)] + [f"H2O),{i}" for i in range(4)] + ["KCl,1"]
    raw = written(tmp_path, "formula,gap\n" + "\n".join(rows) + "\n")
    fails(
        raw,
        problem(),
        "table.csv: 19 of 20 rows (95%) cannot be used; limits.lost_share allows 10%",
        "15 rows: column \"gap\" is not a number (row 1 (line 2): 'bad0'",
        "row 16 (line 17): 'H2O)'",
        "lost_share = 0.95 under [limits]",
    )


def test_share_that_may_be_lost_can_be_raised():
    raw = frame(gap=gaps("a", "b", "c", "d"))
    fails(raw, problem(), "4 of 20 rows (20%)")
    assert len(clean(raw, problem(lost_share=0.2)).removed) == 4


def test_three_rows_are_too_few():
    fails(frame(3), problem(), 'column "gap": 3 usable rows', "At least 10 are needed")


def test_no_target_value_at_all():
    fails(frame(gap=[""] * 20), problem(), "0 usable rows have a value for gap")


def test_target_that_is_the_same_everywhere():
    fails(frame(gap=["1.5"] * 20), problem(), "every usable row has the same value, 1.5", "Choose another target")
    fails(frame(kind=["a"] * 20), problem(target=KIND), "every usable row has the same value, a")


def test_class_with_one_member_names_its_row():
    fails(
        frame(kind=kinds("glass")),
        problem(target=KIND),
        "1 classes have one member",
        'class "glass": row 1',
        "Add members",
    )


def test_measured_numbers_are_no_classes():
    fails(
        frame(),
        problem(target=replace(GAP, task="classification")),
        "20 different values such as 0.5",
        'task = "regression"',
    )


def test_more_than_two_hundred_classes():
    table = pd.DataFrame({"T": range(500), "kind": [f"c{i % 250}" for i in range(500)]})
    fails(
        from_frame(table),
        problem(Input("T", "number", "T"), target=KIND),
        "250 classes are more than 200",
        "Merge classes",
    )


def test_positive_class_must_exist():
    fails(frame(kind=kinds()), problem(target=replace(KIND, positive="metl")), 'Did you mean "metal"?')


def test_mixed_units_name_file_column_and_rows():
    fails(
        frame(gap=gaps("1.2 eV", "300 meV")),
        problem(target=replace(GAP, unit="")),
        'column "gap" mixes units',
        "meV: row 2",
    )


def test_input_without_any_value():
    fails(
        frame(T=[""] * 20),
        problem(FORMULA, Input("T", "number", "T")),
        'input "T" has no value',
        "Take it out of [inputs]",
    )


# ---- notes ----


def test_constant_and_nearly_constant_inputs_are_noted():
    n = 200
    table = pd.DataFrame({"a": 1, "b": [2] * (n - 1) + [3], "c": range(n), "gap": np.arange(n) / 7.0})
    asked = problem(*(Input(name, "number", name) for name in "abc"))
    notes = clean(from_frame(table), asked).notes
    assert 'input "a" is 1 in every row and tells nothing' in notes
    assert 'input "b" is nearly constant: 2 in 99.5% of the rows' in notes


def test_account_of_sealed_rows_hides_their_values():
    raw = frame(gap=gaps("~1.5", "~2.5"), formula=["NaCl", "NaCl", *FORMULAS[2:]])
    cleaned = clean(raw, problem())
    assert any("1.5" in r.old for r in cleaned.repaired)
    hidden = sealed_account(cleaned.repaired, cleaned.dataset, np.array([0]), problem())
    assert [r.row for r in hidden] == [r.row for r in cleaned.repaired]
    assert not any("1.5" in r.old + r.new + r.reason or "2.5" in r.old + r.new for r in hidden)


def test_cleaning_the_same_table_twice_gives_the_same():
    raw = frame(gap=gaps("bad", "~1"), formula=["NaCl", "NaCl", *FORMULAS[2:]])
    one, other = clean(raw, problem()), clean(raw, problem())
    assert (one.removed, one.repaired, one.notes) == (other.removed, other.repaired, other.notes)
    assert one.dataset.groups.tolist() == other.dataset.groups.tolist()


def test_fifty_thousand_process_rows_in_three_seconds():
    rng = np.random.default_rng(0)
    n = 50_000
    table = pd.DataFrame(
        {
            "formula": rng.choice(FORMULAS, n),
            "T": rng.normal(size=n).astype(str),
            "route": rng.choice(["a", "B", "b"], n),
            "gap": [f"{v:.3f} ± 0.1" for v in rng.normal(size=n)],
        },
        dtype=object,
    )
    raw = from_frame(table)
    start = time.process_time()
    cleaned = clean(raw, problem(FORMULA, Input("T", "number", "T"), Input("route", "category", "route")))
    assert time.process_time() - start < 3.0
    assert len(cleaned.dataset) == n

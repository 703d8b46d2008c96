from dataclasses import replace

import numpy as np
import pytest

from matloop.monitor.retrain.joining import join
from matloop.monitor.retrain.plan import NewLabels, Plan, Rules
from matloop.monitor.retrain.sources import ORIGIN, TIME
from matloop.monitor.retrain.tables import Texts
from matloop.problem import Input, Problem, Roles, Source, Target

NAMES = ("id", "formula", "y")
FORMULAS = [f"{a}{b}" for a in ("Li", "Na", "K", "Rb", "Cs") for b in ("F", "Cl", "Br", "I")]
VERSION = Texts(NAMES, tuple((f"m{i}", one, f"{i}.5") for i, one in enumerate(FORMULAS)))
PLAN = Plan("p.toml", "b", "runs", labels=NewLabels(("new.csv",)), judge=Rules(least=5))
PROBLEM = Problem(
    "salts", Source("base.csv"), (Input("formula", "composition", column="formula"),), (Target("y", "y"),),
    roles=Roles(id="id"),
)  # fmt: skip


def told(*rows, start=1):
    """Rows (id, formula, y) or (id, formula, y, time) of new labels."""
    table = [(*row[:3], f"new.csv, row {n}", str(float(row[3])) if len(row) > 3 else "") for n, row in
             enumerate(rows, start)]  # fmt: skip
    return Texts((*NAMES, ORIGIN, TIME), tuple(table))


def joined(*rows, sealed=frozenset(), plan=PLAN, problem=PROBLEM, waiting=()):
    return join(problem, plan, VERSION, told(*waiting, start=100), told(*rows), sealed=sealed)


def why(found):
    return {one.origin: one.reason for one in found.aside}


def test_a_new_material_joins():
    found = joined(("n1", "MgO", "3.0"), ("n2", "CaO", "4.0"), ("n3", "SrO", "5.0"))
    assert len(found.table) + len(found.later) == len(VERSION) + 3
    assert found.fresh == 3
    assert not found.aside


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("n1", "Xx2", "3.0"), "unreadable"),
        (("n1", "MgO", "soon"), "unreadable"),
        (("n1", "MgO", ""), "has no"),
        (("m0", "LiF", "0.5"), "duplicate"),
        (("n1", "Li2F2", "0.5"), "duplicate"),
        (("n1", "LiF", "9000"), "conflict: y is 9000, rows with the same inputs say 0.5"),
    ],
)
def test_rows_that_cannot_be_used_are_listed_with_reasons(row, reason):
    found = joined(row)
    assert why(found)["new.csv, row 1"].startswith(reason)
    assert found.table.rows == VERSION.rows


def test_the_id_of_an_earlier_row_corrects_it():
    found = joined(("m3", "LiI", "77"))
    assert found.corrected == (("m3, LiI", "new.csv, row 1"),)
    assert ("m3", "LiI", "77") in found.table.rows
    assert ("m3", "LiI", "3.5") not in found.table.rows
    assert len(found.table) == len(VERSION)


def test_a_repeated_measurement_stays_beside_the_first():
    found = joined(("n1", "LiI", "4.0"))
    assert {row for row in found.table.rows if row[1] == "LiI"} == {("m3", "LiI", "3.5"), ("n1", "LiI", "4.0")}
    corrects = replace(PLAN, labels=replace(PLAN.labels, same="correction"))
    assert [row for row in joined(("n1", "LiI", "4.0"), plan=corrects).table.rows if row[1] == "LiI"] == [
        ("n1", "LiI", "4.0")
    ]


def test_of_two_corrections_the_later_one_counts():
    found = joined(("m3", "LiI", "70", 1.0), ("m3", "LiI", "77", 2.0))
    assert ("m3", "LiI", "77") in found.table.rows
    assert why(found) == {"new.csv, row 1": "corrected by a later row with the same id"}
    without_time = joined(("m3", "LiI", "70"), ("m3", "LiI", "77"))
    assert set(why(without_time).values()) == {
        "conflict: two rows have this id and different values, and no time tells which is the later one"
    }
    assert without_time.table.rows == VERSION.rows


def test_repeats_are_errors_where_the_problem_says_so():
    strict = replace(PROBLEM, targets=(Target("y", "y", merge="error"),))
    assert why(joined(("n1", "LiI", "3.6"), problem=strict))["new.csv, row 1"].startswith("conflict")


def test_another_class_for_the_same_inputs_is_a_conflict():
    classes = Texts(NAMES, tuple((f"m{i}", one, "yes" if i % 2 else "no") for i, one in enumerate(FORMULAS)))
    problem = replace(PROBLEM, targets=(Target("y", "y", task="classification"),))
    found = join(problem, PLAN, classes, told(), told(("n1", "LiF", "yes"), ("n2", "MgO", "yes")))
    assert why(found) == {"new.csv, row 1": "conflict: y is 'yes', rows with the same inputs say 'no'"}
    assert len(found.table) + len(found.later) == len(VERSION) + 1
    alone = join(problem, PLAN, classes, told(), told(("n1", "MgO", "perhaps")))
    assert "'perhaps' of y has no other member" in why(alone)["new.csv, row 1"]


OXIDES = ("BeO", "MgO", "CaO", "SrO", "BaO", "ZnO", "CdO", "MnO", "FeO", "CoO", "NiO", "CuO")


def test_the_newest_materials_wait_and_join_with_the_next_version():
    found = joined(*((f"n{i}", one, f"{i}", 100.0 + i) for i, one in enumerate(OXIDES)))
    assert [row[1] for row in found.later.rows] == list(OXIDES[-5:])
    assert not {row[1] for row in found.table.rows} & set(OXIDES[-5:])
    following = join(PROBLEM, PLAN, found.table, found.later, told(("n99", "TiO", "1.0")))
    assert set(OXIDES) <= {row[1] for row in following.table.rows}


def test_a_material_is_as_old_as_its_first_row():
    many = [(f"n{i}", one, f"{i}", 100.0 + i) for i, one in enumerate(OXIDES)]
    found = joined(*many, ("n20", "BeO", "0.5", 200.0))  # measured again at last
    assert [row[1] for row in found.later.rows] == list(OXIDES[-5:])


def test_a_material_that_was_known_cannot_judge():
    found = joined(*((f"n{i}", one, f"{i}.6", 900.0 + i) for i, one in enumerate(FORMULAS)),
                   *((f"o{i}", one, "1") for i, one in enumerate(OXIDES)))  # fmt: skip
    assert not {row[1] for row in found.later.rows} & set(FORMULAS)


def test_a_material_of_the_vault_never_waits_and_is_counted():
    found = joined(*((f"n{i}", one, f"{i}", 100.0 + i) for i, one in enumerate(OXIDES)), sealed=frozenset({"CuO"}))
    assert "CuO" not in {row[1] for row in found.later.rows}
    assert found.vaulted == 1


def test_half_of_few_materials_wait_at_most():
    assert len(joined(("a", "MgO", "1"), ("b", "CaO", "2"), ("c", "SrO", "3")).later) == 1


TOGETHER = [("n1", "MgO", "-23"), ("n2", "MgO", "-650"), ("n3", "MgO", "-700"), ("n4", "OMg", "-702")]


def test_of_rows_that_arrive_together_the_one_that_stands_alone_is_in_conflict():
    for rows in (TOGETHER, TOGETHER[::-1]):  # whichever came first
        (reason,) = why(joined(*rows)).values()
        assert reason.startswith("conflict: y is -23, new rows with the same inputs say -700; too far apart")


def test_of_two_rows_that_arrive_together_and_contradict_each_other_neither_joins():
    found = joined(("n1", "MgO", "-23"), ("n2", "MgO", "-650"))
    assert [reason.endswith("nothing tells which of the two is right") for reason in why(found).values()] == [True] * 2


def test_new_classes_of_one_material_are_decided_by_the_many():
    classes = Texts(NAMES, tuple((f"m{i}", one, "yes" if i % 2 else "no") for i, one in enumerate(FORMULAS)))
    problem = replace(PROBLEM, targets=(Target("y", "y", task="classification"),))

    def told_of(*words):
        rows = [(f"n{i}", "MgO", word) for i, word in enumerate(words)]
        return {origin: reason[:8] for origin, reason in why(join(problem, PLAN, classes, told(), told(*rows))).items()}

    assert told_of("no", "yes", "yes") == {"new.csv, row 1": "conflict", "new.csv, row 3": "duplicat"}
    assert told_of("no", "yes") == {"new.csv, row 1": "conflict", "new.csv, row 2": "conflict"}


def test_what_the_data_themselves_show_between_repeats_is_no_conflict():
    """One repeat in twenty is far away: a new one as far is as good as those; one much farther is not."""
    rng = np.random.default_rng(0)
    apart = np.where(np.arange(200) % 20 == 0, 500.0, rng.normal(size=200))
    pairs = [((f"a{i}", f"Na{i + 1}O", "0"), (f"b{i}", f"Na{i + 1}O", f"{d}")) for i, d in enumerate(apart)]
    version = Texts(NAMES, tuple(row for pair in pairs for row in pair))
    found = join(PROBLEM, PLAN, version, told(), told(("n1", "Na8O", "490"), ("n2", "Na10O", "9000")))
    assert list(why(found)) == ["new.csv, row 2"]

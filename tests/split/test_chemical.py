"""What is left out chemically is not in training, in none of its forms."""

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import cross_val_score

from matloop.core.errors import ConfigError, DataError
from matloop.matter.compositions import as_compositions
from matloop.split.chemical import (
    ChemicalSystemFolds,
    LeaveChemicalSystemOut,
    LeaveElementOut,
    LeaveLabelOut,
    LeavePeriodOut,
    LeaveTableGroupOut,
)
from matloop.split.chemistry import chemical_systems, group_of, period_of, read_chemistry
from matloop.split.twins import atomic_fractions

FORMULAS = ["CoO", "Co3O4", "NiO", "FeO", "Fe2O3", "ZnS", "CeO2", "LaNi5", "GaAs", "InP"]


def held(splitter, X=FORMULAS, y=None, groups=None):
    return {part.name: [FORMULAS[i] for i in part.test] for part in splitter.parts(X, y, groups)}


def test_places_in_the_table():
    # IUPAC periodic table of 2022
    known = {1: (1, "1"), 2: (1, "18"), 3: (2, "1"), 10: (2, "18"), 13: (3, "13"), 21: (4, "3"), 30: (4, "12")}
    known |= {31: (4, "13"), 56: (6, "2"), 57: (6, "lanthanides"), 71: (6, "lanthanides"), 72: (6, "4")}
    known |= {86: (6, "18"), 92: (7, "actinides"), 118: (7, "18")}
    assert {z: (period_of(z), group_of(z)) for z in known} == known


def test_an_element_is_left_out_with_everything_that_holds_it():
    assert held(LeaveElementOut(["Ni", "O"])) == {
        "Ni": ["NiO", "LaNi5"],
        "O": ["CoO", "Co3O4", "NiO", "FeO", "Fe2O3", "CeO2"],
    }
    assert set(held(LeaveElementOut(least_rows=2))) == {"Co", "Fe", "Ni"}  # O is in more than half of the rows


def test_period_group_system_and_label():
    assert held(LeavePeriodOut([6])) == {"period 6": ["CeO2", "LaNi5"]}
    assert held(LeaveTableGroupOut([13, "lanthanides"])) == {
        "group 13": ["GaAs", "InP"],
        "lanthanides": ["CeO2", "LaNi5"],
    }
    assert held(LeaveChemicalSystemOut(["O-Co"])) == {"Co-O": ["CoO", "Co3O4"]}
    sources = ["paper"] * 4 + [None] + ["web"] * 5
    found = held(LeaveLabelOut(sources, least_rows=1), X=np.zeros((10, 1)))
    assert found == {"paper": FORMULAS[:4], "web": FORMULAS[5:]}


def test_training_rows_that_share_a_group_with_a_held_out_one_are_left_out():
    groups = [0, 1, 0, 2, 3, 4, 5, 6, 7, 8]  # CoO and NiO came from one paper
    part = LeaveElementOut(["Ni"]).parts(FORMULAS, None, groups)[0]
    assert [FORMULAS[i] for i in part.test] == ["NiO", "LaNi5"]
    assert 0 not in part.train
    assert len(part.train) == 7


def test_chemical_systems_stay_whole_in_folds_of_equal_size():
    rng = np.random.default_rng(0)
    formulas = [f"{a}{i}O{j}" for a in ("Fe", "Co", "Ni", "Cu", "Zn", "Ti") for i in range(1, 6) for j in range(1, 3)]
    systems = chemical_systems(as_compositions(formulas))
    for train, test in ChemicalSystemFolds(3).split(formulas, rng.normal(size=60)):
        assert not set(systems[train]) & set(systems[test])
        assert len(test) == 20


def test_every_way_to_give_compositions_means_the_same():
    read = as_compositions(FORMULAS)
    fractions = atomic_fractions(read)
    frame = pd.DataFrame({"Co": [1.0, 0.0, 0.5], "O": [1.0, 2.0, 0.5]})
    expected = chemical_systems(read).tolist()
    for given in (read, pd.Series(FORMULAS), pd.DataFrame({"formula": FORMULAS}), fractions):
        assert chemical_systems(read_chemistry(given)).tolist() == expected
    assert chemical_systems(read_chemistry(frame)).tolist() == ["Co-O", "O", "Co-O"]
    X = np.arange(20.0).reshape(10, 2)
    splitter = LeaveElementOut(["Ni", "Co"], compositions=FORMULAS)
    assert len(cross_val_score(DummyRegressor(), X, np.arange(10.0), cv=splitter)) == 2


@pytest.mark.parametrize(
    ("splitter", "X", "words"),
    [
        (LeaveElementOut(["Xx"]), FORMULAS, "no element 'Xx'"),
        (LeaveElementOut(["Pt"]), FORMULAS, "no row belongs to 'Pt'"),
        (LeaveElementOut(["O"]), ["CoO", "NiO"], "every row belongs to 'O'"),
        (LeaveElementOut(), FORMULAS, "least_rows or most_share"),
        (LeaveElementOut(compositions=FORMULAS), np.zeros((4, 1)), "10 compositions for 4 rows"),
        (LeaveElementOut(), ["CoO", "?"], "row 1"),
        (LeaveElementOut(), np.zeros((4, 3)), "compositions=formulas"),
        (LeaveElementOut(), pd.DataFrame({"formula": FORMULAS, "T": 1.0}), "which of 2 columns"),
        (LeaveLabelOut(["a"] * 3), FORMULAS, "one per row"),
        (ChemicalSystemFolds(), FORMULAS, "give y"),
    ],
)
def test_errors_say_what_to_do(splitter, X, words):
    with pytest.raises((DataError, ConfigError), match=words.replace("?", r"\?")):
        list(splitter.split(X))

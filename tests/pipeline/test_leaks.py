"""`find_leaks` from a problem: what is planted is found, what is clean is left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.pipeline.leaks import find_leaks
from matloop.problem.make import problem_from
from matloop.problem.question import Problem, Roles

FORMULAS = [f"Fe{a}Ni{b}Cr{c}" for a in range(1, 7) for b in range(1, 6) for c in range(1, 4)]


def alloys(n: int = 90) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    temperature = rng.choice([300.0, 450.0, 600.0, 800.0], n)
    hardness = np.round(100 + 0.1 * temperature + 20 * rng.normal(size=n), 1)
    return pd.DataFrame({"formula": FORMULAS[:n], "temperature": temperature, "hardness": hardness})


def problem(table: pd.DataFrame, **inputs: str) -> Problem:
    known = {"formula": "composition", "temperature": "number", **inputs}
    return problem_from(table, inputs=known, target="hardness")


def test_a_clean_table_and_walk_raise_no_alarm():
    table = alloys()
    found = find_leaks(problem(table), data=table)
    assert found.clean, list(found.lines())
    assert found.exit_code == 0
    assert found.reports[1].check("held-out features").state == "clean"


def test_planted_leaks_of_a_table_are_found():
    table = alloys()
    table = pd.concat([table, table.iloc[:5]], ignore_index=True)
    x = np.sin(table["hardness"]) + table["temperature"] / 300.0
    table["density"] = (x - x.mean()) / x.std()
    table["coded"] = table.groupby("temperature")["hardness"].transform("mean")
    table["split"] = np.where(np.arange(len(table)) < 70, "train", "test")
    asked = problem(table, density="number", coded="number")
    found = find_leaks(asked, data=table, folds="split")
    assert {check.name for check in found.reports[0].leaks} == {
        "scaled over all rows", "encoded by the answers", "duplicates across folds",
    }  # fmt: skip
    assert found.exit_code == 7


def test_a_group_in_two_folds_is_pointed_at():
    table = alloys()
    table["temperature"] += np.arange(90) / 7.0
    again = table.head(5).assign(temperature=999.0)
    table = pd.concat([table, again], ignore_index=True)
    table["split"] = np.where(np.arange(95) < 70, "train", "test")
    asked = replace(problem(table), roles=Roles(group="reduced_formula"))
    check = find_leaks(asked, data=table, folds="split").reports[0].check("duplicates across folds")
    assert check.state == "suspect"
    assert "group" in check.said


def test_held_out_rows_older_than_training_rows_are_time_travel():
    table = alloys().assign(year=np.tile(np.arange(2001, 2010), 10), split=["a", "b"] * 45)
    asked = replace(problem(table), roles=Roles(time="year"))
    found = find_leaks(asked, data=table, folds="split")
    assert found.reports[0].check("time travel").state == "leak"


def test_a_pipeline_of_the_user_is_run_from_its_file(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import pandas as pd\n"
        "from sklearn.linear_model import Ridge\n"
        "from sklearn.model_selection import KFold, cross_val_predict\n"
        "def predict(table):\n"
        "    coded = table.groupby('temperature')['hardness'].transform('mean')\n"
        "    X = pd.DataFrame({'t': table['temperature'], 'coded': coded})\n"
        "    return cross_val_predict(Ridge(), X, table['hardness'], cv=KFold(5))\n"
    )
    table = alloys()
    found = find_leaks(problem(table), data=table, pipeline=f"{tmp_path / 'mine.py'}:predict")
    assert "held-out labels" in {check.name for check in found.reports[-1].leaks}


@pytest.mark.parametrize("place", ["nowhere.py:f", "f"])
def test_a_pipeline_that_is_not_there_is_said(place):
    with pytest.raises(ConfigError, match=r"FILE\.py:FUNCTION"):
        find_leaks(problem(alloys()), data=alloys(), pipeline=place)


def test_an_unknown_column_of_folds_is_said():
    with pytest.raises(DataError, match=r"spilt"):
        find_leaks(problem(alloys()), data=alloys(), folds="spilt")

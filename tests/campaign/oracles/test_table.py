import pandas as pd
import pytest

from matloop.campaign.oracles.contract import Setting
from matloop.campaign.oracles.registry import open_oracle
from matloop.campaign.oracles.table import TableOracle
from matloop.core.errors import ConfigError, DataError

SETTING = Setting({"y": ""}, cost=4.0)
TABLE = pd.DataFrame({"x": [0.0, 1.0, 1.0, 10.0], "word": ["a", "a", "a", "b"], "y": [1.0, 2.0, 3.0, float("nan")]})


def points(**columns):
    return pd.DataFrame(columns, index=[f"s{i}" for i in range(len(columns["x"]))])


def test_replicates_are_drawn_by_the_seed():
    oracle = TableOracle(TABLE, SETTING)
    drawn = {next(oracle.measure(points(x=[1.0], word=["a"]), seed=seed)).values["y"] for seed in range(20)}
    assert drawn == {2.0, 3.0}


def test_equal_numbers_need_not_be_equal_to_the_last_digit():
    (found,) = TableOracle(TABLE, SETTING).measure(points(x=[1e-12], word=["a"]), seed=0)
    assert (found.values, found.cost, found.note) == ({"y": 1.0}, 4.0, "row 1 of the table")


def test_the_nearest_row_is_told_with_its_own_settings():
    (found,) = TableOracle(TABLE, SETTING, nearest=True).measure(points(x=[0.2], word=["a"]), seed=0)
    assert (found.values["y"], found.settings) == (1.0, {"x": 0.0, "word": "a"})


def test_what_is_far_from_every_row_or_was_never_measured_fails():
    found = list(TableOracle(TABLE, SETTING, nearest=True).measure(points(x=[5.0, 10.0], word=["a", "b"]), seed=0))
    assert found[0].failure.startswith("the candidate has no row nearby")
    assert found[1].failure == "row 4 of the table has no value"


def test_tables_that_cannot_answer_are_refused(tmp_path):
    with pytest.raises(DataError, match="no column 'z'"):
        TableOracle(TABLE, Setting({"z": ""}))
    with pytest.raises(DataError, match="no column of the candidates"):
        list(TableOracle(TABLE, SETTING).measure(pd.DataFrame({"other": [1]}), seed=0))
    with pytest.raises(ConfigError, match="table:FILE"):
        open_oracle("table:", SETTING)
    path = tmp_path / "t.csv"
    path.write_text("x,y\n1,2\n2,soft\n", "utf-8")
    with pytest.raises(DataError, match='row 2, column "y": .*soft'):
        open_oracle(f"table:{path}", SETTING)

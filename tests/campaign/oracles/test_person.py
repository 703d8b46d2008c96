import os

import pandas as pd
import pytest

from matloop.campaign.oracles.contract import Setting
from matloop.campaign.oracles.files import read_frame
from matloop.campaign.oracles.person import PersonOracle, make
from matloop.core.errors import ConfigError, DataError

POINTS = pd.DataFrame({"x": [1.5, 2.0], "kind": ["a", "b"]}, index=["c1-1", "c1-2"])


def asked(path, *, seconds=0.01, points=POINTS, sleep=lambda seconds: None):
    oracle = PersonOracle(path, Setting({"yield": "%"}, path.parent, seconds=seconds), 0.01, 0.0, sleep)
    return list(oracle.measure(points, seed=0))


def filled(path, **cells):
    """Write into the sheet: {column: {row: cell}}."""
    read = pd.read_excel if path.suffix == ".xlsx" else pd.read_csv
    sheet = read(path, dtype=object)
    for column, rows in cells.items():
        for row, cell in rows.items():
            sheet.loc[row, column.replace("_", " ")] = cell
    sheet.to_excel(path, index=False) if path.suffix == ".xlsx" else sheet.to_csv(path, index=False)


@pytest.mark.parametrize("ending", [".xlsx", ".csv"])
def test_a_sheet_goes_out_and_comes_back_row_by_row(tmp_path, ending):
    path = tmp_path / f"next{ending}"
    assert asked(path) == []
    sheet = read_frame(path)
    assert list(sheet.columns) == ["id", "x", "kind", "yield [%]", "yield error", "failed", "cost", "note"]
    assert sheet["id"].tolist() == ["c1-1", "c1-2"]
    filled(path, **{"yield [%]": {0: 41.5}, "yield_error": {0: 2}, "cost": {0: 3}})
    (first,) = asked(path)
    assert (first.row, first.values, first.errors, first.cost) == ("c1-1", {"yield": 41.5}, {"yield": 2.0}, 3.0)
    filled(path, **{"failed": {1: "Yes"}, "note": {1: "spilt"}})
    (second,) = asked(path, points=POINTS.iloc[1:])
    assert (second.row, second.failure) == ("c1-2", "spilt")


def test_what_is_filled_in_while_it_waits_is_told(tmp_path):
    path = tmp_path / "next.csv"
    work = [lambda: filled(path, **{"yield [%]": {1: 7.0}}), lambda: filled(path, **{"yield [%]": {0: 8.0}})]
    found = asked(path, seconds=20.0, sleep=lambda seconds: work.pop(0)() if work else None)
    assert [(one.row, one.values["yield"]) for one in found] == [("c1-2", 7.0), ("c1-1", 8.0)]


def test_text_in_a_number_is_said_with_row_and_column(tmp_path):
    path = tmp_path / "next.csv"
    asked(path)
    filled(path, **{"yield [%]": {1: "quite good"}})
    os.utime(path, (1, 1))
    with pytest.raises(DataError, match=r'row 2, column "yield \[%\]": .*quite good'):
        asked(path)


def test_a_filled_sheet_is_kept_when_the_next_one_is_written(tmp_path):
    path = tmp_path / "next.csv"
    asked(path)
    filled(path, **{"yield [%]": {0: 1.0, 1: 2.0}})
    assert len(asked(path)) == 2
    assert asked(path, points=POINTS.set_index(pd.Index(["c2-1", "c2-2"]))) == []
    assert read_frame(path)["id"].tolist() == ["c2-1", "c2-2"]
    assert read_frame(tmp_path / "next-1.csv")["yield [%]"].tolist() == [1.0, 2.0]


def test_a_sheet_that_is_offered_is_not_written_again(tmp_path):
    path = tmp_path / "next.csv"
    asked(path)
    filled(path, **{"note": {0: "in the oven"}})
    before = path.read_bytes()
    asked(path)
    assert path.read_bytes() == before


def test_only_spreadsheets_are_filled_in_by_persons(tmp_path):
    with pytest.raises(ConfigError, match="fills in"):
        make("next.pdf", Setting({"y": ""}, tmp_path))
    assert make("", Setting({"y": ""}, tmp_path)).path == tmp_path / "next.xlsx"

import json
import os

import pandas as pd
import pytest

from matloop.campaign.oracles.contract import Setting
from matloop.campaign.oracles.folder import FolderOracle, make
from matloop.core.errors import ConfigError

POINTS = pd.DataFrame({"x": [1.5, 2.0, 3.0]}, index=["c1-1", "c1-2", "c1-3"])


class Robot:
    """Does something each time the oracle looks away, then nothing."""

    def __init__(self, *actions):
        self.actions = list(actions)

    def __call__(self, seconds):
        if self.actions:
            self.actions.pop(0)()


def exchanged(tmp_path, *actions, seconds=0.3, settled=0.0, targets=None, points=POINTS):
    setting = Setting(targets or {"y": "MPa"}, tmp_path, seconds=seconds)
    oracle = FolderOracle(tmp_path / "exchange", setting, every=0.01, settled=settled, sleep=Robot(*actions))
    return list(oracle.measure(points, seed=0))


def drop(tmp_path, name, content):
    def write():
        place = tmp_path / "exchange" / "results"
        (place / f".{name}.part").write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
        os.replace(place / f".{name}.part", place / name)

    return write


def names(tmp_path, folder):
    place = tmp_path / "exchange" / folder
    return sorted(path.name for path in place.iterdir()) if place.exists() else []


def test_requests_say_what_to_measure_and_results_are_told_as_they_come(tmp_path):
    seen = []

    def look():
        path = tmp_path / "exchange" / "requests" / "c1-1.json"
        seen.append(json.loads(path.read_text("utf-8")))

    found = exchanged(
        tmp_path, look, drop(tmp_path, "c1-2.json", {"y": 2.0}), drop(tmp_path, "c1-1.json", "7"),
        drop(tmp_path, "any name.json", {"id": "c1-3", "failed": "cracked"}),
    )  # fmt: skip
    assert seen == [{"id": "c1-1", "settings": {"x": 1.5}, "targets": {"y": "MPa"}}]
    assert [one.row for one in found] == ["c1-2", "c1-1", "c1-3"]
    assert [one.values for one in found] == [{"y": 2.0}, {"y": 7.0}, {}]
    assert found[2].failure == "cracked"
    assert names(tmp_path, "requests") == names(tmp_path, "results") == []
    assert names(tmp_path, "done") == ["any name.json", "c1-1.json", "c1-2.json"]


def test_a_table_answers_many_and_what_is_empty_waits(tmp_path):
    table = "id,y [GPa],y error,failed,note\nc1-1,0.005,0.001,,fine\nc1-2,,,yes,leaked\nc1-3,,,,\n"
    found = {one.row: one for one in exchanged(tmp_path, drop(tmp_path, "all.csv", table))}
    assert found["c1-1"].values == {"y": 5.0}
    assert found["c1-1"].note == "fine"
    assert found["c1-2"].failure == "leaked"
    assert "c1-3" not in found
    assert names(tmp_path, "requests") == ["c1-3.json"]


def test_half_written_files_wait(tmp_path):
    place = tmp_path / "exchange" / "results"
    found = exchanged(
        tmp_path,
        lambda: (place / "c1-1.json").write_text('{"y": 1', "utf-8"),
        lambda: (place / "c1-2.json.part").write_text('{"y": 2}', "utf-8"),
        lambda: (place / "c1-1.json").write_text('{"y": 12.5}', "utf-8"),
        seconds=0.3, settled=60.0,
    )  # fmt: skip
    assert [one.values for one in found] == [{"y": 12.5}]
    assert names(tmp_path, "results") == ["c1-2.json.part"]


def test_half_a_table_and_half_a_number_wait_until_they_stay_as_they_are(tmp_path):
    found = exchanged(
        tmp_path, drop(tmp_path, "a.csv", "id,y\nc1-1,1"), drop(tmp_path, "c1-2.json", "1"), seconds=0.1, settled=60.0
    )
    assert found == []
    assert names(tmp_path, "results") == ["a.csv", "c1-2.json"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("c1-1.json", "{broken}", "Expecting"),
        ("c1-1.json", {"z": 3}, "'z', which is no target"),
        ("c1-1.json", {"y": "soft"}, "'soft'"),
        ("c1-1.txt", "3", "neither .json nor a table"),
        ("a.csv", "id,y\nc1-1,soft\n", 'row 1, column "y"'),
        ("a.csv", "name,y\nc1-1,3\n", "no column id"),
        ("a.csv", "id,z\nc1-1,3\n", "no column y"),
        ("a.csv", "id,y\nc1-1,3\nc1-1,4\n", "stands in row 1 already"),
        ("a.csv", "id,y,failed\nc1-1,,perhaps\n", "'perhaps'"),
    ],
)
def test_what_cannot_be_read_is_set_aside_with_the_reason_and_stays_open(tmp_path, name, content, told):
    found = exchanged(tmp_path, drop(tmp_path, name, content), lambda: None, drop(tmp_path, "c1-2.json", {"y": 2}))
    assert [one.row for one in found] == ["c1-2"]
    assert names(tmp_path, "unreadable") == sorted([name, f"{name}.why.txt"])
    assert told in (tmp_path / "exchange" / "unreadable" / f"{name}.why.txt").read_text("utf-8")
    assert "c1-1.json" in names(tmp_path, "requests")


def test_results_that_nobody_waits_for_are_kept_and_said(tmp_path):
    exchanged(tmp_path, drop(tmp_path, "c9-9.json", {"y": 2}), lambda: None)
    assert names(tmp_path, "unasked") == ["c9-9.json", "c9-9.json.why.txt"]


def test_a_later_call_takes_up_what_came_meanwhile(tmp_path):
    assert exchanged(tmp_path, seconds=0.01) == []
    for name in ("c1-1", "c1-2"):
        drop(tmp_path, f"{name}.json", {"y": 1})()
    later = exchanged(tmp_path, points=POINTS.iloc[1:], seconds=0.05)
    assert [one.row for one in later] == ["c1-2"]
    assert names(tmp_path, "requests") == ["c1-3.json"]  # what nobody asks for any more is taken away
    assert "c1-1.json" in names(tmp_path, "unasked")


def test_the_folder_is_made_and_a_file_is_none(tmp_path):
    assert make("", Setting({"y": ""}, tmp_path)).place == tmp_path / "exchange"
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(ConfigError, match="is a file"):
        make(str(tmp_path / "file"), Setting({"y": ""}, tmp_path))

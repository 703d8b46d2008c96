import sys

import numpy as np
import pandas as pd
import pytest

from matloop.campaign.oracles.contract import Outcome, Setting, answer
from matloop.campaign.oracles.function import FunctionOracle
from matloop.campaign.oracles.registry import ORACLES, open_oracle
from matloop.core.errors import ConfigError, DataError
from matloop.testing.oracle_contract import check_oracle

SETTING = Setting({"strength": "MPa"}, seconds=60.0, pause=0.0)
POINTS = pd.DataFrame({"x": [1.0, 2.0], "kind": ["a", "b"]}, index=["s1", "s2"])
HOPELESS = pd.DataFrame({"x": [9.0], "kind": ["a"]}, index=["s0"])
PROGRAM = (
    "import json, sys; d = json.load(sys.stdin); "
    "print(json.dumps({'failed': 'too far'} if d['x'] > 5 else {'strength': 10 * d['x']}))"
)


def table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("x,kind,strength\n1,a,10\n1,a,12\n2,b,20\n", "utf-8")
    return f"table:{path}"


def command(tmp_path):
    path = tmp_path / "measure.py"
    path.write_text(PROGRAM, "utf-8")
    return f"command:{sys.executable} {path}"


READY = {"table": table, "command": command}
"""How an oracle that answers at once is opened."""
LATER = {"folder", "person", "emt", "xtb", "chgnet"}
"""Those that wait for somebody, or calculate, have tests of their own."""


@pytest.mark.parametrize("name", READY)
def test_an_oracle_keeps_the_contract(name, tmp_path):
    setting = Setting(SETTING.targets, home=tmp_path)
    check_oracle(open_oracle(READY[name](tmp_path), setting), setting, POINTS, HOPELESS)


def test_a_function_keeps_the_contract():
    def measured(candidate):
        return {"failed": "too far"} if candidate["x"] > 5 else 10 * candidate["x"]

    check_oracle(open_oracle(measured, SETTING), SETTING, POINTS, HOPELESS)


def test_every_oracle_has_its_battery():
    assert set(ORACLES) == set(READY) | LATER


def test_what_is_no_oracle_is_refused():
    with pytest.raises(ConfigError, match="Did you mean 'table'"):
        open_oracle("tabel:x.csv", SETTING)
    with pytest.raises(ConfigError, match="no oracle"):
        open_oracle(3, SETTING)


def test_answers_are_read_with_units_errors_and_costs():
    said = {"values": {"strength": 1.5}, "units": {"strength": "GPa"}, "errors": {"strength": 0.1}, "cost": 3}
    found = answer("s1", said, SETTING)
    assert found.values == {"strength": 1500.0}
    assert found.errors["strength"] == pytest.approx(100.0)
    assert found.cost == 3.0


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("much", "'much'"), (None, "None"), (True, "True"), (float("nan"), "finite"),
        ({"strenght": 1}, 'Did you mean "strength"'),
        ({"strength": "soft"}, "'soft'"), ({"values": {"strength": 1}, "units": {"strength": "K"}}, "another quantity"),
        ({"values": 3}, "expected an object"), ({}, "no value"), ({"strength": 1, "cost": -1}, "cost is -1"),
        ({"values": {"strength": 1}, "errors": {"strength": -1}}, "error of strength is -1"),
    ],
)  # fmt: skip
def test_what_cannot_be_an_answer_is_said(said, told):
    with pytest.raises(DataError, match=told):
        answer("s1", said, SETTING)


def test_one_number_is_not_enough_for_two_targets():
    with pytest.raises(DataError, match="one number for 2 targets"):
        answer("s1", 3.0, Setting({"a": "", "b": ""}))


def test_a_failure_is_no_fault_of_the_oracle():
    found = answer("s1", {"failed": "melted", "cost": 2}, SETTING)
    assert found == Outcome("s1", cost=2.0, failure="melted", fault="experiment")


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ConfigError, match="at least one target"):
        Setting({})
    with pytest.raises(ConfigError, match="tries 0"):
        Setting({"a": ""}, tries=0)


def test_a_function_that_does_not_come_back_is_left_behind():
    import threading

    never = threading.Event()
    setting = Setting({"y": ""}, seconds=0.05)
    (found,) = FunctionOracle(lambda candidate: never.wait(30), setting).measure(POINTS.iloc[:1], seed=0)
    never.set()
    assert "longer than the 0.05 s" in found.failure
    assert found.fault == "oracle"


def test_parameters_that_do_not_exist_are_left_out():
    seen = []
    points = pd.DataFrame({"x": [1.0, np.nan], "n": [3, 4], "word": ["a", None]})
    list(FunctionOracle(lambda candidate: seen.append(candidate) or 1.0, Setting({"y": ""})).measure(points, seed=0))
    assert seen == [{"x": 1, "n": 3, "word": "a"}, {"n": 4}]

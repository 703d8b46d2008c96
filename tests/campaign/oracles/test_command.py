import os
import sys
import time

import pandas as pd
import pytest

from matloop.campaign.oracles.command import CommandOracle
from matloop.campaign.oracles.contract import Setting
from matloop.campaign.oracles.registry import open_oracle
from matloop.core.errors import ConfigError

POINTS = pd.DataFrame({"temperature (K)": [300.0], "solvent": ["a b; rm -rf $HOME"]}, index=["s1"])


def measured(tmp_path, *arguments, seconds=60.0, points=POINTS):
    setting = Setting({"y": ""}, home=tmp_path, seconds=seconds, cost=1.0)
    (found,) = CommandOracle(arguments, setting).measure(points, seed=7)
    return found


def python(text):
    return (sys.executable, "-c", text)


def test_values_stand_in_arguments_and_no_shell_reads_them(tmp_path):
    program = python(
        "import sys, json; print('log'); print(json.dumps({'y': float(sys.argv[1]), 'note': sys.argv[2]}))"
    )
    found = measured(tmp_path, *program, "{temperature (K)}", "{solvent}/{id}/{seed}")
    assert found.values == {"y": 300.0}
    assert found.note == "a b; rm -rf $HOME/s1/7"


def test_the_candidate_comes_as_json_and_the_folder_is_the_callers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = measured(
        tmp_path, *python("import json, os; d = json.load(open(0)); open('seen', 'w').write(d['id']); print(len(d))")
    )
    assert found.values == {"y": 3.0}
    assert (tmp_path / "seen").read_text() == "s1"


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("import sys; print('3'); sys.exit('no licence')", "exit code 1: no licence"),
        ("print('done')", "'done'"),
        ("print()", "expected a JSON"),
        ("print('[1, 2]')", "expected a number"),
        ("print('{\"z\": 1}')", "'z', which is no target"),
    ],
)
def test_what_a_broken_program_did_is_said(tmp_path, program, told):
    found = measured(tmp_path, *python(program))
    assert told in found.failure
    assert found.fault == "oracle"


def test_a_program_that_is_not_there_is_said(tmp_path):
    assert "cannot be started" in measured(tmp_path, str(tmp_path / "none")).failure


def test_a_program_and_its_children_are_ended_after_their_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spawn = (
        "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
        "open('pid.part', 'w').write(str(p.pid)); import os; os.rename('pid.part', 'pid'); time.sleep(60)"
    )
    found = measured(tmp_path, *python(spawn), seconds=2.0)
    assert "longer than the 2 s allowed" in found.failure
    pid = int((tmp_path / "pid").read_text())
    until = time.monotonic() + 20
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert not alive(pid)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_templates_are_checked_before_anything_runs(tmp_path):
    setting = Setting({"y": ""}, home=tmp_path)
    with pytest.raises(ConfigError, match="{pressure} is no parameter"):
        list(open_oracle("command:measure {pressure}", setting).measure(POINTS, seed=0))
    with pytest.raises(ConfigError, match="quotation"):
        open_oracle("command:measure 'x", setting)
    with pytest.raises(ConfigError, match="PROGRAM"):
        open_oracle("command:", setting)

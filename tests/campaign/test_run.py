import multiprocessing
import sys
import time

import pandas as pd
import pytest

from matloop.campaign.campaign import Campaign
from matloop.campaign.oracles.contract import Outcome
from matloop.campaign.run import run
from matloop.core.errors import ConfigError, RunError

PROBLEM = """
name = "dye"
goals = ["maximise yield"]
[targets.yield]
unit = "%"
[space.x]
kind = "continuous"
low = 0
high = 1
[space.kind]
kind = "categorical"
values = ["a", "b"]
[campaign]
batch = 3
strategy = "random"
"""
BUDGET = "budget = { experiments = 7 }\n"


def begun(tmp_path, more=BUDGET):
    (tmp_path / "dye.toml").write_text(PROBLEM + more, "utf-8")
    return Campaign.new(tmp_path / "dye.toml", tmp_path / "dye")


def hill(candidate):
    return 100 - 80 * (candidate["x"] - 0.3) ** 2 - 10 * (candidate["kind"] == "b")


def test_it_goes_round_until_the_budget_ends_it_and_tells_the_story(tmp_path):
    folder = begun(tmp_path).folder
    done = run(folder, hill)
    assert (done.told, done.rounds, done.failed) == (7, 3, 0)
    assert "7 of 7 experiments" in done.stopped[0]
    history = Campaign.open(folder).history()
    assert len(history) == 7
    assert history["yield"].tolist() == pytest.approx([hill(row) for row in history.to_dict("records")])
    page = done.report.read_text("utf-8")
    assert page.index("After 7 experiments the best is") < page.index("<h2>What was asked</h2>")
    assert done.lines()[0] == "7 results in 3 rounds"


def test_rounds_can_be_counted_and_an_endless_campaign_is_refused(tmp_path):
    folder = begun(tmp_path, "").folder
    with pytest.raises(ConfigError, match="nothing ends this campaign"):
        run(folder, hill)
    assert run(folder, hill, rounds=2, n=2).told == 4
    assert run(folder, hill, rounds=1).told == 3


def test_failures_teach_and_costs_and_errors_are_recorded(tmp_path):
    folder = begun(tmp_path).folder

    def measured(candidate):
        if candidate["kind"] == "b":
            return {"failed": "it gelled", "cost": 2}
        return {"values": {"yield": 0.5}, "units": {"yield": "dimensionless"}, "errors": {"yield": 0.1}, "cost": 3}

    done = run(folder, measured)
    state = Campaign.open(folder).state
    assert done.failed == sum(one.failed for one in state.results.values())
    assert {(one.why, one.cost) for one in state.results.values() if one.failed} <= {("it gelled", 2.0)}
    assert {(one.values["yield"], one.errors["yield"], one.cost) for one in state.results.values() if one.values} <= {
        (50.0, 10.0, 3.0)
    }


def test_an_oracle_that_breaks_down_altogether_loses_and_teaches_nothing(tmp_path):
    folder = begun(tmp_path).folder

    def broken(candidate):
        raise OSError("no power")

    with pytest.raises(RunError, match=r"broke down for 3 experiments \(c1-1.*no power.*withdraw"):
        run(folder, broken, pause=0.0)
    state = Campaign.open(folder).state
    assert (len(state.results), len(state.pending)) == (0, 3)
    assert run(folder, hill).told == 7  # what was asked for is measured first
    assert len(Campaign.open(folder).state.suggestions) == 7


def test_what_breaks_down_beside_others_counts_as_failed(tmp_path):
    folder = begun(tmp_path).folder
    calls = []

    def measured(candidate):
        calls.append(candidate)
        if len(calls) == 2:
            raise RuntimeError("segmentation fault")
        return hill(candidate)

    run(folder, measured, tries=1, rounds=1)
    (lost,) = [one for one in Campaign.open(folder).state.results.values() if one.failed]
    assert "segmentation fault" in lost.why


def test_results_that_are_not_there_yet_are_waited_for_by_the_next_call(tmp_path):
    folder = begun(tmp_path).folder

    class Slow:
        def measure(self, candidates, *, seed):
            row = candidates.index[0]
            yield Outcome(row, {"yield": 5.0})

    done = run(folder, Slow())
    assert (done.told, done.waiting) == (1, ("c1-2", "c1-3"))
    assert "the same command goes on" in "\n".join(done.lines())
    assert run(folder, hill).told == 6


def test_settings_that_were_really_used_are_recorded(tmp_path):
    folder = begun(tmp_path).folder

    class Rounded:
        def measure(self, candidates, *, seed):
            for row in candidates.index:
                yield Outcome(row, {"yield": 1.0}, settings={"x": 0.5})

    run(folder, Rounded(), rounds=1)
    history = Campaign.open(folder).history()
    assert history["x"].tolist() == [0.5] * 3
    assert set(history["flags"]) == {"made with other settings than suggested"}


def test_a_table_can_be_the_laboratory(tmp_path):
    table = pd.DataFrame({"x": [0.1, 0.2, 0.3, 0.4], "kind": list("abab"), "yield": [1.0, 2.0, 3.0, 4.0]})
    table.to_csv(tmp_path / "measured.csv", index=False)
    table[["x", "kind"]].to_csv(tmp_path / "designs.csv", index=False)
    text = (
        PROBLEM[: PROBLEM.index("[space.x]")]
        + '[space]\ncandidates = "designs.csv"\n'
        + PROBLEM[PROBLEM.index("[campaign]") :]
    )
    (tmp_path / "pool.toml").write_text(text, "utf-8")
    folder = Campaign.new(tmp_path / "pool.toml", tmp_path / "pool").folder
    done = run(folder, f"table:{tmp_path / 'measured.csv'}")
    assert done.told == 4
    assert Campaign.open(folder).best()["yield"].tolist() == [4.0]
    assert "nothing is left" in done.stopped[0]


def slowly(candidate):
    time.sleep(0.1)
    return 100 * candidate["x"]


@pytest.mark.skipif(sys.platform == "win32", reason="a copy of this process is killed")
def test_a_killed_run_has_every_told_result_and_goes_on(tmp_path):
    folder = begun(tmp_path, "budget = { experiments = 12 }\n").folder
    child = multiprocessing.get_context("fork").Process(target=run, args=(folder, slowly))
    child.start()
    until = time.monotonic() + 60
    while len(Campaign.open(folder).state.results) < 4 and time.monotonic() < until:
        time.sleep(0.02)
    child.kill()
    child.join()
    before = Campaign.open(folder).state
    assert len(before.results) >= 4
    done = run(folder, lambda candidate: 100 * candidate["x"])
    after = Campaign.open(folder).state
    assert done.told == 12 - len(before.results)
    assert len(after.results) == len(after.suggestions) == 12
    assert all(after.results[name] == one for name, one in before.results.items())

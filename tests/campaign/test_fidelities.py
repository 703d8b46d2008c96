"""Cheap stand-ins beside experiments: asked for, told, counted, replayed; and a campaign of an earlier release."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from matloop.campaign.campaign import Campaign
from matloop.campaign.report import report
from matloop.campaign.run import run
from matloop.campaign.simulate import simulate
from matloop.campaign.workers import Job, opened, packed, unpacked
from matloop.core.errors import ConfigError, DataError
from matloop.core.jsonable import to_jsonable
from matloop.design.goals import read_goal
from matloop.problem.campaign_toml import dump_campaign, load_campaign, parse_campaign

FILE = """\
name = "two sights"
goals = ["maximise y"]
[space.a]
kind = "continuous"
low = 0
high = 1
[space.b]
kind = "continuous"
low = 0
high = 1
[targets.y]
[fidelities.sim]
cost = 1
[fidelities.bench]
cost = 20
[campaign]
batch = 3
budget = { experiments = 6 }
"""


def currin(a, b):
    """Currin et al. (1988); its maximum is 13.80 at a = 0.2167, b = 0."""
    first = 1 - np.exp(-1 / (2 * np.maximum(b, 1e-9)))
    return first * (2300 * a**3 + 1900 * a**2 + 2092 * a + 60) / (100 * a**3 + 500 * a**2 + 4 * a + 20)


def smeared(a, b):
    """Xiong, Qian, Wu (2013), doi:10.1080/00401706.2012.723572: the cheap one of the pair."""
    return np.mean([currin(a + i, np.maximum(b + j, 0)) for i in (0.05, -0.05) for j in (0.05, -0.05)], axis=0)


def laboratory(asked):
    frame = asked.frame.copy().astype(object)
    cheap = (frame["fidelity"] == "sim").to_numpy()
    a, b = (frame[name].to_numpy(float) for name in ("a", "b"))
    frame["y"] = np.where(cheap, smeared(a, b), currin(a, b))
    return frame


@pytest.fixture
def two(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    (tmp_path / "two.toml").write_text(FILE)
    return Campaign.new(tmp_path / "two.toml", tmp_path / "two")


@pytest.fixture
def begun(two):
    """Until a model is asked."""
    for _ in range(4):
        two.tell(laboratory(two.ask()))
    return two


def test_the_cheapest_begins_and_a_model_says_who_measures_and_why(two):
    first = two.ask()
    assert {one.fidelity for one in first.suggestions} == {"sim"}
    assert {one.cost for one in first.suggestions} == {1.0}
    two.tell(laboratory(first))
    for _ in range(3):
        asked = two.ask()
        two.tell(laboratory(asked))
    assert any(one.fidelity == "" and one.cost == 20 for one in two.state.suggestions.values())
    assert "per cost it teaches" in asked.suggestions[0].reason
    assert "y" in asked.suggestions[0].foreseen
    assert first.lines()[0].endswith(", by sim")


def test_only_experiments_count_as_best_and_against_the_number_of_them(begun):
    history, standing = begun.history(), begun.status()
    real = history[history["fidelity"] == "bench"]
    assert begun.best()["fidelity"].tolist() == ["bench"]
    assert begun.best()["y"][0] == real["y"].max()
    assert history["y"].max() > real["y"].max()  # a stand-in saw more, which is no result
    assert standing.made == len(real)
    assert standing.stand_ins == {"sim": len(history) - len(real)}
    assert standing.cost == 20 * len(real) + standing.stand_ins["sim"]
    assert f"{standing.stand_ins['sim']} by sim" in standing.lines()[1]
    report(begun)
    page = (begun.folder / "report.html").read_text()
    assert "By sim" in page
    assert "by what stands in for experiments" in page


def test_it_ends_when_the_experiments_are_made_and_replays_to_the_same_state(begun):
    while not (asked := begun.ask()).stopped:
        begun.tell(laboratory(asked))
    assert asked.stopped == ("budget: 6 of 6 experiments are made.",)
    assert begun.best()["y"][0] > 12.0
    assert Campaign.open(begun.folder).state == begun.state


def test_the_same_place_may_be_asked_of_both_but_of_none_twice(begun):
    seen = [(str(one.point), one.fidelity) for one in begun.state.suggestions.values()]
    assert len(set(seen)) == len(seen)
    assert len({point for point, _ in seen}) < len(seen)


def test_results_name_their_fidelity_and_what_does_not_fit_is_refused(two):
    asked = two.ask()
    wrong = laboratory(asked)
    wrong["fidelity"] = "bench"
    with pytest.raises(DataError, match=r"was asked for by sim, and the row says bench"):
        two.tell(wrong)
    with pytest.raises(DataError, match=r'column "fidelity": found "simm"\. Did you mean "sim"'):
        two.tell(pd.DataFrame([{"a": 0.1, "b": 0.2, "y": 1.0, "fidelity": "simm"}]))
    with pytest.raises(DataError, match="own place only"):
        two.tell(pd.DataFrame([{"a": 0.1, "b": 0.2, "y": 1.0, "place": "lab B"}]))
    point = asked.suggestions[0].point
    told = two.tell(pd.DataFrame([{**point, "y": 5.0, "fidelity": "sim"}]))
    assert "taken by its settings for" in told.notes[0]
    two.tell(pd.DataFrame([{**point, "y": 4.0}]))  # the experiment there, which nobody asked for: no replicate
    assert [(r.fidelity, r.flags) for r in two.state.results.values()] == [("sim", ()), ("", ())]


def test_a_failed_simulation_is_no_failed_synthesis(begun):
    asked = begun.ask(anyway=True)
    frame = laboratory(asked)
    frame["y"], frame["failed"] = "", "yes"
    begun.tell(frame)
    made = [result for result in begun.state.results.values() if result.failed]
    assert begun.status(health=False).failed == len(made) == 3
    begun.ask(anyway=True)


def test_strategies_that_know_experiments_alone_ask_for_them_alone(tmp_path):
    problem = parse_campaign(FILE.replace("batch = 3", 'batch = 3\nstrategy = "genetic"')).problem
    made = Campaign.new(problem, tmp_path / "g")
    made.tell(pd.DataFrame([{"a": 0.1 * k, "b": 0.5, "y": 100.0 + k, "fidelity": "sim"} for k in range(8)]))
    assert {one.fidelity for one in made.ask().suggestions} == {""}


def test_each_fidelity_has_its_oracle(tmp_path):
    grid = [(a, b) for a in np.linspace(0, 1, 6) for b in np.linspace(0, 1, 6)]
    a, b = np.array(grid).T
    pd.DataFrame({"a": a, "b": b, "y": smeared(a, b)}).to_csv(tmp_path / "sim.csv", index=False)
    pd.DataFrame({"a": a, "b": b}).to_csv(tmp_path / "grid.csv", index=False)
    text = 'candidates = "grid.csv"\n' + FILE.replace(
        "cost = 1\n", f"cost = 1\noracle = 'table:{tmp_path / 'sim.csv'}'\n"
    )
    (tmp_path / "c.toml").write_text(text)
    made = Campaign.new(tmp_path / "c.toml", tmp_path / "c")
    with pytest.raises(ConfigError, match="what measures by bench is not said"):
        run(made.folder)
    done = run(made.folder, lambda point: float(currin(point["a"], point["b"])), rounds=3, cost=25.0)
    assert done.told == len(made.state.results) == 9
    for result in made.state.results.values():
        function = smeared if result.fidelity else currin
        assert result.values["y"] == pytest.approx(function(result.point["a"], result.point["b"]))
        assert result.cost == 25.0 or result.fidelity


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("cost = 20", "cost = 1", "their costs must differ"),
        ("cost = 20", "cost = -2", "a number above 0"),
        ("cost = 20", "", "cost"),
        ("cost = 20", "price = 20", "no such key"),
        ("[fidelities.bench]\ncost = 20\n", "", "is the only one"),
        ("batch = 3", 'batch = 3\nsurrogate = "forest"', 'it is "multi_fidelity"'),
        ("batch = 3", 'batch = 3\ncost = "2 + a"', "has its own cost"),
        ("[targets.y]", "[targets.y]\n[targets.fidelity]", "rename it"),
        ("[campaign]", '[data]\nplaces = { "lab B" = "b.csv" }\n[campaign]', "do not go together"),
    ],
)
def test_what_cannot_be_is_told(old, new, said):
    sentences = parse_campaign(FILE.replace(old, new, 1) if new != "cost = 1" else FILE.replace(old, new)).sentences()
    assert any(said in one for one in sentences), sentences


def test_the_file_is_written_as_it_is_read(tmp_path):
    problem = parse_campaign(FILE).problem
    (tmp_path / "again.toml").write_text(dump_campaign(problem))
    assert load_campaign(tmp_path / "again.toml") == problem
    assert [one.name for one in problem.fidelities] == ["bench", "sim"]


def test_a_simulation_spends_the_same_on_all(tmp_path):
    rng = np.random.default_rng(0)
    a, b = rng.random(60).round(3), rng.random(60).round(3)
    real = pd.DataFrame({"a": a, "b": b, "y": currin(a, b), "fidelity": ""})
    cheap = pd.DataFrame({"a": a, "b": b, "y": smeared(a, b), "fidelity": "sim"})
    pd.concat([real, cheap]).to_csv(tmp_path / "known.csv", index=False)
    (tmp_path / "c.toml").write_text('candidates = "known.csv"\n' + FILE)
    asked = {"strategies": ["random"], "seeds": [0], "n": 6, "batch": 3}
    found = simulate(tmp_path / "c.toml", **asked, cache=tmp_path / "runs.jsonl")
    rows = found.replays.rows("fidelities")
    assert (rows[:, 0] == -1).any(), "what one experiment costs went to simulations first"
    assert (rows >= 0).sum(axis=1).min() >= 3
    assert all(len(set(one[one >= 0])) == (one >= 0).sum() for one in rows)
    assert "sim 0.05" in "\n".join(found.lines())
    kept = simulate(tmp_path / "c.toml", **asked, cache=tmp_path / "runs.jsonl")
    np.testing.assert_array_equal(kept.replays.rows("fidelities"), rows)
    real.to_csv(tmp_path / "known.csv", index=False)
    with pytest.raises(DataError, match='no row of the fidelity "sim"'):
        simulate(tmp_path / "c.toml", **asked)
    real.drop(columns="fidelity").to_csv(tmp_path / "known.csv", index=False)
    with pytest.raises(DataError, match='no column "fidelity"'):
        simulate(tmp_path / "c.toml", **asked)


def test_a_worker_sees_the_same_stand_ins():
    frame = pd.DataFrame({"a": [0.1, 0.2, 0.3, 0.1, 0.1], "y": [1.0, 2.0, 3.0, 5.0, 7.0]})
    frame["fidelity"] = ["", "bench", "", "sim", "sim"]
    job = Job(frame, (read_goal("maximise y"),), ("a",), 3, 1, None, parse_campaign(FILE).problem.fidelities)
    for known, stand_ins in (opened(job), opened(unpacked(packed(job)))):
        assert known.mean["y"].tolist() == [1.0, 2.0, 3.0]
        assert (stand_ins.names, stand_ins.costs) == (("bench", "sim"), (20.0, 1.0))
        np.testing.assert_array_equal(stand_ins.values[0]["y"], [6.0, np.nan, np.nan])


def test_a_campaign_of_an_earlier_release_is_the_same_as_then(tmp_path):
    old = Path(__file__).parent / "old"
    (tmp_path / "log.jsonl").write_bytes((old / "log.jsonl").read_bytes())
    then, now = json.loads((old / "state.json").read_text()), to_jsonable(Campaign.open(tmp_path).state)

    def as_then(value, like):
        if isinstance(like, dict):
            return {name: as_then(value[name], one) for name, one in like.items()}
        if isinstance(like, list):
            return [as_then(one, other) for one, other in zip(value, like, strict=True)]
        return value

    assert json.loads(json.dumps(as_then(now, then))) == then
    made = Campaign.open(tmp_path)
    assert made.status(health=False).made == 12
    assert len(made.ask(2).suggestions) == 2

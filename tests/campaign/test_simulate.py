import json

import numpy as np
import pandas as pd
import pytest

from matloop.campaign.known import known_of, open_known, worth_of
from matloop.campaign.replay import replay
from matloop.campaign.simulate import simulate
from matloop.campaign.workers import Job, replay_all
from matloop.core.errors import ConfigError, DataError
from matloop.design.contract import Suggestions
from matloop.design.goals import read_goal
from matloop.design.optimisers.designs import Random
from matloop.design.strategies import STRATEGIES

BEST = (read_goal("maximise y"),)


def table(n=60, seed=0):
    """A hill over a square, two measurements of each design."""
    rng = np.random.default_rng(seed)
    x = rng.random((n, 2)).repeat(2, axis=0)
    y = -((x - 0.6) ** 2).sum(axis=1) + 0.001 * rng.normal(size=2 * n)
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y})


class Climber:
    """The designs nearest to the best known one: clever enough for a hill."""

    def suggest(self, domain, history, goals, n, *, seed):
        best = domain.encode(history.points)[np.nanargmax(goals[0].sign * history.values[goals[0].target])]
        points = domain.everything()
        new = ~np.isin(domain.keys(points), domain.keys(history.points))
        points = points.take(new)
        order = np.argsort(((domain.encode(points) - best) ** 2).sum(axis=1))[:n]
        return Suggestions(points.take(order), ("near the best",) * len(order), how="climbs")


class Oracle:
    """Knows the answer: the best designs first."""

    def __init__(self, frame):
        self.frame = frame

    def suggest(self, domain, history, goals, n, *, seed):
        known = open_known(self.frame, goals, ())
        tried = [known.keys[key] for key in domain.keys(history.points)]
        order = [one for one in np.argsort(-known.worth) if one not in tried][:n]
        return Suggestions(known.points.take(order), ("known",) * len(order))


def test_designs_are_known_by_all_their_measurements():
    frame = table()
    known = open_known(frame, BEST, ())
    assert (len(known), known.n_rows, int(known.is_top.sum())) == (60, 120, 3)
    np.testing.assert_allclose(known.mean["y"], frame["y"].to_numpy().reshape(60, 2).mean(axis=1))


def test_every_strategy_of_a_seed_sees_the_same_measurements():
    known = open_known(table(), BEST, ())
    designs = np.array([3, 4, 3])
    told = known.told(designs, seed=5, earlier=np.array([], dtype=int))["y"]
    np.testing.assert_array_equal(told, known.told(designs, seed=5, earlier=np.array([7]))["y"])
    assert all(value in known.measured["y"][design] for value, design in zip(told, designs, strict=True))
    drawn = {known.told(np.array([3]), seed=seed, earlier=np.array([], dtype=int))["y"][0] for seed in range(20)}
    assert drawn == set(known.measured["y"][3])


def test_strategies_begin_with_the_same_batch_and_ask_in_whole_batches():
    known = open_known(table(), BEST, ())
    runs = [replay(known, one, name="", seed=4, n=18, batch=5) for one in (Random(), Climber())]
    assert runs[0].rows[:5] == runs[1].rows[:5]
    assert [len(run.rows) for run in runs] == [18, 18]
    assert len(set(runs[1].rows)) == 18
    assert len(runs[1].seconds) == 3


def test_a_table_that_is_used_up_ends_the_run():
    known = open_known(table(n=12), BEST, ())
    assert sorted(replay(known, Climber(), name="", seed=0, n=40, batch=5).rows) == list(range(12))


def test_what_is_better_is_found_to_pay_and_perfect_choice_finds_all():
    frame = table()
    sim = simulate(frame, ["maximise y"], strategies={"climber": Climber(), "oracle": Oracle(frame)}, seeds=8, n=30)
    found = sim.findings
    assert (found.pays, found.leader) == (True, "oracle")
    assert sim.replays.shares("oracle")[:, 9].min() == 1.0  # five at random, then the three best
    assert sim.replays.regret("oracle")[:, -1].max() == 0.0
    assert next(one for one in found.merits if one.name == "climber").versus_chance.p_holm < 0.05
    assert "80\u202f% of the best 3 of 60 designs" in found.sentence
    assert found.sentence.endswith("It pays.")


def test_what_is_chance_is_not_said_to_pay():
    sim = simulate(table(), ["maximise y"], strategies=("sobol", "random"), seeds=7, n=25)
    assert not sim.findings.pays
    assert sim.findings.sentence.startswith("Nothing was shown to pay here")
    assert "run more seeds" in " ".join(sim.findings.further)


def test_three_seeds_cannot_show_anything_and_the_answer_says_so():
    sim = simulate(table(), ["maximise y"], strategies={"climber": Climber()}, seeds=3, n=20)
    assert not sim.findings.pays
    assert "cannot reach p < 0.05" in " ".join(sim.findings.further)


def test_another_process_gives_the_same_replays():
    frame = table()
    job = Job(frame, BEST, (), 20, 5)
    missing = [("latin", 0), ("random", 1)]
    found = {(run.strategy, run.seed): run.rows for run in replay_all(job, missing, workers=1)}
    for name, seed in missing:
        strategy = STRATEGIES.load(name)()
        here = replay(open_known(frame, BEST), strategy, name=name, seed=seed, n=20, batch=5)
        assert found[name, seed] == here.rows


def test_a_broken_off_cache_goes_on(tmp_path):
    cache = tmp_path / "runs.jsonl"
    asked = {"strategies": ("latin", "random"), "seeds": 2, "n": 20, "cache": cache}
    first = simulate(table(), ["maximise y"], **asked)
    lines = cache.read_text("utf-8").splitlines()
    assert len(lines) == 4
    cache.write_text("\n".join(lines[:2]) + "\n" + lines[2][:40], "utf-8")  # killed while writing the third
    again = simulate(table(), ["maximise y"], **asked)
    for name in ("latin", "random"):
        np.testing.assert_array_equal(first.replays.rows(name), again.replays.rows(name))
    assert sum(line.endswith("}") for line in cache.read_text("utf-8").splitlines()) == 4


def test_a_cached_run_serves_shorter_ones_and_no_other_table(tmp_path):
    cache = tmp_path / "runs.jsonl"
    long = simulate(table(), ["maximise y"], strategies=("random",), seeds=2, n=30, cache=cache)
    size = cache.stat().st_size
    short = simulate(table(), ["maximise y"], strategies=("random",), seeds=2, n=13, cache=cache)
    assert cache.stat().st_size == size
    np.testing.assert_array_equal(short.replays.rows("random"), long.replays.rows("random")[:, :13])
    simulate(table(seed=1), ["maximise y"], strategies=("random",), seeds=2, n=13, cache=cache)
    assert cache.stat().st_size > size


FILE = """
name = "hill"
goals = ["maximise y"]

[space]
candidates = "hill.csv"
constraints = ["a + b <= 1.5"]
a = {{ kind = "continuous", low = 0, high = {most} }}
b = {{ kind = "continuous", low = 0, high = 1 }}

[targets.y]
"""


def test_rows_that_the_space_does_not_allow_are_told_and_another_space_is_another_run(tmp_path):
    frame, cache, file = table(), tmp_path / "runs.jsonl", tmp_path / "hill.toml"
    frame.to_csv(tmp_path / "hill.csv", index=False)
    file.write_text(FILE.format(most=1), "utf-8")
    asked = {"strategies": ("random",), "seeds": 1, "n": 10, "cache": cache}
    first = simulate(file, **asked)
    lost = int((frame["a"] + frame["b"] > 1.5).sum())
    assert lost > 0
    told = f"{lost} of {len(frame)} rows are empty or not allowed by the space: they are no candidates."
    assert told in first.findings.further
    lines = len(cache.read_text("utf-8").splitlines())
    simulate(file, **asked)
    assert len(cache.read_text("utf-8").splitlines()) == lines
    file.write_text(FILE.format(most=2), "utf-8")  # the same rows are allowed, described otherwise
    assert len(simulate(file, **asked).replays.known) == len(first.replays.known)
    assert len(cache.read_text("utf-8").splitlines()) > lines


def test_a_strategy_that_fails_is_left_out_and_named():
    class Broken:
        def suggest(self, domain, history, goals, n, *, seed):
            raise DataError("no such descriptor")

    sim = simulate(table(), ["maximise y"], strategies={"broken": Broken(), "climber": Climber()}, seeds=6, n=20)
    assert sim.replays.left_out == {"broken": "no such descriptor"}
    assert "broken was left out: no such descriptor" in sim.findings.further


def test_worth_follows_the_goals():
    values = {"y": np.array([3.0, 2.0, 1.0, np.nan]), "z": np.array([0.0, 5.0, 9.0, 9.0])}
    both = (read_goal("minimise y"), read_goal("z >= 4"))
    np.testing.assert_array_equal(worth_of(values, both), [-np.inf, -2.0, -1.0, -np.inf])
    window = worth_of(values, (read_goal("z in 4..6"),))
    assert window[1] == 0.0
    assert window[0] == pytest.approx(-4.0 / np.std(values["z"]))
    front = worth_of(
        {"y": np.array([3.0, 2.0, 1.0]), "z": np.array([1.0, 2.0, 0.5])}, (read_goal("max y"), read_goal("max z"))
    )
    np.testing.assert_array_equal(front, [0.0, 0.0, -2.0])  # the last is beaten by both


def test_failed_experiments_are_told_as_such():
    frame = table()
    frame.loc[:9, "y"] = np.nan
    known = open_known(frame, BEST, ())
    assert np.isinf(known.worth[:5]).all()
    seen = []

    class Watcher(Random):
        def suggest(self, domain, history, goals, n, *, seed):
            seen.append((history.failed, history.values["y"]))
            return super().suggest(domain, history, goals, n, seed=seed)

    replay(known, Watcher(), name="", seed=1, n=60, batch=10)
    failed, values = seen[-1]
    np.testing.assert_array_equal(failed, np.isnan(values))
    assert failed.any()


def test_the_page_and_its_numbers_are_written(tmp_path):
    sim = simulate(table(), ["maximise y"], strategies={"climb<b>er": Climber()}, seeds=6, n=25)
    sim.write(str(tmp_path / "paid.html"))
    page = (tmp_path / "paid.html").read_text("utf-8")
    assert page.index("It pays") < page.index("experiment by experiment")
    assert "climb<b>er" not in page
    numbers = json.loads((tmp_path / "paid.json").read_text("utf-8"))
    assert numbers["findings"]["pays"] is True
    assert len(numbers["curves"]["random"]["share"]) == 25
    assert any(line.startswith("random") for line in sim.lines())


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"goals": []}, ConfigError, "no goal"),
        ({"goals": ["maximise z"]}, DataError, "no column 'z'"),
        ({"goals": ["y = good"]}, ConfigError, "asks for a class"),
        ({"goals": ["maximise y", "y <= -100"]}, DataError, "nothing to find"),
        ({"strategies": ("rendom",)}, ConfigError, "rendom"),
        ({"seeds": (1, 1)}, ConfigError, "each only once"),
        ({"n": 0}, ConfigError, "one or more"),
        ({"parameters": ("c",)}, DataError, "no column 'c'"),
        ({"parameters": ("y",)}, DataError, "is a target"),
    ],
)  # fmt: skip
def test_what_cannot_be_simulated_is_said(change, error, told):
    asked = {"goals": ["maximise y"], "strategies": ("random",), "seeds": 1, "n": 5, **change}
    with pytest.raises(error, match=told):
        simulate(table(n=10), **asked)


def test_a_table_of_targets_alone_or_with_words_in_them_is_refused():
    frame = table(n=10)
    with pytest.raises(DataError, match="nothing to choose from"):
        simulate(frame[["y"]], ["maximise y"], strategies=("random",))
    frame["y"] = "soft"
    with pytest.raises(DataError, match="no number"):
        simulate(frame, ["maximise y"], strategies=("random",))
    with pytest.raises(DataError, match="outside the space"):
        known_of(table(n=10), BEST, open_known(table(n=5), BEST, ()).domain)

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from matloop.campaign import health
from matloop.campaign.ask import REPLACED
from matloop.campaign.state import Result, State, Suggestion
from matloop.design.goals import Goal

GOAL = Goal("yield", "maximise", unit="%")


def promises(n, *, miss=1.0, seed=0, told=None, per_round=5):
    """A state with `n` predictions of standard deviation 1, and results that stray `miss` times as much."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=n)
    values = means + miss * rng.normal(size=n) if told is None else np.asarray(told)
    suggestions = {
        f"c{k}": Suggestion(f"c{k}", 1 + k // per_round, {"x": float(k)}, foreseen={"yield": (m, m - 1.645, m + 1.645)})
        for k, m in enumerate(means)
    }
    results = {f"r{k}": Result(f"r{k}", 1, {"x": float(k)}, f"c{k}", {"yield": float(v)}) for k, v in enumerate(values)}
    return State(suggestions=suggestions, results=results)


def calibration(state):
    return next(health._calibration(state, GOAL, health.ALARM))


def test_promises_that_hold_are_seldom_called_wrong():
    alarms = sum(calibration(promises(30, seed=seed)).wrong for seed in range(300))
    assert alarms <= 8  # 1 % wanted; more have a chance of 0.4 % where it is kept


def test_promises_three_times_too_sure_are_called_wrong():
    found = calibration(promises(30, miss=3.0))
    assert found.wrong
    assert "fell into their 90 % interval" in found.said
    assert "wider" in found.do
    assert sum(calibration(promises(30, miss=3.0, seed=seed)).wrong for seed in range(100)) >= 95


def test_far_too_wide_promises_are_told_too():
    many = [promises(30, miss=0.1, seed=seed) for seed in range(3)]
    assert not any(calibration(state).wrong for state in many)  # 30 of 30 may be luck
    assert health.LEVEL**30 > health.ALARM


def test_stuck_is_no_improvement_against_many_chances(dye):
    state = promises(60, told=[9.0, *([-5.0] * 59)])
    spread = {name: replace(s, foreseen={"yield": (9.0, 7.0, 11.0)}) for name, s in state.suggestions.items()}
    question = replace(dye.question, goals=(GOAL,))
    found = next(health._stuck(replace(state, suggestions=spread), question))
    assert found.wrong
    assert "59 experiments ago" in found.said
    low = {name: replace(s, foreseen={"yield": (1.0, 0.5, 1.5)}) for name, s in state.suggestions.items()}
    assert "it may be the top" in next(health._stuck(replace(state, suggestions=low), question)).said


def test_an_optimum_beyond_the_range_is_seen(dye):
    points = [{"temperature": 120.0 if k % 4 else 60.0, "time": 10 + k, "solvent": "DMF"} for k in range(20)]
    suggestions = {
        f"c{k}": Suggestion(f"c{k}", k, point, foreseen={"yield": (1, 0, 2)}) for k, point in enumerate(points)
    }
    best = Result("r1", 1, points[1], "c1", {"yield": 90.0, "purity": 1.0})
    state = State(suggestions=suggestions, results={"r1": best})
    found = list(health._edges(state, dye.question))
    assert [f.said for f in found] == [
        "15 of the last 20 suggestions lie at the upper limit of temperature (120), and so does the best result."
    ]
    inside = replace(state, results={"r1": replace(best, point=points[0])})
    assert not list(health._edges(inside, dye.question))  # the corners are looked at, the best is elsewhere


def test_more_failures_than_before_are_seen():
    def state(failed):
        return State(results={f"r{k}": Result(f"r{k}", 1, {}, failed=bool(bad)) for k, bad in enumerate(failed)})

    assert next(health._failures(state([0] * 20 + [1, 0] * 10))).wrong
    assert not next(health._failures(state([1, 0, 0, 0, 0] * 8))).wrong
    assert "narrow the space" in next(health._failures(state([1, 1, 1, 0] * 4))).do


def test_duplicates_and_a_strategy_that_ran_out_are_seen(dye):
    point = {"temperature": 50.0, "time": 20, "solvent": "DMF"}

    def state(*suggestions):
        return State(suggestions={s.id: s for s in suggestions})

    twice = state(Suggestion("c1-1", 1, point), Suggestion("c2-1", 2, point))
    assert next(health._duplicates(twice, dye.question)).wrong
    meant = state(Suggestion("c1-1", 1, point), Suggestion("c2-1", 2, point, repeats="c1-1"))
    assert not next(health._duplicates(meant, dye.question)).wrong
    drawn = [Suggestion(f"c{k}", 1, {**point, "time": 10 + k}, REPLACED) for k in range(8)]
    assert "known already" in next(health._duplicates(state(*drawn), dye.question)).said


@pytest.fixture
def measured(dye):
    """Tells `n` results of a smooth truth, changed by `spoil(values, order)`."""

    def tell(n, spoil=lambda values, order: values, place="", seed=0, rounds=False):
        frame = dye.question.domain.frame(dye.question.domain.sample(n, seed, how="sobol"))
        rng = np.random.default_rng(seed)
        smooth = 60 - ((frame["temperature"] - 70) / 15) ** 2 - ((frame["time"] - 40) / 15) ** 2
        frame["yield"] = spoil(smooth.to_numpy() + rng.normal(size=n), np.arange(n))
        frame["purity"] = 1.0
        if rounds:
            for part in np.array_split(np.arange(n), 5):
                asked = dye.ask(1, anyway=True)
                dye.withdraw(asked.named)
                dye.tell(frame.iloc[part].reset_index(drop=True))
        else:
            dye.tell(frame, place=place)
        return {finding.check: finding for finding in health.checked(dye.state, dye.question)}

    return tell


def test_a_model_that_knows_something_is_well(measured):
    found = measured(40)
    assert not found["model"].wrong
    assert not any(finding.wrong for finding in found.values())


def test_a_model_of_nothing_is_called_so(measured):
    found = measured(40, lambda values, order: np.random.default_rng(3).normal(size=len(values)))
    assert found["model"].wrong
    assert "not shown to be better than the mean" in found["model"].said


def test_drift_with_time_is_seen(measured):
    found = measured(40, lambda values, order: values + 0.6 * order, rounds=True)
    assert found["drift"].wrong
    assert "later results of yield are higher" in found["drift"].said


def test_another_laboratory_that_reads_higher_is_seen(measured):
    measured(30)
    found = measured(10, lambda values, order: values + 12, place="lab B", seed=9)
    assert found["places"].wrong
    assert "lab B reads 1" in found["places"].said
    assert "%" in found["places"].said


def test_one_that_reads_alike_is_left_alone(measured):
    measured(30)
    assert not measured(10, place="lab B", seed=9)["places"].wrong


def test_findings_say_what_to_do(dye):
    dye.tell(pd.DataFrame([{"temperature": 50, "time": 20, "solvent": "DMF", "failed": "yes"}] * 12))
    lines = "\n".join(dye.status().lines())
    assert "! failures: 12 of 12 experiments failed" in lines
    assert "narrow the space" in lines

import pandas as pd

from matloop.campaign.oracles.contract import Outcome, Setting
from matloop.campaign.oracles.function import FunctionOracle
from matloop.campaign.oracles.patience import Patient

POINTS = pd.DataFrame({"x": [1.0, 2.0, 3.0]}, index=["a", "b", "c"])


class Flaky:
    """Answers `good` rows, then breaks down; each call is written down."""

    def __init__(self, good):
        self.good, self.calls = good, []

    def measure(self, candidates, *, seed):
        self.calls.append(list(candidates.index))
        for place, row in enumerate(candidates.index):
            if place == self.good[len(self.calls) - 1]:
                raise OSError("the cable came off")
            yield Outcome(row, {"y": 1.0}, cost=2.0)


def test_only_what_broke_down_is_asked_again_with_growing_pauses():
    pauses, oracle = [], Flaky([1, 1, 5])
    found = list(Patient(oracle, Setting({"y": ""}, tries=3, pause=2.0), pauses.append).measure(POINTS, seed=0))
    assert oracle.calls == [["a", "b", "c"], ["b", "c"], ["c"]]
    assert [one.row for one in found] == ["a", "b", "c"]
    assert all(one.values for one in found)
    assert pauses == [2.0, 4.0]


def test_a_finished_row_is_told_before_the_next_is_begun():
    stream = Patient(Flaky([1, 0, 0]), Setting({"y": ""}, tries=1)).measure(POINTS, seed=0)
    assert next(stream).values == {"y": 1.0}
    assert [one.fault for one in stream] == ["oracle", "oracle"]


def test_what_stays_broken_is_told_with_the_number_of_tries():
    pauses = []
    found = list(
        Patient(Flaky([0, 0, 0]), Setting({"y": ""}, tries=3, pause=1.0), pauses.append).measure(POINTS, seed=0)
    )
    assert [one.fault for one in found] == ["oracle"] * 3
    assert found[0].failure == "the oracle broke down: OSError: the cable came off (tried 3 times)"


def test_a_failed_experiment_is_an_answer_and_costs_add_up():
    said = iter([ZeroDivisionError("no"), {"failed": "melted", "cost": 5}])

    def measured(candidate):
        one = next(said)
        if isinstance(one, Exception):
            raise one
        return one

    setting = Setting({"y": ""}, tries=3, pause=0.0, cost=2.0)
    (found,) = Patient(FunctionOracle(measured, setting), setting).measure(POINTS.iloc[:1], seed=0)
    assert (found.failure, found.fault, found.cost) == ("melted", "experiment", 5.0)

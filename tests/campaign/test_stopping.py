import math

import numpy as np
import pytest
from scipy import integrate, stats

from matloop.campaign.campaign import Campaign
from matloop.campaign.stopping import improvement, learn, regret_bound


def with_stop(dye_file, tmp_path, rules, name="stopping"):
    dye_file.write_text(dye_file.read_text() + f"\n[stop]\n{rules}\n")
    return Campaign.new(dye_file, tmp_path / name)


def promising(campaign, value, spread, monkeypatch):
    """A strategy that foresees the same of everything."""
    from matloop.campaign import ask
    from matloop.design.contract import Foreseen, Suggestions
    from matloop.design.optimisers.designs import Random

    class Promising:
        def suggest(self, domain, history, goals, n, *, seed):
            said = Random().suggest(domain, history, goals, n, seed=seed)
            whole = np.full(len(said.points), value)
            seen = {"yield": Foreseen(whole, whole - 1.6448536 * spread, whole + 1.6448536 * spread)}
            return Suggestions(said.points, said.reasons, seen, how="promises")

    monkeypatch.setattr(ask, "strategy_of", lambda problem, base: Promising())


@pytest.mark.parametrize(("mean", "spread", "best"), [(3.0, 1.0, 4.0), (3.0, 2.0, 1.0), (-2.0, 0.5, 0.0)])
def test_expected_improvement_is_the_integral(mean, spread, best):
    foreseen = (mean, mean - 1.6448536 * spread, mean + 1.6448536 * spread)
    whole, _ = integrate.quad(lambda y: (y - best) * stats.norm.pdf(y, mean, spread), best, mean + 12 * spread)
    assert improvement(foreseen, 1.0, best) == pytest.approx(whole, rel=1e-6)
    assert improvement((-mean, -foreseen[2], -foreseen[1]), -1.0, best) == pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize("freedom", [1.0, 3.0, 30.0])
def test_an_interval_of_few_values_is_wide_and_promises_no_more_for_that(freedom):
    whole, _ = integrate.quad(lambda y: (y - 4.0) * stats.norm.pdf(y, 3.0, 1.0), 4.0, 15.0)
    away = stats.t.ppf(0.95, freedom)
    assert improvement((3.0, 3.0 - away, 3.0 + away), 1.0, 4.0, freedom) == pytest.approx(whole, rel=1e-6)
    assert improvement((3.0, 3.0 - away, 3.0 + away), 1.0, 4.0) > whole


def test_the_log_says_how_many_values_an_interval_is_of(dye_file, tmp_path, filled):
    dye_file.write_text(dye_file.read_text().replace('strategy = "random"\n', ""))
    campaign = Campaign.new(dye_file, tmp_path / "freedom")
    for value in (10.0, 30.0):
        asked = campaign.ask(4)
        assert all(one.freedom == {} for one in asked.suggestions)  # no model yet
        campaign.tell(filled(asked, [value + k for k in range(4)]))
    assert campaign.ask(1).suggestions[0].freedom == {"yield": 6.0, "purity": 6.0}


def test_a_promise_without_doubt_is_taken_as_it_is():
    assert improvement((5.0, 5.0, 5.0), 1.0, 4.0) == 1.0
    assert improvement((None, None, None), 1.0, 4.0) == math.inf


def test_the_budget_is_kept_to_the_last_experiment(dye, filled):
    for _ in range(3):
        dye.tell(filled(dye.ask(6), [50] * 6))
    assert len(dye.ask(6).suggestions) == 2
    stopped = dye.ask(1)
    assert not stopped.suggestions
    assert "18 of 20 experiments are made, 2 are asked for" in stopped.stopped[0]
    assert "--anyway" in "\n".join(stopped.lines())
    assert len(dye.ask(3, anyway=True).suggestions) == 3


def test_a_cost_budget_pays_for_what_it_can(dye_file, tmp_path):
    dye_file.write_text(dye_file.read_text().replace("experiments = 20", "cost = 21.0"))
    campaign = Campaign.new(dye_file, tmp_path / "cost")
    total = 0.0
    for _ in range(20):
        asked = campaign.ask(20)
        total += sum(s.cost for s in asked.suggestions)
        if asked.stopped:
            break
    assert 0 < total <= 21.0
    assert "budget" in asked.stopped[0]


def test_enough_experiments_that_meet_the_goals_end_it(dye_file, tmp_path, filled):
    campaign = with_stop(dye_file, tmp_path, "found = 2")
    campaign.tell(filled(campaign.ask(3), [50, 60, 70], [0.95, 0.5, 0.95]))
    assert "2 experiments meet all goals, 2 are wanted" in campaign.ask().stopped[0]


def test_a_small_gain_ends_it_with_its_numbers(dye_file, tmp_path, filled, monkeypatch):
    campaign = with_stop(dye_file, tmp_path, "gain = 1.0")
    campaign.tell(filled(campaign.ask(2), [50, 60]))
    promising(campaign, 65.0, 1.0, monkeypatch)
    assert campaign.ask(2).suggestions
    promising(campaign, 55.0, 1.0, monkeypatch)
    asked = campaign.ask(2)
    assert "promises" in asked.stopped[0]
    assert "below the 1 % that matter" in asked.stopped[0]
    assert campaign.status(health=False).stopped == asked.stopped
    assert campaign.ask(2, anyway=True).suggestions


def test_a_gain_that_is_worth_less_than_it_costs_ends_it(dye_file, tmp_path, filled, monkeypatch):
    campaign = with_stop(dye_file, tmp_path, "worth = 0.15")  # per percent; experiments cost 3 to 11
    campaign.tell(filled(campaign.ask(2), [50, 60]))
    promising(campaign, 65.0, 1.0, monkeypatch)
    assert "worth: the best suggestion costs" in campaign.ask(2).stopped[0]
    promising(campaign, 200.0, 1.0, monkeypatch)
    assert campaign.ask(2).suggestions


def test_no_rule_speaks_before_there_is_a_best(dye_file, tmp_path, monkeypatch):
    campaign = with_stop(dye_file, tmp_path, "gain = 1.0\nworth = 0.001\nregret = 5.0")
    promising(campaign, 0.0, 1.0, monkeypatch)
    assert campaign.ask(2).suggestions


def test_the_regret_bound_holds_and_shrinks(dye):
    def truth(frame):
        return 60 - ((frame["temperature"] - 70) / 20) ** 2 - ((frame["time"] - 40) / 15) ** 2

    bounds = []
    for n in (12, 40):
        frame = dye.question.domain.frame(dye.question.domain.sample(n, 5, how="sobol"))
        frame["yield"], frame["purity"] = truth(frame), 1.0
        dye.tell(frame)
        bounds.append(regret_bound(dye.state, dye.question))
        best = learn(dye.state, dye.question, dye.question.goals[0]).y.max()
        assert bounds[-1] >= 60 - best - 0.5
    assert bounds[1] < 0.5 * bounds[0]

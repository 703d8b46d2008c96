from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from matloop.campaign.check import check_campaign
from matloop.campaign.question import ready, strategy_of, usable
from matloop.core.errors import ConfigError
from matloop.problem.campaign import Chosen
from matloop.problem.campaign_toml import load_campaign


@pytest.fixture
def problem(dye_file):
    return load_campaign(dye_file)


def planned(problem, **changes):
    return replace(problem, plan=replace(problem.plan, **changes))


def test_costs_are_a_number_or_a_formula_over_the_settings(problem):
    question = ready(problem, Path())
    points = question.domain.sample(4, 0)
    times = question.domain.frame(points)["time"].to_numpy(float)
    np.testing.assert_allclose(question.costs(points), 2 + 0.1 * times)
    np.testing.assert_array_equal(ready(planned(problem, cost=3.5), Path()).costs(points), 3.5)


def test_a_cost_of_something_unknown_names_the_nearest(problem):
    with pytest.raises(ConfigError, match='no parameter or column "tme".*Did you mean "time"'):
        ready(planned(problem, cost="2 * tme"), Path())


def test_surrogate_and_acquisition_reach_the_strategy(problem):
    chosen = Chosen("forest", {"trees": 20})
    made = strategy_of(planned(problem, strategy=Chosen("auto"), surrogate=chosen, acquisition=Chosen("ucb")), Path())
    assert (made.surrogate, dict(made.surrogate_options), made.acquisition) == ("forest", {"trees": 20}, "ucb")


def test_an_option_that_a_strategy_does_not_take_is_told(problem):
    with pytest.raises(ConfigError, match='strategy "random" does not take these options'):
        strategy_of(planned(problem, strategy=Chosen("random", {"speed": 3})), Path())


def test_points_go_to_the_log_and_come_back_the_same(problem):
    question = ready(problem, Path())
    points = question.domain.sample(20, 3)
    again, outside = question.points(question.records(points))
    assert question.domain.keys(again).tolist() == question.domain.keys(points).tolist()
    assert not any(outside)
    assert usable(question.domain, again).all()


def test_every_fault_of_goals_and_methods_is_told_with_its_line(dye_file):
    text = dye_file.read_text().replace("purity >= 0.9", "purity >= 3 kg").replace('"random"', '"randm"')
    dye_file.write_text(text)
    found = check_campaign(dye_file)
    assert found.exit_code == 2
    assert len(found.faults) == 2
    assert "line 3, goals: goal 'purity >= 3 kg': purity is in no unit, not in kg" in found.faults[0]
    assert "Did you mean 'random'" in found.faults[1]


def test_a_campaign_that_nothing_ends_is_noted(dye_file):
    dye_file.write_text(dye_file.read_text().replace("budget = { experiments = 20 }\n", ""))
    assert "nothing ends this campaign" in check_campaign(dye_file).warnings[0]


def test_earlier_results_are_counted_and_their_faults_are_of_the_data(dye_file, tmp_path):
    (tmp_path / "old.csv").write_text("temperature,time,solvent,yield\n50,20,DMF,33\n")
    dye_file.write_text(dye_file.read_text() + '\n[data]\nsource = "old.csv"\n')
    assert "old.csv: 1 result" in check_campaign(dye_file).summary
    (tmp_path / "old.csv").write_text("temperature,time,solvent,yield\n50,20,DMF,lots\n")
    found = check_campaign(dye_file)
    assert found.exit_code == 3
    assert '"lots" is not a number' in found.faults[0]


def test_what_is_foreseen_stays_within_physical_bounds(dye_file, problem):
    bounded = [target for target in problem.targets if target.bounds is not None]
    made = strategy_of(planned(problem, strategy=Chosen("auto")), dye_file.parent)
    assert bounded
    assert made.bounds == {target.name: target.bounds for target in bounded}

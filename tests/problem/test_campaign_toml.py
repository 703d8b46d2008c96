from dataclasses import replace
from pathlib import Path

import pytest

from matloop.core.errors import ConfigError
from matloop.problem.campaign import Budget, Chosen, Earlier, Stop
from matloop.problem.campaign_toml import dump_campaign, is_campaign, load_campaign, parse_campaign
from matloop.problem.question import Source

ROOT = Path(__file__).parents[2]
SMALL = """\
name = "small"
goals = "maximise y"
[space.x]
kind = "continuous"
low = 0
high = 1
[targets.y]
"""


def faults_of(text):
    return parse_campaign(text, "c.toml").sentences()


def test_the_smallest_campaign_has_the_accepted_choices():
    problem = parse_campaign(SMALL).problem
    assert (problem.goals, problem.plan.batch, problem.plan.strategy) == (("maximise y",), 5, Chosen("auto"))
    assert problem.targets[0].column == "y"


def test_what_is_written_is_read_back_equal():
    problem = load_campaign(ROOT / "examples/campaign.toml")
    full = replace(
        problem,
        earlier=Earlier(Source("old.csv", sheet="May"), {"lab B": "b.csv"}),
        plan=replace(
            problem.plan, surrogate=Chosen("forest", {"trees": 50}), acquisition=Chosen("ei"), budget=Budget(9, 2.5)
        ),
        stop=Stop(gain=0.5, regret=1.0, found=3, confidence=0.9),
    )
    for each in (problem, full):
        assert parse_campaign(dump_campaign(each)).problem == each


def test_methods_are_words_or_tables():
    text = SMALL + '[campaign]\nstrategy = "random"\nsurrogate = { name = "forest", trees = 50 }\ncost = 3\n'
    plan = parse_campaign(text).problem.plan
    assert (plan.strategy, plan.surrogate) == (Chosen("random"), Chosen("forest", {"trees": 50}))
    assert plan.cost == 3.0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('goals = "maximise y"', "goals = 3", "c.toml, line 2, goals: found 3"),
        ('goals = "maximise y"\n', "", "goals: what is wanted is missing"),
        ('name = "small"\n', "", "name: a name is missing"),
        ("[targets.y]", "", "targets"),
        ("[targets.y]", "[targets.x]", "a parameter has the same name"),
        ("[targets.y]", "[targets.cost]", "the name of a column with another meaning"),
        ("[targets.y]", '[targets.y]\nunit = "florps"', 'the unit "florps" is not known'),
        ("[targets.y]", "[targets.y]\nbounds = [1, 0]", "swap the ends"),
        ("[targets.y]", "[targets.y]\nnoise = -1.0", "a standard deviation of 0 or more"),
        ("[targets.y]", "[targets.y]\n[campaign]\nbatch = 0", "[campaign] batch: found 0"),
        ("[targets.y]", "[targets.y]\n[campaign]\nbach = 2", 'Did you mean "batch"?'),
        ("[targets.y]", "[targets.y]\n[campaign]\nstrategy = 3", 'write strategy = "auto"'),
        ("[targets.y]", "[targets.y]\n[campaign]\ncost = -1", "a number above 0"),
        ("[targets.y]", "[targets.y]\n[campaign]\ncost = [1]", "a number, a column or a formula"),
        ("[targets.y]", "[targets.y]\n[campaign]\nbudget = { experiments = -3 }", "a budget is a number above 0"),
        ("[targets.y]", "[targets.y]\n[stop]\ngain = 0", "[stop] gain: found 0"),
        ("[targets.y]", "[targets.y]\n[stop]\nconfidence = 95", "a share from 0.5 to below 1"),
        ("[targets.y]", "[targets.y]\n[data]\nplaces = { b = 3 }", "[data] places"),
        ("high = 1", "high = -1", "[space.x]"),
    ],
)
def test_each_fault_is_told_with_its_place(old, new, said):
    assert old in SMALL
    assert any(said in sentence for sentence in faults_of(SMALL.replace(old, new))), faults_of(SMALL.replace(old, new))


def test_all_faults_are_told_at_once(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text(
        SMALL.replace("[targets.y]", '[targets.y]\nunit = "florps"\n[stop]\ngain = 0\n[campaign]\nbatch = 0')
    )
    with pytest.raises(ConfigError, match="3 things have to be mended"):
        load_campaign(path)


def test_a_campaign_file_is_known_by_its_tables():
    assert is_campaign(ROOT / "examples/campaign.toml")
    assert not is_campaign(ROOT / "examples/thermopower.toml")
    assert not is_campaign(ROOT / "nowhere.toml")

import pytest

from matloop.core.errors import ConfigError
from matloop.monitor.retrain.plan import NewLabels, Plan, Rules, When, parse_plan, write_plan

LABELS = NewLabels(("a.csv",), "log", "day", "correction")
PLAN = Plan("problem.toml", "../b", "../runs", "s.db", "automatically", LABELS, When(7, 30.0, False, True),
            Rules(0.5, 30, 0.01, 0.1, 20))  # fmt: skip


def test_a_plan_comes_back_from_its_file():
    assert parse_plan(write_plan(PLAN)) == PLAN


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("alpha = 0.01", "alpha = 0.7", "[judge] alpha: is a chance between 0 and 0.5"),
        ("later = 0.5", "later = 1.5", "[judge] later: is a share between 0 and 1"),
        ("least = 30", "least = 2", "[judge] least: is 5 or more"),
        ('same = "correction"', 'same = "corection"', 'Did you mean "correction"?'),
        ('tables = ["a.csv"]\nlog = "log"', 'tables = []\nlog = ""', "no source of new labels"),
        ("labels = 7", "lables = 7", 'Did you mean "labels"?'),
        ('problem = "problem.toml"', "", "problem: is missing"),
    ],
)
def test_every_fault_is_told_with_what_to_do(old, new, said):
    text = write_plan(PLAN)
    assert old in text
    with pytest.raises(ConfigError) as told:
        parse_plan(text.replace(old, new))
    assert said in str(told.value)


def test_what_would_never_call_is_refused():
    with pytest.raises(ConfigError, match="nothing would ever call for training"):
        parse_plan(write_plan(Plan("p", "b", "r", labels=NewLabels(("a.csv",)), when=When(0, 0.0))))

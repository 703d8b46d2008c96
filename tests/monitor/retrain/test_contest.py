import numpy as np
import pytest

from matloop.doubt.prediction import Prediction
from matloop.monitor.retrain.contest import Rows, contest, on_classes, together, visible
from matloop.monitor.retrain.paired import paired_mean
from matloop.monitor.retrain.plan import Rules
from matloop.problem import Never, Success, Target

TARGET = Target("y", "y", success=Success("mae", at_most=1.0))


def told(value, half=1.0):
    n = len(value)
    return Prediction(np.asarray(value, float), value - half, value + half, np.full(n, half / 1.645), np.zeros((n, 0)),
                      np.ones(n, bool), np.full(n, ""))  # fmt: skip


def rows(n, old, new, seed=0, families=None, half=(2.0, 2.0)):
    """`old`, `new` : standard deviation of the errors of champion and challenger."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n)
    first, second = y + old * rng.normal(size=n), y + new * rng.normal(size=n)
    family = np.full(n, "oxide") if families is None else np.asarray(families)
    return Rows(y, told(first, half[0]), told(second, half[1]), np.array([f"g{seed}-{i}" for i in range(n)]), family)


def judged(later, vault, target=TARGET, **rules):
    return contest(target, {"later": later, "vault": vault}, Rules(**rules))


def test_a_clear_winner_is_better():
    found = judged(rows(60, 1.0, 0.4), rows(100, 1.0, 0.4, 1))
    assert found.answer == "better"
    assert found.together.gain.low > 0


def test_models_that_are_alike_are_not_promoted():
    answers = [judged(rows(40, 1.0, 1.0, 2 * s), rows(60, 1.0, 1.0, 2 * s + 1)).answer for s in range(20)]
    assert answers.count("better") <= 4  # 5 % of 20 is one


def test_a_worse_challenger_is_named_so():
    found = judged(rows(60, 0.4, 1.0), rows(100, 0.4, 1.0, 1))
    assert found.answer == "worse"
    assert "worse on the rows later in time" in found.why[0]


def test_the_vault_alone_does_not_promote():
    found = judged(rows(40, 0.5, 0.62, 4), rows(400, 1.0, 0.4, 1))
    assert found.together.p_better < 0.025
    assert found.answer in ("not shown to be better", "worse")


def test_few_later_rows_cannot_be_judged():
    found = judged(rows(8, 1.0, 0.1), rows(200, 1.0, 0.1, 1))
    assert found.answer == "cannot be judged"
    assert "there are 8 independent rows later in time, 20 are needed" in found.why[0]


def test_a_family_that_is_harmed_keeps_the_champion():
    later, vault = rows(60, 1.0, 0.3), rows(200, 1.0, 0.3, 1)
    y = vault.y
    bad = np.arange(200) < 25
    rng = np.random.default_rng(9)
    first = np.where(bad, y + 0.2 * rng.normal(size=200), vault.champion.value)
    second = np.where(bad, y + 1.2 * rng.normal(size=200), vault.challenger.value)
    families = np.where(bad, "halide", "oxide")
    found = judged(later, Rows(y, told(first, 2.0), told(second, 2.0), vault.groups, families))
    assert found.answer == "worse"
    assert "halide" in found.why[0]
    assert [one.name for one in found.families if one.harmed] == ["halide"]


def test_intervals_that_no_longer_hold_keep_the_champion():
    found = judged(rows(80, 1.0, 0.7, half=(2.0, 0.3)), rows(80, 1.0, 0.7, 1, half=(2.0, 0.3)))
    assert found.answer == "worse"
    assert any("intervals hold" in why for why in found.why)


def test_large_errors_count_where_the_problem_says_never():
    target = Target("y", "y", success=Success("mae", at_most=1.0, never=Never(3.0, 0.01)))
    later, vault = rows(60, 1.0, 0.3), rows(120, 1.0, 0.3, 1)
    value = vault.challenger.value.copy()
    value[:15] += 10.0
    far = Rows(vault.y, vault.champion, told(value, 20.0), vault.groups, vault.families)
    assert any("by far more often" in why for why in judged(later, far, target).why)


def test_what_gain_the_rows_could_show_is_told():
    """d = 100 paired differences of spread s: a gain of (1.960 + 0.842) s / 10 is seen 8 times of 10 at 0.025."""
    n = 100
    rng = np.random.default_rng(3)
    first, second = 1.0 + 0.5 * rng.random(n), 1.0 + 0.5 * rng.random(n)
    found = paired_mean("loss", first, second, np.arange(n), seed=0)
    expected = 2.802 * (first - second).std() / np.sqrt(n) / first.mean()
    assert visible(found, 0.025) == pytest.approx(expected, rel=0.06)
    alike = judged(rows(40, 1.0, 0.95), rows(60, 1.0, 0.95, 1))
    assert alike.answer == "not shown to be better"
    assert any("of the champion's mae is seen on rows like these 8 times of 10" in why for why in alike.why)


def test_families_that_are_harmed_are_told_by_name_only_so_far():
    n = 200
    rng = np.random.default_rng(0)
    y = rng.normal(size=n)
    good, bad = told(y + 0.2 * rng.normal(size=n), 2.0), told(y + 1.5 * rng.normal(size=n), 2.0)
    both = Rows(y, good, bad, np.arange(n).astype(str), np.array([f"f{i % 8}" for i in range(n)]))
    why = judged(both, both).why
    assert sum("worse for the family" in one for one in why) == 3
    assert why[-1] == "worse for 5 more of the 8 families"


def test_classes_are_compared_by_name():
    first = Prediction(np.array([0.0, 1.0]), *[np.full(2, np.nan)] * 2, np.zeros(2), np.array([[0.9, 0.1], [0.2, 0.8]]),
                       np.ones(2, bool), np.full(2, ""), 0.9, ("metal", "oxide"))  # fmt: skip
    found = on_classes(first, ("oxide", "glass", "metal"))
    np.testing.assert_array_equal(found.value, [2.0, 0.0])
    np.testing.assert_array_equal(found.proba, [[0.1, 0.0, 0.9], [0.8, 0.0, 0.2]])


def test_a_classifier_that_learnt_is_better():
    rng = np.random.default_rng(0)
    target = Target("k", "k", task="classification")

    def of(n, seed):
        y = rng.integers(0, 2, n).astype(float)

        def guess(right):
            value = np.where(rng.random(n) < right, y, 1 - y)
            proba = np.where(value[:, None] == np.arange(2), 0.8, 0.2)
            nan = np.full(n, np.nan)
            return Prediction(value, nan, nan, np.zeros(n), proba, np.ones(n, bool), np.full(n, ""), 0.9, ("a", "b"))

        groups = np.array([f"{seed}-{i}" for i in range(n)])
        return Rows(y, guess(0.65), guess(0.95), groups, np.full(n, ""), ("a", "b"))

    assert contest(target, {"later": of(50, 0), "vault": of(80, 1)}, Rules()).answer == "better"


@pytest.mark.parametrize(("answers", "expected"), [
    (("better", "not shown to be better"), "better"), (("better", "worse"), "worse"),
    (("not shown to be better", "cannot be judged"), "not shown to be better"),
])  # fmt: skip
def test_several_targets_are_better_at_one_and_worse_at_none(answers, expected):
    good, same, bad = (rows(60, 1.0, s) for s in (0.3, 1.0, 3.0))
    few = rows(8, 1.0, 1.0)
    kinds = {"better": good, "not shown to be better": same, "worse": bad, "cannot be judged": few}
    found = [contest(TARGET, {"later": kinds[one]}, Rules()) for one in answers]
    assert together(found)[0] == expected

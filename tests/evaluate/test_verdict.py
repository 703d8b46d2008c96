from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from matloop.evaluate.evidence import Terms, no_evidence
from matloop.evaluate.resample import share, wilson
from matloop.evaluate.values import CurvePoint, Evidence, Intervals
from matloop.evaluate.verdict import Case, Gain, answer_of, never_answer, together, verdict
from matloop.metrics.estimate import Estimate
from matloop.problem.question import Never, Success

NAN = math.nan
TERMS = Terms("regression", "mae", (), 1, 10, None, 0)


def some(name: str, mae: tuple[float, float, float], n_rows: int = 1000, **scores: Estimate) -> Evidence:
    empty = no_evidence(name, "", 0)
    return replace(empty, n_rows=n_rows, scores={"mae": Estimate(*mae), **scores}, in_domain_share=0.95)


def case(mae: tuple[float, float, float] = (113.0, 110.0, 117.0), **changes: object) -> Case:
    plain = Case(
        terms=TERMS, unit="uV/K", success=Success("mae", at_most=118.0), vault=some("vault", mae),
        cv=some("cv", (114.0, 112.0, 116.0)), loco=some("loco", (150.0, 145.0, 155.0)), groups=900,
        gains=(Gain("dummy", "vault", 267.0, Estimate(154.0, 150.0, 160.0)),), large_errors=None, looks=1,
    )  # fmt: skip
    return replace(plain, **changes)


@pytest.mark.parametrize(
    ("low", "high", "goal", "answer"),
    [
        (110.0, 117.0, {"at_most": 118.0}, "met"),
        (110.0, 118.0, {"at_most": 118.0}, "met"),
        (118.5, 125.0, {"at_most": 118.0}, "not met"),
        (115.0, 121.0, {"at_most": 118.0}, "cannot be judged"),
        (0.92, 0.95, {"at_least": 0.9}, "met"),
        (0.80, 0.89, {"at_least": 0.9}, "not met"),
        (0.88, 0.95, {"at_least": 0.9}, "cannot be judged"),
        (NAN, NAN, {"at_most": 118.0}, "cannot be judged"),
    ],
)
def test_answer_needs_the_whole_interval_on_one_side(low, high, goal, answer):
    assert answer_of(Estimate((low + high) / 2, low, high), Success("mae", **goal)) == answer


@pytest.mark.parametrize(
    ("parts", "answer"),
    [
        (["met", "met"], "met"),
        (["met", "no goal"], "met"),
        (["met", "not met"], "not met"),
        (["met", "cannot be judged"], "cannot be judged"),
        (["cannot be judged", "not met"], "not met"),
        (["no goal", "no goal"], "no goal"),
    ],
)
def test_all_conditions_must_hold(parts, answer):
    assert together(parts) == answer


def test_sentence_gives_the_reason_before_the_answer():
    found = verdict(case())
    assert found.answer == "met"
    assert found.sentence.index("113 µV/K") < found.sentence.index("the goal is met")
    assert not found.optimistic


def test_interval_across_the_goal_says_how_many_rows_would_settle_it():
    found = verdict(case((116.0, 112.0, 120.0)))
    assert found.answer == "cannot be judged"
    assert "about 4,000 sealed rows" in found.sentence  # 1,000 rows, half-width 4, distance 2: (4 / 2)^2 times as many


def test_second_look_is_optimistic():
    found = verdict(case(looks=2))
    assert found.optimistic
    assert "optimistic" in found.sentence
    assert "look number 2" in found.warnings[0]


def test_no_goal_compares_with_the_baselines():
    found = verdict(case(success=None))
    assert found.answer == "no goal"
    assert "No goal was set" in found.sentence
    assert any("better than always giving the same answer" in reason for reason in found.reasons)


def test_goal_met_but_too_many_large_errors_is_not_met():
    goal = Success("mae", at_most=118.0, never=Never(600.0, 0.015))
    found = verdict(case(success=goal, large_errors=Estimate(0.03, 0.02, 0.04)))
    assert found.answer == "not met"
    assert found.sentence.startswith("3 % of the errors are above 600 µV/K")


def test_never_is_judged_by_its_whole_interval():
    never = Never(600.0, 0.015)
    assert never_answer(Estimate(0.01, 0.008, 0.014), never) == "met"
    assert never_answer(Estimate(0.01, 0.008, 0.02), never) == "cannot be judged"
    assert never_answer(Estimate(0.03, 0.02, 0.04), never) == "not met"


def test_model_no_better_than_the_median_is_refused_in_the_first_words():
    gains = (Gain("dummy", "vault", 114.0, Estimate(1.0, -2.0, 4.0)),)
    found = verdict(case(gains=gains))
    assert found.answer == "met"
    assert found.sentence.startswith("Do not rely on this model")
    assert found.warnings[0].startswith("Do not rely on this model")


def test_model_no_better_than_mixtures_points_to_the_simpler_method():
    gains = (Gain("rule of mixtures", "vault", 114.0, Estimate(1.0, -2.0, 4.0)),)
    assert verdict(case(gains=gains)).sentence.startswith("Use the simpler method instead")


def test_few_sealed_rows_do_not_condemn_what_the_out_of_fold_rows_show():
    sealed = Gain("nearest neighbour", "vault", 120.0, Estimate(7.0, -1.0, 15.0))
    shown = Gain("nearest neighbour", "cv", 120.0, Estimate(7.0, 4.0, 10.0))
    assert verdict(case(gains=(sealed,))).sentence.startswith("Use the simpler method instead")
    found = verdict(case(gains=(sealed, shown)))
    assert found.sentence.startswith("The mean absolute error")
    assert any("too few to show" in text for text in found.warnings)


def test_a_worse_model_is_called_worse():
    found = verdict(case(gains=(Gain("rule of mixtures", "vault", 100.0, Estimate(-13.0, -15.0, -11.0)),)))
    assert "worse than the rule of mixtures" in found.sentence


def test_nine_groups_cannot_carry_a_verdict():
    found = verdict(case(groups=9))
    assert found.answer == "cannot be judged"
    assert found.sentence.startswith("Too little to judge by")


def test_much_worse_outside_the_training_chemistry_is_a_warning():
    found = verdict(case(loco=some("loco", (250.0, 240.0, 260.0))))
    assert any("outside the training chemistry" in text and "2.2 times" in text for text in found.warnings)
    assert not any("outside the training chemistry" in text for text in verdict(case()).warnings)


def test_perfect_scores_are_suspected_of_a_leak():
    found = verdict(case(vault=some("vault", (0.1, 0.09, 0.11), r2=Estimate(0.99999, 0.9999, 1.0))))
    assert found.sentence.startswith("Check for a leak")


@pytest.mark.parametrize(
    ("coverage", "words"),
    [((0.80, 0.78, 0.82), "too narrow"), ((0.97, 0.96, 0.98), "too wide"), ((0.9, 0.88, 0.92), "")],
)
def test_coverage_off_its_level_is_a_warning(coverage, words):
    intervals = Intervals(0.9, Estimate(*coverage), (0.9, 0.9, 0.9), 1.0, 1.0, 1.2, 0.1)
    warnings = verdict(case(vault=replace(case().vault, intervals=intervals))).warnings
    assert any("intervals are" in text for text in warnings) == bool(words)
    assert words in " ".join(warnings)


def test_falling_learning_curve_restless_seeds_and_what_was_left_out_are_named():
    curve = tuple(CurvePoint(n, 100.0 * n**-0.3, NAN) for n in (100, 300, 1000))
    found = verdict(case(curve=curve, curve_metric="mae", seed_scores=(100.0, 115.0), left_out=("seed 2: late",),
                         skipped=("mlp (torch is not installed)",)))  # fmt: skip
    text = " ".join(found.warnings)
    assert "take 19 % off the error" in text  # 1 - 2 ** -0.3
    assert "luck of folds" in text
    assert "Left out: seed 2" in text
    assert "mlp (torch is not installed)" in text


def test_wilson_interval_matches_a_published_value():
    low, high = wilson(81 / 263, 263)  # Newcombe, Stat. Med. 17 (1998) 857, table I: 0.2553 to 0.3662
    assert (low, high) == (pytest.approx(0.2553, abs=5e-5), pytest.approx(0.3662, abs=5e-5))


def test_share_counts_groups_not_copies():
    events, groups = np.repeat([1.0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 50), np.repeat(np.arange(10), 50)
    alone, together_ = share(events, np.arange(500)), share(events, groups)
    assert alone.value == together_.value == 0.1
    assert together_.high - together_.low > 3 * (alone.high - alone.low)


def test_no_event_still_leaves_doubt():
    assert share(np.zeros(100), np.repeat(np.arange(20), 5)).high == pytest.approx(wilson(0.0, 20)[1])

"""Bias: real differences are called, luck is not, and what is said is right."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.core.jsonable import dumps, from_jsonable
from matloop.evaluate.bias import find_bias, study_bias
from matloop.evaluate.bias_values import BiasStudy, errors_of_classes, errors_of_values
from matloop.evaluate.row_sets import by_column, by_range, by_word, column_sets
from matloop.evaluate.set_tests import compare_sets
from matloop.evaluate.slices import Slice

N = 240


def null_errors(rng, groups):
    """Heavy-tailed errors with a part that a group shares; the sets have nothing to do with them."""
    return rng.standard_t(4, len(groups)) + 0.7 * rng.standard_normal(groups.max() + 1)[groups]


def false_alarms(n_trials, group_size, spread=None, n_sets=25):
    groups = np.arange(N) // group_size
    alarms = 0
    for seed in range(n_trials):
        rng = np.random.default_rng(seed)
        member = (rng.random((groups.max() + 1, n_sets)) < rng.uniform(0.08, 0.5, n_sets))[groups]
        member[groups == 0], member[groups == 1] = True, False
        error = null_errors(rng, groups)
        if spread is not None:
            error = error * np.where(member[:, 0], spread, 1.0)
        # the mean is the same everywhere, whatever the spread
        tests = compare_sets(
            np.column_stack([np.abs(error), error])[:, [1] if spread else [0, 1]], member, groups, seed
        )
        alarms += bool((tests.p_adjusted <= 0.05).any())
    return alarms / n_trials


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr("matloop.evaluate.set_tests.MOST", 499)


@pytest.mark.parametrize(("group_size", "spread"), [(1, None), (4, None), (1, 3.0)])
def test_luck_is_called_in_at_most_one_of_twenty_studies(quick, group_size, spread):
    # 200 studies of 25 sets: 20 alarms would be 5 % plus 3.2 standard errors
    assert false_alarms(200, group_size, spread) <= 0.10


def test_planted_bias_is_found_and_only_that(quick):
    found = wrong = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        sets = [Slice("element", f"X{k}", rng.random(N) < 0.2) for k in range(30)]
        error = rng.normal(size=N) * np.where(sets[0].member, 2.5, 1.0) + 1.5 * sets[1].member
        study = find_bias(errors_of_values(np.zeros(N), error), sets, seed=seed)
        called = {(one.name, one.size or one.direction) for one in study.called}
        found += ("X0", "larger") in called and any(name == "X1" for name, _ in called)
        wrong += any(name not in ("X0", "X1") for name, _ in called)
    assert found >= 17
    assert wrong <= 3


def test_words_say_what_was_found():
    rng = np.random.default_rng(3)
    fluoride = np.arange(600) % 4 == 0
    offset = np.where(fluoride, -6.0, 0.0)
    value = offset + rng.normal(size=600) * np.where(fluoride, 2.0, 1.0)
    study = find_bias(errors_of_values(np.zeros(600), value, unit="uV/K"), [Slice("element", "F", fluoride)])
    size, direction = study.called[0].words
    assert size.startswith("compounds with F: error 7.")
    assert "(adjusted p < 0.001, 150 rows)" in size
    assert "predicted 6.0 µV/K too low, elsewhere" in direction
    assert study.sentence.startswith("Compounds with F: error 7.")


def test_a_difference_that_the_predicted_value_explains_is_told_so():
    rng = np.random.default_rng(0)
    high = rng.random(800) < 0.5
    oxide = rng.random(800) < np.where(high, 0.9, 0.1)
    predicted = np.where(high, 100.0, 1.0) + rng.random(800)
    error = rng.normal(size=800) * np.where(high, 5.0, 1.0)
    study = find_bias(
        errors_of_values(predicted - error, predicted), [Slice("family", "oxide", oxide)], predicted=predicted
    )
    assert study.called[0].ratio.value > 2.0
    assert study.called[0].alike == pytest.approx(1.0, abs=0.15)
    assert "times rows that are predicted alike" in study.called[0].words[0]


def test_ratio_and_its_interval_are_those_of_the_means():
    rng = np.random.default_rng(1)
    member = np.arange(400) < 100
    error = np.abs(rng.normal(size=400)) * np.where(member, 3.0, 1.0)
    found = find_bias(errors_of_values(np.zeros(400), error), [Slice("a", "b", member)]).findings[0]
    assert found.ratio.value == pytest.approx(error[member].mean() / error[~member].mean(), rel=1e-5)
    assert found.ratio.low < 3.0 < found.ratio.high
    assert found.error.value == pytest.approx(error[member].mean(), rel=1e-5)


def test_one_group_of_half_the_data_is_no_set_to_judge_by():
    groups = np.r_[np.zeros(100, int), np.arange(1, 101)]
    error = np.where(groups == 0, 5.0, 1.0) + np.random.default_rng(0).random(200)
    study = find_bias(errors_of_values(np.zeros(200), error), by_word("source", "source", groups == 0), groups)
    assert study.findings == ()
    assert "too few rows" in study.sentence
    assert study.too_few


def test_no_direction_is_tested_by_measured_value():
    rng = np.random.default_rng(0)
    y = rng.normal(size=500)
    found = find_bias(errors_of_values(y, 0.5 * y), by_range("measured", "", y))
    assert all(math.isnan(one.p_offset) and not one.direction for one in found.findings)


def test_twin_sets_are_told_once():
    rng = np.random.default_rng(0)
    fluoride = rng.random(500) < 0.3
    halide = fluoride | (rng.random(500) < 0.03)
    error = rng.normal(size=500) * np.where(fluoride, 3.0, 1.0)
    sets = [Slice("element", "F", fluoride), Slice("family", "halide", halide)]
    first, second = find_bias(errors_of_values(np.zeros(500), error), sets).called
    assert (first.same_as, second.same_as) == ("", "compounds with F")


def test_classes_have_a_direction_where_there_are_two():
    rng = np.random.default_rng(0)
    y = (rng.random(600) < 0.5).astype(float)
    cast = np.arange(600) < 200
    p = np.clip(np.where(y == 1, 0.7, 0.3) + 0.3 * cast, 0, 1)
    errors = errors_of_classes(y, p > 0.5, np.column_stack([1 - p, p]), classes=("soft", "hard"))
    found = find_bias(errors, by_word("category", "route", np.where(cast, "cast", "rolled"))).called[0]
    assert found.direction
    assert any("the chance of hard is" in text for text in found.words)
    assert errors_of_classes(y, y, np.zeros((600, 3))).offset is None


def test_log_scale_errors_are_factors():
    errors = errors_of_values([10.0, 100.0], [100.0, 10.0], scale="log")
    assert errors.offset.tolist() == [1.0, -1.0]
    with pytest.raises(DataError, match="values > 0"):
        errors_of_values([1.0, -1.0], [1.0, 1.0], scale="log")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: errors_of_values([1.0], [1.0, 2.0]), "1 true values, but 2 predictions"),
        (lambda: find_bias(errors_of_values([1.0], [1.0]), [Slice("a", "b", np.ones(3, bool))]), "'b' is about 3 rows"),
        (lambda: find_bias(errors_of_values([1.0], [1.0]), [], groups=[1, 2]), "1 rows, but 2 group names"),
        (lambda: column_sets({"source": ["a"]}, 2), "'source' has 1 values for 2 rows"),
    ],
)
def test_wrong_lengths_are_named(call, said):
    with pytest.raises(DataError, match=said):
        call()


def test_constant_columns_make_no_sets():
    assert by_column("T", np.ones(20)) == []
    assert by_column("T", np.full(20, np.nan)) == []


def test_study_looks_at_chemistry_values_and_further_columns(development, subject_of):
    subject, gathered = subject_of(development)
    columns = {"source": np.where(np.arange(len(development)) % 3 == 0, "icsd", "oqmd")}
    study = study_bias(subject, gathered, deadline=math.inf, columns=columns)
    assert {"element", "elements", "measured", "predicted", "category", "domain"} <= {
        one.kind for one in study.findings
    }
    assert study.sentence
    assert from_jsonable(BiasStudy, json.loads(dumps(study))).findings[0].name == study.findings[0].name
    assert study_bias(subject, gathered, deadline=time.monotonic() - 1.0) is None


def test_a_study_of_classes_with_one_absent_from_a_fold(made, subject_of):
    development = made["development"](task="classification")
    fold = np.where(development.y == 1, np.maximum(development.fold, 1), development.fold)
    subject, gathered = subject_of(replace(development, fold=fold), family="logistic")
    study = study_bias(subject, gathered, deadline=math.inf)
    assert "class" in {one.kind for one in study.findings}


def test_same_seed_same_study(development, subject_of):
    first, second = (study_bias(*subject_of(development), deadline=math.inf) for _ in range(2))
    assert dumps(first) == dumps(second)


def test_missing_words_and_numbers_are_no_values():
    assert [one.name for one in by_column("route", np.array(["cast", None, math.nan, "rolled"], dtype=object))] == [
        "route = cast",
        "route = rolled",
    ]
    names = [one.name for one in by_column("T", np.r_[np.arange(30.0), np.full(5, np.nan)])]
    assert names[-1] == "T missing"
    assert len(names) == 6

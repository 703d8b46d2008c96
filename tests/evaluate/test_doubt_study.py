"""The study of doubt: finds the better way where there is one, says when the own is as good, and loses nothing."""

import functools
import json
import math
import time
from dataclasses import replace

import numpy as np
import pytest

from matloop.core.jsonable import dumps, from_jsonable
from matloop.doubt.prediction import OutOfFold
from matloop.evaluate.doubt_study import Doubted, compare_doubt, study_doubt
from matloop.evaluate.doubt_values import DoubtStudy
from matloop.evaluate.judged import judged


@functools.cache
def made_once(make, subject_of):
    """Noise as large as the spread says, times three."""
    development = make(150)
    rng = np.random.default_rng(3)
    n = len(development)
    spread = rng.lognormal(0.0, 0.7, n)
    value = development.y - 3.0 * spread * rng.standard_normal(n)
    subject, gathered = subject_of(development)
    oof = OutOfFold(value, spread, np.empty((n, 0)), development.fold)
    held = judged(development, oof, oof, oof.fold, how="folds", seed=0)
    trained = replace(subject.trained, out_of_fold=oof)
    return replace(subject, trained=trained), replace(gathered, cv=held, loco=held)


@pytest.fixture
def regression(made, subject_of):
    return made_once(made["development"], subject_of)


def test_every_way_is_judged_on_rows_it_did_not_see(regression):
    subject, gathered = regression
    study = study_doubt(subject, gathered)
    part = study.parts[0]
    names = [one.name for one in part.methods]
    assert names[0] == "own"
    assert set(names) == {"own", "constant", "binned", "local", "factor", "linear", "isotonic", "scaled"}
    found = {one.name: one for one in part.methods}
    assert all(0.8 < one.coverage < 0.97 for one in part.methods)
    assert found["constant"].dispersion < 0.1 < found["factor"].dispersion
    assert found["factor"].score < found["constant"].score
    assert found["factor"].ence < 0.25
    assert found["constant"].beyond.low > 0.0 or part.best != "own"
    assert math.isnan(found["own"].beyond.value)
    assert found["factor"].widest_ratio > 2.0
    scores = [one.score for one in part.methods[1:]]
    assert scores == sorted(scores)


def test_without_a_spread_its_ways_are_left_out_and_said(regression):
    subject, gathered = regression
    study = study_doubt(subject, gathered)
    assert {one.name for one in study.parts[1].methods} == {"own", "constant", "binned", "local"}
    assert any(note.startswith("loco: ways that need the spread") for note in study.notes)
    with_spread = study_doubt(subject, gathered, loco_spread=subject.trained.out_of_fold.spread)
    assert len(with_spread.parts[1].methods) == 8


def test_a_deadline_that_is_over_leaves_the_own_doubt(regression):
    subject, gathered = regression
    study = study_doubt(subject, gathered, deadline=time.monotonic())
    assert [one.name for one in study.parts[0].methods] == ["own"]
    assert sum("the time ran out" in note for note in study.notes) >= 4


def test_it_survives_json_and_is_the_same_again(regression):
    study = study_doubt(*regression)
    again = study_doubt(*regression)
    assert dumps(study) == dumps(again)
    back = from_jsonable(DoubtStudy, json.loads(dumps(study)))
    assert dumps(back) == dumps(study)


def ways(n=2000, seed=0):
    rng = np.random.default_rng(seed)
    std = rng.lognormal(0.0, 0.6, n)
    y = std * rng.standard_normal(n)
    z = 1.645

    def way(name, s):
        return Doubted(name, name, -z * s, z * s, s)

    return y, way("true", std), way("flat", np.full(n, np.sqrt(np.mean(std**2)))), way("tight", 0.5 * std)


def test_the_better_way_is_told_apart_and_an_equal_one_is_not():
    y, true, flat, tight = ways()
    value = np.zeros(len(y))
    part = compare_doubt("cv", y, value, (flat, true, tight))
    assert part.best == "true"
    assert not part.within_noise
    assert compare_doubt("cv", y, value, (true, flat, tight)).within_noise
    nearly = Doubted("nearly", "nearly", 1.001 * true.low, 1.001 * true.high, 1.001 * true.std)
    assert compare_doubt("cv", y, value, (nearly, true)).within_noise


def test_levels_are_kept_by_the_truth_and_missed_by_half_of_it():
    y, true, _, tight = ways()
    part = compare_doubt("cv", y, np.zeros(len(y)), (true, tight))
    np.testing.assert_allclose(part.methods[0].levels.found, part.methods[0].levels.predicted, atol=0.03)
    assert part.methods[1].levels.found[-2] == pytest.approx(0.59, abs=0.04)  # 2 * Phi(1.645 / 2) - 1


def test_perfect_predictions_are_survived():
    n = 40
    nothing = Doubted("own", "own", np.zeros(n), np.zeros(n), np.zeros(n))
    part = compare_doubt("cv", np.zeros(n), np.zeros(n), (nothing, replace(nothing, name="other")))
    assert part.within_noise
    assert part.methods[0].coverage == 1.0


def test_probabilities_and_sets_of_classes(made, subject_of):
    development = made["development"](200, task="classification")
    subject, gathered = subject_of(development, family="logistic")
    oof = subject.trained.out_of_fold
    gathered = replace(gathered, cv=judged(development, oof, oof, oof.fold, how="folds", seed=0))
    study = study_doubt(subject, gathered)
    part = study.classes[0]
    assert not study.parts
    assert {one.name for one in part.methods} == {"own", "identity", "temperature", "scaled", "isotonic"}
    own = part.methods[0]
    assert own.log_loss < 0.5
    assert 0.0 <= own.ece < 0.1
    by_class = next(one for one in part.sets if one.name == "by_class")
    assert by_class.coverage == pytest.approx(0.9, abs=0.06)
    assert np.nanmin(by_class.by_class) > 0.82
    assert 1.0 <= by_class.mean_size < 2.0
    assert dumps(from_jsonable(DoubtStudy, json.loads(dumps(study)))) == dumps(study)

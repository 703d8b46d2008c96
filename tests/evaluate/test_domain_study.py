"""The study of the domain: finds what was planted, says what it could not, and loses nothing on the way to a file."""

import functools
import json
import math
import time
from dataclasses import replace

import numpy as np
import pytest

from matloop.core.jsonable import dumps, from_jsonable
from matloop.doubt.domains import DOMAINS
from matloop.doubt.prediction import OutOfFold
from matloop.evaluate.domain_study import DomainStudy, study_domain
from matloop.evaluate.gathered import Gathered, HeldOut, Kept
from matloop.evaluate.judged import judged


@functools.cache
def made_once(with_columns, subject_of, task):
    """Six islands; a model whose error grows with the distance to the islands it knows."""
    rng = np.random.default_rng(0)
    place = np.arange(480) % 6
    centre = rng.normal(0.0, 3.0, (6, 4))
    X = centre[place] + rng.normal(0.0, 0.5, (480, 4))
    y = X @ np.array([1.0, -2.0, 0.5, 1.0])
    classes = {"classes": ("soft", "hard"), "task": "classification", "metric": "accuracy"}
    facts = classes if task == "classification" else {"metric": "mae", "unit": "GPa"}
    y = (y > 0).astype(float) if task == "classification" else y
    development = with_columns(
        X, y, [f"x{i}" for i in range(4)], ("f:magpie",) * 4, fold=np.arange(480) // 6 % 5, **facts
    )
    family = "random_forest" if task == "classification" else "ridge"
    subject = replace(subject_of(development, family=family)[0], development=development)
    off = [rng.normal(0.0, size, 480) for size in (0.3, 1.5)]
    found = []
    for noise, part in zip(off, (development.fold, place), strict=True):
        value, proba = y + noise, np.empty((480, 0))
        if task == "classification":
            p = np.clip(0.5 + 0.4 * (2 * y - 1) - 0.5 * np.abs(noise) * (2 * y - 1), 0.05, 0.95)
            value, proba = (p > 0.5).astype(float), np.column_stack([1 - p, p])
        found.append(OutOfFold(value, np.zeros(480), proba, part))
    cv = judged(development, found[0], found[0], development.fold, how="", seed=0)
    loco = judged(development, found[0], found[1], place, how="", seed=0)
    return subject, Gathered("mae", cv, loco, (), (), (), Kept(development.fold, (), -1))


@pytest.fixture
def built(with_columns, subject_of):
    return lambda task="regression": made_once(with_columns, subject_of, task)


def test_left_out_islands_are_told_and_rows_there_are_worse(built):
    study = study_domain(*built(), deadline=math.inf)
    first = study.measures[0]
    assert first.in_use
    assert first.auroc > 0.95
    assert len(first.by_cluster) == 6
    assert {one.name for one in study.measures[1:]} == set(DOMAINS)
    assert 0.02 <= study.flagged_cv.value <= 0.12
    assert study.flagged_loco.value > 0.9
    usual, flagged = study.side("cv", inside=True), study.side("loco", inside=False)
    assert flagged.error.low > 3 * usual.error.high
    assert usual.coverage.value > 0.85
    assert study.side("cv", inside=True).n_rows + study.side("cv", inside=False).n_rows == 480


def test_distance_bins_hold_all_rows_and_limits_trade_false_flags_for_found_ones(built):
    study = study_domain(*built(), deadline=math.inf)
    for where in ("cv", "loco"):
        bins = [one for one in study.bins if one.where == where]
        assert sum(one.n_rows for one in bins) == 480
        assert [one.score for one in bins] == sorted(one.score for one in bins)
    flagged = [one.flagged_cv for one in study.limits]
    assert flagged == sorted(flagged, reverse=True)
    assert [one.limit for one in study.limits if one.in_use] == [1.0]


def test_classes_have_shares_of_errors_and_no_coverage(built):
    study = study_domain(*built("classification"), deadline=math.inf)
    assert study.classification
    assert 0.0 <= study.side("cv", inside=True).error.value < study.side("loco", inside=False).error.value <= 1.0
    assert math.isnan(study.side("loco", inside=False).coverage.value)


def test_without_clusters_only_random_folds_are_judged_and_it_is_said(built):
    subject, gathered = built()
    study = study_domain(subject, replace(gathered, loco=None), deadline=math.inf)
    assert math.isnan(study.flagged_loco.value)
    assert math.isnan(study.measures[0].auroc)
    assert study.limits == ()
    assert "not tried on new chemistry" in study.notes[0]


def test_clusters_that_were_not_done_in_time_are_left_out(built):
    subject, gathered = built()
    value = np.where(gathered.loco.part < 2, np.nan, gathered.loco.prediction.value)
    loco = HeldOut(replace(gathered.loco.prediction, value=value), gathered.loco.part, gathered.loco.constant, "")
    study = study_domain(subject, replace(gathered, loco=loco), deadline=math.inf)
    assert len(study.measures[0].by_cluster) == 4
    assert sum(one.n_rows for one in study.sides if one.where == "loco") == 320


def test_a_deadline_leaves_measures_out_and_names_them(built):
    study = study_domain(*built(), deadline=time.monotonic() - 1)
    assert len(study.measures) == 1
    assert "Kernel density" in study.notes[0]
    assert math.isfinite(study.measures[0].auroc)


def test_quick_compares_only_the_plain_distance(built):
    subject, gathered = built()
    study = study_domain(replace(subject, depth="quick"), gathered, deadline=math.inf)
    assert [one.name for one in study.measures[1:]] == ["nearest_neighbours"]


def test_a_study_is_the_same_again_and_survives_its_file(built):
    study = study_domain(*built(), deadline=math.inf)
    again = study_domain(*built(), deadline=math.inf)
    assert dumps(again) == dumps(study)
    assert dumps(from_jsonable(DomainStudy, json.loads(dumps(study)))) == dumps(study)


def test_a_cluster_of_one_row_and_constant_features(with_columns, subject_of):
    part = np.minimum(np.arange(60), 1) + (np.arange(60) > 30)  # 1, 30 and 29 rows
    development = with_columns(np.ones((60, 3)), np.arange(60.0), "abc", ("f:magpie",) * 3, metric="mae")
    value = OutOfFold(development.y + 1.0, np.zeros(60), np.empty((60, 0)), development.fold)
    held = [judged(development, value, value, one, how="", seed=0) for one in (development.fold, part)]
    gathered = Gathered("mae", held[0], held[1], (), (), (), Kept(development.fold, (), -1))
    subject = replace(subject_of(development)[0], development=development)
    study = study_domain(subject, gathered, deadline=math.inf)
    assert study.measures[0].auroc == 0.5
    assert any("hardly known" in note for note in study.notes)

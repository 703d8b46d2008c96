from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from matloop.evaluate.bench import benches
from matloop.evaluate.label_noise import noise_slope, present_noise, study_label_noise


def studied(subject, **changes):
    places = benches(subject.development, most_train=150, most_test=60, n=1, seed=0)
    given = {"repeats": 1, "deadline": math.inf} | changes
    return study_label_noise(subject, places, np.ones(len(subject.development)), **given)


def test_slope_of_independent_noise_is_found_again():
    share = np.array([0.0, 0.1, 0.25, 0.5, 1.0])
    assert noise_slope(np.sqrt(1 + 4.0 * share**2), share) == pytest.approx(4.0)
    assert noise_slope(1 + 3.0 * share, share, classes=True) == pytest.approx(3.0)


def test_a_copying_model_passes_all_noise_on_and_an_averaging_one_little(made, subject_of):
    development = made["development"]()
    copying = studied(subject_of(development, family="nearest_neighbour")[0])
    averaging = studied(subject_of(development, family="ridge")[0])
    assert averaging.levels[-1].moved < 0.5 < copying.levels[-1].moved
    assert copying.slope > averaging.slope
    assert copying.doubled > averaging.doubled
    assert averaging.levels[0].ratio == 1.0


def test_noise_of_labels_is_taken_from_where_it_is_known(made, with_columns):
    development = made["development"]()
    residual = np.full(len(development), 3.0)
    assert present_noise(replace(development, errors=np.full(len(development), 2.0)), residual) == (2.0, "given")
    assert present_noise(development, residual)[1] == "twins"  # two rows of each composition
    rng = np.random.default_rng(0)
    pairs = np.repeat(rng.normal(size=(200, 2)), 2, axis=0)
    twins = with_columns(pairs, rng.normal(0, 0.7, 400), ("a", "b"), ("a:number", "b:number"))
    assert present_noise(twins, residual)[0] == pytest.approx(0.7, rel=0.15)
    alone = with_columns(rng.normal(size=(50, 2)), rng.normal(size=50), ("a", "b"), ("a:number", "b:number"))
    assert present_noise(alone, residual[:50]) == (3.0, "bound")


def test_classes_get_wrong_labels(made, subject_of):
    study = studied(subject_of(made["development"](task="classification"), family="logistic")[0])
    assert [level.share for level in study.levels] == [0.0, 0.05, 0.1, 0.2, 0.4]
    assert study.levels[-1].ratio > 1.05
    assert "of the labels a wrong class" in study.sentence


def test_what_was_not_done_in_time_is_said(development, subject_of):
    study = studied(subject_of(development, affordable=3)[0])
    assert len(study.levels) == 3
    assert "2 of 5 fits" in study.notes[0]
    assert studied(subject_of(development, affordable=1)[0]) is None


def test_benches_hold_groups_and_classes_together(made):
    development = made["development"](task="classification")
    rare = replace(development, y=(np.arange(len(development)) < 6).astype(float))
    for one in benches(rare, most_train=40, most_test=20, n=5, seed=0):
        assert not set(rare.groups[one.train]) & set(rare.groups[one.test])
        assert len(one.train) <= 44
        assert len(one.test) <= 20
        assert set(rare.y[one.train]) == {0.0, 1.0}


def test_a_fold_without_a_second_class_to_learn_from_is_left_out(made):
    development = made["development"](task="classification")
    alone = replace(development, y=(development.fold == 2).astype(float))
    assert 2 not in {int(alone.fold[one.test[0]]) for one in benches(alone, most_train=99, most_test=20, n=5, seed=0)}

"""Novelty costs what it must; what the time does not allow is named."""

import json
import math
import time
from dataclasses import replace

import numpy as np
import pytest

from matloop.core.jsonable import dumps, from_jsonable
from matloop.evaluate.baselines import held_out, methods
from matloop.evaluate.gathered import BaselineGuess
from matloop.evaluate.split_study import SplitStudy, compositions_of, study_splits
from matloop.problem.question import Target
from matloop.split.folds import make_folds

ELEMENTS = ("Al", "Si", "Fe", "Co", "Ni", "Cu", "Zn", "Ti")


@pytest.fixture
def subject(with_columns, subject_of):
    """Ternary alloys of eight elements, two rows per composition, and a property that mixes and bends."""

    def build(depth="thorough", task="regression", **more):
        rng = np.random.default_rng(0)
        X = np.zeros((150, 8))
        for row in X:
            row[rng.choice(8, 3, replace=False)] = rng.dirichlet(np.full(3, 4.0))
        y = X @ np.array([10.0, 30, 20, 45, 50, 60, 5, 80]) + 120 * X[:, 2] * X[:, 4] + rng.normal(0, 1, 150)
        X, y, groups = np.repeat(X, 2, axis=0), np.repeat(y, 2), np.repeat(np.arange(150), 2)
        facts = {"metric": "mae", "unit": "GPa"}
        if task == "classification":
            y, facts = (y > np.median(y)).astype(float), {"metric": "balanced_accuracy", "classes": ("soft", "hard")}
        fold = make_folds(y, groups, n_folds=5, seed=0, task=task)
        names = [f"fraction {symbol}" for symbol in ELEMENTS]
        facts |= {"groups": groups, "fold": fold, "task": task}
        development = with_columns(X, y, names, ("alloy:fractions",) * 8, **facts)
        found, gathered = subject_of(development, family="random_forest", depth=depth, **more)
        return replace(found, target=Target("y", "y", task=task)), gathered

    return build


def by_key(study):
    return {score.key: score for score in study.scores}


def test_extrapolation_is_harder_than_random_folds_and_said_beside_the_dumb_methods(subject):
    study = study_splits(*subject(), deadline=math.inf, times=np.arange(300) // 4)
    found = by_key(study)
    assert list(found) == ["random", "time", "element", "high", "system", "low", "ward", "twins"]
    assert (study.metric, study.unit) == ("mae", "GPa")
    high = found["high"]
    assert high.model.value > 2.5 * found["random"].model.value  # a forest cannot leave the range of its labels
    assert high.model.value > 2 * high.usual.value  # not only because the rows are hard
    assert high.report.folds[0].beyond == 1.0
    assert high.dummy.value > high.model.value > 0
    assert high.model.low < high.model.value < high.model.high
    assert found["random"].n_fits == 0
    assert found["random"].usual == found["random"].model
    assert found["element"].report.mean("unseen_element_rows") == 1.0


def test_left_out_elements_are_not_in_training_and_of_different_groups(subject):
    subject, gathered = subject("standard")
    study = study_splits(subject, gathered, deadline=math.inf)
    element = by_key(study)["element"]
    X, names = subject.development.table.X, subject.development.table.names
    tasks = subject.fits.tasks[: len(element.parts)]
    for task, part in zip(tasks, element.parts, strict=True):
        column = X[:, names.index(f"fraction {part.name}")]
        assert not column[task.train].any()
        assert (column[task.predict] > 0).all()
        assert not set(subject.development.groups[task.train]) & set(subject.development.groups[task.predict])
    assert len(element.parts) <= 3


def test_quick_fits_nothing_and_a_past_deadline_still_gives_random_folds(subject):
    one, gathered = subject("quick")
    assert list(by_key(study_splits(one, gathered, deadline=math.inf))) == ["random"]
    assert not one.fits.tasks
    one, gathered = subject("standard")
    late = study_splits(one, gathered, deadline=time.monotonic())
    assert list(by_key(late)) == ["random"]
    assert "left-out elements: the time ran out" in late.notes
    assert not one.fits.tasks


def test_parts_that_were_not_fitted_in_time_are_said(subject):
    one, gathered = subject("thorough", affordable=9)
    study = study_splits(one, gathered, deadline=math.inf)
    assert any("only" in note and "parts were fitted in time" in note for note in study.notes)


def test_baselines_that_were_gathered_are_not_worked_out_again(subject, monkeypatch):
    one, gathered = subject("quick")
    method = methods(one.development)[1]
    known = held_out(method, one.development, gathered.cv.part)
    plain = study_splits(one, gathered, deadline=math.inf).scores[0].nearest
    gathered = replace(gathered, baselines=(BaselineGuess(method.name, method.how, known, None),))
    monkeypatch.setattr("matloop.evaluate.baselines.nearest", None)
    assert study_splits(one, gathered, deadline=math.inf).scores[0].nearest == plain


def test_classes_have_no_high_end_and_accuracy_falls(subject):
    study = study_splits(*subject(task="classification"), deadline=math.inf)
    found = by_key(study)
    assert {"high", "low"}.isdisjoint(found)
    assert study.metric == "balanced_accuracy"
    assert found["random"].model.value > found["random"].dummy.value + 0.2


def test_without_compositions_a_hierarchy_is_left_out(with_columns, subject_of):
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(c, 1, (40, 3)) for c in (0, 8, 16)])
    development = with_columns(X, X.sum(axis=1), ("a", "b", "c"), ("a:number", "b:number", "c:number"), metric="mae")
    assert compositions_of(development) is None
    study = study_splits(*subject_of(development, depth="standard"), deadline=math.inf)
    assert [score.key for score in study.scores] == ["random", "high", "ward"]
    assert by_key(study)["ward"].report.mean("novelty") > 3


def test_few_rows_constant_features_and_a_huge_group(with_columns, subject_of):
    few = with_columns(np.ones((12, 2)), np.arange(12.0), ("a", "b"), ("a:number", "b:number"), metric="mae")
    study = study_splits(*subject_of(few, depth="thorough"), deadline=math.inf)
    assert "high" in by_key(study)
    assert any("same features" in note for note in study.notes)
    rng = np.random.default_rng(0)
    groups = np.where(np.arange(80) < 40, 0, np.arange(80))
    big = with_columns(
        rng.normal(size=(80, 2)), rng.normal(size=80), ("a", "b"), ("a:number", "b:number"), metric="mae", groups=groups
    )
    assert study_splits(*subject_of(big, depth="thorough"), deadline=math.inf).scores


def test_the_study_can_be_written_and_is_the_same_again(subject):
    first, again = (study_splits(*subject("standard"), deadline=math.inf) for _ in range(2))
    assert dumps(first) == dumps(again)
    assert dumps(from_jsonable(SplitStudy, json.loads(dumps(first)))) == dumps(first)

from __future__ import annotations

import json
import math
import time
from dataclasses import replace

import numpy as np

from matloop.core.jsonable import dumps, from_jsonable
from matloop.evaluate.bench import benches
from matloop.evaluate.row_worth import study_row_worth
from matloop.evaluate.stability import StabilityStudy, rivals, study_stability
from matloop.models.family import Spec
from matloop.train.values import Candidate, Recipe


def candidate(number, family, scores, status="ranked"):
    return Candidate(number, Recipe((Spec(family),)), status, fold_scores=tuple(scores), score=float(np.mean(scores)))


def test_quick_makes_no_fit(development, subject_of):
    subject, gathered = subject_of(development, depth="quick")
    study = study_stability(subject, gathered, deadline=math.inf)
    assert not [task for task in subject.fits.tasks if task.change or not task.keep]
    assert study.noise is None
    assert study.worth is not None
    assert study.rivals.folds.n_scores == 5
    assert study.seeds.spread.value > 0


def test_standard_has_every_part_and_survives_its_file(development, subject_of):
    subject, gathered = subject_of(development)
    study = study_stability(subject, gathered, deadline=math.inf)
    assert study.noise.levels
    assert study.worth.removal.n_removed > 0
    assert study.sanity.checks
    assert study.rivals.repeated is None
    again = from_jsonable(StabilityStudy, json.loads(dumps(study)))
    assert again.noise.sentence == study.noise.sentence
    np.testing.assert_allclose(again.worth.worth, study.worth.worth)


def test_thorough_fits_the_rivals_again(made, subject_of):
    development = made["development"](n_groups=40)
    subject, gathered = subject_of(development, depth="thorough")
    study = study_stability(subject, gathered, deadline=math.inf)
    assert study.rivals.names == ("Ridge regression", "Nearest neighbours")
    assert study.rivals.repeated.n_scores == 15
    assert study.rivals.parts.n_seeds == 3


def test_classes_are_studied_too(made, subject_of):
    subject, gathered = subject_of(made["development"](task="classification"), family="logistic")
    study = study_stability(subject, gathered, deadline=math.inf)
    assert study.worth.harmful
    assert "wrong class" in study.noise.sentence
    assert not [one for one in study.sanity.failed if one.name == "shuffled labels"]


def test_no_time_leaves_notes_and_no_error(development, subject_of):
    study = study_stability(*subject_of(development), deadline=time.monotonic() - 1.0)
    assert study.noise is None
    assert study.worth is None
    assert any("time ran out" in note for note in study.notes)


def test_rivals_are_of_two_families_and_scored_on_every_fold():
    found = rivals([
        candidate(0, "ridge", [1.0, 1.1]), candidate(1, "ridge", [1.1, 1.1]), candidate(2, "svm", [1.2, 1.3]),
        candidate(3, "mlp", [0.1, math.nan]), candidate(4, "lasso", [0.5, 0.5], "pruned"),
    ])  # fmt: skip
    assert [one.number for one in found] == [0, 2]
    assert rivals([candidate(0, "ridge", [1.0, 1.1])]) is None


def test_planted_wrong_labels_do_harm_and_are_listed(made, subject_of):
    development = made["development"](n_groups=200)
    rng = np.random.default_rng(0)
    wrong = np.zeros(len(development), dtype=bool)
    wrong[rng.choice(len(development), 20, replace=False)] = True
    spoilt = replace(development, y=np.where(wrong, development.y + 120.0, development.y))
    subject, _ = subject_of(spoilt)
    places = benches(spoilt, most_train=1000, most_test=200, n=1, seed=0)
    study = study_row_worth(subject, places, chances=2, deadline=math.inf)
    listed = {int(one.id.removeprefix("row")) for one in study.harmful}
    assert sum(wrong[row] for row in listed) >= 0.8 * len(listed)
    assert study.readable
    assert study.removal.gap.high < 0
    assert "they do harm" in study.sentence
    assert all("far from its nearest rows" in one.why for one in study.harmful[:5])


def test_rows_without_features_or_labels_that_vary_have_no_worth(development, subject_of):
    subject, _ = subject_of(development)
    flat = replace(development, table=replace(development.table, X=np.ones_like(development.table.X)))
    assert study_row_worth(replace(subject, development=flat), [], chances=0, deadline=math.inf) is None


def test_same_seed_same_study(development, subject_of):
    first, second = (study_stability(*subject_of(development), deadline=math.inf) for _ in range(2))
    assert dumps(first) == dumps(second)

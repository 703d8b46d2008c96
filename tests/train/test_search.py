"""The search: same result twice, resume, replay, limits, ensembles, failures, chance."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from matloop.core.errors import RunError
from matloop.problem.question import Limits, Training
from matloop.represent.table import FeatureTable
from matloop.train import search as search_module
from matloop.train.fits import Fits
from matloop.train.plan import evidence_plan
from matloop.train.search import final_fit, search
from matloop.train.values import Trained

QUICK = evidence_plan("quick", 1, 5)
PLAIN = Training(families=("dummy", "ridge", "nearest_neighbour"))


def find(development, folder: Path, *, training=PLAIN, replay=None, seconds=None, limits=None, journal=None) -> Trained:
    with Fits(development, folder=folder, workers=2) as fits:
        return search(
            development, fits, training=training, limits=limits or Limits(), seed=0, plan=QUICK, replay=replay,
            deadline=None if seconds is None else time.monotonic() + seconds,
            journal=journal or folder / "candidates.jsonl",
        )  # fmt: skip


def statuses(trained: Trained) -> list[str]:
    return [candidate.status for candidate in trained.candidates]


def test_two_searches_and_a_replay_agree(make, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("matloop.train.proposals.MOST", 6)
    one = find(make(), folder)
    other = find(make(), tmp_path / "elsewhere")
    again = find(make(), tmp_path / "third", replay=one.facts["n_candidates"], journal=folder / "candidates.jsonl")
    for found in (other, again):
        assert found.recipe == one.recipe
        np.testing.assert_array_equal(found.out_of_fold.value, one.out_of_fold.value)
        for mine, theirs in zip(found.candidates, one.candidates, strict=True):
            np.testing.assert_array_equal(mine.fold_scores, theirs.fold_scores)
    shorter = find(make(), folder, replay=3)
    assert [c.number for c in shorter.candidates if len(c.recipe.members) == 1] == [1, 2, 3]


def test_a_resumed_search_fits_nothing_twice_and_keeps_the_journal(make, folder, monkeypatch):
    monkeypatch.setattr("matloop.train.proposals.MOST", 4)
    development = make()
    find(development, folder)
    lines = [json.loads(line) for line in (folder / "candidates.jsonl").read_text().splitlines()]
    with Fits(development, folder=folder, workers=1) as fits:
        search(development, fits, training=PLAIN, limits=Limits(), seed=0, plan=QUICK, deadline=None,
               journal=folder / "candidates.jsonl")  # fmt: skip
        assert fits.fresh == 0
    after = [json.loads(line) for line in (folder / "candidates.jsonl").read_text().splitlines()]
    numbers = [e["number"] for e in after if e["event"] == "candidate"]
    assert len(numbers) == len(set(numbers)) == sum(e["event"] == "candidate" for e in lines)


def test_a_failing_family_is_a_failed_candidate_with_its_reason(make, folder, odd_families):
    trained = find(make(), folder, training=Training(families=("raises", "ridge", "segfault")), replay=4)
    by_family = {c.recipe.members[0].family: c for c in trained.candidates}
    assert by_family["raises"].status == "failed"
    assert "always fails" in by_family["raises"].reason
    assert by_family["segfault"].status == "failed"
    assert trained.recipe.members[0].family == "ridge"


def test_all_failing_is_a_run_error_that_says_why(make, folder, odd_families):
    with pytest.raises(RunError, match="always fails"):
        find(make(), folder, training=Training(families=("raises",)))


def test_a_family_beyond_its_rows_is_skipped_with_the_reason(make, folder, monkeypatch):
    from matloop.models import FAMILIES

    small = replace(FAMILIES.load("nearest_neighbour"), max_rows=50)
    monkeypatch.setattr("matloop.models.nearest_neighbour.FAMILY", small)
    trained = find(make(), folder, replay=2)
    (skipped,) = [c for c in trained.candidates if c.status == "skipped"]
    assert "100 rows" in skipped.reason


def test_a_sleeping_family_does_not_break_the_deadline(make, folder, odd_families):
    begun = time.monotonic()
    trained = find(make(), folder, training=Training(families=("ridge", "sleeps")), seconds=40.0)
    assert time.monotonic() - begun < 40.0
    assert trained.recipe.members[0].family == "ridge"
    (asleep,) = [c for c in trained.candidates if c.recipe.members[0].family == "sleeps"]
    assert asleep.status in ("too slow", "out of time")


def test_no_time_at_all_is_a_run_error_that_says_what_to_do(make, folder):
    with pytest.raises(RunError, match=r"limits\.minutes"):
        find(make(), folder, seconds=0.0)


def test_predict_ms_is_honoured(make, folder):
    training = Training(families=("ridge", "extra_trees"))
    free = find(make(), folder, training=training, replay=2)
    slow = max(c.predict_ms for c in free.candidates if c.number in (1, 2))
    # times are measured again by no one: results come from the folder
    limited = find(make(), folder, training=training, seconds=1e6, limits=Limits(predict_ms=0.999 * slow))
    assert "too slow" in statuses(limited)
    assert limited.facts["predict_ms"] <= slow


def test_ctrl_c_keeps_the_best_so_far(make, folder, monkeypatch):
    real, calls = search_module._Search._try, []

    def interrupted(self, wave):
        calls.append(wave)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, wave)

    monkeypatch.setattr(search_module._Search, "_try", interrupted)
    trained = find(make(), folder)
    assert trained.facts["stopped"] == "interrupted"
    assert any("interrupted" in note for note in trained.notes)


def test_the_final_fit_is_the_bundle_s_model(make, folder):
    development = make()
    trained = find(development, folder, replay=3)
    with Fits(development, folder=folder, workers=1) as fits:
        model, result = final_fit(fits, trained.recipe, 0)
    np.testing.assert_array_equal(model.predict(development.table.X[:1]), result.value)
    assert np.corrcoef(model.predict(development.table.X), development.y)[0, 1] > 0.8


def test_shuffled_labels_score_like_chance(make, folder):
    development = make(shuffled=True)
    trained = find(development, folder, replay=6)
    error = np.abs(trained.out_of_fold.value - development.y).mean()
    guess = np.abs(development.y - np.median(development.y)).mean()
    assert error > 0.93 * guess


def test_shuffled_classes_score_like_chance(make, folder):
    development = make(200, task="classification", shuffled=True)
    trained = find(development, folder, training=Training(families=("dummy", "logistic")), replay=5)
    said = trained.out_of_fold.value
    recalls = [(said[development.y == c] == c).mean() for c in (0, 1)]
    assert abs(np.mean(recalls) - 0.5) < 0.1


def test_rows_without_a_label_are_used_only_when_folds_say_so(make, folder):
    development = make(60)
    other = make(200, seed=9).table
    noise = FeatureTable(other.X * 30.0, other.names, other.origins, {}, {})
    trained = find(replace(development, unlabelled=noise), folder, replay=4)
    assert not trained.recipe.pseudo_labels
    assert any("without a label were not used" in note for note in trained.notes)


def test_candidates_carry_paired_tests_against_the_chosen(make, folder):
    trained = find(make(), folder, replay=4)
    by_family = {c.recipe.members[0].family: c for c in trained.candidates if len(c.recipe.members) == 1}
    assert by_family["dummy"].p_value < 0.05
    assert max(c.p_value for c in trained.candidates if c.status == "ranked") == 1.0

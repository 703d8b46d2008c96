from __future__ import annotations

import time

import numpy as np
import pytest

from matloop.core.jsonable import dumps, from_jsonable
from matloop.evaluate.gather import fold_models, gather
from matloop.evaluate.gathered import Gathered

LATER = 600.0


def gathered(development, trained, fits, plan, seconds=LATER, **changes):
    return gather(
        development, trained, fits, plan=plan, seeds=(0, 1, 2), deadline=time.monotonic() + seconds, **changes
    )  # fmt: skip


def _without_models(fits):
    """The fits behind those whose models are kept to explain, which come first."""
    assert [task.keep for task in fits.tasks] == sorted((task.keep for task in fits.tasks), reverse=True)
    return [task for task in fits.tasks if not task.keep]


def test_left_out_clusters_are_never_trained_on(development, trained, plan, made):
    fits = made["fits"](development)
    found = gathered(development, trained, fits, plan)
    part = found.loco.part
    tasks = _without_models(fits)[: len(np.unique(part))]
    for task in tasks:
        inside = np.unique(part[task.predict])
        assert len(inside) == 1
        assert not (part[task.train] == inside[0]).any()
        assert len(task.train) + len(task.predict) == len(development)
    assert sorted(np.concatenate([task.predict for task in tasks])) == list(range(len(development)))


def test_no_fit_sees_the_groups_it_predicts_as_held_out(development, trained, plan, made):
    fits = made["fits"](development)
    gathered(development, trained, fits, plan)
    held = np.flatnonzero(development.fold == 0)
    for task in fits.tasks:
        new = np.setdiff1d(task.predict, task.train)
        assert not set(development.groups[task.train]) & set(development.groups[new])
        if len(new) < len(task.predict):  # a point of the learning curve: it also predicts rows it was trained on
            assert set(new) == set(held)


def test_loco_predictions_are_those_of_the_cluster_fits(development, trained, plan, made):
    fits = made["fits"](development)
    found = gathered(development, trained, fits, plan)
    task = _without_models(fits)[0]
    assert found.loco.prediction.value[task.predict] == pytest.approx(fits.fit(task).value)
    assert np.isfinite(found.loco.prediction.low).all()
    assert str(len(np.unique(found.loco.part))) in found.loco.how


def test_doubt_of_a_fold_comes_from_the_other_folds(development, trained, plan, made):
    found = gathered(development, trained, made["fits"](development), plan)
    residuals = np.abs(development.y - trained.out_of_fold.value)
    others = np.sort(residuals[development.fold != 2])
    expected = others[int(np.ceil((len(others) + 1) * 0.9)) - 1]
    assert found.cv.constant[development.fold == 2] == pytest.approx(expected)


def test_learning_curve_grows_in_whole_groups_and_ends_at_full_size(development, trained, plan, made):
    found = gathered(development, trained, made["fits"](development), plan)
    sizes = [point.n_rows for point in found.learning_curve]
    pool = int((development.fold != 0).sum())
    assert sizes == [pytest.approx(0.2 * pool, abs=2), pytest.approx(0.5 * pool, abs=2), pool]
    fold = development.fold == 0
    full = np.abs(development.y[fold] - trained.out_of_fold.value[fold]).mean()
    assert found.learning_curve[-1].score == pytest.approx(full)
    assert found.learning_curve[0].train_score > 0


def test_each_further_seed_gives_a_score(development, trained, plan, made):
    found = gathered(development, trained, made["fits"](development), plan)
    assert len(found.seed_scores) == 2
    assert found.seed_scores[0] == pytest.approx(np.abs(development.y - trained.out_of_fold.value).mean())
    assert found.left_out == ()


def test_all_baselines_are_judged_on_the_same_rows(development, trained, plan, made):
    found = gathered(development, trained, made["fits"](development), plan)
    assert [one.name for one in found.baselines] == ["dummy", "nearest neighbour", "rule of mixtures"]
    for one in found.baselines:
        assert np.isfinite(one.cv.value).all()
        assert np.isfinite(one.loco.value).all()


@pytest.mark.parametrize(
    ("affordable", "missing"), [(3, "leave-one-cluster-out"), (7, "learning curve"), (9, "seed 1")]
)
def test_what_the_deadline_does_not_allow_is_named_the_rest_is_there(
    development, trained, plan, made, affordable, missing
):
    fits = made["fits"](development, affordable=affordable)
    found = gathered(development, trained, fits, plan)
    assert any(missing in text and "time" in text for text in found.left_out)
    assert sum("clusters of" in text for text in found.left_out) == (affordable == 3)  # one line, not one for each
    assert (found.loco is None) == (affordable == 3)
    assert len(found.learning_curve) == (3 if affordable == 9 else 0)
    assert np.isfinite(found.cv.prediction.value).all()
    assert all(one.cv is not None for one in found.baselines)
    assert len(found.kept.which) == 3


def test_deadline_is_kept(development, trained, plan, made):
    fits = made["fits"](development, pause=0.5)
    found = gathered(development, trained, fits, plan, seconds=3.0)
    assert len(fits.tasks) <= 3.0 / 0.5 + 1  # whatever else the machine does; all of it are more
    assert found.left_out


def test_one_region_only_is_said(trained, plan, made, with_columns):
    X = np.column_stack([np.ones(40), np.zeros(40)])
    one = with_columns(X, np.arange(40.0), ("fraction Fe", "fraction Ni"), ("f:fractions",) * 2, metric="mae")
    found = gathered(one, made["trained"](one), made["fits"](one), plan)
    assert found.loco is None
    assert any("leave-one-cluster-out" in text for text in found.left_out)


def test_gathered_survives_its_file(development, trained, plan, made):
    import json

    found = gathered(development, trained, made["fits"](development), plan)
    again = from_jsonable(Gathered, json.loads(dumps(found)))
    assert again.loco.prediction.low == pytest.approx(found.loco.prediction.low)
    assert again.baselines[1].cv.value.tolist() == found.baselines[1].cv.value.tolist()
    assert again.kept.which == found.kept.which
    assert again.cv.prediction.reason.tolist() == found.cv.prediction.reason.tolist()


def test_classes_are_gathered_with_probabilities(plan, made):
    development = made["development"](task="classification")
    found = gathered(development, made["trained"](development), made["fits"](development), plan)
    assert found.loco.prediction.proba.sum(axis=1) == pytest.approx(np.ones(len(development)))
    assert found.metric == "balanced_accuracy"


def test_same_seed_same_evidence(development, trained, plan, made):
    first, second = (gathered(development, trained, made["fits"](development), plan) for _ in range(2))
    assert first.learning_curve[0].score == second.learning_curve[0].score
    assert (first.loco.prediction.high == second.loco.prediction.high).all()


def test_fold_models_come_from_the_pool_and_did_not_see_their_rows(development, trained, plan, tmp_path):
    from matloop.train.fits import Fits

    with Fits(development, folder=tmp_path, workers=1) as fits:
        found = gathered(development, trained, fits, plan)
        assert found.left_out == ()
    with Fits(development, folder=tmp_path, workers=1) as fits:
        models = fold_models(development, trained, fits, found)
        assert fits.fresh == 0
    assert len(models) == 3
    model, rows = models[0]
    again = np.unique(found.kept.part[rows])
    assert len(again) == 1
    assert np.isfinite(model.predict(development.table.X[rows])).all()


def test_replay_does_again_what_was_done_and_no_more(development, trained, plan, made):
    first = gathered(development, trained, made["fits"](development, affordable=8), plan)
    again = gathered(development, trained, made["fits"](development), plan, seconds=-1.0, like=first)
    assert again.left_out == first.left_out
    assert again.done == first.done
    assert again.learning_curve[0] == first.learning_curve[0]
    assert again.kept.which == first.kept.which

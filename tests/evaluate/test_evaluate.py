from __future__ import annotations

import json
import time
from dataclasses import replace

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.core.jsonable import dumps, from_jsonable
from matloop.data.dataset import Labels
from matloop.doubt.prediction import Prediction
from matloop.evaluate.evaluate import evaluate
from matloop.evaluate.gather import gather
from matloop.evaluate.values import Evaluation
from matloop.problem.question import Success, Target

N_SEALED = 100


def labels(values, classes=()):
    n = len(values)
    return Labels(values, np.full(n, np.nan), np.zeros(n, dtype=np.int64), "GPa", classes)


def predicted(value, classes=(), proba=None):
    n = len(value)
    width = np.full(n, np.nan if classes else 2.0)
    chances = np.zeros((n, 0)) if proba is None else proba
    return Prediction(
        value,
        value - width,
        value + width,
        np.ones(n),
        chances,
        np.arange(n) % 10 != 0,
        np.full(n, ""),
        0.9,
        classes,
        "GPa",
    )


@pytest.fixture
def asked(development, trained, plan, made):
    """Everything `evaluate` is given for a sealed set whose predictions are off by a known error."""
    table = made["features"](N_SEALED // 2, 77)
    y = made["truth"](table.X, 77)
    error = np.where(np.arange(N_SEALED) == 13, 30.0, np.where(np.arange(N_SEALED) % 2, 1.0, -1.0))
    found = gather(
        development, trained, made["fits"](development), plan=plan, seeds=(0, 1), deadline=time.monotonic() + 600
    )
    return {
        "model_prediction": predicted(y + error), "labels": labels(y), "sealed_table": table,
        "sealed_ids": np.array([f"s{i}" for i in range(N_SEALED)]),
        "sealed_groups": np.repeat([f"g{i}" for i in range(N_SEALED // 2)], 2), "development": development,
        "gathered": found, "trained": trained,
        "target": Target("K", "K", "GPa", success=Success("mae", at_most=5.0)),
        "shown": [f"row {i}" for i in range(N_SEALED)],
        "looks": 1, "seed": 0, "development_ids": np.array([f"d{i}" for i in range(len(development))]),
        "development_shown": [f"alloy {i}" for i in range(len(development))],
    }  # fmt: skip


def test_scores_and_verdict_are_those_of_the_known_errors(asked):
    found = evaluate(**asked)
    assert found.vault.scores["mae"].value == pytest.approx((99 * 1.0 + 30.0) / 100)
    assert found.vault.scores["max_error"].value == pytest.approx(30.0)
    assert found.vault.intervals.coverage.value == 0.99
    assert found.verdict.answer == "met"
    assert found.metric == "mae"


def test_worst_failure_comes_first_with_its_nearest_training_rows(asked):
    found = evaluate(**asked)
    worst = found.failures[0]
    assert (worst.id, worst.shown, worst.error) == ("s13", "row 13", pytest.approx(30.0))
    development = asked["development"]
    for name, shown, y, distance in worst.nearest:
        row = int(name[1:])
        assert shown == f"alloy {row}"
        assert y == development.y[row]
        assert distance >= 0
    standard = development.table.X / development.table.X.std(axis=0)
    gaps = ((standard - asked["sealed_table"].X[13] / development.table.X.std(axis=0)) ** 2).mean(axis=1) ** 0.5
    assert [d for *_, d in worst.nearest] == pytest.approx(np.sort(gaps)[:3], rel=1e-3)


def test_constant_intervals_come_from_the_out_of_fold_residuals(asked):
    found = evaluate(**asked)
    residuals = np.sort(np.abs(asked["development"].y - asked["trained"].out_of_fold.value))
    half = residuals[int(np.ceil((len(residuals) + 1) * 0.9)) - 1]
    error = np.abs(asked["labels"].values - asked["model_prediction"].value)
    expected = np.mean(2 * half + 20.0 * np.maximum(error - half, 0.0))
    assert found.vault.intervals.constant_score == pytest.approx(expected)
    assert found.vault.intervals.score == pytest.approx(4.0 + 20.0 * (30.0 - 2.0) / 100)


def test_baselines_stand_beside_the_model_on_all_three_sets(asked):
    found = evaluate(**asked)
    assert [one.name for one in found.baselines] == ["dummy", "nearest neighbour", "rule of mixtures"]
    median = np.median(asked["development"].y)
    assert found.baselines[0].vault["mae"].value == pytest.approx(np.abs(asked["labels"].values - median).mean())
    assert all(set(one.vault) == set(one.cv) == set(one.loco) == set(found.vault.scores) for one in found.baselines)


def test_rows_without_label_bound_or_prediction_are_left_out_and_counted(asked):
    values, value = asked["labels"].values.copy(), asked["model_prediction"].value.copy()
    values[3], value[5] = np.nan, np.nan
    censored = asked["labels"].censored.copy()
    censored[7] = 1
    asked |= {"labels": replace(asked["labels"], values=values, censored=censored),
              "model_prediction": replace(asked["model_prediction"], value=value)}  # fmt: skip
    found = evaluate(**asked)
    assert found.vault.n_rows == 97
    assert sum("not scored" in note for note in found.notes) == 3
    assert any(text.startswith("3 sealed rows") for text in found.verdict.warnings)


def test_nothing_to_score_is_an_error(asked):
    with pytest.raises(DataError, match="no sealed row"):
        evaluate(**asked | {"labels": labels(np.full(N_SEALED, np.nan))})


def test_evaluation_survives_its_file(asked):
    found = evaluate(**asked)
    again = from_jsonable(Evaluation, json.loads(dumps(found)))
    assert again.verdict == found.verdict
    assert again.failures == found.failures
    assert again.vault.points.y.tolist() == found.vault.points.y.tolist()


def test_missing_loco_leaves_an_empty_place_with_its_reason(asked):
    gathered = replace(asked["gathered"], loco=None, left_out=("leave-one-cluster-out: the time ran out",))
    found = evaluate(**asked | {"gathered": gathered})
    assert found.loco.n_rows == 0
    assert "time ran out" in found.loco.how
    assert any("leave-one-cluster-out" in text for text in found.verdict.warnings)


def test_reliability_of_intervals_is_found_coverage_at_each_level(asked):
    (found,) = evaluate(**asked).reliability
    assert found.predicted[0] == 0.1
    assert (np.diff(found.found) >= 0).all()
    assert found.n_rows[0] == N_SEALED


def test_ranking_is_judged_by_its_order(asked):
    found = evaluate(**asked | {"target": Target("K", "K", "GPa", task="ranking", top_k=5)})
    assert {"spearman", "ndcg", "recall_at_k"} <= set(found.vault.scores)
    assert found.verdict.answer == "no goal"


def test_classes_get_a_confusion_matrix_reliability_and_baselines(plan, made):
    development = made["development"](task="classification")
    trained = made["trained"](development)
    found = gather(
        development, trained, made["fits"](development), plan=plan, seeds=(0,), deadline=time.monotonic() + 600
    )
    table = made["features"](50, 5)
    truth = made["truth"](table.X, 5)
    y = (truth > np.median(truth)).astype(float)
    value = y.copy()
    value[:10] = 1 - value[:10]
    p = np.where(value == 1, 0.9, 0.1)
    ids, groups = np.arange(100).astype(str), np.repeat(np.arange(50), 2).astype(str)
    prediction = predicted(value, development.classes, np.column_stack([1 - p, p]))
    evaluation = evaluate(
        model_prediction=prediction, labels=labels(y, development.classes), sealed_table=table, sealed_ids=ids,
        sealed_groups=groups,
        development=development, gathered=found, trained=trained,
        target=Target("soft", "soft", task="classification", positive="hard"), shown=[""] * 100, looks=1, seed=0,
    )  # fmt: skip
    assert sum(map(sum, evaluation.vault.confusion)) == 100
    assert np.trace(np.array(evaluation.vault.confusion)) == 90
    assert evaluation.vault.scores["accuracy"].value == pytest.approx(0.9)
    assert evaluation.vault.intervals is None
    assert len(evaluation.reliability) == 2
    assert len(evaluation.failures) == 10
    assert {s.name for s in evaluation.slices if s.kind == "class"} == {"soft", "hard"}

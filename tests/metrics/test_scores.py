"""Every metric against scikit-learn or scipy, and its interval against theory."""

import time

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from matloop.core.errors import ConfigError, DataError
from matloop.metrics import METRICS
from matloop.metrics.confusion import confusion_matrix
from matloop.metrics.scores import loss, metric, metrics_of, point, scores

RNG = np.random.default_rng(3)
Y = RNG.normal(5.0, 2.0, 400)
VALUE = np.round(Y + RNG.normal(0.0, 1.0, 400), 1)
CLASS = RNG.integers(0, 3, 300)
PROBA = RNG.dirichlet([1.0, 1.0, 1.0], 300) * 0.5 + 0.5 * np.eye(3)[CLASS] * RNG.random((300, 1))
PROBA = np.round(PROBA / PROBA.sum(1, keepdims=True), 2)
PROBA[:, 2] = 1.0 - PROBA[:, 0] - PROBA[:, 1]
CALL = PROBA.argmax(1)
TWO = (CLASS > 0).astype(int)
TWO_PROBA = np.column_stack([PROBA[:, 0], 1.0 - PROBA[:, 0]])
TWO_CALL = TWO_PROBA.argmax(1)


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        ("mae", sk.mean_absolute_error),
        ("mse", sk.mean_squared_error),
        ("rmse", sk.root_mean_squared_error),
        ("r2", sk.r2_score),
        ("max_error", sk.max_error),
        ("spearman", lambda y, v: stats.spearmanr(y, v).statistic),
        ("ndcg", lambda y, v: sk.ndcg_score([y - y.min()], [v], k=10)),
    ],
)
def test_numbers_equal_the_peer(name, peer):
    assert point(name, Y, VALUE) == pytest.approx(peer(Y, VALUE), rel=1e-10)


def test_mape_equals_the_peer_away_from_zero_and_leaves_zeros_out():
    y, value = np.abs(Y) + 1.0, np.abs(VALUE) + 1.0
    plain = sk.mean_absolute_percentage_error(y, value)
    assert point("mape", y, value) == pytest.approx(plain)
    assert point("mape", np.append(y, 0.0), np.append(value, 3.0)) == pytest.approx(plain)


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        ("accuracy", sk.accuracy_score),
        ("balanced_accuracy", sk.balanced_accuracy_score),
        ("mcc", sk.matthews_corrcoef),
        ("precision", lambda y, v: sk.precision_score(y, v, average="macro")),
        ("recall", lambda y, v: sk.recall_score(y, v, average="macro")),
        ("f1", lambda y, v: sk.f1_score(y, v, average="macro")),
        ("specificity", lambda y, v: np.mean([sk.recall_score(y == c, v == c, pos_label=False) for c in range(3)])),
    ],
)
def test_classes_equal_the_peer(name, peer):
    assert point(name, CLASS, CALL) == pytest.approx(peer(CLASS, CALL), rel=1e-10)


@pytest.mark.parametrize("positive", [0, 1])
def test_two_classes_are_judged_by_the_positive_one(positive):
    for name, peer in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
        assert point(name, TWO, TWO_CALL, positive_index=positive) == pytest.approx(
            peer(TWO, TWO_CALL, pos_label=positive)
        )
    specificity = sk.recall_score(TWO, TWO_CALL, pos_label=1 - positive)
    assert point("specificity", TWO, TWO_CALL, positive_index=positive) == pytest.approx(specificity)
    area = sk.roc_auc_score(positive == TWO, TWO_PROBA[:, positive])
    assert point("roc_auc", TWO, TWO_CALL, TWO_PROBA, positive_index=positive) == pytest.approx(area, rel=1e-10)


def test_curves_equal_the_peer():
    roc = sk.roc_auc_score(CLASS, PROBA, multi_class="ovr", average="macro")
    assert point("roc_auc", CLASS, CALL, PROBA) == pytest.approx(roc, rel=1e-10)
    pr = np.mean([sk.average_precision_score(c == CLASS, PROBA[:, c]) for c in range(3)])
    assert point("pr_auc", CLASS, CALL, PROBA) == pytest.approx(pr, rel=1e-10)
    assert point("log_loss", CLASS, CALL, PROBA) == pytest.approx(sk.log_loss(CLASS, PROBA), rel=1e-8)


def test_confusion_matrix_equals_the_peer():
    np.testing.assert_array_equal(confusion_matrix(CLASS, CALL, 3), sk.confusion_matrix(CLASS, CALL))


def test_recall_in_the_short_list_counts_ties_by_chance():
    y = np.array([9.0, 8.0, 7.0, 1.0, 0.0])
    assert point("recall_at_k", y, np.array([5.0, 1.0, 4.0, 3.0, 0.0]), top_k=2) == pytest.approx(0.5)
    assert point("recall_at_k", y, np.zeros(5), top_k=2) == pytest.approx(0.4)  # any 2 of 5 at random


def test_a_weight_of_two_is_a_row_written_twice():
    weights = RNG.integers(0, 3, 300).astype(float)
    twice = np.repeat(np.arange(300), weights.astype(int))
    from matloop.metrics.scores import _scored

    classes = _scored(CLASS, CALL, PROBA, (), 1, 10, True)
    numbers = _scored(Y[:300], VALUE[:300], None, (), 1, 10, False)
    for m in map(metric, METRICS):
        if m.of_weights is None:
            continue
        rows = classes if m.needs_proba else numbers
        proba = rows.proba[twice] if m.needs_proba else None
        expected = point(m.name, rows.y[twice], rows.value[twice], proba)
        if m.name == "ndcg":  # its zero is the smallest truth of all rows
            continue
        assert m.of_weights(rows, weights[None, :])[0] == pytest.approx(expected), m.name


def test_interval_of_the_mae_agrees_with_the_standard_error():
    found = scores("regression", Y, VALUE, names=["mae"], n_boot=4000)["mae"]
    standard = np.abs(Y - VALUE).std() / np.sqrt(len(Y))
    assert found.high - found.low == pytest.approx(2 * 1.96 * standard, rel=0.08)
    assert found.low < found.value < found.high


def test_interval_by_group_is_wider_when_rows_of_a_group_err_together():
    shift = np.repeat(RNG.normal(0.0, 1.0, 40), 10)
    alone = scores("regression", Y, Y + shift, names=["mae"])["mae"]
    together = scores("regression", Y, Y + shift, groups=np.repeat(np.arange(40), 10), names=["mae"])["mae"]
    assert (together.high - together.low) > 2.0 * (alone.high - alone.low)


def test_all_metrics_of_a_task_come_with_an_interval_and_the_same_seed_gives_the_same():
    first = scores("classification", CLASS, CALL, PROBA, groups=CLASS.astype(str), seed=4)
    assert list(first) == [m.name for m in metrics_of("classification")]
    rows = scores("classification", CLASS, CALL, PROBA, seed=4, classes=("a", "b", "c"))
    assert rows == scores("classification", CLASS, CALL, PROBA, seed=4)
    assert all(e.low <= e.value <= e.high for e in rows.values())


def test_one_group_has_a_value_and_no_interval():
    found = scores("regression", Y, VALUE, groups=np.zeros(400))["r2"]
    assert np.isfinite(found.value)
    assert np.isnan([found.low, found.high]).all()


def test_a_constant_truth_has_no_r2_and_no_rank():
    assert np.isnan(point("r2", np.full(9, 1e6 + 0.1), np.arange(9.0)))
    assert np.isnan(point("spearman", np.ones(9), np.arange(9.0)))
    assert np.isnan(point("roc_auc", np.ones(9), np.ones(9), np.full((9, 2), 0.5)))


def test_loss_is_lower_for_better():
    assert loss("r2", Y, VALUE) == pytest.approx(1.0 - point("r2", Y, VALUE))
    assert loss("mae", Y, VALUE) == point("mae", Y, VALUE)


def test_errors_name_the_row_and_the_remedy():
    with pytest.raises(DataError, match=r"row 2: true nan.*|leave them out"):
        point("mae", [1.0, 2.0, np.nan], [1.0, 2.0, 3.0])
    with pytest.raises(ConfigError, match="needs class probabilities"):
        point("roc_auc", TWO, TWO_CALL)
    with pytest.raises(ConfigError, match="Did you mean 'rmse'"):
        point("rsme", Y, VALUE)
    with pytest.raises(DataError, match="whole numbers"):
        point("accuracy", [0.5, 1.0], [0.0, 1.0])


def test_thirty_five_thousand_rows_take_seconds():
    y = RNG.normal(size=35_000)
    start = time.perf_counter()
    scores("regression", y, y + RNG.normal(size=35_000), groups=RNG.integers(0, 34_000, 35_000))
    assert time.perf_counter() - start < 8.0  # 2 s alone; other work may share the machine

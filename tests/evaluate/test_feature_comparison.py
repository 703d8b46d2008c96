"""Representations against each other: the planted one wins, copies cannot be told apart, and time is kept."""

import math
import time

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.evaluate.feature_comparison import Arm, compare_representations, mean_loss, pairwise
from matloop.represent.table import FeatureTable


def arm(name, X, **more):
    names = tuple(f"{name}{k}" for k in range(X.shape[1]))
    return Arm(name, FeatureTable(X, names, ("t:x",) * X.shape[1], {}, {}), more.pop("cost", 1e-4), **more)


@pytest.fixture
def setting(with_columns):
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(150, 6))
    y = 2 * Z[:, 0] + Z[:, 1] + 0.2 * rng.normal(size=150)
    development = with_columns(Z, y, [f"z{k}" for k in range(6)], ["t:z"] * 6, fold=np.arange(150) % 5, metric="mae")
    return development, Z, rng


def soon(seconds=120):
    return time.monotonic() + seconds


def test_the_planted_representation_wins_and_the_cheap_copy_is_named(setting):
    development, Z, rng = setting
    arms = [
        arm("noise", rng.normal(size=(150, 4))), arm("truth", Z, cost=0.01), arm("copy", Z + 1e-9, cost=1e-5),
        arm("half", Z[:, 1:]),
    ]  # fmt: skip
    found = compare_representations(development, arms, target="y", deadline=soon(), models=("ridge",))
    assert {found.arms[0].name, found.arms[1].name} == {"truth", "copy"}
    assert found.level == ("copy", "truth")
    noise = next(one for one in found.arms if one.name == "noise")
    assert noise.with_model("ridge").p_value < 0.01
    assert found.constant > found.arms[0].scores[0].mean.value
    assert found.n_repeats == 5
    assert found.n_folds * found.n_repeats == len(found.arms[0].scores[0].losses)
    if found.arms[0].name == "truth":
        assert "times less per row" in found.sentence


def test_the_same_input_gives_the_same_numbers(setting):
    development, Z, _ = setting
    arms = [arm("a", Z[:, :1]), arm("b", Z[:, :2])]
    one, two = (
        compare_representations(development, arms, target="y", deadline=soon(), models=("ridge",)) for _ in range(2)
    )
    np.testing.assert_array_equal(one.arms[0].scores[0].losses, two.arms[0].scores[0].losses)


def test_a_curve_says_where_the_length_scale_ends(setting):
    development, Z, rng = setting
    # up to 4 Angstrom only noise is seen, from 5 on the truth
    arms = [
        arm(f"rdf({c:g})", Z if c >= 5 else rng.normal(size=(150, 6)), family="rdf", cutoff=c) for c in (3.0, 4, 5, 6)
    ]
    found = compare_representations(development, arms, target="y", deadline=soon(), models=("ridge",))
    (curve,) = found.curves
    assert curve.reach == 5.0
    assert curve.told
    assert "5 Å" in curve.sentence


def test_time_is_kept_and_what_was_not_finished_is_named(setting):
    development, Z, _ = setting
    arms = [arm("a", Z), arm("b", Z[:, :2])]
    with pytest.raises(DataError, match="time ran out"):
        compare_representations(development, arms, target="y", deadline=time.monotonic(), models=("ridge",))


def test_classes_are_compared_by_the_brier_score(setting, made):
    development = made["development"](60, 0, "classification")
    table = development.table
    arms = [
        Arm("all", table, 1e-4),
        Arm("sum", FeatureTable(table.X[:, 6:], table.names[6:], table.origins[6:], {}, {}), 1e-4),
    ]
    found = compare_representations(development, arms, target="y", deadline=soon())
    assert found.metric == "brier"
    assert found.models == ("extra_trees", "logistic")


def test_a_mean_of_folds_has_the_corrected_interval():
    losses = np.array([1.0, 1.2, 0.8, 1.1, 0.9])
    found = mean_loss(losses, 5)
    half = 2.7764451 * losses.std(ddof=1) * math.sqrt(1 / 5 + 1 / 4)  # t quantile, 4 degrees of freedom
    assert found.high - found.value == pytest.approx(half, rel=1e-6)


def test_pairs_are_corrected_for_their_number():
    rng = np.random.default_rng(2)
    base = rng.normal(1, 0.1, 10)
    table = pairwise([base, base + 0.1 + rng.normal(0, 0.02, 10), base + rng.normal(0, 0.02, 10)], 100, 5)
    np.testing.assert_allclose(table, table.T)
    assert table[0, 1] < 0.05 <= table[0, 2]
    assert (np.diag(table) == 1).all()

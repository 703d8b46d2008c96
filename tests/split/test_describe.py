"""The report of a split against what can be counted by hand."""

import time

import numpy as np
import pytest
from scipy.stats import ks_2samp
from sklearn.model_selection import KFold

from matloop.core.jsonable import to_jsonable
from matloop.split.chemical import LeaveElementOut
from matloop.split.describe import describe_split
from matloop.split.splitters import LeaveOneClusterOut, RandomFolds

RNG = np.random.default_rng(4)


def test_overlap_of_chemistry_is_counted():
    formulas = ["FeO", "Fe2O3", "CoO", "FeO", "FeCoO2", "ZnS"]
    pairs = [(np.array([0, 1, 2]), np.array([3, 4, 5]))]
    fold = describe_split(pairs, np.zeros((6, 1)), compositions=formulas).folds[0]
    assert fold.seen_elements == 3 / 5  # Fe, Co, O of Fe, Co, O, Zn, S
    assert fold.seen_systems == 1 / 3
    assert fold.seen_formulas == 1 / 3
    assert fold.unseen_element_rows == 1 / 3
    assert fold.unseen_elements == ("S", "Zn")
    assert np.isnan(fold.distance)  # no feature varies


def test_shift_is_that_of_kolmogorov_and_smirnov():
    y = RNG.normal(size=200)
    pairs = [(np.arange(120), np.arange(120, 200))]
    fold = describe_split(pairs, RNG.normal(size=(200, 2)), y).folds[0]
    assert fold.shift == pytest.approx(ks_2samp(y[:120], y[120:]).statistic)
    outside = (y[120:] < y[:120].min()) | (y[120:] > y[:120].max())
    assert fold.beyond == outside.mean()


def test_random_folds_are_as_near_as_training_rows_and_clusters_are_far():
    centres = RNG.normal(0, 6, (4, 5))
    X = np.repeat(centres, 100, axis=0) + RNG.normal(size=(400, 5))
    near, far = (describe_split(s, X) for s in (RandomFolds(4), LeaveOneClusterOut(4)))
    assert near.mean("novelty") == pytest.approx(1.0, abs=0.15)
    assert near.mean("far") == pytest.approx(0.05, abs=0.04)
    assert far.mean("novelty") > 3
    assert far.mean("far") == 1.0
    assert near.tested == far.tested == 1.0


def test_groups_do_not_make_the_spacing_zero():
    X = np.repeat(RNG.normal(size=(50, 3)), 4, axis=0)
    groups = np.arange(200) // 4
    assert describe_split(RandomFolds(), X).mean("spacing") == 0.0
    assert describe_split(RandomFolds(), X, None, groups).mean("spacing") > 0.1


def test_any_splitter_is_described_and_the_report_can_be_written():
    report = describe_split(KFold(3), RNG.normal(size=(30, 2)), np.arange(30.0))
    assert report.name == "KFold"
    assert [fold.name for fold in report.folds] == ["fold 1", "fold 2", "fold 3"]
    assert to_jsonable(report)["folds"][0]["n_test"] == 10


def test_what_deserves_a_look_is_said():
    y = np.array(["metal"] * 30 + ["glass"] * 2)
    pairs = [(np.arange(30), np.arange(30, 32)), (np.arange(10, 12), np.delete(np.arange(32), [10, 11]))]
    report = describe_split(pairs, RNG.normal(size=(32, 2)), y, task="classification")
    notes = " ".join(report.notes)
    assert "fold 1: fewer than 5 test rows" in notes
    assert "fold 2 holds 94 % of the rows" in notes
    assert "a class is missing from training in: fold 1, fold 2" in notes
    assert report.folds[0].beyond == 1.0


def test_thirty_thousand_rows_take_seconds():
    X = RNG.normal(size=(30_000, 100)) @ RNG.normal(size=(100, 358))
    formulas = [f"{a}{i % 7 + 1}O{i % 5 + 1}" for i, a in enumerate(RNG.choice(["Fe", "Co", "Ni", "Y"], 30_000))]
    start = time.process_time()
    report = describe_split(
        LeaveElementOut(["Fe", "Co", "Ni"], compositions=formulas), X, X[:, 0], compositions=formulas
    )
    assert time.process_time() - start < 15.0  # 2 s alone on a core
    assert "distances are measured on up to" in report.notes[0]
    assert report.mean("unseen_element_rows") == 1.0

from __future__ import annotations

import numpy as np
import pytest

from matloop.evaluate.resample import difference, means
from matloop.evaluate.slices import slice_errors
from matloop.metrics.metric import Scored
from matloop.metrics.scores import metric, scores
from matloop.represent.table import FeatureTable


def sliced(made, **changes):
    table = made["features"](100, 3)
    y = np.arange(200.0)
    given = {"named": np.full(200, ""), "classes": (), "in_domain": np.ones(200, bool), "seed": 0} | changes
    error = given.pop("error", np.ones(200))
    return slice_errors(given.pop("table", table), y, error, np.repeat(np.arange(100), 2), **given)


def test_rows_with_a_bad_element_stand_out(made):
    table = made["features"](100, 3)
    copper = table.X[:, 4] > 0
    found = [s for s in sliced(made, error=np.where(copper, 9.0, 1.0)) if s.kind == "element"]
    assert found[0].name == "Cu"
    assert found[0].error.value == pytest.approx(9.0)
    assert found[0].n_rows == copper.sum()
    assert found[0].error.low == pytest.approx(9.0)


def test_ranges_are_fifths_in_order(made):
    found = [s for s in sliced(made, error=np.arange(200.0)) if s.kind == "range"]
    assert [s.n_rows for s in found] == [40] * 5
    assert [s.error.value for s in found] == [19.5, 59.5, 99.5, 139.5, 179.5]


def test_small_slices_are_left_out_and_named_groups_shown(made):
    named = np.array(["A"] * 12 + ["B"] * 5 + [""] * 183)
    found = sliced(made, named=named)
    assert [(s.name, s.n_rows) for s in found if s.kind == "group"] == [("A", 12)]
    assert not [s for s in found if s.kind == "domain"]


def test_categories_and_classes_are_slices():
    table = FeatureTable(
        np.repeat([0.0, 1.0], 50)[:, None], ("route",), ("route:category",), {"route": ("cast", "rolled")}, {}
    )
    y = np.tile([0.0, 1.0], 50)
    found = slice_errors(
        table,
        y,
        y,
        np.arange(100),
        named=np.full(100, ""),
        classes=("soft", "hard"),
        in_domain=np.ones(100, bool),
        seed=0,
    )
    assert {(s.kind, s.name) for s in found} == {
        ("category", "route = cast"), ("category", "route = rolled"), ("class", "soft"), ("class", "hard"),
    }  # fmt: skip
    assert next(s for s in found if s.name == "hard").error.value == 1.0


def test_means_agree_with_the_scores_of_metrics():
    rng = np.random.default_rng(1)
    y, groups = rng.normal(size=400), np.repeat(np.arange(100), 4)
    ours = means(np.abs(y), np.ones((400, 1)), groups, 0)[0]
    theirs = scores("regression", y, np.zeros(400), groups=groups, names=["mae"], seed=5)["mae"]
    assert ours.value == pytest.approx(theirs.value)
    assert (ours.low, ours.high) == (pytest.approx(theirs.low, rel=0.01), pytest.approx(theirs.high, rel=0.01))


@pytest.mark.parametrize("name", ["mae", "r2", "spearman"])
def test_paired_difference_sees_what_separate_intervals_cannot(name):
    rng = np.random.default_rng(2)
    y = 3.0 * rng.standard_t(2, size=300)
    good, bad = y + rng.normal(0, 1.0, 300), y + rng.normal(0, 1.0, 300) * 1.5
    ones = [Scored(y, value, np.zeros((300, 0))) for value in (good, bad)]
    gain = difference(metric(name), *ones, np.arange(300), 0)
    assert gain.low > 0
    assert difference(metric(name), *reversed(ones), np.arange(300), 0).value == pytest.approx(-gain.value)

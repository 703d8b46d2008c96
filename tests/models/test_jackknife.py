"""The jackknife over bootstraps against its definition, against the variance of a mean, and against new tables."""

from __future__ import annotations

import numpy as np
import pytest

from matloop.core.errors import BundleError
from matloop.models import FAMILIES
from matloop.models.jackknife import (
    JackknifeForest,
    drawn_counts,
    infinitesimal_form,
    jackknife_form,
    quadratic,
    row_noise,
    variance_form,
)
from matloop.represent.table import Columns

COLUMNS = Columns(("a", "b"), ("f:m",) * 2, {})


def test_forms_equal_the_sums_of_the_paper():
    counts, said = drawn_counts(12, 40, 0), np.random.default_rng(1).normal(size=40)
    away, noise = said - said.mean(), 12 / 40**2 * ((said - said.mean()) ** 2).sum()
    covariance = [np.mean((counts[:, i] - 1.0) * away) for i in range(12)]
    without = [said[counts[:, i] == 0].mean() - said.mean() for i in range(12)]
    infinitesimal = np.sum(np.square(covariance)) - noise  # equations 5 and 7 of Wager et al. (2014)
    jackknife = 11 / 12 * np.sum(np.square(without)) - (np.e - 1.0) * noise  # equations 6 and 8
    assert quadratic(away[None], infinitesimal_form(counts))[0] == pytest.approx(infinitesimal)
    assert quadratic(away[None], jackknife_form(counts))[0] == pytest.approx(jackknife)
    assert quadratic(away[None], variance_form(counts))[0] == pytest.approx(0.5 * (infinitesimal + jackknife))


def test_variance_of_bootstrapped_means_is_that_of_a_mean():
    y, counts = np.random.default_rng(0).normal(size=50), drawn_counts(50, 4_000, 1)
    means = counts @ y / 50
    found = quadratic((means - means.mean())[None], variance_form(counts))[0]
    assert found == pytest.approx(y.var() / 50, rel=0.1)


def test_row_noise_takes_the_variance_of_the_forest_off():
    rng = np.random.default_rng(0)
    y, counts = rng.normal(size=60), drawn_counts(60, 500, 1)
    said = np.tile(counts @ y / 60, (60, 1))
    found = row_noise(said, y, counts, variance_form(counts))
    assert found.mean() == pytest.approx(y.var(), rel=0.05)
    seen = np.ones_like(counts)
    assert np.isnan(row_noise(said, y, seen, variance_form(seen))).all()


def _rows(n, seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.0, 1.0, (n, 2))
    return X, np.sin(3.0 * X[:, 0]) + 0.3 * rng.normal(size=n)


def test_forest_is_as_unsure_as_forests_of_new_tables_differ():
    family, at = FAMILIES.load("jackknife_forest"), _rows(60, 99)[0]
    said, unsure = [], []
    for seed in range(12):
        model = family.build({"n_trees": 300}, COLUMNS, "regression", 0, "auto", seed).fit(*_rows(150, seed))
        said.append(model.predict(at))
        unsure.append(model.uncertainty(at).epistemic)
    true, found = (np.sqrt(np.mean(np.square(one))) for one in (np.std(said, axis=0, ddof=1), unsure))
    assert found == pytest.approx(true, rel=0.25)


def test_jackknife_of_extra_trees_draws_bootstraps():
    model = FAMILIES.load("extra_trees").build(
        {"spread": "jackknife", "n_trees": 40}, COLUMNS, "regression", 0, "auto", 0
    )
    assert isinstance(model.fit(*_rows(50, 0)).predictor_, JackknifeForest)


def test_leaves_of_several_rows_tell_noise_and_leaves_of_one_row_none():
    X, y = _rows(300, 0)
    family = FAMILIES.load("random_forest")
    one, many = (family.build({"leaf": leaf}, COLUMNS, "regression", 0, "auto", 0).fit(X, y) for leaf in (1, 20))
    assert (one.uncertainty(X).aleatoric == 0).all()
    assert many.uncertainty(X).aleatoric.mean() == pytest.approx(0.3, rel=0.25)


def test_a_form_of_another_size_is_refused():
    model = FAMILIES.load("jackknife_forest").build({"n_trees": 20}, COLUMNS, "regression", 0, "auto", 0)
    arrays = model.fit(*_rows(40, 0)).predictor_.to_arrays()
    with pytest.raises(BundleError, match="jackknife"):
        JackknifeForest.from_arrays(arrays | {"form": arrays["form"][:-1]})

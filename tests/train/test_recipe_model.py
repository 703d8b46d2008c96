"""Members, borders, two-step models and arrays, without a pool."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matloop.core.errors import BundleError, DataError
from matloop.models.family import Spec
from matloop.train.recipe_model import FitData, RecipeModel, atom_of, fit_recipe, positions
from matloop.train.values import Recipe


def as_data(development, **changes) -> FitData:
    data = FitData(
        development.table.X, development.y, development.weights, np.zeros((0, development.table.X.shape[1])),
        development.table.columns(), development.task, len(development.classes), development.scale,
        development.bounds, "mae",
    )  # fmt: skip
    return replace(data, **changes)


def gaps(make) -> FitData:
    """A target like a band gap: zero for more than half of the rows, and clearly so."""
    development = make(300)
    X = development.table.X
    return as_data(replace(development, y=np.where(X[:, 0] + X[:, 1] > 0, 3.0 + X[:, 2], 0.0).clip(0.0)))


ROWS, REST = np.arange(200), np.arange(200, 300)


def test_a_two_step_model_says_zero_where_it_is_zero_and_beats_one_step(make):
    data = gaps(make)
    error = {}
    for hurdle in (False, True):
        recipe = Recipe((Spec("extra_trees", {"n_trees": 50, "loss": "mse", **({"hurdle": True} if hurdle else {})}),))
        value = fit_recipe(recipe, data, ROWS, 0).predict(data.X[REST])
        error[hurdle] = np.abs(value - data.y[REST]).mean()
    assert (value[data.y[REST] == 0.0] == 0.0).mean() > 0.8
    assert error[True] < error[False]


def test_a_two_step_model_comes_back_from_its_arrays(make):
    data = gaps(make)
    model = fit_recipe(
        Recipe((Spec("extra_trees", {"hurdle": True, "n_trees": 20}), Spec("ridge")), (0.5, 0.5)), data, ROWS, 0
    )
    again = RecipeModel.from_arrays(model.to_arrays())
    np.testing.assert_array_equal(again.output(data.X[REST]).value, model.output(data.X[REST]).value)
    np.testing.assert_array_equal(again.spread(data.X[REST]), model.spread(data.X[REST]))


def test_an_atom_is_a_lowest_value_that_many_rows_have():
    assert atom_of(np.array([0.0] * 5 + list(range(1, 20)))) == 0.0
    assert atom_of(np.arange(100.0)) is None


def test_two_steps_without_an_atom_are_refused(make):
    with pytest.raises(DataError, match="lowest value"):
        fit_recipe(Recipe((Spec("extra_trees", {"hurdle": True}),)), as_data(make()), np.arange(50), 0)


def test_a_log_scale_refuses_values_that_are_not_positive(make):
    with pytest.raises(DataError, match="log scale"):
        fit_recipe(Recipe((Spec("ridge"),)), as_data(make(), scale="log"), np.arange(50), 0)


def test_a_log_scale_fits_orders_of_magnitude(make):
    development = make(300)
    data = as_data(replace(development, y=10.0 ** (3.0 * development.table.X[:, 0])), scale="log")
    value = fit_recipe(Recipe((Spec("ridge"),)), data, ROWS, 0).predict(data.X[REST])
    assert np.abs(np.log10(value / data.y[REST])).mean() < 0.1


def test_weights_reach_the_fit(make):
    data = as_data(make())
    heavy = np.where(np.arange(100) < 50, 1.9, 0.1)
    rows = np.arange(100)
    plain, weighed = (fit_recipe(Recipe((Spec("ridge"),)), d, rows, 0).predict(data.X)
                      for d in (data, replace(data, weights=heavy)))  # fmt: skip
    assert (plain != weighed).any()


def test_positions_follow_origins_whole_names_only(make):
    columns = make().table.columns()
    assert positions(columns, ("formula",)).tolist() == [0, 1, 2, 3]
    assert positions(columns, ("temperature:number",)).tolist() == [4, 5]
    with pytest.raises(DataError, match="form"):
        positions(columns, ("form",))


@pytest.mark.parametrize(
    ("name", "bad"),
    [("weights", np.array([0.7, 0.7])), ("member0/columns", np.array([99])), ("bounds", np.array([1.0, 0.0])),
     ("task", np.array("exec")), ("n_features", np.array(1))],
)  # fmt: skip
def test_hostile_arrays_are_refused(make, name, bad):
    data = as_data(make())
    arrays = fit_recipe(Recipe((Spec("ridge"),)), data, np.arange(50), 0).to_arrays()
    with pytest.raises(BundleError):
        RecipeModel.from_arrays({**arrays, name: bad})


def test_a_wrong_number_of_features_is_refused(make):
    data = as_data(make())
    model = fit_recipe(Recipe((Spec("ridge"),)), data, np.arange(50), 0)
    with pytest.raises(DataError, match="6 features"):
        model.predict(data.X[:, :3])


def test_self_training_learns_from_rows_without_a_label(make):
    development = make(200, task="classification")
    data = as_data(development, loss="cross_entropy", unlabelled=make(400, seed=5).table.X)
    rows = np.arange(30)
    recipe = Recipe((Spec("logistic"),))
    plain = fit_recipe(recipe, data, rows, 0).predict_proba(data.X[100:])
    taught = fit_recipe(replace(recipe, pseudo_labels=True), data, rows, 0).predict_proba(data.X[100:])
    assert (plain != taught).any()


def test_uncertainty_of_a_committee_is_noise_of_members_and_their_disagreement(make):
    data = as_data(make(300))
    specs = (Spec("gaussian_process"), Spec("nearest_neighbour", {"k": 5}), Spec("ridge"))
    model = fit_recipe(Recipe(specs, (0.5, 0.3, 0.2)), data, ROWS, 0)
    alone = [fit_recipe(Recipe((spec,)), data, ROWS, 0).output(data.X[REST]) for spec in specs]
    found, w = model.uncertainty(data.X[REST]), model.weights
    centre = sum(w[k] * one.value for k, one in enumerate(alone))
    between = sum(w[k] * (one.value - centre) ** 2 for k, one in enumerate(alone))
    np.testing.assert_allclose(
        found.aleatoric**2, sum(w[k] * one.uncertainty.aleatoric**2 for k, one in enumerate(alone))
    )
    own = sum(w[k] * one.uncertainty.epistemic**2 for k, one in enumerate(alone))
    np.testing.assert_allclose(found.epistemic**2, own + between)
    np.testing.assert_allclose(found.total, model.spread(data.X[REST]))


def test_uncertainty_is_in_target_units_on_a_log_scale_and_of_labels_for_classes(make):
    data = as_data(make(200), scale="log")
    data = replace(data, y=10.0 ** (data.y / np.abs(data.y).max()))
    logs = fit_recipe(Recipe((Spec("nearest_neighbour", {"k": 5}),)), data, ROWS[:150], 0)
    np.testing.assert_allclose(logs.uncertainty(data.X).total, logs.spread(data.X))
    labels = replace(
        data, y=(data.y > np.median(data.y)).astype(float), task="classification", n_classes=2, scale="linear",
        loss="cross_entropy",
    )  # fmt: skip
    recipe = Recipe((Spec("extra_trees", {"n_trees": 30}), Spec("logistic")), (0.5, 0.5))
    model = fit_recipe(recipe, labels, ROWS[:150], 0)
    p = model.predict_proba(data.X)[:, 1]
    np.testing.assert_allclose(model.uncertainty(data.X).total ** 2, p * (1.0 - p), atol=1e-12)
    np.testing.assert_allclose(model.uncertainty(data.X).epistemic, model.spread(data.X))


def test_doubt_about_rise_or_nothing_is_kept_apart_and_adds_up(make):
    data = gaps(make)
    model = fit_recipe(Recipe((Spec("extra_trees", {"hurdle": True, "n_trees": 30}),)), data, ROWS, 0)
    found = model.uncertainty(data.X[REST])
    np.testing.assert_allclose(found.total, model.spread(data.X[REST]))
    assert found.aleatoric.max() > 0.0

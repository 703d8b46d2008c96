"""Altered fits: what is altered, what is not, and that the altered fit is another one than the plain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.models.family import Spec
from matloop.train.change import Change
from matloop.train.fits import Fits, FitTask
from matloop.train.values import Recipe
from matloop.train.worker import load_data

TRAIN, REST = np.arange(60), np.arange(60, 100)


@pytest.fixture
def data(make, folder):
    with Fits(make(), folder=folder, workers=1) as fits:
        return load_data(fits._data)


def test_shuffled_labels_are_the_same_ones_elsewhere(data):
    y = Change(labels_shuffled=True, seed=3).training(data, TRAIN).y
    assert not np.array_equal(y[TRAIN], data.y[TRAIN])
    np.testing.assert_array_equal(np.sort(y[TRAIN]), np.sort(data.y[TRAIN]))
    np.testing.assert_array_equal(y[REST], data.y[REST])


def test_label_noise_has_the_asked_size(data):
    many = replace(data, y=np.zeros(100), bounds=None, scale="linear", task="regression")
    y = Change(label_noise=2.0).training(many, np.arange(100)).y
    assert y.std() == pytest.approx(2.0, rel=0.25)


def test_class_noise_flips_the_asked_share(data):
    classes = replace(data, y=np.zeros(100), task="classification", n_classes=3)
    y = Change(label_noise=0.3).training(classes, np.arange(100)).y
    assert 0.15 < (y != 0).mean() < 0.45


def test_shuffled_columns_alter_training_rows_only(data):
    X = Change(shuffled=(0,)).training(data, TRAIN).X
    assert not np.array_equal(X[TRAIN, 0], data.X[TRAIN, 0])
    np.testing.assert_array_equal(X[REST], data.X[REST])
    np.testing.assert_array_equal(X[:, 1:], data.X[:, 1:])


def test_a_model_without_a_column_does_not_see_it_in_new_rows(data):
    change = Change(without=(1,))
    assert not change.training(data, TRAIN).X[:, 1].any()
    assert not change.seen(np.asarray(data.X[REST]))[:, 1].any()


def test_an_altered_fit_is_not_taken_for_the_plain_one(make, folder):
    plain = FitTask(Recipe((Spec("ridge"),)), TRAIN, REST, 0)
    with Fits(make(), folder=folder, workers=1) as fits:
        first, second = fits.run([plain, replace(plain, change=Change(labels_shuffled=True))])
        (again,) = fits.run([replace(plain, change=Change(labels_shuffled=True))])
    assert not np.allclose(first.value, second.value)
    np.testing.assert_array_equal(second.value, again.value)


def test_negative_noise_is_refused():
    with pytest.raises(ConfigError, match=r"0 or more, got -1"):
        Change(label_noise=-1.0)

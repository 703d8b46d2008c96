"""The study: readable features with units, the model's error on the same rows, and reasons where nothing is sought."""

import math
import time
from dataclasses import replace

import numpy as np
import pytest

from matloop.core.jsonable import from_jsonable, to_jsonable
from matloop.core.units import known
from matloop.doubt.prediction import OutOfFold
from matloop.explain.laws.features import PROPERTIES, described, feature_units, law_features
from matloop.explain.laws.study import LENGTH, study_laws
from matloop.explain.laws.values import LawStudy
from matloop.models.family import Spec
from matloop.problem.question import Target
from matloop.represent import DEFAULT_FEATURES, FEATURIZERS
from matloop.represent.table import FeatureTable
from matloop.train.subject import Subject
from matloop.train.values import Development, Recipe, Trained

NAMES = ("T", "route", "MagpieData mean MeltingT", "MagpieData mode Number", "Fe")
ORIGINS = ("T:number", "route:category", "formula:magpie", "formula:magpie", "formula:fractions")


def subject(depth="standard", task="regression", n=90, classes=("low", "high")):
    rng = np.random.default_rng(0)
    T, melting = rng.uniform(300, 900, n), rng.uniform(500, 2000, n)
    X = np.column_stack([T, rng.integers(0, 2, n), melting, rng.integers(1, 9, n), rng.random(n)])
    y = X[:, 0] * X[:, 2] / 1e5 + rng.normal(0, 0.1, n)
    if task == "classification":
        y = (X[:, 0] > 600).astype(float)
    fold = np.arange(n) % 5
    table = FeatureTable(X, NAMES, ORIGINS, {"route": ("arc", "melt")}, {})
    development = Development(
        table, y, np.full(n, np.nan), np.ones(n), np.arange(n), fold, task,
        classes if task == "classification" else (), "K",
    )  # fmt: skip
    said = y if task == "classification" else y + 0.2
    trained = Trained(Recipe((Spec("ridge"),)), (), OutOfFold(said, np.zeros(n), np.zeros((n, 0)), fold), "mae")
    shown = np.arange(n).astype(str)
    return Subject(development, trained, None, Target("S", "S", "K", task), shown, shown, 0, depth)


def test_readable_features_come_with_words_and_units():
    found = law_features(NAMES, ORIGINS, (1,), {"T": "K"})
    assert [(f.words, f.unit) for f in found] == [("T", "K"), ("mean melting point", "K"), ("Fe fraction", "")]
    assert described("MagpieData mode Number") is None
    assert feature_units(["element std phi", "learnt 17"]) == ["eV", None]


def test_every_unit_of_a_feature_is_known():
    assert all(unit is None or known(unit) for _, unit in PROPERTIES.values())


def test_words_of_the_default_features_are_unique():
    names, origins = [], []
    for name in DEFAULT_FEATURES:
        own = [str(n) for n in FEATURIZERS.load(name)().get_feature_names_out()]
        names += own
        origins += [f"formula:{name}"] * len(own)
    words = [f.words for f in law_features(names, origins, (), {})]
    assert len(words) == len(set(words))
    assert len(words) > 250


@pytest.fixture(autouse=True)
def short_laws(monkeypatch):
    monkeypatch.setitem(LENGTH, "standard", 7)


def test_a_law_is_sought_beside_the_model():
    found = study_laws(subject(), deadline=math.inf, units={"T": "K"})
    assert found.search.finding == "law"
    assert {v.name for v in found.search.best.variables} == {"T", "mean melting point"}
    assert found.model_error == pytest.approx(0.2)
    assert from_jsonable(LawStudy, to_jsonable(found)).search.best == found.search.best


def test_a_rule_is_sought_for_two_classes():
    found = study_laws(subject(task="classification"), deadline=math.inf, units={"T": "K"})
    assert found.search.best.classes == ("high", "low")
    assert {v.name for v in found.search.best.variables} == {"T"}
    assert found.model_error == 0.0


@pytest.mark.parametrize(
    ("given", "seconds", "why"),
    [
        (subject("quick"), 60, "from depth standard on"),
        (subject(), 1, "time ran out"),
        (subject(task="classification", classes=("a", "b", "c")), 60, "there are 3"),
    ],
)
def test_what_is_not_sought_is_said(given, seconds, why):
    found = study_laws(given, deadline=time.monotonic() + seconds)
    assert found.search is None
    assert why in found.notes[0]


def test_a_table_without_readable_features_is_said():
    given = subject()
    table = FeatureTable(given.development.table.X[:, 1:2], NAMES[1:2], ORIGINS[1:2], {"route": ("arc", "melt")}, {})
    found = study_laws(replace(given, development=replace(given.development, table=table)), deadline=math.inf)
    assert found.search is None
    assert "no feature" in found.notes[0]

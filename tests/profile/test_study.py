from __future__ import annotations

import time

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.core.jsonable import from_jsonable, to_jsonable
from matloop.profile.study import MapStudy, profile_rows
from matloop.profile.tells import short_name, tells
from matloop.represent.table import FeatureTable

ELEMENTS = ("O", "S", "Cu", "Fe")


def oxides_and_sulphides(n=120, seed=0):
    """Half oxides, half sulphides: fractions, a feature that tells them, one that says the same, one of noise."""
    rng = np.random.default_rng(seed)
    oxide = np.arange(n) < n // 2
    metal = rng.uniform(0.2, 0.4, (n, 2))
    anion = 1 - metal.sum(axis=1)
    fractions = np.column_stack([anion * oxide, anion * ~oxide, metal])
    chi = np.where(oxide, 3.4, 2.6) + 0.05 * rng.normal(size=n)
    extra = np.column_stack([chi, 2 * chi + 0.01 * rng.normal(size=n), rng.normal(size=n)])
    names = (*(f"fraction {e}" for e in ELEMENTS), "MagpieData mean Electronegativity", "twice", "noise")
    origins = ("formula:fractions",) * 4 + ("formula:magpie",) * 2 + ("noise:number",)
    return FeatureTable(np.column_stack([fractions, extra]), names, origins, {}, {}), oxide


def test_oxides_and_sulphides_are_two_clusters_told_by_their_anion():
    table, oxide = oxides_and_sulphides()
    error = np.where(oxide, 1.0, 3.0) + 0.1 * np.random.default_rng(1).normal(size=120)
    found = profile_rows(table, np.where(oxide, 5.0, 1.0), error=error, depth="quick", in_domain=oxide)
    assert found.answer != "none"
    by_name = {line.name: line for line in found.clusters}
    assert set(by_name) == {"with O", "with S"}
    assert {tell.split(" in ")[0] for tell in by_name["with O"].tells[:2]} == {"O", "S"}
    assert by_name["with S"].error.value == pytest.approx(3.0, abs=0.05)
    assert by_name["with S"].error.low < 3.0 < by_name["with S"].error.high
    assert by_name["with S"].p_value < 1e-6
    assert (by_name["with O"].outside_domain, by_name["with S"].outside_domain) == (0.0, 1.0)
    assert by_name["with O"].value == pytest.approx(5.0)


def test_a_feature_that_says_the_same_again_is_not_told():
    table, oxide = oxides_and_sulphides()
    told = [one.name for one in tells(table, oxide) if one.kind == "feature"]
    assert len(told) == 1
    assert told[0] in ("mean Electronegativity", "twice")
    assert short_name(tells(table, oxide)) == "with O"


def test_all_or_no_rows_are_told_by_nothing():
    table, _ = oxides_and_sulphides(20)
    assert tells(table, np.ones(20, bool)) == ()
    assert tells(table, np.zeros(20, bool)) == ()


def test_a_study_goes_through_json_and_is_the_same_again():
    table, oxide = oxides_and_sulphides(60)
    made = [profile_rows(table, oxide.astype(float), error=np.ones(60), classes=("a", "b")) for _ in range(2)]
    texts = [to_jsonable(one) for one in made]
    assert texts[0] == texts[1]
    back = from_jsonable(MapStudy, texts[0])
    np.testing.assert_array_equal(back.maps[back.best_map].xy, made[0].maps[made[0].best_map].xy)
    assert back.clusters == made[0].clusters or np.isnan(back.clusters[0].value)


def test_standard_has_a_map_of_neighbours_and_keeps_the_better_one():
    table, _ = oxides_and_sulphides(80)
    found = profile_rows(table)
    assert [one.method for one in found.maps] == ["pca", "tsne"]
    worth = [one.trustworthiness + one.continuity for one in found.maps]
    assert found.best_map == int(np.argmax(worth))


def test_many_rows_are_thinned_for_the_page():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(9000, 3))
    table = FeatureTable(X, ("a", "b", "c"), ("a:number", "b:number", "c:number"), {}, {})
    found = profile_rows(table, X[:, 0], depth="quick")
    assert (found.n_rows, len(found.rows), found.maps[0].xy.shape) == (9000, 1500, (1500, 2))
    np.testing.assert_array_equal(found.value, X[found.rows, 0])


def test_late_maps_are_left_out_and_named():
    table, _ = oxides_and_sulphides(60)
    found = profile_rows(table, deadline=time.monotonic())
    assert [one.method for one in found.maps] == ["pca"]
    assert any("tsne" in note for note in found.notes)


@pytest.mark.parametrize(("shape", "words"), [((10, 3), "little more than a list"), ((50, 900), "only 50 rows")])
def test_what_cannot_be_known_is_said(shape, words):
    X = np.random.default_rng(0).normal(size=shape)
    names = tuple(f"f{i}" for i in range(shape[1]))
    found = profile_rows(FeatureTable(X, names, tuple(f"{n}:number" for n in names), {}, {}), depth="quick")
    assert any(words in note for note in found.notes)
    assert found.answer == "none"


def test_constant_features_give_one_spot_and_say_so():
    table = FeatureTable(np.ones((40, 2)), ("a", "b"), ("a:number", "b:number"), {}, {})
    found = profile_rows(table, np.arange(40.0))
    assert any("none of the 2 features varies" in note for note in found.notes)
    assert len(found.clusters) == 1


def test_a_column_of_another_length_is_named():
    table, _ = oxides_and_sulphides(20)
    with pytest.raises(DataError, match=r"error has shape \(3,\).*20 rows"):
        profile_rows(table, error=np.ones(3))

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from matloop.profile.study import profile_rows
from matloop.report.map_view import map_view
from matloop.report.templating import environment
from matloop.represent.table import FeatureTable

HOSTILE = "<script>alert(1)</script>%{x}"


def rows(n=90, shift=8.0):
    rng = np.random.default_rng(0)
    group = np.arange(n) % 3
    X = rng.normal(size=(n, 3)) + shift * np.eye(3)[group]
    table = FeatureTable(X, ("density", "radius", HOSTILE), ("a:number", "b:number", "c:number"), {}, {})
    return table, group, rng


def study(classes=(), **more):
    table, group, rng = rows()
    y = (group == 1).astype(float) if classes else 10.0 * group
    error = (rng.random(90) < 0.2 + 0.5 * (group == 2)).astype(float) if classes else 1.0 + 4.0 * (group == 2)
    error = error if classes else error + 0.1 * rng.random(90)
    shown = np.array([f"Fe{i}O" for i in range(89)] + [HOSTILE])
    arguments = {"error": error, "in_domain": group != 2, "shown": shown, "unit": "" if classes else "ohm"}
    return profile_rows(table, y, **{**arguments, "classes": classes, "depth": "quick", **more})


def page_of(found):
    template = '{% import "macros.html.j2" as m %}{% include "map.html.j2" %}'
    view = SimpleNamespace(key="t0", map=map_view("t0", found))
    return environment().from_string(template).render(view=view)


def test_the_lead_names_where_the_model_errs_with_numbers_and_unit():
    view = map_view("t0", study())
    assert view.lead.startswith("The model errs most in cluster ")
    assert "Ω" in view.lead
    assert [variant.label for variant in view.figure.variants] == ["Error", "Value", "Cluster", "Domain"]
    worst = next(row for row in view.rows if row.mark == "more than the rest")
    assert worst.error[0].startswith("5.")
    assert view.groups == "Cluster"


def test_classes_are_told_in_shares():
    view = map_view("t0", study(classes=("soft", "hard")))
    assert view.error_words == "Share wrong"
    assert view.value_words == ""
    assert [variant.label for variant in view.figure.variants] == ["Error", "Class", "Cluster", "Domain"]
    assert any(row.error[0].endswith("%") for row in view.rows)


def test_nothing_hostile_gets_through_and_figures_are_sound_json():
    page = page_of(study())
    assert "<script>alert" not in page
    for variant in map_view("t0", study()).figure.variants:
        json.dumps(variant.data, allow_nan=False)
        assert all("%{x}" not in str(trace["customdata"]) for trace in variant.data)


def test_regions_of_a_cloud_are_not_called_clusters():
    table = FeatureTable(np.random.default_rng(0).normal(size=(80, 2)), ("a", "b"), ("a:number", "b:number"), {}, {})
    found = profile_rows(table, np.arange(80.0), error=np.ones(80), depth="quick")
    view = map_view("t0", found)
    assert view.groups == "Region"
    assert "no clusters worth the name" in page_of(found)
    assert "errs most" not in view.lead


@pytest.mark.parametrize("n", [1, 3, 12])
def test_tiny_and_bare_studies_render(n):
    table = FeatureTable(np.random.default_rng(0).normal(size=(n, 2)), ("a", "b"), ("a:number", "b:number"), {}, {})
    assert "Where on the map" in page_of(profile_rows(table, depth="quick", shown=np.full(n, "x")))


def test_no_study_shows_nothing():
    assert map_view("t0", None) is None
    assert page_of(None).strip() == ""

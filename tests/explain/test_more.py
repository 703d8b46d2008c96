"""The study of a trained recipe: planted features are found and may be read, on noise nothing may."""

import math
import time
from dataclasses import replace

import numpy as np
import pytest

from matloop.core.jsonable import from_jsonable, to_jsonable
from matloop.explain.explain import explain
from matloop.explain.more import explain_more
from matloop.explain.values import ExplainStudy, failed

QUICK = (("rounds", 200),)


def told(found, *, deadline=math.inf):
    subject, development = found.subject, found.subject.development
    existing = explain(development, found.models, metric=development.metric, seed=0, deadline=math.inf)
    return existing, explain_more(subject, found.models, existing, deadline=deadline)


@pytest.fixture(scope="session")
def thorough(study):
    return told(study("lightgbm", depth="thorough", settings=QUICK))[1]


@pytest.fixture(scope="session")
def standard(study):
    return told(study("lightgbm", settings=QUICK))[1]


def test_the_planted_twins_lead_and_may_be_read(standard):
    made = standard.contributions
    assert made.names[0] in ("main (+1 correlated)", "twin (+1 correlated)")
    assert made.names[1] == "bent"
    assert {name for name, mark in zip(made.names, made.above_noise, strict=True) if mark == 0.0} >= {"n1", "n2", "n3"}
    assert not failed(made.checks)
    assert not failed(standard.importance_checks)
    assert {check.name for check in made.checks} >= {"stable", "destroyed by shuffled labels", "adds up"}


def test_monotone_effect_rises_and_saturates(standard):
    bent = next(one for one in standard.effects if one.feature == "bent")
    assert (np.diff(bent.mean) > -0.15).all()
    assert bent.mean[-1] - bent.mean[0] == pytest.approx(4.0, rel=0.25)  # 2 tanh(2 x) from one end to the other
    assert not failed(bent.checks)
    route = next((one for one in standard.effects if one.feature == "route"), None)
    assert route is None or route.levels == ("cast", "forged", "rolled")


def test_why_a_row_sums_to_its_prediction(standard):
    for one in standard.reasons:
        total = one.base + sum(part.value for part in one.parts) + one.rest
        assert total == pytest.approx(one.prediction, abs=1e-6)
        assert one.prediction == pytest.approx(one.predicted, abs=1e-6)
    errors = [abs(one.measured - one.predicted) for one in standard.reasons]
    assert errors[0] == max(errors)


def test_thorough_finds_the_planted_interaction(thorough):
    first = thorough.interactions[0]
    assert {first.a, first.b} == {"left", "right"}
    assert first.h > 0.5
    assert not failed(thorough.interaction_checks)
    corners = first.surface[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert (np.sign(corners) == [1, -1, -1, 1]).all()


def test_thorough_has_prices_and_what_is_missed_most(thorough):
    assert {box.kind for box in thorough.glass_boxes} >= {"shallow tree", "sparse linear model"}
    tree = thorough.glass_boxes[0]
    assert tree.low <= tree.price <= tree.high
    assert tree.rules
    lead = max(thorough.drops, key=lambda one: one.value)
    assert set(lead.members) == {"main", "twin"}
    assert lead.low > 0.5
    assert lead.permutation > lead.value > 0.0


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_on_noise_nothing_may_be_read(study, task):
    depth = "thorough" if task == "regression" else "standard"
    found = told(study("lightgbm", depth=depth, task=task, noise=True, n=240, settings=QUICK))[1]
    parts = [
        found.importance_checks, found.contributions.checks, found.interaction_checks, found.drop_checks,
        *(one.checks for one in (*found.effects, *found.surrogates, *found.glass_boxes)),
    ]  # fmt: skip
    assert len(parts) >= 8
    assert all(failed(checks) for checks in parts if checks)
    assert failed(found.importance_checks)
    destroyed = [c for c in found.contributions.checks if c.name == "destroyed by shuffled labels"]
    assert not destroyed[0].passed


def test_classes_are_explained_by_the_positive_one(study):
    found = told(study("extra_trees", task="classification", n=300, settings=(("n_trees", 30),)))[1]
    assert found.output == "probability of 'hard'"
    assert found.contributions.output == "probability of 'hard'"
    assert found.contributions.gap < 1e-9
    assert found.surrogates[0].rules[0].split(":")[1].split()[0].endswith("%")


def test_a_model_without_structure_is_sampled(study):
    found = told(study("kernel_ridge", n=300))[1]
    assert found.contributions.method == "sampled"
    assert "adds up" not in [check.name for check in failed(found.contributions.checks)]


def test_study_survives_json(thorough):
    again = from_jsonable(ExplainStudy, to_jsonable(thorough))
    assert to_jsonable(again) == to_jsonable(thorough)


def test_same_seed_same_study(study, standard):
    again = told(study("lightgbm", settings=QUICK))[1]
    assert to_jsonable(again) == to_jsonable(standard)


def test_quick_late_and_without_models_say_so(study):
    found = study("lightgbm", settings=QUICK)
    quick = explain_more(replace(found.subject, depth="quick"), found.models, None)
    assert "not checked" in quick.notes[0]
    assert quick.contributions is None
    late = explain_more(found.subject, found.models, None, deadline=time.monotonic() - 1.0)
    assert "time ran out" in late.notes[0]
    assert "no fold model" in explain_more(found.subject, [], None).notes[0]


def test_without_an_explanation_beside_groups_are_found_anew(study):
    found = study("lightgbm", settings=QUICK)
    made = explain_more(found.subject, found.models, None)
    assert {frozenset(name.split(" (")[0] for name in made.contributions.names[:2])} <= {
        frozenset({"main", "bent"}), frozenset({"twin", "bent"})
    }  # fmt: skip


def test_a_short_deadline_is_kept_and_what_is_left_out_is_named(study):
    found = study("lightgbm", depth="thorough", n=500, settings=QUICK)
    existing = explain(found.subject.development, found.models, metric="mae", seed=0, deadline=math.inf)
    start = time.monotonic()
    made = explain_more(found.subject, found.models, existing, deadline=start + 1.0)
    assert time.monotonic() - start < 8.0
    assert any("left out" in note or "no model of shuffled" in note for note in made.notes)

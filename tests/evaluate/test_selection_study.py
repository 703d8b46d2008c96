"""The choice of columns looked at again: planted columns are always chosen, noise is not, and the page says so."""

import json
import math
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from matloop.core.jsonable import dumps, from_jsonable
from matloop.evaluate.selection_study import SelectionStudy, study_selection
from matloop.models.family import Spec
from matloop.report.selection_view import selection_view
from matloop.report.templating import environment
from matloop.train.subject import Subject
from matloop.train.values import Recipe


def subject(with_columns, spec, *, planted=True, n=120, width=40):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n, width))
    y = 3 * X[:, 0] + 2 * X[:, 1] - 2 * X[:, 2] if planted else rng.normal(size=n)
    names = [f"c{k}" for k in range(width)]
    development = with_columns(X, y, names, ["t:many"] * width, fold=np.arange(n) % 5)
    recipe = Recipe((spec,)) if isinstance(spec, Spec) else spec
    trained = SimpleNamespace(recipe=recipe)
    ids = np.array([str(k) for k in range(n)])
    return Subject(development, trained, None, None, ids, ids, seed=0, depth="standard")


def soon():
    return time.monotonic() + 60


def test_planted_columns_are_chosen_each_time_and_the_choice_is_stable(with_columns):
    found = study_selection(
        subject(with_columns, Spec("ridge", {"select": 3, "select_by": "forward"})), deadline=soon()
    )
    assert found is not None
    assert {one.name for one in found.columns[:3]} == {"c0", "c1", "c2"}
    assert found.halves.value == 1.0
    assert (found.always, found.never) == (3, 37)
    assert "the list can be read" in found.sentence


def test_a_choice_among_noise_is_not_stable(with_columns):
    spec = Spec("ridge", {"select": 5})
    found = study_selection(subject(with_columns, spec, planted=False), deadline=soon())
    assert found.halves.value < 0.3
    assert found.halves.low < found.halves.value < found.halves.high
    assert "do not read the list" in found.sentence
    assert found.folds.value > found.halves.value  # folds share most rows


def test_the_heaviest_choosing_member_is_looked_at(with_columns):
    members = (Spec("extra_trees"), Spec("svm", {"select": 4, "select_by": "mrmr"}), Spec("ridge", {"select": 6}))
    found = study_selection(subject(with_columns, Recipe(members, (0.5, 0.3, 0.2))), deadline=soon())
    assert (found.family, found.method, found.asked) == ("svm", "mrmr", 4)
    assert "weight of 0.30" in found.notes[0]


def test_nothing_is_said_where_nothing_is_chosen(with_columns):
    assert study_selection(subject(with_columns, Spec("ridge")), deadline=soon()) is None


def test_without_time_the_folds_alone_are_told(with_columns):
    found = study_selection(subject(with_columns, Spec("ridge", {"select": 3})), deadline=time.monotonic())
    assert found.halves is None
    assert any("time ran out" in note for note in found.notes)


@pytest.mark.parametrize("late", [False, True])
def test_the_page_shows_the_study_and_a_file_keeps_it(with_columns, late):
    deadline = time.monotonic() if late else soon()
    found = study_selection(subject(with_columns, Spec("ridge", {"select": 3})), deadline=deadline)
    kept = from_jsonable(SelectionStudy, json.loads(dumps(found)))
    assert math.isclose(kept.folds.value, found.folds.value)
    named = replace(kept, columns=(replace(kept.columns[0], name="<b>T</b>"), *kept.columns[1:]))
    template = '{% import "macros.html.j2" as m %}{% include "selection.html.j2" %}'
    view = SimpleNamespace(key="t0", selection=selection_view("t0", named))
    page = environment().from_string(template).render(view=view)
    assert "Which columns it chose" in page
    assert "<b>T</b>" not in page.replace("&lt;b&gt;T", "")
    assert "&lt;b&gt;T" in page

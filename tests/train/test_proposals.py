"""The order of candidates: from seed and scores alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.problem.question import Selection, Training
from matloop.represent.table import Columns
from matloop.train.proposals import MOST, Outcome, Proposals, usable_families, views

TRAINING = Training(families=("ridge", "lightgbm", "extra_trees", "dummy"))


def walk(development, score, *, seed=0, training=TRAINING) -> list:
    names, _ = usable_families(development, training)
    proposals = Proposals(development, training, names, seed)
    outcomes: list[Outcome] = []
    while wave := proposals.next_wave(outcomes):
        outcomes += [Outcome(spec, score(spec, len(outcomes) + k)) for k, spec in enumerate(wave)]
    return [o.spec for o in outcomes]


def by_family(spec, place):
    return {"dummy": 9.0, "ridge": 3.0, "lightgbm": 1.0, "extra_trees": 1.05}[spec.family] - 0.01 * place


def test_the_order_is_the_same_for_the_same_scores(make):
    assert walk(make(), by_family) == walk(make(), by_family)
    assert walk(make(), by_family) != walk(make(), by_family, seed=1)


def test_every_family_opens_with_its_default_and_cheap_ones_come_first(make):
    order = [spec.family for spec in walk(make(), by_family)]
    assert order[:4] == ["dummy", "ridge", "lightgbm", "extra_trees"]


def test_better_families_get_more_turns(make):
    order = [spec.family for spec in walk(make(), by_family)]
    assert order.count("lightgbm") > order.count("ridge") >= 1
    assert order.count("extra_trees") > order.count("ridge")


def test_no_candidate_comes_twice_and_the_list_ends(make):
    order = walk(make(), by_family)
    assert len(order) <= MOST
    assert len({repr(spec) for spec in order}) == len(order)


def test_the_search_ends_when_nothing_gets_better(make):
    assert len(walk(make(), lambda spec, place: 1.0)) < MOST


def test_many_zeros_open_two_step_candidates(make):
    development = make()
    zeros = replace(development, y=np.maximum(development.y, 0.0))
    assert any(spec.settings.get("hurdle") for spec in walk(zeros, by_family)[:8])
    assert not any(spec.settings.get("hurdle") for spec in walk(development, by_family))


def test_an_asked_loss_holds_for_every_candidate(make):
    training = Training(families=("lightgbm",), loss="huber")
    assert all("loss" not in spec.settings for spec in walk(make(), by_family, training=training))


def test_views_are_all_columns_and_each_rich_featurizer_beside_the_other_inputs():
    columns = Columns(
        tuple(f"c{i}" for i in range(25)),
        ("f:magpie",) * 12 + ("f:fractions",) * 11 + ("f:norms",) + ("T:number",), {},
    )  # fmt: skip
    assert views(columns) == [(), ("f:magpie", "T:number"), ("f:fractions", "T:number")]


def test_an_unknown_family_is_a_config_error_with_the_nearest_name(make):
    with pytest.raises(ConfigError, match="lightgbm"):
        usable_families(make(), Training(families=("lightgmb",)))


def test_a_loss_that_a_family_does_not_know_is_a_reason_to_skip_it(make):
    names, skipped = usable_families(make(), Training(families=("nearest_neighbour", "lightgbm"), loss="huber"))
    assert names == ["lightgbm"]
    assert "huber" in skipped["nearest_neighbour"]


def test_methods_of_distances_also_start_on_element_fractions(make):
    development = make()
    X = np.random.default_rng(0).normal(size=(100, 25))
    origins = ("f:magpie",) * 12 + ("f:fractions",) * 12 + ("T:number",)
    table = replace(development.table, X=X, names=tuple(f"c{i}" for i in range(25)), origins=origins)
    training = Training(families=("svm", "ridge"))
    opening = walk(replace(development, table=table), lambda spec, place: 1.0, training=training)[:3]
    assert [s.family for s in opening] == ["ridge", "svm", "svm"]
    assert opening[2].columns == ("f:fractions", "T:number")


def wide(development):
    """The same rows with 130 columns."""
    table = development.table
    X = np.random.default_rng(0).normal(size=(len(development), 130))
    X[:, : table.X.shape[1]] = table.X
    names = tuple(f"c{k}" for k in range(130))
    return replace(development, table=replace(table, X=X, names=names, origins=("t:many",) * 130, vocabularies={}))


def test_methods_of_distances_are_tried_on_chosen_columns_where_there_are_many(make):
    training = Training(families=("svm", "lightgbm"))
    order = walk(wide(make()), lambda spec, place: 1.0 - 0.001 * place, training=training)
    chosen = [spec for spec in order if spec.settings.get("select_by") == "forest"]
    assert [spec.family for spec in chosen] == ["svm"]
    assert order.index(chosen[0]) < 8
    assert not any(spec.settings.get("select_by") for spec in walk(make(), lambda s, p: 1.0, training=training))


def test_a_selection_that_is_asked_for_is_in_every_candidate(make):
    training = replace(TRAINING, select=Selection("mrmr", 2))
    order = walk(make(), by_family, training=training)
    assert all(
        (spec.settings["select"], spec.settings["select_by"]) == (2, "mrmr") for spec in order if spec.family != "dummy"
    )
    assert len({repr(spec) for spec in order}) == len(order)

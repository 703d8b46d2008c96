"""Mixtures drawn at random against closed forms and lists."""

from __future__ import annotations

from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from matloop.design.space.count import all_mixtures
from matloop.design.space.layout import Blend, layout_of
from matloop.design.space.mixtures import count_stepped, draw_amounts, draw_mixtures, draw_stepped, holds
from matloop.problem.space import Component, Mixture, Space
from matloop.problem.space_faults import faults


def blend(*parts: Component, at_most: int | None = None, at_least: int = 1, step: float = 0.0) -> Blend:
    return layout_of((Mixture("m", parts, at_most=at_most, at_least=at_least, step=step),)).blends[0]


def test_a_free_mixture_is_uniform_on_the_simplex():
    x = draw_mixtures(blend(*(Component(name) for name in "ABCD")), 4000, np.random.default_rng(0))
    for column in x.T:  # a component of a flat Dirichlet of four is Beta(1, 3)
        assert stats.kstest(column, stats.beta(1, 3).cdf).pvalue > 1e-3


@pytest.mark.parametrize("high", [(0.28, 0.3, 0.27, 0.26), (0.5, 0.25, 0.6, 0.3), (0.255, 0.9, 0.26, 0.3)])
def test_bounds_are_kept_uniformly(high):
    """Against Dirichlet draws that are thrown away where they break a bound."""
    mixed = blend(*(Component(name, 0.2, top) for name, top in zip("ABCD", high, strict=True)))
    x = draw_mixtures(mixed, 4000, np.random.default_rng(1))
    y = 0.2 + 0.2 * np.random.default_rng(2).dirichlet(np.ones(4), 200_000)
    y = y[(y <= high).all(axis=1)]
    for k in range(4):
        assert stats.ks_2samp(x[:, k], y[:, k]).pvalue > 1e-3


def test_the_walk_within_bounds_is_uniform_where_rejection_is_hopeless():
    """Of ten components of at most 0.11 each, what is missing to 0.11 is a flat Dirichlet of 0.1."""
    mixed = blend(*(Component(f"c{k}", 0.0, 0.11) for k in range(10)))
    x = draw_mixtures(mixed, 3000, np.random.default_rng(3))
    for column in x.T:
        assert stats.kstest((0.11 - column) / 0.1, stats.beta(1, 9).cdf).pvalue > 1e-4
    # both sides bind: against a long rejection from the smaller simplex
    high = np.full(12, 0.105)
    low = np.full(12, 0.07)
    both = blend(*(Component(f"c{k}", 0.07, 0.105) for k in range(12)))
    walked = draw_amounts(both, np.ones((3000, 12), dtype=bool), np.random.default_rng(4))
    y = low + (1 - low.sum()) * np.random.default_rng(5).dirichlet(np.ones(12), 300_000)
    y = y[(y <= high).all(axis=1)]
    assert stats.ks_2samp(walked[:, 0], y[:, 0]).pvalue > 1e-3


def test_each_number_of_components_and_each_choice_is_as_probable():
    mixed = blend(*(Component(name, least=0.1) for name in "ABCDE"), at_most=3)
    there = draw_mixtures(mixed, 9000, np.random.default_rng(6)) > 0
    sizes = np.bincount(there.sum(axis=1))[1:]
    assert stats.chisquare(sizes).pvalue > 1e-3
    assert len(sizes) == 3
    pairs = there[there.sum(axis=1) == 2]
    _, counts = np.unique(pairs, axis=0, return_counts=True)
    assert len(counts) == 10
    assert stats.chisquare(counts).pvalue > 1e-3


def by_hand(mixed: Blend) -> set[tuple[float, ...]]:
    """All mixtures by looking at every combination of amounts."""
    steps = round(1 / mixed.step)
    found = set()
    for amounts in product(range(steps + 1), repeat=len(mixed.low)):
        if sum(amounts) == steps and holds(mixed, np.array([amounts]) * mixed.step)[0]:
            found.add(tuple(round(a * mixed.step, 12) for a in amounts))
    return found


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(1, 10), st.integers(0, 3)), min_size=2, max_size=4
    ),
    st.integers(1, 4), st.integers(1, 2),
)  # fmt: skip
def test_stepped_mixtures_are_counted_listed_and_drawn_rightly(bounds, at_most, at_least):
    parts = tuple(
        Component(f"c{k}", low / 10, max(low, high, least) / 10, least / 10)
        for k, (low, high, least) in enumerate(bounds)
    )
    mixture = Mixture("m", parts, at_most=min(at_most, len(parts)), at_least=at_least, step=0.1)
    if faults(Space((mixture,))):
        return
    mixed = layout_of((mixture,)).blends[0]
    expected = by_hand(mixed)
    assert count_stepped(mixed).total.sum() == len(expected)
    if expected:
        assert set(map(tuple, all_mixtures(mixed).tolist())) == expected
        assert {tuple(row) for row in draw_stepped(mixed, 50, np.random.default_rng(0)).tolist()} <= expected


def test_stepped_mixtures_are_uniform():
    parts = (Component("A", 0, 0.6), Component("B", 0.1, 0.5), Component("C", least=0.2), Component("D"))
    mixed = blend(*parts, at_most=3, step=0.1)
    whole = {tuple(row): k for k, row in enumerate(all_mixtures(mixed).tolist())}
    drawn = draw_stepped(mixed, 40 * len(whole), np.random.default_rng(1))
    counts = np.bincount([whole[tuple(row)] for row in drawn.tolist()], minlength=len(whole))
    assert stats.chisquare(counts).pvalue > 1e-3


def test_the_count_of_a_large_space_is_that_of_combinatorics():
    mixed = blend(*(Component(f"c{k}") for k in range(20)), at_most=5, step=0.01)
    # j of 20 components, 100 steps parted into j amounts above zero
    expected = sum(comb(20, j) * comb(99, j - 1) for j in range(1, 6))
    assert count_stepped(mixed).total.sum() == pytest.approx(expected, rel=1e-12)

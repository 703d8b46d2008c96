"""Counterfactuals: as wished when predicted again, feasible, the smallest by brute force, and honest about doubt."""

import itertools
import math

import numpy as np
import pytest

from matloop.core.elements import Z_OF
from matloop.core.errors import ConfigError, DataError
from matloop.doubt.prediction import Prediction
from matloop.explain.charges import neutral
from matloop.explain.counterfactuals import Wish, counterfactuals, difference
from matloop.explain.edits import amounts_of
from matloop.explain.moves import Room, Row, moves_of
from matloop.matter.compositions import as_compositions

SITE = {"Co": 0.0, "Ni": 2.0, "Mn": 1.0, "Fe": -1.0, "Al": 3.0, "Na": 0.5, "S": 4.0}
ROOM = Room(
    tuple(Z_OF[s] for s in ("Li", "Na", "Co", "Ni", "Mn", "Fe", "Al", "O", "S")), {"temperature": (300.0, 1300.0)},
    {"route": ("cast", "rolled")}, {"temperature": "K"},
)  # fmt: skip


def value_of(rows):
    dense = amounts_of(rows.compositions)
    share = dense / dense.sum(axis=1, keepdims=True)
    found = sum(value * share[:, Z_OF[symbol]] for symbol, value in SITE.items())
    found = found + 0.001 * (rows.numbers["temperature"] - 300.0) if "temperature" in rows.numbers else found
    return found + (np.array(rows.words["route"]) == "rolled") if "route" in rows.words else found


def judge(half=0.01, forbidden=()):
    def told(rows):
        value = value_of(rows)
        inside = ~(amounts_of(rows.compositions)[:, [Z_OF[s] for s in forbidden]] > 0).any(axis=1)
        width = np.full(len(rows), half)
        return Prediction(
            value, value - width, value + width, width, np.zeros((len(rows), 0)), inside, np.full(len(rows), "")
        )

    return told


def row(formula="LiCoO2", **more):
    return Row(as_compositions([formula]), **more)


def test_every_change_is_feasible_and_as_wished_when_predicted_again():
    found = counterfactuals(judge(forbidden=["S"]), row(), Wish("rises_by", 0.2), ROOM)
    assert len(found.altered) >= 2
    for one in found.altered:
        formula = as_compositions([one.shown])
        again = judge(forbidden=["S"])(Candidate(formula))
        assert again.value[0] == pytest.approx(one.value, abs=1e-3)
        assert again.value[0] >= 0.2 - 1e-3
        assert neutral(formula)[0]
        assert again.in_domain[0]
        assert one.supported
    costs = [one.cost for one in found.altered]
    assert costs == sorted(costs)
    assert found.outside > 0
    assert found.charged > 0


class Candidate:
    """One composition as the search hands it to a judge."""

    def __init__(self, compositions):
        self.compositions, self.numbers, self.words = compositions, {}, {}

    def __len__(self):
        return 1


def test_the_first_is_the_smallest_of_all_single_changes_and_pairs():
    start = row(numbers={"temperature": 300.0}, words={"route": "cast"})
    for wanted in (0.05, 0.3, 0.7, 1.2):
        found = counterfactuals(judge(0.0), start, Wish("rises_by", wanted), ROOM)
        moves = moves_of(start, ROOM)
        best = math.inf
        for combo in [(m,) for m in moves] + list(itertools.combinations(moves, 2)):
            if len(combo) == 2 and combo[0].slots & combo[1].slots:
                continue
            dense = amounts_of(start.composition)[0] + sum(m.amounts for m in combo)
            share = dense / dense.sum()
            value = sum(v * share[Z_OF[s]] for s, v in SITE.items())
            for m in combo:
                value += 0.001 * (m.numbers.get("temperature", 300.0) - 300.0) + (m.named.get("route") == "rolled")
            symbols = "".join(f"{s}{dense[z]:g}" for s, z in Z_OF.items() if dense[z] > 1e-9)
            if value >= wanted - 1e-12 and neutral(as_compositions([symbols]))[0]:
                best = min(best, sum(m.cost for m in combo))
        assert found.altered[0].cost == pytest.approx(best, abs=0.02)  # ties are broken by likeness
        assert found.altered[0].supported


def test_a_change_smaller_than_the_doubt_is_called_so():
    found = counterfactuals(judge(half=2.0), row(), Wish("rises_by", 0.3), ROOM)
    assert found.altered
    assert not any(one.supported for one in found.altered)
    some = counterfactuals(judge(half=0.1), row(), Wish("at_least", 0.3), ROOM)
    assert all(one.supported == (one.low >= 0.3) for one in some.altered)
    assert [one.supported for one in some.altered] == sorted([one.supported for one in some.altered], reverse=True)


def test_difference_adds_independent_errors():
    before = judge(half=0.3)(Candidate(as_compositions(["LiCoO2"])))
    after = judge(half=0.4)(Candidate(as_compositions(["LiNiO2"])))
    change, low, high = difference(before, after)
    assert (change[0], low[0], high[0]) == pytest.approx((0.5, 0.0, 1.0))


def test_changes_are_unlike_each_other():
    found = counterfactuals(judge(), row(), Wish("rises_by", 0.2), ROOM)
    assert len({tuple(move.removesuffix(" (half)") for move in one.moves) for one in found.altered}) == len(
        found.altered
    )
    assert len(found.altered) <= 5


def test_settings_stay_in_their_range_and_words_are_known():
    start = row(numbers={"temperature": 500.0, "pressure": math.nan}, words={"route": "cast"})
    moves = moves_of(start, ROOM)
    numbers = [m.numbers["temperature"] for m in moves if m.numbers]
    assert min(numbers) == 300.0
    assert max(numbers) == 1300.0
    assert 500.0 not in numbers
    assert [m.words for m in moves if m.named] == ["route 'cast' → 'rolled'"]


def test_alloys_are_shifted_by_shares_and_need_not_be_neutral():
    alloy = row("Fe70Co20Ni10")
    found = counterfactuals(judge(), alloy, Wish("rises_by", 0.05), ROOM)
    assert found.charged == 0
    assert any("at%" in move for one in found.altered for move in one.moves)


def test_classes_flip_where_the_probability_allows_it():
    def told(rows):
        chance = 1.0 / (1.0 + np.exp(-20.0 * (value_of(rows) - 0.4)))
        proba, none = np.column_stack([1 - chance, chance]), np.full(len(rows), np.nan)
        sure = np.ones(len(rows), dtype=bool), np.full(len(rows), "")
        return Prediction((chance > 0.5) * 1.0, none, none, none, proba, *sure, classes=("metal", "insulator"))

    found = counterfactuals(told, row(), Wish("becomes", 1.0), ROOM)
    assert all(one.value == 1.0 for one in found.altered)
    assert all(one.supported == (one.chance >= 0.9) for one in found.altered)
    assert math.isnan(found.altered[0].low)


def test_what_is_as_wished_already_costs_nothing():
    found = counterfactuals(judge(), row("LiNiO2"), Wish("at_least", 0.4), ROOM)
    assert [one.moves for one in found.altered] == [("as it is",)]


def test_deterministic_and_bounded():
    first, again = (counterfactuals(judge(), row(), Wish("rises_by", 0.9), ROOM, most=50) for _ in range(2))
    assert first == again
    assert first.tried <= 50 + 256
    assert counterfactuals(judge(), row(), Wish("rises_by", 99.0), ROOM).altered == ()
    assert not counterfactuals(judge(), row(), Wish("rises_by", 99.0), ROOM, deadline=0.0).complete


def test_nothing_to_change_is_said():
    with pytest.raises(ConfigError, match="nothing to change"):
        counterfactuals(judge(), Row(), Wish("rises_by", 1.0))
    with pytest.raises(DataError, match="cannot be predicted"):
        counterfactuals(
            lambda rows: Prediction(*[np.full(len(rows), np.nan)] * 4, np.zeros((len(rows), 0)),
                                    np.zeros(len(rows), dtype=bool), np.full(len(rows), "odd")),
            row(), Wish("rises_by", 1.0), ROOM,
        )  # fmt: skip

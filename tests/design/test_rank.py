"""Picks: by gain and by doubt, against what is known, with reasons that agree with the numbers."""

import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.design.goals import read_goal, settled
from matloop.design.rank import Known, Wishes, rank
from matloop.doubt.prediction import Prediction

VALUE = np.array([1.0, 2.0, 3.0, 4.0, 0.0])
STD = np.array([0.1, 0.1, 0.1, 0.1, 3.0])


def predicted(inside=(1, 1, 1, 1, 1), value=VALUE, std=STD):
    inside = np.array(inside, bool)
    return {
        "y": Prediction(value, value - 1.6449 * std, value + 1.6449 * std, std, np.empty((len(value), 0)), inside,
                        np.where(inside, "", "contains Re, never seen"), unit="eV"),
    }  # fmt: skip


def ranked(known=None, allowed=(1, 1, 1, 1, 1), predictions=None, goals=("maximise y",), **how):
    predictions = predictions or predicted()
    wishes = Wishes(settled([read_goal(one) for one in goals], {"y": ("eV", ())}), **{"n": 3, **how})
    return rank(
        wishes, predictions, np.array(allowed, bool), lambda rows: np.array([f"m{row}" for row in rows]),
        lambda rows: np.column_stack([np.asarray(rows, float) ** 2]), known,
    )  # fmt: skip


def rows(found):
    return [pick.row for pick in found.picks]


def known(values):
    return Known({"y": np.array(values, float)}, np.array(["old", "older"]), np.array([[10.0], [4.1]]))


def test_sure_gain_comes_first():
    assert rows(ranked(diversity=0.0)) == [3, 2, 4]  # 4 predicted; 3; 0 +- 3 hopes for more than a sure 2


def test_what_is_measured_is_to_be_beaten():
    found = ranked(known([3.5, np.nan]), diversity=0.0)
    assert found.merit.references == {"y": 3.5}
    assert found.reference_words == ("y: to beat is 3.5 eV, measured of old",)
    assert rows(found)[:2] == [3, 4]  # the doubtful one may beat 3.5, the sure 3.0 will not
    assert found.picks[0].nearest.name in ("old", "older")


def test_only_known_rows_that_do_all_they_must_are_to_be_beaten():
    goals = ("maximise y", "y <= 3")
    assert ranked(known([3.5, 2.5]), goals=goals).merit.references == {"y": 2.5}
    words = ranked(known([3.5, 3.6]), goals=goals).reference_words
    assert "no measured row does all it must" in words[0]


def test_outside_the_domain_is_picked_only_when_asked_for():
    there = predicted(inside=(1, 1, 1, 0, 1))
    assert 3 not in rows(ranked(predictions=there))
    found = ranked(predictions=there, outside=True)
    assert "contains Re, never seen" in next(pick.reason for pick in found.picks if pick.row == 3)


def test_a_share_is_picked_to_learn():
    found = ranked(explore=0.34, n=3, goals=("y >= 0.5",), diversity=0.0)
    assert [pick.purpose for pick in found.picks] == ["gain", "gain", "learn"]
    assert found.picks[-1].row == 4
    assert "knows little here" in found.picks[-1].reason


def test_who_may_not_be_chosen_is_not():
    assert set(rows(ranked(allowed=(1, 1, 0, 0, 0), n=5))) == {0, 1}
    assert ranked(allowed=(0, 0, 0, 0, 0)).picks == ()


def test_reasons_tell_value_interval_and_chance():
    found = ranked(known([3.5, np.nan]), diversity=0.0)
    assert found.picks[0].reason.startswith("y 4 [3.836, 4.164] eV, over 99 % to beat 3.5; nearest known: ")


def test_a_minimum_mirrors_a_maximum():
    mirrored = ranked(predictions=predicted(value=-VALUE), goals=("minimise y",), diversity=0.0)
    assert rows(mirrored) == rows(ranked(diversity=0.0))
    np.testing.assert_allclose(mirrored.merit.score, ranked(diversity=0.0).merit.score)


@pytest.mark.parametrize(
    ("how", "said"),
    [({"n": 0}, "one or more"), ({"explore": 2.0}, "from 0 to 1"), ({"diversity": -1.0}, "0 or more")],
)
def test_wishes_that_make_no_sense_are_refused(how, said):
    with pytest.raises(ConfigError, match=said):
        ranked(**how)

import pandas as pd
import pytest

from matloop.campaign.campaign import Campaign
from matloop.campaign.pages.story import story_view
from matloop.campaign.pages.story_figures import strength
from matloop.campaign.report import report
from matloop.campaign.state import Result
from matloop.campaign.story import _believed, story
from matloop.metrics.estimate import Estimate
from matloop.metrics.intervals import wilson

HEAD = """
name = "dye <b>"
goals = ["maximise yield"]
[targets.yield]
unit = "%"
"""
SPACE = """
[space.x]
kind = "continuous"
low = 0
high = 1
unit = "mm"
[space.kind]
kind = "categorical"
values = ["a", "b"]
[campaign]
batch = 4
strategy = "random"
budget = { experiments = 8 }
"""


def begun(tmp_path, head=HEAD):
    (tmp_path / "dye.toml").write_text(head + SPACE, "utf-8")
    return Campaign.new(tmp_path / "dye.toml", tmp_path / "dye")


def tell(campaign, values, **more):
    ids = [one.id for one in campaign.state.pending][: len(values)]
    campaign.tell(pd.DataFrame({"id": ids, "yield": values, **more}))


def test_the_story_goes_round_by_round(tmp_path):
    campaign = begun(tmp_path)
    campaign.ask()
    tell(campaign, [1.0, 5.0, 2.0, 3.0])
    campaign.ask()
    tell(campaign, [4.0, 9.0])
    told = story(campaign, health=False)
    assert [(one.number, one.asked, one.told, one.best, one.so_far) for one in told.rounds] == [
        (1, 4, 4, "c1-2", "c1-2"), (2, 4, 2, "c2-2", "c2-2"),
    ]  # fmt: skip
    assert [told.results[row].values["yield"] for row in told.top] == [9.0, 5.0, 4.0, 3.0, 2.0, 1.0]
    assert [one.id for one in told.waiting] == ["c2-3", "c2-4"]


def test_the_first_line_says_what_was_found_and_whether_to_believe_it(tmp_path):
    campaign = begun(tmp_path)
    campaign.ask()
    tell(campaign, [1.0, 5.0, 2.0, 3.0])
    campaign.ask()
    tell(campaign, [4.0, 9.0, 1.0, 1.0])
    campaign.ask()
    written = report(campaign)
    said = written.view.sentence
    assert said.startswith("After 8 experiments the best is c2-2: yield 9.000\u202f%, at x ")
    assert "4.000\u202f% better than the best of the first round" in said
    assert said.endswith("No result was foreseen by a model, so that there is none to believe.")
    assert any("8 of 8 experiments" in one for one in written.view.reasons)
    page = written.path.read_text("utf-8")
    assert "<b>" + "dye" not in page
    assert "dye &lt;b&gt;" in page.lower()
    assert page.index(said[:40]) < page.index("<h2>What was asked</h2>")
    assert written.as_json()["best"][0]["values"] == {"yield": 9.0}


@pytest.mark.parametrize(
    ("n", "hits", "error", "naive", "answer", "said"),
    [
        (20, 18, 1.0, 4.0, "yes", "25% of what guessing"),
        (20, 12, 1.0, 4.0, "no", "too sure of itself"),
        (20, 19, 5.0, 4.0, "no", "no better than a guess"),
        (7, 7, 1.0, 4.0, "unknown", "cannot be judged"),
    ],
)
def test_a_model_is_believed_where_its_intervals_hold_and_it_beats_a_guess(n, hits, error, naive, answer, said):
    found, sentence = _believed("yield", n, Estimate(hits / n, *wilson(hits / n, n)), error, naive)
    assert found == answer
    assert said in sentence
    assert f"{hits} of {n} results of yield" in sentence or "guess" in sentence


def test_predictions_stand_beside_results_and_the_guess_knows_only_what_came_before(tmp_path):
    campaign = begun(tmp_path)
    campaign.ask()
    tell(campaign, [1.0, 5.0, 2.0, 3.0])
    state = campaign.state
    from matloop.campaign.story import _forecast

    asked = {name: foreseen(one, 4.0, 3.0, 6.0) for name, one in state.suggestions.items()}
    results = [*state.results.values(), Result("r9", 2, {}, "c2-1", {"yield": 5.0})]
    asked["c2-1"] = foreseen(next(iter(state.suggestions.values())), 4.5, 4.0, 4.9, id="c2-1", round=2)
    told = _forecast("yield", "%", _State(asked), results)
    assert told.measured.tolist() == [1.0, 5.0, 2.0, 3.0, 5.0]
    assert told.naive.tolist()[-1] == 2.5  # the median of the first round
    assert told.held.value == pytest.approx(2 / 5)  # 5 and 3 of the first round; 5 is above 4.9


class _State:
    def __init__(self, suggestions):
        self.suggestions = suggestions


def foreseen(suggestion, value, low, high, **more):
    from dataclasses import replace

    return replace(suggestion, foreseen={"yield": (value, low, high)}, **more)


def test_failures_corrections_and_withdrawals_are_told(tmp_path):
    campaign = begun(tmp_path)
    campaign.ask()
    campaign.tell(pd.DataFrame({"id": ["c1-1", "c1-2", "c1-3"], "yield": [1.0, None, 7.0], "failed": ["", "yes", ""],
                                "note": ["", "it gelled", ""]}))  # fmt: skip
    campaign.tell(pd.DataFrame({"id": ["c1-1"], "yield": [2.0]}), correct=True, why="wrong dilution")
    campaign.withdraw(["c1-3"], "wrong vial")
    campaign.note("new precursor")
    view = story_view(story(campaign))
    assert [(one.name, one.reason) for one in view.failed] == [("c1-2", "it gelled")]
    assert [(one.name, one.reason) for one in view.flagged] == [("c1-1", "corrected once")]
    assert [(one.name, one.reason) for one in view.withdrawn] == [("c1-3", "wrong vial")]
    assert view.notes[0][1] == "new precursor"
    assert view.headline == "Best: yield 2.000\u202f%"


def test_nothing_told_and_everything_failed_are_stories_too(tmp_path):
    campaign = begun(tmp_path)
    assert story_view(story(campaign)).headline == "Nothing is measured yet"
    campaign.ask()
    campaign.tell(pd.DataFrame({"id": ["c1-1", "c1-2"], "failed": ["yes", "yes"]}))
    view = report(campaign).view
    assert view.caution[0] == "Everything failed so far."
    assert view.headline == "No experiment meets the goals yet"


def test_several_goals_have_a_front_and_a_figure_of_it(tmp_path):
    head = HEAD.replace('["maximise yield"]', '["maximise yield", "minimise price"]') + "[targets.price]\n"
    campaign = begun(tmp_path, head)
    campaign.ask()
    campaign.tell(
        pd.DataFrame(
            {"id": [f"c1-{k}" for k in (1, 2, 3, 4)], "yield": [1.0, 2.0, 3.0, 2.0], "price": [1.0, 2.0, 9.0, 3.0]}
        )
    )
    view = story_view(story(campaign))
    assert view.headline == "3 experiments that none beats in all goals"
    (front,) = view.front.variants
    assert "3 of 4 results are beaten by none" in front.caption
    edge = front.data[0]
    assert list(zip(edge["x"], edge["y"], strict=True)) == [(3, 9), (2, 9), (2, 2), (1, 2), (1, 1)]


def test_the_strength_of_a_setting_is_the_share_of_ranks_it_explains():
    def result(k, x, kind):
        return Result(f"r{k}", 1, {"x": x, "kind": kind, "same": 1.0}, values={"y": 0.0})

    results = [result(k, float(k), "ab"[k % 2]) for k in range(9)]
    y = pd.Series(range(9), dtype=float).to_numpy()
    assert strength(results, "x", y) == pytest.approx(0.9)  # thirds of 0..8: 54 of 60 by hand
    assert strength(results, "kind", y) == pytest.approx(0.0)
    assert strength(results, "same", y) == -1.0

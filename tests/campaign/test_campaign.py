import csv
import json

import numpy as np
import pandas as pd
import pytest

import matloop
from matloop.campaign.campaign import Campaign
from matloop.core.errors import ConfigError, DataError, RunError


def row(**cells):
    return pd.DataFrame([cells])


def test_a_round_trip_finds_the_best_that_meets_the_goals(dye, filled):
    asked = dye.ask(3)
    assert asked.named == ("c1-1", "c1-2", "c1-3")
    told = dye.tell(filled(asked, [50, 61, 40], [0.95, 0.8, 0.92]))
    assert told.new == ("r1", "r2", "r3")
    assert dye.best()["name"].tolist() == ["c1-1"]  # c1-2 has more, but is not pure
    assert dye.status().made == 3
    assert not dye.state.pending


def test_another_process_sees_the_same_state(dye, filled):
    dye.tell(filled(dye.ask(2), [50, ""]))
    assert Campaign.open(dye.folder).state == dye.state
    assert [s.id for s in Campaign.open(dye.folder).state.pending] == ["c1-2"]


def test_a_suggestion_says_why_what_it_costs_and_what_is_near(dye, filled):
    dye.tell(filled(dye.ask(3), [50, 61, 40]))
    suggestion = dye.ask(1).suggestions[0]
    assert suggestion.reason
    assert suggestion.cost == pytest.approx(2 + 0.1 * suggestion.point["time"])
    assert len(suggestion.near) == 2
    assert suggestion.near[0].distance <= suggestion.near[1].distance


def test_neighbour_distances_are_root_mean_squares_over_the_axes(dye):
    frame = pd.DataFrame({"temperature": [20.0, 120.0], "time": [10, 10], "solvent": ["water", "DMF"], "yield": [1, 2]})
    dye.tell(frame)
    from matloop.campaign.ask import neighbours
    from matloop.campaign.learned import history_of

    history, results = history_of(dye.state, dye.question)
    found = neighbours(history.points.take([0]), dye.question, history, results)[0]
    assert found[0] == ["r1", 0.0]
    assert found[1] == [
        "r2",
        pytest.approx(np.sqrt(2 / 3), abs=1e-6),
    ]  # time is the same


def test_whole_numbers_stand_in_the_sheet_as_such(dye, tmp_path):
    dye.ask(2, out=tmp_path / "next.csv")
    assert all(row["time"].isdigit() for row in csv.DictReader((tmp_path / "next.csv").open()))


def test_the_sheet_comes_back_as_a_spreadsheet(dye, tmp_path):
    dye.ask(2, out=tmp_path / "next.xlsx")
    frame = pd.read_excel(tmp_path / "next.xlsx")
    frame["yield [%]"] = [55.5, np.nan]
    frame.to_excel(tmp_path / "done.xlsx", index=False)
    told = dye.tell(tmp_path / "done.xlsx")
    assert (told.new, told.open) == (("r1",), 1)
    assert dye.state.results["r1"].suggestion == "c1-1"
    assert dye.state.results["r1"].flags == ()


def test_the_same_file_twice_is_noticed(dye, filled, tmp_path):
    filled(dye.ask(2), [50, 60]).drop(columns="id").to_csv(tmp_path / "r.csv", index=False)
    assert len(dye.tell(tmp_path / "r.csv").new) == 2
    assert dye.tell(tmp_path / "r.csv").known == 2
    assert len(dye.tell(tmp_path / "r.csv", again=True).new) == 2


def test_results_without_an_id_answer_what_waits_at_these_settings(dye, filled):
    asked = dye.ask(2)
    told = dye.tell(filled(asked, [50, 60]).drop(columns="id"))
    assert set(dye.state.answered) == {"c1-1", "c1-2"}
    assert "c1-1" in told.notes[0]


def test_the_same_point_again_is_a_replicate(dye, filled):
    asked = dye.ask(1)
    dye.tell(filled(asked, [50]))
    told = dye.tell(filled(asked, [53]).drop(columns="id"))
    assert dye.state.results["r2"].flags == ("replicate of c1-1",)
    assert "replicate" in told.notes[0]


def test_the_same_id_with_another_value_is_refused_unless_it_corrects(dye, filled):
    asked = dye.ask(1)
    dye.tell(filled(asked, [50]))
    with pytest.raises(DataError, match="told before, with yield 50 instead of 53.*--correct"):
        dye.tell(filled(asked, [53]))
    assert dye.tell(filled(asked, [53]), correct=True).corrected == ("r1",)
    assert dye.state.results["r1"].values["yield"] == 53
    assert dye.state.results["r1"].corrected == 1


def test_one_id_twice_in_a_file_is_refused(dye, filled):
    frame = filled(dye.ask(1), [50])
    with pytest.raises(DataError, match="row 2: the id .c1-1. stands in row 1"):
        dye.tell(pd.concat([frame, frame.assign(**{"yield [%]": 60})], ignore_index=True))
    assert not dye.state.results


def test_a_partial_result_is_completed_later(dye, filled):
    asked = dye.ask(1)
    dye.tell(filled(asked, [50], ""))
    assert dye.status(health=False).partial == ("c1-1",)
    told = dye.tell(row(id="c1-1", purity=0.97))
    assert told.completed == ("r1",)
    assert dye.state.results["r1"].values == {"yield": 50.0, "purity": 0.97}


def test_failures_are_kept_and_everything_may_fail(dye, filled):
    asked = dye.ask(2)
    dye.tell(filled(asked, ["failed", ""], "").assign(failed=["", "yes"], note=["", "no solid"]))
    results = dye.state.results
    assert [r.failed for r in results.values()] == [True, True]
    assert results["r2"].why == "no solid"
    assert dye.best().empty
    assert dye.ask(2).suggestions


def test_a_bad_row_keeps_the_whole_file_out(dye, filled):
    with pytest.raises(DataError, match=r'row 2, column "yield \[%\]".*abc'):
        dye.tell(filled(dye.ask(3), [50, "abc", 60]))
    assert not dye.state.results


@pytest.mark.parametrize(
    ("head", "value", "stored"),
    [("yield", 50, 50.0), ("yield [%]", 50, 50.0), ("yield (percent)", 50, 50.0), ("yield [1]", 0.5, 50.0)],
)
def test_units_in_the_header_are_converted(dye, head, value, stored):
    dye.ask(1)
    dye.tell(row(id="c1-1", **{head: value}))
    assert dye.state.results["r1"].values["yield"] == pytest.approx(stored)


def test_a_unit_of_another_kind_is_refused(dye):
    dye.ask(1)
    with pytest.raises(DataError, match=r'"yield \[kg\]".*"yield" in "%"'):
        dye.tell(row(id="c1-1", **{"yield [kg]": 3}))


def test_settings_in_another_unit_are_converted(dye):
    dye.tell(row(**{"temperature [K]": 323.15, "time": 20, "solvent": "DMF", "yield": 3}))
    assert dye.state.results["r1"].point["temperature"] == pytest.approx(50.0)


def test_a_result_outside_the_space_is_kept_and_flagged(dye):
    told = dye.tell(row(temperature=150, time=20, solvent="DMF", **{"yield": 70}, purity=1))
    assert "outside the space" in dye.state.results["r1"].flags[0]
    assert "outside the space" in told.notes[0]
    assert dye.ask(1).suggestions


def test_a_value_beyond_its_physical_bounds_is_kept_and_flagged(dye):
    dye.ask(1)
    told = dye.tell(row(id="c1-1", **{"yield": 104}))
    assert dye.state.results["r1"].flags == ("yield is outside what is possible (0 to 100)",)
    assert any(
        note.startswith("yield is outside what is possible (0 to 100), kept and flagged: ") for note in told.notes
    )
    dye.tell(row(temperature=70, time=20, solvent="DMF", **{"yield": 105}, purity=1))
    assert "(0 to 100): correct or withdraw it" in "\n".join(dye.status(health=False).lines())


def test_settings_that_were_not_those_suggested_are_the_truth(dye, filled):
    asked = dye.ask(1)
    made = filled(asked, [50]).assign(temperature=asked.suggestions[0].point["temperature"] - 5)
    dye.tell(made)
    result = dye.state.results["r1"]
    assert result.point["temperature"] == pytest.approx(asked.suggestions[0].point["temperature"] - 5)
    assert result.flags == ("made with other settings than suggested",)


def test_an_unknown_id_names_the_nearest(dye):
    dye.ask(2)
    with pytest.raises(DataError, match='there is no suggestion "c1-9".*Did you mean "c1-'):
        dye.tell(row(id="c1-9", **{"yield": 3}))


def test_a_table_without_a_result_or_without_a_name_is_refused(dye):
    with pytest.raises(DataError, match='no column with a result.*Did you mean "yield"'):
        dye.tell(row(id="c1-1", yeild=3))
    with pytest.raises(DataError, match="neither a column id nor one of the parameters"):
        dye.tell(row(**{"yield": 3}))


def test_withdrawn_results_and_suggestions_do_not_count(dye, filled):
    asked = dye.ask(3)
    dye.tell(filled(asked, [50, "", ""]))
    dye.withdraw(["c1-1", "c1-2"], "wrong vial")
    assert not dye.state.results
    assert [s.id for s in dye.state.pending] == ["c1-3"]
    assert dye.state.withdrawn["r1"][1] == "wrong vial"
    with pytest.raises(ConfigError, match="nothing called"):
        dye.withdraw(["c9-1"])


def test_a_withdrawn_result_may_be_told_anew(dye, filled):
    asked = dye.ask(1)
    dye.tell(filled(asked, [50]))
    dye.withdraw(["c1-1"])
    dye.tell(filled(asked, [55]))
    assert dye.state.results["r2"].values["yield"] == 55


def test_repeats_are_asked_for_by_name(dye, filled):
    asked = dye.ask(1)
    dye.tell(filled(asked, [50]))
    again = dye.ask(repeat=["c1-1"]).suggestions[0]
    assert (again.point, again.repeats) == (asked.suggestions[0].point, "c1-1")


def test_replicates_of_the_file_are_asked_for_together(dye_file, tmp_path):
    dye_file.write_text(dye_file.read_text().replace("batch = 4", "batch = 4\nreplicates = 2"))
    campaign = Campaign.new(dye_file, tmp_path / "twice")
    asked = campaign.ask(2).suggestions
    assert len(asked) == 4
    assert asked[0].point == asked[1].point != asked[2].point


def test_nothing_is_asked_for_twice(dye):
    keys = [json.dumps(s.point, sort_keys=True) for _ in range(4) for s in dye.ask(4).suggestions]
    assert len(keys) == len(set(keys)) == 16


def test_another_laboratory_is_a_place_of_its_own(dye, filled):
    dye.ask(1)
    dye.tell(row(id="c1-1", **{"yield": 40}, purity=1))
    dye.tell(row(temperature=50, time=20, solvent="DMF", place="lab B", **{"yield": 90}, purity=1))
    assert dye.state.results["r2"].place == "lab B"
    assert dye.best()["name"].tolist() == ["c1-1"]  # the own place counts


def test_an_old_campaign_and_a_table_of_another_laboratory_help(dye, dye_file, filled, tmp_path):
    dye.tell(filled(dye.ask(2), [50, 60]))
    (tmp_path / "b.csv").write_text("temperature,time,solvent,yield\n50,20,DMF,33\n")
    (tmp_path / "own.csv").write_text("temperature,time,solvent,yield,purity\n60,30,water,44,1\n")
    text = dye_file.read_text() + '\n[data]\nsource = "own.csv"\nplaces = { "old" = "dye", "lab B" = "b.csv" }\n'
    (tmp_path / "next.toml").write_text(text)
    campaign = Campaign.new(tmp_path / "next.toml", tmp_path / "next")
    assert [r.place for r in campaign.state.results.values()] == ["", "old", "old", "lab B"]
    standing = campaign.status(health=False)
    assert (standing.made, standing.earlier) == (0, 4)


def test_the_table_of_candidates_is_copied_and_must_not_change(tmp_path):
    (tmp_path / "list.csv").write_text("formula,T\n" + "\n".join(f"Fe{i}Ni,{300 + i}" for i in range(1, 9)) + "\n")
    (tmp_path / "c.toml").write_text(
        'name = "list"\ngoals = ["maximise y"]\n[space]\ncandidates = "list.csv"\n[targets.y]\n'
        '[campaign]\nstrategy = "random"\ncost = "T"\n'
    )
    campaign = Campaign.new(tmp_path / "c.toml", tmp_path / "list")
    (tmp_path / "list.csv").unlink()
    asked = Campaign.open(tmp_path / "list").ask(3)
    assert asked.suggestions[0].cost == asked.suggestions[0].point["T"]
    frame = asked.frame.copy()
    frame["y"] = [1, 2, 3]
    campaign.tell(frame.drop(columns="id"))
    assert len(campaign.state.answered) == 3
    copy = tmp_path / "list/tables/list.csv"
    copy.write_text(copy.read_text() + "Co,1\n")
    with pytest.raises(DataError, match="was changed since the campaign began"):
        Campaign.open(tmp_path / "list")


def test_a_used_up_table_says_so(tmp_path):
    (tmp_path / "list.csv").write_text("a,b\n" + "\n".join(f"{i},{i % 3}" for i in range(5)) + "\n")
    (tmp_path / "c.toml").write_text(
        'name = "list"\ngoals = ["maximise y"]\n[space]\ncandidates = "list.csv"\n[targets.y]\n'
        '[campaign]\nstrategy = "random"\n'
    )
    campaign = Campaign.new(tmp_path / "c.toml", tmp_path / "list")
    assert len(campaign.ask(9).suggestions) == 5
    assert "nothing is left" in campaign.ask(1).stopped[0]


def test_a_second_campaign_in_the_folder_is_refused(dye, dye_file):
    with pytest.raises(ConfigError, match="there is a campaign already"):
        Campaign.new(dye_file, dye.folder)
    with pytest.raises(ConfigError, match="no folder of a campaign"):
        Campaign.open(dye.folder.parent / "nowhere")


def test_the_name_is_public():
    assert matloop.Campaign is Campaign


def test_a_later_release_is_refused(dye):
    dye._home.log.append({"event": "dreamt"})
    with pytest.raises(RunError, match="'dreamt' that this release does not know"):
        Campaign.open(dye.folder)


def test_it_shows_itself_in_a_notebook(dye, filled):
    dye.tell(filled(dye.ask(1), [50]))
    assert "c1-1" in dye._repr_html_()
    assert "<table" in dye.ask(1)._repr_html_()


def test_what_circumstances_fix_stays_fixed(dye):
    asked = dye.ask(3, given={"solvent": "DMF"})
    assert {s.point["solvent"] for s in asked.suggestions} == {"DMF"}
    with pytest.raises(ConfigError, match="humidity"):
        dye.ask(1, given={"humidity": 62.0})

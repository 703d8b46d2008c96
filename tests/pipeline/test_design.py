"""Candidates ranked by a real bundle: limits, known rows, and a file for what was left out."""

import json

import numpy as np
import pandas as pd
import pytest

from matloop.cli.main import app
from matloop.core.errors import ConfigError, DataError
from matloop.data.sets.embedded import ricci_transport
from matloop.deploy.rows import predict_dataset
from matloop.pipeline.design import design

GOAL = ("minimise S_n",)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("candidates")
    known = ricci_transport("").columns
    frame = pd.DataFrame({"pretty_formula": known["pretty_formula"], "S_n": known["S_n"]}).drop_duplicates(
        "pretty_formula"
    )
    frame[:150].to_csv(folder / "measured.csv", index=False)
    some = frame[["pretty_formula"]][100:400]
    pd.concat([some, pd.DataFrame({"pretty_formula": ["UO2", "xyz", ""]})]).to_csv(
        folder / "candidates.csv", index=False
    )
    return folder


def test_every_candidate_is_picked_or_left_out_with_a_reason(regression, tables, tmp_path):
    out = tmp_path / "next.csv"
    found = design(
        regression.result.bundle_folder, tables / "candidates.csv", GOAL, n=7, known=tables / "measured.csv",
        without="actinides", out=out,
    )  # fmt: skip
    picked, left = pd.read_csv(out), pd.read_csv(tmp_path / "next.excluded.csv", keep_default_na=False)
    assert picked["rank"].tolist() == list(range(1, 8))
    assert set(picked["row"]).isdisjoint(left["row"])
    why = dict(zip(left["row"], left["why"], strict=True))
    assert why[301] == "contains U"
    assert why[302].startswith("cannot be read")
    assert why[303].startswith("cannot be read")
    assert [why[row] for row in range(1, 51)].count("is measured already") >= 48  # the others contain actinides
    assert found.n_candidates == 303
    assert "measured of" in found.notes[1]
    names = pd.read_csv(tables / "candidates.csv")["pretty_formula"]
    assert picked["pretty_formula"].tolist() == [names[row - 1] for row in picked["row"]]
    assert json.loads(json.dumps(found.as_json()))["picks"][0]["name"] == found.picks[0].name


def test_the_same_call_gives_the_same_picks(regression, tables):
    one, other = (design(regression.result.bundle_folder, tables / "candidates.csv", GOAL, n=5) for _ in range(2))
    pd.testing.assert_frame_equal(one.frame, other.frame)
    assert np.isfinite(one.frame["score"]).all()


def test_without_diversity_merit_falls_from_pick_to_pick(regression, tables):
    found = design(regression.result.bundle_folder, tables / "candidates.csv", GOAL, n=20, diversity=0.0)
    assert (np.diff(found.frame["score"]) <= 0).all()


def test_what_nothing_can_fulfil_is_said(regression, tables):
    with pytest.raises(ConfigError, match="none of the 303 candidates") as told:
        design(regression.result.bundle_folder, tables / "candidates.csv", GOAL, only="He")
    assert "beside the allowed ones" in str(told.value)


def test_known_rows_need_measured_values(regression, tables):
    with pytest.raises(DataError, match=r"no column of measured values \('S_n'\)"):
        design(regression.result.bundle_folder, tables / "candidates.csv", GOAL, known=tables / "candidates.csv")


def test_the_command_prints_picks_and_reasons(regression, tables, capsys):
    arguments = ["design", str(regression.result.bundle_folder), str(tables / "candidates.csv"), "-n", "3", "-g", *GOAL]
    with pytest.raises(SystemExit) as ended:
        app(arguments)
    assert ended.value.code in (0, None)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "3 of 303 candidates"
    assert "to beat" in said[3]


def test_a_candidate_without_a_prediction_is_told_also_where_all_may_be_picked(regression, tables, monkeypatch):
    def blank(bundle, dataset, unreadable, **how):
        found = predict_dataset(bundle, dataset, unreadable, **how)
        found["S_n"].value[7] = np.nan
        return found

    monkeypatch.setattr("matloop.pipeline.design.predict_dataset", blank)
    found = design(regression.result.bundle_folder, tables / "candidates.csv", GOAL, outside=True)
    assert found.excluded[8].startswith("has no prediction of S_n")

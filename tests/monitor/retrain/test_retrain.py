"""Whole rounds on a small real model."""

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from matloop.core.errors import BundleError, ConfigError, DataError, RunError
from matloop.core.journal import Journal
from matloop.data.collect import collect
from matloop.monitor.contract import Finding
from matloop.monitor.retrain import flow
from matloop.monitor.retrain.again import replay
from matloop.monitor.retrain.outcome import Checked
from matloop.monitor.retrain.plan import NewLabels, When
from matloop.monitor.retrain.retrain import check, decline, promote, retrain, rollback, status
from matloop.problem import Source


def events(world):
    return [event["event"] for event in Journal(world.home / "log.jsonl").events()]


def bundle_bytes(home, folder):
    return {p.name: p.read_bytes() for p in sorted((home / folder).glob("*.npz")) if p.name.startswith("model")}


def test_a_better_challenger_is_promoted_with_all_that_belongs_to_it(world, better, quick_runs):
    world.begin()
    world.tell(better)
    done = retrain(world.home, who="ada")
    assert done.promoted
    assert events(world) == ["created", "triggered", "joined", "trained", "compared", "promoted"]
    assert (world.home / "champion").resolve() == (world.home / done.champion.bundle).resolve()
    assert json.loads((world.home / "champion.json").read_text())["identity"] == done.champion.identity
    assert done.champion.round == 1
    page = (world.home / "rounds/1/what-changed.html").read_text()
    assert "Promoted: the challenger is in use" in page
    assert "matloop retrain rollback" in page
    assert next(iter(done.lines())).startswith("Promoted. The challenger is better")
    assert "Promoted" in done._repr_html_()
    assert done.as_json()["promoted"] is True
    looks = [e["why"] for p in world.root.glob("runs/alloy/vault/*/looks.jsonl") for e in Journal(p).events()]
    assert "retraining: champion beside challenger" in looks
    assert replay(world.home).differences == ()
    with pytest.raises(ConfigError, match="no challenger waits"):
        promote(world.home, why="twice")
    back = rollback(world.home, why="wrong for c", who="bob")
    assert back.champion.round == 0
    assert (world.home / "champion").resolve().parent.parent == (world.root / "runs/alloy").resolve()
    with pytest.raises(ConfigError, match="no other champion before"):
        rollback(world.home, why="further")
    assert [one.round for one in status(world.home).state.past] == [0, 1, 0]


def test_without_new_labels_nothing_happens_and_it_is_said(world):
    world.begin()
    found = retrain(world.home, now="it is monday")
    assert isinstance(found, Checked)
    assert "there are no new labels" in " ".join(found.lines())
    assert "new*.csv: no such file yet" in " ".join(found.lines())
    assert events(world) == ["created"]


def test_few_labels_do_not_call_and_few_materials_stand_against_it(world):
    world.begin()
    world.tell(world.rows(15, 3, first=500))
    assert "15 new labelled rows are waiting" in next(iter(check(world.home).lines()))
    asked = check(world.home, asked="now please")
    assert not asked.due
    assert "20 are needed, half to learn from" in asked.obstacle


def test_an_alarm_of_the_monitoring_calls(world, better):
    world.begin(when=When(labels=0, days=1.0))
    world.tell(better)
    assert check(world.home, findings=[Finding("drift", "c", "c has moved", "warning")]).reasons == ()
    (reason,) = check(world.home, findings=[Finding("error", "y", "the error grew", "alarm")]).reasons
    assert (reason.kind, reason.said) == ("decay", "the error grew")


def test_a_worse_challenger_is_never_promoted(world, quick_runs):
    world.begin()
    wrong = pd.concat([world.rows(70, 5, c=1.0, first=600, sign=-1.0), world.rows(40, 6, first=800)])
    world.tell(wrong.assign(day=[f"2026-01-02T{i // 60:02d}:{i % 60:02d}:00" for i in range(110)]))
    done = retrain(world.home)
    assert done.round.answer == "worse"
    assert done.round.outcome == "kept"
    assert done.champion.round == 0
    assert "worse on the rows later in time" in done.sentence


def test_a_person_is_asked_and_may_decline_or_promote(world, better, quick_runs):
    world.begin(promote="ask")
    world.tell(better)
    done = retrain(world.home)
    assert done.waits
    assert done.champion.round == 0
    with pytest.raises(ConfigError, match="waits for a person"):
        retrain(world.home)
    with pytest.raises(ConfigError, match="needs a reason"):
        promote(world.home, why=" ")
    copy = world.root / "copy"
    shutil.copytree(world.home, copy, symlinks=True)
    assert decline(world.home, why="doubtful labels").champion.round == 0
    assert promote(copy, why="looked at the page", who="ada").champion.round == 1
    assert Journal(copy / "log.jsonl").events()[-1]["who"] == "ada"
    assert "Promoted" in (copy / "rounds/1/what-changed.html").read_text()
    assert "Declined" in (world.home / "rounds/1/what-changed.html").read_text()


class Killed(BaseException):
    """As if the process had been killed."""


@pytest.mark.parametrize("after", range(1, 6))
def test_a_round_that_was_cut_off_goes_on_to_the_same_end(world, better, quick_runs, monkeypatch, after):
    world.begin()
    world.tell(better)
    real, count = Journal.append, [0]

    def append(self, event):
        real(self, event)
        count[0] += self.path.parent == world.home
        if self.path.parent == world.home and count[0] == after:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "append", append)
        with pytest.raises(Killed):
            retrain(world.home)
    (world.root / "new.csv").unlink()  # what was taken is kept
    done = retrain(world.home)
    if after >= 5:  # the decision stood in the log already; what was left was the page
        assert isinstance(done, Checked)
    assert status(world.home).state.champion.round == 1
    assert events(world) == ["created", "triggered", "joined", "trained", "compared", "promoted"]
    assert "Promoted" in (world.home / "rounds/1/what-changed.html").read_text()
    assert replay(world.home).differences == ()


def test_two_at_once_are_refused(world):
    world.begin()
    with flow.Home(world.home).alone(), pytest.raises(RunError, match="another process is retraining here"):
        retrain(world.home)


def test_a_home_that_may_not_be_written_is_told_with_what_to_do(world, monkeypatch):
    world.begin()

    def locked(*given, **named):
        raise OSError(errno.EROFS, "Read-only file system", str(world.home / ".lock"))

    monkeypatch.setattr("matloop.monitor.retrain.home.locked", locked)
    with pytest.raises(RunError, match="cannot be written .Read-only file system.. Run it as the user"):
        retrain(world.home)
    assert status(world.home).faults == ()


def test_a_champion_that_was_tampered_with_is_not_compared_with(world, better, quick_runs):
    world.begin()
    world.tell(better)
    model = next(world.root.glob("runs/alloy/*/bundle/model-0.npz"))
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(bytes(content))
    with pytest.raises(BundleError, match="Nothing is compared with it or promoted"):
        retrain(world.home)
    assert events(world) == ["created"]
    assert any("model-0.npz" in fault for fault in status(world.home).faults)


def test_a_changed_table_or_log_stops_it(world, better, quick_runs):
    world.begin()
    world.tell(better)
    retrain(world.home)
    table = next((world.home / "data").glob("0002-*.csv"))
    table.write_text(table.read_text().replace("s0", "s0x", 1))
    assert any("was changed" in one for one in replay(world.home).differences)
    log = world.home / "log.jsonl"
    log.write_text(log.read_text().replace("better", "worse", 1))
    with pytest.raises(RunError, match="the log is damaged or was edited"):
        status(world.home)


def test_a_full_disk_is_told_and_the_round_goes_on_later(world, better, quick_runs, monkeypatch):
    world.begin()
    world.tell(better)
    real = os.replace

    def full(source, target, **more):
        if "0002-" in str(target):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(source, target, **more)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        with pytest.raises(RunError, match="the disk is full"):
            retrain(world.home)
    assert events(world) == ["created", "triggered"]
    assert retrain(world.home).promoted


@pytest.fixture
def sealed_samples(world):
    """Inputs of rows in the champion's vault."""
    split = json.loads(next(world.root.glob("runs/alloy/vault/*/split.json")).read_text())
    base = pd.read_csv(world.root / "base.csv")
    return base[base["sample"].isin(split["ids"])]


def test_labels_of_the_vault_never_reach_training(world, better, sealed_samples):
    """Told again with two different sentinels, rows of the vault leave no trace in the challenger."""
    bundles = []
    for sentinel in (1e3, 7e3):  # the split looks at the order of values, which is the same
        own = type(world)(world.root.parent / f"with{sentinel:.0f}")
        shutil.copytree(world.root, own.root)
        own.begin(labels=NewLabels(("../new*.csv",), time="day", same="correction"))
        planted = sealed_samples.head(6).assign(y=sentinel, sample=[f"z{i}" for i in range(6)], day="2026-01-01T00:00")
        own.tell(pd.concat([better, planted]))
        done = retrain(own.home)
        event = next(e for e in Journal(own.home / "log.jsonl").events() if e["event"] == "joined")
        assert event["vaulted"] == 6
        data = collect(Source(str(own.home / done.round.run / "data.parquet")))
        assert not any(isinstance(y, float) and abs(y) > 500 for column in data.columns.values() for y in column)
        bundles.append(bundle_bytes(own.home, done.round.bundle))
    assert bundles[0] == bundles[1]
    assert bundles[0]


def test_labels_that_are_corrected_later_make_another_version(world, better, quick_runs):
    world.begin()
    world.tell(better)
    retrain(world.home)
    first = next((world.home / "data").glob("0002-*.csv")).read_bytes()
    corrected = better.head(50).assign(y=better["y"].head(50) + 0.01)
    world.tell(pd.concat([corrected, world.rows(30, 9, c=1.0, first=3000)]), "new2.csv")
    found = check(world.home)
    assert found.n_new == 80
    assert found.fresh == 30
    assert found.due
    assert next((world.home / "data").glob("0002-*.csv")).read_bytes() == first


def test_other_data_or_another_question_is_refused(world, tmp_path):
    text = (world.root / "problem.toml").read_text()
    (world.root / "problem.toml").write_text(text.replace('c = { kind = "number" }', ""))
    with pytest.raises(ConfigError, match="other inputs or targets"):
        world.begin()
    (world.root / "problem.toml").write_text(text)
    frame = pd.read_csv(world.root / "base.csv")
    frame.assign(y=frame["y"] + 1).to_csv(world.root / "base.csv", index=False)
    with pytest.raises(DataError, match="not the data that the champion was made from"):
        world.begin()
    with pytest.raises(ConfigError, match="no folder of a retraining"):
        status(tmp_path)


def test_a_home_is_begun_once(world):
    world.begin()
    with pytest.raises(ConfigError, match="there is a retraining already"):
        world.begin()


def test_tables_that_cannot_be_read_do_not_keep_the_others_out(world, better):
    world.begin()
    world.tell(better)
    (world.root / "new-broken.csv").write_bytes(b"")
    world.tell(better.drop(columns="a"), "new-other.csv")
    found = check(world.home)
    assert found.due
    assert any("new-broken.csv: cannot be read" in note for note in found.notes)
    assert any("no column 'a' of the inputs" in note for note in found.notes)


def test_labels_that_are_odd_as_a_whole_are_told(world, better):
    world.begin()
    world.tell(better.assign(y=better["y"] / 1000.0, day="soon"))
    notes = check(world.home).notes
    assert any("the new labels of y are about 1/" in note and "in another unit" in note for note in notes)
    assert "new.csv: the time 'day' of 100 of 100 rows cannot be read: they count as the newest" in " ".join(notes)
    world.tell(better.rename(columns={"y": "y [m]"}).drop(columns="day"))
    (note,) = check(world.home).notes
    assert note.startswith("new.csv: not used; it has no column of a target: 'y' (its columns: 'sample', 'a'")
    world.tell(better.drop(columns="day"))
    (note,) = check(world.home).notes
    assert "the time 'day' of 100 of 100 rows is missing" in note


def test_rows_come_from_the_latest_when_a_table_grows(world, better, quick_runs):
    world.begin()
    world.tell(better)
    retrain(world.home)
    world.tell(pd.concat([better, world.rows(5, 11, first=5000)]))
    assert check(world.home).n_new == 5


def test_prediction_of_unseen_rows_is_what_the_page_says(world, better, quick_runs):
    world.begin()
    world.tell(better)
    done = retrain(world.home)
    told = json.loads((world.home / "rounds/1/what-changed.json").read_text())
    points = told["targets"][0]["points"]
    later = [b for b, where in zip(points["after"], points["where"], strict=True) if where == "later"]
    (contest,) = done.contests
    assert np.mean(later) == pytest.approx(contest.on("later").metric.challenger.value, rel=1e-6)
    assert Path(done.page).name == "what-changed.html"

"""One look at a bundle in use: verdict, findings, page, command."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from matloop.cli.main import app
from matloop.core.errors import ConfigError, DataError
from matloop.deploy.answering import Answerer
from matloop.monitor.contract import Finding
from matloop.monitor.log import PredictionLog
from matloop.monitor.pages.page import watched_page
from matloop.monitor.record import Answered
from matloop.monitor.sample import Sample
from matloop.monitor.verdict import trust
from matloop.monitor.watch import monitor


@pytest.fixture(scope="module")
def bundle(regression) -> Path:
    return Path(regression.result.bundle_folder)


@pytest.fixture(scope="module")
def asked(regression, bundle, tmp_path_factory) -> tuple[Path, pd.DataFrame]:
    """A log of 80 requests of two rows, the last hours of them, and values measured for them that are far off."""
    folder = tmp_path_factory.mktemp("watch")
    answerer = Answerer.open(bundle)
    table = pd.read_csv(regression.table, keep_default_na=False)
    formulas = [*table["pretty_formula"][:159], "Xx2O"]
    answers = answerer.answer_columns({"pretty_formula": formulas})
    said = answers.predictions["S_n"]
    start = datetime.now(UTC) - timedelta(hours=8)
    with PredictionLog(folder / "log").writer() as writer:
        for k in range(80):
            rows = [2 * k, 2 * k + 1]
            parts = (part[rows] for part in (said.value, said.low, said.high))
            number = [[None if np.isnan(v) else float(v) for v in part] for part in parts]
            inside = {"in_domain": said.in_domain[rows].tolist()}
            target = dict(zip(("value", "low", "high"), number, strict=True)) | inside
            time = (start + timedelta(minutes=6 * k)).isoformat(timespec="milliseconds")
            unreadable = {str(row - 2 * k): answers.unreadable[row] for row in rows if row in answers.unreadable}
            asked_for = {"pretty_formula": [formulas[row] for row in rows]}
            writer.write(Answered(
                time, f"r{k}", "quick", answerer.identity, 2, inputs=asked_for,
                targets={"S_n": target}, unreadable=unreadable, ms=3.0, ids=[f"s{row}" for row in rows],
            ))  # fmt: skip
        writer.write(Answered(time, "other", "glass", "f" * 16, 1))
    off = pd.DataFrame({"id": [f"s{row}" for row in range(120)], "S_n": said.value[:120] + 3000.0})
    off.to_csv(folder / "results.csv", index=False)
    return folder, table


def test_without_labels_nothing_is_claimed(asked, bundle) -> None:
    watched = monitor(asked[0] / "log", bundle=bundle)
    assert watched.trust.answer in ("unknown", "care")
    assert (watched.running.requests, watched.running.rows, watched.running.unreadable) == (80, 160, 1)
    assert watched.others == {"glass " + "f" * 16: 1}
    assert watched.lines()[0].startswith("quick: ")
    assert json.loads(json.dumps(watched.as_json()))["requests"] == 80
    assert watched.trust.headline in watched._repr_html_()


def test_bad_measurements_end_the_trust_and_are_told(asked, bundle, tmp_path) -> None:
    folder, _ = asked
    place = tmp_path / "alerts.jsonl"
    options = {"bundle": bundle, "alerts": [f"log={place}"], "since": "1d"}
    watched = monitor(folder / "log", labels=folder / "results.csv", **options)
    assert (watched.trust.answer, watched.alarm, watched.told.taken) == ("no", True, 120)
    assert watched.trust.why.startswith("The mean error of S_n has risen from")
    assert len(place.read_text().splitlines()) == 1
    again = monitor(folder / "log", **options)
    assert again.sent.new == ()
    assert [one.said for one in again.findings if one.kind == "error"] == [
        one.said for one in watched.findings if one.kind == "error"
    ]
    page = watched_page(again)
    assert "The model can no longer be trusted." in page
    assert "quality-0" in page
    assert "http" not in page.split("<script")[0].replace("http-equiv", "")


def test_a_window_and_what_is_wrong_are_said(asked, bundle, tmp_path) -> None:
    log = asked[0] / "log"
    late = [answered.time for answered in PredictionLog(log).read(model="quick")][40]
    assert monitor(log, bundle=bundle, since=late).running.requests == 40
    with pytest.raises(ConfigError, match=r"0\.05"):
        monitor(log, bundle=bundle, alpha=2.0)
    with pytest.raises(ConfigError, match="betting"):
        monitor(log, bundle=bundle, detector="bettin")
    (tmp_path / "other").mkdir()
    with PredictionLog(tmp_path / "other").writer() as writer:
        writer.write(Answered("2026-11-21T00:00:00+00:00", "r", "glass", "f" * 16, 1))
    with pytest.raises(DataError, match="glass ffffffffffffffff"):
        monitor(tmp_path / "other", bundle=bundle)


def test_command_writes_a_page_and_ends_with_10_on_alarm(asked, bundle, tmp_path) -> None:
    page = tmp_path / "page.html"
    command = ["monitor", str(asked[0] / "log"), "-b", str(bundle), "-o", str(page)]
    done = CliRunner().invoke(app, [*command, "-l", str(asked[0] / "results.csv")])
    assert done.exit_code == 10, done.output
    assert done.output.splitlines()[0] == "quick: can no longer be trusted"
    assert page.stat().st_size > 100_000
    asjson = CliRunner().invoke(app, [*command[:-2], "--json"])
    assert json.loads(asjson.output)["verdict"]["answer"] == "no"


@pytest.mark.parametrize(
    ("kinds", "labels", "answer"),
    [([], 0, "unknown"), ([], 50, "yes"), (["drift"], 50, "care"), (["latency"], 50, "care"),
     (["drift", "coverage"], 50, "no")],
)  # fmt: skip
def test_verdict(kinds: list[str], labels: int, answer: str) -> None:
    found = [Finding(kind, kind, f"{kind} it is.", "alarm", {}, "do") for kind in kinds]  # type: ignore[arg-type]
    assert trust(found, labels).answer == answer


def test_sample_keeps_the_same_rows_whenever_one_looks(answered) -> None:
    small, large = (Sample(("formula",), ("y",), most) for most in (50, 10_000))
    for k in range(200):
        for sample in (small, large):
            sample.add(float(k), answered(k, 2))
    assert (large.every, len(large.rows), small.met) == (1, 400, 400)
    kept = [row for row in large.rows if row[0] % small.every == 0]
    assert small.every >= 8
    assert small.rows == kept


def test_a_lasting_sample_only_grows(answered) -> None:
    sample, before = Sample(("formula",), ("y",), 50, lasting=True), []
    for k in range(400):
        sample.add(float(k), answered(k, 2))
        assert sample.rows[: len(before)] == before
        before = list(sample.rows)
    assert sample.every == 16
    assert 100 < len(sample.rows) < 200

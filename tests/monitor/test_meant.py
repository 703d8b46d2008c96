"""The watch follows the champion of a registry: another one is watched from its own first answer on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from matloop.core.errors import ConfigError, MatloopError
from matloop.deploy.answering import Answerer
from matloop.monitor import watch
from matloop.monitor.log import PredictionLog, now_text
from matloop.monitor.meant import Follow, follow
from matloop.monitor.record import Answered

pytest.importorskip("sqlalchemy", reason="the extra 'store' is not installed")


@pytest.fixture
def place(regression, tmp_path: Path) -> Path:
    """A store with two versions of a model, the first of them the champion."""
    from matloop.deploy.registry.registry import Registry

    other = tmp_path / "other"
    shutil.copytree(regression.result.bundle_folder, other)
    manifest = json.loads((other / "manifest.json").read_text())
    (other / "manifest.json").write_text(json.dumps(manifest | {"question": "Another one?"}))
    with Registry.open(tmp_path / "store.db", create=True) as registry:
        registry.add(Path(regression.result.bundle_folder), "gap", who="anna")
        registry.add(other, "gap", who="anna")
        registry.promote("gap", 1, who="anna", why="first")
    return tmp_path / "store.db"


def answer(log: PredictionLog, bundle: Path, formulas: list[str]) -> None:
    answerer = Answerer.open(bundle)
    said = answerer.answer_columns({"pretty_formula": formulas}).predictions["S_n"]
    target = {"value": said.value.tolist(), "low": said.low.tolist(), "high": said.high.tolist()}
    with log.writer() as writer:
        writer.write(Answered(
            now_text(), f"r{len(formulas)}{answerer.identity}", "gap", answerer.identity, len(formulas),
            inputs={"pretty_formula": formulas}, targets={"S_n": target}, ms=1.0,
        ))  # fmt: skip


def test_another_champion_is_watched_at_the_next_look(place: Path, tmp_path: Path, monkeypatch) -> None:
    from matloop.deploy.registry.registry import Registry

    monkeypatch.setattr(watch.clock, "sleep", lambda seconds: None)
    log, cache = PredictionLog(tmp_path / "log"), tmp_path / "cache"
    with Registry.open(place) as registry:
        first, second = (registry.fetch(version, cache) for version in registry.versions("gap"))
    answer(log, first, ["Fe2O3", "NaCl"])
    looks = watch.watching(0.0, log, bundle=Follow("gap@champion", str(place), cache))
    assert next(looks).bundle == first.name
    with Registry.open(place) as registry:
        registry.promote("gap", 2, who="bo", why="better")
    waiting = next(looks)
    assert isinstance(waiting, watch.Waiting)
    assert "gap@2, champion since" in waiting.said
    assert json.loads(json.dumps(waiting.as_json()))["alarm"] is False
    answer(log, second, ["Bi2Te3", "PbTe", "SnSe"])
    after = next(looks)
    assert (after.bundle, after.running.rows) == (second.name, 3)
    (said,) = [one.said for one in after.findings if one.subject == "version"]
    assert "in place of gap@1: the watch began anew with its first answer" in said
    place.unlink()
    still = next(looks)
    assert still.bundle == second.name
    assert [one.severity for one in still.findings if one.subject == "registry"] == ["warning"]
    looks.close()


def test_a_registry_that_cannot_be_asked_at_first_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MatloopError, match="none.db"):
        Follow("gap@champion", str(tmp_path / "none.db"), tmp_path).now()


def test_names_need_a_store_and_folders_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--store STORE"):
        follow("gap@champion", store="")
    with pytest.raises(ConfigError, match="no model of a registry"):
        follow(str(tmp_path), store="store.db")
    assert follow(str(tmp_path), store="") == tmp_path
    assert follow("gap@3", store="store.db").asked == "gap@3"


def test_what_was_told_of_the_version_before_is_over(tmp_path: Path) -> None:
    from matloop.monitor.alerts import parse_alert, tell
    from matloop.monitor.contract import Finding

    alarm, whom, state = Finding("drift", "T", "it moved", "alarm"), [parse_alert(f"log={tmp_path}/a")], tmp_path / "s"
    tell([alarm], whom, state, about="gap@1", family="gap@")
    sent = tell([alarm], whom, state, about="gap@2", family="gap@")
    assert (sent.new, sent.cleared) == (("gap@2: drift of T",), ("gap@1: drift of T",))

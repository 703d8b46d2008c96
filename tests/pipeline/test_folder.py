import json
from dataclasses import dataclass

import pytest

from matloop.core.errors import RunError
from matloop.pipeline.folder import RunFolder, find_run, run_id, slug
from matloop.problem import Input, Limits, Problem, Source, Target


@dataclass(frozen=True)
class Kept:
    n: int


def problem(**change) -> Problem:
    return Problem("p", Source("t.csv"), (Input("f", "composition"),), (Target("y", "y"),), **change)


def test_same_question_and_data_are_the_same_run():
    assert run_id(problem(), "aa") == run_id(problem(), "aa")
    assert run_id(problem(), "aa") != run_id(problem(), "ab")
    assert run_id(problem(), "aa") != run_id(problem(limits=Limits(minutes=3)), "aa")


def test_a_name_with_slashes_stays_inside_the_folder():
    assert slug("../../etc/passwd") == "etc-passwd"
    assert slug("///") == "problem"


def test_a_folder_of_another_version_is_refused_with_advice(tmp_path):
    RunFolder(tmp_path, "0.0.9").begin()
    with pytest.raises(RunError, match=r"written by matloop 0\.0\.9.*-o"):
        RunFolder(tmp_path, "0.1.0").begin()


def test_begin_says_whether_the_run_was_finished(tmp_path):
    folder = RunFolder(tmp_path, "1")
    assert [folder.begin(), folder.begin()] == [False, False]
    folder.finish()
    assert folder.begin()


def test_a_kept_value_is_not_made_twice(tmp_path):
    folder = RunFolder(tmp_path, "1")
    assert folder.kept("k.json", Kept, lambda: Kept(1)) == Kept(1)
    assert folder.kept("k.json", Kept, lambda: Kept(2)) == Kept(1)


def test_two_processes_do_not_share_a_run(tmp_path):
    first, second = RunFolder(tmp_path, "1"), RunFolder(tmp_path, "1")
    with first.alone(), pytest.raises(RunError, match="another process"), second.alone():
        pass


def test_damaged_state_is_said(tmp_path):
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(RunError, match=r"run\.json is damaged"):
        RunFolder(tmp_path, "1").begin()


def test_a_run_is_found_from_its_bundle_and_from_above(tmp_path):
    run = tmp_path / "runs" / "p" / "1a"
    (run / "bundle").mkdir(parents=True)
    (run / "run.json").write_text(json.dumps({}))
    (run / "record.json").write_text("{}")
    assert find_run(run) == find_run(run / "bundle") == find_run(tmp_path) == run
    with pytest.raises(RunError, match="no finished run"):
        find_run(run / "bundle" / "nothing")

import json

from matloop.monitor.retrain.effort import Effort, effort, short_of_time

RIDGE = {"members": [{"family": "ridge"}]}


def searched(folder, recipe, *candidates):
    folder.mkdir()
    tried = [{"status": status, "score": score} for status, score in candidates]
    (folder / "trained-y.json").write_text(json.dumps({"recipe": recipe, "candidates": tried}))
    return effort(folder, "y")


def test_a_challenger_that_had_less_time_is_told_and_one_that_had_as_much_is_not(tmp_path):
    champion = searched(tmp_path / "a", RIDGE, ("ranked", 2.0), ("ranked", 1.0), ("out of time", None))
    hurried = searched(tmp_path / "b", {"members": [{"family": "dummy"}]}, ("ranked", 2.0), ("out of time", None))
    assert champion == Effort("ridge", 2, 1)
    said = short_of_time(champion, hurried, 3.0)
    assert "(3 minutes): candidate models judged 1, and it became always the same answer (dummy)" in said
    assert short_of_time(champion, champion, 3.0) == ""
    assert short_of_time(hurried, champion, 3.0) == ""


def test_a_bundle_without_its_run_says_nothing(tmp_path):
    assert effort(tmp_path, "y") is None
    assert short_of_time(None, Effort("ridge", 1, 1), 3.0) == ""

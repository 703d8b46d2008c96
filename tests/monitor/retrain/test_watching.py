from matloop.monitor.log import PredictionLog
from matloop.monitor.record import Answered
from matloop.monitor.retrain.plan import NewLabels, When
from matloop.monitor.retrain.retrain import check
from matloop.monitor.retrain.watching import labelled_rows


def answered(n, start):
    inputs = {"a": [0.1 * i for i in range(n)], "b": [0.0] * n, "c": [0.5] * n}
    told = {"value": [0.0] * n, "low": [-1.0] * n, "high": [1.0] * n, "std": [0.6] * n, "in_domain": [True] * n,
            "reason": [""] * n}  # fmt: skip
    return Answered(f"2026-01-0{start}T00:00:00.000+00:00", f"r{start}", "alloy", "f" * 16, n, inputs=inputs,
                    targets={"y": told})  # fmt: skip


def test_answers_that_were_measured_are_new_labels(world):
    log = PredictionLog(world.root / "answers")
    with log.writer("w0") as writer:
        writer.write(answered(30, 1))
        writer.write(answered(5, 2))
    world.begin(labels=NewLabels(log="../answers"), when=When(labels=10))
    before = check(world.home)
    assert not before.due
    assert any("the log says nothing of the champion yet" in note for note in before.notes)
    log.label({"request": ["r1/3"] * 1 + [f"r1/{i}" for i in range(4, 24)], "y": [float(i) for i in range(21)]})
    found = check(world.home)
    assert found.n_new == 21
    assert found.due
    table = labelled_rows(log, world_problem(world))
    assert table.names[:4] == ("a", "b", "c", "y")
    assert table.rows[0][:4] == ("0.30000000000000004", "0", "0.5", "0")


def world_problem(world):
    from matloop.problem.toml import load_problem

    return load_problem(world.root / "problem.toml")

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from matloop.pipeline.check import check
from matloop.problem.make import problem_from
from matloop.problem.question import Input, Limits, Training
from matloop.problem.toml import dump_problem

RNG = np.random.default_rng(3)
N = 60
FORMULAS = [f"Fe{1 + i % 12}Ni{1 + i // 12}O{1 + i % 3}" for i in range(N)]
TABLE = pd.DataFrame({"formula": FORMULAS, "T": RNG.random(N) * 300, "route": ["a", "b", "c"] * 20, "y": RNG.random(N)})
GOOD = problem_from(TABLE, inputs={"formula": "composition", "T": "number", "route": "category"}, target="y")


def looked(table=TABLE, problem=GOOD, **more):
    return check(problem, data=table, **more)


def test_a_sound_problem_passes_and_says_what_would_run(tmp_path):
    found = looked(folder=tmp_path)
    assert (found.exit_code, found.faults) == (0, ())
    told = "\n".join(found.lines())
    assert "60 rows" in told
    assert "mean absolute error" in told
    assert "features: " in told


def test_unknown_column_is_told_with_the_nearest():
    found = looked(
        TABLE.rename(columns={"T": "Temp"}), replace(GOOD, inputs=(*GOOD.inputs[:1], Input("Tmp", "number", "Tmp")))
    )
    assert found.exit_code == 2
    assert 'there is no column "Tmp". Did you mean "Temp"' in found.faults[0]


@pytest.mark.parametrize(
    ("y", "told"),
    [
        (np.ones(N), "every usable row has the same value, 1"),
        (np.where(np.arange(N) < 5, 1.5, np.nan) + np.arange(N), "5 usable rows have a value"),
    ],
)
def test_targets_that_cannot_be_learnt(y, told):
    found = looked(TABLE.assign(y=y), replace(GOOD, limits=Limits(lost_share=1.0)))
    assert found.exit_code == 3
    assert told in "\n".join(found.faults)


def test_class_with_one_member():
    table = TABLE.assign(y=["a"] * 30 + ["b"] * (N - 31) + ["c"])
    found = looked(table, replace(GOOD, targets=(replace(GOOD.targets[0], task="classification"),)))
    assert found.exit_code == 3
    assert 'class "c": row 60' in "\n".join(found.faults)


def test_three_rows():
    assert looked(TABLE.head(3)).exit_code == 3


def test_too_many_rows_lost():
    table = TABLE.assign(formula=["Xx2O3"] * 30 + FORMULAS[30:])
    found = looked(table)
    assert found.exit_code == 3
    assert "Xx" in "\n".join([*found.lines()])


def test_more_memory_than_allowed():
    found = looked(problem=replace(GOOD, limits=Limits(memory_gb=1e-6)))
    assert found.exit_code == 3
    assert "limits.memory_gb" in found.faults[0]


def test_unknown_family_metric_and_file_place(tmp_path):
    problem = replace(GOOD, training=Training(families=("lightgbmm",)))
    path = tmp_path / "p.toml"
    TABLE.to_csv(tmp_path / "t.csv", index=False)
    path.write_text(dump_problem(replace(problem, data=replace(problem.data, source="t.csv"))))
    found = check(path, folder=tmp_path)
    assert found.exit_code == 2
    line = 1 + next(i for i, text in enumerate(path.read_text().splitlines()) if text.startswith("families"))
    assert found.faults[0].startswith(f"p.toml, line {line}, [training] families: there is no model family")
    assert "lightgbm" in found.faults[0].split("Did you mean")[1]


def test_a_file_in_the_way_of_the_runs(tmp_path):
    (tmp_path / "runs").write_text("")
    assert "is a file" in looked(folder=tmp_path / "runs").faults[0]

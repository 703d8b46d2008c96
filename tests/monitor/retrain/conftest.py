"""A small champion and streams of labels: with a law that only later rows show, with wrong values, with nothing new."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from matloop.monitor.retrain import flow
from matloop.monitor.retrain.plan import NewLabels, Rules, When
from matloop.monitor.retrain.retrain import begin_retraining
from matloop.pipeline.run import run
from matloop.problem import Input, Limits, Problem, Protocol, Roles, Source, Success, Target, Training
from matloop.problem.toml import dump_problem

N = 120
QUICK = Problem(
    name="alloy", data=Source("base.csv"),
    inputs=(Input("a", "number", column="a"), Input("b", "number", column="b"), Input("c", "number", column="c")),
    targets=(Target("y", "y", success=Success("mae", at_most=5.0)),), roles=Roles(id="sample"),
    limits=Limits(minutes=20.0, cores=1), protocol=Protocol(seeds=(0,), depth="quick", folds=3),
    training=Training(families=("ridge",), candidates=1),
)  # fmt: skip


def rows(n: int, seed: int, *, c: float = 0.05, first: int = 0, sign: float = 1.0) -> pd.DataFrame:
    """y = 2a - b + 4c with noise; `c` hardly varies in the base, so that only later rows teach its effect."""
    rng = np.random.default_rng(seed)
    a, b, c_ = rng.normal(size=n), rng.normal(size=n), c * rng.normal(size=n)
    y = sign * (2 * a - b + 4 * c_) + 0.3 * rng.normal(size=n)
    frame = pd.DataFrame({"sample": [f"s{first + i}" for i in range(n)], "a": a, "b": b, "c": c_, "y": y})
    return frame.round(6).assign(day=[f"2026-01-01T{i // 60 % 24:02d}:{i % 60:02d}:00" for i in range(n)])


@dataclass(frozen=True)
class World:
    """A folder with base.csv, problem.toml, the runs of the champion, and a place for new labels."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "home"

    rows = staticmethod(rows)

    def begin(self, **change):
        settings = {"labels": NewLabels(("../new*.csv",), time="day"), "promote": "automatically",
                    "when": When(labels=40), "judge": Rules(least=10)}  # fmt: skip
        bundle = next((self.root / "runs").glob("alloy/*/bundle"))
        return begin_retraining(self.root / "problem.toml", bundle, self.home, **{**settings, **change})

    def tell(self, frame: pd.DataFrame, name: str = "new.csv") -> None:
        frame.to_csv(self.root / name, index=False)


@pytest.fixture(scope="session")
def champion(tmp_path_factory) -> Path:
    """The first model and its vault, trained once."""
    root = tmp_path_factory.mktemp("champion")
    rows(N, 0).to_csv(root / "base.csv", index=False)
    (root / "problem.toml").write_text(dump_problem(QUICK))
    run(QUICK, folder=root / "runs", base=root)
    return root


@pytest.fixture
def world(champion, tmp_path) -> World:
    shutil.copytree(champion, tmp_path / "world")
    return World(tmp_path / "world")


@pytest.fixture(scope="session")
def _trained(tmp_path_factory):
    """Finished runs by the table that they learnt from."""
    return {}, tmp_path_factory.mktemp("trained")


@pytest.fixture
def quick_runs(monkeypatch, _trained):
    """A challenger from the same table as an earlier test's is copied and not trained again; which tables were asked
    for, in order."""
    known, shelf = _trained
    asked = []

    def copied(problem, *, folder, base, **more):
        key = problem.data.source
        asked.append(key)
        if key not in known:
            result = run(problem, folder=folder, base=base, **more)
            kept = shelf / f"{len(known)}"
            shutil.copytree(folder, kept)
            known[key] = kept
            return result
        shutil.copytree(known[key], folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("looks.jsonl"))
        return run(problem, folder=folder, base=base, **more)

    monkeypatch.setattr(flow, "run", copied)
    return asked


@pytest.fixture(scope="session")
def better() -> pd.DataFrame:
    """Labels from which a challenger learns what the champion cannot know."""
    return rows(100, 1, c=1.0, first=1000)

"""Small real tables and one finished run of each kind, shared by the tests that need a whole walk."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from matloop.core.optional import available
from matloop.core.threads import one_thread
from matloop.problem import Input, Limits, Problem, Protocol, Roles, Source, Success, Target, Training
from matloop.testing.postgres import binaries, server
from matloop.testing.web import Web

# a busy machine is no fault: what a test must not exceed, it says itself
settings.register_profile("matloop", settings(), deadline=None)
settings.load_profile("matloop")


@pytest.fixture(scope="session", autouse=True)
def _one_thread_of_linear_algebra():
    """Tests run side by side; threads of each would wait for the cores that the others keep busy."""
    with one_thread():
        yield


def seebeck_table(n: int = 240) -> pd.DataFrame:
    """The first `n` records of the carried data set that have a finite n-type Seebeck coefficient."""
    from matloop.data.collect import collect

    raw = collect(Source("ricci-transport"))
    frame = pd.DataFrame({name: raw.columns[name] for name in ("mp_id", "pretty_formula", "S_n", "S_p")})
    frame["S_n"] = frame["S_n"].astype(float)
    return frame.dropna().iloc[::17].head(n).reset_index(drop=True)


def quick_problem(source: Path | str, target: Target, **change: object) -> Problem:
    """A problem that a busy machine answers in seconds."""
    settings = {
        "name": "quick",
        "data": Source(str(source)),
        "inputs": (Input("formula", "composition", column="pretty_formula"),),
        "targets": (target,),
        "roles": Roles(id="mp_id"),
        "limits": Limits(minutes=2.0, cores=2),
        "protocol": Protocol(seeds=(0,), depth="quick", folds=3),
        "training": Training(families=("dummy", "ridge", "lightgbm"), candidates=3),
    }
    return Problem(**{**settings, **change})


@dataclass(frozen=True)
class Finished:
    """A finished run, what it was asked, and from which table."""

    problem: Problem
    table: Path
    folder: Path
    result: object


def finished(root: Path, problem: Problem, table: Path) -> Finished:
    from matloop.pipeline.run import run

    return Finished(problem, table, root / "runs", run(problem, folder=root / "runs"))


@pytest.fixture(scope="session")
def regression(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A regression on real formulas, with a goal it cannot miss."""
    root = tmp_path_factory.mktemp("regression")
    table = root / "seebeck.csv"
    seebeck_table().to_csv(table, index=False)
    target = Target("S_n", "S_n", unit="uV/K", success=Success("mae", at_most=5000.0))
    return finished(root, quick_problem(table, target), table)


@pytest.fixture(scope="session")
def classification(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Which formulas have a Seebeck coefficient below the median: two classes."""
    root = tmp_path_factory.mktemp("classification")
    table = root / "seebeck.csv"
    frame = seebeck_table()
    frame["strong"] = np.where(frame["S_n"] < frame["S_n"].median(), "yes", "no")
    frame.drop(columns="S_n").to_csv(table, index=False)
    return finished(
        root, quick_problem(table, Target("strong", "strong", task="classification", positive="yes")), table
    )


# ---- databases and servers of this machine ----


def needed(reason: str) -> None:
    """Skips on the machine of a user, fails where everything has to be there."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres():
    """A real server of PostgreSQL, in a folder of its own."""
    if not (available("sqlalchemy") and available("psycopg")):
        needed("the extra 'store' is not installed")
    if binaries() is None:
        needed("PostgreSQL is not installed")
    with server() as running:
        yield running


@pytest.fixture
def on_server(postgres):
    """Where an empty store can be made on PostgreSQL."""
    import psycopg

    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("SET client_min_messages = warning")
        connection.execute("DROP SCHEMA IF EXISTS matloop CASCADE")
    return postgres.url


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    """Where an empty store can be made, on either database."""
    if not available("sqlalchemy"):
        needed("the extra 'store' is not installed")
    return str(tmp_path / "store.db") if request.param == "sqlite" else request.getfixturevalue("on_server")


@pytest.fixture
def serve():
    """Starts servers that answer by a function, and stops them at the end."""
    running: list[Web] = []

    def start(answer):
        running.append(Web(answer))
        return running[-1]

    yield start
    for one in running:
        one.close()

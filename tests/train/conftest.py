"""A development set of two clear features, and a package of odd families that plugs in by entry points."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from matloop.models import FAMILIES
from matloop.represent.table import FeatureTable
from matloop.train.values import Development

ODD_FAMILIES = """
import os, signal, time
from dataclasses import dataclass
from matloop.models import FAMILIES

@dataclass
class Sleeper:
    model: object

    def fit(self, X, y, sample_weight=None):
        if len(X) > 30:
            time.sleep(60.0)
        self.model.fit(X, y)
        return self

    def predict(self, X):
        return self.model.predict(X)

@dataclass(frozen=True)
class Odd:
    name: str
    label: str = "odd"
    extra: str = ""
    citation: str = ""
    max_rows: int = 10**9
    tasks: frozenset = frozenset({"regression", "classification"})

    def settings(self, n, columns, task, rng):
        return [{}]

    def build(self, settings, columns, task, n_classes, loss, seed):
        deed = settings.get("deed", self.name)
        if deed == "segfault" and os.getpid() != HERE:
            os.kill(os.getpid(), signal.SIGSEGV)
        if deed == "raises":
            raise ValueError("this family always fails")
        if deed == "swells":
            bytearray(3_000_000_000)
        if deed == "counts":
            with open(settings["file"], "a") as stream:
                stream.write("fit\\n")
        model = FAMILIES.load("ridge").build({}, columns, task, n_classes, "auto", seed)
        return Sleeper(model) if deed == "sleeps" else model

SEGFAULT, RAISES, SLEEPS, COUNTS, SWELLS = map(Odd, ("segfault", "raises", "sleeps", "counts", "swells"))
"""


@pytest.fixture(scope="module")
def odd_families(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Families that crash, raise, sleep, count or ask for too much; found by workers, too.

    They are gone after each file of tests, as others try every family there is; the tests' own process never crashes.
    """
    place = tmp_path_factory.mktemp("plugins")
    (place / "odd_families.py").write_text(f"HERE = {os.getpid()}\n{ODD_FAMILIES}", encoding="utf-8")
    info = place / "odd_families-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd_families\nVersion: 1.0\n", encoding="utf-8")
    names = ("segfault", "raises", "sleeps", "counts", "swells")
    lines = "".join(f"{name} = odd_families:{name.upper()}\n" for name in names)
    (info / "entry_points.txt").write_text(f"[matloop.models]\n{lines}", encoding="utf-8")
    sys.path.insert(0, str(place))
    importlib.invalidate_caches()
    FAMILIES.__dict__.pop("_places", None)
    yield
    sys.path.remove(str(place))
    sys.modules.pop("odd_families", None)
    FAMILIES.__dict__.pop("_places", None)


def make_development(n: int = 100, *, task: str = "regression", seed: int = 0, shuffled: bool = False) -> Development:
    """y is a bent function of the first two of six features; groups are pairs of rows."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 6))
    y = 2.0 * X[:, 0] + np.sin(2.0 * X[:, 1]) + 0.2 * rng.normal(size=n)
    y = (y > np.quantile(y, 0.7)).astype(float) if task == "classification" else y
    y = rng.permutation(y) if shuffled else y
    groups = np.arange(n) // 2
    fold = rng.permutation(n // 2 + 1)[groups] % 5
    origins = ("formula:magpie",) * 4 + ("temperature:number",) * 2
    table = FeatureTable(X, tuple(f"x{i}" for i in range(6)), origins, {}, {})
    classes = ("no", "yes") if task == "classification" else ()
    return Development(table, y, np.full(n, np.nan), np.ones(n), groups, fold, task, classes)  # type: ignore[arg-type]


@pytest.fixture
def make() -> Callable[..., Development]:
    return make_development


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "fits"

"""Networks as surrogate."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from matloop.core.errors import ConfigError, MissingExtra
from matloop.design.contract import Axes
from matloop.design.surrogates.deep import make

AXES = Axes(("a", "b"), np.zeros(2, bool), np.arange(2))


def test_it_knows_least_where_nothing_was_measured() -> None:
    pytest.importorskip("torch", reason="the extra deep is not installed")
    rng = np.random.default_rng(0)
    X = 0.5 * rng.random((40, 2))
    belief = make(AXES, layers=(16, 16), epochs=40).fit(X, np.sin(6 * X[:, 0]), seed=0)
    near, far = belief.predict(0.5 * rng.random((50, 2)))[1], belief.predict(0.5 + 0.5 * rng.random((50, 2)))[1]
    assert far.mean() > 2 * near.mean()


@pytest.mark.parametrize("options", [{"members": 4}, {"layers": ()}, {"layers": (0,)}, {"epochs": 0}])
def test_options_that_cannot_be(options: dict) -> None:
    with pytest.raises(ConfigError, match="members"):
        make(AXES, **options)


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"matloop\[deep\]"):
        make(AXES)

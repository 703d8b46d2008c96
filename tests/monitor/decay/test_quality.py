"""Labels say in words whether a model still is as good as it was."""

from __future__ import annotations

import numpy as np
import pytest

from matloop.monitor.decay.quality import Expected, quality
from matloop.monitor.told import Labelled
from matloop.problem.question import Never


def labelled(errors: np.ndarray, *, width: float = 1.645, key: np.ndarray | None = None) -> Labelled:
    n = len(errors)
    value = np.arange(n, dtype=float)
    names = np.array([f"k{k}" for k in range(n)]) if key is None else key
    return Labelled(
        "y", value + errors, value, value - width, value + width, np.ones(n, dtype=bool), np.arange(n, dtype=float),
        np.arange(n, dtype=float), np.array([f"r{k}/0" for k in range(n)]), names, np.full(n, "m"), (1,) * n,
        np.full(n, "b" * 16),
    )  # fmt: skip


def expected(rng: np.random.Generator, **changes: object) -> Expected:
    errors = np.abs(rng.normal(size=2000))
    return Expected("y", errors, (errors > 1.645).astype(float), unit="uV/K", **changes)  # type: ignore[arg-type]


def test_an_unchanged_model_raises_nothing() -> None:
    rng = np.random.default_rng(0)
    found = quality(labelled(rng.normal(size=500)), expected(rng, never=Never(4.0, 0.01)))
    assert [(one.kind, one.severity) for one in found.findings] == [
        ("error", "note"), ("coverage", "note"), ("failures", "note"),
    ]  # fmt: skip
    assert "no sign of decay" in found.findings[0].said
    assert found.courses[0].low[-1] < np.sqrt(2 / np.pi) < found.courses[0].high[-1]


def test_decay_after_good_labels_is_found_with_its_beginning() -> None:
    rng = np.random.default_rng(1)
    errors = rng.normal(size=900) * np.where(np.arange(900) < 500, 1.0, 1.8)
    error, coverage = quality(labelled(errors), expected(rng)).findings
    assert (error.severity, coverage.severity) == ("alarm", "alarm")
    assert abs(error.figures["began"] - 500) < 60
    assert error.said.startswith("The mean error of y has risen from 0.799 ")
    assert "µV/K" in error.said
    assert "train anew" in error.todo
    assert coverage.said.startswith("The 90 % intervals of y hold only 59 %")


def test_a_bad_spell_that_is_over_is_a_warning() -> None:
    rng = np.random.default_rng(2)
    errors = rng.normal(size=900) * np.where(np.arange(900) < 200, 3.0, 1.0)
    assert [one.severity for one in quality(labelled(errors), expected(rng)).findings] == ["warning", "warning"]


def test_one_measurement_asked_for_often_counts_once() -> None:
    rng = np.random.default_rng(3)
    told = labelled(np.full(300, 5.0), key=np.full(300, "same"))
    told = Labelled(**{name: getattr(told, name) for name in told.__slots__} | {"truth": np.full(300, 7.0)})
    found = quality(told, expected(rng))
    assert (found.n, found.repeated) == (1, 299)
    assert found.findings[0].severity == "note"


def test_without_reference_rows_the_vault_is_the_yardstick() -> None:
    rng = np.random.default_rng(4)
    vault = Expected("y", np.zeros(0), np.zeros(0), mean=0.8, mean_high=0.85, where="sealed rows")
    good, bad = (quality(labelled(rng.normal(size=600) * s), vault).findings[0].severity for s in (1.0, 2.0))
    assert (good, bad) == ("note", "alarm")
    unknown = Expected("y", np.zeros(0), np.zeros(0))
    assert "does not say what it was" in quality(labelled(rng.normal(size=60)), unknown).findings[0].said


def test_unacceptable_errors_are_counted_against_what_is_allowed() -> None:
    rng = np.random.default_rng(5)
    errors = rng.normal(size=400)
    errors[::10] = 9.0
    finding = quality(labelled(errors), expected(rng, never=Never(5.0, 0.015))).findings[-1]
    assert finding.severity == "alarm"
    assert finding.said == "40 of 400 errors of y are above 5.00 µV/K (10 %); 1.5 % may be."


@pytest.mark.parametrize("detector", ["page_hinkley", "adwin"])
def test_other_detectors_by_name(detector: str) -> None:
    rng = np.random.default_rng(6)
    found = quality(labelled(rng.normal(size=600) * 2.5), expected(rng), detector=detector)
    assert found.findings[0].severity == "alarm"


def test_classes_are_judged_by_the_share_of_wrong_ones() -> None:
    rng = np.random.default_rng(7)
    told = labelled(np.zeros(400))
    wrong = rng.random(400) < 0.4
    values = {name: getattr(told, name) for name in told.__slots__}
    values |= {"classes": ("a", "b"), "truth": wrong.astype(float), "value": np.zeros(400), "low": np.full(400, np.nan)}
    before = Expected("y", (rng.random(1000) < 0.2).astype(float), np.zeros(0), classes=("a", "b"))
    (finding,) = quality(Labelled(**values), before).findings
    assert finding.severity == "alarm"
    assert finding.said.startswith("The share of wrong classes of y has risen from 2")

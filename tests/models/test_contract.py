"""Every registered family runs through the contract battery, one check per test so that a failure names itself."""

from __future__ import annotations

from itertools import count

import pytest

from matloop.core.registry import Registry
from matloop.models import FAMILIES, missing
from matloop.testing.models import CHECKS, check_family, check_model, check_other_process, example, examples


def _there(name: str) -> None:
    if reason := missing(name):
        pytest.skip(reason)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", FAMILIES)
def test_family_keeps_the_contract(name, check):
    _there(name)
    family = FAMILIES.load(name)
    for case in examples(family):
        check(family, case)


@pytest.mark.parametrize("name", FAMILIES)
def test_family_describes_itself(name):
    check_family(FAMILIES.load(name), name)


@pytest.mark.parametrize("name", FAMILIES)
def test_another_process_fits_the_same_bits(name):
    _there(name)
    check_other_process(name)


def test_battery_finds_a_family_that_ignores_the_seed(monkeypatch):
    family, seeds = FAMILIES.load("extra_trees"), count()

    class Careless:
        name, label, tasks, max_rows, cheap = "careless", "Careless", family.tasks, 10, family.cheap
        settings = staticmethod(family.settings)

        def build(self, settings, columns, task, n_classes, loss, seed):
            return family.build(settings, columns, task, n_classes, loss, next(seeds))

    monkeypatch.setattr(Registry, "load", lambda self, name: Careless())
    with pytest.raises(AssertionError, match="check_deterministic"):
        check_model("careless", other_process=False)


def test_example_holds_a_gap_a_constant_and_an_empty_column():
    X = example().X
    assert (X[:, 4] == 1).all()
    assert (X[:, 5] != X[:, 5]).all()

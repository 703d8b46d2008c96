"""Every surrogate by name keeps the contract."""

import pytest

from matloop.design.surrogates.registry import SURROGATES
from matloop.testing.surrogate_contract import CHECKS, run_check

NEEDS = {"botorch": "botorch", "deep": "torch"}
"""The library of an extra without which a surrogate does not run."""


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", sorted(SURROGATES))
def test_surrogate_keeps_the_contract(name, check):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name], reason="the extra bo is not installed")
    run_check(name, check)

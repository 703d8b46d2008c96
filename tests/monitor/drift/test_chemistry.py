import numpy as np
import pytest
from scipy import stats

from matloop.monitor.drift.chemistry import compare_chemistry
from matloop.monitor.drift.units import units


def compared(reference, now):
    return compare_chemistry(reference, now, units(reference), units(now), seed=0)


def test_a_new_element_is_counted_with_examples(made, compounds):
    found = compared(made(compounds(200, 0)), made([*compounds(40, 1), "LiNbO3", "Nb2O5", "LiNbO3"]))
    (new,) = found.new_elements
    assert (new.symbol, new.n_before, new.n_after) == ("Nb", 0, 2)
    assert new.examples == ("LiNbO3", "Nb2O5")
    assert new.p == pytest.approx(2 * stats.hypergeom.sf(1, 242, 2, 42))


def test_an_element_that_the_domain_never_saw_is_said_to_be_unseen(made, compounds):
    from dataclasses import replace

    now = made([*compounds(20, 1), "Nb2O5"])
    said = now.predictions["gap"]
    reason = said.reason.copy()
    reason[-1] = "contains Nb, never seen in training; unlike the training rows"
    now = replace(now, predictions={"gap": replace(said, reason=reason)})
    assert compared(made(compounds(100, 0)), now).new_elements[0].unseen


def test_systems_of_a_fair_sample_are_as_new_as_chance_makes_them(made, compounds):
    rows = compounds(300, 2)
    found = compared(made(rows[:200]), made(rows[200:]))
    assert found.systems_expected > 0.2  # two hundred rows do not hold all systems
    assert found.systems_new == pytest.approx(found.systems_expected, abs=0.12)
    assert found.p_systems > 0.05


def test_a_new_family_is_told_with_its_share(made, compounds):
    halides = compounds(60, 3, anions=("Cl", "F"))
    found = compared(made(compounds(200, 0)), made([*compounds(60, 4), *halides]))
    shares = {one.name: (one.before, one.after) for one in found.families}
    assert shares["halide"][0] == 0.0
    assert shares["halide"][1] + shares["fluoride"][1] == pytest.approx(0.5)
    assert found.p_families < 1e-10


def test_rows_without_matter_have_no_chemistry(made):
    numbers = made((), {"T": np.arange(30.0)})
    assert compared(numbers, numbers) is None

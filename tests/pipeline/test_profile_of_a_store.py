"""A stored dataset profiled: growth and change come from its versions, levels from the method of its values."""

import pytest

pytest.importorskip("sqlalchemy", reason="the store needs the extra")

from matloop.data.store.store import open_store
from matloop.data.store.values import Origin, Property, Record
from matloop.pipeline.profile import profile_data

METALS, OTHERS = ("Na", "K", "Li", "Mg", "Ca", "Zn"), ("Cl", "Br", "F", "O", "S")


def records(shift=0.0, method="PBE", start="2020-01-01T00:00:00+00:00"):
    return [
        Record(f"{m}{x}-{method}", f"{m}{x}",
               properties=(Property("gap", 1.0 + 0.1 * i + 0.3 * j + shift, "eV", method=method),),
               origin=Origin("mp", f"{m}{x}", retrieved=start))
        for i, m in enumerate(METALS) for j, x in enumerate(OTHERS)
    ]  # fmt: skip


def finding(found, name):
    return next(one for _, findings in found.profile.vs for one in findings if one.name == name)


@pytest.fixture
def place(tmp_path):
    path = tmp_path / "store.db"
    with open_store(path) as store:
        store.add("gaps", records(), message="first")
        store.add("gaps", records(0.5, "HSE06", "2022-01-01T00:00:00+00:00"), message="second")
        store.update("gaps", records(0.1)[:3], message="corrected")
    return path


def test_versions_levels_and_age(place):
    found = profile_data(f"store:{place}#gaps")
    assert finding(found, "versions").value == 3
    assert "30 records added after the first" in finding(found, "versions").shown
    assert finding(found, "change").value == pytest.approx(3 / 30)
    assert finding(found, "change").level == "look"
    assert finding(found, "change rate").meaning.startswith("most in version 3: 3 changed")
    assert finding(found, "values got").shown == "2020-01-01 to 2022-01-01"
    assert found.profile.levels == {"gap method": {"HSE06": 30, "PBE": 30}}


def test_an_earlier_version_has_its_own_past(place):
    found = profile_data(f"store:{place}#gaps@1")
    assert finding(found, "versions").shown == "one"
    assert found.profile.levels == {"gap method": {"PBE": 30}}

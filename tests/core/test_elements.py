import hashlib
import json
from importlib.resources import files

import numpy as np
import pytest

from matloop.core.elements import (
    ATOMIC_MASS,
    SYMBOLS,
    Z_OF,
    ionic_radii,
    mixing_enthalpies,
    oxidation_states,
    table,
)
from matloop.core.errors import ConfigError

TABLES = files("matloop.core").joinpath("tables")


def test_118_elements_in_order():
    assert len(SYMBOLS) == 119
    assert [SYMBOLS[z] for z in (1, 26, 57, 71, 92, 118)] == ["H", "Fe", "La", "Lu", "U", "Og"]
    assert all(SYMBOLS[z] == s for s, z in Z_OF.items())


def test_masses_are_iupac_values():
    # IUPAC 2021 abridged standard atomic weights, doi:10.1515/pac-2019-0603; intervals and later changes within 0.03 u
    known = {"H": 1.008, "O": 15.999, "Fe": 55.845, "Cu": 63.546, "La": 138.91, "U": 238.03}
    assert {s: ATOMIC_MASS[Z_OF[s]] for s in known} == pytest.approx(known, abs=0.03)
    assert (np.diff(ATOMIC_MASS) > -5).all()
    assert (ATOMIC_MASS[1:] > 0).all()


def test_values_of_magpie():
    magpie = table("magpie")
    assert magpie.column("Electronegativity")[Z_OF["F"]] == 3.98
    assert magpie.column("MeltingT")[Z_OF["W"]] == pytest.approx(3687, abs=10)
    assert np.isnan(magpie.column("Electronegativity")[Z_OF["He"]])


def test_a_missing_value_is_filled_by_the_mean_of_the_known():
    magpie = table("magpie")
    raw = magpie.column("Electronegativity")
    assert magpie.filled().column("Electronegativity")[Z_OF["He"]] == pytest.approx(np.nanmean(raw))


def test_tables_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        table("magpie").values[1, 0] = 0


def test_an_unknown_table_or_property_names_the_known_ones():
    with pytest.raises(ConfigError, match="magpie"):
        table("nothing")
    with pytest.raises(ConfigError, match="MeltingT"):
        table("magpie").column("nothing")


def test_oxidation_states_are_ascending():
    assert oxidation_states()[Z_OF["Fe"]] == (2, 3)
    assert oxidation_states()[Z_OF["O"]] == (-2,)
    assert oxidation_states()[Z_OF["He"]] == ()


def test_mixing_enthalpies_are_symmetric_and_of_takeuchi_and_inoue():
    h = mixing_enthalpies()
    np.testing.assert_array_equal(h, h.T)
    assert h[Z_OF["Cu"], Z_OF["Zr"]] == -23  # kJ/mol, Takeuchi & Inoue 2005, table 2


def test_files_are_what_the_recipe_made():
    made = json.loads(TABLES.joinpath("SOURCES.json").read_text())["files"]
    for name, said in made.items():
        assert hashlib.sha256(TABLES.joinpath(name).read_bytes()).hexdigest() == said["sha256"], name
    assert sum(said["bytes"] for said in made.values()) < 1_500_000
    assert {*made, "units.csv"} == {p.name for p in TABLES.iterdir() if p.name.endswith(".csv")}


def test_radii_are_those_of_cordero_pyykko_and_shannon():
    covalent = table("covalent").column("covalent_radius")
    assert covalent[[1, 8, 14, 96]].tolist() == [0.31, 0.66, 1.11, 1.69]
    assert covalent[118] == 1.57
    assert np.isfinite(covalent[1:]).all()
    assert (ionic_radii()[8, -2], ionic_radii()[3, 1]) == (1.26, 0.9)

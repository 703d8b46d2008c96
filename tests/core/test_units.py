import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matloop.core.errors import ConfigError
from matloop.core.units import compatible, convert, in_base, known, tidy


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (25.0, "°C", "K", 298.15),
        (25.0, "C", "K", 298.15),
        (1.0, "eV/atom", "meV/atom", 1000.0),
        (1.0, "eV/Å^3", "GPa", 160.2176634),  # CODATA: 1 eV = 1.602176634e-19 J
        (5.0, "wt%", "", 0.05),
        (250.0, "wppm", "", 2.5e-4),
        (3.0, "10^18 cm^-3", "m^-3", 3e24),
        (1.0, "mΩ·cm", "ohm*m", 1e-5),
        (150.0, "µV/K", "mV/K", 0.15),
        (2.0, "W m⁻¹ K⁻¹", "W/(m K)", 2.0),
        (1.0, "emu/g", "A*m^2/kg", 1.0),  # NIST SP 811
        (1.0, "μB/atom", "muB/atom", 1.0),
        (1.0, "h", "min", 60.0),
        (1.0, "Angstrom", "nm", 0.1),
    ],
)
def test_units_as_people_write_them(value, source, target, expected):
    assert convert(np.array([value]), source, target)[0] == pytest.approx(expected, rel=1e-9)


def test_missing_stays_missing_and_the_input_is_left():
    values = np.array([1.0, np.nan])
    assert np.isnan(convert(values, "m", "cm")[1])
    assert values[0] == 1.0


def test_unknown_and_incompatible_units_are_said():
    with pytest.raises(ConfigError, match="'xyzzy' is not a known unit"):
        convert(np.ones(1), "xyzzy", "K")
    with pytest.raises(ConfigError, match="cannot be converted"):
        convert(np.ones(1), "eV", "K")
    assert not known("xyzzy")
    assert not compatible("eV", "K")
    assert compatible("GPa", "kbar")


def test_a_unit_without_dimension_is_known():
    assert known("")
    assert tidy("-") == tidy("dimensionless") == tidy("none") == ""


@pytest.mark.parametrize(
    "text", ["9^9^9^9", "(m^9)^9", "m^999999", "__import__('os')", "1/0", "m" * 500, "-3 m", "e" + "(" * 90]
)
def test_hostile_units_are_refused_at_once(text):
    assert not known(text)


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=25) | st.text("mKeVs/^*()-0123 .µ°%", max_size=20))
def test_no_text_breaks_the_unit_reader(text):
    assert known(text) in (True, False)


def test_pint_is_not_loaded_before_it_is_needed():
    code = (
        "import sys, numpy; from matloop.core import units; "
        "units.convert(numpy.ones(1), 'uV/K', 'µV/K'); print('pint' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_base_form_of_units_by_hand():
    speed, heat = in_base("km/h"), in_base("°C")
    assert speed.scale == pytest.approx(1 / 3.6)
    assert speed.exponents == (("[length]", 1.0), ("[time]", -1.0))
    assert (heat.scale, heat.offset) == (1.0, 273.15)
    assert in_base("").exponents == ()
    assert in_base("xyzzy") is None

"""Codes of units that other programs know: UCUM and QUDT. A table, as far as materials data need it."""

from __future__ import annotations

from functools import cache

from matloop.core import units
from matloop.core.errors import ConfigError

QUDT = "http://qudt.org/vocab/unit/"
_CODES = """
eV            eV            EV
meV           meV           MilliEV
keV           keV           KiloEV
eV/atom       eV            EV
meV/atom      meV           MilliEV
eV/angstrom   eV/Ao         -
eV/angstrom**3 eV/Ao3       -
kJ/mol        kJ/mol        KiloJ-PER-MOL
J/mol         J/mol         J-PER-MOL
kcal/mol      kcal/mol      KiloCAL-PER-MOL
J             J             J
J/m**2        J/m2          J-PER-M2
mJ/m**2       mJ/m2         MilliJ-PER-M2
J/(mol*K)     J/(mol.K)     J-PER-MOL-K
J/(kg*K)      J/(kg.K)      J-PER-KiloGM-K
J/(g*K)       J/(g.K)       J-PER-GM-K
K             K             K
degC          Cel           DEG_C
degF          [degF]        DEG_F
K/min         K/min         K-PER-MIN
degC/min      Cel/min       DEG_C-PER-MIN
Pa            Pa            PA
kPa           kPa           KiloPA
MPa           MPa           MegaPA
GPa           GPa           GigaPA
bar           bar           BAR
mbar          mbar          MilliBAR
atm           atm           ATM
torr          mm[Hg]        TORR
angstrom      Ao            ANGSTROM
angstrom**2   Ao2           -
angstrom**3   Ao3           ANGSTROM3
nm            nm            NanoM
um            um            MicroM
mm            mm            MilliM
cm            cm            CentiM
m             m             M
m**2/g        m2/g          M2-PER-GM
cm**2/(V*s)   cm2/(V.s)     CentiM2-PER-V-SEC
1/cm          /cm           PER-CentiM
1/cm**3       /cm3          PER-CentiM3
g             g             GM
mg            mg            MilliGM
kg            kg            KiloGM
g/cm**3       g/cm3         GM-PER-CentiM3
kg/m**3       kg/m3         KiloGM-PER-M3
g/mol         g/mol         GM-PER-MOL
g/L           g/L           GM-PER-L
mol           mol           MOL
mol/L         mol/L         MOL-PER-L
mmol/L        mmol/L        MilliMOL-PER-L
mL            mL            MilliL
uL            uL            MicroL
mL/min        mL/min        MilliL-PER-MIN
uL/min        uL/min        MicroL-PER-MIN
V             V             V
mV            mV            MilliV
uV/K          uV/K          MicroV-PER-K
V/K           V/K           V-PER-K
A             A             A
mA            mA            MilliA
mA/cm**2      mA/cm2        MilliA-PER-CentiM2
A/m**2        A/m2          A-PER-M2
mAh/g         mA.h/g        -
ohm           Ohm           OHM
ohm*m         Ohm.m         OHM-M
ohm*cm        Ohm.cm        OHM-CentiM
S/m           S/m           S-PER-M
S/cm          S/cm          S-PER-CentiM
W             W             W
W/(m*K)       W/(m.K)       W-PER-M-K
W/(m*K**2)    W/(m.K2)      -
T             T             T
Hz            Hz            HZ
THz           THz           TeraHZ
s             s             SEC
min           min           MIN
hour          h             HR
day           d             DAY
degree        deg           DEG
percent       %             PERCENT
ppm           [ppm]         PPM
count         1             -
"""


@cache
def _table() -> dict[str, tuple[str, str]]:
    rows = [line.split() for line in _CODES.strip().splitlines()]
    return {_same(unit): (ucum, "" if qudt == "-" else QUDT + qudt) for unit, ucum, qudt in rows}


def _same(unit: str) -> str:
    """Equal for units that are written differently and are the same."""
    try:
        known = units.in_base(unit)
    except ConfigError:
        known = None
    if known is None:
        return units.tidy(unit)
    return f"{known.exponents} {known.scale:.10e} {known.offset:.10e}"


def codes(unit: str) -> tuple[str, str]:
    """UCUM code and QUDT address of a unit, "" where it has none here; a number without unit is "1".

    Examples
    --------
    >>> codes("GPa"), codes("W m^-1 K^-1")[0], codes("")[0]
    (('GPa', 'http://qudt.org/vocab/unit/GigaPA'), 'W/(m.K)', '1')
    """
    if not units.tidy(unit):
        return "1", QUDT + "UNITLESS"
    return _table().get(_same(unit), ("", ""))

"""What to look for in a store, as a value: composition, ranges of properties, provenance, keys."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from matloop.core.elements import Z_OF
from matloop.core.errors import ConfigError
from matloop.data.store.chemistry import Named, named
from matloop.matter.compositions import from_formulas
from matloop.problem.fault import did_you_mean

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_WHERE = re.compile(
    rf"\s*(?P<name>[^<>=!]+?)\s*(?P<sign><=|>=|<|>|==|=)\s*(?:(?P<number>{_NUMBER})\b\s*(?P<unit>.*)|(?P<text>.+))"
)


@dataclass(frozen=True, slots=True)
class Where:
    """A condition on a property: a value in [low, high] (None: open; `above`, `below`: the bound itself is out), or
    equal to `text`; with neither, that there is such a property. `unit` is that of the bounds ("": as stored), `method`
    that of the property ("": any)."""

    name: str
    low: float | None = None
    high: float | None = None
    above: bool = False
    below: bool = False
    text: str | None = None
    unit: str = ""
    method: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """Records that fulfil all of this; what is empty or None does not count.

    keys : any of them. formulas : any of these compositions, whatever multiple of it is written. anonymous : such as
    "AB2". systems : chemical systems such as "Fe-O" (these elements and no others), any of them. has_all, has_any,
    has_only, has_none : symbols of elements. n_elements, n_sites : (least, most). where : conditions on properties.
    provider, origin_id, licence, sha256, url : of the record's origin or of that of a property. shareable,
    has_structure : True or False.
    """

    keys: tuple[str, ...] = ()
    formulas: tuple[str, ...] = ()
    anonymous: str = ""
    systems: tuple[str, ...] = ()
    has_all: tuple[str, ...] = ()
    has_any: tuple[str, ...] = ()
    has_only: tuple[str, ...] = ()
    has_none: tuple[str, ...] = ()
    n_elements: tuple[int | None, int | None] = (None, None)
    n_sites: tuple[int | None, int | None] = (None, None)
    where: tuple[Where, ...] = ()
    provider: str = ""
    origin_id: str = ""
    licence: str = ""
    sha256: str = ""
    url: str = ""
    shareable: bool | None = None
    has_structure: bool | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing is asked, so that all records fulfil it."""
        return self == Query()


def query(**asked: Any) -> Query:
    """A `Query` from what is easily written: single texts for tuples ("Mn,O" and "Fe-O" are split), numbers for ranges,
    texts such as "band_gap > 1 eV" for conditions; `formula`, `system` and `key` for one of them.

    Raises
    ------
    ConfigError : an unknown name, element, formula or condition; the message names the nearest ones.

    Examples
    --------
    >>> query(formula="Fe2O3").formulas
    ('Fe2O3',)
    >>> query(has_all="Mn,O", where="band_gap >= 1 eV").where
    (Where(name='band_gap', low=1.0, high=None, above=False, below=False, text=None, unit='eV', method=''),)
    """
    for one, many in (("formula", "formulas"), ("system", "systems"), ("key", "keys")):
        if one in asked:
            asked[many] = (*_several(asked.get(many, ())), asked.pop(one))
    unknown = [name for name in asked if name not in Query.__slots__]
    if unknown:
        raise ConfigError(f"records cannot be asked for by {unknown[0]!r}. {did_you_mean(unknown[0], Query.__slots__)}")
    for name in ("has_all", "has_any", "has_only", "has_none"):
        if name in asked:
            asked[name] = tuple(element(symbol) for symbol in _listed(asked[name]))
    for name in ("keys", "formulas", "systems"):
        if name in asked:
            asked[name] = _several(asked[name])
    for name in ("n_elements", "n_sites"):
        if name in asked:
            asked[name] = _range(asked[name], name)
    if "where" in asked:
        conditions = [asked["where"]] if isinstance(asked["where"], str | Where) else asked["where"]
        asked["where"] = tuple(parse_where(one) if isinstance(one, str) else one for one in conditions)
    for formula in asked.get("formulas", ()):
        composition(formula)
    if "systems" in asked:
        asked["systems"] = tuple(system(text) for text in asked["systems"])
    return Query(**asked)


def parse_where(text: str) -> Where:
    """A condition such as "band_gap > 1 eV" or "crystal_system = cubic"; a name alone asks that there is such a value.

    Raises
    ------
    ConfigError : it cannot be read.
    """
    found = _WHERE.fullmatch(text)
    if found is None:
        if re.fullmatch(r"[^<>=!]+", text.strip()):
            return Where(text.strip())
        raise ConfigError(f"{text!r} is no condition. Write it like 'band_gap > 1 eV' or 'crystal_system = cubic'.")
    name, sign, number = found["name"], found["sign"], found["number"]
    if number is None:
        if sign not in ("=", "=="):
            raise ConfigError(f"{text!r}: {sign} needs a number, and {found['text']!r} is none.")
        return Where(name, text=found["text"].strip().strip("'\""))
    value, unit = float(number), (found["unit"] or "").strip()
    if sign in ("=", "=="):
        return Where(name, value, value, unit=unit)
    if sign.startswith(">"):
        return Where(name, low=value, above=sign == ">", unit=unit)
    return Where(name, high=value, below=sign == "<", unit=unit)


def composition(formula: str) -> Named:
    """How the store calls a composition.

    Raises
    ------
    ConfigError : the formula cannot be read.
    """
    compositions, reasons = from_formulas([formula])
    if reasons:
        raise ConfigError(f"formula: {reasons[0]}")
    return named(compositions)[0]


def system(text: str) -> str:
    """A chemical system as the store spells it: "O-Fe" and "Fe,O" are "Fe-O".

    Raises
    ------
    ConfigError : not symbols of elements.
    """
    return "-".join(sorted({element(symbol) for symbol in re.split(r"[-,\s]+", text.strip()) if symbol}))


def element(symbol: str) -> str:
    """The symbol, if there is such an element.

    Raises
    ------
    ConfigError : there is none.
    """
    if symbol not in Z_OF:
        raise ConfigError(
            f"there is no element {symbol!r}. {did_you_mean(symbol, list(Z_OF), otherwise='Elements are')}"
        )
    return symbol


def _listed(value: str | Iterable[str]) -> list[str]:
    parts = re.split(r"[-,\s]+", value) if isinstance(value, str) else list(value)
    return [part for part in parts if part]


def _several(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _range(value: Any, name: str) -> tuple[int | None, int | None]:
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, value)
    if isinstance(value, str):
        found = re.fullmatch(r"\s*(\d*)\s*(-|\.\.)?\s*(\d*)\s*", value)
        if found and (found[1] or found[3]):
            low = int(found[1]) if found[1] else None
            return (low, (int(found[3]) if found[3] else None) if found[2] else low)
    elif isinstance(value, tuple | list) and len(value) == 2:
        return (value[0], value[1])
    raise ConfigError(f"{name} is {value!r}; write a number (2), or a range (2-4, 3-, -5).")

"""A filter of OPTIMADE as parameters of the Materials Project's own interface, as far as that can say it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from matloop.core.errors import ConfigError
from matloop.data.harvest.filters import FilterError, parsed_filter

PREFIX = "_mp_"
TEXTS = {
    "chemical_formula_reduced": "formula", "chemical_formula_descriptive": "formula",
    "chemical_formula_anonymous": "formula", "id": "material_ids", "_mp_chemsys": "chemsys",
    "_mp_crystal_system": "crystal_system", "space_group_symbol_hermann_mauguin": "spacegroup_symbol",
    "_mp_ordering": "ordering",
}  # fmt: skip
RANGES = {
    "nelements": "nelements", "nsites": "nsites",
    **{f"{PREFIX}{name}": name for name in (
        "band_gap", "energy_above_hull", "formation_energy_per_atom", "energy_per_atom", "uncorrected_energy_per_atom",
        "equilibrium_reaction_energy_per_atom", "density", "volume", "efermi", "total_magnetization",
        "total_magnetization_normalized_vol", "total_magnetization_normalized_formula_units", "num_magnetic_sites",
        "k_vrh", "k_voigt", "k_reuss", "g_vrh", "g_voigt", "g_reuss", "e_total", "e_ionic", "e_electronic", "n",
        "universal_anisotropy", "homogeneous_poisson", "e_ij_max", "weighted_surface_energy", "weighted_work_function",
    )},
}  # fmt: skip
WHOLE = ("nelements", "nsites", "num_magnetic_sites")
FLAGS = ("is_stable", "is_metal", "is_gap_direct", "theoretical", "deprecated", "has_reconstructed")
NUMBERS = {"space_group_it_number": "spacegroup_number"}
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}
_MOST_ONLY = 6


@dataclass(frozen=True, slots=True)
class _Said:
    """One comparison. operator : "=", "<", ..., "HAS", "HAS ALL", "HAS ANY", "HAS ONLY". negated : NOT before it."""

    name: str
    operator: str
    values: tuple[Any, ...]
    at: int
    negated: bool = False


def parameters(text: str) -> dict[str, str]:
    """The parameters that ask for what a filter says; limits of the interface are inclusive, "<" is the number below.

    Raises
    ------
    FilterError : it is no filter of OPTIMADE, or says more than the interface can be asked; the message shows where.

    Examples
    --------
    >>> parameters('elements HAS ALL "Mn","O" AND _mp_band_gap >= 1.5')                          # doctest: +SKIP
    {'elements': 'Mn,O', 'band_gap_min': '1.5'}
    """
    if not text.strip():
        return {}
    given: dict[str, str] = {}
    for one in _comparisons(parsed_filter(text), text.strip(), False):
        for name, value in _asked(one, text).items():
            given[name] = _both(name, given[name], value, text, one.at) if name in given else value
    return given


def _both(name: str, old: str, new: str, text: str, at: int) -> str:
    """Two conditions on one parameter."""
    if name in ("elements", "exclude_elements"):
        return ",".join(dict.fromkeys((*old.split(","), *new.split(","))))
    if name.endswith("_min"):
        return max(old, new, key=float)
    if name.endswith("_max"):
        return min(old, new, key=float)
    if old == new:
        return old
    raise _beyond(text, at, "Say it once.")


def _beyond(text: str, at: int, hint: str) -> FilterError:
    return FilterError(
        text, at, f"The Materials Project's own interface (mp-api) cannot be asked this. {hint} --from mp takes all of "
        "the language.",
    )  # fmt: skip


# ---- the tree ----


def _comparisons(tree: Any, text: str, negated: bool) -> Iterator[_Said]:
    for inner, turned in _anded(tree, text, negated):
        yield _said(inner, text, turned)


def _anded(tree: Any, text: str, negated: bool) -> Iterator[tuple[Any, bool]]:
    """The comparisons of a filter that are all joined by AND."""
    if tree.data == "comparison":
        yield tree.children[0], negated
        return
    parts = [part for part in tree.children if hasattr(part, "data")]
    turned = any(str(part).upper() == "NOT" for part in tree.children if not hasattr(part, "data"))
    if tree.data == "expression" and len(parts) > 1:
        raise _beyond(text, _start(parts[1]), "Join the conditions by AND; ask twice for OR.")
    if (turned or negated) and (len(parts) > 1 or parts[0].data == "expression"):
        raise _beyond(text, _start(tree), "NOT may stand before one condition only.")
    for part in parts:
        yield from _anded(part, text, negated or turned)


def _start(tree: Any) -> int:
    found = [token.start_pos for token in tree.scan_values(lambda token: getattr(token, "start_pos", None) is not None)]
    return int(min(found, default=0))


def _said(tree: Any, text: str, negated: bool) -> _Said:
    at = _start(tree)
    if tree.data == "constant_first_comparison":
        constant, operator, rest = tree.children
        name = next(rest.find_data("property"))
        return _Said(_name(name), _TURNED[str(operator)], (_value(constant.children[0], text),), at, negated)
    name, right = tree.children[0], tree.children[1]
    words = [str(part).upper() for part in right.children if not hasattr(part, "data")]
    values = [part for part in right.children if hasattr(part, "data")]
    if right.data == "value_op_rhs" and values[0].children[0].data == "bool":  # the tree does not say which
        behind = text[right.children[0].end_pos :].lstrip()
        return _Said(_name(name), words[0], (behind[:4].upper() == "TRUE",), at, negated)
    if right.data == "value_op_rhs":
        return _Said(_name(name), words[0], (_value(values[0].children[0], text),), at, negated)
    if right.data == "set_op_rhs":
        inner = values[0].children if values[0].data == "value_list" else values
        if any(not hasattr(one, "data") for one in inner):
            raise _beyond(text, at, "Give plain values.")
        return _Said(_name(name), " ".join(words), tuple(_value(one.children[0], text) for one in inner), at, negated)
    raise _beyond(text, at, "Compare with a value.")


def _name(tree: Any) -> str:
    return ".".join(str(part) for part in tree.children)


def _value(tree: Any, text: str) -> Any:
    word = str(tree.children[0]) if tree.children else ""
    if tree.data == "string":
        return word[1:-1].replace('\\"', '"')
    if tree.data == "number":
        return float(word)
    raise _beyond(text, _start(tree), "Compare with a text, a number, TRUE or FALSE.")


# ---- parameters ----


def _asked(one: _Said, text: str) -> dict[str, str]:
    if one.name == "elements":
        return _elements(one, text)
    if one.negated:
        raise _beyond(text, one.at, "NOT works with elements HAS only.")
    if one.name in RANGES:
        return _range(RANGES[one.name], one, text)
    flag = one.name.removeprefix(PREFIX)
    if flag in FLAGS and one.name.startswith(PREFIX) and one.operator == "=" and isinstance(one.values[0], bool):
        return {flag: str(one.values[0]).lower()}
    if one.name in TEXTS and one.operator == "=" and isinstance(one.values[0], str):
        return {TEXTS[one.name]: one.values[0]}
    if one.name in NUMBERS and one.operator == "=" and isinstance(one.values[0], float):
        return {NUMBERS[one.name]: f"{one.values[0]:.0f}"}
    known = [*RANGES, *TEXTS, *NUMBERS, *(PREFIX + name for name in FLAGS), "elements"]
    if one.name in known:
        raise _beyond(text, one.at, f"{one.name} is compared by = with a value of its kind.")
    raise _beyond(
        text, one.at, f"It knows {', '.join(known[:2])}, elements, {PREFIX}band_gap and others, not {one.name}."
    )


def _elements(one: _Said, text: str) -> dict[str, str]:
    names = [str(value) for value in one.values]
    if one.negated and (one.operator == "HAS ANY" or len(names) == 1) and one.operator in ("HAS", "HAS ALL", "HAS ANY"):
        return {"exclude_elements": ",".join(names)}
    if one.negated:
        raise _beyond(text, one.at, "NOT works with HAS and HAS ANY.")
    if one.operator in ("HAS", "HAS ALL") or (len(names) == 1 and one.operator == "HAS ANY"):
        return {"elements": ",".join(names)}
    if one.operator == "HAS ONLY" and len(names) <= _MOST_ONLY:
        some = itertools.chain.from_iterable(itertools.combinations(sorted(names), k) for k in range(1, len(names) + 1))
        return {"chemsys": ",".join("-".join(part) for part in some)}
    raise _beyond(text, one.at, "Of elements it knows HAS, HAS ALL, HAS ONLY, NOT HAS and NOT HAS ANY.")


def _range(name: str, one: _Said, text: str) -> dict[str, str]:
    value = one.values[0]
    if not isinstance(value, float) or one.operator not in ("=", "<", "<=", ">", ">="):
        raise _beyond(text, one.at, "Compare it with a number by =, <, <=, > or >=.")
    step = -1.0 if one.operator == "<" else 1.0 if one.operator == ">" else 0.0
    if name in WHOLE:
        edge = math.ceil(value) - 1 if step < 0 else math.floor(value) + 1 if step > 0 else value
        shown = f"{edge:.0f}"
    else:
        shown = repr(math.nextafter(value, math.copysign(math.inf, step)) if step else value)
    low = {f"{name}_min": shown} if one.operator in ("=", ">", ">=") else {}
    return low | ({f"{name}_max": shown} if one.operator in ("=", "<", "<=") else {})


def checked(text: str) -> None:
    """Refuse a filter that the interface cannot be asked.

    Raises
    ------
    ConfigError : see `parameters`.
    """
    given = parameters(text)
    if "formula" in given and "chemsys" in given:
        raise ConfigError("mp-api takes a formula, or elements HAS ONLY, not both.")

"""Limits of elements, price and supply for the compositions of a space."""

from __future__ import annotations

from typing import Any

import numpy as np

from matloop.core.errors import ConfigError, DataError, all_faults
from matloop.design.limits import Limits, elements_of, kept_from
from matloop.design.space.layout import Layout
from matloop.matter.compositions import from_formulas
from matloop.problem.space import Categorical, Elements, Rule


def rule_of(elements: Elements, layout: Layout) -> Rule:
    """The limits as a rule about the words that are compositions.

    Raises
    ------
    ConfigError : the space has no composition, an element is none, or a component of a mixture is not allowed.
    DataError : a word is no formula.
    """
    limits = Limits(
        without=elements_of(", ".join(elements.without)), only=elements_of(", ".join(elements.only)),
        max_price=elements.max_price, max_hhi=elements.max_hhi,
    )  # fmt: skip
    matter = [one.parameter for one in layout.singles if isinstance(one.parameter, Categorical)]
    matter = [one for one in matter if one.kind == "composition"]
    blends = [blend.mixture for blend in layout.blends if blend.mixture.as_composition]
    if not matter and not blends:
        raise ConfigError("elements: the space has no composition that they could be limits of.")
    for mixture in blends:
        _refuse_components([part.name for part in mixture.components], mixture.name, limits)
    broken = {one.name: frozenset(_broken(one.values, limits)) for one in matter}

    def allows(frame: Any) -> Any:
        good = np.ones(len(frame), dtype=bool)
        for name, words in broken.items():
            good &= ~frame[name].isin(words).to_numpy()
        return good

    return Rule(allows, in_words(elements))


def in_words(elements: Elements) -> str:
    """For messages: "without Tc, actinides; at most 100 USD/kg"."""
    parts = [f"without {', '.join(elements.without)}" if elements.without else ""]
    parts.append(f"only {', '.join(elements.only)}" if elements.only else "")
    parts.append(f"at most {elements.max_price:g} USD/kg" if elements.max_price is not None else "")
    parts.append(f"index of supply at most {elements.max_hhi:g}" if elements.max_hhi is not None else "")
    return "; ".join(filter(None, parts)) or "all elements"


def _broken(words: tuple[str, ...], limits: Limits) -> list[str]:
    compositions, unreadable = from_formulas(words)
    if unreadable:
        told = [f"{words[row]!r}: {why}" for row, why in sorted(unreadable.items())]
        raise DataError(all_faults("elements: words that are no formulas:", told))
    return [words[row] for row in kept_from(compositions, limits)]


def _refuse_components(names: list[str], mixture: str, limits: Limits) -> None:
    compositions, _ = from_formulas(names)
    if bad := kept_from(compositions, limits):
        told = [f"{names[row]} {why}" for row, why in sorted(bad.items())]
        raise ConfigError(
            all_faults(f"the mixture {mixture!r} has components that `elements` forbids; leave out:", told)
        )

"""Name -> where to find it. Listing imports nothing; outside packages plug in by entry points of the same group."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.metadata import entry_points
from typing import Any

from matloop.core.errors import ConfigError


class Registry(Mapping[str, str]):
    """A read-only map from names to `"module:attribute"`, joined with the entry points of group `group`.

    Examples
    --------
    >>> colours = Registry("demo.colours", red="colorsys:rgb_to_hsv")
    >>> list(colours)
    ['red']
    >>> colours.load("red").__name__
    'rgb_to_hsv'
    """

    def __init__(self, group: str, **places: str) -> None:
        self.group = group
        self._own = dict(places)

    @cached_property
    def _places(self) -> dict[str, str]:
        foreign = {point.name: point.value for point in entry_points(group=self.group)}
        return {**foreign, **self._own}

    def __getitem__(self, name: str) -> str:
        return self._places[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def load(self, name: str) -> Any:
        """Import and return what `name` stands for.

        Raises
        ------
        ConfigError : no such name; the message lists the nearest ones.
        """
        if name not in self._places:
            near = difflib.get_close_matches(name, self._places, n=3, cutoff=0.5)
            hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Known: {', '.join(self._places)}."
            raise ConfigError(f"{self.group}: there is no {name!r}. {hint}")
        module, _, attribute = self._places[name].partition(":")
        return getattr(importlib.import_module(module), attribute)

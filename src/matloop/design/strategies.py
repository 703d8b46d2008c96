"""Ways from everything known to the next experiments, by name; each is made by calling it with its options."""

from __future__ import annotations

from matloop.core.registry import Registry

_ROOM = "matloop.design.optimisers"

STRATEGIES = Registry(
    "matloop.strategies",
    random=f"{_ROOM}.designs:Random",
    sobol=f"{_ROOM}.designs:Sobol",
    latin=f"{_ROOM}.designs:Latin",
)

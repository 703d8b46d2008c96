"""Surrogates by name: each `make(axes, **options) -> Surrogate`."""

from __future__ import annotations

from matloop.core.registry import Registry
from matloop.design.contract import Axes, Surrogate

_ROOM = "matloop.design.surrogates"
_KNOWN = "matloop.design.knowledge"
SURROGATES = Registry(
    "matloop.surrogates",
    gp=f"{_ROOM}.usual:make",
    student_t=f"{_ROOM}.student_t:make",
    heteroscedastic=f"{_ROOM}.heteroscedastic:make",
    saas=f"{_ROOM}.saas:make",
    additive=f"{_ROOM}.additive:make",
    mapped=f"{_ROOM}.mapped:make",
    botorch=f"{_ROOM}.botorch_gp:make",
    auto=f"{_ROOM}.auto:make",
    multi_task=f"{_ROOM}.multi_task:make",
    laboratories=f"{_ROOM}.multi_task:make_laboratories",
    multi_fidelity=f"{_ROOM}.multi_fidelity:make",
    forest=f"{_ROOM}.forest:make",
    family=f"{_ROOM}.families:make",
    deep=f"{_ROOM}.deep:make",
    chemistry=f"{_ROOM}.chemistry:make",
    law=f"{_KNOWN}.law:make",
    transfer=f"{_KNOWN}.transfer:make",
    symmetric=f"{_KNOWN}.symmetry:make",
    monotonic=f"{_KNOWN}.monotonic:make",
)


def make_surrogate(name: str, axes: Axes, **options: object) -> Surrogate:
    """The surrogate `name` for these columns; `options` as in the `make` of its module.

    Raises
    ------
    ConfigError : no such surrogate. TypeError : no such option.
    """
    surrogate: Surrogate = SURROGATES.load(name)(axes, **options)
    return surrogate

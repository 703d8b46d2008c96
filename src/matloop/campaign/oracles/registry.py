"""Names of oracles, and what may be written after them: "table:data.csv", "command:python measure.py {x}", "emt"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from matloop.campaign.oracles.contract import Oracle, Setting
from matloop.core.errors import ConfigError
from matloop.core.registry import Registry

ORACLES = Registry(
    "matloop.oracles",
    table="matloop.campaign.oracles.table:make",
    command="matloop.campaign.oracles.command:make",
    folder="matloop.campaign.oracles.folder:make",
    person="matloop.campaign.oracles.person:make",
    emt="matloop.campaign.oracles.atoms:emt",
    xtb="matloop.campaign.oracles.atoms:xtb",
    chgnet="matloop.campaign.oracles.atoms:chgnet",
)
"""Each `make(text, setting) -> Oracle`; the text is what follows the colon."""


def open_oracle(what: str | Callable[[Mapping[str, Any]], object] | Oracle, setting: Setting) -> Oracle:
    """The oracle that `what` stands for.

    Parameters
    ----------
    what : "name" or "name:text" as on the command line; a Python function of one candidate ({parameter: value}) that
        returns a number or {target: number}; or an oracle.

    Raises
    ------
    ConfigError : no such name, or the text after it is not what that oracle needs.
    """
    if isinstance(what, str):
        name, _, text = what.partition(":")
        return ORACLES.load(name.strip())(text.strip(), setting)
    if hasattr(what, "measure"):
        return what
    if callable(what):
        from matloop.campaign.oracles.function import FunctionOracle

        return FunctionOracle(what, setting)
    raise ConfigError(
        f"{what!r} is no oracle. Give 'table:FILE', 'command:PROGRAM', a function, or an object with measure()."
    )

"""Optional libraries: imported on use, with an error that says what to install."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from matloop.core.errors import MissingExtra


def available(module: str) -> bool:
    """Whether `module` can be imported, without importing it."""
    return importlib.util.find_spec(module) is not None


def require(module: str, *, extra: str) -> ModuleType:
    """Import `module`, or say which extra of matloop brings it.

    Raises
    ------
    MissingExtra : the library is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise MissingExtra(f"{module!r} is not installed. Install it with: pip install 'matloop[{extra}]'") from error

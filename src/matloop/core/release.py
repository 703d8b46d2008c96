"""Which release of matloop is installed."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def release() -> str:
    """The release, "source" where the code runs without being installed."""
    try:
        return version("matloop")
    except PackageNotFoundError:
        return "source"

"""Which releases a result was made with."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from matloop.core.release import release

LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn", "lightgbm", "torch", "gpytorch", "rdkit")


def versions() -> Mapping[str, str]:
    """Releases of matloop, Python and the libraries that numbers depend on; those not installed are left out."""
    system = f"{platform.system()} {platform.machine()}"
    found = {"matloop": release(), "python": platform.python_version(), "system": system}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found

"""Folders of the user that are not part of a project: what can be made or fetched again."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """Where features, answers of servers and published data sets are kept: `MATLOOP_CACHE`, else the user's folder for
    such things on this system."""
    if given := os.environ.get("MATLOOP_CACHE", ""):
        return Path(given).expanduser()
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")) / "matloop" / "cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "matloop"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "matloop"

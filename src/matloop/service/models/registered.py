"""Models of a registry: which version is meant now, and its bundle in a folder of this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from matloop.deploy.registry.contract import Version
from matloop.deploy.registry.registry import Registry


@dataclass(frozen=True, slots=True)
class Found:
    """A version, and where its bundle lies."""

    version: Version
    folder: Path


def found(store: str, name: str, which: str, cache: Path) -> Found:
    """The version that NAME@WHICH is now, its bundle fetched and checked.

    Raises
    ------
    NotInStore : there is none such. ConfigError, DataError, RunError : the store cannot be opened. BundleError : what
        is stored was damaged or changed.
    """
    with Registry.open(store) as registry:
        version = registry.get(f"{name}@{which}")
        return Found(version, registry.fetch(version, cache))


def now(store: str, name: str, which: str) -> tuple[int, str, str]:
    """Number, bundle and stage of what NAME@WHICH is now; errors as for `found`."""
    with Registry.open(store, patience=1.0) as registry:
        version = registry.get(f"{name}@{which}")
        return version.number, version.bundle, version.stage

"""Which model is in use: a bundle in a folder, or a version in the registry of a store."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matloop.core.errors import ConfigError
from matloop.core.registry import Registry as Names
from matloop.deploy.bundle import identity, load_bundle
from matloop.monitor.retrain.home import Home
from matloop.monitor.retrain.plan import Plan
from matloop.monitor.retrain.state import Champion, Round

if TYPE_CHECKING:
    from matloop.deploy.registry.registry import Registry

STORES = Names("matloop.retrain.stores", registry="matloop.deploy.registry.registry:Registry")
"""Loaded when a plan names a store: it needs a database library, folders need none."""
CACHE = "bundles"
"""Where bundles of a registry are fetched to, below the home."""


def first_champion(home: Path, plan: Plan) -> Champion:
    """The champion that the plan names.

    Raises
    ------
    BundleError : it is no bundle. NotInStore : the registry has no such model. ConfigError : it names a version; the
        retraining always replaces the one in use.
    """
    if not plan.store:
        folder = Path(os.path.normpath(home / plan.champion))
        folder = folder / "bundle" if (folder / "bundle" / "manifest.json").is_file() else folder
        return Champion(os.path.relpath(folder, home), _identity(folder))
    with _registry(home, plan) as registry:
        version = registry.get(plan.champion)
        if "@" in plan.champion:
            raise ConfigError(f'champion = "{plan.champion}": name the model without a version; the one in use counts.')
        folder = registry.fetch(version, home / CACHE)
    return Champion(os.path.relpath(folder, home), version.bundle, version.number)


def promote(home: Home, plan: Plan, now: Champion, challenger: Round, *, who: str, why: str) -> int:
    """Put the challenger into use; returns its number in the registry, 0 without one. Done twice it is done once.

    Raises
    ------
    VersionConflict : somebody has promoted another one meanwhile. RunError : the folder or database cannot be written.
    """
    number = 0
    if plan.store:
        with _registry(home.path, plan) as registry:
            note = f"retraining round {challenger.number}"
            made = registry.add(home.path / challenger.bundle, plan.champion, who=who, note=note, parent=now.version)
            number = made.number
            if made.stage != "champion":
                registry.promote(plan.champion, number, who=who, why=why, instead_of=now.version)
    home.point(Champion(challenger.bundle, challenger.identity, number, "", challenger.number))
    return number


def roll_back(home: Home, plan: Plan, to: Champion, now: Champion, *, who: str, why: str) -> Champion:
    """Put an earlier champion into use again.

    Raises
    ------
    VersionConflict : somebody has promoted another one meanwhile. BundleError : its bundle was changed.
    """
    home.bundle(to.bundle, to.identity)
    if plan.store:
        with _registry(home.path, plan) as registry:
            current = registry.champion(plan.champion)
            if current is None or current.number != to.version:
                registry.promote(plan.champion, to.version, who=who, why=f"roll back: {why}", instead_of=now.version)
    home.point(to)
    return replace(to, since="")


def in_use(home: Home, plan: Plan, now: Champion) -> str:
    """What is wrong where the registry has another champion than the log; empty where they agree."""
    if not plan.store:
        return ""
    with _registry(home.path, plan) as registry:
        current = registry.champion(plan.champion)
    if current is not None and current.bundle == now.identity:
        return ""
    there = current.spelled if current is not None else "none"
    return (
        f"the registry has {there} as champion, the log of this home version {now.version} ({now.identity}): it was "
        f"promoted elsewhere. Begin another home for it, or promote {plan.champion}@{now.version} again."
    )


def _registry(home: Path, plan: Plan) -> Registry:
    opened: Any = STORES.load("registry")
    found: Registry = opened.open(plan.store if "://" in plan.store else os.path.normpath(home / plan.store))
    return found


def _identity(folder: Path) -> str:
    load_bundle(folder)
    return identity(folder)

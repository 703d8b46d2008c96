"""Which model is in use: a bundle in a folder, or a version in the registry of a store."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matloop.core.errors import ConfigError
from matloop.core.registry import Registry as Names
from matloop.data.store.values import NotInStore
from matloop.deploy.bundle import identity, load_bundle
from matloop.monitor.retrain.home import Home
from matloop.monitor.retrain.plan import Plan
from matloop.monitor.retrain.state import Champion, Round, State

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


def roll_back(
    home: Home, plan: Plan, earlier: Sequence[Champion], now: Champion, *, who: str, why: str
) -> Champion:  # fmt: skip
    """Put an earlier champion into use again; returns it.

    In a registry this is a roll back there, too, and goes where one there goes: versions that were retired by hand are
    left out. Where somebody has rolled back there already, the home follows.

    Parameters
    ----------
    earlier : champions of this home that one could go back to, the latest first.

    Raises
    ------
    NotInStore : the registry lets none of them be gone back to. VersionConflict : somebody has promoted another one
    meanwhile. BundleError : its bundle was changed.
    """
    if not plan.store:
        to = earlier[0]
        home.bundle(to.bundle, to.identity)
    else:
        with _registry(home.path, plan) as registry:
            to = _allowed(registry, plan, earlier, now)
            home.bundle(to.bundle, to.identity)
            if registry.get(plan.champion).number != to.version:
                said = f"retraining in {home.path.name}: {why}"
                registry.rollback(plan.champion, to=to.version, who=who, why=said, instead_of=now.version)
    home.point(to)
    return replace(to, since="")


def _allowed(registry: Registry, plan: Plan, earlier: Sequence[Champion], now: Champion) -> Champion:
    """The one of `earlier` that is champion there already, else the latest that the registry would go back to."""
    past = registry.reigns(plan.champion)
    in_place = [one for one in earlier if past[-1:] == (one.version,) != (now.version,)]
    open_to = in_place or [one for one in earlier if one.version in past[:-1]]
    if not open_to:
        numbers = ", ".join(str(one.version) for one in earlier)
        raise NotInStore(
            f"{registry.place}: none of the earlier champions of this home (version {numbers}) can be gone back to; "
            f"they were retired by hand. Promote one there: matloop models promote {registry.place} {plan.champion}@..."
        )
    return open_to[0]


def in_use(home: Home, plan: Plan, state: State) -> str:
    """What is wrong where the registry has another champion than the log, and what to do; empty where they agree."""
    if not plan.store:
        return ""
    now = state.champion
    with _registry(home.path, plan) as registry:
        there = next((one for one in registry.versions(plan.champion) if one.stage == "champion"), None)
    if there is not None and there.bundle == now.identity:
        return ""
    what = there.spelled if there is not None else "none"
    said = f"the registry has {what} as champion, the log of this home version {now.version} ({now.identity})"
    if there is not None and there.bundle in {one.identity for one in state.past}:
        return f"{said}: it was rolled back there. Follow it: matloop retrain rollback {home.path} --why ..."
    again = f"matloop models promote {plan.store} {plan.champion}@{now.version} --why ..."
    return (
        f"{said}: another one was promoted there. Begin another home for it, or promote the one of this home: {again}"
    )


def _registry(home: Path, plan: Plan) -> Registry:
    opened: Any = STORES.load("registry")
    found: Registry = opened.open(plan.store if "://" in plan.store else os.path.normpath(home / plan.store))
    return found


def _identity(folder: Path) -> str:
    load_bundle(folder)
    return identity(folder)

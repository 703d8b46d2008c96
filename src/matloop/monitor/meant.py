"""Which bundle is watched: that of a folder, or of what NAME@champion of a registry is at each look."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from matloop.core.errors import BundleError, ConfigError, MatloopError
from matloop.core.optional import require
from matloop.core.places import cache_folder
from matloop.deploy.registry.contract import Deed, Version
from matloop.monitor.contract import Finding

logger = logging.getLogger(__name__)
_REGISTERED = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}@(champion|latest|[1-9]\d{0,8})")


@dataclass(frozen=True, slots=True)
class Meant:
    """A bundle in a folder. spelled : "gap@3" where it follows a registry, else "". family : "gap@" likewise, by which
    alerts of the versions before are known. findings : what is to be said of the choice."""

    folder: Path
    spelled: str = ""
    family: str = ""
    findings: tuple[Finding, ...] = ()


@dataclass(slots=True)
class Follow:
    """A model of a registry, looked up anew at each look.

    asked : NAME@champion, NAME@latest or NAME@3. store : where its registry is. cache : folder for bundles.
    """

    asked: str
    store: str
    cache: Path = field(default_factory=lambda: cache_folder() / "bundles")
    last: Meant | None = None

    def now(self) -> Meant:
        """The version that is meant now; the one of the look before, and a warning, where the registry cannot be asked.

        Raises
        ------
        MissingExtra : a library of the store is missing. NotInStore, ConfigError, DataError, RunError : the version is
            not there, or the store cannot be opened, at the first look. BundleError : what is stored was damaged.
        """
        registry = require("matloop.deploy.registry.registry", extra="store").Registry
        reigns = require("matloop.deploy.registry.audit", extra="store").reigns
        try:
            with registry.open(self.store) as opened:
                version = opened.get(self.asked)
                folder = opened.fetch(version, self.cache)
                deeds = opened.deeds(version.name)
        except BundleError:
            raise
        except MatloopError as error:
            if self.last is None:
                raise
            logger.warning("the registry cannot be asked: %s", error)
            return Meant(
                self.last.folder, self.last.spelled, self.last.family, (_unasked(self.last.spelled, error),)
            )  # fmt: skip
        follows = self.asked.rpartition("@")[2] in ("champion", "latest")
        said = _chosen(version, deeds, reigns) if follows else ()
        self.last = Meant(Path(folder), version.spelled if follows else "", f"{version.name}@" if follows else "", said)
        return self.last


def meant(bundle: Path | str | Follow) -> Meant:
    """The bundle that is watched now; errors as for `Follow.now`."""
    return bundle.now() if isinstance(bundle, Follow) else Meant(Path(bundle))


def follow(text: str, *, store: str) -> Path | Follow:
    """What --bundle says: a folder, or NAME@champion, NAME@latest, NAME@3 of the registry in `store`.

    Raises
    ------
    ConfigError : it is of a registry and no store is given, or the other way round.
    """
    registered = _REGISTERED.fullmatch(text) is not None and not Path(text).exists()
    if registered and not store:
        raise ConfigError(f"{text!r} is a model of a registry: say in which store, --store STORE.")
    if store and not registered:
        raise ConfigError(f"{text[:200]!r} is no model of a registry. Write NAME@champion, or leave out --store.")
    return Follow(text, store) if registered else Path(text)


def _chosen(
    version: Version, deeds: Sequence[Deed], reigns: Callable[[Sequence[Deed]], list[int]]
) -> tuple[Finding, ...]:  # fmt: skip
    """Which version is watched, since when it is in use, and that it is watched for itself."""
    raised = [k for k, deed in enumerate(deeds) if deed.what in ("promote", "rollback")]
    if version.stage != "champion" or not raised:
        return (Finding("log", "version", f"Watched is {version.spelled}, a {version.stage}."),)
    deed, earlier = deeds[raised[-1]], reigns(deeds[: raised[-1]])
    said = f"Watched is {version.spelled}, champion since {deed.time[:16].replace('T', ' ')} UTC"
    if earlier:
        said += f" in place of {version.name}@{earlier[-1]}: the watch began anew with its first answer"
    return (Finding("log", "version", f"{said}.", "note", {"version": version.number, "earlier": earlier[-1:]}),)


def _unasked(spelled: str, error: MatloopError) -> Finding:
    said = f"The registry could not be asked which version is in use; watched is still {spelled}."
    return Finding("log", "registry", said, "warning", {}, str(error))

"""What keeps the served models up to date; one that cannot be loaded changes nothing."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matloop.core.errors import MatloopError
from matloop.core.optional import require
from matloop.deploy.bundle import identity
from matloop.service.keys import Key, keys_of_environment, read_keys
from matloop.service.models.settings import Settings
from matloop.service.models.shelf import Served, Shelf, opened
from matloop.service.models.sources import spelled

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Changed:
    """What a reload did. loaded, gone : models with their versions. kept : {BUNDLE: why it could not be loaded}; what
    was served of it before stays."""

    loaded: tuple[str, ...]
    gone: tuple[str, ...]
    kept: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"loaded": list(self.loaded), "gone": list(self.gone), "kept": self.kept}


class Keeper:
    """Holds the shelf of one process.

    Parameters
    ----------
    cache : folder where bundles of a registry are put.
    """

    def __init__(self, settings: Settings, cache: Path) -> None:
        self.settings, self.cache = settings, cache
        self.shelf = Shelf(())
        self.keys: tuple[Key, ...] = keys_of(settings)
        self._bundles = list(settings.bundles)
        self._lock = threading.Lock()

    def load(self) -> Changed:
        """Load what the command line says; models that did not change stay as they are.

        Raises
        ------
        ConfigError, BundleError, ... : at the first time, where anything cannot be loaded. DataError : the keys cannot
            be read.
        """
        with self._lock:
            first = not self.shelf.models
            keys = keys_of(self.settings)
            models, kept = [], {}
            for text in self._bundles:
                try:
                    models.append(self._loaded(text))
                except (MatloopError, OSError) as error:
                    if first:
                        raise
                    logger.warning("%s stays as it was: %s", text, error)
                    kept[text] = str(error)
                    models += [model for model in self.shelf.models if model.source == text]
            self.keys = keys
            return self._put(models, kept)

    def unload(self, name: str) -> Changed:
        """Take a model away until the next start; KeyError if there is none such."""
        with self._lock:
            found = self.shelf.find(name)
            if found is None:
                raise KeyError(name)
            self._bundles = [text for text in self._bundles if text != found.source]
            return self._put([model for model in self.shelf.models if model is not found], {})

    def _put(self, models: list[Served], kept: dict[str, str]) -> Changed:
        before = {model.spelled for model in self.shelf.models}
        old = self.shelf.models
        self.shelf = Shelf(models)
        now = {model.spelled for model in self.shelf.models}
        loaded = tuple(model.spelled for model in self.shelf.models if not any(model is one for one in old))
        return Changed(loaded, tuple(sorted(before - now)), kept)

    def _loaded(self, text: str) -> Served:
        """The model of one BUNDLE: the one that is served already if its bundle is the same."""
        told = spelled(text, store=self.settings.store)
        before = next((model for model in self.shelf.models if model.source == text), None)
        if told.which:
            registered = require("matloop.service.models.registered", extra="store")
            found = registered.found(self.settings.store, told.name, told.which, self.cache)
            version = found.version
            if before is not None and _state(before) == (version.number, version.bundle, version.stage):
                return before
            return opened(found.folder, name=told.name, source=text, number=version.number, stage=version.stage)
        if before is not None and before.bundle == identity(Path(told.folder)):
            return before
        return opened(told.folder, name=told.name, source=text)

    def moved(self) -> bool:
        """Whether the registry means other versions by now than those that are served; False where it cannot be asked,
        which changes nothing."""
        stored = [(text, spelled(text, store=self.settings.store)) for text in self._bundles]
        served = {model.source: _state(model) for model in self.shelf.models}
        try:
            return any(
                require("matloop.service.models.registered", extra="store").now(
                    self.settings.store, told.name, told.which
                )
                != served.get(text)
                for text, told in stored
                if told.which
            )
        except MatloopError as error:
            logger.warning("the registry cannot be asked, what is served stays: %s", error)
            return False


def _state(model: Served) -> tuple[int, str, str]:
    return model.number, model.bundle, model.stage


def keys_of(settings: Settings) -> tuple[Key, ...]:
    """The keys of the file and of the environment."""
    return (*(read_keys(Path(settings.keys_file)) if settings.keys_file else ()), *keys_of_environment())

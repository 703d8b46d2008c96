"""A name of a library, or of a part of matloop, that an exported folder goes without."""

from __future__ import annotations

from typing import Any, Never


class Absent:
    """Stands where the thing would; using it says what is missing. Nothing that was checked at export comes here."""

    def __init__(self, place: str) -> None:
        self._place = place

    def __call__(self, *given: Any, **named: Any) -> Never:
        self._refuse()

    def __getattr__(self, name: str) -> Never:
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()

    def _refuse(self) -> Never:
        raise ModuleNotFoundError(
            f"this needs {self._place}, which the exported folder goes without. Predict such rows with matloop itself.",
            name=self._place,
        )

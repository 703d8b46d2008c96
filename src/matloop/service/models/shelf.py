"""What a server serves: loaded models under their names and versions, changed as a whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from matloop.core.errors import BundleError
from matloop.data.inputs import needed
from matloop.deploy.answering import Answerer
from matloop.problem.question import Input
from matloop.service.models.sources import served_name

VALUE_KINDS = {
    "composition": "formula", "structure": "CIF text, or a structure as JSON", "molecule": "SMILES", "number": "number",
    "category": "word",
}  # fmt: skip
TRIALS = {"composition": "Fe2O3", "molecule": "CCO", "number": 1.0}


@dataclass(frozen=True)
class Served:
    """A loaded model. name : as served. number : in the registry, 0 of a folder. folder : it was read from. source :
    BUNDLE as on the command line. stage : in the registry, "" of a folder."""

    name: str
    number: int
    folder: str
    source: str
    answerer: Answerer
    stage: str = ""
    spelled: str = field(init=False, default="")

    def __post_init__(self) -> None:
        version = str(self.number) if self.number else self.answerer.identity
        object.__setattr__(self, "spelled", f"{self.name}@{version}")

    @property
    def bundle(self) -> str:
        """What tells the bundle from every other."""
        return self.answerer.identity

    @property
    def version(self) -> str:
        """The number in the registry, or the identity of the bundle."""
        return self.spelled.partition("@")[2]

    @cached_property
    def fields(self) -> Mapping[str, str]:
        """{what a row may call a value: the column it is}: columns, and the inputs of one column by their names."""
        columns = {name: name for name in self.answerer.columns}
        for entry in self.answerer.bundle.manifest.inputs:
            own = needed(entry)
            if len(own) == 1:
                columns.setdefault(entry.name, own[0])
        return columns

    @cached_property
    def texts(self) -> frozenset[str]:
        """Columns whose values may be objects: structures as JSON."""
        inputs = self.answerer.bundle.manifest.inputs
        return frozenset(name for entry in inputs if entry.kind == "structure" for name in needed(entry))

    @cached_property
    def card(self) -> str:
        """The model card (Markdown), "" if the bundle has none."""
        path = Path(self.folder) / "README.md"
        return path.read_text("utf-8") if "README.md" in self.answerer.bundle.manifest.files and path.is_file() else ""

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What a program is told of the model."""
        manifest = self.answerer.bundle.manifest
        return {
            "name": self.name, "version": self.version, "number": self.number, "stage": self.stage,
            "bundle": self.bundle, "question": manifest.question, "run_id": manifest.run_id,
            "matloop": manifest.matloop, "trained_on": manifest.trained_on, "n_rows": manifest.n_rows,
            "data_sha256": manifest.data_sha256, "inputs": [_input(entry) for entry in manifest.inputs],
            "targets": [target(self.answerer, entry.target) for entry in manifest.models],
            "evidence": {name: dict(told) for name, told in manifest.evidence.items()},
            "citations": list(manifest.citations),
        }  # fmt: skip

    @cached_property
    def example(self) -> dict[str, Any]:
        """A row to try."""
        manifest = self.answerer.bundle.manifest
        words = {entry.name: entry.words for entry in manifest.representation.inputs}
        return {name: _trial(entry, words.get(entry.name, ())) for entry in manifest.inputs for name in needed(entry)}

    def warm(self) -> None:
        """Answer once, so that the first asker does not wait for what is loaded on first use."""
        self.answerer.answer([self.example])


def _input(entry: Input) -> dict[str, Any]:
    return {
        "name": entry.name, "kind": entry.kind, "columns": list(needed(entry)), "unit": entry.unit,
        "value": "amounts of the elements" if entry.columns else VALUE_KINDS.get(entry.kind, entry.kind),
        "order": list(entry.order),
    }  # fmt: skip


def _trial(entry: Input, words: Sequence[str]) -> Any:
    """A value that the input can take: of a category, a word that it knows."""
    if entry.columns:
        return 1.0
    return (*entry.order, *words, "a")[0] if entry.kind == "category" else TRIALS.get(entry.kind)


def target(answerer: Answerer, name: str) -> dict[str, Any]:
    """Name, unit and classes of a target."""
    model = next(model for model in answerer.bundle.models if model.target == name)
    return {"name": name, "unit": getattr(model, "unit", ""), "classes": list(getattr(model, "classes", ()))}


class Shelf:
    """Models that are served at one moment; never changed.

    A model is found by its name (the first one given with it), by NAME@NUMBER of the registry, NAME@STAGE, or
    NAME@IDENTITY of its bundle (also its first 8 digits or more).
    """

    def __init__(self, models: Iterable[Served]) -> None:
        found: dict[str, Served] = {}
        kept = []
        for model in models:
            if f"{model.name}@{model.bundle}" in found and not model.number:
                continue
            kept.append(model)
            own = [model.name, f"{model.name}@{model.bundle}", model.spelled]
            own += [f"{model.name}@{model.stage}"] if model.stage else []
            for name in own:
                found.setdefault(name, model)
        self.models, self.by_name = tuple(kept), found

    def find(self, name: str) -> Served | None:
        """The model of that name and version, None if there is none such."""
        found = self.by_name.get(name)
        if found is not None:
            return found
        plain, _, part = name.partition("@")
        if re.fullmatch(r"[0-9a-f]{8,16}", part):
            alike = [model for model in self.models if model.name == plain and model.bundle.startswith(part)]
            return alike[0] if len(alike) == 1 else None
        return None

    @property
    def names(self) -> tuple[str, ...]:
        """Names without versions, in the order given."""
        return tuple(dict.fromkeys(model.name for model in self.models))


def opened(folder: Path | str, *, name: str = "", source: str = "", number: int = 0, stage: str = "") -> Served:
    """Load the model of a folder, and let it answer once.

    Raises
    ------
    BundleError : it cannot be read; the message names folder and file.
    """
    answerer = Answerer.open(folder)
    called = name or served_name(answerer.bundle.manifest.name)
    served = Served(called, number, str(folder), source or str(folder), answerer, stage)
    try:
        served.warm()
    except Exception as error:
        raise BundleError(f"{folder}: the bundle is whole, but it cannot answer ({error}).") from error
    return served

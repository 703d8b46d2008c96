"""Why a bundle cannot go without its libraries, feature by feature."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from matloop.core.arrayfile import read_arrays
from matloop.core.errors import ConfigError, listed
from matloop.deploy.bundle import Bundle
from matloop.deploy.edge.source import ROOT
from matloop.represent import FEATURIZERS
from matloop.represent.spec import read_spec

_NEEDS = {
    "structure": "structures are read and described with spglib, matscipy and scipy",
    "molecule": "molecules are read with rdkit",
}


def refuse(loaded: Bundle, folder: Path) -> None:
    """ConfigError if a part of the bundle needs more than numpy; the message names every such part."""
    found = [*_inputs(loaded), *_models(loaded, folder)]
    if found:
        raise ConfigError(
            f"the bundle {loaded.manifest.name!r} cannot be exported, because not all of it runs with numpy alone:\n"
            f"{listed(found)}\nServe it with matloop itself, or train a model without these parts."
        )


def _inputs(loaded: Bundle) -> Iterator[str]:
    for entry in loaded.manifest.representation.inputs:
        foreign = [name for name in entry.featurizers if not _is_own(name)]
        if entry.kind in _NEEDS:
            yield f"input {entry.name!r} ({', '.join(entry.featurizers)}): {_NEEDS[entry.kind]}"
        elif foreign:
            yield f"input {entry.name!r}: {', '.join(foreign)} is a featurizer of another package"


def _is_own(text: str) -> bool:
    return FEATURIZERS[read_spec(text).name].startswith(f"{ROOT}.")


def _models(loaded: Bundle, folder: Path) -> Iterator[str]:
    for model in loaded.manifest.models:
        arrays = read_arrays(folder / model.file)
        if any(name.endswith("kind") and array.ndim == 0 and str(array) == "foreign" for name, array in arrays.items()):
            yield f"the model of {model.target!r} holds an estimator of scikit-learn, which predicts only there"

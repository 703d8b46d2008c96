"""A bundle: models as data in a folder. Nothing in it is code, and nothing in it is believed before it is checked.

    bundle/  manifest.json  model-0.npz ...  reference.npz (a sample of the rows learnt from)  problem.toml
             README.md (the model card)

The manifest names every file with size and SHA-256. A hash guards against damage, not against an author, so each part
also checks its own indices, shapes and sizes before use.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from matloop.core.arrayfile import read_arrays, write_arrays
from matloop.core.arrays import Arrays
from matloop.core.errors import BundleError, DataError
from matloop.core.files import sha256, write_text
from matloop.core.jsonable import dumps, from_jsonable
from matloop.core.memory import keep_freed_memory
from matloop.data.dataset import Dataset
from matloop.doubt.prediction import Prediction
from matloop.problem.question import Input
from matloop.represent.representation import Representation, represent
from matloop.represent.table import Columns
from matloop.train.model import Model

FORMAT = 1
"""Rises when an older release could not read what is written; every format up to this one is read."""
LIMIT_MANIFEST = 50 * 2**20
_FILE = re.compile(r"[A-Za-z0-9_-]{1,80}(\.[a-z]{2,5})")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """Size and digest of one file of the bundle."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """Where the model of one target is, and the columns it takes."""

    target: str
    file: str
    columns: Columns


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is in a bundle, and what is known about it.

    `evidence` holds the verdict and scores on sealed rows by target; `trained_on` says which rows the models have seen.
    """

    format: int
    matloop: str
    name: str
    question: str
    run_id: str
    inputs: tuple[Input, ...]
    representation: Representation
    models: tuple[ModelEntry, ...]
    trained_on: str
    n_rows: int
    data_sha256: str
    missing: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    evidence: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    citations: tuple[str, ...] = ()
    files: Mapping[str, FileEntry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A loaded bundle: the manifest, and a model per target."""

    manifest: Manifest
    models: tuple[Model, ...]

    def predict(self, dataset: Dataset) -> dict[str, Prediction]:
        """Predictions per target for rows with the bundle's inputs, in the order given."""
        table = represent(dataset, self.manifest.representation)
        return {model.target: model.predict_table(table) for model in self.models}


def save_bundle(
    folder: Path,
    manifest: Manifest,
    models: Mapping[str, Model],
    extra: Mapping[str, str],
    tables: Mapping[str, Arrays] | None = None,
) -> Manifest:
    """Write a bundle; the manifest comes last, so a bundle that was not finished is not taken for one.

    Parameters
    ----------
    models : by target; their order is the manifest's.
    extra : further text files by name (problem file, model card). tables : further files of arrays by name.

    Raises
    ------
    RunError : the disk is full or the folder cannot be written.
    """
    entries: dict[str, FileEntry] = {}
    listed: list[ModelEntry] = []
    for number, (target, model) in enumerate(models.items()):
        name = f"model-{number}.npz"
        write_arrays(folder / name, model.to_arrays())
        listed.append(ModelEntry(target, name, model.columns))
        entries[name] = _entry(folder / name)
    for name, arrays in (tables or {}).items():
        write_arrays(folder / name, arrays)
        entries[name] = _entry(folder / name)
    for name, content in extra.items():
        write_text(folder / name, content)
        entries[name] = _entry(folder / name)
    whole = replace(manifest, models=tuple(listed), files=dict(sorted(entries.items())))
    write_text(folder / "manifest.json", dumps(whole) + "\n")
    return whole


def load_bundle(folder: Path | str) -> Bundle:
    """Read a bundle and check all of it before anything is used.

    Raises
    ------
    BundleError : not a bundle, damaged, changed, hostile, or made by a later release; the message names the file.
    """
    keep_freed_memory()
    folder = Path(folder)
    manifest = read_manifest(folder)
    for name, file in manifest.files.items():
        verify(folder, name, file)
    models = []
    for entry in manifest.models:
        if entry.file not in manifest.files:
            raise BundleError(f"{folder}: {entry.file!r} is not listed with a digest. The bundle was changed.")
        try:
            models.append(Model.from_arrays(read_arrays(folder / entry.file), entry.columns))
        except BundleError as error:
            raise BundleError(f"{folder / entry.file}: {error}") from error
        if models[-1].target != entry.target:
            raise BundleError(
                f"{folder / entry.file} predicts {models[-1].target!r}, the manifest says {entry.target!r}."
            )
    return Bundle(manifest, tuple(models))


def identity(folder: Path) -> str:
    """What tells this bundle from every other: the first 16 hexadecimal digits of the SHA-256 of its manifest, which
    holds the digests of all its files."""
    return sha256(folder / "manifest.json")[:16]


def read_manifest(folder: Path) -> Manifest:
    """The manifest alone, checked for form and version.

    Raises
    ------
    BundleError : as for `load_bundle`.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        inside = folder / "bundle" / "manifest.json"
        hint = f" Did you mean {inside.parent}?" if inside.is_file() else " A bundle is the folder RUN/bundle of a run."
        raise BundleError(f"{folder} is not a bundle: there is no manifest.json in it.{hint}")
    if path.stat().st_size > LIMIT_MANIFEST:
        raise BundleError(f"{path} is larger than {LIMIT_MANIFEST:,} bytes. It is not a manifest.")
    try:
        content = json.loads(path.read_text("utf-8"))
        found = content["format"]
        if not isinstance(found, int) or found > FORMAT:
            raise BundleError(
                f"{path}: format {found!r}, made by matloop {content.get('matloop', '?')}; this release reads up to "
                f"{FORMAT}. Install a later matloop."
            )
        manifest = from_jsonable(Manifest, content)
    except (
        OSError,
        UnicodeDecodeError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        DataError,
    ) as error:
        raise BundleError(f"{path} is damaged or not a manifest ({error}). Copy or make the bundle again.") from error
    return manifest


def verify(folder: Path, name: str, entry: FileEntry) -> None:
    """Check that a file of a bundle is what its manifest says; BundleError where it is not."""
    if not _FILE.fullmatch(name):
        raise BundleError(f"{folder}: the manifest names a file {name[:80]!r}. The bundle is not trusted.")
    path = folder / name
    if not path.is_file():
        raise BundleError(f"{path} is missing. The bundle is incomplete: copy or make it again.")
    if path.stat().st_size != entry.bytes or sha256(path) != entry.sha256:
        raise BundleError(f"{path} is not what the manifest says (size or SHA-256). It is damaged or was changed.")


def _entry(path: Path) -> FileEntry:
    return FileEntry(path.stat().st_size, sha256(path))

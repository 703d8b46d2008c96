"""The bundle of an exported folder, by numpy alone."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from matloop.deploy.bundle import load_bundle
from matloop.deploy.edge.runtime import Runner


def load(folder: Path | str) -> Runner:
    """The runner of an exported folder or file; everything in its bundle is checked first.

    Raises
    ------
    BundleError : the bundle is damaged or was changed.
    """
    with unpacked(Path(folder)) as bundle:
        return Runner(load_bundle(bundle))


@contextmanager
def unpacked(place: Path) -> Iterator[Path]:
    """The folder of the bundle in an export; of an export that is one file, for as long as it is looked at."""
    if not place.is_file():
        yield place / "bundle"
        return
    with tempfile.TemporaryDirectory() as temporary, zipfile.ZipFile(place) as archive:
        for entry in archive.infolist():
            if entry.filename.startswith("bundle/") and entry.filename.count("/") == 1:
                (Path(temporary) / entry.filename.partition("/")[2]).write_bytes(archive.read(entry))
        yield Path(temporary)

"""What goes into the registry: the files of a bundle, checked, and those of its run that say what it learnt from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matloop.core.errors import BundleError
from matloop.deploy.bundle import Manifest, identity, load_bundle
from matloop.deploy.registry.chunks import Kept, described

RUN = ("provenance.json", "split.json", "data.parquet", "removed.csv", "report.json")
"""Files of a run that lead from a model back to the rows that it learnt from; none of them holds a sealed label."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """A bundle that was checked. bundle : its identity. files : where each is, and what it is called by its content.
    dataset : the source of its data, "" where the run is not there."""

    manifest: Manifest
    bundle: str
    files: tuple[tuple[Path, Kept], ...]
    dataset: str


def gathered(folder: Path) -> Gathered:
    """Check a bundle and find what belongs to it.

    Parameters
    ----------
    folder : RUN, RUN/bundle, or a bundle that stands alone.

    Raises
    ------
    BundleError : it is no bundle, damaged, changed, or of a later release.
    """
    bundle = folder / "bundle" if (folder / "bundle" / "manifest.json").is_file() else folder
    manifest = load_bundle(bundle).manifest
    names = ("manifest.json", *manifest.files)
    files = [(bundle / name, described("bundle", bundle / name)) for name in names]
    for path, file in files[1:]:
        if file.sha256 != manifest.files[file.name].sha256:
            raise BundleError(f"{path}: was changed while it was read. Wait until nobody writes there, and repeat.")
    run = _run(bundle, manifest)
    if run is not None:
        files += [(run / name, described("run", run / name)) for name in RUN if (run / name).is_file()]
    return Gathered(manifest, identity(bundle), tuple(files), str(_json(run, "provenance.json").get("source", "")))


def _run(bundle: Path, manifest: Manifest) -> Path | None:
    """The folder of the run that a bundle lies in, if it is that of this bundle."""
    run = bundle.resolve().parent
    own = run.name == manifest.run_id and _json(run, "run.json").get("data") == manifest.data_sha256
    return run if own else None


def _json(folder: Path | None, name: str) -> Mapping[str, Any]:
    if folder is None or not (folder / name).is_file():
        return {}
    try:
        content = json.loads((folder / name).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}

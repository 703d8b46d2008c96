"""Rows of the registry's tables to values, and back."""

from __future__ import annotations

import json
from typing import Any

from matloop.core.jsonable import dumps
from matloop.deploy.registry.chunks import Kept
from matloop.deploy.registry.contract import Version

_PLAIN = ("number", "stage", "bundle", "created", "who", "run_id", "question", "data_sha256", "dataset", "parent",
          "bytes", "note")  # fmt: skip


def version_row(version: Version) -> dict[str, Any]:
    """Columns of a version, without its model."""
    evidence = dumps(version.evidence, indent=None)
    return {**{name: getattr(version, name) for name in _PLAIN}, "evidence": evidence}


def version_of(row: Any, name: str) -> Version:
    """A version from its row."""
    return Version(name=name, evidence=json.loads(row.evidence), **{one: getattr(row, one) for one in _PLAIN})


def file_row(file: Kept) -> dict[str, Any]:
    """Columns of a file, without its version."""
    return {"kind": file.kind, "name": file.name, "bytes": file.bytes, "sha256": file.sha256,
            "chunks": " ".join(file.chunks)}  # fmt: skip


def kept_file(row: Any) -> Kept:
    """A file from its row."""
    return Kept(row.kind, row.name, row.bytes, row.sha256, tuple(row.chunks.split()))

"""Files that are whole or not there: written beside, synced, then moved into place."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from matloop.core.errors import RunError


def write_atomic(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a file beside `path`, then move it into place; a crash leaves the old file or none.

    Raises
    ------
    RunError : the disk is full, or the folder cannot be written; the message names the folder.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # a temporary file is private, the finished one like any other
        os.replace(temporary, path)
    except OSError as error:
        raise RunError(said(path, error)) from error
    finally:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` atomically."""
    write_atomic(path, lambda stream: stream.write(content))


def write_text(path: Path, content: str) -> None:
    """Write `content` to `path` atomically, as UTF-8 with line feeds."""
    write_bytes(path, content.encode("utf-8"))


def sha256(path: Path) -> str:
    """Hex digest of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def said(path: Path, error: OSError) -> str:
    """What an operating-system error on `path` means for the user, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{path}: the disk is full. Finished steps are kept; free some space and run the same command again."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{path}: the folder cannot be written ({error.strerror}). Choose another one with -o."
    return (
        f"{path}: {error.strerror or error}. Finished steps are kept; run the same command again once this is mended."
    )

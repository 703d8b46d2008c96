"""Arrays in one compressed file (numpy's .npz), written the same bytes for the same arrays, read without trust.

A hash guards against damage, not against an author: sizes, types and shapes are checked in the headers before anything
is allocated, and objects are never read.
"""

from __future__ import annotations

import io
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import Arrays
from matloop.core.errors import BundleError
from matloop.core.files import write_atomic

LIMIT_BYTES = 4 * 2**30
LIMIT_ARRAYS = 20_000
_NAME = re.compile(r"[\w.:/+-]{1,200}\.npy")
_EPOCH = (1980, 1, 1, 0, 0, 0)
# RuntimeError covers NotImplementedError (unknown compression) and encrypted members; SyntaxError a broken header
_DAMAGE: tuple[type[Exception], ...] = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, OSError, EOFError),
    *(RuntimeError, ValueError, SyntaxError, MemoryError, TypeError),
)


def write_arrays(path: Path, arrays: Mapping[str, NDArray]) -> None:
    """Write `arrays` atomically; equal arrays give an equal file.

    Raises
    ------
    TypeError : an array holds objects. RunError : the disk is full or the folder not writable.
    """

    def fill(stream: BinaryIO) -> None:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name in sorted(arrays):
                array = np.ascontiguousarray(arrays[name]) if np.ndim(arrays[name]) else np.asarray(arrays[name])
                if array.dtype.kind not in "biufU":
                    raise TypeError(f"array {name!r} holds {array.dtype}, not plain numbers or text")
                entry = zipfile.ZipInfo(name + ".npy", _EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(entry, "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)

    write_atomic(path, fill)


def read_arrays(path: Path, *, limit_bytes: int = LIMIT_BYTES) -> Arrays:
    """Read what `write_arrays` wrote.

    Raises
    ------
    BundleError : not such a file, damaged, larger than `limit_bytes` when unpacked, or with anything but plain arrays.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive, path, limit_bytes)
    except FileNotFoundError as error:
        raise BundleError(f"{path} is missing. The bundle is incomplete: copy or make it again.") from error
    except _DAMAGE as error:
        raise BundleError(f"{path} is damaged ({error}). Copy or make it again.") from error


def _read(archive: zipfile.ZipFile, path: Path, limit_bytes: int) -> Arrays:
    entries = archive.infolist()
    if len(entries) > LIMIT_ARRAYS or len({entry.filename for entry in entries}) != len(entries):
        raise BundleError(f"{path} holds {len(entries)} arrays, or one twice. It is not a file that matloop wrote.")
    total = sum(entry.file_size for entry in entries)
    if total > limit_bytes:
        raise BundleError(f"{path} would unpack to {total:,} bytes, allowed are {limit_bytes:,}. It is not trusted.")
    arrays: Arrays = {}
    for entry in entries:
        if not _NAME.fullmatch(entry.filename):
            raise BundleError(f"{path} holds an entry {entry.filename[:80]!r}. It is not a file that matloop wrote.")
        with archive.open(entry) as member:
            content = member.read(entry.file_size + 1)
        arrays[entry.filename[:-4]] = _array(content, f"{path}, array {entry.filename[:-4]!r}")
    return arrays


def _array(content: bytes, where: str) -> NDArray:
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise BundleError(f"{where}: unknown array format {version}. It is not a file that matloop wrote.")
    if dtype.kind not in "biufU" or dtype.hasobject or (fortran and len(shape) > 1):
        raise BundleError(f"{where} holds {dtype}, not plain numbers or text. It is not trusted.")
    body = content[stream.tell() :]
    if math.prod(shape) * dtype.itemsize != len(body):
        raise BundleError(f"{where}: {len(body)} bytes do not fill the shape {shape} of {dtype}. The file is damaged.")
    array = np.frombuffer(body, dtype=dtype).reshape(shape)
    if dtype.kind == "U" and not _is_text(array):
        raise BundleError(f"{where} holds characters that do not exist. It is not trusted.")
    return array


def _is_text(array: NDArray) -> bool:
    points = np.frombuffer(array.tobytes(), dtype=array.dtype.byteorder.replace("|", "=") + "u4")
    return not points.size or bool((points <= 0x10FFFF).all() and not ((points >= 0xD800) & (points <= 0xDFFF)).any())

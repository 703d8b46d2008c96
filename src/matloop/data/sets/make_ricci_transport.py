"""The recipe of ricci_transport.csv.gz: the table inside matminer's archive, byte for byte, packed anew.

    python make_ricci_transport.py .../matminer/utils/data_files/mp_transport/transport_database.tar.xz

The archive belongs to matminer 0.10.1 and is read in memory (matminer itself is neither imported nor changed).
Prints the sha256 that the card must state.
"""

from __future__ import annotations

import gzip
import hashlib
import sys
import tarfile
from pathlib import Path

ARCHIVE_SHA256 = "d6cecdd6dc68ab95bc4348026e3872e77a186b96189a4e34dd253f8bacf0b08d"
TABLE_SHA256 = "2cf962a60eaf7c7ba792e84046114a8237f5cd0c3ec409fde3c1db3a16ced42e"


def table_bytes(archive: Path) -> bytes:
    """The content of transport_database.csv; ValueError if the archive or the table is another one."""
    packed = archive.read_bytes()
    if hashlib.sha256(packed).hexdigest() != ARCHIVE_SHA256:
        raise ValueError(f"{archive} is not the archive of matminer 0.10.1")
    with tarfile.open(archive, mode="r:xz") as tar:
        member = tar.extractfile("transport_database.csv")
        if member is None:
            raise ValueError(f"{archive} does not hold transport_database.csv")
        content = member.read()
    if hashlib.sha256(content).hexdigest() != TABLE_SHA256:
        raise ValueError(f"{archive} holds another table than expected")
    return content.replace(b"\r\n", b"\n")


def main(archive: Path, out: Path) -> str:
    """Write the packed table to `out`; returns its sha256."""
    packed = gzip.compress(table_bytes(archive), compresslevel=9, mtime=0)
    out.write_bytes(packed)
    return hashlib.sha256(packed).hexdigest()


if __name__ == "__main__":
    made = main(Path(sys.argv[1]), Path(__file__).with_name("ricci_transport.csv.gz"))
    sys.stdout.write(f"sha256 = {made}\n")

import errno
import os

import pytest

from matloop.core.errors import RunError
from matloop.core.files import sha256, write_atomic, write_text


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def torn(stream):
        stream.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(RunError, match="disk is full"):
        write_atomic(path, torn)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_really_full_device_is_said():
    def fill(stream):
        with open("/dev/full", "wb") as full:
            full.write(b"x" * 10_000)

    with pytest.raises(RunError, match="disk is full"):
        write_atomic(__import__("pathlib").Path("/tmp/never-made.txt"), fill)


def test_a_folder_that_is_a_file_is_said(tmp_path):
    (tmp_path / "f").write_text("")
    with pytest.raises(RunError, match="f"):
        write_text(tmp_path / "f" / "g.txt", "x")


def test_sha256_of_abc(tmp_path):
    write_text(tmp_path / "abc", "abc")  # FIPS 180-2, appendix B.1
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

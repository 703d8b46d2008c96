import io
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matloop.core.arrayfile import read_arrays, write_arrays
from matloop.core.errors import BundleError

ARRAYS = {
    "a/x": np.arange(6.0).reshape(2, 3),
    "kind": np.array("tree"),
    "n": np.array(3),
    "words": np.array(["α", "b"]),
    "empty": np.zeros((0, 4)),
}


def test_arrays_come_back_equal(tmp_path):
    write_arrays(tmp_path / "m.npz", ARRAYS)
    back = read_arrays(tmp_path / "m.npz")
    assert set(back) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert back[name].dtype == array.dtype
        np.testing.assert_array_equal(back[name], array)


def test_equal_arrays_give_equal_bytes(tmp_path):
    write_arrays(tmp_path / "1.npz", ARRAYS)
    write_arrays(tmp_path / "2.npz", dict(reversed(ARRAYS.items())))
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()


def test_objects_are_neither_written_nor_read(tmp_path):
    with pytest.raises(TypeError, match="objects|object"):
        write_arrays(tmp_path / "m.npz", {"x": np.array([{}], dtype=object)})
    np.savez(tmp_path / "o.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(BundleError, match="not plain numbers"):
        read_arrays(tmp_path / "o.npz")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    write_arrays(tmp_path / "m.npz", {"x": np.zeros(1_000_000)})
    with pytest.raises(BundleError, match="allowed are 1,000"):
        read_arrays(tmp_path / "m.npz", limit_bytes=1000)


def test_a_header_that_lies_about_its_shape_is_refused(tmp_path):
    content = io.BytesIO()
    np.lib.format.write_array(content, np.zeros(4))
    lie = content.getvalue().replace(b"(4,)", b"(9,)")
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as archive:
        archive.writestr("x.npy", lie)
    with pytest.raises(BundleError, match="do not fill the shape"):
        read_arrays(tmp_path / "m.npz")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10_000), byte=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_file_gives_arrays_or_a_clear_error(tmp_path, place, byte, cut):
    path = tmp_path / "m.npz"
    write_arrays(path, ARRAYS)
    content = bytearray(path.read_bytes())
    place %= len(content)
    content[place] = byte
    path.write_bytes(bytes(content[:place] if cut else content))
    try:
        read_arrays(path)
    except BundleError as error:
        assert str(path) in str(error)

"""Files of instruments: found, hashed, missing and left-over ones listed, paths that climb out refused; curves read."""

import gzip
import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matloop.core.errors import DataError
from matloop.data.collect import collect
from matloop.data.measurements.curves import read_curve
from matloop.data.measurements.files import attach
from matloop.problem.question import Source


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "spectra").mkdir()
    for name in ("a", "b", "old"):
        (tmp_path / "spectra" / f"{name}.csv").write_text(f"x,y\n1,2\n3,4\n{name},\n")
    (tmp_path / "t.csv").write_text("sample,y\na,1\nb,2\nc,3\na,4\n,5\n")
    return tmp_path


def raw_of(folder, text=""):
    if text:
        (folder / "t.csv").write_text(text)
    return collect(Source("t.csv"), base=folder)


def test_files_are_found_hashed_and_the_rest_is_listed(folder):
    found = attach(raw_of(folder), "spectra/{sample}.csv")
    assert found.paths == ("spectra/a.csv", "spectra/b.csv", "", "spectra/a.csv", "")
    content = (folder / "spectra" / "a.csv").read_bytes()
    assert found.files[0].sha256 == hashlib.sha256(content).hexdigest()
    assert (found.files[0].size, found.files[0].rows) == (len(content), (1, 4))
    assert found.missing == ((3, "spectra/c.csv"),)
    assert found.orphans == ("spectra/old.csv",)
    assert found.blank == (5,)
    assert len(found.lines()) == 4


def test_a_star_finds_any_ending_and_two_files_are_refused(folder):
    assert attach(raw_of(folder), "spectra/{sample}.*").paths[:2] == ("spectra/a.csv", "spectra/b.csv")
    (folder / "spectra" / "a.xrdml").write_text("<x/>")
    with pytest.raises(DataError, match=r"row 1 .*fits 2 files"):
        attach(raw_of(folder), "spectra/{sample}.*")


@pytest.mark.parametrize("value", ["../t", "/etc/passwd", "x/../../t", "C:\\t"])
def test_a_path_that_climbs_out_is_refused_with_its_row(folder, value):
    pattern = "{sample}" if value.startswith(("/", "C")) else "spectra/{sample}.csv"
    with pytest.raises(DataError, match=r"row 2 .*leads out of the folder"):
        attach(raw_of(folder, f"sample,y\na,1\n{value},2\n"), pattern)


def test_a_link_that_climbs_out_is_refused(folder, tmp_path_factory):
    secret = tmp_path_factory.mktemp("else") / "secret.csv"
    secret.write_text("1,2\n")
    (folder / "spectra" / "c.csv").symlink_to(secret)
    with pytest.raises(DataError, match="link that leads out"):
        attach(raw_of(folder), "spectra/{sample}.csv")


def test_stars_in_a_value_are_no_pattern(folder):
    assert attach(raw_of(folder, "sample,y\n*,1\na,2\n"), "spectra/{sample}.csv").paths == ("", "spectra/a.csv")


def test_a_column_that_is_not_there_is_told(folder):
    with pytest.raises(DataError, match='no column "smaple". Did you mean "sample"'):
        attach(raw_of(folder), "spectra/{smaple}.csv")


CURVES = {
    "xy": ("# Cu Ka\n# Wavelength: 1.5406 A\n10.0 5\n10.02 7\n10.04 6\n", ("", ""), ("", ""), 3),
    "csv": ("2theta (degree),Intensity (counts)\n10,5\n10.02,7\n", ("2theta", "Intensity"), ("degree", "counts"), 2),
    "comma": ("Energie [eV];Absorption\n1,5;0,25\n1,6;0,5\n", ("Energie", "Absorption"), ("eV", ""), 2),
    "units line": ("T\tsigma\nK\tS/m\n300\t1e3\n310\t1.1D3\n", ("T", "sigma"), ("K", "S/m"), 2),
    "log": ("Operator: Ann\nDate: 2020-01-02\n12 3\n\nTime,V\n0,1.0\n1,1.5\n2,\n", ("Time", "V"), ("", ""), 3),
}


@pytest.mark.parametrize("name", CURVES)
def test_headers_of_many_makers_are_read(name, tmp_path):
    text, names, units, n = CURVES[name]
    (tmp_path / "c.dat").write_text(text)
    curve = read_curve(tmp_path / "c.dat")
    assert (curve.names, curve.units) == (names, units)
    assert curve.values.shape == (n, 2)


def test_values_facts_and_gaps(tmp_path):
    (tmp_path / "a.xy").write_text(CURVES["xy"][0])
    curve = read_curve(tmp_path / "a.xy")
    assert curve.facts == {"Wavelength": "1.5406 A"}
    np.testing.assert_array_equal(curve.x, [10.0, 10.02, 10.04])
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress("a;b\n1,5;2\n2,5;\n3,5;4\n".encode("utf-16")))
    packed = read_curve(tmp_path / "b.csv.gz")
    np.testing.assert_array_equal(packed.values, [[1.5, 2], [2.5, np.nan], [3.5, 4]])


@pytest.mark.parametrize("content", [b"", b"no numbers\n", b"\x00\x01\x02\x03" * 50, b"<xrdml><a>1</a></xrdml>"])
def test_what_is_no_curve_is_told(content, tmp_path):
    (tmp_path / "x.xrdml").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.xrdml"):
        read_curve(tmp_path / "x.xrdml")


NUMBERS = st.floats(-1e6, 1e6).map(lambda value: float(f"{value:.6g}"))


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=20), st.sampled_from([",", ";", "\t", " "]))
def test_any_table_of_numbers_comes_back(tmp_path_factory, rows, delimiter):
    path = tmp_path_factory.mktemp("c") / "c.txt"
    path.write_text("".join(f"{a!r}{delimiter}{b!r}\n" for a, b in rows))
    np.testing.assert_array_equal(read_curve(path).values, np.array(rows))

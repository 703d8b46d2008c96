"""Many rows described in chunks: the same bits however, and no row that stalls or kills the others."""

import os
import subprocess
import sys
import time
from itertools import pairwise

import numpy as np
import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.matter.compositions import from_formulas
from matloop.matter.structures import from_arrays, joined
from matloop.represent.engine import Describer, column_names, describe
from matloop.represent.spec import made
from matloop.represent.work import parts

ODD = '''
import os, time
import numpy as np
from matloop.core.elements import Z_OF
from matloop.represent.featurizer import CompositionFeaturizer

class Odd(CompositionFeaturizer):
    """Weight of a row; what it does with some elements is bad."""
    def __init__(self, factor: float = 1.0):
        self.factor = factor
    def columns(self):
        return ("sum",)
    def citations(self):
        return ()
    def describe(self, elements, amounts):
        kinds = set(elements.ravel().tolist())
        if Z_OF["Xe"] in kinds: time.sleep(60)
        if Z_OF["Kr"] in kinds: os._exit(7)
        if Z_OF["Ar"] in kinds: raise ZeroDivisionError("argon")
        if Z_OF["Ne"] in kinds: np.ones(2_000_000_000).sum()
        return self.factor * amounts.sum(axis=1, keepdims=True)
'''
FORMULAS = [f"Fe{i}O{i + 1}" for i in range(1, 201)]


@pytest.fixture
def odd(tmp_path, monkeypatch):
    (tmp_path / "odd_rows.py").write_text(ODD)
    monkeypatch.syspath_prepend(str(tmp_path))
    import odd_rows

    yield odd_rows.Odd()
    sys.modules.pop("odd_rows")


def with_bad(*bad):
    rows = list(FORMULAS)
    for place, text in bad:
        rows[place] = text
    return rows


def test_values_are_those_of_the_featurizers():
    found = describe(["magpie", "valence"], FORMULAS)
    X = np.hstack([made(name).transform(FORMULAS) for name in ("magpie", "valence")])
    np.testing.assert_array_equal(found.X, X)
    assert found.names[131:133] == (made("magpie").columns()[131], made("valence").columns()[0])
    assert found.origins[131:133] == ("magpie", "valence")


@pytest.mark.parametrize(
    "more", [{"chunk": 7}, {"workers": 2, "chunk": 32}, {"seconds_per_row": 30.0}, {"memory_gb": 2.0, "workers": 3}]
)
def test_chunks_workers_and_bounds_do_not_change_a_bit(more):
    rows = [*FORMULAS, "Xx", "", "NaN"]
    plain = describe(["magpie", "ionic", "elemental"], rows)
    other = describe(["magpie", "ionic", "elemental"], rows, **more)
    np.testing.assert_array_equal(plain.X, other.X)
    assert plain.reasons == other.reasons
    assert set(plain.by_row) == {200, 201}


def test_a_batch_and_its_texts_give_the_same():
    batch = from_formulas(FORMULAS)[0]
    texts = describe(["magpie"], FORMULAS)
    np.testing.assert_array_equal(describe(["magpie"], batch, workers=2).X, texts.X)


def test_one_row_that_never_ends_is_found_and_the_others_stand(odd):
    begun = time.monotonic()
    found = describe([odd, "valence"], with_bad((77, "XeF2")), seconds_per_row=1.0)
    assert time.monotonic() - begun < 25
    assert found.by_row == {77: "Odd: took longer than 1 s"}
    assert np.isnan(found.X[77, 0])
    assert np.isfinite(np.delete(found.X, 77, axis=0)).all()
    assert np.isfinite(found.X[77, 1:]).all()


def test_a_row_that_kills_the_process_is_found(odd):
    found = describe([odd], with_bad((0, "KrF2"), (199, "Kr")), workers=2, chunk=100)
    assert set(found.by_row) == {0, 199}
    assert "process died (exit code 7)" in found.by_row[0]
    assert np.isfinite(found.X[1:199]).all()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is bounded on Linux")
def test_a_row_that_needs_too_much_memory_is_found(odd):
    found = describe([odd], with_bad((3, "NeF")), memory_gb=1.5)
    assert found.by_row == {3: "needed more than 1.5 GB"}
    assert np.isfinite(np.delete(found.X, 3)).all()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_featurizer_that_fails_on_a_row_loses_that_row_only(odd, workers):
    found = describe([odd, "valence"], with_bad((5, "ArF"), (150, "Ar")), workers=workers)
    assert set(found.by_row) == {5, 150}
    assert "ZeroDivisionError: argon" in found.by_row[5]
    assert np.isnan(found.X[[5, 150], 0]).all()
    assert np.isfinite(found.X[[5, 150], 1:]).all()


def test_chunks_come_in_order_and_memory_does_not_pile_up(odd):
    taken = []

    def chunks():
        for number in range(40):
            taken.append(number)
            yield [f"Fe{number + 1}"] * 5

    with Describer([odd], workers=2) as describer:
        for number, block in enumerate(describer.blocks(chunks())):
            assert set(block.X.ravel()) == {number + 1.0}
            assert len(taken) <= number + 6


def test_leaving_early_ends_the_processes(odd):
    with Describer([odd], workers=2) as describer:
        next(describer.blocks(["Fe", "Co"] for _ in range(100)))
        pids = [worker.child.process.pid for worker in describer._pool._pool]
    assert pids
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)


def test_ctrl_c_ends_at_once_and_leaves_no_process(odd, tmp_path):
    code = (
        "import odd_rows\nfrom matloop.represent.engine import describe\nprint('go', flush=True)\n"
        "describe([odd_rows.Odd()], ['XeF2'], seconds_per_row=50.0)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    time.sleep(3)
    process.send_signal(2)
    begun = time.monotonic()
    _, told = process.communicate(timeout=20)
    assert b"KeyboardInterrupt" in told
    assert time.monotonic() - begun < 5


def test_names_that_two_featurizers_share_say_whose_they_are():
    names, _ = column_names(("a", "a(x=2)", "b"), (("p", "q"), ("p",), ("r",)))
    assert names == ("p [a]", "q", "p [a(x=2)]", "r")


def test_molecules_by_their_atoms_too():
    pytest.importorskip("rdkit")
    found = describe(["maccs", "fractions"], ["CCO", "c1ccccc1", "C1CC"], workers=2)
    assert found.X.shape == (3, 166 + 118)
    assert set(found.by_row) == {2}
    assert found.X[0, 166:].sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((["magpi"], ["Fe"]), "magpie"),
        (([], ["Fe"]), "no featurizer"),
        ((["magpie", "magpie()"], ["Fe"]), "named twice"),
        ((["maccs"], from_formulas(["Fe"])[0]), "describes a molecule"),
    ],
)
def test_what_cannot_be_described_is_told(given, told):
    with pytest.raises(ConfigError, match=told):
        describe(*given)


def test_one_text_is_no_sequence():
    with pytest.raises(DataError, match="sequence"):
        describe(["magpie"], "Fe2O3")


def test_too_little_memory_is_told():
    with pytest.raises(ConfigError, match=r"0.75"):
        describe(["magpie"], ["Fe"], memory_gb=0.1)


def test_a_class_that_other_processes_cannot_import_is_told():
    class Local(type(made("valence"))):
        pass

    assert describe([Local()], ["Fe"]).X.shape == (1, 8)
    with pytest.raises(ConfigError, match="workers=1"):
        describe([Local()], ["Fe"], workers=2)


@pytest.mark.parametrize("n", [1, 2, 16, 17, 256, 5000])
def test_dividing_loses_no_row_and_ends(n):
    found = parts(3, 3 + n)
    assert [found[0][0], found[-1][1]] == [3, 3 + n]
    assert all(a[1] == b[0] for a, b in pairwise(found))
    assert n == 1 or max(b - a for a, b in found) < n


def test_neighbour_lists_that_are_shared_change_no_bit():
    pytest.importorskip("matscipy")
    draw = np.random.default_rng(0)
    cells = [
        from_arrays((4 * np.eye(3) + draw.normal(0, 0.5, (3, 3)))[None], [draw.uniform(0, 1, (3, 3))], [[11, 17, 8]])
        for _ in range(40)
    ]
    batch = joined(cells)
    names = ["smooth_coordination", "grdf(cutoff=9.0)", "rdf(cutoff=7.0)", "magpie"]
    together = describe(names, batch)
    np.testing.assert_array_equal(together.X, np.hstack([describe([name], batch).X for name in names]))
    bounded = describe(names, batch, seconds_per_row=30.0, workers=2)
    np.testing.assert_array_equal(together.X, bounded.X)
    assert together.reasons == bounded.reasons

"""What a service, a batch and a monitor ask: rows of plain values, one or many, from anybody."""

import json
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matloop.core.errors import DataError
from matloop.data.collect import from_frame
from matloop.deploy.answering import Answerer
from matloop.deploy.bundle import load_bundle
from matloop.deploy.predict import predict_raw

FORMULAS = [
    "Fe2O3",
    "NaCl",
    "Xx2O3",
    None,
    "",
    "H2O)",
    "Rn2O",
    "La0.7Sr0.3MnO3",
    " Ca3(PO4)2 ",
    "CuSO4·5H2O",
    "Fe2O3",
    5,
]
ARRAYS = ("value", "low", "high", "std", "in_domain", "reason", "epistemic", "aleatoric")


@pytest.fixture(scope="module")
def answerer(regression):
    return Answerer.open(regression.result.bundle_folder)


def asked(answerer, *formulas):
    return answerer.answer([{"pretty_formula": formula} for formula in formulas])


def same_bits(one, other):
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)


@pytest.mark.parametrize("part", [slice(0, 12), slice(0, 1), slice(7, 8), slice(2, 6)])
def test_rows_get_the_same_bits_as_a_table_of_them(regression, answerer, part):
    table = from_frame(pd.DataFrame({"pretty_formula": FORMULAS[part]}, dtype=object))
    told = predict_raw(load_bundle(regression.result.bundle_folder), table)
    found = asked(answerer, *FORMULAS[part])
    same_bits(found.predictions["S_n"], told.predictions["S_n"])
    assert found.unreadable == {row - 1: why for row, why in told.unreadable.items()}


def test_a_row_does_not_depend_on_those_beside_it(answerer):
    whole = asked(answerer, *FORMULAS).predictions["S_n"]
    for row in (0, 1, 7, 8):
        alone = asked(answerer, FORMULAS[row]).predictions["S_n"]
        assert alone.value[0] == pytest.approx(whole.value[row], rel=1e-9)
        assert alone.low[0] == pytest.approx(whole.low[row], rel=1e-9)


def test_no_rows_get_no_answers(answerer):
    assert len(answerer.answer([]).predictions["S_n"]) == 0


def test_several_threads_get_what_one_gets(answerer):
    rows = [[{"pretty_formula": f"Na{1 + (k + j) % 7}Cl{1 + j % 3}"} for j in range(1 + k % 5)] for k in range(12)]
    alone = [answerer.answer(some).predictions["S_n"] for some in rows]
    found: dict[int, list] = {}

    def ask(name: int) -> None:
        found[name] = [answerer.answer(some).predictions["S_n"] for some in rows]

    threads = [threading.Thread(target=ask, args=(name,)) for name in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(found) == [0, 1, 2]
    for answers in found.values():
        for one, other in zip(alone, answers, strict=True):
            same_bits(one, other)


def test_an_element_with_its_amount_is_a_formula(answerer):
    one, other = asked(answerer, {"Fe": 2, "O": 3.0}), asked(answerer, "Fe2O3")
    assert one.predictions["S_n"].value[0] == other.predictions["S_n"].value[0]


HOSTILE = {
    "10 MB": "Fe" * 5_000_000,
    "deep JSON": '{"a":' * 100_000,
    "brackets": "(" * 400 + "Fe" + ")" * 400,
    "huge amount": "Fe1e400",
    "many digits": "Fe" + "9" * 490,
    "not a number": float("nan"),
    "infinite": float("inf"),
    "list": ["Fe2O3"],
    "object": {"Fe": {"O": 1}},
    "negative": {"Fe": -1},
    "nothing": {},
    "true": True,
    "bytes": b"Fe2O3",
    "zero byte": "Fe\0O",
    "surrogate": "Fe\ud800O",
    "number": 10**400,
}


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_formula_gets_a_reason_and_touches_no_other_row(answerer, value):
    started = time.process_time()
    found = asked(answerer, "NaCl", value, "Fe2O3")
    assert time.process_time() - started < 2.0  # measured: below 0.05
    assert list(found.unreadable) == [1]
    assert 0 < len(found.unreadable[1]) < 1000
    prediction = found.predictions["S_n"]
    assert np.isfinite(prediction.value).tolist() == [True, False, True]
    assert prediction.reason[1] == found.unreadable[1]
    json.dumps(found.unreadable[1]).encode()


@settings(max_examples=20, deadline=None)
@given(
    values=st.lists(
        st.one_of(
            st.text(max_size=30), st.none(), st.floats(), st.integers(), st.booleans(),
            st.from_regex(r"\A([A-Z][a-z]?[0-9.]{0,3}){1,4}\Z"),
            st.dictionaries(st.sampled_from(["Fe", "O", "Xx"]), st.floats(), max_size=3),
            st.lists(st.integers(), max_size=3),
        ),
        max_size=6,
    )
)  # fmt: skip
def test_anything_at_all_is_a_value_or_a_reason(answerer, values):
    found = asked(answerer, *values)
    prediction = found.predictions["S_n"]
    assert len(prediction) == len(values)
    for row in range(len(values)):
        assert np.isfinite(prediction.value[row]) != (row in found.unreadable)
        assert prediction.in_domain[row] == (prediction.reason[row] == "")


def test_a_row_that_is_no_mapping_is_said(answerer):
    found = answerer.answer([{"pretty_formula": "NaCl"}, "Fe2O3", None])
    assert sorted(found.unreadable) == [1, 2]
    assert "mapping" in found.unreadable[1]


def test_columns_that_differ_in_length_or_are_missing_are_said(answerer):
    with pytest.raises(DataError, match="pretty_formula"):
        answerer.answer_columns({"formula": ["NaCl"]})
    with pytest.raises(DataError, match="lengths"):
        answerer.answer_columns({"pretty_formula": ["NaCl"], "note": []})


def test_answering_loads_no_library_but_numpy(regression):
    """scikit-learn, pandas and scipy together take longer to load than everything else."""
    code = (
        "import sys; from matloop.deploy.answering import Answerer; "
        f"Answerer.open({str(regression.result.bundle_folder)!r}).answer([{{'pretty_formula': 'NaCl'}}]); "
        "print([m for m in ('sklearn', 'pandas', 'scipy.stats', 'lightgbm', 'duckdb', 'pymatgen', 'torch', 'rdkit') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
    assert done.stdout.strip() == "[]"

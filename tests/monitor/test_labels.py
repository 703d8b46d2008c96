"""Measured values find their answers, and what finds none, or contradicts itself, is said."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.monitor.log import PredictionLog


@pytest.fixture
def log(tmp_path: Path, answered) -> PredictionLog:
    """Requests r0 to r5: r0 to r3 a row each, r4 and r5 three rows with ids."""
    log = PredictionLog(tmp_path / "log")
    with log.writer() as writer:
        for k in range(6):
            n = 1 if k < 4 else 3
            writer.write(answered(k, n, ids=[f"s{k}-{row}" for row in range(n)]))
    return log


def test_by_request_and_row(log: PredictionLog) -> None:
    told = log.label({"request": ["r1", "r4", "r5/2", "r4", "r9"], "row": [None, 1, None, None, 0], "y": [9.0] * 5})
    assert (told.by, told.values, told.taken, told.rows) == ("request", 5, 3, 3)
    assert dict(told.left) == {
        "of a request with several rows: say which (column row, from 0)": 1, "without an answer in the log": 1,
    }  # fmt: skip
    y = log.labels()["y"]
    assert list(y.request) == ["r1/0", "r4/1", "r5/2"]
    np.testing.assert_array_equal(y.truth, 9.0)
    np.testing.assert_array_equal(y.value, [1.0, 5.0, 7.0])
    np.testing.assert_array_equal(y.low, [0.0, 4.0, 6.0])


def test_by_ids_from_a_file(log: PredictionLog, tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text(
        "id,y,remark\ns4-2,1.5,\ns0-0,2.5,again\ns0-0,2.5,\nmine,1,\ns1-0,,\ns2-0,high,\n"
    )
    told = log.label(tmp_path / "results.csv")
    assert (told.by, told.source, told.values, told.taken) == ("id", "results.csv", 5, 2)
    assert dict(told.left) == {"no number": 1, "twice in the table": 1, "without an answer in the log": 1}
    assert told.examples["twice in the table"] == ("row 3",)
    assert told.lines()[0] == "2 of 5 measured values found their answers by the asker's ids (2 answers)."


def test_contradiction_in_one_table_takes_neither(log: PredictionLog) -> None:
    told = log.label({"id": ["s0-0", "s0-0", "s1-0"], "y": [1.0, 2.0, 3.0]})
    assert dict(told.left) == {"that contradict each other": 2}
    assert list(log.labels()["y"].request) == ["r1/0"]


def test_later_correction_stands_and_both_are_kept(log: PredictionLog) -> None:
    log.label({"id": ["s0-0", "s1-0"], "y": [1.0, 2.0]})
    told = log.label({"id": ["s0-0", "s1-0"], "y": [1.0, 5.0]})
    assert (told.taken, told.corrections, dict(told.left)) == (1, 1, {"told before": 1})
    y = log.labels()["y"]
    assert (list(y.truth), y.corrected) == ([1.0, 5.0], 1)
    assert len(list((log.folder / "labels").iterdir())) == 2


def test_by_inputs_with_formulas_and_rounded_numbers(tmp_path: Path, answered) -> None:
    log = PredictionLog(tmp_path)
    with log.writer() as writer:
        inputs = {"formula": ["Fe2O3", "CuSO4", "Fe2O3"], "T": [300.0, 0.1 + 0.2, 301.0]}
        writer.write(answered(0, 3, inputs=inputs))
        writer.write(answered(1, 1, inputs={"formula": ["Fe2O3"], "T": [300]}))
    table = {"formula": ["O3Fe2", " CuSO4 ", "NaCl"], "T": ["300.0000", 0.3, 1.0], "y": [1.0, 2.0, 3.0]}
    assert log.label(table, formulas=["formula"]).rows == 3
    y = log.labels()["y"]
    assert list(y.request) == ["r0/0", "r0/1", "r1/0"]
    assert list(y.distinct.request) == ["r0/0", "r0/1"]
    assert log.label({name: column[2:] for name, column in table.items()}).left == {"without an answer in the log": 1}


def test_isomers_are_not_one_molecule(tmp_path: Path, answered) -> None:
    log = PredictionLog(tmp_path)
    with log.writer() as writer:
        writer.write(answered(0, 2, inputs={"smiles": ["CCO", "COC"]}))
    log.label({"smiles": ["COC"], "y": [1.0]})
    assert list(log.labels()["y"].request) == ["r0/1"]


def test_classes_and_answers_without_a_value(tmp_path: Path, answered) -> None:
    log = PredictionLog(tmp_path)
    values = {"value": ["metal", "insulator", None], "in_domain": [True, False, False]}
    with log.writer() as writer:
        writer.write(answered(0, 3, targets={"kind": values}, ids=["a", "b", "c"]))
    log.label({"id": ["a", "b", "c"], "kind": ["metal", "metal", "metal"]})
    kind = log.labels()["kind"]
    assert kind.classes == ("insulator", "metal")
    assert kind.truth.tolist() == [1.0, 1.0, 1.0]
    assert kind.value[:2].tolist() == [1.0, 0.0]
    assert math.isnan(kind.value[2])


def test_damaged_labels_are_counted(log: PredictionLog) -> None:
    log.label({"id": ["s0-0"], "y": [1.0]})
    (path,) = (log.folder / "labels").iterdir()
    path.write_text(path.read_text() + '{"format": 1}\nnot json\n')
    assert (len(log.labels()["y"]), log.labels()["y"].damaged) == (1, 2)


def test_what_cannot_be_joined_is_refused_with_advice(log: PredictionLog) -> None:
    with pytest.raises(DataError, match="Name the measured column like the target"):
        log.label({"id": ["s0-0"], "Y": [1.0]})
    with pytest.raises(DataError, match="no column 'request'"):
        log.label({"id": ["s0-0"], "y": [1.0]}, by="request")
    with pytest.raises(DataError, match="different lengths"):
        log.label({"id": ["s0-0"], "y": [1.0, 2.0]})

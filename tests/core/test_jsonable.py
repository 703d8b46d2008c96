import json
from dataclasses import dataclass

import numpy as np
import pytest

from matloop.core.arrays import FloatArray
from matloop.core.errors import DataError
from matloop.core.jsonable import dumps, from_jsonable, to_jsonable
from matloop.problem import Input, Problem, Source, Success, Target


@dataclass(frozen=True)
class Holder:
    curve: FloatArray
    pair: tuple[float, float] | None = None


def test_a_problem_comes_back_equal():
    problem = Problem(
        "p", Source("t.csv"), (Input("formula", "composition", column="f", columns={"Fe": "iron"}),),
        (Target("y", "y", bounds=(0.0, float("inf")), success=Success("mae", at_most=1.0)),),
    )  # fmt: skip
    assert from_jsonable(Problem, json.loads(dumps(problem))) == problem


def test_nan_and_infinity_survive_strict_json():
    text = dumps(Holder(np.array([1.0, np.nan, np.inf])))
    assert "NaN" not in text
    assert "Infinity" not in text
    np.testing.assert_array_equal(from_jsonable(Holder, json.loads(text)).curve, [1.0, np.nan, np.inf])


def test_unknown_field_is_refused():
    with pytest.raises(DataError, match="another version"):
        from_jsonable(Holder, {"curve": [], "extra": 1})


def test_objects_have_no_json_form():
    with pytest.raises(TypeError, match="no JSON form"):
        to_jsonable(object())

import numpy as np
import pandas as pd
import pytest
from data_tables import problem

from matloop.data.clean import clean, screen_development
from matloop.data.collect import from_frame
from matloop.problem import Input, Target

N = 200
RNG = np.random.default_rng(0)
Y = np.exp(RNG.normal(size=N)) + 0.1
T = Target("y", "y")
KIND = Target("kind", "kind", task="classification")


def screened(*inputs, target=T, rows=None, **columns):
    table = pd.DataFrame({"y": Y, "x": RNG.normal(size=N), **columns})
    asked = problem(Input("x", "number", "x"), *inputs, target=target)
    dataset = clean(from_frame(table), asked).dataset
    return screen_development(dataset, np.arange(N) if rows is None else rows, asked)


def leaks(found):
    return [s for s in found if s.kind == "leak"]


def test_honest_inputs_raise_no_suspicion():
    noisy = Y * np.exp(0.3 * RNG.normal(size=N))
    assert screened(Input("a", "number", "a"), Input("c", "category", "c"), a=noisy, c=RNG.choice(list("abc"), N)) == ()


@pytest.mark.parametrize(
    ("leak", "said"),
    [
        (Y * 1000.0, "itself in another unit"),
        (Y, "itself in another unit"),
        (-(Y**3), "falls with"),
        (np.log(Y), "rises with"),
        (Y + 1e-4 * RNG.normal(size=N), "rises with"),
    ],
)
def test_planted_copy_of_the_target_is_found(leak, said):
    (suspicion,) = leaks(screened(Input("a", "number", "a"), a=leak))
    assert suspicion.input == "a"
    assert said in str(suspicion)
    assert "take it out of [inputs]" in str(suspicion)


def test_category_made_from_the_target_is_found():
    level = np.digitize(Y, np.quantile(Y, np.linspace(0, 1, 41)[1:-1]))
    (suspicion,) = leaks(
        screened(Input("c", "category", "c"), c=[f"c{v}" for v in level], target=T, y=level.astype(float))
    )
    assert 'alone determines "y"' in suspicion.said


def test_category_and_number_that_tell_the_class_are_found():
    kind = np.where(Y > 1, "metal", "oxide")
    found = screened(
        Input("c", "category", "c"), Input("y", "number", "y"), target=KIND, kind=kind, c=np.where(Y > 1, "m", "o")
    )
    assert [s.input for s in leaks(found)] == ["c", "y"]


def test_empty_cells_that_tell_the_class_are_found():
    kind = np.where(Y > 1, "metal", "oxide")
    gap = np.where(Y > 1, np.nan, RNG.normal(size=N))
    (suspicion,) = leaks(screened(Input("g", "number", "g"), target=KIND, kind=kind, g=gap))
    assert 'Whether input "g" is empty alone determines "kind"' in suspicion.said


def test_category_that_names_the_row_is_an_identifier():
    (suspicion,) = screened(Input("c", "category", "c"), c=[f"s{i}" for i in range(N)])
    assert suspicion.kind == "identifier"
    assert "[roles] id" in suspicion.said


def test_far_values_are_flagged_and_listed_not_removed():
    y = RNG.normal(size=N)
    y[[3, 7]] = [1e4, -50.0]
    (suspicion,) = screened(y=y)
    assert suspicion.kind == "outlier"
    assert suspicion.rows == (3, 7)
    assert "row 4 (row-4): 10000" in suspicion.said


def test_wide_distribution_is_not_a_list_of_outliers():
    (suspicion,) = screened(y=RNG.standard_cauchy(size=N) * 3)
    assert suspicion.rows == ()
    assert "wide distribution" in suspicion.said


def test_labels_of_other_rows_are_not_read():
    y = RNG.normal(size=N)
    y[150:] = 1e6
    leak = y.copy()
    leak[:150] = RNG.normal(size=150)
    assert screened(Input("a", "number", "a"), y=y, a=leak, rows=np.arange(150)) == ()

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.design.acquisition.costs import learn_costs
from matloop.design.contract import Axes

AXES = Axes(("a", "b"), np.zeros(2, bool), np.arange(2))


def test_costs_that_span_powers_of_ten_are_learnt():
    rng = np.random.default_rng(0)
    X, new = rng.random((40, 2)), rng.random((200, 2))
    cost = np.exp(4 * X[:, 0] + 0.2 * rng.standard_normal(40))
    found = np.log(learn_costs(X, cost, AXES)(new))
    assert np.sqrt(((found - 4 * new[:, 0]) ** 2).mean()) < 0.25
    assert np.std(4 * new[:, 0]) > 1.0


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        ([], 1.0),
        ([np.nan, np.nan], 1.0),
        ([0.0, 0.0, 0.0], 1.0),
        ([5.0, 5.0, 5.0, 5.0, np.nan], 5.0),
        ([2.0, 4.0], 3.0),
    ],
)
def test_too_little_to_learn_from_gives_one_price(cost, expected):
    X = np.random.default_rng(0).random((len(cost), 2))
    assert learn_costs(X, np.array(cost), AXES)(np.zeros((2, 2))).tolist() == [expected, expected]


def test_a_free_experiment_costs_a_little():
    X = np.random.default_rng(0).random((6, 2))
    assert (learn_costs(X, np.array([0.0, 1, 2, 3, 4, 5]), AXES)(X) > 0).all()


def test_a_cost_below_zero_is_told():
    with pytest.raises(DataError, match="row 1: the cost is -2"):
        learn_costs(np.zeros((2, 2)), np.array([1.0, -2.0]), AXES)

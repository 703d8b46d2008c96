"""A plane of two numbers in which one objective costs another."""

import numpy as np
import pytest

from matloop.design.contract import History, Points
from matloop.design.space.domain import open_domain
from matloop.problem import space as sp


@pytest.fixture(scope="package")
def plane():
    return open_domain(sp.Space((sp.Continuous("a", 0, 10), sp.Continuous("b", 0, 10))))


@pytest.fixture
def told(plane):
    def make(n=14, **targets):
        """History of `n` points; targets are functions of the points' two columns."""
        points = plane.sample(n, 3, how="sobol")
        values = {name: np.asarray(f(*points.values.T), float) for name, f in targets.items()}
        return History(points, values, np.zeros(n, bool), pending=Points(np.zeros((0, 2))))

    return make

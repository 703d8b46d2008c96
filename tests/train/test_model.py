"""The final model's doubt in two parts."""

from __future__ import annotations

import numpy as np

from matloop.models.family import Uncertainty
from matloop.train.model import _apart


def test_the_two_parts_share_the_calibrated_standard_deviation():
    found = Uncertainty(np.array([3.0, 1.0]), np.array([4.0, 1.0]))
    epistemic, aleatoric = _apart(found, np.array([10.0, 2.0]))
    np.testing.assert_allclose(epistemic, [6.0, np.sqrt(2.0)])
    np.testing.assert_allclose(np.hypot(epistemic, aleatoric), [10.0, 2.0])


def test_a_model_that_knows_one_part_only_tells_none():
    for found in (None, Uncertainty(np.ones(2), np.zeros(2)), Uncertainty(np.zeros(2), np.ones(2))):
        assert np.isnan(_apart(found, np.ones(2))).all()

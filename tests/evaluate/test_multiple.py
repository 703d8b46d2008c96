from __future__ import annotations

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.evaluate.multiple import adjusted, step_down


def test_corrections_give_the_textbook_numbers():
    p = [0.01, 0.04, 0.03, 0.005]  # Wright (1992), Biometrics 48, 1005
    assert adjusted(p, "holm").tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert adjusted(p, "fdr").tolist() == pytest.approx([0.02, 0.04, 0.04, 0.02])


def test_what_was_not_tested_does_not_count():
    found = adjusted([0.01, np.nan, 0.04])
    assert found[[0, 2]].tolist() == pytest.approx([0.02, 0.04])
    assert np.isnan(found[1])


def test_a_p_value_is_a_probability():
    with pytest.raises(DataError, match=r"between 0 and 1; found 0.5 to 1.5"):
        adjusted([0.5, 1.5])


def test_step_down_equals_its_definition():
    rng = np.random.default_rng(0)
    seen, drawn = np.array([1.0, 3.0, 2.0]), np.abs(rng.standard_normal((400, 3)))
    all_three, last_two, last = drawn.max(axis=1), drawn[:, [0, 2]].max(axis=1), drawn[:, 0]
    p = [(1 + (most >= t).sum()) / 401 for most, t in ((all_three, 3.0), (last_two, 2.0), (last, 1.0))]
    expected = np.maximum.accumulate(p)[[2, 0, 1]]
    assert step_down(seen, drawn).tolist() == pytest.approx(expected.tolist())

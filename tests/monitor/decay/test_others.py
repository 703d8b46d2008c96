"""Named detectors find a jump and say where; the window of ADWIN forgets a fall."""

from __future__ import annotations

import numpy as np

from matloop.monitor.decay.others import adwin, page_hinkley, rolling
from matloop.monitor.decay.yardstick import DETECTORS


def test_page_hinkley_by_hand() -> None:
    """Each observation two standard deviations above, slack 0.1: 1.9 each, above 20 after the 11th."""
    assert page_hinkley(np.full(30, 3.0), 1.0, spread=1.0) == 11
    assert page_hinkley(np.full(30, 1.0), 1.0, spread=1.0) is None


def test_adwin_finds_a_rise_and_forgets_a_fall() -> None:
    rng = np.random.default_rng(0)
    low, high = rng.random(300) * 0.2, 0.8 + rng.random(300) * 0.2
    at = adwin(np.concatenate([low, high]))
    assert at is not None
    assert 300 < at < 330
    assert adwin(np.concatenate([high, low])) is None
    again = adwin(np.concatenate([high, low, high]))
    assert again is not None
    assert 600 < again < 630


def test_rolling_mean() -> None:
    assert rolling(np.array([0.0, 0.0, 1.0, 1.0]), 0.6, window=2) == 4
    assert rolling(np.ones(3), 0.5, window=50) is None


def test_every_named_detector_finds_a_jump() -> None:
    rng = np.random.default_rng(3)
    reference, worse = rng.random(500) * 0.4, np.concatenate([rng.random(100) * 0.4, 0.3 + rng.random(400) * 0.7])
    for name in DETECTORS:
        at = DETECTORS.load(name)(worse, reference, 0.05)
        assert at is not None, name
        assert 100 < at < 200, name

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from matloop.design.acquisition.gradient import KnowledgeGradient, log_rise


def test_the_rise_of_the_highest_line_is_the_integral():
    rng = np.random.default_rng(0)
    heights, slopes = rng.normal(size=(30, 8)), rng.normal(size=(30, 8))
    slopes[0] = 0.3  # parallel lines never change places
    found = log_rise(heights, slopes)
    assert found[0] == -np.inf
    for a, b, log in list(zip(heights, slopes, found, strict=True))[1:]:
        edges = np.sort([(a[i] - a[j]) / (b[j] - b[i]) for i in range(8) for j in range(i)])
        area = quad(lambda z: (a + b * z).max() * norm.pdf(z), -9, 9, points=edges[np.abs(edges) < 9], limit=200)[0]  # noqa: B023
        assert math.exp(log) == pytest.approx(area - a.max(), abs=1e-8)


def test_two_lines_have_a_closed_form_also_far_away():
    # Frazier, Powell, Dayanik (2009): |b1 - b2| f(-|a1 - a2| / |b1 - b2|), f(-50) = phi(50) / 50^2 (1 - 3 / 50^2 ...)
    found = log_rise(np.array([[0.0, 50.0]]), np.array([[1.0, 0.0]]))[0]
    assert found == pytest.approx(-1250 - 0.5 * math.log(2 * math.pi) - 2 * math.log(50) - 3 / 2500, abs=1e-5)


def test_knowledge_gradient_is_what_measuring_and_looking_again_gives(fixed, asking):
    X = np.random.default_rng(0).random((6, 1))
    y = np.sin(6 * X[:, 0])
    belief, places = fixed(X, y, noise=0.3), np.linspace(0, 1, 21)[:, None]
    new = np.array([[0.2], [0.3], [0.5]])
    found = KnowledgeGradient(places=places).worth([belief], new, asking(X, y))
    z = norm.ppf((np.arange(4000) + 0.5) / 4000)
    for x, log in zip(new, found, strict=True):
        seen = np.vstack([places, x])
        mean, std = (part[0] for part in belief.predict(x[None]))
        measured = mean + math.hypot(std, 0.3) * z
        # the mean is linear in what is measured, so that two believed values tell all
        low, high = (belief.believing(x[None], np.array([value])).predict(seen)[0] for value in (0.0, 1.0))
        best = (low + np.outer(measured, high - low)).max(axis=1)
        assert math.exp(log) == pytest.approx(best.mean() - belief.predict(seen)[0].max(), rel=1e-2)


def test_what_is_known_for_sure_teaches_nothing(learnt):
    belief, about = learnt
    ready = KnowledgeGradient().prepare([belief], np.random.default_rng(2).random((200, 2)), about)
    known, unknown = ready.worth([belief], about.known[:1], about), ready.worth([belief], np.ones((1, 2)), about)
    assert known[0] < unknown[0] - 2

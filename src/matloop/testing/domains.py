"""The contract of a measure of foreignness: what every name in DOMAINS must keep, also those of plug-ins.

from matloop.testing.domains import check_domain
check_domain("my_measure")
"""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import BundleError
from matloop.doubt.domains.method import Foreignness, fit_foreignness, method_of

WIDTH, SEED = 4, 3


def check_domain(name: str) -> None:
    """Raise AssertionError with the rule that the measure `name` breaks; nothing is returned.

    Checked: scores are finite, 0 or more, one per row, larger for rows far away; a row scores the same alone; same
    seed, same scores; input untouched; few, equal, empty and far too wide tables; plain arrays that score the same
    again; damaged ones are refused.

    Examples
    --------
    >>> check_domain("leverage")
    """
    method = method_of(name)
    _require(method.name == name, "the method's name is that of the registry")
    _require(bool(method.label and method.quantity and method.citation), "label, quantity and citation are given")
    _check_scores(name)
    _check_odd_tables(name)
    _check_arrays(name)


def _known(n: int = 400) -> FloatArray:
    return np.random.default_rng(0).normal(size=(n, WIDTH))


def _asked() -> FloatArray:
    return np.vstack([np.zeros((5, WIDTH)), np.full((5, WIDTH), 4.0)])


def _check_scores(name: str) -> None:
    X, asked = _known(), _asked()
    kept = X.copy()
    found = fit_foreignness(name, X, seed=SEED)
    score = found.score(asked)
    _require(score.shape == (10,), "there is one score per row")
    _require(bool(np.isfinite(score).all() and (score >= 0).all()), "scores are finite and 0 or more")
    _require(bool(score[5:].min() > score[:5].max()), "far rows score higher than rows in the middle")
    again = fit_foreignness(name, X, seed=SEED).score(asked)
    _require(np.array_equal(again, score), "the same rows and seed give the same scores")
    _require(bool(np.isclose(found.score(asked[:1])[0], score[0], rtol=1e-5)), "a row scores the same alone")
    _require(np.array_equal(X, kept) and np.array_equal(asked, _asked()), "input is not changed")
    _require(len(found.score(np.empty((0, WIDTH)))) == 0, "no rows have no scores")


def _check_odd_tables(name: str) -> None:
    direction = np.random.default_rng(1).normal(size=(50, 1))
    wide = direction + 0.1 * np.random.default_rng(2).normal(size=(50, 3000))
    tables = {
        "one row": _known(1),
        "three rows": _known(3),
        "equal rows": np.ones((30, WIDTH)),
        "nothing measured": np.full((10, WIDTH), np.nan),
        "two places": np.repeat(_known(2), 20, axis=0),
        "50 rows of 3,000 features": wide,
    }
    for what, X in tables.items():
        blank, far = np.full((1, X.shape[1]), np.nan), np.full((1, X.shape[1]), 1e9)
        score = fit_foreignness(name, X).score(np.vstack([X[:2], blank, far]))
        _require(bool(np.isfinite(score).all() and (score >= 0).all()), f"{what}: scores are finite and 0 or more")
    near, far_away = fit_foreignness(name, wide).score(np.vstack([wide[:1], np.full((1, 3000), 9.0)]))
    _require(bool(far_away > near), "50 rows of 3,000 features: a far row scores higher")


def _check_arrays(name: str) -> None:
    found = fit_foreignness(name, _known(), seed=SEED)
    arrays, score = found.to_arrays(), found.score(_asked())
    _require(all(array.dtype.kind in "fiubU" for array in arrays.values()), "arrays hold numbers, truth values or text")
    back = Foreignness.from_arrays(arrays, WIDTH)
    _require(np.array_equal(back.score(_asked()), score), "what is read from arrays scores the same")
    for place, array in arrays.items():
        if place.startswith("measure/") and array.ndim:
            _check_refused(arrays | {place: np.full((1, 1, 1), np.nan)}, f"a damaged {place} is refused")
    _check_refused(arrays | {"space/axes": np.ones((WIDTH, WIDTH - 1))}, "arrays of another space are refused")


def _check_refused(arrays: dict[str, np.ndarray], rule: str) -> None:
    try:
        Foreignness.from_arrays(arrays, WIDTH)
    except BundleError:
        return
    raise AssertionError(rule)


def _require(truth: bool, rule: str) -> None:
    if not truth:
        raise AssertionError(rule)

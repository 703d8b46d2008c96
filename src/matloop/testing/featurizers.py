"""The contract of a featurizer of compositions: what every name in FEATURIZERS must keep, also those of plug-ins."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone

from matloop.core.arrays import FloatArray
from matloop.core.errors import DataError
from matloop.matter.compositions import Compositions, from_formulas

FORMULAS = (
    "Fe2O3", "La0.7Sr0.3MnO3", "NaN", "C", "He", "UO2", "Ca5(PO4)3F", "CuSO4·5H2O", "Og2O", "CoCrFeMnNi", "K2Cr2O7",
    "Zr41Ti14Cu12Ni10Be23", "Fe-18Cr-8Ni (wt%)", "70SiO2-20Na2O-10CaO", "C6000H12000O3001N7", "XeF6",
)  # fmt: skip
UNREADABLE = ("Xx2O3", "", "H2O)")
# a column may depend on the amounts as written in no other way than by rounding
SCALE_TOLERANCE = 1e-9


def check_featurizer(featurizer: Any) -> None:
    """Raise AssertionError with the rule that `featurizer` breaks; nothing is returned.

    Checked: names (unique, as many as columns), dtype and shape, determinism, no change of the input or of the
    featurizer, one row = the same row in a batch (bit by bit), order kept, bad rows NaN with a reason and good rows
    untouched by them, no rows, multiples of a composition where nothing is counted, sklearn's clone, a clear error for
    what is no sequence, citations.

    Examples
    --------
    >>> from matloop.represent.fractions import FractionsFeaturizer
    >>> check_featurizer(FractionsFeaturizer())
    """
    compositions, reasons = from_formulas(FORMULAS)
    _require(not reasons, f"the battery's own formulas are read: {reasons}")
    features = _checked_table(featurizer, compositions)
    _check_repeatable(featurizer, compositions, features)
    _check_rows_alone(featurizer, compositions, features)
    _check_bad_rows(featurizer, features)
    _check_borders(featurizer)


def _require(truth: bool, rule: str) -> None:
    if not truth:
        raise AssertionError(rule)


def _same(a: FloatArray, b: FloatArray) -> bool:
    return np.array_equal(a, b, equal_nan=True)


def _checked_table(featurizer: Any, compositions: Compositions) -> FloatArray:
    features: FloatArray = featurizer.fit(compositions).transform(compositions)
    names = featurizer.get_feature_names_out()
    _require(isinstance(features, np.ndarray) and features.dtype == np.float64, "transform gives a float64 array")
    _require(features.shape == (len(compositions), len(names)), "one row per composition, one column per name")
    _require(all(isinstance(name, str) and name.strip() for name in names), "every column has a name")
    _require(len(set(names)) == len(names), "names are unique")
    _require(not np.isinf(features).any(), "no value is infinite")
    missing = np.flatnonzero(np.isnan(features).all(axis=1)).tolist()
    reasons = featurizer.reasons(compositions)
    _require(all(reasons.get(row) for row in missing), "a row without any value has a reason")
    _require(len(missing) < len(features) / 2, "most readable compositions get a value")
    return features


def _check_repeatable(featurizer: Any, compositions: Compositions, features: FloatArray) -> None:
    before = [array.copy() for array in (compositions.offsets, compositions.elements, compositions.amounts)]
    state = dict(vars(featurizer))
    _require(_same(featurizer.transform(compositions), features), "the same input gives the same bits")
    after = (compositions.offsets, compositions.elements, compositions.amounts)
    _require(all(np.array_equal(a, b) for a, b in zip(before, after, strict=True)), "the input is left as it was")
    _require(vars(featurizer) == state, "transform does not change the featurizer")
    _require(_same(clone(featurizer).transform(compositions), features), "an unfitted clone gives the same")
    _require(_same(featurizer.transform(list(FORMULAS)), features), "formulas and Compositions give the same")


def _check_rows_alone(featurizer: Any, compositions: Compositions, features: FloatArray) -> None:
    for row in range(len(compositions)):
        alone = featurizer.transform(compositions.take(np.array([row])))
        _require(_same(alone[0], features[row]), f"{FORMULAS[row]!r} alone is as in a batch")
    order = np.arange(len(compositions))[::-1]
    _require(_same(featurizer.transform(compositions.take(order)), features[order]), "the order of rows is kept")


def _check_bad_rows(featurizer: Any, features: FloatArray) -> None:
    mixed = [*UNREADABLE, *FORMULAS]
    found = featurizer.transform(mixed)
    n = len(UNREADABLE)
    _require(bool(np.isnan(found[:n]).all()), "an unreadable row is all NaN")
    _require(_same(found[n:], features), "unreadable rows do not touch the others")
    reasons = featurizer.reasons(mixed)
    _require(all(reasons.get(row) for row in range(n)), "an unreadable row has a reason")
    empty = featurizer.transform([])
    _require(empty.shape == (0, features.shape[1]), "no rows give an empty table with all columns")


def _check_borders(featurizer: Any) -> None:
    cited = featurizer.citations()
    _require(isinstance(cited, tuple) and all(isinstance(c, str) for c in cited), "citations() is a tuple of text")
    try:
        featurizer.transform("Fe2O3")
    except DataError:
        return
    raise AssertionError("a single formula instead of a sequence is refused with a DataError")

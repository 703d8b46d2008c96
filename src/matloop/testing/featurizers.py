"""The contract of a featurizer: what every name in FEATURIZERS must keep, also those of plug-ins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from sklearn.base import clone

from matloop.core.arrays import FloatArray
from matloop.core.errors import DataError
from matloop.core.units import known, tidy
from matloop.matter.compositions import from_formulas
from matloop.matter.molecules import from_smiles
from matloop.matter.structures import joined
from matloop.testing.structures import INVARIANCES, sample_structures, unreadable_structures

FORMULAS = (
    "Fe2O3", "La0.7Sr0.3MnO3", "NaN", "C", "He", "UO2", "Ca5(PO4)3F", "CuSO4·5H2O", "Og2O", "CoCrFeMnNi", "K2Cr2O7",
    "Zr41Ti14Cu12Ni10Be23", "Fe-18Cr-8Ni (wt%)", "70SiO2-20Na2O-10CaO", "C6000H12000O3001N7", "XeF6",
)  # fmt: skip
UNREADABLE = ("Xx2O3", "", "H2O)")
SMILES = (
    "CCO", "c1ccccc1C(=O)O", "C", "CC(C)(C)c1ccc(O)cc1", "FC(F)(F)C(Cl)Br", "C[C@H](N)C(=O)O", "O=C([O-])C[N+](C)(C)C",
    "C12C3C4C1C5C2C3C45", "[Na+].[Cl-]", "*CC*", "CCCCCCCCCCCC", "Cn1cnc2c1c(=O)n(C)c(=O)n2C", "CS(=O)(=O)c1ccc(I)cc1",
)  # fmt: skip
NO_SMILES = ("C1CC", "", "hello", "C(C)(C)(C)(C)C")
# a column may depend on the amounts as written in no other way than by rounding
SCALE_TOLERANCE = 1e-9
# places are written with rounding, and features may amplify it: of a column's size, 1e-6
WRITING_TOLERANCE = 1e-6


def check_featurizer(featurizer: Any) -> None:
    """Raise AssertionError with the rule that `featurizer` breaks; nothing is returned.

    `featurizer.kind` says what it is tried on: formulas ("composition"), SMILES ("molecule"; rdkit is needed), or
    crystals, a slab, a molecule in space, an alloy with shared sites ("structure"; matscipy may be needed). Checked:
    names (unique, as many as columns), dtype and shape, determinism, no change of the input or of the featurizer, one
    row = the same row in a batch (bit by bit), order kept, bad rows NaN with a reason and good rows untouched by them,
    no rows, sklearn's clone, a clear error for what is no sequence, units (of columns, known), citations. Of
    structures, also what the class says in `invariances`.

    Examples
    --------
    >>> from matloop.represent.fractions import FractionsFeaturizer
    >>> check_featurizer(FractionsFeaturizer())
    """
    trial = _trial(getattr(featurizer, "kind", "composition"))
    features = _checked_table(featurizer, trial)
    _check_repeatable(featurizer, trial, features)
    _check_rows_alone(featurizer, trial, features)
    _check_bad_rows(featurizer, trial, features)
    _check_borders(featurizer, trial)
    _check_planned(featurizer, trial)
    for way in getattr(featurizer, "invariances", ()):
        _check_invariance(featurizer, trial, features, way)


@dataclass(frozen=True, slots=True)
class _Trial:
    """What a featurizer is tried on."""

    batch: Any
    labels: Sequence[str]
    again: Any
    """The batch as it is given by users: texts, where it can be written so."""
    mixed: Any
    """The same behind `n_bad` rows that cannot be described."""
    n_bad: int


def _trial(kind: str) -> _Trial:
    _require(kind in ("composition", "molecule", "structure"), f"kind says what is described; found {kind!r}")
    if kind == "structure":
        structures, bad = sample_structures(), unreadable_structures()
        return _Trial(structures, structures.names.tolist(), structures, joined([bad, structures]), len(bad))
    texts, unread = (FORMULAS, UNREADABLE) if kind == "composition" else (SMILES, NO_SMILES)
    batch, reasons = from_formulas(texts) if kind == "composition" else from_smiles(texts)
    _require(not reasons, f"the battery's own rows are read: {reasons}")
    return _Trial(batch, texts, list(texts), [*unread, *texts], len(unread))


def _require(truth: bool, rule: str) -> None:
    if not truth:
        raise AssertionError(rule)


def _same(a: FloatArray, b: FloatArray) -> bool:
    return np.array_equal(a, b, equal_nan=True)


def _checked_table(featurizer: Any, trial: _Trial) -> FloatArray:
    features: FloatArray = featurizer.fit(trial.batch).transform(trial.batch)
    names = featurizer.get_feature_names_out()
    _require(isinstance(features, np.ndarray) and features.dtype == np.float64, "transform gives a float64 array")
    _require(features.shape == (len(trial.batch), len(names)), "one row per input, one column per name")
    _require(all(isinstance(name, str) and name.strip() for name in names), "every column has a name")
    _require(len(set(names)) == len(names), "names are unique")
    _require(not np.isinf(features).any(), "no value is infinite")
    missing = np.flatnonzero(np.isnan(features).all(axis=1)).tolist()
    reasons = featurizer.reasons(trial.batch)
    _require(all(reasons.get(row) for row in missing), "a row without any value has a reason")
    _require(len(missing) < len(features) / 2, "most readable rows get a value")
    return features


def _check_repeatable(featurizer: Any, trial: _Trial, features: FloatArray) -> None:
    values = [getattr(trial.batch, field.name) for field in fields(trial.batch)]
    arrays = [value for value in values if isinstance(value, np.ndarray)]
    before = [array.copy() for array in arrays]
    state = dict(vars(featurizer))
    _require(_same(featurizer.transform(trial.batch), features), "the same input gives the same bits")
    kept = [_same(a, b) if a.dtype.kind == "f" else np.array_equal(a, b) for a, b in zip(before, arrays, strict=True)]
    _require(all(kept), "the input is left as it was")
    _require(vars(featurizer) == state, "transform does not change the featurizer")
    _require(_same(clone(featurizer).transform(trial.batch), features), "an unfitted clone gives the same")
    _require(_same(featurizer.transform(trial.again), features), "texts and the batch give the same")


def _check_rows_alone(featurizer: Any, trial: _Trial, features: FloatArray) -> None:
    for row, label in enumerate(trial.labels):
        alone = featurizer.transform(trial.batch.take(np.array([row])))
        _require(_same(alone[0], features[row]), f"{label!r} alone is as in a batch")
    order = np.arange(len(trial.batch))[::-1]
    _require(_same(featurizer.transform(trial.batch.take(order)), features[order]), "the order of rows is kept")


def _check_bad_rows(featurizer: Any, trial: _Trial, features: FloatArray) -> None:
    found, n = featurizer.transform(trial.mixed), trial.n_bad
    _require(bool(np.isnan(found[:n]).all()), "an unreadable row is all NaN")
    _require(_same(found[n:], features), "unreadable rows do not touch the others")
    reasons = featurizer.reasons(trial.mixed)
    _require(all(reasons.get(row) for row in range(n)), "an unreadable row has a reason")
    empty = featurizer.transform([])
    _require(empty.shape == (0, features.shape[1]), "no rows give an empty table with all columns")


def _check_planned(featurizer: Any, trial: _Trial) -> None:
    """Options that follow the data: of the constructor, only those that the user did not set, and usable."""
    plan = getattr(type(featurizer), "planned", None)
    if plan is None:
        return
    found = plan(trial.batch)
    _require(set(found) <= set(featurizer.get_params(deep=False)), "planned() names options of the constructor")
    _require(plan(trial.batch, **found) == {}, "planned() leaves alone what the user set")
    made = clone(featurizer).set_params(**found)
    _require(made.transform(trial.batch).shape[0] == len(trial.batch), "a planned featurizer describes its rows")


def _check_borders(featurizer: Any, trial: _Trial) -> None:
    told, names = featurizer.units(), featurizer.get_feature_names_out().tolist()
    _require(set(told) <= set(names), f"units() is of columns; found {sorted(set(told) - set(names))[:3]}")
    strange = sorted({unit for unit in told.values() if not (tidy(unit) and known(unit))})
    _require(not strange, f"every unit in units() is one that core.units knows; found {strange[:3]}")
    cited = featurizer.citations()
    _require(isinstance(cited, tuple) and all(isinstance(c, str) for c in cited), "citations() is a tuple of text")
    try:
        featurizer.transform(trial.labels[0])
    except DataError:
        return
    raise AssertionError("a single text instead of a sequence is refused with a DataError")


def _check_invariance(featurizer: Any, trial: _Trial, features: FloatArray, way: str) -> None:
    _require(way in INVARIANCES, f"invariances are among {', '.join(INVARIANCES)}; found {way!r}")
    found = featurizer.transform(INVARIANCES[way](trial.batch))
    size = np.maximum(1.0, np.abs(np.nan_to_num(features)).max(axis=0))
    for row, label in enumerate(trial.labels):
        off = ~np.isclose(found[row] / size, features[row] / size, rtol=0, atol=WRITING_TOLERANCE, equal_nan=True)
        columns = np.asarray(featurizer.get_feature_names_out())[off][:3].tolist()
        _require(not off.any(), f"{label!r} has the same features under {way}; {off.sum()} differ, as {columns}")

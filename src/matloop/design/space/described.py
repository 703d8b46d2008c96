"""Words and mixtures seen as matter: descriptors by `represent`, thinned to those that say something of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import SYMBOLS
from matloop.core.errors import ConfigError, DataError, all_faults
from matloop.design.space.layout import Blend
from matloop.design.space.mixtures import draw_mixtures
from matloop.matter.compositions import from_amounts, from_formulas
from matloop.matter.structures import Structures
from matloop.problem.space import Categorical, Matter
from matloop.represent.auto import auto_features, chosen
from matloop.represent.engine import describe

ALIKE_WORDS = 0.7
"""Descriptors of words that are correlated more than this say the same: words are few."""
ALIKE_ROWS = 0.95
"""The same for mixtures and tables, that have many rows."""
MOST = 60
"""Descriptors that are kept at most, the first ones of the list of features."""
_FEW_LOST = 0.05  # of the rows may lack a descriptor that is kept
_PROBE = 2000  # mixtures that ranges of their descriptors are taken from


@dataclass(frozen=True, slots=True)
class Words:
    """Descriptors of words: table of shape (n_words, width), each column from 0 to 1."""

    names: tuple[str, ...]
    table: FloatArray


def word_sight(
    category: Categorical, *, alike: float = ALIKE_WORDS, structures: Structures | None = None
) -> Words | None:
    """How the words of a category are seen; None where they are equal or different and nothing else.

    Parameters
    ----------
    alike : from which correlation on descriptors say the same. structures : the words read as structures, in order.

    Raises
    ------
    DataError : a word cannot be read as the matter that it is said to be.
    """
    if category.descriptors:
        raw = np.array([category.descriptors[word] for word in category.values], dtype=float)
        return Words(tuple(f"{category.name} {k + 1}" for k in range(raw.shape[1])), _scaled(raw))
    if not category.kind:
        return None
    where = f'the column "{category.name}"'
    if structures is not None:
        raw, names = _described(structures, category.values, category.kind, category.features, where)
    else:
        raw, names = described(category.values, category.kind, category.features, where)
    keep = telling(raw, alike)
    return Words(tuple(f"{category.name}: {names[k]}" for k in keep.tolist()), _scaled(raw[:, keep]))


@lru_cache(maxsize=32)
def described(
    texts: tuple[str, ...], kind: Matter, features: tuple[str, ...], where: str
) -> tuple[FloatArray, tuple[str, ...]]:
    """Features of matter that is given as text, and their names; see `_described`."""
    return _described(list(texts), texts, kind, features, where)


def _described(
    rows: list[str] | Structures, texts: Sequence[str], kind: Matter, features: tuple[str, ...], where: str
) -> tuple[FloatArray, tuple[str, ...]]:
    """Features without NaN: those that many rows lack are left out, the few lost values are medians.

    Raises
    ------
    DataError : some rows cannot be read; each is named. ConfigError : there is no such featurizer.
    """
    named = chosen(features, kind, len(texts))[0] if features else auto_features(kind, len(texts)).features
    found = describe(named, rows, kind=kind)
    gone = np.isnan(found.X)
    if (lost := np.flatnonzero(gone.all(axis=1)).tolist()) != []:
        why = found.by_row
        told = [f"{shown_text(texts[row])}: {why.get(row, 'no feature has a value')}" for row in lost]
        head = f"{where}: {len(lost)} of {len(texts)} cannot be read as a {kind}. Correct them, or leave them out:"
        raise DataError(all_faults(head, told))
    full = np.flatnonzero(gone.mean(axis=0) <= _FEW_LOST)
    X = found.X[:, full]
    X = np.where(gone[:, full], np.nanmedian(X, axis=0), X)
    return X, tuple(found.names[k] for k in full.tolist())


def shown_text(text: str) -> str:
    """A word for a message, cut where it is long."""
    line = " ".join(text.split())
    return repr(line if len(line) <= 60 else line[:57] + "...")


def telling(X: FloatArray, alike: float) -> IntArray:
    """Columns that vary and are not correlated more than `alike` with one before; rows that differ still differ."""
    spread = np.ptp(X, axis=0)
    varied = np.flatnonzero(spread > 1e-9 * np.maximum(np.abs(X).max(axis=0), 1e-12))
    if not len(varied):
        return np.zeros(0, dtype=np.int64)
    Z = X[:, varied] - X[:, varied].mean(axis=0)
    Z /= np.linalg.norm(Z, axis=0)
    together = np.abs(Z.T @ Z)
    kept: list[int] = []
    for k in range(len(varied)):
        if len(kept) < MOST and (not kept or together[kept, k].max() <= alike):
            kept.append(k)
    distinct = _distinct(X[:, varied])
    for k in range(len(varied)):
        have = _distinct(X[:, varied[kept]])
        if have == distinct:
            break
        if k not in kept and _distinct(X[:, varied[[*kept, k]]]) > have:
            kept.append(k)
    return np.asarray(varied[sorted(kept)], dtype=np.int64)


def _distinct(X: FloatArray) -> int:
    return len(np.unique(X, axis=0))


def _scaled(X: FloatArray) -> FloatArray:
    low, span = X.min(axis=0), np.ptp(X, axis=0)
    return (X - low) / np.where(span > 0, span, 1.0)


@dataclass(frozen=True, slots=True)
class Sight:
    """A mixture seen as the composition that results: features from 0 to 1 over what the space holds."""

    names: tuple[str, ...]
    features: tuple[str, ...]
    keep: IntArray
    low: FloatArray
    span: FloatArray
    atoms: FloatArray
    """Atoms of each element in each component, shape (k, n_elements)."""
    elements: tuple[str, ...]

    def __call__(self, amounts: FloatArray) -> FloatArray:
        raw = _composed(self.atoms, self.elements, self.features, amounts)[0][:, self.keep]
        return np.clip((np.nan_to_num(raw, nan=0.0) - self.low) / self.span, 0.0, 1.0)


def blend_sight(blend: Blend) -> Sight | None:
    """How a mixture is seen as a composition; None where its fractions are all.

    Raises
    ------
    DataError : a component is no element and no formula.
    """
    if not blend.mixture.as_composition:
        return None
    atoms, elements = atoms_of(blend)
    if not blend.mixture.features:
        return None
    features = chosen(blend.mixture.features, "composition")[0]
    probe = draw_mixtures(blend, _PROBE, np.random.default_rng(0))
    raw, names = _composed(atoms, elements, features, probe)
    usable = np.flatnonzero(~np.isnan(raw).any(axis=0))
    keep = usable[telling(raw[:, usable], ALIKE_ROWS)]
    if not len(keep):
        raise ConfigError(
            f'the mixture "{blend.name}": none of the features {", ".join(features)} varies. Name others, or none.'
        )
    low, span = raw[:, keep].min(axis=0), np.ptp(raw[:, keep], axis=0)
    called = tuple(f"{blend.name}: {names[k]}" for k in keep.tolist())
    return Sight(called, features, keep, low, span, atoms, elements)


def atoms_of(blend: Blend) -> tuple[FloatArray, tuple[str, ...]]:
    """Atoms of each element in one mole of each component, and the elements."""
    names = [part.name for part in blend.mixture.components]
    found, reasons = from_formulas(names)
    if reasons:
        told = [f'component "{names[row]}": {why}' for row, why in sorted(reasons.items())]
        raise DataError(all_faults(f'the mixture "{blend.name}" is no composition:', told))
    numbers = np.unique(found.elements)
    atoms = np.zeros((len(names), len(numbers)))
    atoms[found.rows, np.searchsorted(numbers, found.elements)] = found.amounts
    return atoms, tuple(SYMBOLS[z] for z in numbers.tolist())


def _composed(
    atoms: FloatArray, elements: Sequence[str], features: Sequence[str], amounts: FloatArray
) -> tuple[FloatArray, tuple[str, ...]]:
    compositions, _ = from_amounts(np.maximum(amounts, 0.0) @ atoms, elements)
    found = describe(tuple(features), compositions, kind="composition")
    return found.X, found.names

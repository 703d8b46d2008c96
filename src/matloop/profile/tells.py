"""What tells a group of rows from the others, in words that a chemist reads: elements, categories, features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.represent.table import FeatureTable

FRACTIONS = ":fractions"
ELEMENTS_SHOWN, FEATURES_SHOWN, TYPICAL = 3, 3, 3
LEAST_SHARE, LEAST_SHIFT = 0.2, 0.8
"""A share must differ by this much, a mean by so many standard deviations (a "large" effect, Cohen 1988)."""
SAME = 0.7
"""A feature that is so correlated with one that was told already says nothing new."""
WORDS = 50
DATASET = "MagpieData "
"""Where the numbers of a column come from is no part of what it says."""


@dataclass(frozen=True, slots=True)
class Tell:
    """One thing that the rows of a group have and others have not, or the other way round.

    kind : "element" or "category" (`inside` and `outside` are shares of rows with it, in [0, 1]), or "feature" (they
        are medians, in the feature's own unit).
    size : difference of the shares, or of the means in standard deviations of all rows; below 0 where the group has
        less of it.
    """

    kind: str
    name: str
    inside: float
    outside: float
    size: float

    @property
    def words(self) -> str:
        """`"O in 98 % (others 12 %)"`, `"high mean electronegativity, 2.9 (others 2.1)"`."""
        if self.kind == "feature":
            way = "high" if self.size > 0 else "low"
            return f"{way} {self.name}, {self.inside:.3g} (others {self.outside:.3g})"
        return f"{self.name} in {100 * self.inside:.0f} % (others {100 * self.outside:.0f} %)"


def tells(table: FeatureTable, member: BoolArray) -> tuple[Tell, ...]:
    """The most telling elements and categories (up to three) and features (up to three) of the rows `member` (n,).

    Empty where the group is everything or nothing, or differs from the rest in nothing by much.
    """
    if not member.any() or member.all():
        return ()
    shares = [one for one in _shares(table, member) if abs(one.size) >= LEAST_SHARE]
    shares.sort(key=lambda one: (-abs(one.size), one.name))
    return (*shares[:ELEMENTS_SHOWN], *_features(table, member))


def short_name(found: tuple[Tell, ...]) -> str:
    """A name for the group in a legend (`"with O and F"`, `"without Cu"`, `"high density"`); empty if nothing tells."""
    shares = [one for one in found if one.kind != "feature"]
    having = [one.name for one in shares if one.size > 0 and one.inside >= 0.5]
    lacking = [one.name for one in shares if one.size < 0 and one.inside <= 0.1]
    if having:
        return "with " + " and ".join(having[:2])
    some = [one.name for one in shares if one.size > 0]
    if some and not lacking:
        return "often with " + " and ".join(some[:2])
    if lacking:
        return "without " + " and ".join(lacking[:2])
    features = [one for one in found if one.kind == "feature"]
    return f"{'high' if features[0].size > 0 else 'low'} {features[0].name}" if features else ""


def typical_rows(points: FloatArray, member: BoolArray, shown: np.ndarray) -> IntArray:
    """Up to three rows near the middle of the group that are known by different names."""
    rows = np.flatnonzero(member)
    if not len(rows):
        return np.zeros(0, dtype=np.int64)
    middle = np.median(points[rows], axis=0)
    order = rows[np.argsort(((points[rows] - middle) ** 2).sum(axis=1), kind="stable")]
    _, first = np.unique(shown[order], return_index=True)
    return np.asarray(order[np.sort(first)[:TYPICAL]], dtype=np.int64)


def _shares(table: FeatureTable, member: BoolArray) -> list[Tell]:
    found = [
        Tell("element", symbol, float(here[member].mean()), float(here[~member].mean()), 0.0)
        for symbol, here in _elements(table).items()
    ]
    for column in table.columns().categorical:
        name = table.names[column]
        for code, word in enumerate(table.vocabularies[name][:WORDS]):
            here = table.X[:, column] == code
            label = f"{name} = {word}"
            found.append(Tell("category", label, float(here[member].mean()), float(here[~member].mean()), 0.0))
    return [Tell(one.kind, one.name, one.inside, one.outside, one.inside - one.outside) for one in found]


def _elements(table: FeatureTable) -> dict[str, BoolArray]:
    """Rows that hold each element, by any input of the table."""
    present: dict[str, BoolArray] = {}
    for column, origin in enumerate(table.origins):
        if origin.endswith(FRACTIONS):
            symbol = table.names[column].rsplit(" ", 1)[-1]
            here = np.nan_to_num(table.X[:, column]) > 0
            present[symbol] = present[symbol] | here if symbol in present else here
    return {symbol: here for symbol, here in present.items() if here.any()}


def _features(table: FeatureTable, member: BoolArray) -> tuple[Tell, ...]:
    """Number columns by the shift of their mean, each saying something that the ones before do not."""
    words = set(table.columns().categorical)
    numbers = np.array(
        [i for i, origin in enumerate(table.origins) if i not in words and not origin.endswith(FRACTIONS)],
        dtype=np.int64,
    )
    values = table.X[:, numbers]
    finite = np.isfinite(values)
    count = finite.sum(axis=0)
    filled = np.where(finite, values, 0.0)
    mean = filled.sum(axis=0) / np.maximum(count, 1)
    centred = np.where(finite, values - mean, 0.0)
    spread = np.sqrt((centred**2).sum(axis=0) / np.maximum(count, 1))
    usable = (spread > 1e-9 * np.maximum(np.abs(mean), 1e-30)) & (count > 1)
    unit = np.divide(centred, spread, out=np.zeros_like(centred), where=usable)
    shift = unit[member].sum(axis=0) / np.maximum(finite[member].sum(axis=0), 1)
    shift -= unit[~member].sum(axis=0) / np.maximum(finite[~member].sum(axis=0), 1)
    told: list[int] = []
    for at in np.argsort(-np.abs(shift), kind="stable"):
        if abs(shift[at]) < LEAST_SHIFT or len(told) == FEATURES_SHOWN:
            break
        if all(abs(unit[:, at] @ unit[:, other]) / len(unit) < SAME for other in told):
            told.append(int(at))
    found = []
    for at in told:
        name = table.names[numbers[at]].replace(DATASET, "")
        middles = _middle(values[member, at]), _middle(values[~member, at])
        found.append(Tell("feature", name, *middles, float(shift[at])))
    return tuple(found)


def _middle(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")

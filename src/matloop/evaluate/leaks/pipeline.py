"""A whole pipeline as a black box: what it must not see is altered, and what it then must not say is watched.

A pipeline is a function from a table to one held-out prediction per row: it splits, prepares, selects, fits and
predicts by itself, as its user does. Nothing about its inside is needed:

- with labels shuffled (twins keep a common one), nothing can be predicted better than by chance;
- a row's own label is not known to the model that predicts it, so altering it alters nothing of its prediction;
- nor are the features of other held-out rows;
- and, where time matters, nothing that comes later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.evaluate.leaks.values import LeakCheck, LeakReport

if TYPE_CHECKING:
    import pandas as pd

Pipeline = Callable[["pd.DataFrame"], "pd.DataFrame | pd.Series | np.ndarray"]

SAME = 1e-9
"""Relative difference of predictions that counts as none: sums in another order."""
SIGMAS = 4.0
"""Standard errors above chance from which shuffled labels are predicted too well: 3e-5 of clean pipelines."""
LABELS, FEATURES, CHANCE, TIME = "held-out labels", "held-out features", "shuffled labels", "time travel"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a pipeline said: value (n,) as numbers (class index for classes), NaN not predicted; fold (n,) or None."""

    value: FloatArray
    fold: IntArray | None


def check_pipeline(
    pipeline: Pipeline,
    table: pd.DataFrame,
    *,
    target: str,
    time: str = "",
    group: str = "",
    shuffles: int = 5,
    probes: int = 6,
    seed: int = 0,
    subject: str = "the pipeline",
) -> LeakReport:
    """Find out whether a pipeline's cross-validated predictions can be believed, by what it answers alone.

    Parameters
    ----------
    pipeline : takes a table like `table` and returns a held-out prediction for every row, in order: an array, or a
        table with columns `prediction` and `fold` (the part in which a row was held out; without it the check of
        held-out features cannot be made). It must be deterministic: fix its seeds.
    table : shape (n_rows, n_columns), the features and the target. target, time, group : names of its columns; give
        `time` only where the pipeline is meant to predict later rows from earlier ones; rows of a `group` are
        replicates of one thing.
    shuffles : runs with shuffled labels. probes : rows whose label is altered, where no folds are told.

    Raises
    ------
    DataError : a column does not exist, the target has no values, or the pipeline returns something else than one
        prediction per row.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import KFold, cross_val_predict
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "y"])
    >>> def scaled_first(rows):
    ...     X = rows[["a", "b"]]
    ...     X = (X - X.mean()) / X.std()
    ...     value = cross_val_predict(Ridge(), X, rows["y"], cv=KFold(5))
    ...     return pd.DataFrame({"prediction": value, "fold": np.arange(60) // 12})
    >>> [check.name for check in check_pipeline(scaled_first, table, target="y").leaks]
    ['held-out features']
    """
    for column in (target, time, group):
        if column and column not in table.columns:
            raise DataError(f"the table has no column {column!r}; it has {', '.join(map(str, table.columns[:20]))}.")
    box = _Box(pipeline, table.reset_index(drop=True), target, {target, time, group})
    first, second = box.ask(box.table), box.ask(box.table)
    if not _equal(first.value, second.value).all():
        said = "two runs on the same table differ, so nothing can be told from a change. Fix the pipeline's seeds."
        again = (LeakCheck(name, "not checked", said) for name in (LABELS, FEATURES))
        return LeakReport(subject, (*again, _chance(box, table, group, shuffles, seed)))
    rng = np.random.default_rng(seed)
    checks = [_labels(box, first, probes, rng), _features(box, first, probes, rng)]
    checks.append(_chance(box, table, group, shuffles, seed))
    if time:
        checks.append(_later(box, first, time, rng))
    return LeakReport(subject, tuple(checks))


class _Box:
    """The pipeline with its answers checked and turned into numbers."""

    def __init__(self, pipeline: Pipeline, table: pd.DataFrame, target: str, fixed: set[str]) -> None:
        self.pipeline, self.table, self.target, self.fixed = pipeline, table, target, fixed
        values = table[target]
        self.numeric = values.dtype.kind in "fiu"
        known = values[values.notna()]
        if known.nunique() < 2:
            raise DataError(f"column {target!r} holds {known.nunique()} different values; nothing can be predicted.")
        self.classes = () if self.numeric else tuple(sorted(map(str, known.unique())))
        self.y = self.numbers(values.to_numpy(dtype=object))

    def numbers(self, values: np.ndarray) -> FloatArray:
        """Values as numbers: themselves, or the index of a class."""
        if self.numeric:
            return np.asarray(values, dtype=np.float64)
        place = {name: float(index) for index, name in enumerate(self.classes)}
        return np.array([place.get(str(value), np.nan) for value in values], dtype=np.float64)

    def ask(self, table: pd.DataFrame) -> Answer:
        """The pipeline's answer to a table."""
        import pandas as pd

        said, fold = self.pipeline(table.copy()), None
        if isinstance(said, pd.DataFrame):
            if "prediction" not in said.columns:
                raise DataError(f"the pipeline returned columns {list(said.columns)}, 'prediction' is not among them.")
            if "fold" in said.columns:
                fold = np.unique(said["fold"].to_numpy(), return_inverse=True)[1].reshape(-1)
            said = said["prediction"]
        values = np.asarray(said, dtype=object).reshape(-1)
        if len(values) != len(table):
            raise DataError(
                f"the pipeline returned {len(values)} predictions for {len(table)} rows. Return one held-out "
                "prediction per row, in the order of the table (NaN for rows that are never held out)."
            )
        return Answer(self.numbers(values), fold)

    def with_labels(self, y: FloatArray) -> pd.DataFrame:
        """The table with other labels."""
        values = y if self.numeric else np.array([self.classes[int(c)] for c in np.nan_to_num(y)], dtype=object)
        known = np.isfinite(self.y)
        old = self.table[self.target].to_numpy(dtype=object).copy()
        old[known] = values[known]
        changed = self.table.copy()
        changed[self.target] = old.astype(np.float64) if self.numeric else old
        return changed

    def other_labels(self, rows: IntArray, rng: np.random.Generator) -> FloatArray:
        """Labels with those of `rows` far from what they were."""
        y = self.y.copy()
        if self.numeric:
            span = np.ptp(y[np.isfinite(y)])
            y[rows] = np.where(rng.random(len(rows)) < 0.5, np.nanmax(y) + span, np.nanmin(y) - span)
        else:
            y[rows] = (y[rows] + rng.integers(1, len(self.classes), len(rows))) % len(self.classes)
        return y

    def with_features(self, rows: IntArray, rng: np.random.Generator) -> pd.DataFrame:
        """The table with all features altered in `rows`: far numbers, other words. Group and time stay, folds too."""
        changed = self.table.copy()
        for column in changed.columns:
            if column in self.fixed:
                continue
            values = changed[column]
            if values.dtype.kind in "fiu":
                x = values.to_numpy(dtype=np.float64).copy()
                spread = np.nanstd(x) if np.isfinite(x).any() else 0.0
                x[rows] = np.nan_to_num(x[rows]) + (10.0 * spread + 1.0) * rng.choice([-1.0, 1.0], len(rows))
                changed[column] = x
            else:
                words = values.to_numpy(dtype=object).copy()
                words[rows] = words[rng.permutation(len(words))[: len(rows)]]
                changed[column] = words
        return changed


def _equal(a: FloatArray, b: FloatArray) -> BoolArray:
    scale = max(float(np.nanmax(np.abs(a), initial=0.0)), 1e-300)
    return (np.abs(a - b) <= SAME * scale) | (np.isnan(a) & np.isnan(b))


def _labels(box: _Box, first: Answer, probes: int, rng: np.random.Generator) -> LeakCheck:
    """Alter labels of held-out rows; their own predictions must stay."""
    known = np.flatnonzero(np.isfinite(box.y) & np.isfinite(first.value))
    if first.fold is None:
        chosen = [np.array([row]) for row in rng.permutation(known)[:probes]]
    else:
        chosen = [known[first.fold[known] == part] for part in np.unique(first.fold[known])[:probes]]
    moved = []
    for rows in chosen:
        after = box.ask(box.with_labels(box.other_labels(rows, rng)))
        moved += rows[~_equal(first.value[rows], after.value[rows])].tolist()
    asked = sum(map(len, chosen))
    if not moved:
        return LeakCheck(LABELS, "clean", f"{asked} held-out labels were altered; no prediction of those rows moved.")
    said = (
        f"{len(moved)} of {asked} rows are predicted otherwise when only their own label is altered: the held-out "
        "answer reaches the model (an encoding, a selection or a choice made on all rows before the split, or folds "
        "drawn by the labels without need). Make every step that reads labels inside each training fold."
    )
    return LeakCheck(LABELS, "leak", said, rows=tuple(sorted(moved)[:100]))


def _features(box: _Box, first: Answer, probes: int, rng: np.random.Generator) -> LeakCheck:
    """Alter features of some held-out rows; predictions of the others held out with them must stay."""
    if first.fold is None:
        # a row that a label does not reach may still be in training (a tree elsewhere), so folds cannot be guessed
        said = "which rows are held out together is not known. Let the pipeline return columns prediction and fold."
        return LeakCheck(FEATURES, "not checked", said)
    held = np.flatnonzero(np.isfinite(first.value))
    moved, watched_rows = [], 0
    for part in np.unique(first.fold[held])[:probes]:
        rows = rng.permutation(held[first.fold[held] == part])
        changed, watched = rows[: len(rows) // 2], rows[len(rows) // 2 :]
        after = box.ask(box.with_features(changed, rng))
        moved += watched[~_equal(first.value[watched], after.value[watched])].tolist()
        watched_rows += len(watched)
    if not moved:
        said = f"features of held-out rows were altered; none of {watched_rows} rows held out beside them moved."
        return LeakCheck(FEATURES, "clean", said)
    said = (
        f"{len(moved)} of {watched_rows} rows are predicted otherwise when only other held-out rows are altered: a "
        "scaler, imputer, projection or selection has seen all rows. Put it into a Pipeline that is fitted in each "
        "fold."
    )
    return LeakCheck(FEATURES, "leak", said, rows=tuple(sorted(set(moved))[:100]))


def _chance(box: _Box, table: pd.DataFrame, group: str, shuffles: int, seed: int) -> LeakCheck:
    """Shuffle the labels, twins keeping a common one: what is predicted then is predicted from a leak."""
    known = np.flatnonzero(np.isfinite(box.y))
    kind = _kinds(box, table, group)[known]
    names, first, at = np.unique(kind, return_index=True, return_inverse=True)
    found, weight = [], len(names)
    for number in range(shuffles):
        rng = np.random.default_rng([seed, 77, number])
        y = box.y.copy()
        y[known] = box.y[known[first[rng.permutation(len(names))]]][at.reshape(-1)]
        answer = box.ask(box.with_labels(y))
        rows = known[np.isfinite(answer.value[known])]
        found.append(_agreement(y[rows], answer.value[rows], box.numeric))
    mean, limit = float(np.mean(found)), SIGMAS / np.sqrt(weight * shuffles)
    what = "correlation" if box.numeric else "agreement beyond chance (kappa)"
    told = f"{shuffles} times with shuffled labels: {what} of prediction and label {mean:.2f}"
    if mean <= limit:
        return LeakCheck(CHANCE, "clean", f"{told}, as chance gives (up to {limit:.2f}).")
    said = (
        f"{told}; chance gives up to {limit:.2f}. Something was chosen with all labels in sight (features, settings), "
        "or rows with equal inputs stand in several folds. Select inside folds; keep twins together."
    )
    return LeakCheck(CHANCE, "leak", said)


def _kinds(box: _Box, table: pd.DataFrame, group: str) -> IntArray:
    """Rows that are the same thing: a group, or all columns but the target equal."""
    columns = [group] if group else [column for column in table.columns if column != box.target]
    return np.asarray(table.groupby(columns, dropna=False, sort=False).ngroup().to_numpy(), dtype=np.int64)


def _agreement(y: FloatArray, value: FloatArray, numeric: bool) -> float:
    if numeric:
        if np.ptp(value) <= 0 or np.ptp(y) <= 0:
            return 0.0
        return float(np.corrcoef(_ranks(y), _ranks(value))[0, 1])
    hit = float((y == value).mean())
    by_chance = sum(float((y == c).mean() * (value == c).mean()) for c in np.unique(y))
    return (hit - by_chance) / max(1.0 - by_chance, 1e-12)


def _ranks(x: FloatArray) -> FloatArray:
    from scipy.stats import rankdata

    return np.asarray(rankdata(x), dtype=np.float64)


def _later(box: _Box, first: Answer, time: str, rng: np.random.Generator) -> LeakCheck:
    """Alter everything after a moment; predictions of rows before it must stay."""
    import pandas as pd

    column = box.table[time]
    when = column.to_numpy(dtype=np.float64) if column.dtype.kind in "fiu" else _seconds(pd.to_datetime(column))
    moved, watched = [], 0
    for share in (0.5, 0.75):
        moment = np.nanquantile(when, share)
        later, earlier = np.flatnonzero(when > moment), np.flatnonzero((when <= moment) & np.isfinite(first.value))
        if not len(later) or not len(earlier):
            continue
        y = box.other_labels(later[np.isfinite(box.y[later])], rng)
        after = box.ask(box.with_labels(y))
        moved += earlier[~_equal(first.value[earlier], after.value[earlier])].tolist()
        watched += len(earlier)
    if not watched:
        return LeakCheck(TIME, "not checked", f"no prediction stands before the later half of {time!r}.")
    if not moved:
        return LeakCheck(TIME, "clean", f"what comes later was altered; none of {watched} earlier predictions moved.")
    said = (
        f"{len(moved)} of {watched} predictions move when only labels of later rows are altered: the past is predicted "
        "from the future. Hold out the latest rows, and train on those before them."
    )
    return LeakCheck(TIME, "leak", said, rows=tuple(sorted(set(moved))[:100]))


def _seconds(column: pd.Series) -> FloatArray:
    values = column.to_numpy(dtype="datetime64[ns]")
    seconds = values.astype(np.int64) / 1e9
    return np.where(np.isnat(values), np.nan, seconds)

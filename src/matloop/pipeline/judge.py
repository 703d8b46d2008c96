"""`matloop trust judge`: a bundle, a scikit-learn estimator or a table of predictions, judged on new labelled rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray, TextArray
from matloop.core.errors import ConfigError, DataError
from matloop.core.files import write_text
from matloop.core.jsonable import to_jsonable
from matloop.data.clean import read_inputs
from matloop.data.collect import collect, from_frame
from matloop.data.inputs import number_column
from matloop.data.labels import read_labels
from matloop.data.table import RawTable, no_column
from matloop.deploy.bundle import Bundle, load_bundle
from matloop.deploy.predict import predict_raw
from matloop.doubt.prediction import Prediction
from matloop.evaluate.evidence import Terms
from matloop.evaluate.judgement import Judged, judge_rows
from matloop.metrics.estimate import Estimate
from matloop.pipeline.account import shown_rows
from matloop.pipeline.develop import DEFAULT_METRIC, metric_of
from matloop.problem.question import Problem, Source, Target, Task
from matloop.problem.toml import load_problem
from matloop.report.judgement_page import write_judgement
from matloop.represent.representation import represent
from matloop.split.groups import whole_groups

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.base import BaseEstimator

NOT_TRUSTED = 8
"""Exit code where something grave speaks against the model."""
MOST_CLASSES = 30
_ESTIMATE = re.compile(r"(\S+) \[(\S+), (\S+)\]")


@dataclass(frozen=True, slots=True)
class Judgement:
    """A model of one or several targets after new labelled rows were seen."""

    judged: tuple[Judged, ...]
    page: Path | None = None

    @property
    def exit_code(self) -> int:
        """0, or 8 where something grave speaks against the model or its goal is not met."""
        grave = any(one.warnings or one.answer == "not met" for one in self.judged)
        return NOT_TRUSTED if grave else 0

    def lines(self) -> Iterable[str]:
        """The same for a person, reason first."""
        for one in self.judged:
            yield f"{one.subject}, target {one.target!r}:"
            if one.warnings:
                yield f"  NOT TO BE TRUSTED as it is. {' '.join(one.warnings)}"
            yield f"  {one.sentence}"
            yield from (f"  - {reason}" for reason in one.reasons)
            yield from (f"  - {count:,} rows were not judged: {why}" for why, count in one.not_judged)
        if self.page is not None:
            yield f"Page: {self.page}"

    def as_json(self) -> Any:
        """The same for a program, without the rows themselves."""
        found = to_jsonable(self)
        for one in found["judged"]:
            one["new"].pop("points")
        return {"exit_code": self.exit_code, **found}

    def _repr_html_(self) -> str:
        from html import escape

        return "".join(
            f"<p><b>{escape(one.target)}</b>: {escape(' '.join([*one.warnings, one.sentence]))}</p>"
            for one in self.judged
        )


def judge(
    subject: Path | str | BaseEstimator,
    table: Path | str | pd.DataFrame,
    y: ArrayLike | None = None,
    *,
    groups: ArrayLike | None = None,
    out: Path | str | None = None,
) -> Judgement:
    """Judge an existing model on labelled rows that it has not seen.

    Parameters
    ----------
    subject : the folder of a bundle, or a fitted scikit-learn regressor or classifier.
    table : for a bundle a file or data frame with its input and target columns; for an estimator its features `X`.
    y : labels, shape (n_rows,), for an estimator only. groups : rows that belong together, for an estimator only.
    out : where to write the page (HTML).

    Raises
    ------
    ConfigError, DataError, BundleError : what cannot be judged, and why.

    Examples
    --------
    >>> matloop.judge("runs/steels/1f3a/bundle", "new_heats.csv").judged[0].sentence     # doctest: +SKIP
    'The mean absolute error on 41 new rows is 93 MPa (95 % interval 71 to 118). No goal was set.'
    """
    if isinstance(subject, str | Path):
        if y is not None or groups is not None:
            raise ConfigError("a bundle reads labels and groups from the table: leave out y and groups.")
        found = _judge_bundle(Path(subject), table)
    else:
        found = (_judge_estimator(subject, table, y, groups),)
    return _written(Judgement(found), out)


def judge_predictions(
    table: Path | str | pd.DataFrame,
    *,
    truth: str,
    prediction: str,
    low: str = "",
    high: str = "",
    std: str = "",
    group: str = "",
    id: str = "",
    unit: str = "",
    level: float = 0.9,
    out: Path | str | None = None,
) -> Judgement:
    """Judge predictions of any model, in a table beside the true values.

    Parameters
    ----------
    truth, prediction : columns of the true and the predicted value (numbers, or names of classes).
    low, high, std : columns of the ends of an interval (that promises `level`) and of one standard deviation.
    group, id : columns of rows that belong together, and of their names. out : where to write the page (HTML).

    Raises
    ------
    ConfigError, DataError : a column does not exist or cannot be read; a standard deviation is not positive.
    """
    raw = _read(table)
    for column in (truth, prediction, low, high, std, group, id):
        if column and column not in raw.names:
            raise DataError(no_column(column, raw.names))
    if bool(low) != bool(high):
        raise ConfigError("an interval needs both ends: give low and high.")
    if not 0.0 < level < 1.0:
        raise ConfigError(f"the level of an interval lies between 0 and 1, got {level}.")
    y, value, classes = _two_columns(raw, truth, prediction)
    n = len(raw)
    ends = [number_column(raw, name, "").values if name else None for name in (low, high)]
    doubt = number_column(raw, std, "").values if std else np.full(n, np.nan)
    _refuse_no_doubt(doubt, std)
    names = _texts(raw, id) if id else _numbered(n)
    groups = _texts(raw, group) if group else None
    told = _told(value, std=doubt, low=ends[0], high=ends[1], classes=classes, unit=unit, level=level)
    subject = f"predictions in {raw.provenance.source}"
    return _written(Judgement((_judge_arrays(y, told, subject, truth, names, groups),)), out)


def _told(
    value: FloatArray,
    *,
    std: FloatArray,
    low: FloatArray | None = None,
    high: FloatArray | None = None,
    proba: FloatArray | None = None,
    classes: tuple[str, ...] = (),
    unit: str = "",
    level: float = 0.9,
) -> Prediction:
    """Predictions of any model as a `Prediction` that knows no domain; without ends the interval is a normal one."""
    from scipy.special import ndtri

    n, reach = len(value), float(ndtri(0.5 * (1.0 + level))) * std
    known = np.ones(n, dtype=bool), np.full(n, "", dtype=np.str_)
    return Prediction(
        value, value - reach if low is None else low, value + reach if high is None else high, std,
        np.zeros((n, 0)) if proba is None else proba, *known, level, classes, unit,
    )  # fmt: skip


def _judge_arrays(
    y: FloatArray, told: Prediction, subject: str, target: str, names: TextArray, groups: TextArray | None
) -> Judged:
    """By the accepted metric of the task, without a goal or a domain."""
    task: Task = "classification" if told.classes else "regression"
    terms = Terms(task, DEFAULT_METRIC[task], told.classes, min(1, max(len(told.classes) - 1, 0)), 10, None, 0)
    return judge_rows(
        y, told, terms, subject=subject, target=target, ids=names, shown=names.tolist(), groups=groups,
        domain_known=False,
    )  # fmt: skip


def _numbered(n: int) -> TextArray:
    return np.array([f"row {row + 1}" for row in range(n)], dtype=np.str_)


def _written(found: Judgement, out: Path | str | None) -> Judgement:
    if out is None:
        return found
    path = Path(out)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"{path}: the page is HTML. Give a name that ends in .html.")
    write_text(path, write_judgement(found.judged))
    return replace(found, page=path)


def _read(table: Path | str | pd.DataFrame, missing: tuple[str, ...] = ()) -> RawTable:
    return collect(Source(str(table), missing=missing)) if isinstance(table, str | Path) else from_frame(table)


def _judge_bundle(folder: Path, table: Path | str | pd.DataFrame) -> tuple[Judged, ...]:
    bundle = load_bundle(folder)
    problem = load_problem(folder / "problem.toml")
    raw = (
        collect(Source(str(table), missing=bundle.manifest.missing)) if isinstance(table, str | Path) else _read(table)
    )
    named = {entry.name: entry.words for entry in bundle.manifest.representation.inputs if entry.words}
    dataset, _ = read_inputs(raw, bundle.manifest.inputs, words=named)
    features = represent(dataset, bundle.manifest.representation)
    predictions = predict_raw(bundle, raw).predictions
    groups = np.char.add("g", whole_groups(dataset).astype(np.str_))
    shown = [str(text) for text in shown_rows(dataset, np.arange(len(dataset)))]
    ids = _texts(raw, problem.roles.id) if problem.roles.id in raw.names else np.asarray(dataset.ids, dtype=np.str_)
    targets = [target for target in problem.targets if target.column in raw.names]
    if not targets:
        columns = ", ".join(repr(target.column) for target in problem.targets)
        raise DataError(f"{raw.provenance.source}: there is no column of labels ({columns}) to judge the model by.")
    judged = []
    for target in targets:
        prediction = predictions[target.name]
        y = labels_of(raw, target, prediction)
        judged.append(
            judge_rows(
                y, prediction, _terms(problem, target, prediction), subject=f"the bundle {bundle.manifest.name!r}",
                target=target.name, ids=ids, shown=shown, groups=groups, table=features, success=target.success,
                promised=_promised(bundle, target),
            )
        )  # fmt: skip
    if raw.provenance.sha256 == bundle.manifest.data_sha256:
        seen = "These are the very rows that the bundle was made from: it has learnt from most of them. Give new rows."
        judged = [replace(one, warnings=(seen, *one.warnings)) for one in judged]
    return tuple(judged)


def labels_of(raw: RawTable, target: Target, prediction: Prediction) -> FloatArray:
    """Labels in the bundle's unit, or as indices into the bundle's classes; a class that it does not know is NaN."""
    read = read_labels(raw, replace(target, unit=target.unit or prediction.unit)).labels
    exact = (read.censored == 0) | (target.censored == "at_bound")
    values = np.where(exact, read.values, np.nan)
    if not prediction.classes:
        return np.asarray(values)
    place = {name: float(index) for index, name in enumerate(prediction.classes)}
    known = [place.get(read.classes[int(v)], np.nan) if np.isfinite(v) else np.nan for v in values]
    return np.array(known, dtype=np.float64)


def _terms(problem: Problem, target: Target, prediction: Prediction) -> Terms:
    classes = prediction.classes
    positive = classes.index(target.positive) if target.positive in classes else min(1, max(len(classes) - 1, 0))
    return Terms(
        target.task, metric_of(target), classes, positive, target.top_k, target.bounds, problem.protocol.seeds[0]
    )


def _promised(bundle: Bundle, target: Target) -> Estimate | None:
    """The metric on the sealed rows of the bundle's own run, as its manifest tells it: "83.2 [62.4, 108.9]"."""
    told = bundle.manifest.evidence.get(target.name, {}).get(metric_of(target), "")
    found = _ESTIMATE.fullmatch(told)
    return Estimate(*(float(part) for part in found.groups())) if found else None


def _judge_estimator(estimator: Any, X: Any, y: ArrayLike | None, groups: ArrayLike | None) -> Judged:
    if not hasattr(estimator, "predict"):
        raise ConfigError(f"{type(estimator).__name__} has no predict: give a bundle or a fitted estimator.")
    if y is None:
        raise ConfigError("labels are needed to judge an estimator: judge(estimator, X, y).")
    truth = np.asarray(y)
    if truth.ndim != 1 or len(truth) != len(X):
        raise DataError(f"y has shape {truth.shape} for {len(X)} rows. Give one label per row.")
    n, none = len(truth), np.full(len(truth), np.nan)
    classes: tuple[str, ...] = ()
    proba, std = np.zeros((n, 0)), none
    if hasattr(estimator, "classes_"):
        classes = tuple(str(name) for name in estimator.classes_)
        labels, value = _indices(truth, classes), _indices(estimator.predict(X), classes)
        if hasattr(estimator, "predict_proba"):
            proba = np.asarray(estimator.predict_proba(X), dtype=np.float64)
    else:
        labels, value = truth.astype(np.float64), np.asarray(estimator.predict(X), dtype=np.float64).reshape(-1)
        std = _own_std(estimator, X, n)
    if len(value) != n:
        raise DataError(f"the estimator returned {len(value)} predictions for {n} rows.")
    told = _told(value, std=std, proba=proba, classes=classes)
    group = None if groups is None else np.asarray(groups).astype(np.str_)
    return _judge_arrays(labels, told, type(estimator).__name__, "y", _numbered(n), group)


def _own_std(estimator: Any, X: Any, n: int) -> FloatArray:
    """The estimator's own standard deviation, where its `predict` has `return_std`."""
    import inspect

    if "return_std" not in inspect.signature(estimator.predict).parameters:
        return np.full(n, np.nan)
    return np.asarray(estimator.predict(X, return_std=True)[1], dtype=np.float64)


def _indices(names: ArrayLike, classes: Sequence[str]) -> FloatArray:
    place = {name: float(index) for index, name in enumerate(classes)}
    return np.array([place.get(str(name), np.nan) for name in np.asarray(names).reshape(-1)], dtype=np.float64)


def _two_columns(raw: RawTable, truth: str, prediction: str) -> tuple[FloatArray, FloatArray, tuple[str, ...]]:
    """True and predicted values as numbers, or as class indices with the names of the classes."""
    y, value = number_column(raw, truth, "").values, number_column(raw, prediction, "").values
    words, said = _texts(raw, truth), _texts(raw, prediction)
    if np.isfinite(y).sum() >= 0.5 * (words != "").sum():
        return y, value, ()
    classes = tuple(sorted({*words, *said} - {""}))
    if len(classes) > MOST_CLASSES:
        raise DataError(
            f"columns {truth!r} and {prediction!r} hold neither numbers nor classes: {len(classes)} different words, "
            f"{words[0]!r} among them."
        )
    return _indices(words, classes), _indices(said, classes), classes


def _texts(raw: RawTable, column: str) -> TextArray:
    return np.array(["" if value is None else str(value).strip() for value in raw.column(column)], dtype=np.str_)


def _refuse_no_doubt(std: FloatArray, column: str) -> None:
    bad = np.flatnonzero(std <= 0)
    if len(bad):
        raise DataError(
            f"column {column!r}, row {bad[0] + 1}: a standard deviation of {std[bad[0]]:g} ({len(bad)} such rows). It "
            "must be above zero; leave the cell empty where it is not known."
        )

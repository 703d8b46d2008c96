"""Predictions of every row of a dataset, also of those that could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import numpy as np

from matloop.core.progress import SILENT, Progress
from matloop.data.dataset import Dataset
from matloop.deploy.bundle import Bundle
from matloop.doubt.prediction import Prediction

CHUNK = 50_000
"""Rows described and predicted at a time: memory stays flat."""
_EMPTY_WHERE_UNREADABLE = frozenset({"value", "low", "high", "std", "proba", "epistemic", "aleatoric"})


def predict_dataset(
    bundle: Bundle, dataset: Dataset, unreadable: Mapping[int, str], *, progress: Progress = SILENT
) -> dict[str, Prediction]:
    """Predictions per target for every row, `CHUNK` rows at a time; `unreadable` rows carry their reason."""
    progress.step("predict")
    if len(dataset) <= CHUNK:
        return {name: joined([part], unreadable) for name, part in bundle.predict(dataset).items()}
    parts: list[dict[str, Prediction]] = []
    for start in range(0, len(dataset), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(dataset)))
        parts.append(bundle.predict(dataset.take(rows)))
        progress.tell(f"{start + len(rows):,} of {len(dataset):,} rows", (start + len(rows)) / len(dataset))
    return {name: joined([part[name] for part in parts], unreadable) for name in parts[0]}


def joined(parts: list[Prediction], unreadable: Mapping[int, str]) -> Prediction:
    """One prediction from those of chunks; rows that could not be read carry NaN and their reason."""
    first = parts[0]
    if len(parts) == 1 and not unreadable:
        return first
    arrays = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(first)
        if isinstance(getattr(first, field.name), np.ndarray)
    }
    rows = np.array(sorted(unreadable), dtype=np.int64)
    for name in _EMPTY_WHERE_UNREADABLE & set(arrays):
        arrays[name][rows] = np.nan
    arrays["in_domain"][rows] = False
    reasons = arrays["reason"].astype(object)
    reasons[rows] = [unreadable[int(row)] for row in rows]
    arrays["reason"] = reasons.astype(np.str_)
    return Prediction(**arrays, level=first.level, classes=first.classes, unit=first.unit)

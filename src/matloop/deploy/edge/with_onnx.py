"""The bundle of an exported folder whose models are ONNX files, by ONNX Runtime; rows are described by numpy."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.optional import require
from matloop.deploy.bundle import Bundle, read_manifest, verify
from matloop.deploy.edge.runtime import Runner
from matloop.deploy.edge.with_numpy import unpacked
from matloop.doubt.prediction import Prediction
from matloop.represent.table import FeatureTable

_AT_ONCE = 256
"""Rows in one call: tables of differences stay small."""
STRANGE = "unlike the training rows (an ONNX model does not say in what)"


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """The model of one target in a session of ONNX Runtime."""

    target: str
    unit: str
    classes: tuple[str, ...]
    level: float
    session: Any

    def predict_table(self, table: FeatureTable) -> Prediction:
        """Predict every row; rows that could not be described are NaN with the reason."""
        n, rows = len(table), np.flatnonzero(~np.all(np.isnan(table.X), axis=1))
        said = self._said(table.X[rows])
        value, low, high, std = (np.full(n, np.nan) for _ in range(4))
        proba = np.full((n, len(self.classes)), np.nan)
        inside, reason = np.zeros(n, dtype=bool), np.full(n, "could not be read", dtype=object)
        for row, why in table.reasons.items():
            reason[row] = why
        value[rows], std[rows] = said["class" if self.classes else "value"][:, 0], said["std"][:, 0]
        if self.classes:
            proba[rows] = said["proba"]
        else:
            low[rows], high[rows] = said["low"][:, 0], said["high"][:, 0]
        inside[rows] = said["in_domain"][:, 0]
        reason[rows] = np.where(inside[rows], "", STRANGE)
        nothing = np.full(n, np.nan)
        return Prediction(
            value, low, high, std, proba, inside, reason.astype(np.str_), self.level, self.classes, self.unit, nothing,
            nothing.copy(),
        )  # fmt: skip

    def _said(self, X: FloatArray) -> dict[str, np.ndarray]:
        names = [one.name for one in self.session.get_outputs()]
        found = []
        for start in range(0, max(len(X), 1), _AT_ONCE):
            found.append(self.session.run(names, {"X": np.ascontiguousarray(X[start : start + _AT_ONCE])}))
        return {name: np.concatenate(parts) for name, *parts in zip(names, *found, strict=True)}


def load(folder: Path | str) -> Runner:
    """The runner of an exported folder or file.

    Raises
    ------
    BundleError : the bundle is damaged or was changed. MissingExtra : ONNX Runtime is not installed.
    """
    with unpacked(Path(folder)) as bundle:
        manifest = read_manifest(bundle)
        for name, entry in manifest.files.items():
            verify(bundle, name, entry)
        models: Any = tuple(read_model((bundle / entry.file).read_bytes()) for entry in manifest.models)
        return Runner(Bundle(manifest, models))


def read_model(content: bytes) -> OnnxModel:
    """A model in a session with one thread."""
    runtime: Any = require("onnxruntime", extra="edge")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    texts = session.get_modelmeta().custom_metadata_map
    level = float(texts["level"])
    return OnnxModel(
        texts["target"],
        texts["unit"],
        tuple(json.loads(texts["classes"])),
        level if math.isfinite(level) else 0.9,
        session,
    )

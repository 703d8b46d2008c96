"""From plain arrays back to a fitted model, by a fixed list of kinds."""

from __future__ import annotations

import importlib

from matloop.core.arrays import Arrays, text
from matloop.core.errors import BundleError
from matloop.models.family import ArrayModel

KINDS = {
    "table": "matloop.models.table_model:TableModel",
    "foreign": "matloop.models.foreign:ForeignModel",
}


def model_from_arrays(arrays: Arrays) -> ArrayModel:
    """The fitted model that `to_arrays` took apart.

    Raises
    ------
    BundleError : the kind is unknown, or an index, shape or size is impossible. No code of a file is ever run.
    """
    kind = text(arrays, "kind")
    if kind not in KINDS:
        raise BundleError(f"the bundle names a model of kind {kind!r}, this release knows {', '.join(KINDS)}.")
    module, _, name = KINDS[kind].partition(":")
    model: ArrayModel = getattr(importlib.import_module(module), name).from_arrays(arrays)
    return model

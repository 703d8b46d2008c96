"""In which leaf of each tree a row ends, found by LightGBM's library from the text of a model.

The library is called directly: its Python package loads pandas, scikit-learn and, where it is installed, dask, which
takes a second or two, and checks its arguments for longer than one row takes to walk. Where the library is not found
beside the package, the package is asked; the leaves are the same.
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
import weakref
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import IntArray
from matloop.core.errors import DataError, RunError

_FLOAT32, _LEAF, _ROW_MAJOR = 0, 2, 1
"""Numbers of LightGBM's C interface (c_api.h): the type of an entry, what is predicted, rows one after the other."""
_SETTINGS = b"num_threads=1 verbosity=-1"
_NAMES = {"win32": "lib_lightgbm.dll", "darwin": "lib_lightgbm.dylib"}


@cache
def _library() -> Any:
    """LightGBM's library; None where it does not lie beside its package."""
    spec = importlib.util.find_spec("lightgbm")
    name = _NAMES.get(sys.platform, "lib_lightgbm.so")
    for root in spec.submodule_search_locations or () if spec is not None else ():
        for place in (Path(root) / "lib" / name, Path(root) / "bin" / name, Path(root).parent / name):
            if place.is_file():
                found = ctypes.CDLL(str(place))
                found.LGBM_GetLastError.restype = ctypes.c_char_p
                return found
    return None


class Leaves:
    """The trees of a model text. Safe to use from several threads at once.

    Parameters
    ----------
    text : a LightGBM model (version 4). n_trees, n_columns : of the model, at least 1 each.
    """

    def __init__(self, text: str, n_trees: int, n_columns: int) -> None:
        self.n_trees, self.n_columns = n_trees, n_columns
        self._library = _library()
        if self._library is None:
            import lightgbm

            self._booster = lightgbm.Booster(model_str=text)
            return
        self._model, self._one_row = ctypes.c_void_p(), ctypes.c_void_p()
        read = ctypes.c_int()
        self._call("LGBM_BoosterLoadModelFromString", text.encode(), ctypes.byref(read), ctypes.byref(self._model))
        weakref.finalize(self, self._library.LGBM_BoosterFree, self._model)
        self._call(
            "LGBM_BoosterPredictForMatSingleRowFastInit", self._model, _LEAF, 0, n_trees, _FLOAT32,
            ctypes.c_int32(n_columns), _SETTINGS, ctypes.byref(self._one_row),
        )  # fmt: skip
        weakref.finalize(self, self._library.LGBM_FastConfigFree, self._one_row)

    def of(self, Z: NDArray[np.float32], start: int, count: int) -> IntArray:
        """Leaves (numbered inside their trees) of the trees `start` to `start + count`, shape (n_rows, count).

        Parameters
        ----------
        Z : shape (n_rows, n_columns), single precision.
        """
        Z = np.ascontiguousarray(Z, np.float32)
        if Z.ndim != 2 or Z.shape[1] != self.n_columns:  # the library would read past the end
            raise DataError(f"rows of shape {Z.shape} were sent through trees of {self.n_columns} columns.")
        if not len(Z):
            return np.zeros((0, count), np.int64)
        if self._library is None:
            found = self._booster.predict(Z, pred_leaf=True, num_threads=1, start_iteration=start, num_iteration=count)
            return np.asarray(found, np.int64).reshape(len(Z), count)
        leaves, length = np.empty((len(Z), count)), ctypes.c_int64()
        rows, out = ctypes.c_void_p(Z.ctypes.data), ctypes.c_void_p(leaves.ctypes.data)
        if len(Z) == 1 and count == self.n_trees:
            self._call("LGBM_BoosterPredictForMatSingleRowFast", self._one_row, rows, ctypes.byref(length), out)
        else:
            self._call(
                "LGBM_BoosterPredictForMat", self._model, rows, _FLOAT32, ctypes.c_int32(len(Z)),
                ctypes.c_int32(self.n_columns), _ROW_MAJOR, _LEAF, start, count, _SETTINGS, ctypes.byref(length), out,
            )  # fmt: skip
        return leaves.astype(np.int64)

    def _call(self, name: str, *arguments: Any) -> None:
        if getattr(self._library, name)(*arguments) != 0:
            why = self._library.LGBM_GetLastError().decode("utf-8", "replace")
            raise RunError(f"LightGBM could not walk the trees of a model ({why}). Install it again: lightgbm>=4.5.")

    def __reduce__(self) -> Any:
        return Leaves, (self._text(), self.n_trees, self.n_columns)

    def _text(self) -> str:
        """The model as text again."""
        if self._library is None:
            return str(self._booster.model_to_string())
        needed, room = ctypes.c_int64(), 1 << 20
        while True:
            text = ctypes.create_string_buffer(room)
            self._call(
                "LGBM_BoosterSaveModelToString", self._model, 0, -1, 0, ctypes.c_int64(room), ctypes.byref(needed), text
            )
            if needed.value <= room:
                return text.value.decode()
            room = needed.value

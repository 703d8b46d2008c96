"""Building a graph: numbers in double precision, written as one would write them for arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matloop.core.errors import ConfigError
from matloop.core.optional import require

OPSET, ML_OPSET = 21, 5
IR = 10
"""The first versions whose trees add up in double precision (ONNX 1.16)."""
X = "X"
_FEW = 20_000
"""Entries per row of a table of differences (160 kB)."""


class NotInGraph(ConfigError):
    """A part of a model that is not written as ONNX operators."""


class Graph:
    """Nodes and constants under way; `X` is the feature matrix, shape (n_rows, n_features)."""

    def __init__(self, n_features: int) -> None:
        self._onnx = require("onnx", extra="edge")
        self.n_features = n_features
        self._nodes: list[Any] = []
        self._constants: dict[str, NDArray[Any]] = {}
        self._count = 0
        self.X = Value(self, X)

    def const(self, array: Any) -> Value:
        """A constant; floats in double precision."""
        found = np.asarray(array)
        found = found.astype(np.float64) if found.dtype.kind == "f" else found
        name = self._name("c")
        self._constants[name] = np.ascontiguousarray(found) if found.ndim else found
        return Value(self, name)

    def op(self, kind: str, *inputs: Any, outputs: int = 1, domain: str = "", **attributes: Any) -> Any:
        """One node; its value, or as many as there are `outputs`."""
        names = [(one if isinstance(one, Value) else self.const(one)).name for one in inputs]
        made = [self._name(kind.lower()) for _ in range(outputs)]
        self._nodes.append(self._onnx.helper.make_node(kind, names, made, domain=domain, **attributes))
        found = [Value(self, name) for name in made]
        return found[0] if outputs == 1 else found

    def tensor(self, array: NDArray[Any]) -> Any:
        """An attribute that is an array."""
        return self._onnx.numpy_helper.from_array(array, self._name("a"))

    def concat(self, parts: Sequence[Value], axis: int = 1) -> Value:
        """Columns beside each other."""
        return parts[0] if len(parts) == 1 else self.op("Concat", *parts, axis=axis)

    def where(self, mask: Value, yes: Any, no: Any) -> Value:
        """One or the other."""
        return self.op("Where", mask, yes, no)

    def fill(self, value: float, width: int = 1) -> Value:
        """The same number in every row, shape (n_rows, width)."""
        first = self.op("Slice", self.op("Shape", self.X), np.array([0]), np.array([1]))
        shape = self.op("Concat", first, np.array([width]), axis=0)
        return self.op("Expand", np.array(float(value)), shape)

    def model(self, outputs: dict[str, tuple[Value, int, bool]], name: str, texts: dict[str, str]) -> bytes:
        """The finished model.

        Parameters
        ----------
        outputs : {name: (value, columns, whether it is a flag)}. texts : metadata.
        """
        helper, types = self._onnx.helper, self._onnx.TensorProto
        for called, (value, _, is_flag) in outputs.items():
            kind = types.BOOL if is_flag else types.DOUBLE
            self._nodes.append(helper.make_node("Cast", [value.name], [called], to=kind))
        ends = [
            helper.make_tensor_value_info(called, types.BOOL if is_flag else types.DOUBLE, ["rows", width])
            for called, (_, width, is_flag) in outputs.items()
        ]
        begin = [helper.make_tensor_value_info(X, types.DOUBLE, ["rows", self.n_features])]
        constants = [self._onnx.numpy_helper.from_array(array, key) for key, array in self._constants.items()]
        graph = helper.make_graph(self._nodes, name or "model", begin, ends, constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        made = helper.make_model(graph, opset_imports=opsets, ir_version=IR, producer_name="matloop")
        helper.set_model_props(made, texts)
        self._onnx.checker.check_model(made)
        return bytes(made.SerializeToString())

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}{self._count}"


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A value in a graph, rows first."""

    graph: Graph
    name: str

    def __add__(self, other: Any) -> Value:
        return self.op("Add", other)

    def __sub__(self, other: Any) -> Value:
        return self.op("Sub", other)

    def __mul__(self, other: Any) -> Value:
        return self.op("Mul", other)

    def __truediv__(self, other: Any) -> Value:
        return self.op("Div", other)

    def __matmul__(self, other: Any) -> Value:
        return self.op("MatMul", other)

    def __neg__(self) -> Value:
        return self.op("Neg")

    def op(self, kind: str, *others: Any, **attributes: Any) -> Value:
        """A node that begins with this value."""
        found: Value = self.graph.op(kind, self, *(float(o) if isinstance(o, int) else o for o in others), **attributes)
        return found

    def take(self, columns: Any) -> Value:
        """Some columns."""
        return self.op("Gather", np.asarray(columns, dtype=np.int64), axis=1)

    def clip(self, low: float, high: float) -> Value:
        """Cut to a range; NaN becomes one of its ends, so it is filled before."""
        return self.op("Clip", np.array(float(low)), np.array(float(high)))

    def at_least(self, low: Any) -> Value:
        """The larger of both."""
        return self.op("Max", low)

    def at_most(self, high: Any) -> Value:
        """The smaller of both."""
        return self.op("Min", high)

    def sum(self, axis: int = 1, keep: bool = True) -> Value:
        """Over an axis."""
        return self.op("ReduceSum", np.array([axis]), keepdims=int(keep))

    def mean(self, axis: int = 1, keep: bool = True) -> Value:
        """Over an axis."""
        return self.op("ReduceMean", np.array([axis]), keepdims=int(keep))

    def most(self, axis: int = 1, keep: bool = True) -> Value:
        """The largest along an axis."""
        return self.op("ReduceMax", np.array([axis]), keepdims=int(keep))

    def reshape(self, *shape: int) -> Value:
        """Another shape; -1 for the rows."""
        return self.op("Reshape", np.array(shape, dtype=np.int64))

    def numbers(self) -> Value:
        """A flag as 0 and 1, or integers as numbers."""
        return self.op("Cast", to=11)

    def single(self) -> Value:
        """Rounded to single precision, in double."""
        return self.op("Cast", to=1).op("Cast", to=11)

    def isnan(self) -> Value:
        return self.op("IsNaN")

    def exp(self) -> Value:
        return self.op("Exp")

    def log(self) -> Value:
        return self.op("Log")

    def sqrt(self) -> Value:
        return self.op("Sqrt")

    def abs(self) -> Value:
        return self.op("Abs")

    def below(self, other: Any) -> Value:
        """self < other"""
        return self.op("Less", other)

    def above(self, other: Any) -> Value:
        """self > other"""
        return self.op("Greater", other)

    def filled(self, number: float) -> Value:
        """NaN replaced."""
        return self.graph.where(self.isnan(), np.array(float(number)), self)


def linked(raw: Value, link: str) -> Value:
    """See `models.link`."""
    if link == "identity":
        return raw
    if link == "sigmoid":
        positive = raw.graph.const(np.array(1.0)) / ((-raw.clip(-500, 500)).exp() + 1.0)
        return raw.graph.concat([raw.graph.const(np.array(1.0)) - positive, positive])
    return softmax(raw)


def softmax(raw: Value, axis: int = 1) -> Value:
    """Probabilities of logits."""
    powers = (raw - raw.most(axis)).exp()
    return powers / powers.sum(axis)


def squared_gaps(A: Value, rows: NDArray[Any]) -> Value:
    """Squared distances to constant rows, shape (n_rows, n_known); from differences where that takes little memory, so
    that small ones are exact."""
    if rows.size <= _FEW:
        gaps = A.op("Unsqueeze", np.array([1])) - rows[None, :, :]
        return (gaps * gaps).sum(2, keep=False)
    away = (A * A).sum() - (A @ (2.0 * rows.T)) + (rows * rows).sum(axis=1)[None, :]
    return away.at_least(np.array(0.0))


def nearest(A: Value, rows: NDArray[Any], k: int) -> tuple[Value, Value]:
    """Distances to the k nearest constant rows, worked out from differences, and which they are: (n_rows, k) each."""
    g = A.graph
    _, place = g.op("TopK", squared_gaps(A, rows), np.array([k]), outputs=2, axis=1, largest=0, sorted=1)
    found = g.op("Gather", rows, place, axis=0)
    gaps = g.op("Unsqueeze", A, np.array([1])) - found
    return (gaps * gaps).sum(2, keep=False).sqrt(), place

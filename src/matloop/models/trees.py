"""Every tree model as flat node arrays, and one fast way to send rows through them.

A forest of scikit-learn and a boosting of LightGBM become the same arrays. To predict, the checked arrays are written
as the text of a LightGBM model whose only job is to say in which leaf a row ends (C++ speed); values are then gathered
and added in numpy, so the numbers come from our arrays alone.

Rows are compared in single precision, `float32(x) <= threshold`, as scikit-learn does. Thresholds are therefore kept as
the largest single-precision number not above the learnt one: exactly the same decisions in half the space.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import Arrays, BoolArray, FloatArray, IntArray, number, taken, within
from matloop.core.errors import BundleError, DataError
from matloop.models.family import Uncertainty, only_epistemic
from matloop.models.leaves import Leaves
from matloop.models.link import Link, linked, read_link
from matloop.models.small_trees import SmallTrees

_GATHERED = 4_000_000
"""leaf values gathered at once (32 MB)"""
_CACHED_LEAVES = 40_000
"""leaves whose trees are walked together by a large batch (about 1 MB)"""
_FEW_ROWS = 500
_SEVERAL_ROWS = 32
"""rows from which on small trees are looked at together instead of walked one by one"""
_MISSING_GOES = 8
_MISSING_LEFT = 10
_MISSING_IS_ZERO = 0
"""LightGBM's decision types: NaN goes right, NaN goes left, NaN counts as zero"""


@dataclass(frozen=True, slots=True)
class Trees:
    """A sum of trees over prepared columns.

    n_columns : of a prepared row. Tree t has the splits `splits[t]:splits[t+1]` and the leaves `leaves[t]:leaves[t+1]`
    (one leaf more than splits), numbered from zero inside the tree.

    feature : shape (n_splits,). threshold : shape (n_splits,), float32. left, right : shape (n_splits,), the child
    split (always of a larger number), or `~leaf`. default_left : where NaN goes; a missing value that never was missing
    in training counts as zero if `missing` is False for the split.
    value : shape (n_leaves, width), what a leaf adds.
    output : shape (n_trees,), the first output column that a tree adds to; it fills `width` of them.
    member : shape (n_trees,), the member of the ensemble a tree belongs to; members are averaged, their trees summed.
    link : what turns the mean of members into values.
    median : members are taken together by their median instead of their mean: for absolute errors.
    noise : shape (n_leaves,), variance of the target in each leaf that is no fault of the model; or (0,), not known.
    """

    kind: ClassVar[str] = "trees"
    n_columns: int
    splits: IntArray
    leaves: IntArray
    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    default_left: BoolArray
    missing: BoolArray
    value: NDArray[Any]
    output: IntArray
    member: IntArray
    link: Link
    train_loss: FloatArray = field(default_factory=lambda: np.zeros(0))
    validation_loss: FloatArray = field(default_factory=lambda: np.zeros(0))
    median: bool = False
    noise: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    _router: list[Any] = field(default_factory=list, compare=False, repr=False)
    _known_runs: dict[bool, list[tuple[int, int, IntArray]]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def n_in(self) -> int:
        return self.n_columns

    @property
    def n_raw(self) -> int:
        """Columns before the link."""
        return int(self.output.max()) + self.value.shape[1]

    @property
    def n_values(self) -> int:
        return 2 if self.link == "sigmoid" else self.n_raw

    @property
    def n_trees(self) -> int:
        return len(self.output)

    @property
    def n_members(self) -> int:
        return int(self.member.max()) + 1

    @property
    def loss_curve(self) -> tuple[FloatArray, FloatArray]:
        """Training and validation loss per round; empty for forests."""
        return self.train_loss, self.validation_loss

    def values(self, Z: FloatArray) -> FloatArray:
        """Shape (n_rows, n_values)."""
        if self.median:
            return linked(np.median(self._sums(Z, members=True)[0], axis=1), self.link)
        return linked(self._sums(Z, members=False)[0][:, 0], self.link)

    def values_and_uncertainty(self, Z: FloatArray) -> tuple[FloatArray, Uncertainty]:
        """The values, the deviation over members of the value or of the largest probability, and the noise of the
        leaves."""
        if self.n_members == 1:
            return self.values(Z), only_epistemic(np.zeros(len(Z)))
        values, own, noise = self.by_member(Z)
        return values, Uncertainty(own.std(axis=1), np.sqrt(np.maximum(noise, 0.0)))

    def sums(self, Z: FloatArray) -> FloatArray:
        """What each member adds up to before the link, shape (n_rows, n_members, n_raw)."""
        return self._sums(Z, members=True)[0]

    def by_member(self, Z: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The values; the value or the largest probability by each member, shape (n_rows, n_members); the variance of
        the noise, shape (n_rows,)."""
        sums, noise = self._sums(Z, members=True)
        values = linked(np.median(sums, axis=1) if self.median else sums.mean(axis=1), self.link)
        each = linked(sums.reshape(-1, self.n_raw), self.link).reshape(len(Z), self.n_members, self.n_values)
        column = values.argmax(axis=1) if self.n_values > 1 else np.zeros(len(Z), np.int64)
        return values, np.take_along_axis(each, column[:, None, None], axis=2)[:, :, 0], noise

    def leaf_of(self, Z: FloatArray) -> IntArray:
        """The leaf (numbered inside its tree) where each row ends in each tree, shape (n_rows, n_trees)."""
        if not self._router:
            self._router.append(_Router(self))
        found: IntArray = self._router[0].leaves(np.ascontiguousarray(Z, np.float32))
        return found

    def _sums(self, Z: FloatArray, *, members: bool) -> tuple[FloatArray, FloatArray]:
        """Sum of leaf values per member (or over all, as one mean), shape (n_rows, n_members or 1, n_raw), and with
        members the mean noise of the leaves, shape (n_rows,)."""
        count, noise = self.n_members, np.zeros(len(Z))
        sums = np.zeros((len(Z), count if members else 1, self.n_raw))
        step = max(1, _GATHERED // self.n_trees)
        width = self.value.shape[1]
        for start in range(0, len(Z), step):
            block = slice(start, start + step)
            places = self.leaf_of(Z[block]) + self.leaves[:-1]
            if members and len(self.noise):
                noise[block] = self.noise[places].mean(axis=1, dtype=np.float64)
            if members and count == self.n_trees:
                sums[block] = self.value[places]
                continue
            for member, output, trees in self._runs(members):
                found = self.value[places[:, trees]]
                sums[block, member, output : output + width] += found.sum(axis=1, dtype=np.float64)
        return (sums if members else sums / count), noise

    def _runs(self, members: bool) -> list[tuple[int, int, IntArray]]:
        """(member, first output column, its trees) for every pair that has trees, in a fixed order; found once."""
        if members not in self._known_runs:
            member = self.member if members else np.zeros_like(self.member)
            pairs, index = np.unique(np.stack([member, self.output]), axis=1, return_inverse=True)
            order = np.argsort(index.ravel(), kind="stable")
            trees = np.split(order, np.cumsum(np.bincount(index.ravel()))[:-1])
            self._known_runs[members] = [
                (owner, output, own) for (owner, output), own in zip(pairs.T.tolist(), trees, strict=True)
            ]
        return self._known_runs[members]

    def to_arrays(self) -> Arrays:
        """Plain arrays, in the smallest integers that hold them."""
        return {
            "n_columns": np.array(self.n_columns), "splits": self.splits, "leaves": self.leaves,
            "feature": smallest(self.feature), "threshold": self.threshold, "left": smallest(self.left),
            "right": smallest(self.right), "default_left": self.default_left, "missing": self.missing,
            "value": self.value, "output": self.output, "member": self.member, "link": np.array(self.link),
            "train_loss": self.train_loss, "validation_loss": self.validation_loss, "median": np.array(self.median),
            **({"noise": self.noise} if len(self.noise) else {}),
        }  # fmt: skip

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Trees:
        """The trees again: every child, leaf and column in range, every node reached exactly once."""
        n_columns = int(number(arrays, "n_columns"))
        splits, leaves = (taken(arrays, name, kind="iu").astype(np.int64) for name in ("splits", "leaves"))
        feature = within(arrays, "feature", 0, max(n_columns, 0)).astype(np.int32)
        threshold = taken(arrays, "threshold").astype(np.float32)
        left, right = (taken(arrays, name, kind="iu").astype(np.int64) for name in ("left", "right"))
        default_left, missing = (taken(arrays, name, kind="b") for name in ("default_left", "missing"))
        value = taken(arrays, "value", ndim=2)
        output = within(arrays, "output", 0, 100_000).astype(np.int64)
        member = within(arrays, "member", 0, max(len(output), 1)).astype(np.int64)
        train, held = (taken(arrays, name).astype(np.float64) for name in ("train_loss", "validation_loss"))
        link = read_link(arrays)
        noise = taken(arrays, "noise") if "noise" in arrays else np.zeros(0)
        sizes = {len(a) for a in (feature, threshold, left, right, default_left, missing)}
        _check_offsets(splits, leaves, len(output), len(feature), value)
        if len(sizes) != 1 or len(member) != len(output) or len(np.unique(member)) != int(member.max()) + 1:
            raise BundleError("the arrays of a tree model differ in length. The bundle is not trusted.")
        _check_children(splits, leaves, left, right)
        filled = np.unique(output[:, None] + np.arange(value.shape[1]))
        trees = cls(
            n_columns, splits, leaves, feature, threshold, left.astype(np.int32), right.astype(np.int32), default_left,
            missing, value, output, member, link, train, held, bool(number(arrays, "median")),
            noise.astype(np.float32),
        )  # fmt: skip
        if len(filled) != trees.n_raw or (link == "sigmoid" and trees.n_raw != 1):
            raise BundleError("the trees leave an output column empty. The bundle is not trusted.")
        if len(noise) not in (0, len(value)):
            raise BundleError("the noise of a tree model does not fit its leaves. The bundle is not trusted.")
        return trees


def _check_offsets(splits: IntArray, leaves: IntArray, n_trees: int, n_splits: int, value: NDArray[Any]) -> None:
    good = (
        n_trees > 0
        and len(splits) == len(leaves) == n_trees + 1
        and splits[0] == leaves[0] == 0
        and splits[-1] == n_splits
        and leaves[-1] == len(value)
        and value.shape[1] > 0
        and bool((np.diff(splits) >= 0).all())
        and bool((np.diff(leaves) == np.diff(splits) + 1).all())
    )
    if not good:
        raise BundleError("the trees of a model do not fill their arrays. The bundle is not trusted.")


def _check_children(splits: IntArray, leaves: IntArray, left: IntArray, right: IntArray) -> None:
    """Every split but the first and every leaf is the child of exactly one split, and of an earlier one."""
    count = np.diff(splits)
    tree = np.repeat(np.arange(len(count)), count)
    place = np.arange(len(left)) - splits[tree]
    hits_splits, hits_leaves = np.zeros(len(left), np.int64), np.zeros(int(leaves[-1]), np.int64)
    for child in (left, right):
        inner = child >= 0
        if (child[inner] <= place[inner]).any() or (child[inner] >= count[tree][inner]).any():
            raise BundleError("a tree points to an impossible branch. The bundle is not trusted.")
        leaf = ~child[~inner]
        if (leaf > count[tree][~inner]).any():
            raise BundleError("a tree points to an impossible leaf. The bundle is not trusted.")
        np.add.at(hits_splits, child[inner] + splits[tree][inner], 1)
        np.add.at(hits_leaves, leaf + leaves[tree][~inner], 1)
    roots = np.zeros(len(left), bool)
    roots[splits[:-1][count > 0]] = True
    alone = leaves[:-1][count == 0]
    hits_leaves[alone] += 1
    if (hits_splits[~roots] != 1).any() or (hits_leaves != 1).any():
        raise BundleError("a tree has branches that do not belong to it. The bundle is not trusted.")


def smallest(values: NDArray[Any]) -> NDArray[Any]:
    """The same integers in the smallest signed type that holds them."""
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    for kind in (np.int8, np.int16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return values.astype(kind)
    return values.astype(np.int64)


def side_by_side(parts: Sequence[Trees]) -> Trees:
    """Sums of trees over the same columns as one, whose output columns are theirs: quicker than one after the other.

    Raises
    ------
    DataError : they are not of the same columns, or not of one value and one member each, without a link.
    """
    first = parts[0]
    for trees in parts:
        plain = trees.link == "identity" and not trees.median and trees.n_members == trees.n_raw == 1
        if not plain or trees.n_columns != first.n_columns:
            raise DataError("only sums of trees of one value over the same columns can stand side by side.")

    def whole(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(trees, name) for trees in parts])

    def offsets(name: str) -> IntArray:
        return np.cumsum([0, *(size for trees in parts for size in np.diff(getattr(trees, name)).tolist())])

    output = np.repeat(np.arange(len(parts)), [trees.n_trees for trees in parts])
    return Trees(
        first.n_columns, offsets("splits"), offsets("leaves"), whole("feature"), whole("threshold"), whole("left"),
        whole("right"), whole("default_left"), whole("missing"), whole("value"), output, np.zeros_like(output),
        "identity",
    )  # fmt: skip


def rounded_down(threshold: FloatArray) -> NDArray[np.float32]:
    """The largest finite float32 not above each threshold: `float32(x) <= t` decides the same with it."""
    most = float(np.finfo(np.float32).max)
    exact = np.clip(threshold, -most, most)
    near = exact.astype(np.float32)
    high = near.astype(np.float64) > exact
    near[high] = np.nextafter(near[high], np.float32(-np.inf))
    return near


class _Router:
    """What says which leaf a row ends in: a LightGBM model made of checked arrays, or for small trees numpy."""

    def __init__(self, trees: Trees) -> None:
        self._constant = int(trees.splits[-1]) == 0
        self._n_trees = trees.n_trees
        self._small = SmallTrees(trees) if SmallTrees.fits(trees) else None
        if not self._constant:
            self._parts = _parts(trees)
            self._leaves = Leaves(model_text(trees), trees.n_trees, trees.n_columns)

    def leaves(self, Z: NDArray[np.float32]) -> IntArray:
        if self._constant or not len(Z):
            return np.zeros((len(Z), self._n_trees), np.int64)
        if self._small is not None and len(Z) >= _SEVERAL_ROWS:
            return self._small.leaves(Z)
        if len(Z) < _FEW_ROWS:
            return self._leaves.of(Z, 0, self._n_trees)
        return np.concatenate([self._leaves.of(Z, *part) for part in self._parts], axis=1)


def _parts(trees: Trees) -> list[tuple[int, int]]:
    """(first tree, number of trees) of runs that fit into a processor's cache together: big forests walk faster."""
    part = trees.leaves[:-1] // _CACHED_LEAVES
    starts = np.flatnonzero(np.diff(part, prepend=-1))
    return list(zip(starts.tolist(), np.diff(starts, append=trees.n_trees).tolist(), strict=True))


def model_text(trees: Trees) -> str:
    """The trees as the text of a LightGBM model (version 4); leaves carry no values."""
    out = io.StringIO()
    names = " ".join(f"c{i}" for i in range(trees.n_columns))
    infos = " ".join(["[-inf:inf]"] * trees.n_columns)
    out.write(
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"
        f"max_feature_idx={trees.n_columns - 1}\nobjective=regression\nfeature_names={names}\nfeature_infos={infos}\n\n"
    )
    decision = np.where(trees.missing, np.where(trees.default_left, _MISSING_LEFT, _MISSING_GOES), _MISSING_IS_ZERO)
    for t in range(trees.n_trees):
        part = slice(int(trees.splits[t]), int(trees.splits[t + 1]))
        n_leaves = part.stop - part.start + 1
        out.write(f"Tree={t}\nnum_leaves={n_leaves}\nnum_cat=0\n")
        if n_leaves > 1:
            out.write(f"split_feature={_line(trees.feature[part])}\nsplit_gain={'0 ' * (n_leaves - 1)}\n")
            out.write(f"threshold={_line(trees.threshold[part].astype(np.float64))}\n")
            out.write(f"decision_type={_line(decision[part])}\nleft_child={_line(trees.left[part])}\n")
            out.write(f"right_child={_line(trees.right[part])}\n")
        out.write(f"leaf_value={'0 ' * n_leaves}\nis_linear=0\nshrinkage=1\n\n\n")
    out.write("end of trees\n\npandas_categorical:null\n")
    return out.getvalue()


def _line(values: NDArray[Any]) -> str:
    return " ".join(map(repr, values.tolist()))


def walk(trees: Trees, Z: FloatArray) -> IntArray:
    """The leaf of each row in each tree by a plain walk, shape (n_rows, n_trees): the check of the fast way."""
    Z = Z.astype(np.float32)
    found = np.zeros((len(Z), trees.n_trees), np.int64)
    rows = np.arange(len(Z))
    for t in range(trees.n_trees):
        start = int(trees.splits[t])
        at = np.full(len(Z), 0 if trees.splits[t + 1] > start else -1)
        while (inner := at >= 0).any():
            node = start + at[inner]
            x = Z[rows[inner], trees.feature[node]]
            empty = np.isnan(x)
            x = np.where(empty & ~trees.missing[node], np.float32(0), x)
            goes_left = np.where(empty & trees.missing[node], trees.default_left[node], x <= trees.threshold[node])
            at[inner] = np.where(goes_left, trees.left[node], trees.right[node])
        found[:, t] = ~at
    return found

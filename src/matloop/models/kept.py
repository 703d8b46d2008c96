"""A fitted scikit-learn estimator as bytes, and back without trust.

skops makes sure that only listed types are built, and runs no code of the file. What it cannot see is whether the
numbers inside make sense to compiled code that follows indices without looking (trees, neighbours, support vectors), so
those are checked here; types whose contents cannot be checked (KDTree, BallTree) are not read at all.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from types import ModuleType
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from matloop.core.arrays import Arrays, taken, text
from matloop.core.errors import BundleError, ConfigError
from matloop.core.optional import require

_KERNELS = (
    "CompoundKernel", "ConstantKernel", "DotProduct", "ExpSineSquared", "Exponentiation", "Matern", "Product", "RBF",
    "RationalQuadratic", "Sum", "WhiteKernel",
)  # fmt: skip
ALLOWED = (
    "sklearn.tree._tree.Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.utils._bunch.Bunch",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.feature_selection._univariate_selection.f_regression",
    "sklearn._loss.loss.HalfTweedieLoss",
    "sklearn._loss.loss.HalfTweedieLossIdentity",
    *(f"sklearn.gaussian_process.kernels.{name}" for name in _KERNELS),
)
"""Types of scikit-learn beside those that skops trusts by itself: trees, whose contents `_checks` looks at, and classes
in plain Python that only calculate with arrays."""
_ENTRY = re.compile(r"\d{1,20}\.npy")
_SCHEMA = "schema.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def kept(estimator: BaseEstimator) -> NDArray[np.uint8]:
    """The fitted estimator as bytes, equal for equal estimators; shape (n_bytes,).

    Raises
    ------
    MissingExtra : skops is not installed. ConfigError : it holds something that could not be read back from a bundle.
    """
    skops = _skops()
    try:
        content = _canonical(skops.dumps(estimator))
    except TypeError as error:
        raise ConfigError(f"{type(estimator).__name__} cannot be kept in a bundle: {error}") from error
    strange = _strange(skops, content)
    if strange:
        raise ConfigError(
            f"{type(estimator).__name__} holds {', '.join(strange)} once fitted, which cannot be checked when a bundle "
            "is read, so it cannot be kept. For neighbours choose algorithm='brute'; else take another estimator."
        )
    return np.frombuffer(content, dtype=np.uint8)


def versions() -> Arrays:
    """The releases that a kept estimator depends on, as arrays for the file."""
    return {"scikit_learn": np.array(version("scikit-learn")), "skops": np.array(version("skops"))}


def read_kept(arrays: Arrays, name: str) -> Any:
    """The fitted estimator in the array `name`; contents that compiled code would follow blindly are checked.

    Raises
    ------
    MissingExtra : skops is not installed. BundleError : made with another scikit-learn, types that are not on the list,
        damaged or impossible contents.
    """
    skops = _skops()
    _check_release(arrays)
    content = taken(arrays, name, kind="u").astype(np.uint8).tobytes()
    try:
        _check_archive(content)
        strange = _strange(skops, content)
        if strange:
            raise BundleError(f"the estimator holds {', '.join(strange)}. Such types are not read from a bundle.")
        estimator = skops.loads(content, trusted=list(ALLOWED))
        checks = _checks()
        for part in _parts(estimator):
            for kind, fitted, check in checks:
                if isinstance(part, kind) and hasattr(part, fitted):
                    check(part)
    except BundleError:
        raise
    except Exception as error:  # a damaged or hostile file may fail anywhere inside
        raise BundleError(
            f"the estimator of a bundle (skops {text(arrays, 'skops')}) cannot be read: {type(error).__name__}: "
            f"{str(error)[:200]}. Copy or make the bundle again."
        ) from error
    if not (isinstance(estimator, BaseEstimator) and hasattr(estimator, "predict")):
        raise BundleError(f"the bundle holds a {type(estimator).__name__}, not an estimator. It is not trusted.")
    return estimator


def _skops() -> ModuleType:
    return require("skops.io", extra="foreign")


def _strange(skops: ModuleType, content: bytes) -> list[str]:
    """Types in the file that are neither trusted by skops itself nor on the fixed list."""
    return sorted(set(skops.get_untrusted_types(data=content)) - set(ALLOWED))


def _check_release(arrays: Arrays) -> None:
    made, here = text(arrays, "scikit_learn"), sklearn.__version__
    if made.split(".")[:2] != here.split(".")[:2]:
        release = ".".join(re.findall(r"\d+", made)[:2])
        raise BundleError(
            f"the estimator was fitted with scikit-learn {made[:20]}, here is {here}: another release may read it "
            f"wrongly. Install it with: pip install 'scikit-learn=={release}.*'"
        )


# --- bytes -----------------------------------------------------------------------------------------------------------


def _canonical(content: bytes) -> bytes:
    """The same file without addresses and times: objects are numbered in the order of the text."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        schema = json.loads(archive.read(_SCHEMA))
        numbers: dict[str, int] = {}
        _renumber(schema, numbers)
        entries = {name: archive.read(name) for name in archive.namelist() if name != _SCHEMA}
    renamed = {_renamed(name, numbers): entry for name, entry in entries.items()}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(renamed):
            if not _ENTRY.fullmatch(name):
                raise TypeError(f"it holds a sparse matrix or an unknown kind of file ({name})")
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), renamed[name])
        archive.writestr(zipfile.ZipInfo(_SCHEMA, _EPOCH), json.dumps(schema))
    return stream.getvalue()


def _renumber(state: Any, numbers: dict[str, int]) -> None:
    if isinstance(state, list):
        for item in state:
            _renumber(item, numbers)
    elif isinstance(state, dict):
        if state.get("is_json"):
            state.pop("__id__", None)  # which equal numbers are one object is an accident of the process
        elif "__id__" in state:
            state["__id__"] = numbers.setdefault(str(state["__id__"]), len(numbers) + 1)
        if isinstance(state.get("file"), str):
            number = state["file"].partition(".")[0]
            numbers.setdefault(number, len(numbers) + 1)
            state["file"] = _renamed(state["file"], numbers)
        for item in state.values():
            _renumber(item, numbers)


def _renamed(name: str, numbers: dict[str, int]) -> str:
    stem, _, ending = name.partition(".")
    return f"{numbers[stem]}.{ending}"


def _check_archive(content: bytes) -> None:
    """Only stored arrays and the schema: what is packed cannot grow."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            if entry.compress_type != zipfile.ZIP_STORED or not (
                entry.filename == _SCHEMA or _ENTRY.fullmatch(entry.filename)
            ):
                raise BundleError(f"the estimator holds a file {entry.filename[:80]!r}. The bundle is not trusted.")


# --- contents --------------------------------------------------------------------------------------------------------


def _parts(root: Any) -> Iterator[Any]:
    """Every object inside an estimator, each once."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        part = waiting.pop()
        if id(part) in seen or isinstance(part, str | bytes | int | float | bool | type(None)):
            continue
        seen.add(id(part))
        yield part
        if isinstance(part, dict):
            waiting += [*part.keys(), *part.values()]
        elif isinstance(part, list | tuple | set | frozenset):
            waiting += part
        elif isinstance(part, np.ndarray):
            waiting += part.ravel().tolist() if part.dtype == object else []
        else:
            waiting += vars(part).values() if hasattr(part, "__dict__") else []


def _checks() -> list[tuple[type, str, Callable[[Any], None]]]:
    """What is checked of which type: everything that compiled code of a prediction indexes without bounds.

    The second entry is the attribute without which the part cannot predict: it is a template, not a fitted estimator.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.ensemble._forest import BaseForest
    from sklearn.ensemble._gb import BaseGradientBoosting
    from sklearn.neighbors._base import NeighborsBase
    from sklearn.svm._base import BaseLibSVM
    from sklearn.tree import BaseDecisionTree
    from sklearn.tree._tree import Tree

    return [
        (Tree, "node_count", _check_tree),
        (BaseDecisionTree, "tree_", lambda part: _same_width(part, [part.tree_.n_features])),
        (BaseForest, "estimators_", lambda part: _same_width(part, _widths(part.estimators_))),
        (BaseGradientBoosting, "estimators_", _check_boosting),
        (HistGradientBoostingRegressor, "_predictors", _check_histogram_boosting),
        (HistGradientBoostingClassifier, "_predictors", _check_histogram_boosting),
        (NeighborsBase, "_fit_X", _check_neighbours),
        (BaseLibSVM, "support_vectors_", _check_support_vectors),
    ]


def _require(truth: Any, what: str) -> None:
    if not truth:
        raise BundleError(f"the {what} of an estimator are impossible. The bundle is not trusted.")


def _same_width(part: Any, widths: list[int]) -> None:
    _require(all(width == part.n_features_in_ for width in widths), "numbers of columns")


def _widths(trees: Any) -> list[int]:
    return [tree.tree_.n_features for tree in np.asarray(trees, dtype=object).ravel()]


def _check_tree(tree: Any) -> None:
    n = tree.node_count
    _require(0 < n == tree.capacity and tree.n_features > 0, "numbers of nodes")
    _require(tree.n_outputs == 1 and tree.value.shape[0] == n and tree.value.size >= n, "values of nodes")
    left, right = tree.children_left, tree.children_right
    _check_children(left, right, left == -1, tree.feature, tree.n_features)


def _check_children(
    left: NDArray[Any], right: NDArray[Any], leaf: NDArray[Any], feature: NDArray[Any], width: int
) -> None:
    """A child stands behind its parent, so a walk ends; a question is asked of a column that exists."""
    inner = ~leaf
    at = np.flatnonzero(inner)
    for child in (left[inner].astype(np.int64), right[inner].astype(np.int64)):
        _require((child > at).all() and (child < len(left)).all(), "nodes")
    _require((feature[inner] >= 0).all() and (feature[inner] < width).all(), "columns of nodes")


def _check_boosting(model: Any) -> None:
    trees = model.estimators_
    _same_width(model, _widths(trees))
    _require(trees.ndim == 2 and trees.shape[1] == model.n_trees_per_iteration_ > 0, "trees")
    row = np.zeros((1, model.n_features_in_), dtype=np.float32)
    _require(model._raw_predict_init(row).shape == (1, trees.shape[1]), "first values")


def _check_histogram_boosting(model: Any) -> None:
    width = model.n_features_in_
    for predictor in (one for several in model._predictors for one in several):
        nodes = predictor.nodes
        _require(len(nodes) and not nodes["is_categorical"].any(), "nodes")
        leaf = nodes["is_leaf"].astype(bool)
        _check_children(nodes["left"], nodes["right"], leaf, nodes["feature_idx"], width)


def _check_neighbours(model: Any) -> None:
    rows = model._fit_X
    _require(isinstance(rows, np.ndarray) and rows.ndim == 2 and model._tree is None, "neighbours")
    _same_width(model, [rows.shape[1]])


def _check_support_vectors(model: Any) -> None:
    """Sizes that libsvm believes (compare CVE-2020-28975)."""
    vectors, own = model.support_vectors_, model._n_support
    k = len(model.classes_) if hasattr(model, "classes_") else 2
    pairs = k * (k - 1) // 2
    _require(not model._sparse and vectors.ndim == 2 and model.support_.shape == (len(vectors),), "support vectors")
    _require(model._dual_coef_.shape == (k - 1, len(vectors)), "coefficients")
    _require(model._intercept_.size == pairs and model._probA.size in (0, 1, pairs), "intercepts")
    _require(model._probB.size == model._probA.size or k == 2, "probabilities")
    _require((own >= 0).all() and (not hasattr(model, "classes_") or own.sum() == len(vectors)), "support vectors")
    _require(not hasattr(model, "classes_") or len(own) == k, "classes")
    _same_width(model, [vectors.shape[1], model.shape_fit_[1]])

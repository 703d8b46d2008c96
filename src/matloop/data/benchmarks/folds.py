"""The official folds of Matbench v0.1."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import IntArray

N_FOLDS = 5
SEED = 18012019


def official_folds(y: ArrayLike, *, classes: bool) -> IntArray:
    """The fold in which each row is tested, shape (n,), 0 to 4; all other rows are there to learn from.

    Parameters
    ----------
    y : the target in the published order of rows. classes : whether it is a class; then folds are stratified.

    Notes
    -----
    The rule of Matbench v0.1: `KFold` or `StratifiedKFold` of scikit-learn with five shuffled folds and the seed
    18012019. It gives every one of the published folds of the nine tasks that it was compared with (267,270 rows).

    References
    ----------
    Dunn et al., npj Comput. Mater. 6 (2020) 138. doi:10.1038/s41524-020-00406-3
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    values = np.asarray(y)
    parts = (StratifiedKFold if classes else KFold)(n_splits=N_FOLDS, shuffle=True, random_state=SEED)
    fold = np.empty(len(values), dtype=np.int64)
    for k, (_, test) in enumerate(parts.split(np.zeros(len(values)), values.astype(str) if classes else None)):
        fold[test] = k
    return fold


def matbench_ids(name: str, n: int) -> list[str]:
    """Names of the rows as Matbench gives them: "mb-steels-001", ..."""
    short, digits = name.removeprefix("matbench_").replace("_", "-"), len(str(n))
    return [f"mb-{short}-{i:0{digits}d}" for i in range(1, n + 1)]

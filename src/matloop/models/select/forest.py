"""Columns that a random forest splits on."""

from __future__ import annotations

from matloop.core.arrays import FloatArray, IntArray
from matloop.models.select import ranked, some_rows

MOST_ROWS = 4000
_TREES = 100


def by_forest(Z: FloatArray, y: FloatArray, k: int, *, classes: int, seed: int) -> IntArray:
    """The columns with the largest mean decrease of impurity in 100 trees.

    It sees interactions and bends; of columns that say the same each gets a part, and columns with many values get
    more than flags (Strobl et al., BMC Bioinform. 8 (2007) 25. doi:10.1186/1471-2105-8-25).
    Breiman, Mach. Learn. 45 (2001) 5. doi:10.1023/A:1010933404324
    """
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestClassifier if classes else RandomForestRegressor
    rows = some_rows(len(Z), MOST_ROWS)
    forest = kind(_TREES, max_features=1.0 / 3.0, min_samples_leaf=2, n_jobs=1, random_state=seed)
    return ranked(forest.fit(Z[rows], y[rows]).feature_importances_)[:k]

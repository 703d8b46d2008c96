"""Every registered splitter keeps the contract."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from matloop.core.errors import ConfigError, MatloopWarning
from matloop.core.optional import available
from matloop.matter.structures import from_arrays
from matloop.split import SPLITTERS
from matloop.testing.splitters import check_splitter


def crystals(n):
    """Rock salt, CsCl and zinc blende of several pairs of elements, lattice constants apart by chance."""
    kinds = [(5.6, [0.5, 0.5, 0.5], True), (3.9, [0.5, 0.5, 0.5], False), (5.4, [0.25, 0.25, 0.25], True)]
    rng = np.random.default_rng(3)
    lattices, places, numbers = [], [], []
    for i in range(n):
        a, second, faced = kinds[i % 3]
        a *= rng.uniform(0.9, 1.1)
        lattices.append(a / 2 * (1 - np.eye(3)) if faced else a * np.eye(3))
        places.append(np.array([[0, 0, 0], second]))
        numbers.append([int(rng.choice([11, 19, 37, 12])), int(rng.choice([9, 17, 35, 8]))])
    return from_arrays(np.array(lattices), places, numbers)


RNG = np.random.default_rng(5)
N = 160
GROUPS = np.arange(N) // 2
PAIRS = zip(RNG.choice(["Fe", "Co", "Ni", "Zn", "Y", "La"], N // 2), RNG.choice(["O", "S", "F"], N // 2), strict=True)
FORMULAS = [f"{a}{i % 4 + 1}{b}{i % 3 + 1}" for i, (a, b) in enumerate(PAIRS) for _ in range(2)]
RINGS = ["c1ccccc1O", "c1ccccc1CC", "C1CCNCC1", "CCO", "c1ccc2ccccc2c1", "C1CC1"]
SMILES = np.repeat(RNG.choice(RINGS, N // 2), 2).tolist()
X = RNG.normal(size=(N, 6)) + np.repeat(RNG.normal(0, 3, (N // 10, 6)), 10, axis=0)
Y = X @ np.arange(6.0)
LABELS = RNG.choice(["Fm-3m", "P1", "R-3c"], N).tolist()
CRYSTALS = crystals(N // 2).take(np.repeat(np.arange(N // 2), 2))
SETTINGS = {
    "label": {"labels": LABELS},
    "element": {"compositions": FORMULAS},
    "period": {"compositions": FORMULAS},
    "table_group": {"compositions": FORMULAS},
    "chemical_system": {"compositions": FORMULAS, "least_rows": 4},
    "chemical_system_folds": {"compositions": FORMULAS},
    "scaffold": {"smiles": SMILES, "n_splits": 3},
    "space_group": {"structures": CRYSTALS},
    "prototype": {"structures": CRYSTALS},
    "nearly_identical": {"structures": CRYSTALS},
}
EXTRAS = {"scaffold": "rdkit", "space_group": "moyopy", "prototype": "moyopy", "nearly_identical": "matscipy"}
PARTITIONS = {"random", "stratified", "nested", "cluster", "chemical_system_folds", "near_twins", "scaffold"} | {
    "nearly_identical"
}


@pytest.mark.parametrize("name", list(SPLITTERS))
def test_splitter_keeps_the_contract(name):
    if name in EXTRAS and not available(EXTRAS[name]):
        pytest.skip(f"{EXTRAS[name]} is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MatloopWarning)
        check_splitter(SPLITTERS.load(name)(**SETTINGS.get(name, {})), X, Y, GROUPS, partition=name in PARTITIONS)


@pytest.mark.filterwarnings("ignore:The groups parameter")
def test_the_battery_catches_a_leak_and_a_changing_split():
    class Leaky:
        def split(self, X, y=None, groups=None):
            yield np.arange(len(X)), np.arange(3)

    with pytest.raises(AssertionError, match="disjoint"):
        check_splitter(Leaky(), X, Y, GROUPS)
    from sklearn.model_selection import KFold

    with pytest.raises(AssertionError, match="no group is on both sides"):
        check_splitter(KFold(5, shuffle=True, random_state=0), X, Y, GROUPS)


def test_a_misspelt_name_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="stratified"):
        SPLITTERS.load("stratifed")


def test_the_reference_page_names_every_splitter_and_its_class():
    text = (Path(__file__).parents[2] / "docs/reference/splits.md").read_text("utf-8")
    for name, place in SPLITTERS.items():
        assert f"| `{name}` | `{place.partition(':')[2]}` |" in text

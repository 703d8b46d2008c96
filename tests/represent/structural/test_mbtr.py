"""Histograms of distances and angles: DScribe's values, a cell by hand, invariances, options."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matloop.core.elements import SYMBOLS
from matloop.core.errors import ConfigError
from matloop.matter.structures import from_arrays
from matloop.represent.structural.mbtr import LocalMbtrFeaturizer, MbtrFeaturizer
from matloop.represent.structural.smearing import Grid, smeared
from matloop.represent.structural.valle_oganov import ValleOganovFeaturizer
from matloop.testing.featurizers import check_featurizer
from matloop.testing.structures import INVARIANCES, sample_structures

pytest.importorskip("matscipy")
# made with DScribe 2.1.2 by tools/matrix_references.py
REFERENCE = np.load(Path(__file__).parent / "dscribe_2_1_2.npz")
TERMS = ("distance", "inverse_distance", "angle", "cosine")
PEROVSKITE = ("Sr", "Ti", "O")


def named(group):
    structures = sample_structures()
    return structures.take(np.array([structures.names.tolist().index(n) for n in REFERENCE[f"{group}/names"].tolist()]))


@pytest.mark.parametrize("group", ["alike", "perovskite"])
@pytest.mark.parametrize("term", TERMS)
@pytest.mark.parametrize("name", ["mbtr", "local_mbtr", "valle_oganov"])
def test_values_are_those_of_dscribe(name, term, group):
    options = {"terms": (term,), "cutoff": 5.0, "points": 12, "species": () if group == "alike" else PEROVSKITE}
    if name == "valle_oganov":
        if term not in ("distance", "angle"):
            return  # it has no other terms
        featurizer = ValleOganovFeaturizer(**options, widths=(0.1 if term == "distance" else 4.0,))
    elif name == "mbtr":
        featurizer = MbtrFeaturizer(**options)
    else:
        featurizer = LocalMbtrFeaturizer(**options, statistics=("mean",))
    theirs = REFERENCE[f"{group}/{name}/{term}"]
    if name == "local_mbtr":
        theirs = theirs[:, seen(term, 1 if group == "alike" else 3)]
    # an angle of 180 degrees is only known to 1e-6 of them
    tolerance = 1e-7 if term == "angle" else 1e-11
    np.testing.assert_allclose(
        featurizer.transform(named(group)), theirs, rtol=0, atol=tolerance * np.abs(theirs).max()
    )


def seen(term, n):
    """Columns of DScribe's blocks in which its ghost atom X, kind 0, is a site once and no neighbour."""
    if "distance" in term:
        blocks = range(1, n + 1)
    else:
        upper = [(i, k) for i in range(n + 1) for k in range(i, n + 1)]
        middle = [place for place, (i, _) in enumerate(upper) if i > 0]
        blocks = [*middle, *(len(upper) + j * (n + 1) + k for j in range(n) for k in range(1, n + 1))]
    return np.concatenate([np.arange(12 * block, 12 * (block + 1)) for block in blocks])


def test_caesium_chloride_by_hand():
    salt = sample_structures().take(np.array([1]))
    featurizer = MbtrFeaturizer(
        ("distance",), cutoff=4.0, points=81, grids=((0.0, 8.0, 0.05),), normalisation="none", species=("Cs", "Cl")
    )
    found = dict(zip(featurizer.columns(), featurizer.transform(salt)[0] * 0.1, strict=True))
    apart = 4.12 * 0.75**0.5
    pairs = sum(value for name, value in found.items() if "Cl-Cs" in name)
    assert pairs == pytest.approx(8 * 1e-3 ** (apart / 4.0), rel=1e-9)  # eight per cell, each once
    assert sum(found.values()) == pytest.approx(pairs)
    middle = sum(value * float(name.split()[-1]) for name, value in found.items()) / pairs
    assert middle == pytest.approx(apart, abs=1e-3)


def test_angles_of_a_water_molecule():
    water = sample_structures().take(np.array([9]))
    featurizer = MbtrFeaturizer(("angle",), points=181, grids=((0.0, 180.0, 0.5),), species=("O", "H"))
    found = dict(zip(featurizer.columns(), featurizer.transform(water)[0], strict=True))
    at = {block: max((v, n) for n, v in found.items() if f" {block} " in n)[1] for block in ("H-O-H", "H-H-O")}
    wanted = 2 * np.degrees(np.arctan2(0.757, 0.586))
    assert float(at["H-O-H"].split()[-1]) == pytest.approx(wanted, abs=0.5)
    assert float(at["H-H-O"].split()[-1]) == pytest.approx(90 - wanted / 2, abs=0.5)


@given(st.integers(0, 10**6), st.integers(1, 5))
@settings(max_examples=15, deadline=None)
def test_the_same_crystal_written_otherwise_has_the_same_histograms(seed, n):
    rng = np.random.default_rng(seed)
    lattice = (2.5 + 2 * rng.random()) * (np.eye(3) + rng.uniform(-0.3, 0.3, (3, 3)))
    crystal = from_arrays(lattice[None], [rng.random((n, 3))], [rng.integers(1, 119, n)])
    for featurizer in (MbtrFeaturizer(cutoff=3.9), LocalMbtrFeaturizer(cutoff=3.9), ValleOganovFeaturizer(cutoff=3.9)):
        found = featurizer.transform(crystal)
        for way in featurizer.invariances:
            again = featurizer.transform(INVARIANCES[way](crystal))
            np.testing.assert_allclose(again, found, rtol=0, atol=1e-6 * np.abs(found).max())


def test_distances_of_the_fingerprint_do_not_depend_on_the_cell_but_angles_fall_with_it():
    salt = sample_structures().take(np.array([1]))
    double = INVARIANCES["supercell"](salt)
    for term, factor in (("distance", 1.0), ("angle", 0.25)):
        featurizer = ValleOganovFeaturizer((term,), widths=(1.0,), species=("Cs", "Cl"))
        once, more = featurizer.transform(salt), featurizer.transform(double)
        # angles of 180 degrees are known to 1e-6 of them
        np.testing.assert_allclose(more, factor * once, atol=1e-6 * once.max())


def test_a_sum_of_gaussians_has_the_sum_of_their_weights():
    grid = Grid(-10.0, 10.0, 0.5, 200)
    keys, tables = smeared(np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 4.0]), np.array([7, 3, 7]), grid)
    assert keys.tolist() == [3, 7]
    np.testing.assert_allclose(tables.sum(axis=1) * 20 / 199, [2.0, 5.0], rtol=1e-12)


@pytest.mark.parametrize(
    "featurizer",
    [MbtrFeaturizer(("angle", "distance"), normalisation="l2"), MbtrFeaturizer(points=3, cutoff=2.0),
     LocalMbtrFeaturizer(("distance",), statistics=("maximum",)), ValleOganovFeaturizer(("angle",), widths=(9.0,))],
)  # fmt: skip
def test_the_contract_holds_with_other_options(featurizer):
    check_featurizer(featurizer)


def test_other_elements_and_crowded_rows_have_a_reason():
    structures = sample_structures()
    assert MbtrFeaturizer(species=("Na", "Cl")).reasons(structures)[1].startswith("contains Cs")
    crowded = from_arrays(np.eye(3)[None], [np.random.default_rng(0).random((60, 3))], [np.full(60, 1)])
    assert "pairs of neighbours within 6 A" in MbtrFeaturizer().reasons(crowded)[0]
    assert MbtrFeaturizer(("distance",)).reasons(crowded) == {}


def test_a_run_keeps_elements_apart_while_columns_are_few():
    structures = sample_structures().take(np.array([4]))
    assert MbtrFeaturizer.planned(structures) == {"species": ("O", "Ti", "Sr")}
    assert MbtrFeaturizer.planned(sample_structures()) == {"species": ()}


@pytest.mark.parametrize(
    ("made", "options", "told"),
    [(MbtrFeaturizer, {"terms": ("dihedral",)}, "terms"), (MbtrFeaturizer, {"grids": ((0.0, 1.0, 0.1),)}, "1 grids"),
     (MbtrFeaturizer, {"grids": ((1.0, 0.0, 0.1), (0.0, 1.0, 0.1))}, "ascending"),
     (MbtrFeaturizer, {"points": 1}, "points"),
     (MbtrFeaturizer, {"normalisation": "sum"}, "n_atoms"), (ValleOganovFeaturizer, {"terms": ("cosine",)}, "possible"),
     (MbtrFeaturizer, {"cutoff": 100.0}, "cutoff"),
     (MbtrFeaturizer, {"species": SYMBOLS[1:21]}, "Name fewer")],
)  # fmt: skip
def test_wrong_options_are_refused(made, options, told):
    with pytest.raises(ConfigError, match=told):
        made(**options).columns()

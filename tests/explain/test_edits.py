"""Altered compositions, and whether their charges can balance."""

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.explain.charges import neutral
from matloop.explain.edits import amounts_of, exchanged, from_amounts, named, raised
from matloop.matter.compositions import as_compositions

ROWS = as_compositions(["LiCoO2", "Fe2O3", "La0.7Sr0.3MnO3"])


def test_amounts_and_back():
    again = from_amounts(amounts_of(ROWS))
    assert again.amounts.tolist() == ROWS.amounts.tolist()
    assert named(again).formulas.tolist() == ["LiCoO2", "Fe2O3", "Sr0.3La0.7MnO3"]


def test_raising_keeps_the_ratios_of_the_others():
    dense = amounts_of(raised(ROWS, [3, 26, 57], [0.05, 0.1, -0.02]))
    share = dense / dense.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(share[[0, 1, 2], [3, 26, 57]], [0.25 + 0.05, 0.4 + 0.1, 0.14 - 0.02])
    assert share[0, 8] / share[0, 27] == pytest.approx(2.0)
    assert dense.sum(axis=1) == pytest.approx(amounts_of(ROWS).sum(axis=1))


def test_a_step_that_cannot_be_made_names_the_row():
    with pytest.raises(DataError, match="row 1: a fraction of 0.4 cannot change by -0.5"):
        raised(ROWS, [3, 26, 57], [0.0, -0.5, 0.0])
    with pytest.raises(DataError, match="row 0"):
        raised(as_compositions(["Fe"]), 26, 0.0)


def test_exchange_adds_to_what_is_there_and_removes_what_is_gone():
    made = exchanged(ROWS, [27, 26, 57], [28, 27, 38])
    assert named(made).formulas.tolist() == ["LiNiO2", "Co2O3", "SrMnO3"]
    assert len(made.elements) == 3 + 2 + 3


@pytest.mark.parametrize(
    ("formula", "expected"),
    [("NaCl", True), ("Fe3O4", True), ("LiNiO2", True), ("La0.7Sr0.3MnO3", True), ("NaCl2", False), ("FeNi", False),
     ("Al2O", False), ("BaTiO3", True), ("Fe", False), ("Xe", False)],
)  # fmt: skip
def test_neutral_by_usual_oxidation_states(formula, expected):
    assert neutral(as_compositions([formula]))[0] == expected


def test_large_cells_do_not_explode():
    assert neutral(as_compositions(["Na0.9999Mn0.5001Ni0.4999O2Cl0.0001"])).shape == (1,)

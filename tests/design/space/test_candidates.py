"""Tables of candidates as domains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.design.contract import Points
from matloop.design.space.candidates import domain_of
from matloop.design.space.domain import open_domain
from matloop.problem.space import Categorical, Component, Continuous, Expression, Mixture, Space

KELVIN = Continuous("T", 0, 0)


def grid(n: int = 12) -> pd.DataFrame:
    x, y = np.meshgrid(np.linspace(0, 1, n), np.linspace(10, 20, n))
    return pd.DataFrame({"x": x.ravel(), "y": y.ravel(), "gas": np.where(x.ravel() > 0.5, "Ar", "N2")})


@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet"])
def test_a_file_is_opened_and_its_results_describe_nothing(tmp_path: Path, ending: str):
    frame = grid(4).assign(strength=1.5)
    if ending == "csv":
        frame.to_csv(tmp_path / "pool.csv", index=False)
    elif ending == "xlsx":
        frame.to_excel(tmp_path / "pool.xlsx", index=False)
    else:
        duckdb = pytest.importorskip("duckdb")
        duckdb.from_df(frame).write_parquet(str(tmp_path / "pool.parquet"))
    domain = open_domain(Space(candidates=f"pool.{ending}"), base=tmp_path, without=("strength",))
    assert domain.axes.names == ("x", "y", "gas")
    assert domain.axes.categorical.tolist() == [False, False, True]
    assert 10**domain.log10_size == pytest.approx(16)
    assert domain.frame(domain.sample(2, 0)).columns.tolist() == ["x", "y", "gas"]


def test_points_go_to_the_users_table_and_back_whatever_the_order():
    domain = domain_of(grid())
    points = domain.sample(20, 0)
    read, why = domain.read(domain.frame(points)[["gas", "y", "x"]])
    np.testing.assert_array_equal(read.values, points.values)
    assert (why == "").all()
    assert (domain.why_not(read) == "").all()


def test_an_experiment_that_is_no_candidate_is_kept_and_told():
    domain = domain_of(grid())
    points, why = domain.read(pd.DataFrame({"x": [0.123, 0.0], "y": [11.0, 10.0], "gas": ["Ar", "N2"]}))
    assert why.tolist() == ["is none of the candidates", ""]
    assert points.values[0].tolist() == [-1.0, 0.123, 11.0, 1.0]
    assert domain.encode(points)[0].tolist() == pytest.approx([0.123, 0.1, 1.0])
    assert len(domain.near(points, 3, 0)) == 6


def test_a_candidate_is_known_by_numbers_that_were_rounded_in_writing():
    domain = domain_of(grid())
    points, why = domain.read(pd.DataFrame({"x": [0.0909091], "y": [13.6364], "gas": ["N2"]}))
    assert why.tolist() == [""]
    assert points.values[0, 1:3].tolist() == [1 / 11, 10 + 40 / 11]


def test_equal_rows_are_one_candidate():
    assert 10 ** domain_of(pd.concat([grid(4), grid(4)])).log10_size == pytest.approx(16)


def test_neighbours_are_the_nearest_and_never_the_point_itself():
    domain = domain_of(grid())
    points = domain.sample(30, 1)
    near = domain.near(points, 4, 0, reach=0.01)
    start, moved = np.repeat(domain.encode(points), 4, axis=0), domain.encode(near)
    far = np.abs(moved[:, :2] - start[:, :2]).max(axis=1)
    assert far.max() < 0.35
    assert (near.values[:, 0] != np.repeat(points.values[:, 0], 4)).all()


def test_even_designs_spread_over_the_table():
    domain = domain_of(grid(20).drop(columns="gas"))
    for how in ("sobol", "latin"):
        picks = domain.encode(domain.sample(16, 0, how=how))
        assert len(np.unique(picks, axis=0)) == 16
        quarters = np.unique((picks > 0.5) @ [1, 2])
        assert len(quarters) == 4


def test_a_point_may_be_given_by_its_row():
    domain = domain_of(grid())
    assert domain.keys(Points(np.array([[3.0]]))).tolist() == domain.keys(domain.points(np.array([3]))).tolist()


def test_formulas_are_described_where_the_column_is_called_so():
    frame = pd.DataFrame({"formula": ["Fe2O3", "Al2O3", "TiO2", "Cr2O3"], "T": [1.0, 2.0, 3.0, 4.0]})
    domain = domain_of(frame)
    assert domain.axes.width > 2
    assert not domain.axes.categorical.any()
    assert set(domain.axes.variable.tolist()) == {0, 1}
    words = domain_of(frame, parameters=(Categorical("formula", ()), KELVIN))
    assert words.axes.names == ("formula", "T")
    assert words.axes.categorical.tolist() == [True, False]


def test_what_is_left_out_is_told():
    frame = pd.DataFrame({"name": ["rust", "alumina"] * 2, "formula": ["Fe2O3", "Al2O3"] * 2, "T": [1, 2, 1, 4]})
    domain = domain_of(frame.assign(id=list("abcd"), lab="x"), space=Space(constraints=(Expression("T <= 3"),)))
    assert all(not name.startswith("name") for name in domain.axes.names)
    assert domain.notes == (
        'column "id" describes no candidate: its words are different in every row',
        'column "lab" describes no candidate: it is the same in every row',
        'column "name" describes no candidate: it says the same as "formula"',
        "1 of 4 rows are empty or break a constraint and are no candidates",
        "3 rows are 2 different candidates",
    )


def test_a_list_of_materials_is_described_whatever_it_is_called():
    domain = domain_of(pd.DataFrame({"sample": ["Fe2O3", "Al2O3", "TiO2"]}))
    assert domain.axes.names[0].startswith("sample: ")


def test_structures_of_a_table_are_described():
    pytest.importorskip("ase", reason="structures need ase")
    cell = '2\nLattice="{0} 0 0 0 {0} 0 0 0 {0}" Properties=species:S:1:pos:R:3\n{1} 0 0 0\n{2} 2 2 2\n'
    cells = [cell.format(4.1, "Cs", "Cl"), cell.format(3.9, "K", "Cl"), cell.format(5.0, "Cs", "I")]
    frame = pd.DataFrame({"crystal": cells, "T": [1.0, 2.0, 3.0]})
    columns = (Categorical("crystal", (), kind="structure", features=("density",)), KELVIN)
    domain = domain_of(frame, parameters=columns)
    assert any("crystal: " in name for name in domain.axes.names)
    read, why = domain.read(frame)
    assert (why == "").all()
    assert (np.array([len(key) for key in domain.keys(read)]) < 120).all()


def test_constraints_thin_the_table_and_none_left_is_told():
    held = domain_of(grid(), space=Space(constraints=(Expression('gas = "Ar" and y <= 15'),)))
    assert (held.frame(held.sample(500, 0))["gas"] == "Ar").all()
    with pytest.raises(ConfigError, match=r"no candidate meets all constraints.*\n.*x \+ y <= 5: broken by 144 of 144"):
        domain_of(grid(), space=Space(constraints=(Expression("x + y <= 5"),)))


def test_fractions_of_a_table_are_one_variable_and_have_to_sum_to_one():
    ink = Mixture("ink", (Component("A"), Component("B")))
    domain = domain_of(pd.DataFrame({"A": [0.1, 0.5, 1.0], "B": [0.9, 0.5, 0.0]}), parameters=(ink,))
    assert domain.axes.variable.tolist() == [0, 0]
    with pytest.raises(DataError, match=r"row 2: the fractions of ink sum to 100, not to one; these are percent"):
        domain_of(pd.DataFrame({"A": [0.1, 50.0], "B": [0.9, 50.0]}), parameters=(ink,))


def test_empty_cells_are_something_that_is_not_there():
    frame = pd.DataFrame({"T": [1.0, 2.0, 3.0], "dopant": ["Sr", None, "Ca"], "amount": [0.1, None, 0.2]})
    domain = domain_of(frame, parameters=(KELVIN, Categorical("dopant", ()), Continuous("amount", 0, 0)))
    assert domain.encode(domain.points(np.array([1]))).tolist() == [[0.5, 2.0, 0.5]]


def test_text_in_a_number_and_a_missing_column_are_told():
    number = (KELVIN,)
    with pytest.raises(DataError, match=r'row 2, column "T": \'hot\''):
        domain_of(pd.DataFrame({"T": ["1", "hot", "3"]}), parameters=number)
    with pytest.raises(DataError, match='there is no column "T"'):
        domain_of(pd.DataFrame({"t": [1.0, 2.0]}), parameters=number)
    with pytest.raises(ConfigError, match="no column describes the candidates"):
        domain_of(pd.DataFrame({"id": ["a", "b", "c"], "lab": ["x", "x", "x"]}))

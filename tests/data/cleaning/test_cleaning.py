import numpy as np
import pandas as pd
import pytest

from matloop.core.errors import DataError
from matloop.data.clean import clean
from matloop.data.cleaning.levels import level_of, names_levels, read_levels
from matloop.data.cleaning.near import near_compositions
from matloop.data.cleaning.outliers import misfits, shifts
from matloop.data.collect import from_frame
from matloop.matter.compositions import from_formulas
from matloop.problem.question import Cleaning, Input, Problem, Roles, Source, Target
from matloop.problem.toml import dump_problem, parse_problem

FORMULAS = ["NaCl", "KCl", "MgO", "CaO", "Al2O3", "Fe2O3", "TiO2", "ZnO", "CuO", "NiO", "LiF", "NaF", "KF", "GaAs"]
GAPS = [f"{0.5 + i / 10:.2f}" for i in range(14)]


def asked(*more, roles=None, column="gap", **choices):
    inputs = (Input("formula", "composition", "formula"), *more)
    target = Target(column, column)
    return Problem("t", Source("t.csv"), inputs, (target,), roles=roles or Roles(id="id"), cleaning=Cleaning(**choices))


def table(n_twice=2, **columns):
    """14 compounds, the first `n_twice` of them as a second polymorph too."""
    formulas = FORMULAS + FORMULAS[:n_twice]
    gaps = GAPS + [f"{5 + i}" for i in range(n_twice)]
    ids = [f"m{i}" for i in range(len(formulas))]
    return from_frame(pd.DataFrame({"id": ids, "formula": formulas, "gap": gaps, **columns}, dtype=object))


# ---- polymorphs ----

ENERGY = [-1.0, -3.0, *[-2.0] * 12, -1.5, -2.5]
POLYMORPHS = {"polymorphs": "lowest_energy", "energy": "energy"}


def test_the_lowest_polymorph_stays_and_the_other_is_listed():
    cleaned = clean(table(energy=ENERGY), asked(**POLYMORPHS))
    assert {entry.id: entry.reason for entry in cleaned.removed} == {
        "m0": "is a polymorph above row 15 (m14), by 0.5 per atom",
        "m15": "is a polymorph above row 2 (m1), by 0.5 per atom",
    }


def test_what_is_kept_by_name_stays_and_what_is_removed_by_name_goes():
    cleaned = clean(table(energy=ENERGY), asked(**POLYMORPHS, keep=("m0",), remove=("m5",)))
    assert [entry.id for entry in cleaned.removed] == ["m5", "m15"]
    assert any("(m0) stays" in note for note in cleaned.notes)
    with pytest.raises(DataError, match='keep names 1 rows that are not there:\n.*"m99"'):
        clean(table(), asked(keep=("m99",)))


def test_polymorphs_of_other_space_groups_and_other_levels_stay():
    groups = ["225"] * 14 + ["221", "225"]
    choice = {**POLYMORPHS, "polymorphs": "by_space_group", "space_group": "sg"}
    cleaned = clean(table(energy=ENERGY, sg=groups), asked(**choice))
    assert [entry.id for entry in cleaned.removed] == ["m15"]
    method = ["PBE"] * 14 + ["SCAN", "PBE"]
    other = Input("method", "category", "method")
    cleaned = clean(table(energy=ENERGY, method=method), asked(other, **POLYMORPHS, method="method"))
    assert [entry.id for entry in cleaned.removed] == ["m15"]


def test_a_row_without_energy_gives_way_and_a_composition_without_any_stays():
    energy = [None, None, *[-2.0] * 12, -1.5, None]
    cleaned = clean(table(energy=energy), asked(**POLYMORPHS))
    assert [entry.id for entry in cleaned.removed] == ["m0"]


def test_an_energy_that_is_the_target_is_compared_but_never_told():
    cleaned = clean(table(energy=ENERGY), asked(column="energy", **POLYMORPHS))
    assert [(entry.id, entry.found) for entry in cleaned.removed] == [("m0", ""), ("m15", "")]
    assert not any(digit in entry.reason for entry in cleaned.removed for digit in (".5", "per atom"))


# ---- levels of theory ----


@pytest.mark.parametrize(
    ("word", "level"),
    [
        ("GGA+U", "PBE+U"),
        ("gga_u", "PBE+U"),
        ("GGA+U (MP)", "PBE+U (MP)"),
        ("VASP PBE+U (oqmd)", "PBE+U (OQMD)"),
        ("PBE+U (ours)", ""),
        ("VASP-PBE", "PBE"),
        ("hse", "HSE06"),
        ("Expt.", "experiment"),
        ("B97", ""),
    ],
)
def test_words_name_levels(word, level):
    assert level_of(word) == level


def test_a_mix_is_refused_named_or_not():
    method = ["PBE"] * 9 + ["GGA+U"] * 7
    for choices in ({}, {"method": "xc"}):
        with pytest.raises(DataError) as caught:
            clean(table(xc=method), asked(**choices))
        for said in ('"gap" mixes levels', "PBE (9 rows), PBE+U (7 rows)", 'row 10: "GGA+U"', "compatible"):
            assert said in str(caught.value)


def test_two_databases_with_other_values_of_u_are_a_mix():
    raw = table(xc=["PBE+U (MP)"] * 9 + ["PBE+U (OQMD)"] * 7)
    with pytest.raises(DataError, match=r"PBE\+U \(MP\) \(9 rows\), PBE\+U \(OQMD\) \(7 rows\)"):
        clean(raw, asked())
    assert not clean(raw, asked(method="xc", compatible=("PBE+U (MP)", "PBE+U (OQMD)"))).removed


def test_a_mix_is_separated_learnt_or_declared_compatible():
    raw = table(xc=["PBE"] * 9 + ["GGA+U"] * 7)
    few = clean(table(xc=["PBE"] * 12 + ["HSE06"] * 4), asked(method="xc", mixed="separate"))
    assert [entry.id for entry in few.removed] == ["m12", "m13", "m14", "m15"]
    assert "PBE, which is kept" in few.removed[0].reason
    learnt = clean(raw, asked(Input("xc", "category", "xc")))
    assert not learnt.removed
    assert any("the model learns" in note for note in learnt.notes)
    assert not clean(raw, asked(method="xc", compatible=("PBE", "PBE+U"))).removed


def test_compatible_passes_and_unknown_passes_and_is_said():
    assert not any("levels" in note for note in clean(table(xc=["PBE", "VASP-PBE"] * 8), asked(method="xc")).notes)
    notes = clean(table(xc=["PBE"] * 14 + ["M06-2X", "home-made"]), asked(method="xc")).notes
    assert any("not known" in note and '"M06-2X" (1 rows)' in note for note in notes)


def test_a_mix_matters_only_where_there_are_values():
    raw = table(xc=["PBE"] * 14 + ["HSE"] * 2)
    raw.columns["gap"].setflags(write=True)
    raw.columns["gap"][14:] = None
    assert not clean(raw, asked(method="xc")).removed


def test_other_words_are_no_levels():
    assert not names_levels(np.array(["PBE", "cast"], dtype=object))
    assert not names_levels(np.array(["PBE", ""], dtype=object))
    assert names_levels(np.array(["PBE", "exp"], dtype=object))
    assert read_levels(np.array(["M06", "PBE"], dtype=object), ("PBE", "M06")).family.tolist() == ["PBE", "PBE"]


# ---- near compositions, outliers, shifts ----


def test_near_compositions_are_those_within_the_fraction():
    batch = from_formulas(["Fe0.7Ni0.3", "Fe0.705Ni0.295", "Fe0.75Ni0.25", "Fe7Ni3", "FeO"])[0]
    first, second, count = near_compositions(batch, 0.006)
    assert (first.tolist(), second.tolist(), count) == ([0], [1], 1)
    formulas = ["Fe0.7Ni0.3", "Fe0.705Ni0.295", *FORMULAS[2:]]
    raw = from_frame(pd.DataFrame({"id": [*"abcdefghijklmn"], "formula": formulas, "gap": GAPS}, dtype=object))
    notes = clean(raw, asked(near_compositions=0.006)).notes
    assert any("1 pairs" in note and "rows 1 and 2 (" in note for note in notes)


def test_a_slip_of_unit_is_found_among_similar_materials():
    rng = np.random.default_rng(0)
    share = rng.uniform(0.1, 0.9, 300)
    batch = from_formulas([f"Fe{x:.4f}Ni{1 - x:.4f}" for x in share])[0]
    values = 2.0 + 3.0 * share + rng.normal(0, 0.05, 300)
    values[[7, 90]] *= [96.485, 1e-3]
    distances, slips = misfits(batch, values)
    assert sorted(slips) == [7, 90]
    assert "eV in kJ/mol" in slips[7]
    assert (distances > 8).nonzero()[0].tolist() == [7, 90]


def test_the_shift_between_levels_is_that_of_common_compositions():
    formulas = np.array([*"abcdefgh", *"abcdefgh", "z"])
    methods = np.array(["PBE"] * 8 + ["HSE06"] * 8 + ["PBE"])
    values = np.r_[np.arange(8.0), np.arange(8.0) + 0.5 + 0.1 * np.array([1, -1] * 4), 99.0]
    [(one, other, shift, error, n)] = shifts(formulas, methods, values)
    assert (one, other, n) == ("PBE", "HSE06", 8)
    assert shift == pytest.approx(-0.5)
    assert error == pytest.approx(0.1 * np.sqrt(8 / 7) / np.sqrt(8))


# ---- the problem file ----


def test_choices_go_through_the_problem_file():
    problem = asked(method="xc", mixed="separate", level="PBE", keep=("m1",), geometry="remove", near_compositions=0.01)
    assert parse_problem(dump_problem(problem)).problem == problem


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"polymorphs": "lowest_energy"}, "name the column with the energy"),
        ({"keep": ("a",), "remove": ("a",)}, "is also in remove"),
        ({"level": "PBE"}, "needs the column of methods"),
        ({"near_structures": "merge"}, "no input of kind structure"),
        ({"near_compositions": 0.5}, "from 0 to 0.1"),
        ({"polymorphs": "by_space_group", "energy": "e"}, "no structure to find it from"),
        ({"polymorphs": "lowest_energy", "energy": "gap", "roles": Roles(group="lab")}, "only within a group"),
    ],
)
def test_contradictions_are_told(choices, said):
    assert said in " ".join(parse_problem(dump_problem(asked(**choices))).sentences())

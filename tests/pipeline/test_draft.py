import numpy as np
import pandas as pd
import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.pipeline.draft import draft, write_draft
from matloop.problem.toml import load_problem, parse_problem

RNG = np.random.default_rng(5)
METALS = ["Fe", "Ni", "Cr", "Co", "Al", "Ti", "Cu", "Mn"]
FORMULAS = [f"{METALS[i % 8]}{1 + i % 5}{METALS[(i + 1 + i // 8) % 8]}2O{1 + i % 3}" for i in range(60)]


def frame(**columns):
    return pd.DataFrame({"formula": FORMULAS, **columns})


def inputs(drafted):
    return {entry.name: entry.kind for entry in drafted.problem.inputs}


def test_a_plain_table_of_formulas_and_a_result():
    drafted = draft(frame(gap=RNG.random(60)))
    assert inputs(drafted) == {"formula": "composition"}
    assert [(t.column, t.task) for t in drafted.problem.targets] == [("gap", "regression")]
    assert drafted.problem.roles.group == "reduced_formula"
    assert parse_problem(drafted.toml).problem == drafted.problem


def test_columns_that_are_no_features_are_listed_with_the_reason():
    gap = RNG.random(60)
    table = frame(
        id=np.arange(60),
        fold=np.arange(60) % 5,
        copy_of_it=gap * 2 + 1,
        furnace="A",
        gap_std=RNG.random(60),
        empty=[None] * 60,
        gap=gap,
    )
    drafted = draft(table, targets=["gap"])
    assert inputs(drafted) == {"formula": "composition"}
    told = "\n".join(drafted.said)
    reasons = {
        "id": "identifier",
        "fold": "folds",
        "copy_of_it": "follows the target",
        "furnace": "it is",
        "empty": "no values",
    }
    for name, why in {**reasons, "gap_std": "error of the target"}.items():
        assert any(f'"{name}"' in line and why in line for line in told.splitlines()), (name, told)
        assert f"# not a feature: {name}, because" in drafted.toml
    assert drafted.problem.targets[0].error_column == "gap_std"


def test_units_stand_in_the_header():
    drafted = draft(pd.DataFrame({"T (K)": RNG.random(60) * 900, "yield strength [MPa]": RNG.random(60) * 500 + 9}))
    assert drafted.problem.inputs[0].unit == "K"
    assert drafted.problem.inputs[0].name == "T"
    assert (drafted.problem.targets[0].name, drafted.problem.targets[0].unit) == ("yield strength", "MPa")


def test_bare_numbers_are_no_units():
    words = ["2.1", "1420 meV", "3.0 +- 0.1", *map(str, RNG.random(57).round(3))]
    drafted = draft(pd.DataFrame({"T (2)": RNG.random(60) * 900, "gap": words}), targets=["gap"])
    only = drafted.problem.inputs[0]
    assert (only.column or only.name, only.unit) == ("T (2)", "")
    assert drafted.problem.targets[0].unit == "meV"


def test_one_column_per_element():
    parts = RNG.dirichlet([5, 2, 1], 60) * 100
    table = pd.DataFrame(
        {"Fe (wt%)": parts[:, 0], "Cr (wt%)": parts[:, 1], "Ni (wt%)": parts[:, 2], "hardness": RNG.random(60)}
    )
    (only,) = draft(table).problem.inputs
    assert (only.kind, only.amounts) == ("composition", "wt%")
    assert only.columns == {"Fe": "Fe (wt%)", "Cr": "Cr (wt%)", "Ni": "Ni (wt%)"}


def test_element_names_that_do_not_add_up_are_numbers():
    table = pd.DataFrame(
        {"Fe": RNG.random(60), "Cr": RNG.random(60), "Ni": RNG.random(60) * 9, "hardness": RNG.random(60)}
    )
    assert set(inputs(draft(table)).values()) == {"number"}


@pytest.mark.parametrize("words", [["BCC", "FCC", "HCP"], ["CAST", "POWDER", "OTHER"]])
def test_words_that_spell_elements_are_categories(words):
    drafted = draft(frame(phase=[words[i % 3] for i in range(60)], hardness=RNG.random(60)))
    assert inputs(drafted)["phase"] == "category"


def test_truth_values_are_classes():
    target = draft(frame(is_metal=[i % 3 == 0 for i in range(60)])).problem.targets[0]
    assert (target.task, target.positive) == ("classification", "True")


def test_a_column_of_smiles_is_a_molecule_and_its_group():
    drafted = draft(pd.DataFrame({"smiles": [f"C{'C' * i}(=O)O" for i in range(60)], "exp": RNG.random(60)}))
    assert inputs(drafted) == {"smiles": "molecule"}
    assert drafted.problem.roles.group == "molecule"
    assert 'group = "scaffold"' in drafted.toml


def test_few_molecules_are_categories_and_said_to_be():
    smiles = ["CCO", "c1ccccc1", "CC(=O)O", "C#N", "CC(C)=O", "c1ccncc1"]
    few = draft(pd.DataFrame({"solvent": [smiles[i % 6] for i in range(60)], "yield": RNG.random(60)}))
    assert inputs(few) == {"solvent": "category"}
    assert 'kind = "molecule" describes them' in "\n".join(few.said)


def test_values_over_many_decades_are_logarithmic_and_bounded():
    target = draft(frame(conductivity=10.0 ** RNG.uniform(-6, 2, 60))).problem.targets[0]
    assert (target.scale, target.bounds) == ("log", (0.0, float("inf")))
    assert draft(frame(energy=RNG.normal(size=60))).problem.targets[0].bounds is None


def test_the_goal_stands_beside_what_the_median_reaches():
    values = np.arange(60.0) / 2
    assert "# at_most = 3.75   # predicting the median for every row gives 7.5" in draft(frame(gap=values)).toml


def test_results_that_were_not_asked_for_are_offered():
    drafted = draft(frame(bulk_modulus=RNG.random(60), hardness=RNG.random(60)), targets=["bulk_modulus"])
    assert [t.name for t in drafted.problem.targets] == ["bulk_modulus"]
    assert inputs(drafted) == {"formula": "composition"}
    assert 'Other columns that could be asked for: "hardness"' in drafted.toml


def test_unknown_target_is_told_with_the_nearest():
    with pytest.raises(DataError, match='Did you mean "hardness"'):
        draft(frame(hardness=RNG.random(60)), targets=["hardnes"])


def test_a_word_column_that_says_the_same_is_left_out():
    drafted = draft(pd.DataFrame({"base": list("abc") * 20, "base code": list("xyz") * 20, "yield": RNG.random(60)}))
    assert inputs(drafted) == {"base": "category"}


def test_path_is_written_as_seen_from_the_problem_file(tmp_path, monkeypatch):
    frame(gap=RNG.random(60)).to_csv(tmp_path / "t.csv", index=False)
    monkeypatch.chdir(tmp_path)
    write_draft("t.csv", tmp_path / "deep" / "p.toml")
    assert load_problem(tmp_path / "deep" / "p.toml").data.source == "../t.csv"
    with pytest.raises(ConfigError, match="--force"):
        write_draft("t.csv", tmp_path / "deep" / "p.toml")


def test_draft_is_the_same_each_time():
    table = frame(gap=RNG.random(60), T=RNG.random(60))
    assert draft(table) == draft(table)


def test_carried_set_is_drafted_with_its_units_and_no_sibling_result_as_feature():
    drafted = draft("ricci-transport", targets=["S_n"])
    assert drafted.problem.targets[0].unit == "uV/K"
    assert inputs(drafted) == {"pretty_formula": "composition"}

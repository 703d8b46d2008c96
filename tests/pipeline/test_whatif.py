"""What if a material is changed, from a bundle: the same numbers as prediction, feasible goals, errors that help."""

import json

import numpy as np
import pandas as pd
import pytest

import matloop
from matloop.cli.main import app
from matloop.core.errors import ConfigError, DataError
from matloop.pipeline.account import few_digits
from matloop.pipeline.whatif import spread, what_if, what_if_told
from matloop.problem.question import Input


@pytest.fixture(scope="module")
def bundle(regression):
    return regression.result.bundle_folder


@pytest.fixture(scope="module")
def classes(classification):
    return classification.result.bundle_folder


def predicted(bundle, formula):
    return matloop.predict_frame(matloop.load_bundle(bundle), pd.DataFrame({"pretty_formula": [formula]}))


def test_changes_give_what_prediction_gives(bundle):
    found = matloop.what_if(bundle, "LiCoO2", {"Co": "Ni", "Li": 2})
    one = found.found.altered[0]
    again = predicted(bundle, "Li2NiO2").predictions["S_n"]
    assert one.shown == "Li2NiO2"
    assert (one.value, one.low, one.high) == pytest.approx((again.value[0], again.low[0], again.high[0]))
    assert one.change == pytest.approx(again.value[0] - predicted(bundle, "LiCoO2").predictions["S_n"].value[0])
    assert one.moves == ("Co → Ni", "Li 1 → 2 per formula")


def test_without_changes_every_alike_element_is_tried(bundle):
    found = what_if(bundle, "LiCoO2").found
    sizes = [abs(one.change) for one in found.altered]
    assert sizes == sorted(sizes, reverse=True)
    assert all(len(one.moves) == 1 for one in found.altered)


def test_a_goal_is_reached_by_feasible_changes(bundle):
    before = what_if(bundle, "SrTiO3").before.value[0]
    found = what_if(bundle, "SrTiO3", at_most=float(before) - 1.0)
    assert found.found.altered
    for one in found.found.altered:
        assert predicted(bundle, one.shown).predictions["S_n"].value[0] <= before - 1.0 + 1e-6
        assert one.supported == (one.high <= before - 1.0)
    assert "at most" in "\n".join(found.lines())


def test_classes_and_their_chance(classes):
    now = what_if(classes, "SrTiO3")
    name = now.classes[1 - int(now.before.value[0])]
    found = what_if(classes, "SrTiO3", becomes=name)
    assert all(now.classes[int(one.value)] == name for one in found.found.altered)
    assert f"{name!r}" in "\n".join(found.lines())
    with pytest.raises(ConfigError, match="no class 'yess'"):
        what_if(classes, "SrTiO3", becomes="yess")


def test_warnings_say_why_not_to_believe(bundle):
    found = what_if(bundle, "NaCl", {"Cl": 2})
    assert any("charges" in line for line in found.warnings)
    strange = what_if(bundle, "SrTiO3", {"Ti": "Po"})
    assert any("outside the domain" in line for line in strange.lines())
    assert not strange.found.altered[0].supported


@pytest.mark.parametrize(
    ("row", "more", "error", "said"),
    [
        ("LiCoO2", {"changes": {"Co": "Xx"}}, ConfigError, "no element is called 'Xx'"),
        ("LiCoO2", {"changes": {"Fe": "Ni"}}, ConfigError, "there is no Fe"),
        ("LiCoO2", {"changes": {"Co": -1}}, ConfigError, "must be 0 or more"),
        ("LiCoO2", {"changes": {"pressure": 3}}, ConfigError, "'pressure' is no input and no element"),
        ("LiCoO2", {"changes": {"Co": "Ni"}, "at_least": 1.0}, ConfigError, "not both"),
        ("LiCoO2", {"at_most": 0.0, "at_least": 1.0}, ConfigError, "one goal at a time"),
        ("LiCoO2", {"becomes": "metal"}, ConfigError, "is a value"),
        ("LiCoO2", {"target": "gap"}, ConfigError, "no target 'gap'"),
        ("Xx2O3", {}, DataError, "Xx"),
    ],
)
def test_errors_name_what_to_do(bundle, row, more, error, said):
    with pytest.raises(error, match=said):
        what_if(bundle, row, **more)


def test_typed_texts_and_command(bundle, capsys):
    found = what_if_told(bundle, "LiCoO2", changes=["Co = Ni", "Li=2"])
    assert found.found.altered[0].shown == "Li2NiO2"
    with pytest.raises(ConfigError, match="NAME=VALUE"):
        what_if_told(bundle, "LiCoO2", changes=["Co"])
    from typer.testing import CliRunner

    told = CliRunner().invoke(app, ["trust", "whatif", str(bundle), "LiCoO2", "--change", "Co=Ni", "--json"])
    assert told.exit_code == 0, told.output
    assert json.loads(told.output)["found"]["altered"][0]["moves"] == ["Co → Ni"]
    assert "<p>" in found._repr_html_()
    assert np.isfinite(found.before.value[0])


@pytest.mark.parametrize(
    ("amounts", "expected"), [("wt%", (69.943, 30.057)), ("at%", (40.0, 60.0)), ("formula", (2.0, 3.0))]
)
def test_a_formula_is_spread_over_columns_of_elements(amounts, expected):
    entry = Input("alloy", "composition", amounts=amounts, columns={"Fe": "Fe (x)", "O": "O (x)", "C": "C (x)"})
    found = spread(entry, "Fe2O3")
    assert (found["Fe (x)"], found["O (x)"], found["C (x)"]) == pytest.approx((*expected, 0.0), abs=1e-3)
    with pytest.raises(ConfigError, match="no column for Ti, only for Fe, O, C"):
        spread(entry, "TiO2")


def test_computed_amounts_are_shown_with_few_digits():
    assert few_digits("Fe96.43460804212445C0.000012345678") == "Fe96.4346C0.0000123457"
    assert few_digits("Fe0.620C0.000953") == "Fe0.620C0.000953"

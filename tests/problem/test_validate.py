import math
from dataclasses import replace

import pytest

from matloop.core.errors import ConfigError
from matloop.problem.make import checked, folder_name, problem_from
from matloop.problem.question import (
    IN_MEMORY,
    Input,
    Limits,
    Never,
    Problem,
    Protocol,
    Roles,
    Source,
    Success,
    Target,
    Training,
)
from matloop.problem.validate import Known, MetricFacts, faults

GOOD = Problem("steels", Source("steels.csv"), (Input("formula", "composition", "formula"),), (Target("y", "y"),))
KNOWN = Known(
    families={"ridge": ("regression",), "logistic": ("classification",)},
    featurizers=("magpie", "fractions", "morgan"),
    molecular=("morgan",),
    metrics={
        "mae": MetricFacts(("regression",), False, False),
        "accuracy": MetricFacts(("classification",), True, True),
    },
)


def with_target(**changes):
    return replace(GOOD, targets=(replace(GOOD.targets[0], **changes),))


def with_input(*inputs):
    return replace(GOOD, inputs=(*GOOD.inputs, *inputs))


def test_a_sound_problem_has_no_fault():
    assert faults(GOOD, KNOWN) == ()
    assert checked(GOOD) is GOOD


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (replace(GOOD, targets=()), "there is no target"),
        (replace(GOOD, inputs=()), "there is no input"),
        (replace(GOOD, data=Source("")), "the data are missing"),
        (replace(GOOD, name="a/b"), "a folder is called by it"),
        (with_input(Input("y", "number", "y")), "the model would be given the answer"),
        (with_input(Input("T", "number", "T", unit="Kx")), 'the unit "Kx" is not known'),
        (with_input(Input("T", "category", "T", unit="K")), "a unit is for numbers"),
        (with_input(Input("f2", "composition", "formula")), 'is also input "formula"'),
        (with_input(Input("c", "composition", columns={"Fr3": "x"})), '"Fr3" is no element'),
        (with_input(Input("f2", "composition", "f2", features=("magpi",))), 'Did you mean "magpie"?'),
        (with_input(Input("f2", "composition", "f2", features=("morgan",))), '"morgan" describes molecules'),
        (
            with_input(Input("m", "number", "m", features=("morgan",))),
            "chosen for compositions, structures and molecules",
        ),
        (with_input(Input("m", "molecule", "m", amounts="wt%")), "amounts is for compositions"),
        (with_target(bounds=(1.0, 0.0)), "the lower bound comes first"),
        (with_target(bounds=(-1.0, math.inf), scale="log"), "a logarithm needs values above 0"),
        (with_target(task="classification", scale="log"), "classes have no logarithm"),
        (with_target(task="classification", merge="mean"), "classes have no mean"),
        (with_target(positive="yes"), "names a class"),
        (with_target(error_column="y"), "the target's own column"),
        (with_target(success=Success("mae")), "the goal is missing"),
        (with_target(success=Success("mae", 1.0, 2.0)), "both given"),
        (with_target(success=Success("mae", at_least=1.0)), "write at_most = 1"),
        (with_target(success=Success("maee", at_most=1.0)), 'Did you mean "mae"?'),
        (with_target(success=Success("accuracy", at_least=0.9)), "is not for regression"),
        (with_target(task="classification", success=Success("accuracy", at_least=90)), "Did you mean 0.9?"),
        (with_target(success=Success("mae", at_most=1.0, never=Never(0.0, 0.1))), "abs_error_above is 0"),
        (with_target(success=Success("mae", at_most=1.0, never=Never(1.0, 10.0))), "0.01 for one percent"),
        (replace(GOOD, limits=Limits(minutes=0)), "[limits] minutes: found 0; a number above 0"),
        (replace(GOOD, limits=Limits(minutes=math.nan)), "[limits] minutes"),
        (replace(GOOD, limits=Limits(memory_gb=-1)), "[limits] memory_gb"),
        (replace(GOOD, protocol=Protocol(test_fraction=0.0)), "[protocol] test_fraction"),
        (replace(GOOD, protocol=Protocol(seeds=(1, 1))), "each seed counts once"),
        (replace(GOOD, roles=Roles(group="y")), "it cannot also be the group"),
        (replace(with_input(Input("lab", "category", "lab")), roles=Roles(group="lab")), "never have been seen"),
        (replace(with_input(Input("no", "number", "no")), roles=Roles(id="no")), "the model would learn from the id"),
        (replace(GOOD, roles=Roles(ignore=("formula",))), "is also an input"),
        (
            replace(GOOD, inputs=(Input("T", "number", "T"),), roles=Roles(group="reduced_formula")),
            "needs an input of kind",
        ),
        (replace(GOOD, training=Training(families=("rigde",))), 'Did you mean "ridge"?'),
        (replace(GOOD, training=Training(families=("logistic",))), "cannot be used for regression"),
        (replace(GOOD, training=Training(loss="hinge")), "is for classes"),
    ],
)
def test_a_contradiction_is_told(problem, told):
    found = "\n".join(faults(problem, KNOWN))
    assert told in found
    with pytest.raises(ConfigError):
        checked(problem, KNOWN)


def test_problem_from_keywords():
    problem = problem_from(
        "data/steels.csv", inputs={"formula": "composition", "T": Input("T", "number", "T", unit="K")}, target="y"
    )
    assert problem.name == "steels-y"
    assert problem.inputs == (Input("formula", "composition", "formula"), Input("T", "number", "T", unit="K"))


def test_problem_from_a_frame_has_no_file():
    pandas = pytest.importorskip("pandas")
    problem = problem_from(pandas.DataFrame({"f": ["Fe"], "y": [1.0]}), inputs={"f": "composition"}, target="y")
    assert problem.data.source == IN_MEMORY


def test_problem_from_tells_contradictions():
    with pytest.raises(ConfigError, match="given the answer"):
        problem_from("t.csv", inputs={"y": "number"}, target="y")


def test_problem_shows_itself_in_notebooks_with_its_text_escaped():
    assert "&lt;b&gt;" in replace(GOOD, question="<b>?")._repr_html_()


@pytest.mark.parametrize(("words", "name"), [("a/b c", "a-b-c"), ("", "problem"), ("x" * 99, "x" * 60)])
def test_folder_name(words, name):
    assert folder_name(words) == name


def test_groups_are_derived_from_the_kinds_of_inputs():
    molecules = replace(GOOD, inputs=(Input("smiles", "molecule", "smiles"),))
    assert GOOD.derived_group == "reduced_formula"
    assert molecules.derived_group == "molecule"
    assert with_input(*molecules.inputs).derived_group == "reduced_formula + molecule"
    assert replace(molecules, roles=Roles(group="scaffold")).derived_group == "scaffold"
    assert replace(GOOD, roles=Roles(group="scaffold")).derived_group == ""

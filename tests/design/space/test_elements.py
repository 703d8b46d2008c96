"""What compositions of a space may be made of."""

import pandas as pd
import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.design.space.candidates import domain_of
from matloop.design.space.domain import open_domain
from matloop.problem import space as sp
from matloop.problem.space_toml import space_of, write_space

TABLE = pd.DataFrame({"formula": ["TcO2", "UO2", "Fe2O3", "H2", "PtO2", "NiO"]})


def left(*constraints):
    domain = domain_of(TABLE, space=sp.Space((sp.Categorical("formula", (), kind="composition"),), constraints))
    return domain.frame(domain.everything())["formula"].tolist()


def test_elements_and_series_are_left_out():
    assert left(sp.Elements(without=("Tc", "actinides"))) == ["Fe2O3", "H2", "PtO2", "NiO"]
    assert left(sp.Elements(only=("Fe", "Ni", "O"))) == ["Fe2O3", "NiO"]


def test_price_and_a_single_material():
    assert left(sp.Elements(max_price=1000.0), sp.Expression('formula != "H2"')) == ["Fe2O3", "NiO"]  # U has no price


def test_a_categorical_parameter_is_limited_too():
    domain = open_domain(
        sp.Space(
            (sp.Categorical("salt", ("NaCl", "CdCl2"), kind="composition"), sp.Continuous("T", 0, 1)),
            (sp.Elements(without=("toxic",)),),
        )
    )
    assert set(domain.frame(domain.sample(20, 0))["salt"]) == {"NaCl"}


def test_what_makes_no_sense_is_told():
    with pytest.raises(ConfigError, match="no composition"):
        open_domain(sp.Space((sp.Continuous("T", 0, 1),), (sp.Elements(without=("Tc",)),)))
    with pytest.raises(ConfigError, match="neither an element"):
        left(sp.Elements(without=("Tq",)))
    alloy = sp.Mixture("alloy", (sp.Component("Tc"), sp.Component("Fe")), as_composition=True)
    with pytest.raises(ConfigError, match="Tc contains Tc"):
        open_domain(sp.Space((alloy,), (sp.Elements(without=("Tc",)),)))
    words = sp.Categorical("salt", ("NaCl", "Qq2"), kind="composition")
    with pytest.raises((ConfigError, DataError), match="Qq"):
        open_domain(sp.Space((words,), (sp.Elements(without=("Tc",)),)))


def test_there_and_back_as_toml():
    import tomllib

    tables = {
        "candidates": "a.csv",
        "elements": {"without": ["Tc", "actinides"], "max_price": 100},
        "formula": {"kind": "categorical", "matter": "composition"},
    }
    space = space_of(tables)
    assert space.constraints == (sp.Elements(("Tc", "actinides"), (), 100.0),)
    assert space_of(tomllib.loads(write_space(space))["space"]) == space


@pytest.mark.parametrize(("elements", "said"), [({"witout": ["Tc"]}, "witout"), (["Tc"], "a table was expected")])
def test_faults_are_told(elements, said):
    with pytest.raises(ConfigError, match=said):
        space_of({"candidates": "a.csv", "elements": elements})

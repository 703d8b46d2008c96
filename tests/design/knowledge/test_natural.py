"""Encoded points back in the user's units."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from matloop.design.knowledge.natural import natural_of
from matloop.design.space.domain import open_domain
from matloop.problem.space import Categorical, Component, Continuous, Integer, Mixture, Ordinal, Space, When


def test_every_kind_of_parameter_comes_back() -> None:
    space = Space((
        Continuous("T", 300.0, 900.0), Continuous("p", 0.001, 10.0, scale="log"), Integer("n", 2, 9),
        Ordinal("rpm", (10.0, 100.0, 2000.0)), Categorical("route", ("dry", "wet")),
        Continuous("soak", 1.0, 5.0, when=When("route", ("wet",))),
        Mixture("alloy", (Component("Ni", 0.1, 0.9), Component("Fe"), Component("Co"))),
    ))  # fmt: skip
    domain = open_domain(space)
    points = domain.sample(40, seed=7)
    found, frame = natural_of(domain)(domain.encode(points)), domain.frame(points)
    assert list(found["route"]) == list(frame["route"])
    for name in ("T", "p", "n", "rpm", "Ni", "Fe", "Co"):
        np.testing.assert_allclose(found[name], frame[name].astype(float), rtol=1e-6, atol=1e-9)
    wet = (frame["route"] == "wet").to_numpy()
    np.testing.assert_allclose(found["soak"][wet], frame["soak"].astype(float)[wet])


def test_a_list_of_candidates_brings_its_formulas(tmp_path: Path) -> None:
    table = tmp_path / "candidates.csv"
    table.write_text("formula,T\nNaCl,300\nMgO,400\nTiO2,350\nFe2O3,500\n")
    domain = open_domain(Space(candidates=str(table)))
    points = domain.everything()
    assert points is not None
    found = natural_of(domain)(domain.encode(points))
    assert list(found["formula"]) == ["NaCl", "MgO", "TiO2", "Fe2O3"]
    np.testing.assert_allclose(found["T"], [300, 400, 350, 500])

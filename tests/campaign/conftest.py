"""A small campaign of a dye: two numbers and a word, one goal without an end and one with."""

import os

import numpy as np
import pytest

from matloop.campaign.campaign import Campaign

DYE = """\
name = "dye"
question = "Which settings give most dye?"
goals = ["maximise yield", "purity >= 0.9"]

[space]
constraints = ["temperature * time <= 6000"]
[space.temperature]
kind = "continuous"
low = 20
high = 120
unit = "degC"
[space.time]
kind = "integer"
low = 10
high = 90
[space.solvent]
kind = "categorical"
values = ["water", "DMF", "ethanol"]

[targets.yield]
unit = "%"
bounds = [0, 100]
[targets.purity]

[campaign]
batch = 4
strategy = "random"
budget = { experiments = 20 }
cost = "2 + 0.1 * time"
seed = 3
"""


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    """Every event is synced; on a busy machine that is most of a test's time."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def dye_file(tmp_path):
    path = tmp_path / "dye.toml"
    path.write_text(DYE)
    return path


@pytest.fixture
def dye(dye_file, tmp_path):
    return Campaign.new(dye_file, tmp_path / "dye")


@pytest.fixture
def filled():
    """The sheet of an ask with results in it."""

    def fill(asked, values, purity=0.95):
        frame = asked.frame.copy().astype(object)
        frame["yield [%]"] = values
        frame["purity"] = [("" if value == "" else purity) for value in values] if np.isscalar(purity) else purity
        return frame

    return fill

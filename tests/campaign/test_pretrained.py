"""A bundle of another study, transferred into a campaign, and simulated campaigns from a file."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from matloop.campaign.campaign import Campaign
from matloop.campaign.pretrained import prior_of
from matloop.campaign.simulate import simulate
from matloop.core.errors import ConfigError, MatloopError

GOLDEN = Path(__file__).parents[1] / "golden"
BUNDLE = sorted(folder for folder in GOLDEN.iterdir() if folder.is_dir())[0]
FORMULAS = pd.read_csv(GOLDEN / "formulas.csv", keep_default_na=False).iloc[:, 0].tolist()
FILE = """
name = "thermopower"
goals = ["minimise S_n", "gap >= 0.5"]

[space]
candidates = "known.csv"
elements = {{ without = ["Tc"] }}

[space.formula]
kind = "categorical"
matter = "composition"

[targets.S_n]
unit = "uV/K"
column = "S (uV/K)"

[targets.gap]
{more}
"""


@pytest.fixture
def file(tmp_path):
    def made(more=""):
        rng = np.random.default_rng(0)
        formulas = [
            "NaCl",
            "KCl",
            "NaBr",
            "KBr",
            "MgO",
            "CaO",
            "SrO",
            "BaO",
            "ZnO",
            "CdO",
            "GaAs",
            "InAs",
            "TcO2",
            "Fe2O3",
        ]
        table = pd.DataFrame({"formula": formulas, "S (uV/K)": rng.normal(-300, 100, 14), "gap": rng.random(14)})
        table.to_csv(tmp_path / "known.csv", index=False)
        path = tmp_path / "campaign.toml"
        path.write_text(FILE.format(more=more))
        return path

    return made


def test_what_a_bundle_predicts_is_the_prior():
    told = pd.read_csv(GOLDEN / f"{BUNDLE.name}.csv", keep_default_na=False)
    column = pd.read_csv(GOLDEN / "formulas.csv", nrows=0).columns[0]
    found = prior_of(BUNDLE, "S_n")({column: np.array(FORMULAS, dtype=object)})
    np.testing.assert_allclose(found, told["S_n_predicted"].astype(float), rtol=1e-6)


def test_a_campaign_keeps_its_bundle(file, tmp_path):
    column = pd.read_csv(GOLDEN / "formulas.csv", nrows=0).columns[0]
    path = file(f'[campaign]\nsurrogate = {{ name = "transfer", bundle = "{BUNDLE}" }}\n')
    path.write_text(path.read_text().replace("[space.formula]", f"[space.{column}]"))
    known = pd.read_csv(tmp_path / "known.csv").rename(columns={"formula": column})
    known.to_csv(tmp_path / "known.csv", index=False)
    campaign = Campaign.new(path, tmp_path / "c")
    assert (tmp_path / "c" / "bundle" / "manifest.json").is_file()
    results = known.head(7)[[column, "S (uV/K)", "gap"]]
    campaign.tell(results)
    asked = Campaign.open(tmp_path / "c").ask(2)
    assert len(asked.suggestions) == 2
    assert "S_n" in asked.suggestions[0].foreseen


def test_a_missing_bundle_is_told(file, tmp_path):
    path = file('[campaign]\nsurrogate = { name = "transfer", bundle = "nowhere" }\n')
    with pytest.raises(MatloopError, match="nowhere"):
        Campaign.new(path, tmp_path / "c")


def test_a_campaign_file_of_a_known_table_is_simulated(file):
    found = simulate(file(), strategies=("trees",), seeds=2, n=6, batch=2)
    assert found.as_json()["n_designs"] == 13  # without TcO2
    assert found.as_json()["goals"] == ["minimise S_n", "gap >= 0.5"]
    again = simulate(file(), strategies=("trees",), seeds=2, n=6, batch=2, workers=2)
    assert again.as_json()["curves"] == found.as_json()["curves"]


def test_a_campaign_file_without_known_results_is_told(file, tmp_path):
    path = file()
    path.write_text(
        path.read_text()
        .replace('candidates = "known.csv"', "")
        .replace('"composition"', '"composition"\nvalues = ["NaCl", "KCl"]')
    )
    with pytest.raises(ConfigError, match="needs known results"):
        simulate(path)
    path = file()
    path.write_text(path.read_text().replace("[targets.gap]", "[targets.gap]\ncolumn = 'Eg'"))
    with pytest.raises(MatloopError, match="no column 'Eg'"):
        simulate(path)

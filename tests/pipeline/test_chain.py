"""Chain files: a bundle feeds a formula, a step feeds a bundle, and faults are told with the step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import matloop
from matloop.core.errors import ConfigError, DataError
from matloop.pipeline.chain import carry

BUNDLE = Path(__file__).parents[1] / "golden" / "bundle-0.1.0"
ROWS = pd.DataFrame({
    "pretty_formula": ["SrTiO3", "Bi2Te3", "PbTe", "ZnO"], "cond": [100.0, 900.0, 700.0, 50.0], "cond_err": [5.0] * 4,
})  # fmt: skip
POWER = f"""
name = "power factor"
[[step]]
name = "S"
bundle = {str(BUNDLE)!r}
[[step]]
name = "sigma"
column = "cond"
std_column = "cond_err"
unit = "S/cm"
positive = true
[[step]]
name = "PF"
formula = "S**2 * sigma"
unit = "uW/cm/K^2"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "chain.toml"
    path.write_text(text)
    return path


def test_a_predicted_quantity_goes_through_a_formula(tmp_path):
    found = carry(written(tmp_path, POWER), ROWS, tmp_path / "out.csv", n_draws=300)
    S = matloop.predict_frame(matloop.load_bundle(BUNDLE), ROWS).predictions["S_n"]
    np.testing.assert_allclose(found.result.plain, (S.value * 1e-6) ** 2 * ROWS["cond"] * 100 * 1e4, rtol=1e-9)
    out = pd.read_csv(tmp_path / "out.csv")
    assert list(out["pretty_formula"]) == list(ROWS["pretty_formula"])
    assert {"PF", "PF_low", "PF_high", "PF_std", "PF_in_domain", "PF_share_S", "PF_share_sigma"} <= set(out.columns)
    assert (found.result.total[:, 0] > 0.5).all()
    assert "Improve S first" in "\n".join(found.lines())


def test_faults_name_the_step_and_what_to_do(tmp_path):
    for old, new, told in (
        ('unit = "uW/cm/K^2"', 'unit = "K"', "'PF'"),
        ("std_column", "std_colunm", "std_column"),
        ('"cond"', '"condd"', "cond"),
        ('formula = "S**2 * sigma"', 'formula = "S**2 * tau"', "'tau'"),
    ):
        with pytest.raises((ConfigError, DataError), match=told):
            carry(written(tmp_path, POWER.replace(old, new, 1)), ROWS)


@pytest.mark.parametrize("text", ["", "[[step]]\nname = 'a b'\nvalue = 1\n", "steps = 3\n", "a ="])
def test_what_is_no_chain_is_told(tmp_path, text):
    with pytest.raises(ConfigError):
        carry(written(tmp_path, text), ROWS)


def test_a_negative_standard_deviation_is_named_with_its_row(tmp_path):
    rows = ROWS.assign(cond_err=[5.0, -1.0, 5.0, 5.0])
    with pytest.raises(DataError, match=r"step 2, row 2"):
        carry(written(tmp_path, POWER), rows)

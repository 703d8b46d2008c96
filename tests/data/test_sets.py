import importlib.util
import os
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from data_tables import problem

from matloop.core.errors import DataError
from matloop.data.clean import clean
from matloop.data.collect import collect
from matloop.data.sets import embedded
from matloop.problem import Input, Source, Target

RICCI = Source("ricci-transport")


@pytest.fixture(scope="module")
def raw():
    return collect(RICCI)


def number(raw, name):
    return raw.column(name).astype(float)


def test_ricci_transport_is_whole(raw):
    assert len(raw) == 47_737
    both = [f"{name}_{carrier}" for name in ("sigma", "S", "kappa", "PF", "m") for carrier in "pn"]
    assert raw.names == ("mp_id", "pretty_formula", *both)
    assert len(set(raw.column("pretty_formula"))) == 34_631
    assert len(set(raw.column("mp_id"))) == 47_737


def test_values_have_all_their_digits(raw):
    row = raw.column("mp_id").tolist().index("mp-1000")  # BaTe, first lines of matminer's file
    assert raw.column("S_n")[row] == "-489.89384"
    assert raw.column("kappa_p")[row] == "267.5870699"


@pytest.mark.parametrize("carrier", ["p", "n"])
def test_units_on_the_card_obey_physics(raw, carrier):
    sigma, seebeck = number(raw, f"sigma_{carrier}") * 1e15, number(raw, f"S_{carrier}") * 1e-6
    power, kappa = number(raw, f"PF_{carrier}") * 1e9, number(raw, f"kappa_{carrier}") * 1e9
    assert np.median(power / (seebeck**2 * sigma)) == pytest.approx(1.0, abs=0.01)  # PF = S^2 sigma
    drude = 1e24 * 1.602176634e-19**2 / (sigma * 9.1093837e-31)  # m = n e^2 / (sigma/tau), n = 1e18 cm-3
    assert np.quantile(number(raw, f"m_{carrier}") / drude, 0.25) == pytest.approx(1.0, abs=0.001)
    metals = sigma > 1e20
    lorenz = np.median(kappa[metals] / (sigma[metals] * 300.0))
    assert lorenz == pytest.approx(2.44e-8, rel=0.02)  # Wiedemann-Franz at 300 K


def test_median_per_formula_is_the_problem_of_the_demo(raw):
    cleaned = clean(
        raw, problem(Input("formula", "composition", "pretty_formula"), target=Target("S_n", "S_n", unit="uV/K"))
    )
    assert len(cleaned.dataset) == 34_630  # F and F2 are one composition
    y = cleaned.dataset.targets["S_n"].values
    assert np.abs(y - np.median(y)).mean() == pytest.approx(267.47, abs=0.01)
    assert not cleaned.removed
    assert cleaned.n_merged == 47_737 - 34_630


def test_damaged_set_is_refused(monkeypatch):
    card = {**embedded.read_card("ricci_transport"), "sha256": "0" * 64}
    monkeypatch.setattr(embedded, "read_card", lambda stem: card)
    with pytest.raises(DataError, match="install matloop again"):
        embedded.ricci_transport()


def test_carried_set_takes_no_query():
    with pytest.raises(DataError, match='Write source = "ricci-transport"'):
        collect(Source("ricci-transport:Fe"))


def test_recipe_makes_the_very_file(tmp_path):
    spec = importlib.util.find_spec("matminer")
    archive = os.environ.get("MATLOOP_RICCI_ARCHIVE") or (
        Path(spec.origin).parent / "utils/data_files/mp_transport/transport_database.tar.xz"
        if spec and spec.origin
        else ""
    )
    if not archive or not Path(archive).exists():
        pytest.skip("needs the archive of matminer 0.10.1 (MATLOOP_RICCI_ARCHIVE)")
    from matloop.data.sets import make_ricci_transport as recipe

    recipe.main(Path(archive), tmp_path / "made.csv.gz")
    made = recipe.table_bytes(Path(archive))
    import gzip

    assert gzip.decompress(files("matloop.data.sets").joinpath("ricci_transport.csv.gz").read_bytes()) == made

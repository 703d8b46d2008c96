"""Elements, prices and supply: what breaks a limit is told, and prices are those of the masses."""

import numpy as np
import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.design.limits import Limits, elements_of, kept_from, price, prices_of
from matloop.matter.compositions import as_compositions

SOME = as_compositions(["TiO2", "PtO2", "UO2", "PmCl3", "Fe2O3"])


def test_series_and_elements_are_named_together():
    assert elements_of("Tc, lanthanides") == frozenset([43, *range(57, 72)])
    assert {43, 61, 92, 84} <= elements_of("radioactive")
    assert 83 not in elements_of("radioactive")
    with pytest.raises(ConfigError, match='Did you mean "Ti"'):
        elements_of("Tii")


def test_forbidden_elements_are_named():
    assert kept_from(SOME, Limits(without=elements_of("actinides,Pm,Pt"))) == {
        1: "contains Pt", 2: "contains U", 3: "contains Pm",
    }  # fmt: skip


def test_only_allowed_elements_may_be_there():
    found = kept_from(SOME, Limits(only=elements_of("Ti,O,Fe")))
    assert found[3] == "contains, beside the allowed elements, Cl, Pm"
    assert set(found) == {1, 2, 3}


def test_price_is_that_of_the_masses(tmp_path):
    own = tmp_path / "prices.csv"
    own.write_text("element,price\nTi,10\nO,1\n")
    prices = prices_of(own)
    found = price(SOME, prices)
    assert found[0] == pytest.approx((47.867 * 10 + 2 * 15.999) / (47.867 + 2 * 15.999), rel=1e-4)  # IUPAC masses
    told = kept_from(SOME, Limits(max_price=5.0, prices=prices))
    assert told[0].startswith("costs 6 USD/kg; the limit is 5")
    assert told[1].startswith("has no known price")


def test_carried_prices_and_supply_are_those_of_the_sources():
    assert prices_of(None)[79] == 45386.51194  # pymatgen's table, 2013
    assert set(kept_from(SOME, Limits(max_hhi=5000.0))) == {1, 3}  # Pt: 5,500, Pm: 9,500 (Gaultois et al. 2013)
    assert np.isnan(prices_of(None)[0])


def test_prices_of_ones_own_are_checked(tmp_path):
    own = tmp_path / "prices.csv"
    own.write_text("element,one,two\nTi,10,3\n")
    with pytest.raises(ConfigError, match='must be called "price"'):
        prices_of(own)
    with pytest.raises(DataError):
        prices_of(tmp_path / "none.csv")

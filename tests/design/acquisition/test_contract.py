import pytest

from matloop.core.errors import ConfigError
from matloop.design.acquisition.registry import ACQUISITIONS, make_acquisition
from matloop.testing.acquisition_contract import check_acquisition


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_every_acquisition_keeps_the_contract(name):
    check_acquisition(name)


def test_settings_are_taken_and_wrong_ones_told():
    assert make_acquisition("ucb", {"kappa": 3.0}).kappa == 3.0
    with pytest.raises(ConfigError, match="no setting 'kapa'. It has: kappa"):
        make_acquisition("ucb", {"kapa": 3.0})
    with pytest.raises(ConfigError, match="Did you mean"):
        make_acquisition("log_e")

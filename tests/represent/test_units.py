"""Units of feature columns: of the tables they come from, through pooling, and in a representation."""

import pytest

from matloop.core.elements import property_units, table
from matloop.core.units import compatible, known
from matloop.explain.laws.features import PROPERTIES
from matloop.represent import FEATURIZERS
from matloop.represent.pooling import pooled_units
from matloop.represent.representation import InputFeatures, Representation
from matloop.represent.spec import made
from matloop.represent.statistics import WITH_NUMBER, statistic

TABLES = ("magpie", "deml", "periodic", "miedema", "covalent", "bond_valence")


@pytest.mark.parametrize(
    ("name", "column", "unit"),
    [
        ("magpie", "MagpieData mean MeltingT", "K"),
        ("magpie", "MagpieData avg_dev GSvolume_pa", "angstrom^3"),
        ("spread", "element std CovalentRadius", "pm"),
        ("elemental", "element mean BulkModulus", "GPa"),
        ("deml", "DemlData mean first_ioniz", "J/mol"),
        ("band_center", "band center", "eV"),
        ("alloy", "Mixing enthalpy", "kJ/mol"),
        ("density", "density", "g/cm^3"),
        ("bond_statistics", "mean bond length average", "angstrom"),
        ("bond_statistics", "std bond angle average", "radian"),
        ("bond_statistics", "mean bond length distortion", None),
        ("ewald_site_energy", "mean site potential", "V"),
        ("voronoi", "mean Voro_area_sum", "angstrom^2"),
        ("local_difference", "maximum local difference in MeltingT", "K"),
        ("sine_matrix", "sine matrix eigenvalue 1", "e^2/angstrom"),
        ("crystal_bag_of_bonds", "crystal bag metal 1", None),
        ("rdkit", "RDKit TPSA", "angstrom^2"),
        ("elements", "PymatgenData mean melting_point", "K"),
        ("cations", "DemlData mean total_ioniz of cations", "J/mol"),
        ("meredig", "Meredig range AtomicRadius", "angstrom"),
        ("miedema", "Miedema_deltaH_inter", "eV/atom"),
        ("magpie", "MagpieData mean Number", None),
        ("rdf", "rdf [0.00000 - 0.10000]A", None),
    ],
)
def test_columns_have_the_units_of_the_literature(name, column, unit):
    featurizer = FEATURIZERS.load(name)()
    assert column in featurizer.columns()
    assert featurizer.units().get(column) == unit


def test_every_unit_of_a_table_is_known_and_of_one_of_its_properties():
    for name in TABLES:
        listed = property_units(name)
        assert listed
        assert set(listed) <= {*table(name).columns, *(["FERE correction"] if name == "deml" else [])}
        assert all(known(unit) for unit in listed.values())
    assert property_units("matscholar") == {}


def test_laws_read_the_same_units():
    for name, unit in property_units("magpie").items():
        if name in PROPERTIES:
            assert compatible(PROPERTIES[name][1], unit), name


def test_statistics_without_the_unit_of_the_property_have_none():
    statistics = (
        "mean",
        "max",
        "holder_mean::3",
        "quantile::0.5",
        "skewness",
        "kurtosis",
        "geometric_std",
        "inverse_mean",
    )
    for name in statistics:
        statistic(name)  # it is one
    assert {name.partition("::")[0] for name in statistics if "::" in name} <= set(WITH_NUMBER)
    found = pooled_units("t", ("T", "n"), statistics, {"T": "K"})
    assert found == dict.fromkeys(("t mean T", "t max T", "t holder_mean::3 T", "t quantile::0.5 T"), "K")


def test_options_are_heard():
    units = made("local_difference(source='deml', properties=('melting_point',), statistics=('range',))").units()
    assert units == {"range local difference in melting_point": "K"}


def test_a_representation_says_the_units_of_all_its_columns():
    whole = Representation(
        (
            InputFeatures("alloy", "composition", ("band_center", "fractions"), prefix="alloy: "),
            InputFeatures("T", "number", unit="K"),
        ),
        (("T", "T"),),
    )
    assert whole.units == {"alloy: band center": "eV", "T": "K", "T^2": "K^2"}

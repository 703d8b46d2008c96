"""The 132 Magpie features: six statistics of 22 element properties."""

from __future__ import annotations

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import filled_table, property_units
from matloop.represent.featurizer import CompositionFeaturizer
from matloop.represent.pooling import pool, pooled_names, pooled_units

PROPERTIES = (
    "Number", "MendeleevNumber", "AtomicWeight", "MeltingT", "Column", "Row", "CovalentRadius", "Electronegativity",
    "NsValence", "NpValence", "NdValence", "NfValence", "NValence", "NsUnfilled", "NpUnfilled", "NdUnfilled",
    "NfUnfilled", "NUnfilled", "GSvolume_pa", "GSbandgap", "GSmagmom", "SpaceGroupNumber",
)  # fmt: skip
STATISTICS = ("minimum", "maximum", "range", "mean", "avg_dev", "mode")
WARD_2016 = (
    "L. Ward, A. Agrawal, A. Choudhary, C. Wolverton, A general-purpose machine learning framework for predicting "
    "properties of inorganic materials, npj Comput. Mater. 2 (2016) 16028, doi:10.1038/npjcompumats.2016.28"
)


class MagpieFeaturizer(CompositionFeaturizer):
    """Minimum, maximum, range, mean, mean absolute deviation and mode of 22 element properties over the atoms.

    Columns and values are those of matminer 0.10.1, `ElementProperty.from_preset("magpie")`: a property unknown for an
    element (mostly noble gases and actinides) is the mean over the known elements, a constant of the table; the mode is
    the value of the most frequent element, of several the smallest. Units: K (melting), pm (radius), A^3 (volume), eV
    (gap), Bohr magnetons. Ward et al. (2016), doi:10.1038/npjcompumats.2016.28.

    Examples
    --------
    >>> features = MagpieFeaturizer()
    >>> float(features.transform(["Fe2O3"])[0, 3])  # MagpieData mean Number
    15.2
    """

    def columns(self) -> tuple[str, ...]:
        return pooled_names("MagpieData", PROPERTIES, STATISTICS)

    def describe(self, elements: IntArray, amounts: FloatArray) -> FloatArray:
        return pool(filled_table("magpie", PROPERTIES).values, elements, amounts, STATISTICS)

    def units(self) -> dict[str, str]:
        return pooled_units("MagpieData", PROPERTIES, STATISTICS, property_units("magpie"))

    def citations(self) -> tuple[str, ...]:
        return (WARD_2016,)

"""Element vectors learnt from text or from crystals, pooled over the atoms."""

from __future__ import annotations

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import filled_table, table
from matloop.represent.featurizer import CompositionFeaturizer
from matloop.represent.pooling import pool, pooled_names

STATISTICS = ("mean", "maximum", "minimum", "std")
MATSCHOLAR_2019 = (
    "V. Tshitoyan et al., Unsupervised word embeddings capture latent knowledge from materials science literature, "
    "Nature 571 (2019) 95, doi:10.1038/s41586-019-1335-8"
)
MEGNET_2019 = (
    "C. Chen, W. Ye, Y. Zuo, C. Zheng, S. P. Ong, Graph networks as a universal machine learning framework for "
    "molecules and crystals, Chem. Mater. 31 (2019) 3564, doi:10.1021/acs.chemmater.9b01294"
)


class MatscholarFeaturizer(CompositionFeaturizer):
    """Mean over the atoms of 200-dimensional element vectors learnt from the words of 3 million abstracts.

    An element without a vector has the mean of all. Tshitoyan et al. (2019), doi:10.1038/s41586-019-1335-8
    """

    def columns(self) -> tuple[str, ...]:
        return pooled_names("MatscholarElementData", table("matscholar").columns, ("mean",))

    def describe(self, elements: IntArray, amounts: FloatArray) -> FloatArray:
        return pool(filled_table("matscholar").values, elements, amounts, ("mean",))

    def citations(self) -> tuple[str, ...]:
        return (MATSCHOLAR_2019,)


class MegnetFeaturizer(CompositionFeaturizer):
    """Mean, maximum, minimum and standard deviation of 16-dimensional element vectors of a formation-energy network.

    An element without a vector (Z above 94) has the mean of all. Chen et al. (2019), doi:10.1021/acs.chemmater.9b01294
    """

    def columns(self) -> tuple[str, ...]:
        return pooled_names("MEGNetElementData", table("megnet").columns, STATISTICS)

    def describe(self, elements: IntArray, amounts: FloatArray) -> FloatArray:
        return pool(filled_table("megnet").values, elements, amounts, STATISTICS)

    def citations(self) -> tuple[str, ...]:
        return (MEGNET_2019,)

"""Matter and process columns to features: stateless, named, the whole batch at once."""

from matloop.core.registry import Registry

FEATURIZERS = Registry(
    "matloop.featurizers",
    magpie="matloop.represent.magpie:MagpieFeaturizer",
    fractions="matloop.represent.fractions:FractionsFeaturizer",
    stoichiometry="matloop.represent.stoichiometry:StoichiometryFeaturizer",
    valence="matloop.represent.valence:ValenceFeaturizer",
    ionic="matloop.represent.ionic:IonicFeaturizer",
)
"""Featurizers of compositions by name."""

DEFAULT_FEATURES: tuple[str, ...] = ("magpie", "fractions", "stoichiometry", "valence", "ionic")
"""What a composition is described by where the problem names no features."""

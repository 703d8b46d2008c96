"""Matter and process columns to features: stateless, named, the whole batch at once."""

from matloop.core.registry import Registry

FEATURIZERS = Registry(
    "matloop.featurizers",
    magpie="matloop.represent.magpie:MagpieFeaturizer",
    fractions="matloop.represent.fractions:FractionsFeaturizer",
    stoichiometry="matloop.represent.stoichiometry:StoichiometryFeaturizer",
    valence="matloop.represent.valence:ValenceFeaturizer",
    ionic="matloop.represent.ionic:IonicFeaturizer",
    spread="matloop.represent.elemental:SpreadFeaturizer",
    elemental="matloop.represent.elemental:ElementalFeaturizer",
    deml="matloop.represent.deml:DemlFeaturizer",
    transition_metal="matloop.represent.deml:TransitionMetalFeaturizer",
    band_center="matloop.represent.deml:BandCenterFeaturizer",
    orbitals="matloop.represent.orbitals:OrbitalsFeaturizer",
    alloy="matloop.represent.alloy:AlloyFeaturizer",
    matscholar="matloop.represent.vectors:MatscholarFeaturizer",
    megnet="matloop.represent.vectors:MegnetFeaturizer",
)
"""Featurizers of compositions by name."""

DEFAULT_FEATURES: tuple[str, ...] = ("magpie", "fractions", "stoichiometry", "valence", "ionic")
"""What a composition is described by where the problem names no features."""

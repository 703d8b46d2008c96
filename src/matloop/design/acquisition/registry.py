"""The acquisitions by name: what the next experiment is chosen for."""

from __future__ import annotations

from collections.abc import Mapping

from matloop.core.errors import ConfigError
from matloop.core.registry import Registry
from matloop.design.contract import Acquisition

_ROOM = "matloop.design.acquisition"
_SEVERAL = "matloop.design.objectives"
ACQUISITIONS = Registry(
    "matloop.acquisitions",
    ucb=f"{_ROOM}.confidence:UpperConfidence",
    ucb_schedule=f"{_ROOM}.confidence:ScheduledConfidence",
    thompson=f"{_ROOM}.confidence:Thompson",
    log_ei=f"{_ROOM}.improvement:LogExpectedImprovement",
    ei=f"{_ROOM}.improvement:LogExpectedImprovement",
    noisy_ei=f"{_ROOM}.improvement:LogNoisyExpectedImprovement",
    pi=f"{_ROOM}.improvement:LogProbabilityOfImprovement",
    knowledge_gradient=f"{_ROOM}.gradient:KnowledgeGradient",
    max_value_entropy=f"{_ROOM}.entropy:MaxValueEntropy",
    joint_entropy=f"{_ROOM}.entropy:JointEntropy",
    window=f"{_ROOM}.windows:Window",
    target=f"{_ROOM}.windows:Target",
    straddle=f"{_ROOM}.levels:Straddle",
    level_set=f"{_ROOM}.levels:LevelSet",
    safe=f"{_ROOM}.levels:Safe",
    max_variance=f"{_ROOM}.exploration:MaximumVariance",
    committee=f"{_ROOM}.exploration:Committee",
    variance_reduction=f"{_ROOM}.exploration:VarianceReduction",
    d_optimal=f"{_ROOM}.exploration:DOptimal",
    diversity=f"{_ROOM}.exploration:Diversity",
    ehvi=f"{_SEVERAL}.improvement:HypervolumeImprovement",
    parego=f"{_SEVERAL}.scalar:Chebyshev",
    desirability=f"{_SEVERAL}.scalar:Desirability",
    preference=f"{_SEVERAL}.preferences:PreferenceGain",
)
"""Name -> the class of an `Acquisition`; its fields are its settings, all with defaults."""


def make_acquisition(name: str, settings: Mapping[str, object] | None = None) -> Acquisition:
    """The acquisition `name` with settings, as they stand in a campaign's file.

    Raises
    ------
    ConfigError : no such acquisition, or it has no such setting.
    """
    from dataclasses import fields

    kind = ACQUISITIONS.load(name)
    known = [one.name for one in fields(kind) if one.repr]
    for setting in settings or {}:
        if setting not in known:
            raise ConfigError(f"acquisition {name!r} has no setting {setting!r}. It has: {', '.join(known) or 'none'}.")
    made: Acquisition = kind(**(settings or {}))
    return made

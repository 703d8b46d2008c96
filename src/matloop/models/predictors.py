"""The fixed list of predictors that a bundle may name: nothing else is ever built from a file."""

from __future__ import annotations

import importlib

from matloop.core.errors import BundleError
from matloop.models.learner import Predictor

PREDICTORS = {
    "constant": "matloop.models.constant:Constant",
    "neighbours": "matloop.models.nearest_neighbour:Neighbours",
    "linear": "matloop.models.linear:Linear",
    "kernel": "matloop.models.kernels:KernelSum",
    "network": "matloop.models.network:Network",
    "sampled": "matloop.models.sampled_network:SampledNetwork",
    "bayesian_head": "matloop.models.bayesian_head:BayesianHead",
    "trees": "matloop.models.trees:Trees",
    "quantiles": "matloop.models.quantile_boosting:QuantileTrees",
    "jackknife": "matloop.models.jackknife:JackknifeForest",
}


def predictor_class(kind: str) -> type[Predictor]:
    """The class that reads arrays of `kind`; BundleError for any other word."""
    if kind not in PREDICTORS:
        raise BundleError(f"the bundle names a model of kind {kind!r}, this release knows {', '.join(PREDICTORS)}.")
    module, _, name = PREDICTORS[kind].partition(":")
    found: type[Predictor] = getattr(importlib.import_module(module), name)
    return found

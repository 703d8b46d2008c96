"""Model families: how each is built, which settings to try, and how a fitted one becomes plain arrays."""

from __future__ import annotations

from matloop.core.optional import available
from matloop.core.registry import Registry

FAMILIES = Registry(
    "matloop.models",
    dummy="matloop.models.dummy:FAMILY",
    nearest_neighbour="matloop.models.nearest_neighbour:FAMILY",
    ridge="matloop.models.ridge:FAMILY",
    lasso="matloop.models.lasso:FAMILY",
    elastic_net="matloop.models.elastic_net:FAMILY",
    logistic="matloop.models.logistic:FAMILY",
    kernel_ridge="matloop.models.kernel_ridge:FAMILY",
    svm="matloop.models.svm:FAMILY",
    random_forest="matloop.models.random_forest:FAMILY",
    jackknife_forest="matloop.models.jackknife_forest:FAMILY",
    extra_trees="matloop.models.extra_trees:FAMILY",
    lightgbm="matloop.models.lightgbm:FAMILY",
    quantile_boosting="matloop.models.quantile_boosting:FAMILY",
    gaussian_process="matloop.models.gaussian_process:FAMILY",
    composition_gp="matloop.models.composition_gp:FAMILY",
    sparse_gp="matloop.models.sparse_gp:FAMILY",
    mlp="matloop.models.mlp:FAMILY",
    deep_ensemble="matloop.models.deep_ensemble:FAMILY",
    mc_dropout="matloop.models.mc_dropout:FAMILY",
    variational_network="matloop.models.variational_network:FAMILY",
    laplace_network="matloop.models.laplace_network:FAMILY",
    distance_aware_network="matloop.models.distance_aware_network:FAMILY",
    foreign="matloop.models.foreign:FAMILY",
)


def by_name(name: str) -> bool:
    """Whether the family `name` is tried by a search only where it is named, or where depth is thorough."""
    return bool(getattr(FAMILIES.load(name), "by_name", False))


def missing(name: str) -> str:
    """Why the family `name` cannot be used here, in words that say what to install; empty where it can.

    Looks only whether the library could be imported; the library itself is not.
    """
    family = FAMILIES.load(name)
    absent = [module for module in getattr(family, "needs", ()) if not available(module)]
    if not absent:
        return ""
    return f"{family.label} needs {', '.join(absent)}: pip install 'matloop[{family.extra}]'"


def installed(name: str) -> bool:
    """Whether everything that the family `name` needs can be imported."""
    return not missing(name)

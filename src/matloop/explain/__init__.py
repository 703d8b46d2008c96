"""What a model leans on, with checks of whether that may be read; each function takes any fitted estimator and arrays.

Importing does no work: each name is loaded when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matloop.explain.checks import alike, destroyed, skilful, stable, vanishes
    from matloop.explain.drop_column import drop_column_importance
    from matloop.explain.effects import accumulated_effect, accumulated_pair, friedman_h, individual_curves
    from matloop.explain.glass_box import glass_boxes
    from matloop.explain.grouping import correlated_groups
    from matloop.explain.shapley import Shap, shap_values
    from matloop.explain.surrogate import fit_surrogate
    from matloop.explain.values import Check, failed

_PLACES = {
    "checks": ("alike", "destroyed", "skilful", "stable", "vanishes"),
    "drop_column": ("drop_column_importance",),
    "effects": ("accumulated_effect", "accumulated_pair", "friedman_h", "individual_curves"),
    "glass_box": ("glass_boxes",),
    "grouping": ("correlated_groups",),
    "shapley": ("Shap", "shap_values"),
    "surrogate": ("fit_surrogate",),
    "values": ("Check", "failed"),
}
_HOME = {name: module for module, names in _PLACES.items() for name in names}

__all__ = [
    "Check",
    "Shap",
    "accumulated_effect",
    "accumulated_pair",
    "alike",
    "correlated_groups",
    "destroyed",
    "drop_column_importance",
    "failed",
    "fit_surrogate",
    "friedman_h",
    "glass_boxes",
    "individual_curves",
    "shap_values",
    "skilful",
    "stable",
    "vanishes",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)

"""How sure a prediction is and where not to trust it."""

from __future__ import annotations

from matloop.core.registry import Registry

INTERVALS = Registry(
    "matloop.intervals",
    **{
        "split": "matloop.doubt.split:SPLIT",
        "cv+": "matloop.doubt.plus:CV_PLUS",
        "jackknife+": "matloop.doubt.plus:JACKKNIFE_PLUS",
        "jackknife+ab": "matloop.doubt.plus:AFTER_BOOTSTRAP",
        "scaled": "matloop.doubt.scaled:SCALED",
        "local": "matloop.doubt.scaled:LOCAL",
        "quantile": "matloop.doubt.learnt:QUANTILE",
        "chosen": "matloop.doubt.learnt:CHOSEN",
        "category": "matloop.doubt.mondrian:CATEGORY",
        "binned": "matloop.doubt.mondrian:BINNED",
        "shifted": "matloop.doubt.shifted:SHIFTED",
    },
)
"""Name -> the `IntervalMethod` that makes intervals for numbers."""

SETS = Registry(
    "matloop.sets",
    threshold="matloop.doubt.sets:THRESHOLD",
    by_class="matloop.doubt.sets:BY_CLASS",
    aps="matloop.doubt.sets:APS",
    raps="matloop.doubt.sets:RAPS",
)
"""Name -> the `SetMethod` that makes sets of classes."""

"""Numbers and units in the sentences of a verdict."""

from __future__ import annotations

import math
import re

from matloop.metrics.estimate import Estimate
from matloop.metrics.metric import Metric

_MICRO = re.compile(r"(?<![A-Za-z])u(?=(?:m|V|A|s|g|W|J|L|mol|ohm)(?![A-Za-z]))")
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float, digits: int = 3) -> str:
    """`value` to `digits` significant digits, thousands apart, powers of ten only where they help."""
    if not math.isfinite(value):
        return "unknown" if math.isnan(value) else "infinite"
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e7:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{mantissa}·10{str(int(exponent)).translate(_SUPERSCRIPT)}".replace("-", "−")
    places = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return f"{value:,.{places}f}".replace("-", "−")


def unit_text(unit: str) -> str:
    """The unit as a person writes it: `"uV/K"` as `"µV/K"`."""
    return _MICRO.sub("µ", unit)


def unit_of(metric: Metric, unit: str) -> str:
    """The unit that the metric comes in, for a target in `unit`."""
    unit = unit_text(unit)
    if not unit or metric.unit_power == 0:
        return ""
    return unit if metric.unit_power == 1 else f"({unit})²"


def with_unit(value: float, unit: str) -> str:
    """A number and its unit."""
    return f"{number(value)} {unit}" if unit else number(value)


def between(estimate: Estimate) -> str:
    """The interval of an estimate in words; empty where there is none."""
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return ""
    return f"95 % interval {number(estimate.low)} to {number(estimate.high)}"


def percent(share: float) -> str:
    """A share as percent."""
    if not math.isfinite(share):
        return "unknown"
    shown = 100 * share
    return f"{shown:.0f} %" if shown >= 9.5 or shown == 0 else f"{shown:.2g} %"

"""A figure as data: traces and layout for plotly.js, with words for those who cannot see it.

Colours are names of the palette with an `@` before ("@blue", "@blue/40" for 40 % opacity); the page puts in those of
the theme in use. Text that comes from data goes through `safe`, because plotly reads some HTML tags in text.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from matloop.report.words import short

Trace = Mapping[str, Any]
SET_COLOURS: Mapping[str, str] = {"vault": "@blue", "cv": "@green", "loco": "@orange", "new": "@blue"}
SET_SYMBOLS: Mapping[str, str] = {"vault": "circle", "cv": "square", "loco": "diamond", "new": "circle"}
SERIES = ("@blue", "@orange", "@green", "@purple", "@red", "@grey")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


@dataclass(frozen=True, slots=True)
class Variant:
    """One choice of a figure (a set of rows, a metric): `label` on its button, `alt` for screen readers."""

    label: str
    data: tuple[Trace, ...]
    layout: Mapping[str, Any]
    alt: str
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A titled figure with at least one variant; `height` in pixels, `square` keeps it about as wide as high."""

    key: str
    title: str
    variants: tuple[Variant, ...]
    height: int = 380
    square: bool = False
    wide: bool = False

    @property
    def json(self) -> Markup:
        """The variants as JSON that can stand inside a script element whatever the data hold."""
        content = [
            {"label": v.label, "data": v.data, "layout": v.layout, "alt": v.alt, "caption": v.caption}
            for v in self.variants
        ]
        text = json.dumps(content, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        for letter in "<>&\u2028\u2029":
            text = text.replace(letter, f"\\u{ord(letter):04x}")
        return Markup(text)


def safe(text: object, limit: int = 60) -> str:
    """Text from data as plotly may show it: one short line, tags and templates made harmless."""
    return html.escape(short(str(text), limit), quote=False).replace("%{", "%\u200b{")


def numbers(values: Iterable[float] | NDArray, digits: int = 5) -> list[float | int | None]:
    """Numbers to `digits` significant digits, as short as JSON can say them; what is not finite is null."""
    return [_short_number(value, digits) for value in np.asarray(values, dtype=float).ravel().tolist()]


def _short_number(value: float, digits: int) -> float | int | None:
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def axis(title: str, **more: Any) -> dict[str, Any]:
    """An axis with a title."""
    return {"title": {"text": title}, **more}


def padded(low: float, high: float, share: float = 0.04) -> list[float]:
    """A range a little wider than its ends; never empty."""
    room = (high - low) * share or abs(high) * 0.1 or 1.0
    return [low - room, high + room]


def names_with(name: str, unit: str) -> str:
    """`name (unit)` for an axis, made safe."""
    return f"{safe(name, 40)} ({safe(unit, 24)})" if unit else safe(name, 40)

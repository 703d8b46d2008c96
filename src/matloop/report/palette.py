"""Two sets of colours, after Okabe & Ito (2008): told apart by colour-blind readers, and readable on their ground."""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "ground": "#f7f6f3",
    "card": "#ffffff",
    "sunk": "#f1efea",
    "ink": "#1c2330",
    "muted": "#58606e",
    "line": "#e2dfd8",
    "grid": "#ebe9e3",
    "link": "#005a8f",
    "blue": "#0072b2",
    "green": "#007d5a",
    "orange": "#b85c00",
    "red": "#b3371b",
    "purple": "#8a4f87",
    "grey": "#767d89",
    "heat": "#00598c",
    "good": "#00694b",
    "good-ground": "#e4f2ec",
    "bad": "#a02f16",
    "bad-ground": "#fbe9e3",
    "unsure": "#7d5200",
    "unsure-ground": "#fbf1da",
    "on-heat": "#ffffff",
    "on-mid": "#1c2330",
}

DARK: Mapping[str, str] = {
    "ground": "#12151a",
    "card": "#1a1e25",
    "sunk": "#232831",
    "ink": "#e9ebee",
    "muted": "#a7afbb",
    "line": "#2f3641",
    "grid": "#2a303a",
    "link": "#7cc4f2",
    "blue": "#56b4e9",
    "green": "#3fc49b",
    "orange": "#f0a43a",
    "red": "#ff8a66",
    "purple": "#d79bd3",
    "grey": "#949ca9",
    "heat": "#62b8ea",
    "good": "#63d3ab",
    "good-ground": "#16302a",
    "bad": "#ff9d80",
    "bad-ground": "#3a211b",
    "unsure": "#f2c260",
    "unsure-ground": "#352a15",
    "on-heat": "#0d1117",
    "on-mid": "#0d1117",
}


def css(colours: Mapping[str, str]) -> str:
    """The colours as CSS custom properties."""
    return "".join(f"--{name}:{value};" for name, value in colours.items())

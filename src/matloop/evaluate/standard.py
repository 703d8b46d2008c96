"""Features as plain standardised numbers; they live in `represent`, where profiles find them too."""

from __future__ import annotations

from matloop.represent.standard import Neighbours, Standard, fit_standard, nearest

__all__ = ["Neighbours", "Standard", "fit_standard", "nearest"]

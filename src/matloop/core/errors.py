"""The one family of errors: each message names what was found, where, and what to do."""

from __future__ import annotations

from collections.abc import Sequence


class MatloopError(Exception):
    """Base of every error that matloop raises on purpose; `exit_code` is what a command ends with."""

    exit_code = 1


class ConfigError(MatloopError):
    """The question (problem file, options) cannot be understood or contradicts itself."""

    exit_code = 2


class DataError(MatloopError):
    """The data cannot be read or cannot answer the question."""

    exit_code = 3


class BundleError(MatloopError):
    """A bundle is damaged, hostile, or of a kind this release cannot read."""

    exit_code = 4


class RunError(MatloopError):
    """A run cannot go on: full disk, locked folder, other version, no time left."""

    exit_code = 5


class MissingExtra(MatloopError):
    """An optional library is needed; the message says what to install."""

    exit_code = 6


class MatloopWarning(UserWarning):
    """The result stands, but look: the message says what to change."""


def listed(found: Sequence[str], limit: int = 10) -> str:
    """Up to `limit` entries, a line each, then a count of the rest."""
    lines = [f"  - {entry}" for entry in found[:limit]]
    if len(found) > limit:
        lines.append(f"  ... and {len(found) - limit} more")
    return "\n".join(lines)


def all_faults(headline: str, faults: Sequence[str], limit: int = 10) -> str:
    """One message for many faults: a headline, then up to ten of them and a count."""
    return f"{headline}\n{listed(faults, limit)}"

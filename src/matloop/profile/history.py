"""How fast a stored dataset grows and changes, from its versions and from when its values were got."""

from __future__ import annotations

import numpy as np

from matloop.data.store.values import Version
from matloop.data.times import seconds_of
from matloop.profile.five_values import Finding, History

YEAR = 365.25 * 86400.0
UNSTEADY = 0.05
"""Share of the first records that are another today, from which models should be tied to a version."""


def growth_findings(past: History) -> tuple[Finding, ...]:
    """Versions, and records per version and year."""
    versions = past.versions
    n = len(versions)
    when = seconds_of(np.array([one.created for one in versions], dtype=object))
    years = max(float(np.nanmax(when) - np.nanmin(when)) / YEAR, 0.0) if n else 0.0
    if n < 2:
        meaning = "put later states into the same dataset: only then can growth and change be measured"
        return (Finding("versions", float(n), "one", meaning, "look"),)
    added = sum(one.added for one in versions[1:])
    pace = f", {added / years:,.0f} in a year" if years > 0.02 else ""
    meaning = f"{versions[0].n_records:,} records in the first version, {versions[-1].n_records:,} in the last"
    shown = f"{n:,}, {added:,} records added after the first{pace}"
    return (Finding("versions", float(n), shown, meaning),)


def change_findings(past: History) -> tuple[Finding, ...]:
    """How many values became others, and how long ago values were got."""
    found = []
    if len(past.versions) > 1:
        share = past.changed / max(past.values, 1)
        meaning = (
            "a model of an earlier version has learnt values that hold no longer: name the version in the problem file"
            if share > UNSTEADY
            else "corrections are few; name the version in the problem file all the same"
        )
        shown = f"{past.changed:,} of the first {past.values:,} records ({share:.1%}) are another today, or gone"
        found.append(Finding("change", share, shown, meaning, "look" if share > UNSTEADY else "good"))
        found.append(_worst(past.versions))
    known = past.retrieved[np.isfinite(past.retrieved)]
    if len(known):
        first, last = (str(np.datetime64(int(end), "s"))[:10] for end in (known.min(), known.max()))
        days = float(known.max() - known.min()) / 86400.0
        meaning = (
            "databases change their values: records that were got far apart may not belong to one release"
            if days > 180
            else "got within half a year"
        )
        shown = first if first == last else f"{first} to {last}"
        found.append(Finding("values got", days, shown, meaning, "look" if days > 180 else "good"))
    return tuple(found)


def _worst(versions: tuple[Version, ...]) -> Finding:
    most = max(versions[1:], key=lambda one: one.changed + one.removed)
    moved = sum(one.changed + one.removed for one in versions[1:])
    mean = moved / (len(versions) - 1)
    shown = f"{mean:,.1f} records changed or removed by a version"
    meaning = f"most in version {most.number}: {most.changed:,} changed, {most.removed:,} removed"
    return Finding("change rate", mean, shown, meaning)

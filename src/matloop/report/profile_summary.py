"""What the report of a run shows of the profile of its table; the profile has a page of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

from matloop.profile.five_values import DataProfile, Finding
from matloop.report import words
from matloop.report.record import ProfileSection, ProfileSummary

SUMMARISED = 6
"""Pairs whose correlation hides something that a report tells; the page has all of them."""
MARKS = {"good": "", "look": "look", "bad": "act"}


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One figure in words; `mark` is empty where nothing is to be done."""

    name: str
    shown: str
    meaning: str
    mark: str


def summarised(found: DataProfile, page: str) -> ProfileSummary:
    """The part of a profile that the report of a run shows; the rest is on `page`."""
    return ProfileSummary(
        sections=tuple(
            ProfileSection(name, tuple(replace(one, value=float(one.value)) for one in findings))
            for name, findings in found.vs
        ),
        labels_shown=found.labels_shown,
        hidden=tuple(
            f"{pair.first} and {pair.second}: {warned.said}" for pair in found.warnings for warned in pair.warnings
        )[:SUMMARISED],
        page=page,
    )


def summary_rows(found: ProfileSummary) -> tuple[tuple[str, tuple[FindingRow, ...]], ...]:
    """What the report shows of each of the five, in words."""
    return tuple((one.name, tuple(finding_row(finding) for finding in one.findings)) for one in found.sections)


def finding_row(one: Finding) -> FindingRow:
    return FindingRow(words.sentence(one.name), one.shown, words.sentence(one.meaning), MARKS[one.level])

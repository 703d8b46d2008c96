"""Whether what is asked is still what the model learnt from."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.jsonable import to_jsonable
from matloop.monitor.contract import Finding, Seen, Severity
from matloop.monitor.drift import findings as say
from matloop.monitor.drift.chemistry import compare_chemistry, labels
from matloop.monitor.drift.columns import compare_columns
from matloop.monitor.drift.follow import Followed, check, follow
from matloop.monitor.drift.outputs import compare_outputs
from matloop.monitor.drift.units import Units, units
from matloop.monitor.drift.values import ChemistryDrift, ColumnDrift, MapPoints, OutputDrift, Whole
from matloop.monitor.drift.whole import compare_whole, standardised
from matloop.report.words import count, counted

LEAST = 5
"""Distinct questions that a comparison needs."""
REPEATED = 5.0
DRAWN = 600
MARKS = {"alarm": "!!", "warning": "!", "note": " "}
ORDER: dict[Severity, int] = {"alarm": 0, "warning": 1, "note": 2}


@dataclass(frozen=True, slots=True)
class Drift:
    """How the rows asked differ from the rows learnt from.

    n_reference, n_now : distinct questions of each side; n_rows : rows of now as they came, with repetitions.
    findings : the loudest first. columns : inputs and features, those that moved most first. whole, chemistry, map :
    None where there is too little, or no matter. followed : evidence since monitoring began, where that was given.
    """

    alpha: float
    n_reference: int
    n_now: int
    n_rows: int
    findings: tuple[Finding, ...]
    columns: tuple[ColumnDrift, ...] = ()
    whole: Whole | None = None
    chemistry: ChemistryDrift | None = None
    outputs: tuple[OutputDrift, ...] = ()
    map: MapPoints | None = None
    followed: Followed | None = None

    @property
    def severity(self) -> Severity:
        """Of the loudest finding."""
        return min((one.severity for one in self.findings), key=lambda one: ORDER[one], default="note")

    @property
    def alarm(self) -> bool:
        """Whether drift was shown and is large."""
        return self.severity == "alarm"

    def lines(self) -> list[str]:
        """A line per finding, for a terminal."""
        head = (
            f"{counted(self.n_now, 'distinct question')} ({counted(self.n_rows, 'row')}) against "
            f"{counted(self.n_reference, 'training row')}: {_verdict(self)}"
        )
        return [head, *(f"{MARKS[one.severity]:>2} {one.said}" for one in self.findings)]

    def as_json(self) -> dict[str, Any]:
        """Everything but the points of the map."""
        found: dict[str, Any] = to_jsonable(self)
        found.pop("map")
        return found

    def _repr_html_(self) -> str:
        head, *rest = (html.escape(line) for line in self.lines())
        return f"<p>{head}</p><ul>{''.join(f'<li>{line}</li>' for line in rest)}</ul>"


def drift(reference: Seen, now: Seen, *, alpha: float = 0.05, seed: int = 0, since_start: Seen | None = None) -> Drift:
    """Compare the rows of a window with the rows that a bundle keeps of its training.

    Parameters
    ----------
    reference : `matloop.monitor.seen.seen_in_training`. now : `seen_in_columns`, or as the log gives them.
    alpha : chance that there is any alarm although nothing changed: in this one look, or, with `since_start`, in any
        number of looks.
    seed : of permutations, samples and ties; the same rows and seed give the same result.
    since_start : all rows since monitoring began. Whoever looks every day must give them: an alarm then needs the
        evidence of `follow`, and what this window alone shows is a warning.

    Raises
    ------
    ConfigError : alpha is no chance. DataError : the rows are of another model.

    Notes
    -----
    Repeated questions count once; features of the material alone are compared over distinct materials.
    """
    check(reference, now, alpha)
    of_reference, of_now = units(reference), units(now)
    followed = None if since_start is None else follow(reference, since_start, alpha=alpha, seed=seed)
    sizes = (alpha, len(of_reference.rows), len(of_now.rows), len(now))
    told = [] if followed is None else say.about_followed(followed)
    if min(sizes[1:3]) < LEAST:
        return Drift(*sizes, findings=(*told, _too_few(sizes[2], len(now))), followed=followed)
    columns = compare_columns(reference, now, of_reference, of_now)
    whole = compare_whole(reference, now, of_reference, of_now, seed=seed)
    chemistry = compare_chemistry(reference, now, of_reference, of_now, seed=seed)
    outputs = compare_outputs(reference, now, of_reference, of_now)
    window = [
        *say.about_whole(whole, alpha), *say.about_chemistry(chemistry, alpha), *say.about_outputs(outputs, alpha),
        *say.about_columns(columns, reference.X[of_reference.matter], reference.names, alpha),
        *_repeated(of_now), *say.about_traffic(reference, now, of_reference, of_now),
    ]  # fmt: skip
    if followed is not None and not followed.alarm:
        window = say.softened(window)
    found = sorted([*told, *window], key=lambda one: ORDER[one.severity])
    moved = tuple(sorted(columns, key=lambda one: (one.holm, -one.distance, one.name)))
    return Drift(
        *sizes, findings=tuple(found), columns=moved, whole=whole, chemistry=chemistry, outputs=outputs,
        map=_map(reference, now, of_reference, of_now, seed), followed=followed,
    )  # fmt: skip


def _verdict(found: Drift) -> str:
    if found.alarm:
        return "they differ, and it matters"
    if found.severity == "warning":
        return "they seem to differ"
    if found.n_now < LEAST:
        return "too few to tell"
    return "no drift that matters"


def _too_few(n: int, n_rows: int) -> Finding:
    said = f"{counted(n, 'distinct question')} in {counted(n_rows, 'row')}: too few to compare with training."
    return Finding("drift", "too few rows", said, "note", {"n": n})


def _repeated(of_now: Units) -> list[Finding]:
    if of_now.repeated < REPEATED or of_now.n < 20:
        return []
    said = (
        f"{count(of_now.n)} rows ask {counted(len(of_now.rows), 'distinct question')}; each counts once in these "
        "comparisons."
    )
    return [Finding("drift", "repeated questions", said, "note", {"rows": of_now.n, "distinct": len(of_now.rows)})]


def _map(reference: Seen, now: Seen, of_reference: Units, of_now: Units, seed: int) -> MapPoints | None:
    rng = np.random.default_rng(seed)
    first, second = (_some(kept.matter, rng) for kept in (of_reference, of_now))
    both = standardised(np.vstack([reference.X[first], now.X[second]]))
    known = both[: len(first)]
    if both.shape[1] < 2 or len(first) < 3:
        return None
    variances, axes = np.linalg.eigh((known - known.mean(axis=0)).T @ (known - known.mean(axis=0)))
    widest = axes[:, ::-1][:, :2]
    widest = widest * np.where(widest[np.abs(widest).argmax(axis=0), [0, 1]] < 0, -1.0, 1.0)
    xy: FloatArray = (both - known.mean(axis=0)) @ widest
    total = max(float(np.maximum(variances, 0.0).sum()), 1e-300)
    return MapPoints(
        xy[: len(first)], xy[len(first) :], tuple(labels(reference, first).tolist()),
        tuple(labels(now, second).tolist()), (float(variances[-1]) / total, float(variances[-2]) / total),
    )  # fmt: skip


def _some(rows: IntArray, rng: np.random.Generator) -> IntArray:
    return np.sort(rows[rng.permutation(len(rows))[:DRAWN]])

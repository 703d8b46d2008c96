"""What was found, in sentences, and how loud each is said.

Three things decide: whether chance explains it (the level `alpha` is spent on the parts of `SPENT`, and what is said to
be found holds it for all of them together), whether it is large (`LARGE`), and whether it is one thing or many names of
one thing (features that go together are one finding). What is certain but small is a note.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.evaluate.multiple import adjusted
from matloop.monitor.contract import Finding, Seen, Severity
from matloop.monitor.drift.follow import Followed
from matloop.monitor.drift.units import Units
from matloop.monitor.drift.values import ChemistryDrift, ColumnDrift, ElementDrift, OutputDrift, Whole
from matloop.report.words import count, counted, number, percent, short

SPENT = {"columns": 0.3, "whole": 0.3, "elements": 0.1, "families": 0.1, "systems": 0.05, "outputs": 0.15}
"""Shares of alpha."""
LIKELY = 2.0
"""Up to this many times its share of alpha a large change is a warning."""
LARGE = {"distance": 0.1, "auc": 0.55, "element": 0.05, "systems": 0.1, "outside": 0.05, "width": 1.2, "missing": 0.05}
"""From here on a change matters: distances of distributions, the classifier's AUC, rises of shares, ratio of widths."""
MOST, LEADING = 5, 3
TRAFFIC = 20
"""Rows from which on shares of what was asked are told."""
TOGETHER = 0.7
"""Rank correlation (in the reference) from which on two features are one finding."""


def severity(significant: bool, likely: bool, large: bool) -> Severity:
    """An alarm if it is shown and large, a warning if it is likely and large, else a note."""
    return "alarm" if significant and large else "warning" if likely and large else "note"


def about_columns(columns: Sequence[ColumnDrift], X: FloatArray, names: tuple[str, ...], alpha: float) -> list[Finding]:
    """Inputs that moved, one by one, and the features made from them together; X (n, p) are reference rows, `names`
    their columns."""
    level = SPENT["columns"] * alpha
    moved = [one for one in columns if min(one.holm, one.fdr / LIKELY, one.p_missing) <= level]
    moved.sort(key=lambda one: (one.holm, -one.distance, one.name))
    inputs, features = ([one for one in moved if (one.what == "input") == way] for way in (True, False))
    found = [_column(one, [], level) for one in inputs[:MOST]]
    if len(inputs) > MOST:
        rest = ", ".join(one.name for one in inputs[MOST:])
        found.append(Finding("drift", "further inputs", f"Further inputs that moved: {short(rest, 300)}."))
    told = [_column(lead, others, level) for lead, others in _together(features, X, names)]
    return [*found, *_one_finding(told, len(features), sum(one.what == "feature" for one in columns))]


def _one_finding(told: list[Finding], n_moved: int, n: int) -> list[Finding]:
    """Features say one thing in many words: the ones that lead, as one finding as loud as the loudest."""
    if len(told) < 2:
        return told
    loudest = min(told, key=lambda one: ("alarm", "warning", "note").index(one.severity))
    said = (
        f"{count(n_moved)} of {counted(n, 'feature')} made from the inputs moved. {' '.join(one.said for one in told)}"
    )
    figures = {"n": n_moved, "leading": [{"name": one.subject, **one.figures} for one in told]}
    return [Finding("drift", "features", said, loudest.severity, figures, loudest.todo)]


def _together(
    moved: list[ColumnDrift], X: FloatArray, names: tuple[str, ...]
) -> list[tuple[ColumnDrift, list[ColumnDrift]]]:
    """Each column that leads, with those further down that go along with it."""
    place = {name: k for k, name in enumerate(names)}
    free = list(moved)
    groups: list[tuple[ColumnDrift, list[ColumnDrift]]] = []
    ranked = {one.name: _ranked(X[:, place[one.name]]) for one in moved if one.name in place}
    while free and len(groups) < LEADING:
        lead, free = free[0], free[1:]
        along = [one for one in free if one.what == "feature" and _alike(ranked.get(lead.name), ranked.get(one.name))]
        names_along = {one.name for one in along}
        free = [one for one in free if one.name not in names_along]
        groups.append((lead, along))
    return groups


def _ranked(values: FloatArray) -> FloatArray:
    from scipy.stats import rankdata

    ranks = rankdata(np.where(np.isfinite(values), values, np.nanmedian(values) if np.isfinite(values).any() else 0.0))
    centred = ranks - ranks.mean()
    return np.asarray(centred / max(float(np.sqrt((centred**2).sum())), 1e-300))


def _alike(a: FloatArray | None, b: FloatArray | None) -> bool:
    return a is not None and b is not None and abs(float(a @ b)) >= TOGETHER


def _column(one: ColumnDrift, along: list[ColumnDrift], level: float) -> Finding:
    likely = one.fdr <= LIKELY * level
    missing = one.p_missing <= level and not likely
    if missing:
        rise = abs(one.missing[1] - one.missing[0])
        said = (
            f"{_titled(one)} has no value in {percent(one.missing[1])} of the questions "
            f"({percent(one.missing[0])} of the training rows)."
        )
        figures: dict[str, object] = {"p": one.p_missing, "before": one.missing[0], "after": one.missing[1]}
        loud = severity(True, True, rise >= LARGE["missing"])
        return Finding("drift", one.name, said, loud, figures, "Ask whoever sends the rows why values are left out.")
    said = _moved(one)
    if along:
        some = ", ".join(other.name for other in along[:3])
        more = f" and {len(along) - 3} more" if len(along) > 3 else ""
        goes = "goes" if len(along) == 1 else "go"
        said += f" With it {goes} {counted(len(along), 'feature')} that always did: {some}{more}."
    if one.new:
        words = ", ".join(f"{word} ({n}x)" for word, n in list(one.new.items())[:MOST])
        said += f" Not in the training rows kept: {words}."
    figures = {
        "p": one.p, "p_holm": one.holm, "p_fdr": one.fdr, "distance": one.distance, "psi": one.psi,
        "before": one.before, "after": one.after, "shift": one.shift, "n": one.n_now,
        "along": [other.name for other in along],
    }  # fmt: skip
    loud = severity(one.holm <= level, likely, one.distance >= LARGE["distance"])
    return Finding("drift", one.name, said, loud, figures, "Look whether the questions changed or the way they are "
                   "written (unit, source), and measure some of the new rows." if loud != "note" else "")  # fmt: skip


def _titled(one: ColumnDrift) -> str:
    return f"Input {one.name!r}" if one.what == "input" else f"Feature {one.name!r}"


def _moved(one: ColumnDrift) -> str:
    if one.kind == "category":
        return f"{_titled(one)}: {percent(one.distance)} of the questions would need another word to be as in training."
    sides = f"median {number(one.before)} in training, {number(one.after)} now"
    apart = f"the distributions differ by {number(one.distance, 2)} of 1"
    if np.isfinite(one.shift) and abs(one.shift) >= 0.1:
        way = "higher" if one.shift > 0 else "lower"
        return f"{_titled(one)} is {way}: {sides} ({number(abs(one.shift), 2)} standard deviations; {apart})."
    stays = f"the median stays at {number(one.before)}" if one.before == one.after else sides
    return f"{_titled(one)} is distributed otherwise: {stays}, but {apart}."


def about_whole(whole: Whole | None, alpha: float) -> list[Finding]:
    """All features together."""
    level = SPENT["whole"] * alpha
    if whole is None or whole.p > LIKELY * level:
        return []
    certain = whole.p <= level
    loud = severity(certain, True, whole.auc >= LARGE["auc"])
    said = (
        f"As a whole the questions are {'' if certain else 'perhaps '}unlike the training rows: a classifier tells "
        f"{counted(whole.n_now, 'row')} of now from {count(whole.n_reference)} of training with an AUC of "
        f"{number(whole.auc, 2)} (0.5 is guessing, 1 is no doubt; p = {number(whole.p, 2)})."
    )
    figures = {
        "p": whole.p, "auc": whole.auc, "p_classifier": whole.p_classifier, "mmd": whole.mmd, "p_mmd": whole.p_mmd,
        "energy": whole.energy, "p_energy": whole.p_energy,
    }  # fmt: skip
    todo = "Look at the columns and the chemistry below, and at the map." if loud != "note" else ""
    return [Finding("drift", "all features together", said, loud, figures, todo)]


def about_chemistry(chemistry: ChemistryDrift | None, alpha: float) -> list[Finding]:
    """New elements, other shares of elements, families, systems."""
    if chemistry is None:
        return []
    found = [_new_element(one, chemistry, alpha) for one in chemistry.new_elements[:MOST]]
    if len(chemistry.new_elements) > MOST:
        rest = ", ".join(one.symbol for one in chemistry.new_elements[MOST:])
        found.append(Finding("chemistry", "further new elements", f"Further elements of no training row kept: {rest}."))
    return [*found, *_shares(chemistry, alpha), *_families(chemistry, alpha), *_systems(chemistry, alpha)]


def _new_element(one: ElementDrift, chemistry: ChemistryDrift, alpha: float) -> Finding:
    where = "in no training row at all" if one.unseen else (
        f"in none of the {count(chemistry.n_reference)} training materials kept")  # fmt: skip
    said = (
        f"{one.symbol} is in {count(one.n_after)} of {counted(chemistry.n_now, 'material')} asked and {where}: "
        f"{', '.join(one.examples)}."
    )
    certain = one.holm <= SPENT["elements"] * alpha
    likely = one.holm <= LIKELY * SPENT["elements"] * alpha or (one.unseen and one.n_after > 1)
    loud = severity(certain, likely, one.after >= LARGE["element"])
    todo = "Take predictions for them as guesses; measure a few and train again." if loud != "note" else ""
    figures = {"p": one.p, "p_holm": one.holm, "before": one.before, "after": one.after, "n": one.n_after}
    return Finding("chemistry", f"new element {one.symbol}", said, loud, figures, todo)


def _shares(chemistry: ChemistryDrift, alpha: float) -> list[Finding]:
    level = SPENT["elements"] * alpha
    moved = sorted(
        (one for one in chemistry.elements if one.n_before and one.holm <= LIKELY * level),
        key=lambda one: (-abs(one.after - one.before), one.symbol),
    )
    if not moved:
        return []
    large = [one for one in moved if one.holm <= level and abs(one.after - one.before) >= LARGE["element"]]
    likely = any(abs(one.after - one.before) >= LARGE["element"] for one in moved)
    more, less = ([one for one in moved if (one.after > one.before) == way][: MOST + 1] for way in (True, False))
    parts = [
        f"{word} {', '.join(f'{one.symbol} ({percent(one.before)} to {percent(one.after)})' for one in some)}"
        for word, some in (("more", more), ("less", less)) if some
    ]  # fmt: skip
    said = f"Elements in the materials asked, against training: {'; '.join(parts)}."
    figures = {"p_holm": min(one.holm for one in moved), "n": len(moved),
               "largest": abs(moved[0].after - moved[0].before)}  # fmt: skip
    return [Finding("chemistry", "shares of elements", said, severity(bool(large), likely, True), figures)]


def _families(chemistry: ChemistryDrift, alpha: float) -> list[Finding]:
    level = SPENT["families"] * alpha
    if not chemistry.p_families <= LIKELY * level:
        return []
    moved = sorted(chemistry.families, key=lambda one: (-abs(one.after - one.before), one.name))
    distance = 0.5 * sum(abs(one.after - one.before) for one in moved)
    told = ", ".join(f"{one.name} {percent(one.before)} to {percent(one.after)}" for one in moved[:3])
    new = [one for one in moved if not one.n_before]
    said = f"Families of materials changed: {told}."
    if new:
        kinds = "; ".join(f"{one.name} ({one.n_after}, such as {', '.join(one.examples[:2])})" for one in new[:3])
        said += f" Families of no training material kept: {kinds}."
    certain = chemistry.p_families <= level
    loud = severity(certain, True, distance >= LARGE["distance"])
    todo = "Ask whether the model was meant for these; look at their domain flags." if loud != "note" else ""
    return [Finding("chemistry", "families", said, loud, {"p": chemistry.p_families, "distance": distance}, todo)]


def _systems(chemistry: ChemistryDrift, alpha: float) -> list[Finding]:
    rise = chemistry.systems_new - chemistry.systems_expected
    level = SPENT["systems"] * alpha
    if not chemistry.p_systems <= LIKELY * level or rise <= 0:
        return []
    said = (
        f"{percent(chemistry.systems_new)} of the materials asked are of chemical systems that no training row kept "
        f"has ({percent(chemistry.systems_expected)} would be by chance), such as {', '.join(chemistry.examples)}."
    )
    certain = chemistry.p_systems <= level
    figures = {"p": chemistry.p_systems, "share": chemistry.systems_new, "expected": chemistry.systems_expected}
    return [Finding("chemistry", "chemical systems", said, severity(certain, True, rise >= LARGE["systems"]), figures)]


def about_outputs(outputs: Sequence[OutputDrift], alpha: float) -> list[Finding]:
    """Domain share, widths of intervals and predicted values, corrected for all of them."""
    tests = [(one, what) for one in outputs for what in ("outside", "width", "value")]
    p = adjusted([_p_of(one, what) for one, what in tests], "holm")
    level, found = SPENT["outputs"] * alpha, []
    for (one, what), holm in zip(tests, p.tolist(), strict=True):
        if holm <= LIKELY * level:
            found += {"outside": _outside, "width": _width, "value": _value}[what](one, holm, level)
    return found


def _p_of(one: OutputDrift, what: str) -> float:
    if what == "outside":
        return one.p_outside
    column = one.width if what == "width" else one.value
    return float("nan") if column is None else column.p


def _outside(one: OutputDrift, p: float, level: float) -> list[Finding]:
    before, after = one.outside
    said = (
        f"{percent(after)} of the questions ({count(one.n_outside[1])}) are outside the domain of {one.target!r}; of "
        f"the training rows, held out in turn, {percent(before)} were."
    )
    loud = severity(p <= level, True, after - before >= LARGE["outside"])
    todo = "Read the reasons of the flags; measure some of these rows and train again." if loud != "note" else ""
    figures = {"p": p, "before": before, "after": after, "n": one.n_outside[1]}
    return [Finding("domain", one.target, said, loud, figures, todo)]


def _width(one: OutputDrift, p: float, level: float) -> list[Finding]:
    column = one.width
    if column is None or not column.before > 0:
        return []
    ratio = column.after / column.before
    if 1.0 / LARGE["width"] < ratio < 1.0:
        return []  # the model was fitted on more rows than those that made the reference
    large = ratio >= LARGE["width"] and column.distance >= LARGE["distance"]
    times = f"{number(max(ratio, 1 / ratio), 2)} times as {'wide' if ratio >= 1 else 'narrow'} as"
    said = (
        f"Intervals of {one.target!r} are {times} in training: "
        f"median {number(column.before)} there (held out), {number(column.after)} now."
    )
    loud: Severity = severity(p <= level, True, large)
    figures = {"p": p, "ratio": ratio, "before": column.before, "after": column.after, "distance": column.distance}
    return [Finding("width", one.target, said, loud, figures)]


def _value(one: OutputDrift, p: float, level: float) -> list[Finding]:
    column = one.value
    if column is None:
        return []
    if column.kind == "number":
        sides = f"median {number(column.before)} for training rows (held out), {number(column.after)} now"
    else:
        sides = f"{percent(column.distance)} of the answers would have to be another class"
    apart = f"distance {number(column.distance, 2)} of 1"
    said = f"Predictions of {one.target!r} are distributed otherwise: {sides} ({apart})."
    loud = severity(p <= level, True, column.distance >= LARGE["distance"])
    figures = {"p": p, "distance": column.distance, "psi": column.psi, "before": column.before, "after": column.after}
    return [Finding("drift", f"predictions of {one.target}", said, loud, figures)]


def about_traffic(reference: Seen, now: Seen, of_reference: Units, of_now: Units) -> list[Finding]:
    """Words whose shares in all rows, each as often as it was asked, are others than among distinct questions.

    How often something is asked again is nothing that a test of independent rows could judge, so these are notes.
    """
    found = []
    rows = np.flatnonzero(now.readable)
    if len(rows) < TRAFFIC or len(of_now.rows) < 2:
        return []
    for name, values in now.inputs.items():
        known = reference.inputs.get(name)
        if name in now.matter or values.dtype.kind != "U" or known is None or known.dtype.kind != "U":
            continue
        words = np.unique(np.concatenate([known[of_reference.rows], values[rows]]))
        before, asked, once = (
            np.bincount(np.searchsorted(words, side), minlength=len(words)) / max(len(side), 1)
            for side in (known[of_reference.rows], values[rows], values[of_now.rows])
        )
        distance = 0.5 * float(np.abs(asked - before).sum())
        if distance < LARGE["distance"] or 0.5 * float(np.abs(asked - once).sum()) < LARGE["distance"]:
            continue
        told = ", ".join(
            f"{words[k]} {percent(float(before[k]))} to {percent(float(asked[k]))}"
            for k in np.argsort(-np.abs(asked - before), kind="stable")[:3].tolist()
        )
        said = (
            f"Input {name!r}: counted as often as they were asked, the words have other shares than in training: "
            f"{told}. Repeated questions are in this, so it is no test."
        )
        figures = {"distance": distance, "n": len(rows), "distinct": len(of_now.rows)}
        found.append(Finding("drift", f"how often {name} is asked", said, "note", figures))
    return found[:MOST]


def about_followed(followed: Followed) -> list[Finding]:
    """What was shown since monitoring began."""
    if not followed.alarm:
        return []
    told = [one for one in followed.streams[:3] if one.evidence > 0.5]
    large = max((one.distance for one in told), default=0.0) >= LARGE["distance"]
    names = "; ".join(f"{one.name} (distance {number(one.distance, 2)} of 1)" for one in told)
    said = (
        f"Since monitoring began the questions have drifted from the training rows: shown at question "
        f"{count(followed.at + 1)} of {count(followed.n)}, at less than {percent(followed.alpha)} of false alarms over "
        f"any number of looks. Most telling: {names}."
    )
    said += _by_order(followed)
    figures = {
        "at": followed.at, "n": followed.n, "log10_evidence": float(followed.log10.max()), "time": followed.time,
        "log10_shuffled": followed.shuffled, "sorted_by": followed.sorted_by[0], "rank": followed.sorted_by[1],
    }  # fmt: skip
    todo = "Compare errors on rows measured since then, and think of training again." if large else ""
    return [Finding("drift", "since the beginning", said, "alarm" if large else "note", figures, todo)]


def _by_order(followed: Followed) -> str:
    """Whether the order of the questions is what shows it: sorted or sent in batches, or drifted only lately."""
    said = ""
    if followed.by_order:
        odds, needed = (f"{number(10.0**one, 2)} to 1" for one in (followed.shuffled, -np.log10(followed.alpha)))
        said = (
            f" It is their order that shows it: in random order the same questions show no drift (evidence {odds}, an "
            f"alarm needs {needed}). They were sent sorted or in batches, or they drifted only lately."
        )
    name, rank = followed.sorted_by
    if name:
        way = "rises" if rank > 0 else "falls"
        said += (
            f" Input {name!r} {way} with time (rank correlation {number(rank, 2)}): they may have come sorted by it."
        )
    return said


def softened(findings: list[Finding]) -> list[Finding]:
    """Alarms as warnings: what one look shows is not shown when one looks every day."""
    return [replace(one, severity="warning") if one.severity == "alarm" else one for one in findings]

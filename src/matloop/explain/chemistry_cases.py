"""Rows under the lens: what a prediction leans on, and the smallest feasible change that would change it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import Z_OF
from matloop.core.errors import ConfigError
from matloop.data.dataset import Categories, Column, Numbers
from matloop.doubt.domain_seen import MARGIN
from matloop.doubt.prediction import Prediction
from matloop.explain.bench import Bench
from matloop.explain.chemistry_values import Case, Evidence, Found, Leaned, Prototype
from matloop.explain.counterfactuals import Judge, Wish, WishKind, counterfactuals
from matloop.explain.edits import Matter
from matloop.explain.leaning import effective_rows, leaning
from matloop.explain.moves import Candidates, Room, Row
from matloop.explain.prototypes import prototypes
from matloop.represent.representation import FRACTIONS, Representation
from matloop.represent.standard import fit_standard
from matloop.train.model import Model
from matloop.train.recipe_model import RecipeModel

N_LEANED, N_NEAR = 5, 3
TRAIN_ROWS, TRAIN_NEAR = 3000, 500
"""Training rows whose weight is worked out: a random part, and the nearest ones."""
PROTOTYPE_ROWS, ASKED_ROWS, STANDARD_ROWS = 4000, 300, 5000
AGREE = 0.75
"""Values that a prediction leans on disagree where they spread by more than this share of the spread of all."""
_CLEAR = 0.7
"""Classes that a prediction leans on disagree where the most frequent one has less weight than this."""
_CLASSES = 4


@dataclass(frozen=True, slots=True)
class Lens:
    """What cases are looked at through.

    owner : shape (n,), which fold model did not see each row, -1 for none. places : shape (n, width), standardised
    features of the development rows. usual : distance within which 95 % of them have another one of another group.
    prototype_rows : the first prototype of each band, by its name.
    """

    bench: Bench
    matter: Matter
    model: Model
    fold_models: Sequence[tuple[RecipeModel, IntArray]]
    owner: IntArray
    places: NDArray[np.float32]
    usual: float
    prototype_rows: dict[str, int]


def prototypes_of(
    bench: Bench, places: NDArray[np.float32], allowed: IntArray
) -> tuple[tuple[Prototype, ...], dict[str, int]]:
    """Rows that stand for the low, middle and high third of the values (or for each class), three that nobody stands
    for, and the first row of each band. allowed : rows that may be chosen."""
    development, seed = bench.subject.development, bench.subject.seed
    if len(allowed) > PROTOTYPE_ROWS:
        allowed = np.sort(np.random.default_rng(seed).choice(allowed, PROTOTYPE_ROWS, replace=False))
    features, each = places[allowed].astype(np.float64), 3 if bench.thorough else 2
    found, first = list[Prototype](), dict[str, int]()
    for name, rows in bands(development.y[allowed], development.classes).items():
        standing = prototypes(features[rows], each, seed=seed)
        chosen = allowed[rows[standing.rows]]
        found += [_prototype(bench, row, name, share) for row, share in zip(chosen, standing.share, strict=True)]
        first[name] = int(chosen[0])
    odd = prototypes(features, 2 * each, n_odd=3, seed=seed).odd
    return (*found, *(_prototype(bench, row, "odd", float("nan")) for row in allowed[odd])), first


def bands(y: FloatArray, classes: tuple[str, ...]) -> dict[str, IntArray]:
    """Rows of the low, middle and high third of the values, or of each of the four most frequent classes."""
    if classes:
        counts = np.bincount(y.astype(np.int64), minlength=len(classes))
        frequent = np.argsort(-counts, kind="stable")[:_CLASSES]
        return {classes[c]: np.flatnonzero(y == c) for c in np.sort(frequent) if counts[c]}
    low, high = np.quantile(y, [1 / 3, 2 / 3])
    parts = {"low": y <= low, "middle": (y > low) & (y <= high), "high": y > high}
    return {name: np.flatnonzero(part) for name, part in parts.items() if part.any()}


def _prototype(bench: Bench, row: int, band: str, share: float) -> Prototype:
    subject = bench.subject
    y = float(subject.development.y[row])
    return Prototype(str(subject.ids[row]), str(subject.shown[row]), band, y, float(share))


def cases_of(lens: Lens, notes: list[str], *, most: int) -> tuple[Case, ...]:
    """The worst predictions and typical rows, each with what it leans on and what would change it.

    most : changes of one row that are predicted.
    """
    wanted, found = _wanted(lens), list[Case]()
    deadline = lens.bench.pace.deadline
    for k, (row, why) in enumerate(wanted):
        now = time.monotonic()
        if now >= deadline:
            notes.append(f"left out: {len(wanted) - k} rows under the lens, the time ran out")
            break
        found.append(_case(lens, row, why, most, now + (deadline - now) / (len(wanted) - k)))
    return tuple(found)


def _wanted(lens: Lens) -> list[tuple[int, str]]:
    """Rows with the reason why each was chosen."""
    bench, n = lens.bench, 4 if lens.bench.thorough else 2
    error = np.where(lens.owner >= 0, np.abs(bench.said - bench.truth), np.nan)
    classes = bench.subject.development.classes
    if classes:
        wrong = bench.subject.trained.out_of_fold.value != bench.subject.development.y
        error = np.where(wrong, error, np.nan)
    order = [int(row) for row in np.argsort(-np.nan_to_num(error, nan=-1.0), kind="stable") if np.isfinite(error[row])]
    worst, seen = list[tuple[int, str]](), set[int]()
    for row in order:
        if len(worst) < n and int(bench.subject.development.groups[row]) not in seen:
            worst.append((row, "worst prediction" if not worst else "badly predicted"))
            seen.add(int(bench.subject.development.groups[row]))
    typical = [
        (row, f"typical of {name!r}" if classes else f"typical of the {name} values")
        for name, row in lens.prototype_rows.items()
        if name != "middle" or bench.thorough
    ]
    return worst + [one for one in typical if one[0] not in {row for row, _ in worst}]


def _case(lens: Lens, row: int, why: str, most: int, deadline: float) -> Case:
    bench = lens.bench
    subject, development = bench.subject, bench.subject.development
    estimator, left_out = lens.fold_models[lens.owner[row]]
    judge = judge_of(replace(lens.model, estimator=estimator), lens.matter, row)
    start = row_of(lens.matter, row)
    before = judge(Candidates.same(start))
    room = room_of(lens.model, lens.matter.representation, lens.matter.name)
    found: Found | None = None
    for wish, words in _wishes(lens, row, why, before):
        try:
            found = counterfactuals(judge, start, wish, room, most=most, wish_words=words, deadline=deadline)
        except ConfigError:
            found = Found(words, (), 0, 0, 0)
        if found.altered:
            break
    return Case(
        str(subject.ids[row]), str(subject.shown[row]), why, float(development.y[row]), float(before.value[0]),
        float(before.low[0]), float(before.high[0]), _evidence(lens, row, left_out, before), found,
    )  # fmt: skip


def _wishes(lens: Lens, row: int, why: str, before: Prediction) -> list[tuple[Wish, str]]:
    """What would be worth knowing of a row, the first that can be reached: that it is predicted as measured; or of a
    typical one that it is another class, or a standard deviation of the data nearer to their middle, or half of one."""
    development = lens.bench.subject.development
    y, said = float(development.y[row]), float(before.value[0])
    unit = f" {development.unit}" if development.unit else ""
    if development.classes:
        if said != y:
            return [(Wish("becomes", y), f"to be called {development.classes[int(y)]!r}, as measured")]
        other = next(int(c) for c in np.argsort(-before.proba[0], kind="stable") if c != int(said))
        return [(Wish("becomes", float(other)), f"to be called {development.classes[other]!r}")]
    if not why.startswith("typical"):
        kind: WishKind = "rises_by" if y > said else "falls_by"
        return [(Wish(kind, abs(y - said)), f"to be predicted as measured, {_short(y)}{unit}")] if y != said else []
    up, found = y <= float(np.median(development.y)), list[tuple[Wish, str]]()
    for share, words in ((1.0, "a standard deviation of the data"), (0.5, "half a standard deviation of the data")):
        amount = share * float(np.std(development.y))
        if development.scale == "log":
            factor = 10.0 ** (share * float(np.std(np.log10(development.y))))
            amount = abs(said) * (factor - 1.0 if up else 1.0 - 1.0 / factor)
        wish = Wish("rises_by" if up else "falls_by", amount)
        found.append((wish, f"to {'rise' if up else 'fall'} by {_short(amount)}{unit}, {words}"))
    return found


def _short(value: float) -> str:
    return f"{value:,.0f}" if 1000.0 <= abs(value) < 1e7 else f"{value:.3g}"


def row_of(matter: Matter, row: int) -> Row:
    """What can be changed of a row."""
    inputs = matter.dataset.inputs
    kinds = {given.name: inputs[given.name] for given in matter.representation.inputs}
    return Row(
        matter.compositions.take(np.array([row])),
        {name: float(column.values[row]) for name, column in kinds.items() if isinstance(column, Numbers)},
        {name: str(column.values[row]) for name, column in kinds.items() if isinstance(column, Categories)},
    )


def judge_of(model: Model, matter: Matter, row: int) -> Judge:
    """Predicts changed versions of one row; inputs that are not changed stay as they are."""

    def judge(changed: Candidates) -> Prediction:
        inputs: dict[str, Column] = {}
        if changed.compositions is not None:
            inputs[matter.name] = changed.compositions
        for name, values in changed.numbers.items():
            column = matter.dataset.inputs[name]
            inputs[name] = Numbers(values, column.unit if isinstance(column, Numbers) else "")
        for name, words in changed.words.items():
            inputs[name] = Categories(np.array(words, dtype=np.str_))
        return model.predict_table(matter.described(np.full(len(changed), row), inputs))

    return judge


def room_of(model: Model, representation: Representation, name: str) -> Room:
    """Within what the domain of a model lets a row be changed.

    name : the composition input; "" where there is none.
    """
    seen = model.domain.seen
    columns = model.columns
    never = set(seen.fractions.tolist())
    elements = tuple(
        Z_OF[column.rpartition(" ")[2]]
        for at, (column, origin) in enumerate(zip(columns.names, columns.origins, strict=True))
        if origin == f"{name}:{FRACTIONS}" and at not in never
    )
    edge = (seen.high - seen.low) * MARGIN / (1.0 + 2.0 * MARGIN)
    ranges = {
        columns.names[at]: (float(low + rim), float(high - rim))
        for at, low, high, rim in zip(seen.numbers.tolist(), seen.low, seen.high, edge, strict=True)
    }
    known = {(int(at), int(code)) for at, code in seen.words}
    words = {
        given.name: tuple(
            word for code, word in enumerate(given.words) if (columns.names.index(given.name), code) in known
        )
        for given in representation.inputs
        if given.kind == "category"
    }
    return Room(elements, ranges, words, {given.name: given.unit for given in representation.inputs if given.unit})


def _evidence(lens: Lens, row: int, left_out: IntArray, before: Prediction) -> Evidence:
    subject, development = lens.bench.subject, lens.bench.subject.development
    X, groups = development.table.X, development.groups
    free = np.ones(len(development), dtype=bool)
    free[left_out] = False
    train = np.flatnonzero(free & (groups != groups[row]))
    if len(train) < 2:
        return Evidence("", 0.0, (), (), ("there are no training rows beside it",))
    distance = _apart(lens.places[train], lens.places[[row]])[0]
    drawn = np.random.default_rng([subject.seed, row]).permutation(len(train))[:TRAIN_ROWS]
    near = np.argsort(distance, kind="stable")
    chosen = np.union1d(near[:TRAIN_NEAR], drawn)
    used, apart = train[chosen], distance[chosen]
    model = lens.fold_models[lens.owner[row]][0]
    weights, how = leaning(model, X[used], X[[row]], importance=_importance(lens.bench))

    def leaned(places: IntArray) -> tuple[Leaned, ...]:
        return tuple(
            Leaned(
                str(subject.ids[used[k]]), str(subject.shown[used[k]]), float(development.y[used[k]]),
                float(weights[0, k]), float(apart[k]),
            )
            for k in places
        )  # fmt: skip

    heavy = np.argsort(-weights[0], kind="stable")[:N_LEANED]
    close = np.argsort(apart, kind="stable")[:N_NEAR]
    said = _said(lens, development.y[used], weights[0], float(apart.min()))
    return Evidence(how, float(effective_rows(weights)[0]), leaned(heavy), leaned(close), said)


def _said(lens: Lens, y: FloatArray, weights: FloatArray, distance: float) -> tuple[str, ...]:
    """Whether the rows that a prediction leans on agree, are many and near."""
    development, said = lens.bench.subject.development, list[str]()
    rows = 1.0 / float((weights**2).sum())
    said.append(f"it leans on about {rows:.0f} rows" if rows >= 1.5 else "it leans on a single row")
    if development.classes:
        share = np.bincount(y.astype(np.int64), weights, len(development.classes))
        if share.max() < _CLEAR:
            parts = [f"{development.classes[c]!r} {share[c]:.0%}" for c in np.argsort(-share, kind="stable")[:3]]
            said.append(f"they disagree: {', '.join(parts)}")
        else:
            said.append("they agree")
    else:
        values = np.log10(y) if development.scale == "log" else y
        mean = float(weights @ values)
        spread = float(np.sqrt(weights @ (values - mean) ** 2))
        usual = float(np.std(values))
        disagree = usual > 0 and spread > AGREE * usual
        wide = f": their values spread {spread / usual:.2f} times as wide as those of all rows" if usual > 0 else ""
        said.append(f"they {'disagree' if disagree else 'agree'}{wide}")
    if distance > lens.usual:
        said.append(
            f"the nearest is far: {distance:.2g} standard deviations, 19 of 20 rows have one within {lens.usual:.2g}"
        )
    return tuple(said)


def usual_distance(bench: Bench, places: NDArray[np.float32]) -> float:
    """Distance within which 95 % of the development rows have another one of another group."""
    groups = bench.subject.development.groups
    some = np.random.default_rng(bench.subject.seed).permutation(len(places))[:ASKED_ROWS]
    apart = _apart(places, places[some])
    apart[groups[some][:, None] == groups] = np.inf
    first = apart.min(axis=1)
    first = first[np.isfinite(first)]
    return float(np.quantile(first, 0.95)) if len(first) else float("inf")


def _apart(known: NDArray[np.float32], asked: NDArray[np.float32]) -> FloatArray:
    """Root mean square difference of standardised features, shape (n_asked, n_known)."""
    squared = (known**2).sum(axis=1) - 2.0 * asked @ known.T + (asked**2).sum(axis=1)[:, None]
    return np.sqrt(np.maximum(squared, 0.0) / max(known.shape[1], 1)).astype(np.float64)


def _importance(bench: Bench) -> FloatArray:
    """Importance of each column: that of its group, divided among its members; all alike where none is known."""
    found = np.zeros(bench.subject.development.table.X.shape[1])
    for name, group in zip(bench.names, bench.groups, strict=True):
        found[group] = max(bench.permutation.get(name, 0.0), 0.0) / len(group)
    return found if found.any() else np.ones(len(found))


def places_of(bench: Bench) -> NDArray[np.float32]:
    """Standardised features of the development rows; centre and spread from a part of many rows."""
    table = bench.subject.development.table
    rows = np.random.default_rng(bench.subject.seed).permutation(len(table))[:STANDARD_ROWS]
    return fit_standard(table.X[np.sort(rows)], table.columns()).apply(table.X).astype(np.float32)

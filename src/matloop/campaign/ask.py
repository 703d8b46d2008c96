"""From the log to the next experiments: what the strategy says, made sure of, with costs and known neighbours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from matloop.campaign.learned import experiments_only, history_of
from matloop.campaign.question import Question, strategy_of
from matloop.campaign.state import Result, State, Suggestion
from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.core.jsonable import to_jsonable
from matloop.core.threads import one_thread
from matloop.design.contract import History, Points, Suggestions
from matloop.design.strategy.fidelities import ByFidelity

if TYPE_CHECKING:
    import pandas as pd

N_NEAR = 2
_TRIES = 3
REPLACED = "drawn at random: what the strategy named was known or asked for already"


@dataclass(frozen=True, slots=True)
class Asked:
    """The answer to an `ask`.

    suggestions : what to make next; none where a rule said that it is enough. stopped : why, with numbers. how : what
    the strategy did. notes : what to look at.
    """

    suggestions: tuple[Suggestion, ...]
    stopped: tuple[str, ...] = ()
    how: str = ""
    notes: tuple[str, ...] = ()
    frame: pd.DataFrame | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """The ids."""
        return tuple(suggestion.id for suggestion in self.suggestions)

    def as_json(self) -> Any:
        """For programs."""
        return {
            "suggestions": [to_jsonable(suggestion) for suggestion in self.suggestions],
            "stopped": list(self.stopped), "how": self.how, "notes": list(self.notes),
        }  # fmt: skip

    def lines(self) -> list[str]:
        """For the screen."""
        if self.stopped:
            return ["It is enough:", *(f"  - {why}" for why in self.stopped), "To go on all the same: --anyway"]
        found = [line for suggestion in self.suggestions for line in _lines(suggestion)]
        return [*found, *([f"how: {self.how}"] if self.how else []), *(f"note: {note}" for note in self.notes)]

    def _repr_html_(self) -> str:
        head = "".join(f"<p>{line}</p>" for line in (self.lines() if self.stopped else []))
        return head + ("" if self.frame is None else self.frame.to_html(index=False))


def settings_in_words(point: Mapping[str, Any]) -> str:
    """'temperature 81.2, solvent "DMF"'."""
    return ", ".join(
        f"{name} {value:.6g}" if isinstance(value, float) else f"{name} {value}" for name, value in point.items()
    )


def _lines(suggestion: Suggestion) -> list[str]:
    by = f", by {suggestion.fidelity}" if suggestion.fidelity else ""
    found = [f"{suggestion.id}: {settings_in_words(suggestion.point)}{by}", f"    why: {suggestion.reason}"]
    for target, (value, low, high) in suggestion.foreseen.items():
        found.append(f"    {target}: {value:.5g} expected, {low:.5g} to {high:.5g}")
    facts = [f"chance {suggestion.chance:.0%}"] if not math.isnan(suggestion.chance) else []
    facts += [f"cost {suggestion.cost:.6g}"] if not math.isnan(suggestion.cost) else []
    facts += (
        [f"nearest known: {', '.join(f'{n.name} ({n.distance:.2g})' for n in suggestion.near)}"]
        if suggestion.near
        else []
    )
    return [*found, *([f"    {'; '.join(facts)}"] if facts else [])]


def read_given(texts: Sequence[str]) -> dict[str, float | str]:
    """{name: value} of texts such as "humidity=62".

    Raises
    ------
    ConfigError : a text has no "=".
    """
    found: dict[str, float | str] = {}
    for text in texts:
        name, equal, value = text.partition("=")
        if not (equal and name.strip() and value.strip()):
            raise ConfigError(f"--given {text}: write NAME=VALUE, as in --given humidity=62.")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            found[name.strip()] = value.strip()
    return found


def seed_of(state: State) -> int:
    """The seed of a campaign, the same in all its rounds: a Sobol sequence goes on, and what is drawn differs with what
    is known."""
    return int(np.random.SeedSequence([state.seed, 1]).generate_state(1)[0])


@one_thread()
def suggested(state: State, question: Question, n: int) -> tuple[list[dict[str, Any]], Suggestions]:
    """`n` experiments as entries of an event (without ids), fewer where there are no more.

    A point that is known or pending is never among them: it is left out, the strategy is asked again with it as
    pending, and what is still missing is drawn at random.
    """
    history, results = history_of(state, question)
    strategy, seed = strategy_of(question.problem, question.base), seed_of(state)
    taken = _taken(history, question)
    if not isinstance(strategy, ByFidelity):
        history = experiments_only(history)
    said = strategy.suggest(question.domain, history, question.goals, n, seed=seed)
    entries = _entries(said, question, history, results, taken)
    for attempt in range(1, _TRIES):
        if len(entries) >= n or not len(said.points):
            break
        more = replace(
            history,
            pending=Points(np.vstack([_rows(history.pending, said.points), said.points.values])),
            pending_level=np.concatenate([history.pending_level, _levels(said)]),
        )
        said = strategy.suggest(question.domain, more, question.goals, n - len(entries), seed=seed + attempt)
        entries += _entries(said, question, history, results, taken)
    if len(entries) < n:
        entries += _drawn(question, history, results, taken, n - len(entries), seed)
    return entries[:n], said


def _rows(pending: Points, like: Points) -> FloatArray:
    return pending.values if len(pending) else np.zeros((0, like.values.shape[1]))


def _taken(history: History, question: Question) -> set[tuple[str, int]]:
    """The experiments that are known or asked for, each with its fidelity."""
    keys = question.domain.keys(history.points) if len(history) else ()
    waiting = question.domain.keys(history.pending) if len(history.pending) else ()
    return {
        *((str(key), int(at)) for key, at in zip(keys, history.level, strict=True)),
        *((str(key), int(at)) for key, at in zip(waiting, history.pending_level, strict=True)),
    }


def _levels(said: Suggestions) -> IntArray:
    return np.zeros(len(said.points), np.int64) if said.level is None else said.level


def _drawn(
    question: Question, history: History, results: Sequence[Result], taken: set[tuple[str, int]], n: int, seed: int
) -> list[dict[str, Any]]:
    points = question.domain.everything(20_000)
    if points is None:
        points = question.domain.sample(n + len(taken) + 10, seed)
    else:
        points = points.take(np.random.default_rng(seed).permutation(len(points)))
    said = Suggestions(points, (REPLACED,) * len(points))
    return _entries(said, question, history, results, taken, n)


def _entries(
    said: Suggestions, question: Question, history: History, results: Sequence[Result], taken: set[tuple[str, int]],
    most: int = 0,
) -> list[dict[str, Any]]:  # fmt: skip
    """Those of the suggestions that are new, as rows of an event; their keys are taken from now on."""
    rows: list[int] = []
    levels = _levels(said)
    for row, key in enumerate(question.domain.keys(said.points) if len(said.points) else ()):
        if (str(key), int(levels[row])) not in taken and not (most and len(rows) == most):
            taken.add((str(key), int(levels[row])))
            rows.append(row)
    points = said.points.take(rows) if rows else said.points.take(np.zeros(0, dtype=np.int64))
    if not rows:
        return []
    records, costs = question.records(points), question.costs(points, levels[rows])
    near = neighbours(points, question, history, results)
    entries = []
    for place, row in enumerate(rows):
        chance = None if said.chance is None else _plain(float(said.chance[row]))
        foreseen = {
            name: [_possible(float(part[row]), name, question) for part in (seen.value, seen.low, seen.high)]
            for name, seen in said.foreseen.items()
        }
        entries.append(
            {"point": records[place], "reason": said.reasons[row], "foreseen": foreseen, "chance": chance,
             "cost": _plain(float(costs[place])), "near": near[place]}
        )  # fmt: skip
        if freedom := {name: seen.freedom for name, seen in said.foreseen.items() if math.isfinite(seen.freedom)}:
            entries[-1]["freedom"] = freedom
        if fidelity := question.problem.fidelity(int(levels[row])):
            entries[-1]["fidelity"] = fidelity
    return entries


def _possible(value: float, target: str, question: Question) -> float | None:
    """A value within the physical bounds of its target; None where it is not known."""
    bounds = next((t.bounds for t in question.problem.targets if t.name == target), None)
    if bounds is not None and math.isfinite(value):
        value = min(max(value, bounds[0]), bounds[1])
    return _plain(value)


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def neighbours(
    points: Points, question: Question, history: History, results: Sequence[Result], n: int = N_NEAR
) -> list[list[list[Any]]]:
    """The nearest known experiments of each point: [[name, distance], ...], the nearest first, each name once."""
    if not len(history):
        return [[] for _ in range(len(points))]
    distance = distances(question.domain.encode(points), question.domain.encode(history.points), question.domain.axes)
    found = []
    for row in distance:
        names: dict[str, float] = {}
        for k in np.argsort(row, kind="stable"):
            names.setdefault(results[k].name, float(row[k]))
            if len(names) == n:
                break
        found.append([[name, round(away, 6)] for name, away in names.items()])
    return found


def distances(X: FloatArray, Y: FloatArray, axes: Any) -> FloatArray:
    """Root mean square difference over the axes, shape (len(X), len(Y)); a word differs by 0 or 1."""
    words = np.asarray(axes.categorical, dtype=bool)
    total = np.zeros((len(X), len(Y)))
    for column in range(axes.width):
        apart = X[:, column][:, None] - Y[:, column][None, :]
        total += (apart != 0) if words[column] else apart**2
    return np.asarray(np.sqrt(total / max(axes.width, 1)))

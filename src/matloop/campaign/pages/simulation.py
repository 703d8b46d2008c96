"""A simulation as one self-contained HTML page: would it have paid to choose experiments by a model?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from matloop.campaign.findings import ALPHA, Findings, Merit, least_seeds
from matloop.campaign.known import TOP
from matloop.campaign.pages.render import render
from matloop.campaign.pages.simulation_figures import (
    acceleration_figure,
    best_figure,
    enhancement_figure,
    seeds_figure,
    share_figure,
)
from matloop.campaign.replays import CHANCE, Replays
from matloop.core.release import release
from matloop.metrics.estimate import Estimate
from matloop.report import words
from matloop.report.figures.figure import Figure
from matloop.report.target_view import KeyNumber


@dataclass(frozen=True, slots=True)
class StrategyRow:
    """One strategy in words."""

    name: str
    leads: bool
    mark: str
    how: str
    shares: tuple[tuple[str, str], ...]
    best: tuple[str, str]
    regret: tuple[tuple[str, str], ...]
    needs: tuple[str, str]
    enhancement: tuple[str, str]
    acceleration: tuple[str, str]
    rank: str
    p_value: str
    seconds: str


@dataclass(frozen=True, slots=True)
class SimulationView:
    """The page, worked out before the template is filled."""

    title: str
    kind: str
    version: str
    caution: tuple[str, str] | None
    sections: tuple[tuple[str, str], ...]
    goals: str
    tone: str
    mark: str
    headline: str
    sentence: str
    further: tuple[str, ...]
    keys: tuple[KeyNumber, ...]
    curves: tuple[Figure, ...]
    factors: tuple[Figure, ...]
    seeds: Figure | None
    budgets: tuple[int, ...]
    top: str
    n: int
    n_seeds: int
    level: str
    best_words: str
    rows: tuple[StrategyRow, ...]
    more: bool
    regret_words: str
    notes: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]


def write_simulation(sim: Replays, found: Findings) -> str:
    """The page as HTML text; nothing in it asks the network for anything."""
    return render("simulation.html.j2", simulation_view(sim, found))


def simulation_view(sim: Replays, found: Findings) -> SimulationView:
    """Numbers as words."""
    factors = [enhancement_figure(sim), acceleration_figure(sim)]
    goal = sim.known.open_goal
    sections = (("answer", "Answer"), ("found", "What was found"), ("factors", "Against chance"),
                ("strategies", "Strategies"), ("how", "How"))  # fmt: skip
    return SimulationView(
        title=sim.source, kind="simulation", version=release(), caution=None, sections=sections,
        goals=" and ".join(goal.text for goal in sim.known.goals),
        tone="good" if found.pays else "unsure", mark="✓" if found.pays else "?",
        headline=_headline(sim, found),
        sentence=found.sentence, further=found.further, keys=_keys(sim, found),
        curves=(best_figure(sim), share_figure(sim)), factors=tuple(one for one in factors if one is not None),
        seeds=seeds_figure(sim), budgets=found.budgets, top=words.percent(TOP, 0), n=sim.n, n_seeds=len(sim.seeds),
        level=words.percent(found.level, 0), best_words=f"Best {goal.target}" if goal else "Best",
        rows=tuple(_row(sim, found, one) for one in found.merits), more=True, regret_words=_regret_words(sim),
        notes=_notes(sim), left_out=tuple(sim.left_out.items()),
    )  # fmt: skip


def _headline(sim: Replays, found: Findings) -> str:
    if found.pays:
        return f"It pays: choose by {found.leader}"
    return "Too few seeds to tell" if len(sim.seeds) < least_seeds(len(found.merits) - 1) else "Not shown to pay"


def _estimate(one: Estimate, unit: str) -> tuple[str, str]:
    """An estimate in words; where all seeds agree there is no interval to round to."""
    if one.high - one.low <= 1e-9 * max(abs(one.low), abs(one.high)):
        return words.with_unit(words.number(one.value, 4), unit), "every seed"
    return words.estimate(one, unit)


def _keys(sim: Replays, found: Findings) -> tuple[KeyNumber, ...]:
    leader = next(one for one in found.merits if one.name == found.leader)
    needs, between = _needs(leader.needs, sim.n)
    chance, around = _needs(found.chance, len(sim.known))
    level = f"{words.percent(found.level, 0)} of the best"
    keys = [
        KeyNumber(
            "Designs in the table",
            words.count(len(sim.known)),
            f"the best {words.percent(TOP, 0)}: {int(sim.known.is_top.sum())}",
        )
    ]
    if found.leader != CHANCE:
        keys.append(KeyNumber(f"{found.leader} needs for {level}", needs, between and f"experiments, {between}"))
    keys.append(KeyNumber(f"Chance needs for {level}", chance, around and f"experiments, {around}"))
    keys.append(KeyNumber("Replays", words.count(len(sim.seeds) * len(sim.strategies)),
                          f"{words.counted(len(sim.seeds), 'seed')}, batches of {sim.batch}"))  # fmt: skip
    return tuple(keys)


def _row(sim: Replays, found: Findings, one: Merit) -> StrategyRow:
    unit = words.unit_text(sim.unit)
    last = found.budgets[-1]
    mark = "best" if one.name == found.leader and found.pays else ""
    compared = one.versus_chance
    if compared is not None and compared.p_holm < ALPHA and compared.difference.value < 0:
        mark = "worse"
    return StrategyRow(
        one.name, one.name == found.leader, mark, one.how,
        tuple(words.estimate(one.shares[b], "%", scale=100.0) for b in found.budgets),
        _estimate(one.best[last], unit), tuple(_estimate(one.regret[b], unit) for b in found.budgets),
        _needs(one.needs, sim.n), words.estimate(one.enhancement[last], "×"), _times(one.acceleration),
        f"{one.rank:.2f}", words.p_value(compared.p_holm) if compared is not None else "", words.seconds(one.seconds),
    )  # fmt: skip


def _needs(one: Estimate, n: int) -> tuple[str, str]:
    """A number of experiments that may not have been reached."""
    if not math.isfinite(one.value):
        return f"> {n}", ""
    if math.isnan(one.low):
        return f"{one.value:.0f}", ""
    return f"{one.value:.0f}", f"{one.low:.0f} to {one.high:.0f}" if math.isfinite(
        one.high
    ) else f"{one.low:.0f} or more"


def _times(one: Estimate) -> tuple[str, str]:
    return words.estimate(one, "×") if one.value > 0 else ("not reached", "")


def _regret_words(sim: Replays) -> str:
    goal = sim.known.open_goal
    regret = (
        f"how far the best {goal.target} so far is from the best of the table"
        if goal
        else "how far the best so far is from the best"
    )
    return (
        f"Regret: {regret}. Enhancement: share of the best found over what chance finds after as many experiments. "
        "Acceleration: experiments that chance needs over those that were needed. One batch: median time to choose it."
    )


def _notes(sim: Replays) -> tuple[str, ...]:
    known = sim.known
    replicates = known.n_rows - len(known)
    notes = [
        f"Every seed begins with the same {sim.batch} designs for all strategies, drawn at random; then each chooses "
        f"batches of {sim.batch} until {sim.n} experiments.",
        f"A strategy sees only what it has asked for. The table has {words.counted(known.n_rows, 'row')} for "
        f"{words.counted(len(known), 'design')}"
        + (
            "; of a design with several rows one is drawn, the same for every strategy with this seed. What is found "
            "is judged by the mean of the rows."
            if replicates
            else "."
        ),
        "A table is not the world: designs that nobody made are not in it, so that a strategy cannot find what is "
        "better than the best of the table.",
    ]  # fmt: skip
    failed = int(sum(math.isinf(one) for one in known.worth.tolist()))
    if failed:
        notes.append(
            f"{words.counted(failed, 'design')} failed or miss a goal with an end; they are never among the best."
        )
    return tuple(notes)

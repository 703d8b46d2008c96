"""A campaign's story as one self-contained HTML page: what was found, whether to believe the model, what comes next."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matloop.campaign.pages.render import render
from matloop.campaign.pages.story_figures import effects_figure, forecast_figure, front_figure, progress_figure
from matloop.campaign.state import Result, Suggestion
from matloop.campaign.story import Story, first_best
from matloop.core.errors import DataError
from matloop.core.release import release
from matloop.design.goals import Goal, in_words
from matloop.problem.space import Categorical, Continuous, Integer, Mixture, Ordinal, Parameter
from matloop.report import words
from matloop.report.figures.figure import Figure
from matloop.report.target_view import KeyNumber

SHOWN_BEST = 10
SHOWN_ROWS = 200


@dataclass(frozen=True, slots=True)
class ExperimentRow:
    """An experiment in words; `values` are (target, value, what was foreseen)."""

    name: str
    settings: str
    values: tuple[tuple[str, str, str], ...]
    reason: str
    more: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RoundRow:
    """A batch in words."""

    number: str
    told: str
    failed: str
    best: str
    so_far: str
    cost: str
    how: str


@dataclass(frozen=True, slots=True)
class StoryView:
    """The page, worked out before the template is filled."""

    title: str
    kind: str
    version: str
    caution: tuple[str, str] | None
    sections: tuple[tuple[str, str], ...]
    question: str
    tone: str
    mark: str
    headline: str
    sentence: str
    reasons: tuple[str, ...]
    keys: tuple[KeyNumber, ...]
    goals: tuple[str, ...]
    space: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, str], ...]
    best: tuple[ExperimentRow, ...]
    best_words: str
    targets: tuple[str, ...]
    progress: Figure | None
    front: Figure | None
    front_words: tuple[str, ...]
    rounds: tuple[RoundRow, ...]
    forecasts: tuple[tuple[str, str, str], ...]
    forecast: Figure | None
    effects: Figure | None
    how: str
    findings: tuple[tuple[str, str, str, str], ...]
    stopping: tuple[str, ...]
    waiting: tuple[ExperimentRow, ...]
    failed: tuple[ExperimentRow, ...]
    withdrawn: tuple[ExperimentRow, ...]
    flagged: tuple[ExperimentRow, ...]
    notes: tuple[tuple[str, str], ...]
    next_steps: tuple[str, ...]


def write_page(view: StoryView) -> str:
    """The page as HTML text; nothing in it asks the network for anything."""
    return render("story.html.j2", view)


def story_view(told: Story) -> StoryView:
    """Numbers as words."""
    problem, standing = told.question.problem, told.standing
    tone, mark, headline = _headline(told)
    sections = [("answer", "Answer"), ("asked", "What was asked")]
    sections += [("best", "Best results")] if told.best else []
    sections += [("progress", "Progress")] if told.results else []
    sections += [("predictions", "Predictions")] if told.forecasts else []
    sections += [("learnt", "What was learnt"), ("health", "Health"), ("next", "What next")]
    failed = [one for one in told.results if one.failed]
    flagged = [one for one in told.results if one.flags or one.corrected]
    sections += [("odd", "Failed, corrected")] if failed or flagged or told.state.withdrawn else []
    return StoryView(
        title=problem.name, kind="campaign", version=release(), caution=_caution(told), sections=tuple(sections),
        question=problem.question, tone=tone, mark=mark, headline=headline, sentence=_sentence(told),
        reasons=_reasons(told), keys=_keys(told), goals=tuple(_goal(goal) for goal in told.question.goals),
        space=tuple((one.name, _range(one)) for one in problem.space.parameters), facts=_facts(told),
        best=tuple(_result_row(told.results[row], told) for row in told.top[:SHOWN_BEST]), best_words=_best_words(told),
        targets=tuple(target.name for target in problem.targets), progress=progress_figure(told),
        front=front_figure(told), front_words=_front_words(told),
        rounds=tuple(_round_row(told, k) for k in range(len(told.rounds))),
        forecasts=tuple(_forecast_row(one) for one in told.forecasts), forecast=forecast_figure(told),
        effects=effects_figure(told), how=next((one.how for one in reversed(told.rounds) if one.how), ""),
        findings=tuple((one.check, "look" if one.wrong else "", one.said, one.do) for one in standing.findings),
        stopping=(*(f"Stopped: {why}" for why in standing.stopped),
                  *(one.said for one in standing.rules if one.said not in standing.stopped)),
        waiting=tuple(_suggestion_row(one, told) for one in told.waiting[:SHOWN_ROWS]),
        failed=tuple(_result_row(one, told) for one in failed[:SHOWN_ROWS]),
        withdrawn=tuple(_result_row(one, told, why) for one, why in list(told.state.withdrawn.values())[:SHOWN_ROWS]),
        flagged=tuple(_result_row(one, told, _odd(one)) for one in flagged[:SHOWN_ROWS]),
        notes=told.state.notes, next_steps=_next_steps(told),
    )  # fmt: skip


def _front_words(told: Story) -> tuple[str, ...]:
    """How sure the front is and what one goal costs another; nothing where one goal is open, or too little is known."""
    goals = told.question.goals
    if sum(goal.is_open for goal in goals) < 2:
        return ()
    from matloop.campaign.learned import experiments_only, history_of
    from matloop.design.objectives.study import study_front

    try:
        history = experiments_only(history_of(told.state, told.question)[0])
        return study_front(told.question.domain, history, goals).words
    except DataError as error:
        return (str(error),)


def _goal(goal: Goal) -> str:
    said = f"{goal.target} {in_words(goal)}"
    return said.replace(f" {goal.unit}", f" {words.unit_text(goal.unit)}") if goal.unit and not goal.is_open else said


def _best_result(told: Story) -> Result | None:
    return told.results[told.best[0]] if told.best else None


def _headline(told: Story) -> tuple[str, str, str]:
    best = _best_result(told)
    if not told.results:
        return "plain", "…", "Nothing is measured yet"
    if best is None:
        return "unsure", "?", "No experiment meets the goals yet"
    wanted = [goal for goal in told.question.goals if goal.is_open]
    if len(wanted) == 1:
        goal = wanted[0]
        return _tone(told), "✓", f"Best: {goal.target} {_value(best.values[goal.target], goal.unit)}"
    if wanted:
        return _tone(told), "✓", f"{words.counted(len(told.best), 'experiment')} that none beats in all goals"
    return (
        _tone(told),
        "✓",
        f"{words.counted(len(told.best), 'experiment')} that {'meets' if len(told.best) == 1 else 'meet'} all goals",
    )


def _tone(told: Story) -> str:
    answers = {one.answer for one in told.forecasts}
    return "bad" if "no" in answers else "good" if answers == {"yes"} else "unsure"


def _sentence(told: Story) -> str:
    """What was found and whether the model can be trusted."""
    return f"{_found(told)} {_trust(told)}"


def _found(told: Story) -> str:
    best, n = _best_result(told), len(told.results)
    made = words.counted(told.standing.made, "experiment")
    if not n:
        return "Experiments were asked for, none was told yet." if told.waiting else "Nothing was asked for yet."
    if best is None:
        failed = f"; {told.standing.failed} failed" if told.standing.failed else ""
        return f"None of {words.counted(n, 'result')} meets all goals{failed}."
    values = ", ".join(
        f"{target.name} {_value(best.values[target.name], target.unit)}"
        for target in told.question.problem.targets
        if target.name in best.values
    )
    wanted = [goal for goal in told.question.goals if goal.is_open]
    if len(wanted) > 1 and len(told.best) > 1:
        first = f"the one with the best {wanted[0].target} is {best.name}"
        none = f"After {made} none beats {len(told.best)} of them in all goals"
        return f"{none}; {first}: {values}, at {_settings(best.point, told)}."
    return f"After {made} the best is {best.name}: {values}, at {_settings(best.point, told)}.{_gain(told, best)}"


def _gain(told: Story, best: Result) -> str:
    start = first_best(told)
    goal = next((one for one in told.question.goals if one.is_open), None)
    if start is None or goal is None or start.name == best.name:
        return ""
    gained = abs(best.values[goal.target] - start.values[goal.target])
    earlier = "what was known before" if start.earlier else "the first round"
    return f" That is {_value(gained, goal.unit)} better than the best of {earlier}."


def _trust(told: Story) -> str:
    if not told.results:
        return ""
    if not told.forecasts:
        return "No result was foreseen by a model, so that there is none to believe."
    answers = {one.answer for one in told.forecasts}
    if "no" in answers:
        wrong = next(one for one in told.forecasts if one.answer == "no")
        return f"The model cannot be trusted: {wrong.sentence}."
    if "unknown" in answers:
        short = next(one for one in told.forecasts if one.answer == "unknown")
        return f"Whether the model can be trusted is not known: {short.sentence}."
    return f"The model can be trusted: {'; '.join(one.sentence for one in told.forecasts)}."


def _caution(told: Story) -> tuple[str, str] | None:
    if told.results and all(one.failed for one in told.results):
        return (
            "Everything failed so far.",
            "Nothing can be learnt about the goals from failures alone: widen the space, or look at the method.",
        )
    return None


def _reasons(told: Story) -> tuple[str, ...]:
    said = [f"It stopped: {why}" for why in told.standing.stopped]
    told_above = "calibration" if any(one.answer == "no" for one in told.forecasts) else ""
    wrong = [one for one in told.standing.findings if one.wrong and one.check != told_above]
    said += [f"{one.said} {one.do}".strip() for one in wrong]
    if told.waiting:
        said.append(
            f"{words.counted(len(told.waiting), 'experiment is', 'experiments are')} asked for and not told yet."
        )
    return tuple(said)


def _keys(told: Story) -> tuple[KeyNumber, ...]:
    standing, budget = told.standing, told.question.problem.plan.budget
    below = f"of {budget.experiments:,} planned" if budget.experiments else words.counted(standing.rounds, "round")
    keys = [KeyNumber("Experiments", words.count(standing.made), below)]
    limit = f"of {budget.cost:.6g}" if budget.cost else ""
    keys += [KeyNumber(f"By {name}", words.count(number), "") for name, number in standing.stand_ins.items()]
    keys.append(KeyNumber("Cost", f"{standing.cost:.6g}", limit))
    if standing.failed:
        keys.append(
            KeyNumber("Failed", words.count(standing.failed), words.percent(standing.failed / len(told.results), 0))
        )
    for one in told.forecasts[:1]:
        share, interval = words.estimate(one.held, "%", scale=100.0)
        keys.append(
            KeyNumber("Within 90 % intervals", share, f"{interval}; {words.counted(len(one.measured), 'prediction')}")
        )
    if told.best:
        keys.append(
            KeyNumber("Found in round", words.count(told.results[told.best[0]].round), told.results[told.best[0]].name)
        )
    return tuple(keys)


def _first(told: Story) -> Goal:
    """The goal that things are ordered by."""
    return next((one for one in told.question.goals if one.is_open), told.question.goals[0])


def _facts(told: Story) -> tuple[tuple[str, str], ...]:
    problem, standing = told.question.problem, told.standing
    size = told.question.domain.log10_size
    possible = (
        "endlessly many" if math.isinf(size) else f"{round(10**size):,}" if size < 7 else f"about 10{_power(size)}"
    )
    chosen = ", ".join(dict.fromkeys(told.state.strategies.values())) or problem.plan.strategy.name
    found = [("Possible experiments", possible), ("Settings", _few(told.question.names)), ("Chosen by", chosen),
             ("Batches of", str(problem.plan.batch))]  # fmt: skip
    found += [("Known before", words.counted(standing.earlier, "result"))] if standing.earlier else []
    found += [("Constraints", words.count(len(problem.space.constraints)))] if problem.space.constraints else []
    return tuple(found)


def _power(size: float) -> str:
    return str(math.floor(size)).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _best_words(told: Story) -> str:
    if len(told.top) <= SHOWN_BEST:
        return ""
    return f"The first {SHOWN_BEST} of {len(told.top)} that meet the goals, best in {_first(told).target} first."


def _result_row(one: Result, told: Story, why: str = "") -> ExperimentRow:
    asked = told.state.suggestions.get(one.suggestion)
    values = []
    for target in told.question.problem.targets:
        error = one.errors.get(target.name)
        shown = _value(one.values[target.name], target.unit) if target.name in one.values else ""
        shown = f"{shown} ± {words.number(error, 2)}" if shown and error else shown
        values.append((target.name, shown, _foreseen(asked, target.name)))
    more = [("Round", "before" if one.earlier else str(one.round))]
    more += [("From", one.place)] if one.place else []
    more += [("By", one.fidelity)] if one.fidelity else []
    reason = why or one.why or (asked.reason if asked else "told without being asked for")
    return ExperimentRow(one.name, _settings(one.point, told), tuple(values), reason, tuple(more))


def _suggestion_row(one: Suggestion, told: Story) -> ExperimentRow:
    values = tuple((target.name, _foreseen(one, target.name), "") for target in told.question.problem.targets)
    more = [("By", one.fidelity)] if one.fidelity else []
    more += [("Chance", words.percent(one.chance, 0))] if not math.isnan(one.chance) else []
    more += [("Cost", words.number(one.cost, 3))] if not math.isnan(one.cost) else []
    more += (
        [("Nearest known", ", ".join(f"{near.name} ({near.distance:.2g})" for near in one.near))] if one.near else []
    )
    return ExperimentRow(one.id, _settings(one.point, told), values, one.reason, tuple(more))


def _foreseen(asked: Suggestion | None, target: str) -> str:
    if asked is None or target not in asked.foreseen or not all(map(math.isfinite, asked.foreseen[target])):
        return ""
    value, low, high = asked.foreseen[target]
    places = words.decimals((high - low) / 2) if high > low else 3
    return f"{words.fixed(value, places)} ({words.fixed(low, places)} to {words.fixed(high, places)})"


def _odd(one: Result) -> str:
    times = "once" if one.corrected == 1 else f"{one.corrected} times"
    return "; ".join((*one.flags, *([f"corrected {times}"] if one.corrected else [])))


def _round_row(told: Story, place: int) -> RoundRow:
    one = told.rounds[place]
    goal = _first(told)
    by_name: Mapping[str, Result] = {result.name: result for result in told.results}
    same = place and one.how == told.rounds[place - 1].how
    return RoundRow(
        str(one.number), f"{one.told} of {one.asked}" if one.told < one.asked else str(one.told),
        str(one.failed) if one.failed else "", _best_of(by_name.get(one.best), goal),
        _best_of(by_name.get(one.so_far), goal),
        f"{one.cost:.6g}", "as before" if same and one.how else one.how,
    )  # fmt: skip


def _best_of(one: Result | None, goal: Goal) -> str:
    return _value(one.values[goal.target], goal.unit) if one is not None and goal.target in one.values else ""


def _forecast_row(one: Any) -> tuple[str, str, str]:
    unit = words.unit_text(one.unit)
    share, interval = words.estimate(one.held, "%", scale=100.0)
    error = words.with_unit(words.number(one.error), unit)
    naive = words.with_unit(words.number(one.naive_error), unit) if math.isfinite(one.naive_error) else "not known"
    side = "too high" if one.bias > 0 else "too low"
    bias = f"; on average {words.with_unit(words.number(abs(one.bias)), unit)} {side}"
    return one.target, f"{share} ({interval})", f"{error}{bias}; guessing the median of the known results: {naive}"


def _settings(point: Mapping[str, Any], told: Story) -> str:
    """The settings of an experiment; of a mixture only what is in it."""
    parts = {
        part.name
        for one in told.question.problem.space.parameters
        if isinstance(one, Mixture)
        for part in one.components
    }
    shown = {name: cell for name, cell in point.items() if not (name in parts and cell == 0)}
    return ", ".join(f"{name} {f'{cell:.5g}' if isinstance(cell, float) else cell}" for name, cell in shown.items())


def _value(value: float, unit: str) -> str:
    return words.with_unit(words.number(value, 4), words.unit_text(unit))


def _range(one: Parameter) -> str:
    if isinstance(one, Continuous | Integer):
        step = f", in steps of {one.step:g}" if isinstance(one, Continuous) and one.step else ""
        log = ", by factors" if isinstance(one, Continuous) and one.scale == "log" else ""
        return f"{words.with_unit(f'{one.low:g} to {one.high:g}', words.unit_text(one.unit))}{step}{log}"
    if isinstance(one, Ordinal):
        return words.with_unit(", ".join(f"{value:g}" for value in one.values), words.unit_text(one.unit))
    if isinstance(one, Categorical):
        return _few(one.values)
    limit = f", at most {one.at_most} of them" if one.at_most else ""
    return f"fractions of {_few([part.name for part in one.components])}{limit}"


def _few(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _next_steps(told: Story) -> tuple[str, ...]:
    folder = told.folder
    if told.waiting:
        return (f"matloop campaign ask {folder} --pending -o next.xlsx", f"matloop campaign tell {folder} next.xlsx")
    return (f"matloop campaign ask {folder} -o next.xlsx",)

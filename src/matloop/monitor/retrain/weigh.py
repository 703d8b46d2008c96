"""The comparison of one round: both models on rows that neither has seen, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from matloop.data.collect import collect
from matloop.deploy.bundle import Bundle
from matloop.monitor.retrain.compare import Foretold, Ground, Met, Seen, foretold, ground, met, split_sets
from matloop.monitor.retrain.contest import Answer, Contest, contest, together
from matloop.monitor.retrain.home import Home
from matloop.monitor.retrain.plan import Rules
from matloop.monitor.retrain.state import Kept
from matloop.monitor.retrain.tables import source_of
from matloop.problem.question import Problem

SEED = 20260101
"""Of resamples and swaps."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """A comparison and the rows that it rests on. looks : how often the vault was looked at, this time included."""

    contests: tuple[Contest, ...]
    answer: Answer
    sentence: str
    met: Mapping[str, Met]
    ground: Ground
    told: Foretold
    looks: int


def weigh(
    home: Home, problem: Problem, rules: Rules, table: Kept, later: Kept, *,
    vaults: Path, champion: Bundle, challenger: Bundle, known: Seen, name: str,
) -> Weighed:  # fmt: skip
    """Compare, after a look at the vault that is logged there.

    Parameters
    ----------
    table, later : the data that the challenger was made from, and the rows held out. known : what the champion learnt
        from. name : of the look.

    Raises
    ------
    RunError : a table or the vault was changed.
    """
    version, rows = home.table(table), home.table(later)
    raw = collect(source_of(problem, home.path / table.file))
    found = ground(problem, raw, version, rows, vaults, known)
    told = foretold(found, champion, challenger)
    vault = found.sealed.vault
    why = "retraining: champion beside challenger"
    labels = vault.look(run=name, why=why, predictions_sha=told.digest)
    gathered = met(problem, found, told, labels)
    n = len(problem.targets)
    contests = tuple(
        contest(target, split_sets(gathered[target.name]), rules, n_targets=n, seed=SEED) for target in problem.targets
    )
    answer, sentence = together(contests)
    return Weighed(contests, answer, sentence, gathered, found, told, vault.looks())

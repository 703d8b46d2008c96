"""A family as data: its learner, its settings, what it can be fitted for."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from matloop.core.errors import ConfigError
from matloop.models.family import FitTask
from matloop.models.learner import Learner
from matloop.models.prepare import Preparation
from matloop.models.table_model import TableModel
from matloop.represent.table import Columns

Settings = dict[str, Any]
Space = Callable[[Columns, FitTask, np.random.Generator, int], Settings]
"""(columns, task, rng, number of the setting) -> settings; number 0 is the accepted default, 1.. are drawn."""

BOTH: frozenset[FitTask] = frozenset({"regression", "classification"})
REGRESSION: frozenset[FitTask] = frozenset({"regression"})
CLASSIFICATION: frozenset[FitTask] = frozenset({"classification"})
LOSSES: Mapping[FitTask, frozenset[str]] = {
    "regression": frozenset({"mse", "mae", "huber"}),
    "classification": frozenset({"cross_entropy", "hinge"}),
}
_USUAL = Preparation()
_PREPARATION = {f.name for f in fields(Preparation)}


@dataclass(frozen=True, slots=True)
class TableFamily:
    """One kind of model; `models/family.py` says what the fields are that every family has.

    learner : makes a learner from settings and `loss`; a setting `loss` goes before the argument of `build`.
    space : the settings to try. preparation : how this family wants its columns; a setting of the same name overrides
    it. losses : what it can be fitted by ("auto" always works).
    needs : modules that must be installed beside the core. weighted : whether row weights change the fit.
    own_spread : whether `spread` is more than zeros. by_name : too slow for the usual search, which tries it only where
    it is named or depth is thorough. cheap : settings for which a fit is quick and poor, for checks.
    """

    name: str
    label: str
    tasks: frozenset[FitTask]
    citation: str
    max_rows: int
    learner: Callable[..., Learner]
    space: Space
    losses: frozenset[str]
    preparation: Preparation = _USUAL
    extra: str = ""
    needs: tuple[str, ...] = ()
    weighted: bool = True
    own_spread: bool = False
    by_name: bool = False
    cheap: Mapping[str, Any] = field(default_factory=dict)

    def settings(self, n: int, columns: Columns, task: FitTask, rng: np.random.Generator) -> list[Settings]:
        """Up to `n` different settings, the accepted default first, the rest drawn with `rng`."""
        found: list[Settings] = []
        for attempt in range(n):
            settings = self.space(columns, task, rng, attempt)
            if settings not in found:
                found.append(settings)
        return found

    def knows(self, task: FitTask, loss: str) -> bool:
        """Whether it can be fitted for `task` by `loss`."""
        return task in self.tasks and (loss == "auto" or loss in self.losses & LOSSES[task])

    def build(
        self, settings: Mapping[str, Any], columns: Columns, task: FitTask, n_classes: int, loss: str, seed: int
    ) -> TableModel:
        """An unfitted model.

        Raises
        ------
        ConfigError : the family is not for this task or loss, or a setting does not exist.
        """
        loss = str(settings.get("loss", loss))
        if task not in self.tasks:
            raise ConfigError(f"{self.label} is not for {task}, only for {', '.join(sorted(self.tasks))}.")
        if not self.knows(task, loss):
            known = ", ".join(sorted(self.losses & LOSSES[task])) or "no loss of its own"
            raise ConfigError(f"{self.label} cannot be fitted by the loss {loss!r}; it knows: {known}. Use 'auto'.")
        self._check(settings)
        how = self.preparation_of(settings)
        rest = {name: value for name, value in settings.items() if name not in _PREPARATION | {"loss"}}
        plain = Columns(tuple(columns.names), tuple(columns.origins), dict(columns.vocabularies))
        return TableModel(self.learner(**rest, loss=loss), how, plain, task, n_classes, seed)

    def preparation_of(self, settings: Mapping[str, Any]) -> Preparation:
        """How columns are prepared with these settings."""
        return Preparation(
            **{name: settings.get(name, getattr(self.preparation, name)) for name in sorted(_PREPARATION)}
        )

    def _check(self, settings: Mapping[str, Any]) -> None:
        made = getattr(self.learner, "func", self.learner)  # a learner with settings fixed is a functools.partial
        known = _PREPARATION | set(getattr(made, "__dataclass_fields__", {}))
        for name in settings:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or sorted(known)
                raise ConfigError(f"{self.label} has no setting {name!r}. Did you mean {' or '.join(near)}?")


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A draw between `low` and `high`, even in the logarithm, to three digits."""
    return float(f"{np.exp(rng.uniform(np.log(low), np.log(high))):.3g}")


def one_of(rng: np.random.Generator, *choices: Any) -> Any:
    """One of `choices`, as it is."""
    return choices[int(rng.integers(len(choices)))]

"""From a spec to an unfitted model: the one way that training, evaluation and tests build one."""

from __future__ import annotations

from matloop.core.errors import ConfigError
from matloop.models import FAMILIES
from matloop.models.family import ArrayModel, FitTask, Spec
from matloop.models.restricted import RestrictedModel
from matloop.models.scaled import ScaledModel, TargetScale
from matloop.represent.table import Columns


def build(
    spec: Spec,
    columns: Columns,
    task: FitTask,
    *,
    n_classes: int = 0,
    loss: str = "auto",
    seed: int = 0,
    scale: TargetScale | None = None,
) -> ArrayModel:
    """An unfitted model that takes the whole feature matrix and answers in the unit of the target.

    Raises
    ------
    ConfigError : no such family or setting, the family is not for this task or loss, or no column is left.
    """
    used = columns_of(spec, columns)
    family = FAMILIES.load(spec.family)
    model: ArrayModel = family.build(spec.settings, some(columns, used), task, n_classes, loss, seed)
    if len(used) < len(columns.names):
        model = RestrictedModel(model, used, len(columns.names))
    if task == "regression" and scale is not None and scale != TargetScale():
        model = ScaledModel(model, scale)
    return model


def columns_of(spec: Spec, columns: Columns) -> tuple[int, ...]:
    """Positions of the columns that the spec lets its model see: those whose origin starts with a prefix of it."""
    if not spec.columns:
        return tuple(range(len(columns.names)))
    used = tuple(i for i, origin in enumerate(columns.origins) if origin.startswith(spec.columns))
    if not used:
        origins = ", ".join(sorted(set(columns.origins)))
        raise ConfigError(f"no column comes from {' or '.join(spec.columns)}. There are columns from: {origins}.")
    return used


def some(columns: Columns, used: tuple[int, ...]) -> Columns:
    """The columns at the given positions."""
    names = tuple(columns.names[i] for i in used)
    words = {name: columns.vocabularies[name] for name in names if name in columns.vocabularies}
    return Columns(names, tuple(columns.origins[i] for i in used), words)

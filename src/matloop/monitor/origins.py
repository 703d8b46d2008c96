"""From a request in the prediction log back to what its answer was learnt from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matloop.core.errors import ConfigError, DataError
from matloop.deploy.registry.contract import Version
from matloop.deploy.registry.lineage import SHOWN, Lineage, lineage
from matloop.deploy.registry.registry import Registry
from matloop.monitor.log import PredictionLog
from matloop.monitor.record import Answered


def lineage_of_request(
    place: str, request: str, log: Path | str | None, *, model: str = "", limit: int = SHOWN
) -> Lineage:  # fmt: skip
    """What one answered row goes back to.

    Parameters
    ----------
    place : of the store that the model is registered in. request : "ID", or "ID/ROW" with the 0-based row of a request
        of several. log : folder of the prediction log. model : "NAME" or "NAME@3", where it is not the one that the log
        says.

    Raises
    ------
    ConfigError : `request` or `log` is missing, or the request has several rows and none is named. DataError : the
        log does not hold the request, or the store not the bundle that answered it.
    """
    if not request or log is None:
        raise ConfigError("a request is found by its id in a log. Give both: --request ID --log FOLDER")
    name, row = _split(request)
    answered = _answered(PredictionLog(log), name, request, row)
    if answered.status != 200 or not answered.inputs:
        raise DataError(f'request "{request}" was refused ({answered.why or answered.status}): there is no answer.')
    if row < 0 and answered.n > 1:
        raise ConfigError(f'request "{name}" has {answered.n} rows. Say which: --request {name}/0')
    if row >= answered.n:
        raise ConfigError(f'request "{name}" has {answered.n} rows, 0 to {answered.n - 1}, not {row}.')
    values: dict[str, Any] = {column: cells[max(row, 0)] for column, cells in answered.inputs.items()}
    with Registry.open(place) as registry:
        version = registry.get(model) if model else _version(registry, answered)
        return lineage(registry, f"{version.name}@{version.number}", values, limit=limit)


def _split(request: str) -> tuple[str, int]:
    """Id and row; row -1 where none is named."""
    name, slash, row = request.rpartition("/")
    return (name, int(row)) if slash and row.isdigit() else (request, -1)


def _answered(log: PredictionLog, name: str, request: str, row: int) -> Answered:
    for one in log.find({request, name} if row >= 0 else {request}):
        return one
    raise DataError(f'{log.folder}: holds no request "{name}". Its id stands in the answer of the service.')


def _version(registry: Registry, answered: Answered) -> Version:
    """The registered version with the bundle that answered, of the name it was served under if there are several."""
    found = [version for name in registry.names() for version in registry.versions(name)
             if version.bundle == answered.bundle]  # fmt: skip
    if not found:
        raise DataError(
            f"{registry.place}: the bundle {answered.bundle}, which answered, is not registered here. Register its "
            "run: matloop models add STORE RUN"
        )
    return next((version for version in found if version.name == answered.model), found[0])

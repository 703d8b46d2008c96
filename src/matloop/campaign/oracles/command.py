"""A program that measures: its arguments and standard input are the candidate, its output is the result."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matloop.campaign.oracles.contract import Outcome, Setting, answer, as_record, failed
from matloop.campaign.oracles.process import Ran, run_program
from matloop.core.errors import ConfigError, DataError
from matloop.core.jsonable import dumps

if TYPE_CHECKING:
    import pandas as pd

_PLACE = re.compile(r"\{([\w .()%/+-]+)\}")


@dataclass(frozen=True, slots=True)
class CommandOracle:
    """`arguments` are run for each candidate without a shell, in the folder that the call was made in.

    "{temperature}" in an argument is the candidate's value ("{id}" its label); the whole candidate comes as one JSON
    object on standard input. Standard output ends with a JSON object (or number) as `contract.answer` reads it; lines
    before it are ignored. An exit code other than 0, no JSON, or too much time is a fault of the oracle; a program that
    wants to say that the experiment failed prints {"failed": "why"}.
    """

    arguments: Sequence[str]
    setting: Setting

    def measure(self, candidates: pd.DataFrame, *, seed: int) -> Iterator[Outcome]:
        """See `Oracle`."""
        names = [str(name) for name in candidates.columns]
        unknown = [one for part in self.arguments for one in _PLACE.findall(part) if one not in (*names, "id", "seed")]
        if unknown:
            raise ConfigError(
                f"the program's argument {{{unknown[0]}}} is no parameter. There are: {', '.join(names)}, id, seed."
            )
        for place, row in enumerate(candidates.index):
            yield self._one(row, as_record(candidates, place), seed)

    def _one(self, row: Any, candidate: dict[str, Any], seed: int) -> Outcome:
        filled = {**candidate, "id": row, "seed": seed}
        arguments = [_PLACE.sub(lambda found: _text(filled.get(found[1])), part) for part in self.arguments]
        try:
            ran = run_program(
                arguments, dumps({**candidate, "id": str(row)}, indent=None), seconds=self.setting.seconds,
                folder=Path.cwd(),
            )  # fmt: skip
        except OSError as error:
            return failed(row, f"{arguments[0]} cannot be started: {error.strerror or error}", fault="oracle")
        try:
            return answer(
                row, _said(ran, arguments[0], self.setting), self.setting, seconds=ran.seconds, who=arguments[0]
            )
        except DataError as error:
            return failed(row, str(error), seconds=ran.seconds, cost=self.setting.cost, fault="oracle")


def _text(value: Any) -> str:
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def _said(ran: Ran, program: str, setting: Setting) -> Any:
    """What the output says: the whole of it, or its last line that is JSON."""
    if ran.code is None:
        raise DataError(f"{program} took longer than the {setting.seconds:g} s allowed and was ended")
    if ran.code != 0:
        said = f": {ran.complaints}" if ran.complaints else ""
        raise DataError(f"{program} ended with exit code {ran.code}{said}")
    text = ran.output.strip()
    for part in (text, text.splitlines()[-1] if text else ""):
        try:
            return json.loads(part)
        except ValueError:
            continue
    raise DataError(f"{program} printed {text[-80:]!r} at its end; expected a JSON object or number")


def make(text: str, setting: Setting) -> CommandOracle:
    """ "command:PROGRAM ARGUMENT {parameter} ..."."""
    try:
        arguments = shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"command:{text}: {error}. Close the quotation marks.") from error
    if not arguments:
        raise ConfigError("write 'command:PROGRAM ARGUMENT ...', with {parameter} where a value is to stand.")
    return CommandOracle(tuple(arguments), setting)

"""One line of the prediction log: a request, what was asked, what was answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Answered:
    """A request to one model, column by column, so that a thousand rows cost one line.

    time : UTC, ISO with milliseconds, when the answer was ready. request : its id, unique. model : name as served.
    version : number in the registry, 0 where it is served from a folder. bundle : `matloop.deploy.bundle.identity`.
    n : rows. inputs : {column: values as they were asked}. targets : {target: {"value", "low", "high", "std",
    "in_domain", "reason": a value per row; None where there is none}}; classes by their names. unreadable : {row
    (0-based, as text): why there is no prediction}. ms : milliseconds from request to answer. status : of HTTP; other
    than 200 where the whole request was refused (then `why`). who : name of the key. ids : what the asker calls the
    rows, empty where nothing was said; labels may be told by them later.
    """

    time: str
    request: str
    model: str
    bundle: str
    n: int
    version: int = 0
    inputs: Mapping[str, list[Any]] = field(default_factory=dict)
    targets: Mapping[str, Mapping[str, list[Any]]] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    ms: float = 0.0
    status: int = 200
    why: str = ""
    who: str = ""
    ids: list[str] = field(default_factory=list)
    format: int = FORMAT

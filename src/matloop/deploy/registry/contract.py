"""What a registry says of a model: a version, its stage, and everything that happened to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Stage = Literal["candidate", "champion", "retired"]


@dataclass(frozen=True, slots=True)
class Version:
    """One bundle under a name. number : from 1 on, by name. bundle : `matloop.deploy.bundle.identity`. created : UTC,
    ISO. who : added it. run_id, question, evidence, data_sha256 : from its manifest. dataset : "name@version" in the
    store, or the source of a file. parent : number of the champion that it was trained to replace, 0 for none."""

    name: str
    number: int
    stage: Stage
    bundle: str
    created: str
    who: str
    run_id: str
    question: str = ""
    data_sha256: str = ""
    dataset: str = ""
    parent: int = 0
    bytes: int = 0
    note: str = ""
    evidence: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def spelled(self) -> str:
        """How it is asked for, as in `thermopower@3`."""
        return f"{self.name}@{self.number}"


@dataclass(frozen=True, slots=True)
class Deed:
    """An entry of the audit log: who did what to which version, when and why. login : the user that the database knows,
    "" for a file. place : of the entry in the whole log, from 1 on. hash : of it and all before."""

    time: str
    who: str
    what: str
    name: str
    number: int = 0
    why: str = ""
    login: str = ""
    place: int = 0
    hash: str = ""

"""A calculation as an experiment: energies of crystals by EMT, GFN1-xTB or CHGNet, in a process that can be ended."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from matloop.campaign.oracles.contract import Outcome, Setting, answer, as_record, failed
from matloop.campaign.oracles.crystals import PROTOTYPES, SITES
from matloop.campaign.oracles.energies import PROPERTIES
from matloop.core import units
from matloop.core.children import Child, Parcel
from matloop.core.errors import ConfigError, DataError
from matloop.core.optional import available, require
from matloop.problem.fault import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

WORKER = "matloop.campaign.oracles.atoms_worker"
NEEDS = {"emt": ("ase", "simulate"), "xtb": ("tblite", "simulate"), "chgnet": ("chgnet", "chgnet")}


@dataclass(frozen=True, slots=True)
class AtomsOracle:
    """A candidate is a structure ("structure": CIF, POSCAR or XYZ text), a formula ("formula"), or amounts of elements
    (columns "Cu", "Au", ...); the last two are put on `lattice` (or that of a column "lattice"), several elements by
    chance on at least `atoms` sites. Cell and positions are relaxed within `steps`.

    properties : {target: property of `PROPERTIES`}. What does not relax, or has elements the method does not know, is a
    failed experiment; a calculation that takes longer than the setting allows is ended, with its process, and failed.
    """

    calculator: str
    properties: Mapping[str, str]
    setting: Setting
    lattice: str = "fcc"
    atoms: int = 32
    steps: int = 200

    def measure(self, candidates: pd.DataFrame, *, seed: int) -> Iterator[Outcome]:
        """See `Oracle`."""
        child: Child | None = None
        news: queue.Queue[tuple[Child, Parcel | None]] = queue.Queue()
        try:
            for place, row in enumerate(candidates.index):
                if child is None or not child.alive:
                    child = Child(WORKER, news)
                outcome = self._one(row, as_record(candidates, place), seed, child, news)
                if outcome.fault:
                    child.kill()
                    child = None
                yield outcome
        finally:
            if child is not None:
                child.kill()

    def _one(
        self, row: Any, candidate: dict[str, Any], seed: int, child: Child,
        news: queue.Queue[tuple[Child, Parcel | None]],
    ) -> Outcome:  # fmt: skip
        start = time.monotonic()
        child.send(
            {"calculator": self.calculator, "candidate": candidate, "properties": dict(self.properties),
             "lattice": self.lattice, "atoms": self.atoms, "steps": self.steps, "seed": seed}
        )  # fmt: skip
        said = self._heard(child, news)
        seconds = time.monotonic() - start
        if said is None:
            why = f"the calculation took longer than the {self.setting.seconds:g} s allowed and was ended"
            return failed(row, why, seconds=seconds, cost=self.setting.cost)
        if "broke" in said:
            return failed(row, said["broke"], seconds=seconds, fault="oracle")
        try:
            return answer(row, said, self.setting, seconds=seconds, who=self.calculator)
        except DataError as error:
            return failed(row, str(error), seconds=seconds, fault="oracle")

    def _heard(self, child: Child, news: queue.Queue[tuple[Child, Parcel | None]]) -> dict[str, Any] | None:
        """The answer of this child; what one that was ended had still to say is passed over. None: out of time."""
        until = time.monotonic() + self.setting.seconds
        while True:
            try:
                sender, parcel = news.get(timeout=max(until - time.monotonic(), 0.0))
            except queue.Empty:
                return None
            if sender is child:
                return {"broke": child.epitaph()} if parcel is None else dict(parcel.message)


def make(name: str, text: str, setting: Setting) -> AtomsOracle:
    """ "emt", "emt:lattice=bcc,atoms=54", "xtb:hardness=bulk_modulus": options, and properties of targets
    that are called otherwise.

    Raises
    ------
    ConfigError : a target is no property, its unit does not fit, or an option is not known. MissingExtra : the library
    is not installed.
    """
    library, extra = NEEDS[name]
    if not available(library):
        require(library, extra=extra)
    given = dict(_pair(part) for part in text.split(",") if part.strip())
    numbers = {key: _whole(key, given.pop(key, default)) for key, default in (("atoms", "32"), ("steps", "200"))}
    lattice = given.pop("lattice", "fcc")
    if lattice not in (*SITES, *PROTOTYPES):
        raise ConfigError(
            f"{name}: the lattice {lattice!r} is not known. {did_you_mean(lattice, [*SITES, *PROTOTYPES])}"
        )
    if unknown := [key for key in given if key not in setting.targets]:
        raise ConfigError(f"{name}: {unknown[0]!r} is neither an option (lattice, atoms, steps) nor a target.")
    properties = {target: given.get(target, target) for target in setting.targets}
    for target, found in properties.items():
        if found not in PROPERTIES:
            hint = did_you_mean(found, list(PROPERTIES))
            raise ConfigError(f"{name} cannot calculate {found!r}. {hint} Write {name}:{target}=PROPERTY.")
        unit = setting.targets[target]
        if unit and not units.compatible(unit, PROPERTIES[found]):
            raise ConfigError(f"{name}: {target} is asked for in {unit}; {found} comes in {PROPERTIES[found]}.")
    return AtomsOracle(name, properties, setting, lattice, numbers["atoms"], numbers["steps"])


def _pair(part: str) -> tuple[str, str]:
    key, mark, value = part.partition("=")
    if not mark:
        raise ConfigError(f"{part.strip()!r}: write options as name=value, separated by commas.")
    return key.strip(), value.strip()


def _whole(key: str, text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 10_000:
        raise ConfigError(f"{key} = {text!r}: a whole number from 1 to 10,000 was expected.")
    return int(text)


emt = partial(make, "emt")
xtb = partial(make, "xtb")
chgnet = partial(make, "chgnet")

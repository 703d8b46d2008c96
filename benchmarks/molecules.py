"""Molecules through the whole walk: ESOL and Lipophilicity, new molecules and new scaffolds, beside published numbers.

    python benchmarks/molecules.py --data DATA --minutes 3 --save

The sealed rows are a fifth of the molecules, or of the Bemis-Murcko scaffolds, looked at once. Published numbers are
those of MoleculeNet (Wu et al., Chem. Sci. 9 (2018) 513, doi:10.1039/C7SC02664A) and its leaderboard: other splits of
the same sets (random and scaffold, test share 10 %), so they say where a good number lies, not who is ahead.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import matloop
from matloop.core.files import write_text
from matloop.core.jsonable import dumps
from matloop.pipeline.run import run
from matloop.pipeline.versions import versions

RESULTS = Path(__file__).parent / "results"
GROUPS = ("molecule", "scaffold")


@dataclass(frozen=True, slots=True)
class Set:
    """A table, its target, and published test RMSE by split."""

    name: str
    file: str
    column: str
    published: dict[str, dict[str, float]]


SETS = (
    Set(
        "esol", "esol/delaney-processed.csv", "measured log solubility in mols per litre",
        {
            "molecule": {"MPNN": 0.58, "graph convolution": 0.97, "XGBoost": 0.99},
            "scaffold": {"GCN": 0.885, "random forest on ECFP4": 1.741},
        },
    ),
    Set(
        "lipophilicity", "lipophilicity/lipophilicity.csv.gz", "exp",
        {
            "molecule": {"graph convolution": 0.655, "XGBoost": 0.799},
            "scaffold": {"GCN": 0.781, "random forest": 0.962},
        },
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Score:
    """One run: errors in log units on the sealed rows, the 95 % interval of the RMSE, coverage of 90 % intervals."""

    set: str
    group: str
    n_rows: int
    n_groups: int
    n_sealed: int
    family: str
    rmse: float
    low: float
    high: float
    mae: float
    cv_rmse: float
    coverage: float
    seconds: float
    represent_seconds: float
    published: dict[str, float]


def score(each: Set, group: str, *, data: Path, minutes: float, families: tuple[str, ...]) -> Score:
    """Run one question and read its record."""
    problem = matloop.Problem(
        name=f"{each.name}-{group}",
        data=matloop.Source(str(data / each.file)),
        inputs=(matloop.Input("smiles", "molecule", "smiles"),),
        targets=(matloop.Target("y", each.column, success=matloop.Success("rmse", at_most=1.0)),),
        roles=matloop.Roles(group=group),
        limits=matloop.Limits(minutes=minutes, cores=2),
        protocol=matloop.Protocol(seeds=(0,), depth="quick"),
        training=matloop.Training(families=families),
    )
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        record = run(problem, folder=Path(folder)).record
    target = record.targets[0]
    vault, cv = target.evaluation.vault.scores, target.evaluation.cv.scores
    rmse, intervals = vault["rmse"], target.evaluation.vault.intervals
    return Score(
        each.name, group, record.cleaning.n_rows, record.split.n_groups, record.split.n_vault,
        " + ".join(dict.fromkeys(member.family for member in target.recipe.members)),
        rmse.value, rmse.low, rmse.high,
        vault["mae"].value, cv["rmse"].value,
        float("nan") if intervals is None else intervals.coverage.value,
        time.perf_counter() - begun, record.timing["represent"],
        each.published[group],
    )  # fmt: skip


def line(found: Score) -> str:
    """The same for a person."""
    peers = ", ".join(f"{name} {value:g}" for name, value in found.published.items())
    return (
        f"{found.set:14} {found.group:9} {found.n_rows:5} rows, {found.n_groups:4} groups, {found.n_sealed:4} sealed: "
        f"RMSE {found.rmse:.3f} ({found.low:.3f} to {found.high:.3f}), CV {found.cv_rmse:.3f}, MAE {found.mae:.3f}, "
        f"coverage {found.coverage:.2f}, {found.family}, {found.seconds:.0f} s; published {peers}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with esol/ and lipophilicity/")
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--families", nargs="*", default=[], help="model families; all that are installed by default")
    parser.add_argument("--only", choices=[each.name for each in SETS])
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS / 'molecules.json'}")
    given = parser.parse_args()
    found = []
    for each in SETS:
        for group in GROUPS if given.only in (None, each.name) else ():
            families = tuple(given.families)
            found.append(score(each, group, data=given.data, minutes=given.minutes, families=families))
            print(line(found[-1]), flush=True)
    if given.save:
        where = f"{platform.machine()}, {os.cpu_count()} cores"
        settings = {"minutes": given.minutes, "families": given.families}
        write_text(
            RESULTS / "molecules.json",
            dumps({"machine": where, "versions": versions(), "settings": settings, "scores": found}) + "\n",
        )


if __name__ == "__main__":
    main()

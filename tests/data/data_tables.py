"""Small tables and problems for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from matloop.data.collect import collect, from_frame
from matloop.data.table import RawTable
from matloop.problem import Input, Limits, Problem, Roles, Source, Target, Training

FORMULAS = [
    *("NaCl", "KCl", "MgO", "CaO", "Al2O3", "Fe2O3", "TiO2", "ZnO", "CuO", "NiO"),
    *("LiF", "NaF", "KF", "GaAs", "InP", "Si", "Ge", "BN", "AlN", "GaN"),
]
GAP = Target("gap", "gap", unit="eV")
NO_ROLES = Roles()


def written(folder: Path, text: str | bytes, name: str = "table.csv", **source: object) -> RawTable:
    """`text` as a file, collected again."""
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return collect(Source(name, **source), base=folder)


def frame(n: int = 20, **columns: object) -> RawTable:
    """A table with `formula` and `gap` and whatever else is given."""
    known = {"formula": FORMULAS[:n], "gap": [f"{0.5 + i / 10:.2f}" for i in range(n)]}
    return from_frame(pd.DataFrame({**known, **columns}, dtype=object))


def problem(
    *inputs: Input,
    target: Target | tuple[Target, ...] = GAP,
    roles: Roles = NO_ROLES,
    lost_share: float = 0.1,
    unlabelled: bool = True,
) -> Problem:
    """A problem with a formula and a gap unless told otherwise."""
    return Problem(
        "test",
        Source("table.csv"),
        inputs or (Input("formula", "composition", "formula"),),
        target if isinstance(target, tuple) else (target,),
        roles=roles,
        limits=Limits(lost_share=lost_share),
        training=Training(unlabelled=unlabelled),
    )


def column(*values: object) -> np.ndarray:
    """Values as a column of objects."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array

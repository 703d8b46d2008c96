"""What the walk did, in the form that the report shows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from matloop.core.arrays import IntArray, TextArray
from matloop.data.clean import Cleaned
from matloop.data.dataset import Categories, Dataset, Numbers, Provenance
from matloop.evaluate.map import project
from matloop.matter.compositions import Compositions
from matloop.matter.molecules import Molecules
from matloop.matter.structures import Structures, shown_structures
from matloop.models import FAMILIES
from matloop.problem.question import Problem
from matloop.report.record import CleaningSummary, SplitSummary
from matloop.report.tally import tally
from matloop.represent import FEATURIZERS
from matloop.represent.table import FeatureTable
from matloop.split.vault import Sealed
from matloop.train.values import Recipe

SHOWN = 100
_COMPUTED = re.compile(r"\d++\.\d{7,}+")
METHODS = (
    "Intervals: Papadopoulos, Gammerman & Vovk, normalised and Mondrian conformal prediction; Vovk et al., Algorithmic "
    "Learning in a Random World (2022), doi:10.1007/978-3-031-06649-8",
    "Comparison of candidates: Nadeau & Bengio, Mach. Learn. 52 (2003) 239, doi:10.1023/A:1024068626366",
    "Leave-one-cluster-out: Meredig et al., Mol. Syst. Des. Eng. 3 (2018) 819, doi:10.1039/C8ME00012C",
    "Interval score: Gneiting & Raftery, J. Am. Stat. Assoc. 102 (2007) 359, doi:10.1198/016214506000001437",
    "scikit-learn: Pedregosa et al., J. Mach. Learn. Res. 12 (2011) 2825",
)


def cleaning_summary(cleaned: Cleaned, n_flagged: int = 0) -> CleaningSummary:
    """Counts by reason and the first hundred of each account."""
    return CleaningSummary(
        n_source_rows=cleaned.n_source_rows,
        n_rows=len(cleaned.dataset),
        n_removed=len(cleaned.removed),
        n_repaired=len(cleaned.repaired),
        n_merged=cleaned.n_merged,
        removed_by_reason=tally(_counted(entry.reason for entry in cleaned.removed)),
        repaired_by_reason=tally(_counted(entry.reason for entry in cleaned.repaired)),
        removed=cleaned.removed[:SHOWN],
        repaired=cleaned.repaired[:SHOWN],
        notes=cleaned.notes,
        n_flagged=n_flagged,
    )


def split_summary(problem: Problem, sealed: Sealed, table: FeatureTable) -> SplitSummary:
    """Sizes of the split and where its rows lie on the two principal axes of the features."""
    xy, explained = project(table, problem.protocol.seeds[0])
    in_vault = np.zeros(len(table), dtype=bool)
    in_vault[sealed.sealed] = True
    return SplitSummary(
        n_development=len(sealed.development),
        n_vault=len(sealed.sealed),
        n_groups=len(np.unique(sealed.dataset.groups)),
        group=problem.roles.group or problem.derived_group or "each row by itself",
        how=sealed.how,
        x=xy[:, 0],
        y=xy[:, 1],
        in_vault=in_vault,
        explained=(float(explained[0]), float(explained[1])),
    )


def shown_rows(dataset: Dataset, rows: IntArray) -> TextArray:
    """What a person would call each row: its formula or SMILES, else its numbers and categories."""
    parts = []
    for name, column in dataset.inputs.items():
        if isinstance(column, Compositions):
            parts.append(np.array([few_digits(text) for text in column.formulas[rows]], dtype=object))
        elif isinstance(column, Molecules):
            parts.append(column.smiles[rows])
        elif isinstance(column, Structures):
            parts.append(shown_structures(column).astype(object)[rows])
        elif isinstance(column, Numbers):
            parts.append(np.array([f"{name} {value:.4g}" for value in column.values[rows]], dtype=object))
        elif isinstance(column, Categories):
            parts.append(column.values[rows].astype(object))
    if not parts:
        return dataset.ids[rows]
    return np.array([", ".join(words) for words in zip(*parts, strict=True)], dtype=np.str_)


def few_digits(formula: str) -> str:
    """A formula whose computed amounts (more than six decimals) have six digits: Fe96.43460804212445 is Fe96.4346."""
    return _COMPUTED.sub(lambda found: np.format_float_positional(float(found[0]), 6, fractional=False), formula)


def features_by_origin(table: FeatureTable) -> Mapping[str, int]:
    """How many columns each featurizer made."""
    return dict(Counter(table.origins))


def citations(provenance: Provenance, table: FeatureTable, recipes: Iterable[Recipe]) -> tuple[str, ...]:
    """What to cite for the data and the methods of a run, each once, data first."""
    found = [f"matloop. Data: {provenance.citation}" + (f" doi:{provenance.doi}" if provenance.doi else "")]
    found = found if provenance.citation else []
    makers = dict.fromkeys(origin.rpartition(":")[2] for origin in table.origins)
    for name in makers:
        if name in FEATURIZERS:
            found.extend(FEATURIZERS.load(name)().citations())
    for family in dict.fromkeys(spec.family for recipe in recipes for spec in recipe.members):
        if family in FAMILIES:
            found.append(FAMILIES.load(family).citation)
    return tuple(dict.fromkeys(entry for entry in (*found, *METHODS) if entry))


def _counted(reasons: Iterable[str]) -> Mapping[str, int]:
    return dict(Counter(reasons).most_common())

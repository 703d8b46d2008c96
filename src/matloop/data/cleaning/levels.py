"""Levels of theory: which words name which, and which of them compare."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matloop.core.arrays import BoolArray, TextArray
from matloop.data.words import MISSING_WORDS, as_text, texts

_SPELLINGS = {
    "PBE": ("pbe", "gga", "ggapbe", "pbegga", "dftpbe", "dftgga"),
    "PBE+U": ("pbe+u", "gga+u", "ggapbe+u", "pbegga+u", "dft+u", "pbeu", "ggau", "dftpbe+u"),
    "PBEsol": ("pbesol", "ps", "ggapbesol"),
    "PW91": ("pw91", "ggapw91"),
    "RPBE": ("rpbe",),
    "LDA": ("lda", "lsda", "dftlda"),
    "LDA+U": ("lda+u", "lsda+u"),
    "SCAN": ("scan", "metaggascan"),
    "r2SCAN": ("r2scan", "r²scan", "metaggar2scan"),
    "SCAN+U": ("scan+u",),
    "HSE06": ("hse06", "hse"),
    "HSE03": ("hse03",),
    "HSEsol": ("hsesol",),
    "PBE0": ("pbe0",),
    "B3LYP": ("b3lyp",),
    "TB-mBJ": ("tbmbj", "mbj", "tbmbjlda"),
    "GLLB-SC": ("gllbsc",),
    "optB88-vdW": ("optb88vdw", "optb88"),
    "PBE+D2": ("pbed2", "pbe+d2"),
    "PBE+D3": ("pbed3", "pbe+d3", "pbed3bj", "pbe+d3bj"),
    "G0W0": ("g0w0", "g0w0@pbe"),
    "scGW": ("scgw", "qsgw"),
    "RPA": ("rpa",),
    "CCSD(T)": ("ccsd(t)", "ccsdt"),
    "experiment": ("experiment", "experimental", "exp", "exp.", "expt", "expt.", "measured", "measurement",
                   "icsd"),
    "EAM": ("eam", "meam"),
    "ReaxFF": ("reaxff",),
    "MACE": ("mace", "macemp0", "macemp"),
    "CHGNet": ("chgnet",),
    "M3GNet": ("m3gnet",),
    "force field": ("forcefield", "interatomicpotential", "mlip"),
}  # fmt: skip
"""Level: its spellings, in lower case without spaces, hyphens and underscores. Two levels that are not the same do not
compare: total and formation energies, band gaps and lattice constants of them differ systematically."""

_SCHEMES = ("MP", "OQMD", "AFLOW", "MIT")
"""Whose values of U and corrections were used: U of Fe is 5.3 eV at MP and 4.0 eV at OQMD, Mo and W have one at MP
alone, Cu at OQMD alone. "PBE+U" says nothing of that, and is a level of its own.
Jain et al., Phys. Rev. B 84 (2011) 045115. doi:10.1103/PhysRevB.84.045115
Kirklin et al., npj Comput. Mater. 1 (2015) 15010. doi:10.1038/npjcompumats.2015.10"""

_SPELLINGS |= {
    f"PBE+U ({scheme})": tuple(
        f"{spelling}{end}" for spelling in _SPELLINGS["PBE+U"] for end in (f"({scheme.lower()})", scheme.lower())
    )
    for scheme in _SCHEMES
}

_CODES = ("vasp", "quantumespresso", "qe", "castep", "fhiaims", "aims", "wien2k", "abinit", "gpaw", "siesta", "elk")
"""Programs: the same functional in another one compares, to about 1 meV per atom.
Lejaeghere et al., Science 351 (2016) aad3000. doi:10.1126/science.aad3000"""

_LEVEL = {spelling: level for level, spellings in _SPELLINGS.items() for spelling in spellings}
_PARTS = re.compile(r"[\s_,;:/()\[\]–-]+")
_LONGEST = 4
_MOST_WORDS = 12
_FIRST_ROWS = 2000


@dataclass(frozen=True, slots=True)
class Levels:
    """The level of theory of each row.

    family : shape (n_rows,), levels of one family compare; "" where the method is not known.
    written : shape (n_rows,), as it stands in the table.
    """

    family: TextArray
    written: TextArray

    def incompatible(self, rows: BoolArray) -> dict[str, int]:
        """{family: number of the rows}, most frequent first, where `rows` mix several known ones; else empty."""
        known = self.family[rows & (self.family != "")]
        names, counts = np.unique(known, return_counts=True)
        order = np.lexsort((names, -counts))
        return {str(names[k]): int(counts[k]) for k in order} if len(names) > 1 else {}


def level_of(word: str) -> str:
    """The level that a word names, "" where it is not known: "GGA+U" is PBE+U, "VASP-PBE" is PBE.

    Examples
    --------
    >>> level_of("GGA_U"), level_of("GGA+U (OQMD)"), level_of("vasp pbe"), level_of("hse"), level_of("M06-2X")
    ('PBE+U', 'PBE+U (OQMD)', 'PBE', 'HSE06', '')
    """
    plain = re.sub(r"[\s_–-]+", "", word.casefold())
    for code in _CODES:
        rest = re.sub(r"^[/:]|[/:]$", "", plain.removeprefix(code).removesuffix(code))
        if rest != plain and rest in _LEVEL:
            return _LEVEL[rest]
    return _LEVEL.get(plain, "")


def mentioned_level(text: str) -> str:
    """The level that stands somewhere in a text, "" where there is none; the longest name counts, then the first.

    Examples
    --------
    >>> mentioned_level("band gap by HSE06 (VASP)"), mentioned_level("GGA + U, relaxed"), mentioned_level("cubic")
    ('HSE06', 'PBE+U', '')
    """
    if whole := level_of(text):
        return whole
    parts = [part for part in _PARTS.split(text.strip()) if part]
    for length in range(min(_LONGEST, len(parts)), 0, -1):
        for start in range(len(parts) - length + 1):
            if found := level_of("".join(parts[start : start + length])):
                return found
    return ""


def read_levels(column: NDArray, compatible: Sequence[str] = ()) -> Levels:
    """The levels of a column of methods.

    Parameters
    ----------
    compatible : methods that count as one, as they are written or by their level; they take the name of the first.
    """
    written = texts(column)
    codes, distinct = pd.factorize(written)
    same = {name.casefold() for name in compatible} | {level_of(name) for name in compatible} - {""}
    together = (level_of(compatible[0]) or compatible[0]) if compatible else ""
    names = []
    for word in distinct:
        level = level_of(str(word))
        names.append(together if level in same or str(word).casefold() in same else level)
    family = as_text(names)[codes] if len(names) else np.full(len(written), "")
    return Levels(family, as_text(written))


def names_levels(column: NDArray) -> bool:
    """Whether a column holds nothing but known levels of theory, two of them at least."""
    if column.dtype.kind not in "OUT":
        return False
    if not _only_levels(texts(column[:_FIRST_ROWS])):
        return False
    found = texts(column)
    return _only_levels(found) and len({level_of(word) for word in set(found.tolist())} - {""}) > 1


def _only_levels(column: NDArray) -> bool:
    words = {word for word in pd.unique(column).tolist() if word.casefold() not in MISSING_WORDS}
    return 0 < len(words) <= _MOST_WORDS and all(level_of(word) for word in words)

"""Write docs/reference/representations.md: every registered representation, from the registry and measured costs.

    python tools/representations.py            after `python benchmarks/representations.py --data FOLDER --save`

What the page says comes from the classes (first line of the docstring, columns, invariances, citations) and from
benchmarks/results/representations.json (cost per row). A test compares the page with what this writes.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from matloop.core.errors import MissingExtra
from matloop.represent import DEFAULT_FEATURES, FEATURIZERS, MOLECULE_FEATURES, STRUCTURE_FEATURES
from matloop.represent.spec import options_of

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/reference/representations.md"
COSTS = ROOT / "benchmarks/results/representations.json"
HEAD = """# Representations

All names that `features = [...]` in a problem file, `matloop features make --set` and `matloop features compare`
know, with their defaults. Options are written as a call, `rdf(cutoff=8.0)`; those in brackets are options and defaults.
"auto" marks what is taken where nothing is asked for. What each computes and which peer it equals:
[features](features.md); how to use them: [make features](../howto/make-features.md).

Costs are milliseconds per row on one core, reading not counted: {samples}.

This page is made by `python tools/representations.py`.
"""
KINDS = {
    "composition": ("Compositions", DEFAULT_FEATURES,
                    "They depend on the ratios of the amounts alone, and describe molecules and structures by their "
                    "atoms, too."),
    "molecule": ("Molecules", MOLECULE_FEATURES,
                 "They do not depend on how a molecule is written; those made of coordinates neither on rotation or "
                 "translation nor on the order of the atoms."),
    "structure": ("Structures", STRUCTURE_FEATURES,
                  "\"Same under\" lists what the values do not depend on: \"cell\" is the choice of lattice vectors, "
                  "\"supercell\" repeating the cell."),
}  # fmt: skip


def page() -> str:
    """The whole page."""
    costs = json.loads(COSTS.read_text("utf-8"))["found"]
    samples = "; ".join(
        f"{kind}s of {sample}" for kind, sample in dict.fromkeys((one["kind"], one["sample"]) for one in costs.values())
    )
    parts = [HEAD.format(samples=samples)]
    classes = {name: FEATURIZERS.load(name) for name in FEATURIZERS if "matloop." in FEATURIZERS[name]}
    for kind, (title, auto, said) in KINDS.items():
        spatial = kind == "structure"
        parts.append(f"\n## {title}\n\n{said}\n")
        head = ["name", "auto", "columns", "what", *(["same under"] if spatial else []), "ms per row", "cite"]
        parts.append("\n" + _line(head) + _line(["---"] * len(head)))
        for name, one in classes.items():
            if one.kind == kind:
                parts.append(_row(name, one, name in auto, costs.get(name, {}), spatial=spatial))
    return "".join(parts)


def _row(name: str, one: Any, auto: bool, cost: dict[str, Any], *, spatial: bool) -> str:
    options = ", ".join(f"{key}={_short(default)}" for key, default in options_of(one).items())
    what = " ".join((one.__doc__ or "").strip().split("\n\n")[0].split()).rstrip(".")
    cells = [f"`{name}`", "yes" if auto else "", str(_columns(one, cost)), what + (f" ({options})" if options else "")]
    if spatial:
        cells.append(", ".join(one.invariances))
    cited = dict.fromkeys(re.findall(r"10\.\d{4,}/[^\s;,]+", " ".join(one().citations())))
    return _line([*cells, f"{cost['ms']:.2g}" if cost else "-", ", ".join(f"doi:{doi}" for doi in cited) or "-"])


def _columns(one: Any, cost: dict[str, Any]) -> int | str:
    """Columns with the defaults; as measured where the library is missing here."""
    try:
        return len(one().get_feature_names_out())
    except MissingExtra:
        return cost.get("columns", "-")


def _short(default: Any) -> str:
    text = repr(default)
    return text if len(text) <= 60 else text[:50] + "..."


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")

"""What licences allow: known ones by their SPDX names, and under which one several can be passed on together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from matloop.core.errors import DataError

Duty = Literal["none", "credit", "share alike", "unknown"]
UNSTATED = "NOASSERTION"
"""SPDX's word for "nothing is said about a licence"."""


@dataclass(frozen=True, slots=True)
class Licence:
    """One licence. name : SPDX. duty : what who passes it on has to do. family : whose share-alike it is.

    commercial : may be used for money. changes : a changed or combined version may be passed on.
    """

    name: str
    title: str
    url: str
    duty: Duty = "credit"
    family: str = ""
    commercial: bool = True
    changes: bool = True

    @property
    def said(self) -> str:
        """Its conditions in words."""
        parts = {
            "none": "no conditions", "credit": "name the source", "unknown": "conditions that matloop does not know",
            "share alike": "name the source, pass on under the same licence",
        }[self.duty]  # fmt: skip
        more = ["not for commercial use"] * (not self.commercial) + ["not in changed or combined form"] * (
            not self.changes
        )
        return ", ".join([parts, *more])


def _creative(version: str) -> list[Licence]:
    kinds = {
        "BY": ("Attribution", {}),
        "BY-SA": ("Attribution-ShareAlike", {"duty": "share alike", "family": "CC-BY-SA"}),
        "BY-NC": ("Attribution-NonCommercial", {"commercial": False}),
        "BY-ND": ("Attribution-NoDerivatives", {"changes": False}),
        "BY-NC-SA": (
            "Attribution-NonCommercial-ShareAlike",
            {"duty": "share alike", "family": "CC-BY-NC-SA", "commercial": False},
        ),
        "BY-NC-ND": ("Attribution-NonCommercial-NoDerivatives", {"commercial": False, "changes": False}),
    }
    return [
        Licence(f"CC-{kind}-{version}", f"Creative Commons {title} {version}",
                f"https://creativecommons.org/licenses/{kind.lower()}/{version}/", **facts)  # type: ignore[arg-type]
        for kind, (title, facts) in kinds.items()
    ]  # fmt: skip


_SPDX = "https://spdx.org/licenses/"
_LISTED = [
    Licence("CC0-1.0", "Creative Commons Zero 1.0", "https://creativecommons.org/publicdomain/zero/1.0/", "none"),
    Licence("PDDL-1.0", "Open Data Commons Public Domain Dedication and License 1.0", _SPDX + "PDDL-1.0.html", "none"),
    Licence("ODC-By-1.0", "Open Data Commons Attribution License 1.0", _SPDX + "ODC-By-1.0.html"),
    Licence("ODbL-1.0", "Open Data Commons Open Database License 1.0", _SPDX + "ODbL-1.0.html", "share alike", "ODbL"),
    Licence("MIT", "MIT License", _SPDX + "MIT.html"),
    Licence("BSD-3-Clause", "BSD 3-Clause License", _SPDX + "BSD-3-Clause.html"),
    Licence("BSD-2-Clause", "BSD 2-Clause License", _SPDX + "BSD-2-Clause.html"),
    Licence("Apache-2.0", "Apache License 2.0", _SPDX + "Apache-2.0.html"),
    Licence("GPL-3.0-only", "GNU General Public License 3.0", _SPDX + "GPL-3.0-only.html", "share alike", "GPL"),
    *_creative("4.0"), *_creative("3.0"),
]  # fmt: skip
KNOWN: Mapping[str, Licence] = {one.name: one for one in _LISTED}
_FOLDED = {name.lower(): one for name, one in KNOWN.items()}
_OTHER_NAMES = {
    "cc0": "CC0-1.0", "public domain": "CC0-1.0", "cc zero": "CC0-1.0", "pddl": "PDDL-1.0", "odbl": "ODbL-1.0",
    "odc-by": "ODC-By-1.0", "apache 2.0": "Apache-2.0", "apache license 2.0": "Apache-2.0", "bsd": "BSD-3-Clause",
    "mit license": "MIT", "gpl-3.0": "GPL-3.0-only", "gplv3": "GPL-3.0-only",
}  # fmt: skip
_CC = re.compile(
    r"^(?:creative commons|cc)[ -]*(?P<kind>(?:by|attribution)(?:[ -]*(?:nc|noncommercial|non-commercial|sa|sharealike|"
    r"share-alike|nd|noderivatives|noderivs))*)[ -]*v?(?P<version>[34]\.0)?(?: international| unported)?"
    r"(?: licen[sc]e)?$"
)
_URL = re.compile(
    r"creativecommons\.org/(?:licenses/(?P<kind>[a-z-]+)/(?P<version>[34]\.0)|publicdomain/(?P<zero>zero|mark))"
)
_SHORT = {"attribution": "by", "noncommercial": "nc", "non-commercial": "nc", "sharealike": "sa", "share-alike": "sa",
          "noderivatives": "nd", "noderivs": "nd"}  # fmt: skip


def licence(text: str) -> Licence:
    """The licence that a text names: SPDX, a title, an address of Creative Commons. One that is not known keeps its
    text and has unknown conditions.

    Examples
    --------
    >>> [licence(text).name for text in ("cc by 4.0", "https://creativecommons.org/licenses/by-nc/4.0/", "House rules")]
    ['CC-BY-4.0', 'CC-BY-NC-4.0', 'House rules']
    """
    written = " ".join(text.split())
    folded = written.lower().rstrip("./")
    if folded in _FOLDED or _OTHER_NAMES.get(folded):
        return _FOLDED.get(folded) or KNOWN[_OTHER_NAMES[folded]]
    if found := _URL.search(folded + "/"):
        if found["zero"]:
            return KNOWN["CC0-1.0"]
        return KNOWN.get(f"CC-{found['kind'].upper()}-{found['version']}") or _unknown(written)
    if found := _CC.match(folded.replace("_", "-")):
        kind = found["kind"]
        for long, short in _SHORT.items():
            kind = kind.replace(long, short)
        parts = [part for part in re.split(r"[ -]+", kind) if part]
        order = [part for part in ("by", "nc", "nd", "sa") if part in parts]
        name = f"CC-{'-'.join(order).upper()}-{found['version'] or '4.0'}"
        return KNOWN.get(name) or _unknown(written)
    return _unknown(written)


def _unknown(text: str) -> Licence:
    url = text if re.match(r"https?://\S+$", text) else ""
    return Licence(text, text, url, "unknown")


@dataclass(frozen=True, slots=True)
class Combined:
    """The licence under which everything can be passed on together, and why in sentences."""

    licence: Licence
    why: tuple[str, ...]


def combined(counts: Mapping[str, int], *, wish: str = "", providers: int = 1) -> Combined:
    """The licence of a dataset whose rows have several.

    Parameters
    ----------
    counts : {licence as written: rows}. wish : the licence that the dataset is to have, "" for the least strict one
    that is allowed. providers : number of sources; a licence without derivatives allows a copy of one, no combination.

    Raises
    ------
    DataError : they cannot be passed on together, or not under the wish; the message says which, why, what to do.
    """
    parts: dict[str, tuple[Licence, int]] = {}
    for text, n in counts.items():
        one = licence(text)
        parts[one.name] = (one, parts.get(one.name, (one, 0))[1] + n)
    every = [one for one, _ in parts.values()]
    told = tuple(f"{n:,} rows: {one.name} ({one.said})" for one, n in parts.values())
    if len(every) > 1 or providers > 1:
        _refuse_together(every, told)
    result = _least(every)
    why = list(told)
    if len(every) > 1:
        why.append(f"together: {result.name}, the strictest of them; every source is still to be named")
    if any(not one.changes for one in every):
        why.append(f"{result.name} allows a copy: the values are passed on unchanged, in another file format only")
    if wish:
        result = _wished(licence(wish), result, told)
    return Combined(result, tuple(why))


def _refuse_together(every: list[Licence], told: tuple[str, ...]) -> None:
    fixed = [one.name for one in every if not one.changes]
    if fixed:
        raise _refusal(told, f"{', '.join(fixed)} allows no combination with data from elsewhere")
    strange = [one.name for one in every if one.duty == "unknown"]
    if strange and len(every) > 1:
        raise _refusal(told, f"matloop does not know what {', '.join(map(repr, strange))} asks for")
    families = sorted({one.family for one in every if one.family})
    if len(families) > 1:
        raise _refusal(told, f"{' and '.join(families)} each ask that the whole is passed on under them alone")
    if families and "NC" not in families[0] and any(not one.commercial for one in every):
        raise _refusal(told, f"{families[0]} forbids further conditions, and another part is not for commercial use")


def _least(every: list[Licence]) -> Licence:
    """The least strict licence that keeps the conditions of all."""
    if not every:
        return Licence(UNSTATED, "No licence is stated", "", "unknown")

    def strict(one: Licence) -> tuple[bool, bool, bool, str]:
        version = re.sub(r"[^0-9.]", "", one.name)
        return (one.duty == "unknown", not one.changes, one.duty != "none", version)

    first = max(every, key=lambda one: (not one.commercial, bool(one.family), *strict(one)))
    if first.family or not any(one.family for one in every):
        return first
    return max((one for one in every if one.family), key=strict)


def _wished(wish: Licence, least: Licence, told: tuple[str, ...]) -> Licence:
    if wish.name == least.name:
        return least
    reason = ""
    if least.duty == "unknown":
        reason = f"the rows are under {least.name!r}, whose conditions matloop does not know"
    elif least.family and wish.family != least.family:
        reason = f"{least.name} asks that the whole is passed on under it"
    elif not least.changes and (wish.changes or wish.commercial != least.commercial):
        reason = f"{least.name} has to stay as it is"
    elif not least.commercial and wish.commercial:
        reason = f"{least.name} is not for commercial use, {wish.name} allows it"
    elif least.duty == "credit" and wish.duty == "none":
        reason = f"{least.name} asks that the source is named, {wish.name} does not"
    if reason:
        raise DataError(
            f"the dataset cannot be passed on under {wish.name}: {reason}. {'; '.join(told)}. Describe it with "
            f"--licence {least.name}, or leave rows out with a query."
        )
    return wish


def _refusal(told: tuple[str, ...], reason: str) -> DataError:
    return DataError(
        f"these rows cannot be passed on together: {reason}. {'; '.join(told)}. Export them apart: add "
        "?licence=NAME to the address for each licence."
    )

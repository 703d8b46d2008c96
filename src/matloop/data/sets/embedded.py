"""Reading a carried set: the file is checked against the hash on its card before a value is used."""

from __future__ import annotations

import gzip
import hashlib
import tomllib
from dataclasses import replace
from importlib.resources import files
from typing import Any

from matloop.core.errors import DataError
from matloop.data.table import ColumnCard, RawTable
from matloop.data.text import read_text
from matloop.problem.question import Source


def ricci_transport(query: str = "") -> RawTable:
    """47,737 records of electronic transport at 300 K and 1e18 carriers/cm3 from DFT and the Boltzmann equation.

    Columns and units are on the card `ricci_transport.toml`. Ricci et al. (2017), doi:10.1038/sdata.2017.85.
    """
    return read_set("ricci_transport", "ricci-transport", query)


def read_set(stem: str, name: str, query: str = "") -> RawTable:
    """The set whose card is `<stem>.toml`.

    Raises
    ------
    DataError : the file is not the one that the card describes; or a query was given, which carried sets do not have.
    """
    if query:
        raise DataError(f'{name}:{query}: "{name}" is one fixed table and takes no query. Write source = "{name}".')
    card = read_card(stem)
    content = files("matloop.data.sets").joinpath(card["file"]).read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != card["sha256"]:
        raise DataError(
            f"{name}: the carried file {card['file']} has sha256 {sha256[:12]}..., its card says "
            f"{card['sha256'][:12]}.... "
            "The installation is damaged: install matloop again."
        )
    table = read_text(gzip.decompress(content), Source(name), sha256)
    known = {key: card[key] for key in ("licence", "citation", "doi")}
    describe = {key: ColumnCard(entry.get("unit", ""), entry["meaning"]) for key, entry in card["columns"].items()}
    return replace(table, provenance=replace(table.provenance, retrieved=card["retrieved"], **known), describe=describe)


def read_card(stem: str) -> dict[str, Any]:
    """The card of a carried set as written."""
    return tomllib.loads(files("matloop.data.sets").joinpath(f"{stem}.toml").read_text(encoding="utf-8"))

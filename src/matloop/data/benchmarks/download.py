"""Published files from their public addresses, compared with what their publisher says of them before they are kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matloop.core.errors import DataError, RunError
from matloop.data.benchmarks.cards import Benchmark
from matloop.data.harvest.fetch import Policy, fetch_file_now, fetch_now
from matloop.data.harvest.proxies import proxy_setting
from matloop.data.harvest.responses import FetchError

FIGSHARE = "https://api.figshare.com/v2"
LARGEST = 4_000_000_000
SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A whole file at `path`. by : who states its hash, "" for nobody. licence : as the publisher states it."""

    path: Path
    sha256: str
    by: str = ""
    licence: str = ""


def download(card: Benchmark, path: Path, policy: Policy | None = None) -> Downloaded:
    """The file of a data set, put together at `path`; of what breaks off only the rest is asked for, also by the next
    call, and nothing is given that is not whole.

    Raises
    ------
    RunError : it cannot be fetched; the message says how to do without. DataError : it is not the published file.
    """
    policy = policy or Policy(seconds=SECONDS, most_bytes=LARGEST, proxy=proxy_setting())
    try:
        md5, licence = _stated_by_figshare(card, policy)
        digest = fetch_file_now(card.url, path, policy).sha256
    except FetchError as error:
        raise RunError(
            f"{card.source} cannot be fetched: {error} Without a network, copy {card.file} from {card.url} into a "
            "folder and name that: --mirror FOLDER."
        ) from error
    found, stated = (digest, card.sha256) if card.sha256 or not md5 else (_md5(path), md5)
    if stated and found != stated:
        size = path.stat().st_size
        path.unlink()
        raise DataError(
            f"{card.source}: what came from {card.url} ({size:,} bytes) is not the published file: its hash is "
            f"{found[:16]}..., it should be {stated[:16]}.... Nothing was kept; try again, or get the file by other "
            "means and name its folder: --mirror FOLDER."
        )
    return Downloaded(path, digest, "its publisher" if card.sha256 else "figshare (MD5)" if md5 else "", licence)


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _stated_by_figshare(card: Benchmark, policy: Policy) -> tuple[str, str]:
    """MD5 and licence of a file as its article at figshare states them; "" where it does not."""
    if card.sha256 or not card.article:
        return "", ""
    article: dict[str, Any] = fetch_now(f"{FIGSHARE}/articles/{card.article}", None, policy).json()
    number = card.url.rpartition("/")[2]
    files: list[dict[str, Any]] = article.get("files") or []
    found = next((one for one in files if str(one.get("id")) == number), {})
    return str(found.get("computed_md5") or ""), str((article.get("license") or {}).get("name") or "")

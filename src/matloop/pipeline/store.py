"""The record of a run in its folder, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matloop.core.errors import DataError, RunError
from matloop.core.jsonable import from_jsonable, to_jsonable
from matloop.pipeline.folder import FORMAT, RunFolder
from matloop.profile.five_values import DataProfile
from matloop.report.page import write_page
from matloop.report.profile_page import write_profile
from matloop.report.record import RunRecord
from matloop.report.summary import report_json

PROFILE, PROFILE_PAGE = "profile.json", "profile.html"
PARTS = ("evaluation", "explanation", "studies")
"""Files of their own: the evidence by target."""


def write_record(where: RunFolder, record: RunRecord) -> None:
    """Write record.json, evaluation.json, explanation.json and studies.json, then the page and its summary."""
    content = to_jsonable(record)
    for part in PARTS:
        where.write(f"{part}.json", json.dumps({t["name"]: t.pop(part) for t in content["targets"]}, allow_nan=False))
    where.write("record.json", json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False))
    write_pages(where, record)


def write_pages(where: RunFolder, record: RunRecord) -> None:
    """Write report.html and report.json, and the page of the table's profile again from its file."""
    if record.profile is not None and (where.path / PROFILE).exists():
        where.write(record.profile.page, write_profile(where.recall(PROFILE, DataProfile)))
    where.write("report.html", write_page(record))
    where.write(
        "report.json", json.dumps(to_jsonable(report_json(record)), indent=2, allow_nan=False, ensure_ascii=False)
    )


def read_record(folder: Path) -> RunRecord:
    """The record of a finished run.

    Raises
    ------
    RunError : the run is not finished, its files are damaged, or it was written by another version.
    """
    state = _json(folder / "run.json")
    if state.get("format") != FORMAT:
        raise RunError(
            f"{folder} was written by matloop {state.get('matloop')} (run format {state.get('format')}), this release "
            f"reads format {FORMAT}. Use that release, or run the problem again."
        )
    if not (folder / "record.json").exists():
        raise RunError(f"{folder} is not finished. Run the same `matloop run` again: it goes on from the last step.")
    content = _json(folder / "record.json")
    try:
        for part in PARTS:
            if part == "studies" and not (folder / "studies.json").exists():
                continue  # a run of a release before studies
            evidence = _json(folder / f"{part}.json")
            for target in content["targets"]:
                target[part] = evidence[target["name"]]
        return from_jsonable(RunRecord, content)
    except (KeyError, TypeError, DataError) as error:
        raise RunError(
            f"{folder}: the record is damaged ({error}). Run the problem again in another folder."
        ) from error


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error}). Run the problem again in another folder.") from error
    if not isinstance(content, Mapping):
        raise RunError(f"{path} is not what matloop wrote. Run the problem again in another folder.")
    return dict(content)

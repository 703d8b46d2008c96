"""Runs in the file store of MLflow, for teams that compare their experiments there. MLflow itself is not needed.

The layout (https://mlflow.org/docs/latest/ml/tracking/backend-stores, read back with mlflow 3.17):

    mlruns/<experiment>/meta.yaml
                        datasets/<dataset>/meta.yaml
                        <run>/meta.yaml  params/NAME  metrics/NAME (time, value, step)  tags/NAME
                              inputs/<input>/meta.yaml  artifacts/...

A run of matloop becomes a run there; each of its candidate models a run nested in it, with the folds as steps. The same
run always has the same id, so that exporting it again replaces it.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import math
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from matloop.core.errors import ConfigError, RunError
from matloop.core.files import said, write_text
from matloop.core.jsonable import to_jsonable
from matloop.deploy.bundle import identity

ARTIFACTS = (
    "report.html", "report.json", "problem.toml", "profile.html", "provenance.json", "removed.csv", "repaired.csv",
    "flagged.csv", "log.jsonl",
)  # fmt: skip
"""Files of a run that go along, besides its bundle; the data themselves stay where they are."""
LONGEST = 500
"""Characters of a parameter or tag: what every release of MLflow takes; the whole stands in the artifacts."""
_FINISHED, _LOCAL = 3, 4  # numbers of the status and the kind of source in MLflow's files
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Point:
    """A value of a metric: when (ms since 1970), how much, and at which step."""

    time: int
    value: float
    step: int = 0


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """A run as MLflow has it. id : 32 hexadecimal digits. begin, end : ms since 1970."""

    id: str
    name: str
    begin: int
    end: int
    params: Mapping[str, str]
    metrics: Mapping[str, tuple[Point, ...]]
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written. runs : {folder of the run: its id in MLflow}; nested : how many candidates went along."""

    out: Path
    runs: Mapping[str, str]
    experiments: tuple[str, ...]
    nested: int

    def lines(self) -> Iterator[str]:
        """What was written, and how to look at it."""
        for folder, run in self.runs.items():
            yield f"{folder}  ->  run {run}"
        yield (
            f"{len(self.runs)} runs with {self.nested} candidates in {self.out}, experiments: "
            f"{', '.join(self.experiments)}"
        )
        yield f"to look at it: mlflow ui --backend-store-uri {self.out.absolute().as_uri()}"

    def as_json(self) -> Any:
        """All of it as plain values."""
        return to_jsonable(self)

    def _repr_html_(self) -> str:
        return "".join(f"<div>{line}</div>" for line in self.lines())


@dataclass(frozen=True, slots=True)
class _Source:
    """A finished run of matloop, as its files say."""

    folder: Path
    report: Json
    problem: Json
    begin: int
    end: int
    candidates: Mapping[str, list[Json]] = field(default_factory=dict)


def export_runs(runs: Sequence[Path | str], out: Path | str = "mlruns", *, experiment: str = "") -> Exported:
    """Write finished runs into a file store of MLflow; other runs that are there stay.

    Parameters
    ----------
    runs : folders of runs, or folders with runs below. out : the file store; made where there is none.
    experiment : name of the experiment; that of each run's problem by default.

    Raises
    ------
    RunError : a folder holds no finished run, a file of a run is damaged, or the disk is full.
    """
    out = Path(out)
    sources = [_read(folder) for folder in _folders(runs)]
    done: dict[str, str] = {}
    names: dict[str, None] = {}
    nested = 0
    try:
        for source in sources:
            name = experiment or str(source.report["name"])
            place = _experiment(out, name, source.begin)
            tracked = run_of(source.report, source.problem, source.begin, source.end, _identity(source.folder))
            _write_run(place, tracked, source)
            for child in children_of(tracked, source.candidates, source.report["candidates"]):
                _write_run(place, child, None)
                nested += 1
            done[str(source.folder)], names[name] = tracked.id, None
    except OSError as error:
        raise RunError(said(Path(error.filename or out), error)) from error
    return Exported(out, done, tuple(names), nested)


# ---- what is said of a run ----


def run_of(report: Json, problem: Json, begin: int, end: int, bundle: str) -> TrackedRun:
    """A run in MLflow's words.

    Parameters
    ----------
    report : content of report.json. problem : of problem.toml. begin, end : ms since 1970. bundle : its identity.
    """
    verdicts = report["verdict"]
    said = [f"**{target}**: {entry['sentence']}" for target, entry in verdicts.items()]
    tags = {
        "mlflow.runName": f"{report['name']} {report['run_id'][:6]}", "mlflow.source.name": "matloop",
        "mlflow.source.type": "LOCAL", "mlflow.user": _user(),
        "mlflow.note.content": "\n\n".join([str(report["question"]), *said]),
        "matloop.run_id": str(report["run_id"]), "matloop.bundle": bundle,
        "matloop.data_sha256": str(report["data"]["sha256"]), "matloop.data_doi": str(report["data"].get("doi", "")),
        "matloop.data_licence": str(report["data"].get("licence", "")),
    }  # fmt: skip
    tags |= {f"matloop.verdict.{target}": str(entry["answer"]) for target, entry in verdicts.items()}
    tags |= {f"matloop.versions.{name}": str(value) for name, value in report.get("versions", {}).items()}
    params = dict(_flat({name: part for name, part in problem.items() if name not in ("name", "question")}))
    for target, chosen in report.get("chosen", {}).items():
        params |= {f"{target}.model": str(chosen["label"])}
    return TrackedRun(
        _id(str(report["run_id"]), bundle), tags["mlflow.runName"], begin, end, params, _metrics(report, end),
        {name: value for name, value in tags.items() if value},
    )  # fmt: skip


def _metrics(report: Json, time: int) -> dict[str, tuple[Point, ...]]:
    """Every number of the evidence; of a score also the ends of its interval. Seeds are steps."""
    found: dict[str, tuple[Point, ...]] = {}

    def tell(name: str, value: Any) -> None:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            found[name] = (Point(time, float(value)),)

    for part in ("vault", "cv", "loco"):
        for target, scores in report.get(part, {}).items():
            for metric, value in (scores or {}).items():
                if isinstance(value, Mapping):
                    tell(f"{target}/{part}/{metric}", value.get("value"))
                    tell(f"{target}/{part}/{metric} low", value.get("low"))
                    tell(f"{target}/{part}/{metric} high", value.get("high"))
                else:
                    tell(f"{target}/{part}/{metric}", value)
    for target, intervals in report.get("intervals", {}).items():
        for part, entry in (intervals or {}).items():
            for name, value in entry.items() if isinstance(entry, Mapping) else ():
                tell(f"{target}/{part}/interval {name}", value)
    for target, rules in report.get("baselines", {}).items():
        for rule, entry in (rules or {}).items():
            for metric, value in (entry.get("vault") or {}).items():
                tell(f"{target}/baseline {rule}/{metric}", value.get("value") if isinstance(value, Mapping) else value)
    for target, values in report.get("seeds", {}).items():
        points = tuple(Point(time, float(v), k) for k, v in enumerate(values) if v is not None and math.isfinite(v))
        if points:
            found[f"{target}/seeds/{report['verdict'][target]['metric']}"] = points
    for name, value in report.get("n_rows", {}).items():
        tell(f"rows/{name}", value)
    for step, seconds in report.get("timing", {}).items():
        tell(f"seconds/{step}", seconds)
    return found


def children_of(
    parent: TrackedRun, candidates: Mapping[str, list[Json]], ranked: Mapping[str, list[Json]]
) -> Iterator[TrackedRun]:
    """A run per candidate that was fitted, nested in that of the whole; scores of folds are steps.

    Parameters
    ----------
    candidates : events of candidates-<target>.jsonl by target. ranked : `candidates` of report.json, which have
        the rank.
    """
    for target, events in candidates.items():
        ranks = {int(entry["number"]): int(entry["rank"]) for entry in ranked.get(target, [])}
        metric = next((str(event["metric"]) for event in events if event["event"] == "chosen"), "score")
        for event in events:
            if event["event"] != "candidate" or event["score"] is None:
                continue
            end = _milliseconds(event["time"])
            members = event["recipe"]["members"]
            name = " + ".join(str(member["family"]) for member in members)
            params = {"target": target, **dict(_flat({"model": members[0] if len(members) == 1 else members}))}
            scores = tuple(Point(end, float(v), k) for k, v in enumerate(event["fold_scores"]) if v is not None)
            metrics = {f"{metric} of fold": scores, metric: (Point(end, float(event["score"])),)}
            if event["predict_ms"] is not None:
                metrics["predict_ms"] = (Point(end, float(event["predict_ms"])),)
            tags = {
                "mlflow.runName": f"{target} {event['number']} {name}", "mlflow.parentRunId": parent.id,
                "mlflow.source.name": "matloop", "mlflow.source.type": "LOCAL", "mlflow.user": _user(),
                "matloop.status": str(event["status"]), "matloop.rank": str(ranks.get(int(event["number"]), 0)),
            }  # fmt: skip
            begin = end - round(1000 * float(event["seconds"]))
            child = _id(parent.id, target, str(event["number"]))
            yield TrackedRun(child, tags["mlflow.runName"], begin, end, params, metrics, tags)


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as dotted names; lists as JSON."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _flat(part, f"{name}.{key}" if name else str(key))
    else:
        yield name, value if isinstance(value, str) else json.dumps(to_jsonable(value), ensure_ascii=False)


# ---- what is read ----


def _folders(runs: Sequence[Path | str]) -> list[Path]:
    found: dict[Path, None] = {}
    for entry in runs:
        path = Path(entry)
        below = sorted(state.parent for state in path.glob("**/run.json"))
        own = [folder for folder in (path, path.parent) if (folder / "run.json").is_file()][:1]
        finished = [folder for folder in own or below if (folder / "report.json").is_file()]
        if not finished:
            raise RunError(f"{path} holds no finished run. Give the folder that `matloop run` printed.")
        found |= dict.fromkeys(finished)
    return list(found)


def _read(folder: Path) -> _Source:
    import tomllib

    try:
        report = json.loads((folder / "report.json").read_text("utf-8"))
        problem = tomllib.loads((folder / "problem.toml").read_text("utf-8"))
        events = [json.loads(line) for line in (folder / "log.jsonl").read_text("utf-8").splitlines() if line.strip()]
        times = [_milliseconds(event["time"]) for event in events]
        candidates = {}
        for target in report["verdict"]:
            path = folder / f"candidates-{re.sub(r'[^0-9A-Za-z_.-]+', '-', target)}.jsonl"
            if path.is_file():
                candidates[target] = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
        return _Source(folder, report, problem, min(times), max(times), candidates)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{folder}: the files of the run are incomplete or damaged ({error}). Write the report again: "
                       f"matloop report {folder}") from error  # fmt: skip


def _identity(folder: Path) -> str:
    return identity(folder / "bundle") if (folder / "bundle" / "manifest.json").is_file() else ""


def _milliseconds(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # nobody, as in a container
        return "matloop"


# ---- what is written ----


def _experiment(out: Path, name: str, time: int) -> Path:
    """The folder of an experiment: the one that has that name already, or a new one."""
    if not name.strip() or len(name) > LONGEST:
        raise ConfigError(f"an experiment is called by 1 to {LONGEST} characters, not {name[:40]!r}.")
    for meta in sorted(out.glob("*/meta.yaml")):
        if _meta_name(meta) == name:
            return meta.parent
    number = str(int(_id("experiment", name)[:15], 16) % 10**18).zfill(18)
    place = out / number
    _yaml(place / "meta.yaml", {
        "artifact_location": place.absolute().as_uri(), "creation_time": time, "experiment_id": number,
        "last_update_time": time, "lifecycle_stage": "active", "name": name,
    })  # fmt: skip
    return place


def _meta_name(path: Path) -> str:
    """The name in a file of MLflow: plain, or in quotation marks."""
    found = re.search(r"^name: *(.*)$", path.read_text("utf-8"), re.M)
    text = found[1].strip() if found else ""
    if text[:1] == '"':
        try:
            return str(json.loads(text))
        except ValueError:
            return ""
    return text[1:-1].replace("''", "'") if text[:1] == "'" else text


def _write_run(experiment: Path, run: TrackedRun, source: _Source | None) -> None:
    """Write a run beside its place, then move it there: half a run is never seen."""
    experiment.mkdir(parents=True, exist_ok=True)
    place = experiment / run.id
    with tempfile.TemporaryDirectory(dir=experiment.parent, prefix=".run-") as beside:
        fresh = Path(beside) / run.id
        for part in ("artifacts", "metrics", "params", "tags"):
            (fresh / part).mkdir(parents=True)
        _yaml(fresh / "meta.yaml", {
            "artifact_uri": (place.absolute() / "artifacts").as_uri(), "end_time": run.end, "entry_point_name": "",
            "experiment_id": experiment.name, "lifecycle_stage": "active", "run_id": run.id, "run_name": run.name,
            "run_uuid": run.id, "source_name": "", "source_type": _LOCAL, "source_version": "", "start_time": run.begin,
            "status": _FINISHED, "tags": [], "user_id": run.tags["mlflow.user"],
        })  # fmt: skip
        for part, values in (("params", run.params), ("tags", run.tags)):
            for name, text in _named(values).items():
                long = part == "params" or not name.startswith("mlflow.note")
                write_text(fresh / part / name, text if len(text) <= LONGEST or not long else text[: LONGEST - 1] + "…")
        for name, points in _named(run.metrics).items():
            write_text(fresh / "metrics" / name, "".join(f"{p.time} {p.value!r} {p.step}\n" for p in points))
        if source is not None:
            _write_artifacts(fresh / "artifacts", source.folder)
            _write_dataset(experiment, fresh, run.id, source)
        if place.exists():
            shutil.rmtree(place)
        fresh.rename(place)


def _write_artifacts(place: Path, folder: Path) -> None:
    for name in ARTIFACTS:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, place / name)
    for path in sorted(folder.glob("candidates-*.jsonl")):
        shutil.copyfile(path, place / path.name)
    if (folder / "bundle").is_dir():
        shutil.copytree(folder / "bundle", place / "bundle")


def _write_dataset(experiment: Path, run: Path, run_id: str, source: _Source) -> None:
    """Which data the run has learnt from: where they came from, their digest, columns and counts."""
    data, problem = source.report["data"], source.problem
    name, digest = str(data["source"])[:LONGEST], str(data["sha256"])[:36]
    columns = [{"type": _type(entry["kind"]), "name": key} for key, entry in problem["inputs"].items()]
    columns += [{"type": "double", "name": key} for key in problem["targets"]]
    dataset = _md5(name, digest)
    _yaml(experiment / "datasets" / dataset / "meta.yaml", {
        "digest": digest, "name": name, "profile": json.dumps({"num_rows": data["n_rows"], **source.report["n_rows"]}),
        "schema": json.dumps({"mlflow_colspec": columns}),
        "source": json.dumps({"uri": str(data["source"]), "doi": data.get("doi", ""), "sha256": data["sha256"]}),
        "source_type": "local",
    })  # fmt: skip
    _yaml(run / "inputs" / _md5(dataset, run_id) / "meta.yaml", {
        "destination_id": run_id, "destination_type": "RUN", "source_id": dataset, "source_type": "DATASET",
        "tags": {"mlflow.data.context": "training"},
    })  # fmt: skip


def _type(kind: str) -> str:
    return "double" if kind == "number" else "string"


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by names that MLflow takes, and that lead to no other folder: a file with a name of its own each."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        parts = [re.sub(r"[^\w.\- ]", "_", part).strip(". ") or "_" for part in name.split("/")]
        plain = "/".join(part[:80] for part in parts[:4])
        while plain in found:
            plain += "_"
        found[plain] = value
    return found


def _yaml(path: Path, values: Mapping[str, Any]) -> None:
    """A flat YAML file; what is not a number stands in JSON, which YAML reads."""
    write_text(path, "".join(f"{name}: {_scalar(value)}\n" for name, value in values.items()))


def _scalar(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return re.sub(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]", lambda c: f"\\u{ord(c[0]):04x}", text)


def _id(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _md5(first: str, second: str) -> str:
    """How MLflow calls datasets and their uses."""
    return hashlib.md5((first + second).encode(), usedforsecurity=False).hexdigest()

"""A bundle made small: a folder (or one file) that predicts with numpy alone, checked and measured before it is kept.

DIR/  runner.py  __main__.py  edge_<identity>/ (the code that predicting needs)  bundle/  export.json  README.md
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Literal

from matloop.core.arrayfile import read_arrays
from matloop.core.errors import ConfigError, RunError
from matloop.core.files import said, write_bytes, write_text
from matloop.core.jsonable import dumps
from matloop.core.progress import SILENT, Progress
from matloop.core.release import release
from matloop.deploy.bundle import Bundle, FileEntry, identity, load_bundle
from matloop.deploy.edge.closure import closure_of
from matloop.deploy.edge.graph.build import NotInGraph
from matloop.deploy.edge.graph.model import onnx_model
from matloop.deploy.edge.limits import Broken, Limits, broken, limits_of
from matloop.deploy.edge.measure import Measured, columns_for, measure
from matloop.deploy.edge.package import LIBRARIES, package_files, tables_of
from matloop.deploy.edge.refuse import refuse
from matloop.deploy.reference import FILE as REFERENCE

Kind = Literal["numpy", "onnx"]
KINDS: tuple[Kind, ...] = ("numpy", "onnx")
APP = ".pyz"
"""Ending of an export that is one file."""
REPORT = "export.json"
_ROOMS = {"numpy": "matloop.deploy.edge.with_numpy", "onnx": "matloop.deploy.edge.with_onnx"}
_SEVERED = {
    "structure": ("matloop.data.crystals", "matloop.represent.engine", "matloop.matter.structures_read"),
    "molecule": (),
}
"""Rooms that only rows of a kind need."""
_MODELS = ("matloop.train.model", "matloop.models")
"""Rooms that a folder with ONNX models goes without."""


@dataclass(frozen=True, slots=True)
class Exported:
    """An exported bundle.

    out : the folder or file. identity : of the bundle it was made from. bytes : size on disk. measured : in a process
    that could import nothing else. broken : limits of the problem that do not hold.
    """

    out: Path
    to: Kind
    name: str
    identity: str
    bytes: int
    measured: Measured
    limits: Limits
    broken: tuple[Broken, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the values are those of the bundle and every limit of the problem holds."""
        return not self.broken and self.measured.same

    @property
    def exit_code(self) -> int:
        """0, or 5 where a limit is broken or values differ."""
        return 0 if self.ok else 5

    def lines(self) -> Iterator[str]:
        """What was made and measured, in words."""
        yield f"{self.name} ({self.identity}) for {self.to}: {self.out}, {self.bytes / 1e6:.1f} MB"
        yield from self.measured.lines()
        yield from (one.sentence for one in self.broken)
        if not self.broken and (kept := self.limits.sentence):
            yield kept

    def as_json(self) -> dict[str, Any]:
        """Everything as plain values; stands in export.json."""
        return {
            "matloop": release(), "to": self.to, "name": self.name, "identity": self.identity, "bytes": self.bytes,
            "ok": self.ok, "measured": self.measured, "limits": self.limits,
            "broken": [one.sentence for one in self.broken],
        }  # fmt: skip

    def _repr_html_(self) -> str:
        return "<br>".join(self.lines())


def export_bundle(
    bundle: Path | str,
    out: Path | str,
    *,
    to: Kind = "numpy",
    table: Path | str | None = None,
    progress: Progress = SILENT,
) -> Exported:
    """Write what predicts like a bundle with few libraries, and measure it.

    Parameters
    ----------
    out : a folder, or a file that ends in .pyz. An earlier export there is replaced; anything else is not.
    to : "numpy" needs numpy alone; "onnx" gives the estimator to onnxruntime.
    table : rows to compare and time with; by default the sample of training rows that the bundle keeps, or else rows
        drawn within the model's domain.

    Raises
    ------
    ConfigError : the bundle cannot be exported so; the message names each input, feature or model that is to blame and
        what it needs. `out` holds something else. BundleError, DataError : bundle or table cannot be read.
    MissingExtra : a library of the extra `edge` is missing. RunError : `out` cannot be written.
    """
    bundle, out = Path(bundle), Path(out)
    if to not in KINDS:
        raise ConfigError(f"there is no export to {to!r}. Known: {', '.join(KINDS)}.")
    _refuse_place(out)
    progress.step("load")
    loaded = load_bundle(bundle)
    refuse(loaded, bundle)
    progress.step("write")
    try:
        with tempfile.TemporaryDirectory(dir=_parent(out), prefix=f".{out.name}.") as temporary:
            place = Path(temporary) / "export"
            write_folder(bundle, loaded, place, to)
            progress.step("measure")
            columns = columns_for(bundle, loaded, table)
            measured = measure(place, loaded, columns, to)
            limits = limits_of(bundle)
            found = Exported(out, to, loaded.manifest.name, identity(bundle), 0, measured, limits)
            found = replace(found, broken=tuple(broken(limits, measured)))
            return _settle(place, out, found)
    except OSError as error:
        raise RunError(said(out, error)) from error


def write_folder(bundle: Path, loaded: Bundle, place: Path, to: Kind) -> None:
    """Write the folder; nothing is measured."""
    package = f"edge_{identity(bundle)[:8]}"
    licence = f"Part of matloop {release()} (BSD 3-Clause, Copyright (c) 2026 The matloop developers), cut by export."
    kinds = {entry.kind for entry in loaded.manifest.inputs}
    severed = {module for kind, modules in _SEVERED.items() if kind not in kinds for module in modules}
    roots = [(_ROOMS[to], "load"), ("matloop.deploy.edge.runtime", "main")]
    closure = closure_of(roots, wanted(bundle, loaded), severed | set(_MODELS if to == "onnx" else ()), LIBRARIES)
    for path, text in {**package_files(closure, package, licence), **tables_of(closure)}.items():
        write_text(place / package / path, text)
    _copy_bundle(bundle, loaded, place / "bundle", to)
    names = {"package": package, "licence": licence, "room": _ROOMS[to].rpartition(".")[2]}
    write_text(place / "runner.py", _RUNNER.format(**names))
    write_text(place / "__main__.py", _MAIN.format(**names))
    write_text(place / "README.md", _readme(loaded, to))
    if text := _licence():
        write_text(place / "LICENSE", text)


def wanted(bundle: Path, loaded: Bundle) -> set[str]:
    """The words of a bundle by which parts of matloop are looked up: featurizers, kinds of models, measures."""
    found = {name.partition("(")[0] for entry in loaded.manifest.representation.inputs for name in entry.featurizers}
    for model in loaded.manifest.models:
        for array in read_arrays(bundle / model.file).values():
            if array.dtype.kind == "U" and array.size <= 1000:
                found |= {str(text) for text in array.ravel().tolist()}
    return found


def _copy_bundle(bundle: Path, loaded: Bundle, place: Path, to: Kind) -> None:
    """The bundle without the sample of training rows, which predicting does not need; models as ONNX where asked."""
    files = {name: entry for name, entry in loaded.manifest.files.items() if name != REFERENCE}
    place.mkdir(parents=True)
    models = loaded.manifest.models
    if to == "onnx":
        for number, entry in enumerate(models):
            del files[entry.file]
            content = _as_onnx(loaded, number)
            write_bytes(place / f"model-{number}.onnx", content)
            files[f"model-{number}.onnx"] = FileEntry(len(content), hashlib.sha256(content).hexdigest())
        models = tuple(replace(entry, file=f"model-{number}.onnx") for number, entry in enumerate(models))
    for name in files:
        if not (place / name).exists():
            shutil.copyfile(bundle / name, place / name)
    write_text(place / "manifest.json", dumps(replace(loaded.manifest, files=files, models=models)) + "\n")


def _as_onnx(loaded: Bundle, number: int) -> bytes:
    model = loaded.models[number]
    try:
        return onnx_model(model)
    except NotInGraph as error:
        raise ConfigError(
            f"the model of {model.target!r} cannot be written as ONNX: it holds {error}. Export it with --to numpy, or "
            "train a model without that part."
        ) from error


def _settle(place: Path, out: Path, found: Exported) -> Exported:
    """Move the finished export into place, with its report in it."""

    def written(size: Callable[[], int]) -> Exported:
        # the report says how large the export is, itself included; its own length settles at the second writing
        report = replace(found, bytes=0)
        for _ in range(2):
            write_text(place / REPORT, dumps(report.as_json()) + "\n")
            report = replace(found, bytes=size())
        write_text(place / REPORT, dumps(report.as_json()) + "\n")
        return report

    if out.suffix == APP:
        packed = place.parent / "packed"

        def size() -> int:
            _pack(place, packed)
            return packed.stat().st_size

        report = written(size)
        _pack(place, packed)
        os.replace(packed, out)
        return report
    report = written(lambda: sum(path.stat().st_size for path in place.rglob("*") if path.is_file()))
    if out.exists():
        shutil.rmtree(out)
    os.replace(place, out)
    return report


def _pack(place: Path, packed: Path) -> None:
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(place.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(path.relative_to(place).as_posix(), (1980, 1, 1, 0, 0, 0))
                # the report says how large the file is, so its own size must not depend on its digits
                entry.compress_type = zipfile.ZIP_STORED if path.name == REPORT else zipfile.ZIP_DEFLATED
                archive.writestr(entry, path.read_bytes())


def _refuse_place(out: Path) -> None:
    if out.suffix == APP:
        if out.is_dir():
            raise ConfigError(f"{out} is a folder. Choose another name for the file.")
    elif out.is_file():
        raise ConfigError(f"{out} is a file. Choose a folder, or a file that ends in {APP}.")
    elif out.is_dir() and any(out.iterdir()) and not (out / REPORT).is_file():
        raise ConfigError(f"{out} holds something that is no export. Choose an empty or a new folder.")


def _parent(out: Path) -> Path:
    out.absolute().parent.mkdir(parents=True, exist_ok=True)
    return out.absolute().parent


def _licence() -> str:
    try:
        return distribution("matloop").read_text("licenses/LICENSE") or ""
    except PackageNotFoundError:
        return ""


def _readme(loaded: Bundle, to: Kind) -> str:
    names: Mapping[str, Any] = {model.target: model for model in loaded.models}
    columns = ", ".join(f"`{one}`" for entry in loaded.manifest.inputs for one in (entry.column or entry.name,))
    more = (
        "The models are bundle/model-*.onnx. Any runtime for ONNX (opset 21, ai.onnx.ml 5) can ask them: input X, a "
        "row per material, double precision, the features whose names stand in the metadata. "
        "`load().features(rows)` gives them.\n\n"
    )
    return (
        f"# {loaded.manifest.name}\n\n{loaded.manifest.question}\n\n"
        f"Predicts {', '.join(names)} from {columns}. Needs Python 3.11 or later, numpy"
        f"{' and onnxruntime' if to == 'onnx' else ' and nothing else'}.\n\n{more if to == 'onnx' else ''}"
        "    python DIR predict TABLE.csv -o OUT.csv      (DIR: this folder, or the .pyz file)\n"
        "    python DIR info\n\n"
        "    from runner import load                      # with this folder on the path\n"
        "    load().predict([...]).rows()\n\n"
        "What was measured stands in export.json, what is known about the model in bundle/README.md.\n"
    )


_RUNNER = '''# {licence}
"""Predict: `load().predict(rows)`."""

import os
from pathlib import Path

for name in ("OPENBLAS", "OMP", "MKL"):  # small products are slower where threads wait for a core
    os.environ.setdefault(f"{{name}}_NUM_THREADS", "1")

from {package}.deploy.edge.runtime import Answered, Runner  # noqa: E402
from {package}.deploy.edge.{room} import load as _load  # noqa: E402

__all__ = ["Answered", "Runner", "load"]


def load(folder: Path | str = "") -> Runner:
    """The model of this folder, loaded and checked."""
    return _load(folder or Path(__file__).resolve().parent)
'''
_MAIN = '''# {licence}
"""The command line: python FOLDER predict TABLE.csv -o OUT.csv"""

import os
import sys
from pathlib import Path

for name in ("OPENBLAS", "OMP", "MKL"):  # small products are slower where threads wait for a core
    os.environ.setdefault(f"{{name}}_NUM_THREADS", "1")

from {package}.deploy.edge.runtime import main  # noqa: E402
from {package}.deploy.edge.{room} import load  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent, sys.argv[1:], load))
'''

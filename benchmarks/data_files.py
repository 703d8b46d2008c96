"""Time and memory of reading structures from files: JSON lines, symmetrised CIF, folders and archives.

    python benchmarks/data_files.py [--rows 1500] [--folder 100000] [--out benchmarks/results/data_files.json]

Structures are made here (rock salt, perovskite and spinel with random cells; 2 to 56 sites). `--rows` are read and the
time is scaled to 45,000, which holds as every row is read by itself; the result says on how many rows it rests.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

TARGET = 45_000
MARKS = {"JSON lines": 180.0, "symmetrised CIF": 600.0}
_METALS = ("Li", "Na", "K", "Mg", "Ca", "Sr", "Ba", "Ti", "Zr", "Mn", "Fe", "Co", "Ni", "Zn")


def crystals(rows: int, seed: int) -> list:
    """Crystals of pymatgen with 2 to 56 sites."""
    from pymatgen.core import Lattice, Structure

    draw = random.Random(seed)
    found = []
    for k in range(rows):
        a, b = draw.sample(_METALS, 2)
        size = draw.uniform(3.8, 5.2)
        if k % 3 == 0:
            one = Structure.from_spacegroup(225, Lattice.cubic(size), [a, "O"], [[0, 0, 0], [0.5] * 3])
        elif k % 3 == 1:
            one = Structure.from_spacegroup(
                221, Lattice.cubic(size), [a, b, "O"], [[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0]]
            )
        else:
            places = [[1 / 8] * 3, [1 / 2] * 3, [draw.uniform(0.255, 0.27)] * 3]
            one = Structure.from_spacegroup(227, Lattice.cubic(2 * size), [a, b, "O"], places)
        found.append(one)
    return found


def read(path: Path) -> tuple[float, int, int]:
    """Seconds from the file to a batch, rows, and rows that cannot be read."""
    from matloop.data.collect import collect
    from matloop.data.inputs import read_inputs
    from matloop.problem.question import Input, Source

    begin = time.perf_counter()
    raw = collect(Source(str(path)))
    _, unreadable = read_inputs(raw, (Input("structure", "structure", "structure"),))
    return time.perf_counter() - begin, len(raw), len(unreadable)


def peak() -> int:
    """The most memory of this process so far in KiB (Linux: what getrusage says may be that of the parent)."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])


def streamed(path: str) -> None:
    """Go through a table in chunks and print seconds and the most memory (run in a process of its own).

    index_mb : what opening takes, the names and the values of `id_prop.csv`. grown_mb : what reading adds to it.
    """
    from matloop.data.stream import stream
    from matloop.problem.question import Source

    begin, processor, rows, idle = time.perf_counter(), time.process_time(), 0, peak()
    table = stream(Source(path))
    start = peak()
    for chunk in table.chunks(table.names, 500):
        rows += len(chunk["structure"])
    found = {"rows": rows, "seconds": round(time.perf_counter() - begin, 2),
             "processor_s": round(time.process_time() - processor, 2),
             "index_mb": round((start - idle) / 1024, 1), "grown_mb": round((peak() - start) / 1024, 1)}  # fmt: skip
    print(json.dumps(found))


def many_files(folder: Path, rows: int, text: str, *, values: bool = True) -> Path:
    """A folder of `rows` structure files, no two alike, with or without the table of their values."""
    folder.mkdir()
    for k in range(rows):
        file = os.open(f"{folder}/s{k}.cif", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.write(file, f"# {k}\n{text}".encode())
        os.close(file)
    if values:
        (folder / "id_prop.csv").write_text("".join(f"s{k},{k}\n" for k in range(rows)))
    return folder


def gone_through(path: Path) -> dict:
    """What `streamed` prints, of a process of its own."""
    command = [sys.executable, __file__, "--stream", str(path)]
    found: dict = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


def folders(place: Path, rows: int, text: str) -> dict:
    """A folder of many files, with values and without; the files are deleted at once afterwards."""
    found = {}
    for name, values in (("with id_prop.csv", True), ("without", False)):
        with tempfile.TemporaryDirectory(dir=place) as own:
            found[name] = gone_through(many_files(Path(own) / "many", rows, text, values=values))
    return found


def flat(folder: Path, rows: int, text: str) -> dict:
    """Memory of going through archives, a folder, a trajectory and a JSON list of `rows` structures."""
    with zipfile.ZipFile(folder / "many.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("id_prop.csv", "".join(f"s{k},{k}\n" for k in range(rows)))
        for k in range(rows):
            archive.writestr(f"s{k}.cif", text)
    many_files(folder / "many", rows, text)
    frame = '2\nenergy=-1.5 pbc="F F F"\nC 0 0 0\nO 0 0 1.13\n'
    with (folder / "many.extxyz").open("w") as out:
        out.writelines(frame for _ in range(rows))
    with (folder / "many.json").open("w") as out:
        out.write("[" + ",".join(json.dumps({"id": k, "structure": text}) for k in range(rows)) + "]")
    return {name: gone_through(folder / name) for name in ("many", "many.zip", "many.extxyz", "many.json")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1500)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--folder", type=int, default=100_000, help="files of the largest folder, 0 to leave it out")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--stream")
    asked = parser.parse_args()
    if asked.stream:
        streamed(asked.stream)
        return
    from pymatgen.io.cif import CifWriter

    made = crystals(asked.rows, seed=0)
    result: dict = {"machine": platform.processor() or platform.machine(), "rows": asked.rows, "scaled_to": TARGET}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        lines, cifs = folder / "t.jsonl", folder / "t.zip"
        lines.write_text("".join(json.dumps({"structure": one.as_dict(), "y": k}) + "\n" for k, one in enumerate(made)))
        texts = [str(CifWriter(one, symprec=0.01)) for one in made]
        with zipfile.ZipFile(cifs, "w", zipfile.ZIP_DEFLATED) as archive:
            for k, text in enumerate(texts):
                archive.writestr(f"s{k}.cif", text)
        for name, path in (("JSON lines", lines), ("symmetrised CIF", cifs)):
            seconds, rows, unreadable = read(path)
            scaled = seconds / rows * TARGET
            result[name] = {"seconds": round(seconds, 2), "unreadable": unreadable, "scaled": round(scaled, 1),
                            "mark": MARKS[name], "kept": scaled <= MARKS[name]}  # fmt: skip
            print(f"{name}: {rows:,} rows in {seconds:.1f} s; {TARGET:,} would take {scaled:.0f} s "
                  f"(scaled, mark {MARKS[name]:.0f} s); {unreadable} unreadable")  # fmt: skip
        result["streamed"] = {str(n): flat(Path(tempfile.mkdtemp(dir=place)), n, texts[1])
                              for n in (asked.files // 10, asked.files)}  # fmt: skip
        if asked.folder:
            result["folders"] = {str(n): folders(folder, n, texts[1]) for n in (asked.folder // 10, asked.folder)}
        for n, found in (*result["streamed"].items(), *result.get("folders", {}).items()):
            for name, one in found.items():
                print(
                    f"{name}: {int(n):,} rows streamed in {one['seconds']:.1f} s ({one['processor_s']:.1f} s of the "
                    f"processor), memory grown by {one['grown_mb']} MB beside {one['index_mb']} MB of the index"
                )
    if asked.out:
        asked.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

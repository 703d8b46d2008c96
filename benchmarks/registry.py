"""What the registry costs: seconds to add, fetch, promote and trace back a bundle, on SQLite and PostgreSQL.

    python benchmarks/registry.py runs/thermopower/1f3a [--times 20]

Beside each: copying the same files, and one synced write of a row (the least that a decision which must not be lost can
cost on this disk).
"""

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from matloop.data.store.connect import connect
from matloop.deploy.bundle import read_manifest
from matloop.deploy.registry.lineage import lineage
from matloop.deploy.registry.registry import Registry
from matloop.testing.postgres import server


def timed(work, times):
    """Median and longest of `times` calls, ms."""
    found = []
    for number in range(times):
        start = time.perf_counter()
        work(number)
        found.append(1000 * (time.perf_counter() - start))
    return f"{statistics.median(found):8.1f} ({max(found):.1f})"


def copies(run, folder, times):
    """Runs whose bundles differ in their manifests."""
    for number in range(times):
        copy = folder / str(number) / run.name
        shutil.copytree(run / "bundle", copy / "bundle")
        for name in ("run.json", "provenance.json", "split.json", "data.parquet", "removed.csv", "report.json"):
            shutil.copy(run / name, copy / name)
        path = copy / "bundle" / "manifest.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "seeds": [number]}))
        yield copy


def measured(place, runs, row, folder, times):
    """{what: ms}."""
    with Registry.open(place, create=True) as registry:
        found = {"add": timed(lambda k: registry.add(runs[k], "m"), times)}
        versions = registry.versions("m")
        found["fetch, anew"] = timed(lambda k: registry.fetch(versions[k], folder / "cache"), times)
        found["fetch, there already"] = timed(lambda k: registry.fetch(versions[k], folder / "cache"), times)
        found["get m@champion"] = ""
        found["promote"] = timed(lambda k: registry.promote("m", 1 + k, why="x"), times)
        found["get m@champion"] = timed(lambda k: registry.get("m"), times)
        found["rollback"] = timed(lambda k: registry.rollback("m", why="x"), times - 1)
        found["lineage of a row"] = timed(lambda k: lineage(registry, "m@1", row), 2)
        found["check everything"] = timed(lambda k: list(registry.verify()), 1)
    return found


def least(place, times):
    """A row in a table of its own, committed."""
    database = connect(place)
    with database.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE bench (x INTEGER)")

    def work(number):
        with database.writing() as connection:
            connection.exec_driver_sql(f"INSERT INTO bench VALUES ({number})")

    found = timed(work, times)
    database.engine.dispose()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--row", default='{"formula": "Bi2Te3"}')
    parser.add_argument("--times", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, server() as running:
        folder = Path(name)
        runs = list(copies(given.run, folder / "runs", given.times))
        size = sum(path.stat().st_size for path in runs[0].rglob("*") if path.is_file())
        title = read_manifest(runs[0] / "bundle").name
        print(f"{title}: {size / 1e6:.1f} MB, {os.cpu_count()} cores; ms, median (longest)")
        copied = timed(lambda k: shutil.copytree(runs[k], folder / "copied" / str(k)), given.times)
        row = json.loads(given.row)
        places = {"SQLite": str(folder / "store.db"), "PostgreSQL": running.url}
        found = {}
        for kind, place in places.items():
            found[kind] = measured(place, runs, row, folder / kind, given.times)
            found[kind]["least: a row, committed"] = least(place, given.times)
        print(f"{'copying the files':26}{copied}")
        for what in found["SQLite"]:
            print(f"{what:26}" + "   ".join(f"{kind} {found[kind][what]}" for kind in found))


if __name__ == "__main__":
    main()

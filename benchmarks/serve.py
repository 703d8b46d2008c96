"""The service measured from a second process on loopback, beside a bare FastAPI echo in the same run.

    python benchmarks/serve.py BUNDLE [--sections start,latency,rate,batches,overload,memory] [--seconds 10]
                               [--workers 1] [--requests 200000] [--log] [--save]

The echo takes the same JSON and gives it back through pydantic: uvicorn, uvloop and httptools as the service has them,
one worker. The load comes from one process with a socket per connection; every loop is bounded. Rates and latencies
are of the clock, so run it when the machine does nothing else; beside the service's numbers stand those of the echo,
measured in turn with it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

RESULTS = Path(__file__).parent / "results" / "serve.json"
SECTIONS = ("start", "latency", "rate", "batches", "overload", "memory")
MARKS = {
    "p50_ms": 5.0, "p99_ms": 15.0, "of_the_echo": 0.2, "formulas_per_s": 20_000, "ready_s": 3.0, "resident_mb": 600,
}  # fmt: skip
SYMBOLS = (
    "Li Be B C N O F Na Mg Al Si P S Cl K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Rb Sr Y Zr Nb Mo Ag Cd In Sn "
    "Sb Te I Cs Ba La Ce Hf Ta W Au Pb Bi"
)
ECHO = """
import sys
import fastapi, uvicorn
from pydantic import BaseModel

class Row(BaseModel):
    inputs: dict[str, str]

app = fastapi.FastAPI()

@app.post("/echo")
async def echo(row: Row) -> Row:
    return row

uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="error")
"""


def formulas(n: int, seed: int) -> list[str]:
    """Different random compositions of 2 to 4 elements."""
    r = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < n:
        chosen = r.sample(SYMBOLS.split(), r.choice((2, 3, 3, 4)))
        found["".join(f"{symbol}{r.randint(1, 9)}" for symbol in chosen)] = None
    return list(found)


@dataclass
class Seen:
    """What one load saw. ms : latency of each request that was answered with 200."""

    seconds: float = 0.0
    sent: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    ms: list[float] = field(default_factory=list)
    without: int = 0
    no_retry_after: int = 0

    def told(self) -> dict[str, Any]:
        ms = sorted(self.ms) or [float("nan")]
        at = {name: ms[min(len(ms) - 1, int(share * len(ms)))] for name, share in
              (("p50_ms", 0.5), ("p90_ms", 0.9), ("p99_ms", 0.99), ("p999_ms", 0.999))}  # fmt: skip
        return {
            "per_s": sum(self.codes.values()) / self.seconds, "answered": dict(self.codes), "sent": self.sent,
            "without_answer": self.without, "refused_without_retry_after": self.no_retry_after, **at, "max_ms": ms[-1],
        }  # fmt: skip


def request(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


class Line:
    """One connection; opened anew where the server closed it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reader: asyncio.StreamReader | None = None

    async def ask(self, content: bytes, seen: Seen, since: float | None = None) -> None:
        """Send and wait for the answer; latency from `since`, the moment it was due."""
        seen.sent += 1
        started = time.perf_counter() if since is None else since
        try:
            if self.reader is None:
                self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**24)
            self.writer.write(content)
            head = await self.reader.readuntil(b"\r\n\r\n")
            size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await self.reader.readexactly(size)
        except (OSError, EOFError, asyncio.IncompleteReadError):
            seen.without += 1
            self.reader = None
            return
        code = head[9:12].decode()
        seen.codes[code] += 1
        if code == "200":
            seen.ms.append(1000 * (time.perf_counter() - started))
        elif b"retry-after" not in head.lower():
            seen.no_retry_after += 1
        if b"connection: close" in head.lower():
            self.reader = None

    def close(self) -> None:
        if self.reader is not None:
            self.writer.close()


async def closed_loop(port: int, contents: list[bytes], connections: int, seconds: float, most: int) -> Seen:
    """As many requests as are answered: each connection asks again when it has its answer."""
    seen, lines = Seen(), [Line(port) for _ in range(connections)]
    started = time.perf_counter()
    end, count = started + seconds, 0

    async def ask(line: Line) -> None:
        nonlocal count
        while time.perf_counter() < end and count < most:
            count += 1
            await line.ask(contents[count % len(contents)], seen)

    await asyncio.gather(*map(ask, lines))
    seen.seconds = time.perf_counter() - started
    for line in lines:
        line.close()
    return seen


async def open_loop(port: int, contents: list[bytes], rate: float, seconds: float, connections: int) -> Seen:
    """Requests at a fixed rate, whether answered or not; one that has to wait for a connection counts from when it was
    due."""
    seen, free = Seen(), asyncio.Queue[Line]()
    lines = [Line(port) for _ in range(connections)]
    for line in lines:
        free.put_nowait(line)
    running: set[asyncio.Task[None]] = set()

    async def one(content: bytes, due: float) -> None:
        line = await free.get()
        await line.ask(content, seen, due)
        free.put_nowait(line)

    started = time.perf_counter()
    for number in range(int(rate * seconds)):
        due = started + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(one(contents[number % len(contents)], due))
        running.add(task)
        task.add_done_callback(running.discard)
        if number % 200 == 0:
            await asyncio.sleep(0)
    await asyncio.gather(*running)
    seen.seconds = time.perf_counter() - started
    for line in lines:
        line.close()
    return seen


def loaded(work: Any) -> Seen:
    """Run a load in its own loop."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


@dataclass
class Server:
    """A running `matloop serve`. ready_s : from the start of the process to the first answer."""

    process: subprocess.Popen[str]
    url: str
    name: str
    column: str
    ready_s: float

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def pids(self) -> list[int]:
        found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True)
        return [self.process.pid, *map(int, found.stdout.split())]

    def resident_mb(self) -> float:
        """Of all its processes together."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{pid}/status").read_text()
                total += int(text.split("VmRSS:")[1].split()[0])
        return total / 1024

    def singles(self, n: int = 2000) -> list[bytes]:
        return [
            request(f"/v1/models/{self.name}/predict", json.dumps({"inputs": {self.column: one}}).encode())
            for one in formulas(n, 1)
        ]

    def batches(self, rows: int, n: int = 20) -> list[bytes]:
        found = formulas(rows * n, 2)
        return [
            request(
                f"/v1/models/{self.name}/predict/batch",
                json.dumps({"columns": {self.column: found[k * rows : (k + 1) * rows]}}).encode(),
            )
            for k in range(n)
        ]


@contextlib.contextmanager
def served(bundle: str, *options: str) -> Iterator[Server]:
    started = time.perf_counter()
    command = [sys.executable, "-m", "matloop", "serve", bundle, "--port", "0", "--json", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        text = ""
        assert process.stdout is not None
        for line in process.stdout:
            text += line
            if line.startswith("}"):
                break
        told = json.loads(text)
        server = Server(process, told["url"], told["models"][0]["name"], told["models"][0]["columns"][0], 0.0)
        seen = loaded(closed_loop(server.port, server.singles(1), 1, 5.0, 1))
        assert seen.codes["200"] == 1, seen
        server.ready_s = time.perf_counter() - started
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@contextlib.contextmanager
def echo() -> Iterator[int]:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    process = subprocess.Popen([sys.executable, "-c", ECHO, str(port)])
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def start(bundle: str, options: Any) -> dict[str, Any]:
    """Start to the first answer, five times; memory of all processes then."""
    found = []
    for _ in range(5):
        with served(bundle, "--workers", str(options.workers)) as server:
            found.append((server.ready_s, server.resident_mb()))
    return {"ready_s": sorted(one[0] for one in found)[2], "slowest_s": max(one[0] for one in found),
            "resident_mb": found[-1][1]}  # fmt: skip


def latency(server: Server, port: int, options: Any) -> dict[str, Any]:
    """Single formulas at 100 a second, as an open loop."""
    ours = loaded(open_loop(server.port, server.singles(), 100, options.seconds, 32)).told()
    bare = loaded(open_loop(port, echoed(), 100, options.seconds, 32)).told()
    return {"ours": ours, "echo": bare}


def rate(server: Server, port: int, options: Any) -> dict[str, Any]:
    """As many single formulas as are answered, by the number of connections, in turn with the echo."""
    found = {}
    for connections in (1, 8, 32, 64, 128):
        pairs = []
        for _ in range(3):
            ours = loaded(closed_loop(server.port, server.singles(), connections, options.seconds / 3, 10**9)).told()
            bare = loaded(closed_loop(port, echoed(), connections, options.seconds / 3, 10**9)).told()
            pairs.append((ours["per_s"] / bare["per_s"], ours, bare))
        pairs.sort(key=lambda pair: pair[0])
        ratio, ours, bare = pairs[1]
        found[str(connections)] = {"of_the_echo": ratio, "ours": ours, "echo": bare}
    return found


def batches(server: Server, port: int, options: Any) -> dict[str, Any]:
    """Formulas per second in batches."""
    del port
    found = {}
    for rows in (10, 100, 1000, 10_000):
        contents = server.batches(rows, 4 if rows > 1000 else 20)
        for connections in (1, 2, 4):
            seen = loaded(closed_loop(server.port, contents, connections, options.seconds / 3, 10**9)).told()
            found[f"{rows} rows, {connections} connections"] = {"formulas_per_s": rows * seen["per_s"], **seen}
    return found


def overload(server: Server, port: int, options: Any) -> dict[str, Any]:
    """Five times what can be answered, as an open loop over many connections."""
    del port
    most = loaded(closed_loop(server.port, server.singles(), 64, options.seconds / 3, 10**9)).told()["per_s"]
    before = server.resident_mb()
    seen = loaded(open_loop(server.port, server.singles(), 5 * most, options.seconds / 2, 2000)).told()
    after = loaded(closed_loop(server.port, server.singles(), 64, options.seconds / 3, 10**9)).told()
    return {"can_per_s": most, "offered_per_s": 5 * most, "seen": seen, "resident_mb_before": before,
            "resident_mb_after": server.resident_mb(), "afterwards": after}  # fmt: skip


def memory(server: Server, port: int, options: Any) -> dict[str, Any]:
    """Memory of all processes over many requests, ten looks."""
    del port
    contents = server.singles(20_000)
    found = [(0, server.resident_mb())]
    for part in range(10):
        seen = loaded(closed_loop(server.port, contents, 64, 600.0, options.requests // 10))
        assert seen.without == 0, seen
        found.append(((part + 1) * (options.requests // 10), server.resident_mb()))
    return {"resident_mb": found, "grown_mb_after_the_first_tenth": found[-1][1] - found[1][1]}


def echoed() -> list[bytes]:
    return [request("/echo", json.dumps({"inputs": {"formula": one}}).encode()) for one in formulas(2000, 1)]


def judged(found: dict[str, Any]) -> dict[str, tuple[float, float, bool]]:
    """{mark: (found, asked, whether it is met)}"""
    told: dict[str, tuple[float, float, bool]] = {}
    if "latency" in found:
        for name in ("p50_ms", "p99_ms"):
            value = found["latency"]["ours"][name]
            told[name] = (value, MARKS[name], value < MARKS[name])
    if "rate" in found:
        value = found["rate"]["32"]["of_the_echo"]
        told["of_the_echo at 32 connections"] = (value, MARKS["of_the_echo"], value >= MARKS["of_the_echo"])
    if "batches" in found:
        value = max(one["formulas_per_s"] for name, one in found["batches"].items() if name.startswith("1000 "))
        told["formulas_per_s"] = (value, MARKS["formulas_per_s"], value >= MARKS["formulas_per_s"])
    if "start" in found:
        for name in ("ready_s", "resident_mb"):
            told[name] = (found["start"][name], MARKS[name], found["start"][name] < MARKS[name])
    if "overload" in found:
        lost = found["overload"]["seen"]["without_answer"]
        told["overload: requests without an answer"] = (lost, 0, lost == 0)
    if "memory" in found:
        grown = found["memory"]["grown_mb_after_the_first_tenth"]
        told["memory grown over the requests, MB"] = (grown, 20.0, grown < 20.0)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", help="bundle folder of a model of one composition")
    parser.add_argument("--sections", default=",".join(SECTIONS))
    parser.add_argument("--seconds", type=float, default=10.0, help="of each load")
    parser.add_argument("--requests", type=int, default=200_000, help="of the section memory")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--log", action="store_true", help="keep the prediction log, as in production")
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    asked = options.sections.split(",")
    if odd := set(asked) - set(SECTIONS):
        parser.error(f"no such sections: {', '.join(sorted(odd))}")
    found: dict[str, Any] = {}
    if "start" in asked:
        found["start"] = start(options.bundle, options)
        print("start", json.dumps(found["start"], indent=1))
    rest = [name for name in asked if name != "start"]
    if rest:
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            log = ("--log", folder) if options.log else ()
            server = stack.enter_context(served(options.bundle, "--workers", str(options.workers), *log))
            port = stack.enter_context(echo())
            for name in rest:
                found[name] = globals()[name](server, port, options)
                print(name, json.dumps(found[name], indent=1), flush=True)
            found["resident_mb_at_the_end"] = server.resident_mb()
    marks = judged(found)
    for name, (value, mark, met) in marks.items():
        print(f"{'met    ' if met else 'NOT MET'} {name}: {value:.4g} (asked: {mark:g})")
    if options.save:
        import matloop

        whole = {
            "matloop": matloop.__version__, "python": platform.python_version(), "cores": os.cpu_count(),
            "load": os.getloadavg(), "workers": options.workers, "log": options.log, "seconds": options.seconds,
            "marks": {name: {"found": value, "asked": mark, "met": met} for name, (value, mark, met) in marks.items()},
            **found,
        }  # fmt: skip
        RESULTS.write_text(json.dumps(whole, indent=1) + "\n", "utf-8")
        print(f"written to {RESULTS}")


if __name__ == "__main__":
    main()

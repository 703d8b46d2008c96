"""A real server of PostgreSQL for tests, in a folder of its own, gone at the end."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from matloop.core.errors import RunError

_PLACES = ("/usr/lib/postgresql", "/usr/local/pgsql", "/opt/homebrew/opt/postgresql")
_USERS = ("postgres", "nobody")


def binaries() -> Path | None:
    """The folder of `initdb` and `pg_ctl`, None where PostgreSQL is not installed."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        if folder and (Path(folder) / "initdb").exists() and (Path(folder) / "pg_ctl").exists():
            return Path(folder)
    found = [bin_.parent for place in _PLACES for bin_ in sorted(Path(place).glob("**/bin/initdb"), reverse=True)]
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: `url` of its database, with its only user and no password."""

    url: str
    folder: Path
    programs: Path
    port: int

    def restart(self, mode: str = "fast") -> None:
        """Stop it ("fast": transactions are rolled back; "immediate": as if the power failed) and start it again."""
        self.stop(mode)
        self.start()

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1"
        _ordinary([str(self.programs / "pg_ctl"), "-D", str(self.folder / "data"), "-w", "-t", "60", "-o", options,
                   "-l", str(self.folder / "log"), "start"])  # fmt: skip

    def stop(self, mode: str = "fast") -> None:
        _ordinary([str(self.programs / "pg_ctl"), "-D", str(self.folder / "data"), "-m", mode, "-w", "stop"])


@contextmanager
def server() -> Iterator[Server]:
    """A fresh server on a free port of this machine. It refuses to run as root, so then another user is taken.

    Raises
    ------
    RunError : PostgreSQL is not installed, or does not start; the message says what it said.
    """
    programs = binaries()
    if programs is None:
        raise RunError("PostgreSQL is not installed (no initdb). Debian: apt install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="matloop-pg-"))
    try:
        if _user():
            shutil.chown(folder, _user())
        _ordinary([str(programs / "initdb"), "-D", str(folder / "data"), "-U", "matloop", "-A", "trust", "-E", "UTF8",
                   "--no-locale", "--no-sync"])  # fmt: skip
        port = _free_port()
        running = Server(f"postgresql://matloop@127.0.0.1:{port}/postgres", folder, programs, port)
        running.start()
        try:
            yield running
        finally:
            running.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _user() -> str:
    """Another user than root, where we are root."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return ""
    import pwd

    return next((name for name in _USERS if any(entry.pw_name == name for entry in pwd.getpwall())), "")


def _ordinary(command: Sequence[str]) -> None:
    user = _user()
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(
        list(command), user=user or None, group=None, extra_groups=[] if user else None, cwd="/", env=environment,
        capture_output=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RunError(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()[-500:]}")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])

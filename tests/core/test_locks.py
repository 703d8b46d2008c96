import subprocess
import sys
import time

import pytest

from matloop.core.errors import RunError
from matloop.core.locks import locked

HOLD = """
import sys, time
from matloop.core.locks import locked
with open(sys.argv[1], "a+b") as stream, locked(stream, patience=1, busy="busy"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_is_exclusive_and_freed_when_its_holder_is_killed(tmp_path):
    path = tmp_path / "lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    with path.open("a+b") as stream:
        with pytest.raises(RunError, match="in use"), locked(stream, patience=0.1, busy="in use"):
            pass
        holder.kill()
        holder.wait()
        begun = time.monotonic()
        with locked(stream, patience=5, busy="in use"):
            assert time.monotonic() - begun < 5

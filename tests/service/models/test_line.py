"""The line in which requests wait: who is answered together, and who need not wait for anybody."""

import asyncio
import time
from types import SimpleNamespace

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed")

from matloop.service.models import line as line_module
from matloop.service.models.line import Line
from matloop.service.models.settings import Limits

NOTHING = SimpleNamespace(predictions={}, unreadable={})


SERVED = SimpleNamespace(answerer=SimpleNamespace(answer_columns=lambda columns: NOTHING), spelled="fake")


async def ask(line: Line, place: int = 0) -> None:
    for _ in range(5 * place):
        await asyncio.sleep(0)
    await line.ask(SERVED, {"formula": ["Fe"]}, 1, asyncio.get_running_loop().time() + 60)


def batches(askers: int, each: int, alone: int = 0) -> list[int]:
    """Rows of every batch, where each asker asks anew when it has its answer, a little after the one before it; then
    one asks so often `alone`."""
    found: list[int] = []
    line = Line(Limits(), lambda rows, seconds: found.append(rows))

    async def often(place: int, times: int) -> None:
        for _ in range(times):
            await ask(line, place)

    async def all_of_them() -> None:
        line.start()
        await asyncio.wait_for(asyncio.gather(*(often(place, each) for place in range(askers))), 60)
        await asyncio.wait_for(often(0, alone), 60)
        line.stop()

    asyncio.run(all_of_them())
    return found


def test_those_who_ask_together_are_answered_together(monkeypatch):
    found = {}
    for patience in (0.0, 0.2):
        monkeypatch.setattr(line_module, "COMPANY_S", patience)
        found[patience] = batches(8, 30)
        assert sum(found[patience]) == 240
    assert len(found[0.2]) < 0.75 * len(found[0.0])


def test_who_asks_alone_waits_for_nobody(monkeypatch):
    monkeypatch.setattr(line_module, "COMPANY_S", 1e6)
    assert batches(1, 20) == [1] * 20


def test_company_that_stays_away_is_soon_forgotten(monkeypatch):
    monkeypatch.setattr(line_module, "COMPANY_S", 0.5)
    begun = time.monotonic()
    assert batches(8, 3, alone=200)[-200:] == [1] * 200
    assert time.monotonic() - begun < 50.0  # it is waited for three times or so, not two hundred times

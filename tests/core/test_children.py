"""Children that can be killed: parcels there and back, death that is told, no orphans."""

import io
import queue
import sys
import textwrap
import time

import numpy as np
import pytest

from matloop.core.children import Child, read_parcel, write_parcel

ECHO = """
import os, sys, time
from matloop.core.children import limit_memory, serve
service = serve()
while True:
    order = service.order()
    if order.message.get("die"):
        print("last words", file=sys.stderr, flush=True)
        os._exit(3)
    if "gb" in order.message:
        limit_memory(order.message["gb"])
        try:
            bytes(3_000_000_000)
        except MemoryError:
            service.answer({"said": "no memory"})
        continue
    print("noise on standard output")
    service.answer(order.message, order.arrays)
"""


@pytest.fixture
def child(tmp_path, monkeypatch):
    (tmp_path / "echo_child.py").write_text(textwrap.dedent(ECHO))
    monkeypatch.syspath_prepend(str(tmp_path))
    news = queue.Queue()
    child = Child("echo_child", news)
    yield child, news
    child.kill()


def heard(news):
    return news.get(timeout=20)[1]


def test_a_parcel_comes_back_whole(child):
    process, news = child
    arrays = {"a": np.arange(12.0).reshape(3, 4)[:, ::2], "none": np.empty((0, 3)), "one": np.array(5)}
    process.send({"text": "ä\n", "n": [1, None]}, arrays)
    parcel = heard(news)
    assert parcel.message == {"text": "ä\n", "n": [1, None]}
    for name, array in arrays.items():
        assert parcel.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(parcel.arrays[name], array)
        assert parcel.arrays[name].shape == array.shape


def test_a_death_is_news_with_its_last_words(child):
    process, news = child
    process.send({"die": True})
    assert heard(news) is None
    assert process.epitaph() == "its process died (exit code 3): last words"
    process.send({"too": "late"})


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is bounded on Linux")
def test_memory_beyond_the_limit_is_refused(child):
    process, news = child
    process.send({"gb": 1.0})
    assert heard(news).message == {"said": "no memory"}


def test_a_killed_child_is_gone_at_once(child):
    process, _ = child
    begun = time.monotonic()
    process.kill()
    assert not process.alive
    assert time.monotonic() - begun < 2


def test_half_a_parcel_is_none():
    stream = io.BytesIO()
    write_parcel(stream, {"x": 1}, {"a": np.ones(4)})
    whole = stream.getvalue()
    for cut in (5, len(whole) - 3):
        assert read_parcel(io.BytesIO(whole[:cut])) is None


def test_objects_are_not_sent():
    with pytest.raises(TypeError, match="numbers"):
        write_parcel(io.BytesIO(), {}, {"a": np.array(["text"])})

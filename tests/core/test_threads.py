"""One thread of linear algebra, for one row or for many threads at once."""

import threading

import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from matloop.core.threads import one_thread_inside


def counts():
    return [one.num_threads for one in ThreadpoolController().lib_controllers]


def test_inside_there_is_one_thread_and_after_it_what_was_before():
    with threadpool_limits(limits=2):
        before = counts()
        with one_thread_inside(), one_thread_inside():
            assert set(counts()) <= {1}
        assert counts() == before


def test_several_threads_at_once_leave_what_was_before():
    """Inside, OpenBLAS obeys only the thread that limited it first (threadpoolctl); afterwards all is as it was."""
    inside = threading.Barrier(3)

    def work() -> None:
        with one_thread_inside():
            inside.wait(60)

    before = counts()
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    inside.wait(60)
    for thread in threads:
        thread.join(60)
    assert counts() == before


def test_a_fault_inside_lifts_the_limit():
    with threadpool_limits(limits=2):
        before = counts()
        with pytest.raises(ValueError, match="x"), one_thread_inside():
            raise ValueError("x")
        assert counts() == before

"""Linear algebra in one thread: many small products are several times slower where threads wait for a busy core."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_WITH_LIBRARIES = ("numpy", "scipy.linalg", "sklearn", "torch")
"""Modules that bring libraries of linear algebra, or threads of their own."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS and OpenMP of this process use one thread, as children do; what was set before comes back.

    A process that has other work on its cores, or fewer than the machine shows, would otherwise spend most of its
    time waiting.
    """
    # a library that is loaded later would not be limited
    import scipy.linalg  # noqa: F401
    import sklearn.cluster  # noqa: F401
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


class _Inside:
    """How many are inside `one_thread_inside` now, and what limits the libraries meanwhile."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0
        self.loaded = 0
        self.controller: Any = None
        self.limit: Any = None


_INSIDE = _Inside()


@contextmanager
def one_thread_inside() -> Iterator[None]:
    """As `one_thread`, quick enough for a single row and for several threads at once: the first to enter sets the
    limit, the last to leave lifts it. What is loaded inside is limited from the next call on.

    OpenBLAS shares one pool among all threads of a process and obeys only the thread that limited it first: a server
    that answers in a thread of its own sets OPENBLAS_NUM_THREADS=1 before it starts.
    """
    with _INSIDE.lock:
        _INSIDE.count += 1
        if _INSIDE.count == 1:
            loaded = sum(name in sys.modules for name in _WITH_LIBRARIES)
            if _INSIDE.controller is None or loaded != _INSIDE.loaded:
                from threadpoolctl import ThreadpoolController

                _INSIDE.controller, _INSIDE.loaded = ThreadpoolController(), loaded
            several = any(one.num_threads != 1 for one in _INSIDE.controller.lib_controllers)
            _INSIDE.limit = _INSIDE.controller.limit(limits=1) if several else None
    try:
        yield
    finally:
        with _INSIDE.lock:
            _INSIDE.count -= 1
            if _INSIDE.count == 0 and _INSIDE.limit is not None:
                _INSIDE.limit.restore_original_limits()
                _INSIDE.limit = None

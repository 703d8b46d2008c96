"""Linear algebra in one thread: many small products are several times slower where threads wait for a busy core."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


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

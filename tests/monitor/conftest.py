from __future__ import annotations

import pytest

from matloop.monitor.record import Answered


def answer(number: int, n: int = 1, *, day: int = 21, **changes: object) -> Answered:
    """Request `r<number>` of n rows, a second after the one before."""
    minute, second = divmod(number, 60)
    hour, minute = divmod(minute, 60)
    values: dict[str, object] = {
        "time": f"2026-11-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}.000+00:00",
        "request": f"r{number}",
        "model": "steel",
        "bundle": "ab" * 8,
        "n": n,
        "inputs": {"formula": [f"Fe{number + 1}C{row + 1}" for row in range(n)]},
        "targets": {
            "y": {
                "value": [float(number + row) for row in range(n)],
                "low": [number + row - 1.0 for row in range(n)],
                "high": [number + row + 1.0 for row in range(n)],
                "std": [0.6] * n,
                "in_domain": [True] * n,
                "reason": [""] * n,
            }
        },
        "ms": 2.0,
    }
    return Answered(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def answered() -> object:
    return answer

"""Nothing limits the threads of linear algebra here: an export asks for one by the environment, before numpy loads."""

from __future__ import annotations

from typing import Any


class ThreadpoolController:
    """Knows no library."""

    lib_controllers: tuple[Any, ...] = ()

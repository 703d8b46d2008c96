"""What every command shares: loading on call, one way to print results and to tell errors."""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterable
from typing import Any

import typer
from typer.core import TyperGroup

INTERRUPTED = 130  # 128 + SIGINT, as shells count
_KEPT = "matloop.arguments"


def load(place: str) -> Any:
    """What `"module:name"` stands for, imported now and not when the program starts."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def show(lines: Iterable[str], value: Any, as_json: bool) -> None:
    """Print `lines`, or with --json `value` alone."""
    if as_json:
        print(load("matloop.core.jsonable:dumps")(value))
        return
    for line in lines:
        print(line)


class Shell(TyperGroup):
    """The root command: takes --debug anywhere, and turns errors into sentences and exit codes."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[_KEPT] = list(args)
        rest: list[str] = super().parse_args(ctx, [argument for argument in args if argument != "--debug"])
        return rest

    def invoke(self, ctx: Any) -> Any:
        given = ctx.meta.get(_KEPT, [])
        debug = "--debug" in given or os.environ.get("MATLOOP_DEBUG", "") not in ("", "0")
        _quiet_libraries(debug)
        try:
            return super().invoke(ctx)
        except BaseException as error:
            code = tell(error, as_json="--json" in given, debug=debug)
            if code is None:
                raise
            raise typer.Exit(code) from error


def tell(error: BaseException, *, as_json: bool, debug: bool) -> int | None:
    """Say what went wrong, on stderr (with --json as an object on stdout); returns the exit code, or None for what the
    command-line library shows by itself."""
    if isinstance(error, KeyboardInterrupt):
        said, code = "Stopped by Ctrl-C. Finished steps are kept; the same command goes on from there.", INTERRUPTED
    elif isinstance(error, load("matloop.core.errors:MatloopError")):
        said, code = str(error), getattr(error, "exit_code", 1)
    elif _is_usage(error):
        if not as_json:
            return None
        said, code = error.format_message(), getattr(error, "exit_code", 2)  # type: ignore[attr-defined]
    elif not isinstance(error, Exception) or isinstance(error, BrokenPipeError | typer.Exit | typer.Abort):
        return None
    elif isinstance(error, MemoryError):
        said, code = "The memory of this machine does not suffice. Use fewer rows or columns, or a larger machine.", 1
    elif isinstance(error, OSError):
        said, code = f"{error.filename or 'A file'}: {error.strerror or error}.", 5
    else:
        said, code = _unforeseen(error), 1
    if debug:
        traceback.print_exception(error)
    if as_json:
        print(
            json.dumps(
                {"error": {"type": type(error).__name__, "message": said, "exit_code": code}}, ensure_ascii=False
            )
        )
    else:
        print(f"matloop: {said}" if "\n" not in said else said, file=sys.stderr)
    return code


def _is_usage(error: BaseException) -> bool:
    """Whether the command line itself was wrong (typer's own class has moved between its releases)."""
    return hasattr(error, "format_message") and hasattr(error, "exit_code")


def _unforeseen(error: Exception) -> str:
    return (
        f"This should not have happened ({type(error).__name__}: {error}). It is a "
        "fault of matloop, not of your data: please "
        "report it with what the same command prints when --debug is added."
    )


def _quiet_libraries(debug: bool) -> None:
    """Warnings and log lines as plain sentences on stderr; those of libraries only with --debug."""
    logging.basicConfig(format="%(message)s", stream=sys.stderr, level=logging.INFO if debug else logging.ERROR)
    logging.getLogger("matloop").setLevel(logging.INFO if debug else logging.WARNING)
    if not debug:
        warnings.showwarning = _one_line


def _one_line(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
    del where, more
    if category.__module__.startswith("matloop"):
        print(f"note: {message}", file=sys.stderr)

"""A process that describes rows: started by `pool`, told by parcels, killed where a row takes too long."""

from __future__ import annotations

import logging
from typing import Any

from matloop.core.children import Parcel, Service, limit_memory, serve
from matloop.core.errors import ConfigError, MatloopError, MissingExtra
from matloop.represent.batches import Rows, read, unpacked
from matloop.represent.work import Piece, Span, Work, from_ticket

logger = logging.getLogger(__name__)
_SAMPLES = {"composition": "NaCl", "molecule": "CO"}


def main() -> None:
    """Serve until the parent ends. The first order says what to describe with, each further one is a chunk."""
    service = serve()
    hello = service.order().message
    limit_memory(hello["memory_gb"])
    work = Work(hello["kind"], [from_ticket(told) for told in hello["tickets"]], hello["seconds"], hello["memory"])
    _warm_up(work)
    service.answer({"ready": True})
    while True:
        order = service.order()
        try:
            _do(service, work, order)
        except (ConfigError, MissingExtra) as error:
            service.answer({"refused": str(error), "kind": type(error).__name__})
        service.answer({"done": True})


def _do(service: Service, work: Work, order: Parcel) -> None:
    rows: Rows = unpacked(order.message["rows"], order.arrays)
    spans = [Span(*span) for span in order.message["spans"]]
    batch, unread = work.read(rows)
    service.answer({"unread": sorted(unread.items())})
    for piece in work.pieces(batch, spans):
        if isinstance(piece, Span):
            service.answer({"now": _plain(piece)})
        else:
            _send(service, piece)


def _send(service: Service, piece: Piece) -> None:
    message = {
        "piece": _plain(piece.span), "reasons": sorted(piece.reasons.items()), "unlike": sorted(piece.unlike),
        "seconds": piece.seconds,
    }  # fmt: skip
    service.answer(message, {"X": piece.X})


def _plain(span: Span) -> list[int]:
    return [span.featurizer, span.start, span.stop]


def _warm_up(work: Work) -> None:
    """A tiny row first, so that importing libraries is not counted as time of the first one."""
    sample: Any = [_SAMPLES[work.kind]] if work.kind in _SAMPLES else _salt()
    try:
        batch, _ = read(work.kind, sample)
        list(work.pieces(batch, [Span(k, 0, 1) for k in range(len(work.featurizers))]))
    except MatloopError as error:
        logger.info("warming up: %s", error)  # if it fails for good, the first chunk will say so
    work.forget()


def _salt() -> Any:
    import numpy as np

    from matloop.matter.structures import from_arrays

    return from_arrays(5.64 * np.eye(3)[None], [np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]])], [np.array([11, 17])])


if __name__ == "__main__":
    main()

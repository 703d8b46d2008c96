"""A process that answers chunks of a batch: told by parcels, gone with its parent."""

from __future__ import annotations

from matloop.core.children import serve
from matloop.core.errors import BundleError, MatloopError
from matloop.deploy.answering import Answerer
from matloop.deploy.batch.parcels import answers, layout_of, packed_answers, unpacked_columns


def opened(folder: str, identity: str) -> Answerer:
    """The bundle of a batch.

    Raises
    ------
    BundleError : it is damaged, or another one than the batch was begun with.
    """
    found = Answerer.open(folder)
    if found.identity != identity:
        raise BundleError(f"{folder} is {found.identity} now, no longer {identity}. Give the batch its bundle back.")
    return found


def main() -> None:
    """Serve until the parent ends: the first order says which bundle, each further one is a chunk."""
    service = serve()
    hello = service.order().message
    try:
        answerer = opened(hello["bundle"], hello["identity"])
        layout = layout_of(hello)
        service.answer({"ready": True})
        while True:
            order = service.order()
            found = packed_answers(answers(answerer, unpacked_columns(order), layout))
            service.answer({**found.message, "key": order.message["key"]}, found.arrays)
    except MatloopError as error:
        service.answer({"error": type(error).__name__, "said": str(error)})


if __name__ == "__main__":
    main()

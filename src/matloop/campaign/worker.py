"""A process that replays a table for others: told the job once, then strategies and seeds."""

from __future__ import annotations

from matloop.campaign.replay import Replayed
from matloop.campaign.stand_ins import one_replay
from matloop.campaign.workers import opened, unpacked
from matloop.core.children import serve
from matloop.core.errors import MatloopError
from matloop.core.jsonable import to_jsonable


def main() -> None:
    """Serve until the parent is gone."""
    service = serve()
    job = unpacked(service.order().message)
    known, stand_ins = opened(job)
    while True:
        order = service.order().message
        name, seed = order["strategy"], order["seed"]
        try:
            done = one_replay(known, None, stand_ins, name=name, seed=seed, n=job.n, batch=job.batch)
        except MatloopError as error:
            done = Replayed(name, seed, (), (), failure=str(error))
        service.answer(to_jsonable(done))


if __name__ == "__main__":
    main()

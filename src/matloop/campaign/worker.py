"""A process that replays a table for others: told the job once, then strategies and seeds."""

from __future__ import annotations

from matloop.campaign.known import open_known
from matloop.campaign.peers import strategy_named
from matloop.campaign.replay import Replayed, replay
from matloop.campaign.workers import unpacked
from matloop.core.children import serve
from matloop.core.errors import MatloopError
from matloop.core.jsonable import to_jsonable


def main() -> None:
    """Serve until the parent is gone."""
    service = serve()
    job = unpacked(service.order().message)
    known = open_known(job.table, job.goals, job.parameters, job.space)
    while True:
        order = service.order().message
        name, seed = order["strategy"], order["seed"]
        try:
            done = replay(known, strategy_named(name), name=name, seed=seed, n=job.n, batch=job.batch)
        except MatloopError as error:
            done = Replayed(name, seed, (), (), failure=str(error))
        service.answer(to_jsonable(done))


if __name__ == "__main__":
    main()

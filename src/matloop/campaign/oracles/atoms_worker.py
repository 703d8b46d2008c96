"""A process that calculates crystals for an oracle; it can be killed when one takes too long."""

from __future__ import annotations

from typing import Any

from matloop.campaign.oracles.crystals import build, shares
from matloop.campaign.oracles.energies import PROPERTIES, Method
from matloop.core.children import serve
from matloop.core.errors import DataError, MatloopError


def main() -> None:
    """Serve until the parent is gone."""
    service = serve()
    methods: dict[str, Method] = {}
    while True:
        order = service.order().message
        key = f"{order['calculator']} {order['steps']}"
        method = methods.setdefault(key, Method(order["calculator"], order["steps"]))
        service.answer(_answered(order, method))


def _answered(order: dict[str, Any], method: Method) -> dict[str, Any]:
    """What came of one candidate, as `contract.answer` reads it; "broke" where it is no fault of the candidate."""
    try:
        built = build(order["candidate"], lattice=order["lattice"], n_atoms=order["atoms"], seed=order["seed"])
        wanted = order["properties"]
        found = method.properties(built.atoms, list(wanted.values()))
    except DataError as error:
        return {"failed": str(error)}
    except MatloopError as error:
        return {"broke": str(error)}
    except Exception as error:  # noqa: BLE001 - whatever a calculator raises must become the reason of this candidate
        return {"failed": f"{type(error).__name__}: {error}"[:400]}
    made = shares(built.atoms)
    return {
        "values": {target: found[name] for target, name in wanted.items()},
        "units": {target: PROPERTIES[name] for target, name in wanted.items()},
        "settings": _moved(order["candidate"], built.fractions, made),
        "note": f"{len(built.atoms)} atoms",
    }


def _moved(candidate: dict[str, Any], asked: Any, made: dict[str, float]) -> dict[str, float]:
    """Amounts of elements that were really in the cell, where whole atoms do not give those asked for."""
    names = [name for name in asked if name in candidate]
    if all(abs(asked[name] - made.get(name, 0.0)) < 1e-6 for name in names):
        return {}
    total = sum(float(candidate[name]) for name in names)
    return {name: made.get(name, 0.0) * total for name in names}


if __name__ == "__main__":
    main()

"""Ways from everything known to the next experiments, by name; each is made by calling it with its options."""

from __future__ import annotations

from matloop.core.registry import Registry

_ROOM = "matloop.design.optimisers"

STRATEGIES = Registry(
    "matloop.strategies",
    auto="matloop.design.strategy.model:ModelBased",
    random=f"{_ROOM}.designs:Random",
    sobol=f"{_ROOM}.designs:Sobol",
    latin=f"{_ROOM}.designs:Latin",
    trees=f"{_ROOM}.trees:Trees",
    genetic=f"{_ROOM}.evolution:Genetic",
    particle_swarm=f"{_ROOM}.swarm:ParticleSwarm",
    annealing=f"{_ROOM}.annealing:Annealing",
    cma=f"{_ROOM}.cma:CmaEs",
    nsga2=f"{_ROOM}.nsga:Nsga2",
    nsga3=f"{_ROOM}.nsga:Nsga3",
    bandit=f"{_ROOM}.bandit:Bandit",
    policy=f"{_ROOM}.policy:PolicyGradient",
    turbo=f"{_ROOM}.turbo:Turbo",
    by_dimension=f"{_ROOM}.by_dimension:ByDimension",
    preference="matloop.design.objectives.preferences:Preferring",
)

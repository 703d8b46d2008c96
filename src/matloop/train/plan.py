"""How much evidence each depth asks for, counted in fits: what search must leave time for."""

from __future__ import annotations

from dataclasses import dataclass

from matloop.problem.question import Depth


@dataclass(frozen=True, slots=True)
class EvidencePlan:
    """Fits that follow the search. `curve` are shares of the development rows, each fitted `curve_repeats` times.

    wide : whether the search also tries the families that are else only tried by name.
    """

    clusters: int
    extra_seeds: int
    curve: tuple[float, ...]
    curve_repeats: int
    folds: int
    wide: bool = False

    @property
    def full_fits(self) -> float:
        """How many fits on all development rows the evidence costs about as much as, the final fit included."""
        return 1.0 + self.clusters + self.extra_seeds * self.folds + sum(self.curve) * self.curve_repeats

    @property
    def essential_fits(self) -> float:
        """The part without which a model is not believed: the final fit, each cluster left out once, and two models to
        explain, which did not see all rows."""
        return 1.0 + (self.clusters - 1.0) + 2.0 * (1.0 - 1.0 / self.folds)


def evidence_plan(depth: Depth, n_seeds: int, folds: int) -> EvidencePlan:
    """The evidence of `depth`; spread over seeds uses the seeds after the first."""
    extra = max(n_seeds - 1, 0)
    if depth == "quick":
        return EvidencePlan(5, 0, (0.1, 0.3, 0.6), 1, folds)
    if depth == "standard":
        return EvidencePlan(5, min(extra, 1), (0.1, 0.25, 0.5), 1, folds)
    return EvidencePlan(10, extra, (0.05, 0.1, 0.2, 0.4, 0.7), 3, folds, wide=True)

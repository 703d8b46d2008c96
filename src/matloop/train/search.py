"""Search for the best recipe on the development folds, deterministic under a clock.

The order of candidates follows from the seed and from scores; time decides only how far down the list one comes, and
that is written to the journal, so that a replay gives the identical result.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import RunError
from matloop.core.journal import Journal
from matloop.core.jsonable import to_jsonable
from matloop.core.progress import SILENT, Progress
from matloop.doubt.prediction import OutOfFold
from matloop.models.family import Spec
from matloop.problem.question import Limits, Training
from matloop.train.ensemble import blend, choose_threshold
from matloop.train.fits import FitResult, Fits, FitTask
from matloop.train.plan import EvidencePlan
from matloop.train.proposals import CHEAP_FIRST, Outcome, Proposals, usable_families
from matloop.train.recipe_model import Output, RecipeModel
from matloop.train.scoring import corrected_p_value, fold_losses, fold_rows, judged_metric, loss_of, search_metric
from matloop.train.values import Candidate, Development, Recipe, Status, Trained

FIRST_FOLDS = 2
"""Folds after which a candidate may be given up."""
HOPELESS, HOPELESS_FAMILY = 1.25, 2.0
"""It is given up when it is worse than the best on the same folds by this factor; a nearer one can still help an
ensemble. The first candidate of a family is given more patience: what differs from the others helps most."""
RESERVE = (0.15, 0.5)
"""Least and largest share of the time that is kept for evidence."""
RESERVED_MEMBERS = 3.5
"""Within these shares, time for the evidence of an ensemble of so many members like the best so far is kept."""
OVERHEAD_S = 3.0
MARGIN = 1.15
POOL = 12
"""Candidates that may become members."""
NEGLIGIBLE = 0.003
"""Relative difference in score below which the simpler of two indistinguishable candidates is taken."""
NEARLY = 1.25
"""A candidate that keeps the problem's `never` is taken before a better one that does not, up to this factor of its
score."""
HELPS = 0.05
"""p-value (one-sided, corrected paired test) below which rows without a label are said to help."""


@dataclass(slots=True)
class _Tried:
    """One candidate and what is known of it."""

    number: int
    recipe: Recipe
    losses: FloatArray
    status: Status = "out of time"
    reason: str = ""
    out: Output | None = None
    fit_seconds: list[float] = field(default_factory=list)
    predict_ms: float = float("nan")

    @property
    def score(self) -> float:
        return float(self.losses.mean()) if self.status in ("ranked", "too slow") else float("nan")

    @property
    def full_seconds(self) -> float:
        """Seconds that a fit on all rows takes, from fits on all but one fold."""
        k = len(self.losses)
        return float(np.mean(self.fit_seconds)) * k / (k - 1) if self.fit_seconds else float("nan")


@dataclass(slots=True)
class _Clock:
    """What time allows. A replay asks nobody: it takes the decisions from the journal."""

    deadline: float | None
    plan: EvidencePlan
    workers: int
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        return float("inf") if self.deadline is None else self.deadline - time.monotonic()

    def search_end(self, full_seconds: float) -> float | None:
        """When the search must stop, if a fit of the best so far on all rows takes `full_seconds`."""
        if self.deadline is None:
            return None
        whole = self.deadline - self.started
        wanted = RESERVED_MEMBERS * self.evidence_seconds(full_seconds)
        return self.deadline - float(np.clip(wanted, RESERVE[0] * whole, RESERVE[1] * whole))

    @property
    def fit_limit(self) -> float | None:
        """Seconds of one fit beyond which its evidence could never be afforded."""
        if self.deadline is None:
            return None
        return max(0.8 * (self.deadline - self.started) * self.workers / self.plan.essential_fits, 1.0)

    def affords(self, full_seconds: float) -> bool:
        """Whether the evidence of a recipe whose full fit takes `full_seconds` fits into the time that is left."""
        return self.evidence_seconds(full_seconds) <= self.left

    def affords_essentials(self, full_seconds: float) -> bool:
        """Whether at least the final fit and the left-out clusters do; the rest is then left out by name.

        A good model with less evidence serves its user better than a dummy with all of it, as on a busy machine.
        """
        return self.evidence_seconds(full_seconds, self.plan.essential_fits) <= self.left

    def evidence_seconds(self, full_seconds: float, fits: float | None = None) -> float:
        return (fits or self.plan.full_fits) * full_seconds * MARGIN / self.workers + OVERHEAD_S


def search(
    development: Development,
    fits: Fits,
    *,
    training: Training,
    limits: Limits,
    seed: int,
    plan: EvidencePlan,
    deadline: float | None,
    journal: Path,
    replay: int | None = None,
    progress: Progress = SILENT,
) -> Trained:
    """Find the recipe with the lowest search metric on the development folds, within the limits.

    Parameters
    ----------
    deadline : `time.monotonic()` value at which search and evidence together must be done; None: no limit.
    journal : `candidates.jsonl`; each candidate is written there as soon as it is judged.
    replay : try exactly the first so many candidates, whatever time that takes, and take from the journal which of them
        were too slow.
    progress : told the best so far and the time left after each wave of candidates.

    Raises
    ------
    RunError : no candidate could be judged in the time, or all failed; the message gives the reasons.
    """
    walk = _Search(development, fits, training, limits, seed, plan, deadline, Journal(journal), replay, progress)
    return walk.run()


def final_fit(fits: Fits, recipe: Recipe, seed: int, *, deadline: float | None = None) -> tuple[RecipeModel, FitResult]:
    """Fit `recipe` on all development rows in a worker; the model comes back from its arrays, as from a bundle.

    Raises
    ------
    RunError : the fit failed, or the deadline came first.
    """
    everything = np.arange(len(fits.development))
    result = fits.run([FitTask(recipe, everything, everything[:1], seed, keep=True)], deadline=deadline)[0]
    if result is None:
        raise RunError("the final fit was not done in the time. Raise limits.minutes and run the same command again.")
    if result.failed or result.model is None:
        raise RunError(f"the final fit of {recipe.label} failed: {result.failed}")
    return RecipeModel.from_arrays(result.model), result


class _Search:
    """One search; `run` is its story."""

    def __init__(
        self, development: Development, fits: Fits, training: Training, limits: Limits, seed: int, plan: EvidencePlan,
        deadline: float | None, journal: Journal, replay: int | None, progress: Progress,
    ) -> None:  # fmt: skip
        self.development, self.fits, self.training, self.limits = development, fits, training, limits
        self.seed, self.replay, self.journal, self.progress = seed, replay, journal, progress
        self.metric = search_metric(development)
        self.folds = fold_rows(development.fold)
        self.clock = _Clock(None if replay is not None else deadline, plan, fits.workers)
        self.known = {e["number"]: e for e in journal.events() if e.get("event") == "candidate" and e["number"] > 0}
        chosen = [e for e in journal.events() if e.get("event") == "chosen"]
        self.past: dict[str, Any] = chosen[-1] if chosen else {}
        self.tried: list[_Tried] = []
        self.notes: list[str] = []
        self.untaught = False

    def run(self) -> Trained:
        names, skipped = usable_families(self.development, self.training, wide=self.clock.plan.wide)
        self._write_skipped(skipped)
        stopped = self._explore(Proposals(self.development, self.training, names, self.seed))
        chosen, excluded = self._choose()
        chosen = self._with_unlabelled(chosen)
        trained = self._trained(chosen, skipped, stopped, excluded)
        said = {"chosen": chosen.number, "score": chosen.score, "metric": self.metric, "recipe": trained.recipe}
        how = {"candidates": trained.facts["n_candidates"], "stopped": stopped}
        self._write({"event": "chosen", **said, **how, "excluded": excluded, "untaught": self.untaught})
        return trained

    def _explore(self, proposals: Proposals) -> str:
        """Try wave after wave; why it ended."""
        while True:
            wave = proposals.next_wave([Outcome(t.recipe.members[0], t.score) for t in self.tried])
            if self.replay is not None:
                wave = wave[: max(self.replay - len(self.tried), 0)]
            if not wave:
                return "replayed" if self.replay is not None else "the list of candidates was worked through"
            end = self._search_end()
            if end is not None and time.monotonic() >= end and self._ranked():
                return "the rest of the time is needed for evidence"
            try:
                complete = self._try(wave)
            except KeyboardInterrupt:
                if not self._ranked():
                    raise
                self.notes.append(f"The search was interrupted; the best of {len(self.tried)} candidates was kept.")
                return "interrupted"
            self._tell()
            if not complete:
                return "the rest of the time is needed for evidence"

    def _try(self, wave: Sequence[Spec]) -> bool:
        """Judge a wave on the first folds, then the survivors on the others; False if time ran out within."""
        best = self._best()
        fresh = [
            _Tried(len(self.tried) + 1 + k, Recipe((spec,)), np.full(len(self.folds), np.nan))
            for k, spec in enumerate(wave)
        ]
        for tried in fresh if self.replay is not None else ():
            self._recall(tried)
        try:
            self._fit(fresh, range(min(FIRST_FOLDS, len(self.folds))))
            self._prune(fresh, best)
            self._fit(fresh, range(FIRST_FOLDS, len(self.folds)))
        finally:
            done = self._settle(fresh)
        return done

    def _fit(self, wave: Sequence[_Tried], at: range) -> None:
        running = [(t, k) for t in wave if t.status == "out of time" for k in at]
        tasks = [self._task(t.recipe, k) for t, k in running]

        def note(position: int, result: FitResult) -> None:
            self._note(*running[position], result)

        self.fits.run(tasks, deadline=self._search_end(), on_done=note, limit=self.clock.fit_limit)

    def _search_end(self) -> float | None:
        """When to stop; the first candidates may use more: without them there is nothing to give evidence of."""
        best = self._best()
        return self.clock.search_end(0.0 if best is None else best.full_seconds)

    def _task(self, recipe: Recipe, k: int) -> FitTask:
        rows = self.folds[k]
        return FitTask(recipe, np.setdiff1d(np.arange(len(self.development)), rows), rows, self.seed)

    def _note(self, tried: _Tried, k: int, result: FitResult) -> None:
        if result.failed:
            if tried.status == "out of time":
                tried.status, tried.reason = ("too slow" if result.overdue else "failed"), result.failed
            return
        rows = self.folds[k]
        if tried.out is None:
            n, width = len(self.development), result.proba.shape[1]
            tried.out = Output(np.full(n, np.nan), np.full((n, width), np.nan), np.zeros(n))
        tried.out.value[rows], tried.out.proba[rows], tried.out.spread[rows] = result.value, result.proba, result.spread
        said = Output(result.value, result.proba, result.spread)
        tried.losses[k] = loss_of(self.metric, self.development, self.development.y[rows], said)
        tried.fit_seconds.append(result.seconds)
        tried.predict_ms = float(np.nanmax([tried.predict_ms, result.predict_ms]))

    def _prune(self, wave: Sequence[_Tried], best: _Tried | None) -> None:
        if best is None or len(self.folds) <= FIRST_FOLDS:
            return
        for tried in wave:
            first = tried.losses[:FIRST_FOLDS]
            if tried.status == "out of time" and np.isfinite(first).all():
                worse = first.mean() / max(float(best.losses[:FIRST_FOLDS].mean()), 1e-12)
                if worse > (HOPELESS_FAMILY if self._opens_family(tried) else HOPELESS):
                    tried.status = "pruned"
                    tried.reason = f"{100 * (worse - 1):.0f} % worse than candidate {best.number} on the first folds"

    def _opens_family(self, tried: _Tried) -> bool:
        family = tried.recipe.members[0].family
        return all(t.recipe.members[0].family != family for t in self.tried)

    def _settle(self, wave: Sequence[_Tried]) -> bool:
        """Fix the status of a wave and write it down. What comes after the first unfinished one does not count: the
        candidates that count are always the first of the list."""
        finished = True
        for tried in wave:
            if tried.status == "out of time" and np.isfinite(tried.losses).all():
                tried.status = "ranked"
            finished = finished and tried.status != "out of time"
            if not finished:
                tried.status, tried.reason = "out of time", "not finished before the time was needed for evidence"
            self._judge_speed(tried)
            self.tried.append(tried)
            self._write_candidate(tried)
        return finished

    def _recall(self, tried: _Tried) -> None:
        """In a replay: what was stopped as too slow has no score this time, either."""
        old = self.known.get(tried.number, {})
        if old.get("status") == "too slow" and old.get("score") is None:
            tried.status, tried.reason = "too slow", old.get("reason", "")

    def _judge_speed(self, tried: _Tried) -> None:
        """A candidate that cannot be afforded is not eligible."""
        if tried.status != "ranked":
            return
        if self.replay is not None:
            old = self.known.get(tried.number, {})
            if old.get("status") == "too slow":
                tried.status, tried.reason = "too slow", old.get("reason", "")
            return
        if self._slow_to_predict(tried.predict_ms):
            tried.status = "too slow"
            tried.reason = f"one row takes {tried.predict_ms:.2g} ms, allowed are {self.limits.predict_ms:g}"
        elif not self.clock.affords_essentials(tried.full_seconds):
            needed = self.clock.plan.essential_fits
            tried.status, tried.reason = "too slow", f"its evidence, at least {needed:.0f} fits, takes too long"

    def _slow_to_predict(self, milliseconds: float) -> bool:
        return self.limits.predict_ms is not None and milliseconds > self.limits.predict_ms

    def _ranked(self) -> list[_Tried]:
        return sorted((t for t in self.tried if t.status == "ranked"), key=lambda t: (t.score, t.number))

    def _best(self) -> _Tried | None:
        ranked = self._ranked()
        return ranked[0] if ranked else None

    def _choose(self) -> tuple[_Tried, list[int]]:
        """The chosen candidate (an ensemble if that is better), and members left out because of their cost."""
        ranked = self._ranked() or self._cheapest()
        if not ranked:
            raise RunError(self._nothing())
        harmless = self._harmless(ranked)
        single = _simplest(harmless or ranked)
        if single.recipe.members[0].family == "dummy":
            self.notes.append("Nothing better than a constant was found in the time that there was.")
        ensemble, excluded = self._ensemble(ranked)
        if ensemble is None:
            return single, excluded
        self.tried.append(ensemble)
        self._write_candidate(ensemble)
        better = ensemble.score < single.score and (ensemble.losses < single.losses).mean() > 0.5
        if better and harmless and self._breaks(ensemble):
            better = False
        return (ensemble if better else single), excluded

    def _breaks(self, tried: _Tried) -> bool:
        """Whether more rows than the problem allows are further off, out of fold, than must never happen."""
        never = self.development.never
        if never is None or tried.out is None:
            return False
        off = np.abs(tried.out.value - self.development.y) > never.abs_error_above
        return float(off.mean()) > never.share_above

    def _harmless(self, ranked: Sequence[_Tried]) -> list[_Tried]:
        """Candidates without too many errors that must never happen, if one of them is nearly as good as the best."""
        kept = [t for t in ranked if not self._breaks(t)]
        if not kept or kept[0].score > NEARLY * ranked[0].score:
            return []
        if kept[0] is not ranked[0]:
            self.notes.append(
                f"{ranked[0].recipe.members[0].family} was better on average but errs too far too often; "
                f"{kept[0].recipe.members[0].family} was taken, as the problem asks for no more than "
                f"{100 * self.development.never.share_above:g} % of such errors."  # type: ignore[union-attr]
            )
        return kept

    def _cheapest(self) -> list[_Tried]:
        """Where nothing can be afforded: the cheapest that was judged at all, and a note that says so."""
        judged = [t for t in self.tried if t.status == "too slow" and np.isfinite(t.losses).all()]
        if self.limits.predict_ms is not None:
            judged = [t for t in judged if not self._slow_to_predict(t.predict_ms)]
        if not judged:
            return []
        cheapest = min(judged, key=lambda t: t.number if self.replay is not None else t.full_seconds)
        if self.replay is not None:
            cheapest = next((t for t in judged if t.number == self.past.get("chosen")), cheapest)
        cheapest.status = "ranked"
        self.notes.append(
            "The time is too short for the evidence of any candidate; the cheapest was taken and its evidence will be "
            "incomplete. Raise limits.minutes or choose a smaller protocol.depth."
        )
        return [cheapest]

    def _ensemble(self, ranked: Sequence[_Tried]) -> tuple[_Tried | None, list[int]]:
        excluded = [int(n) for n in self.past.get("excluded", [])] if self.replay is not None else []
        while True:
            pool = [t for t in _pool(ranked) if t.number not in excluded]
            if len(pool) < 2 or len(self.folds) < 2:
                return None, excluded
            parts = [t.out for t in pool if t.out is not None]
            blended = blend(parts, self.development, self.fits.border, self.metric, self.seed)
            members = np.flatnonzero(blended.weights)
            if len(members) < 2:
                return None, excluded
            full = sum(pool[k].full_seconds for k in members)
            slow = self._slow_to_predict(sum(pool[k].predict_ms for k in members))
            if self.replay is not None or not (slow or not self.clock.affords_essentials(full)):
                break
            costs = [(pool[k].predict_ms if slow else pool[k].full_seconds) / blended.weights[k] for k in members]
            excluded.append(pool[members[int(np.argmax(costs))]].number)
        recipe = Recipe(
            tuple(pool[k].recipe.members[0] for k in members), tuple(float(w) for w in blended.weights[members])
        )
        losses = fold_losses(self.metric, self.development, blended.out)
        ensemble = _Tried(len(self.tried) + 1, recipe, losses, "ranked", out=blended.out)
        ensemble.fit_seconds = [sum(float(np.mean(pool[k].fit_seconds)) for k in members)]
        ensemble.predict_ms = sum(pool[k].predict_ms for k in members)
        return ensemble, excluded

    def _with_unlabelled(self, chosen: _Tried) -> _Tried:
        """The chosen recipe with self-training, if there are rows without a label and paired folds say it helps."""
        strange = self.development.unlabelled
        if strange is None or not len(strange) or not self.training.unlabelled:
            return chosen
        if not self._time_to_teach(chosen):
            self.untaught = True
            self.notes.append("Rows without a label were not used: there was no time to find out whether they help.")
            return chosen
        taught = self._taught(chosen)
        self._write_candidate(taught)
        self.tried.append(taught)
        if taught.status != "ranked":
            return chosen
        p = corrected_p_value(taught.losses, chosen.losses, one_sided=True)
        helps = p < HELPS
        self.notes.append(
            f"{len(strange):,} rows without a label {'were' if helps else 'were not'} used by self-training: "
            f"score {taught.score:.4g} with, {chosen.score:.4g} without (p = {p:.2g})."
        )
        return taught if helps else chosen

    def _time_to_teach(self, chosen: _Tried) -> bool:
        if self.replay is not None:
            return not self.past.get("untaught", False)
        # self-training fits three times, on all folds now and once per fit of the evidence
        folds = len(self.folds) / max(self.clock.plan.full_fits, 1.0)
        return self.clock.affords(3.0 * chosen.full_seconds * (1.0 + folds))

    def _taught(self, chosen: _Tried) -> _Tried:
        """The members of `chosen`, each with self-training, weighed like any ensemble: without the judged fold."""
        members = [
            _Tried(0, Recipe((spec,), pseudo_labels=True), np.full(len(self.folds), np.nan))
            for spec in chosen.recipe.members
        ]
        self._fit(members, range(len(self.folds)))
        recipe = replace(chosen.recipe, pseudo_labels=True)
        taught = _Tried(len(self.tried) + 1, recipe, np.full(len(self.folds), np.nan))
        outs = [t.out for t in members if t.out is not None and np.isfinite(t.losses).all()]
        if len(outs) < len(members):
            reasons = "; ".join(t.reason for t in members if t.reason)
            taught.status = "failed" if reasons else "out of time"
            taught.reason = reasons or "self-training was not finished before the time was needed for evidence"
            return taught
        found = blend(outs, self.development, self.fits.border, self.metric, self.seed)
        taught.recipe = replace(recipe, weights=tuple(float(w) for w in found.weights))
        taught.losses, taught.out = fold_losses(self.metric, self.development, found.out), found.out
        taught.fit_seconds = [sum(float(np.mean(t.fit_seconds)) for t in members)]
        taught.predict_ms, taught.status = sum(t.predict_ms for t in members), "ranked"
        return taught

    def _trained(self, chosen: _Tried, skipped: dict[str, str], stopped: str, excluded: list[int]) -> Trained:
        assert chosen.out is not None
        recipe, out = chosen.recipe, chosen.out
        judged = judged_metric(self.development)
        if judged:
            decision = choose_threshold(out, judged, self.development)
            recipe = replace(recipe, threshold=decision.threshold)
            out = Output(decision.value, out.proba, out.spread)
        single = [t for t in self.tried if len(t.recipe.members) == 1 and not t.recipe.pseudo_labels]
        facts: dict[str, Any] = {
            "n_candidates": sum(t.status != "out of time" for t in single),
            "too_slow": [t.number for t in single if t.status == "too slow"],
            "stopped": stopped,
            "chosen": chosen.number,
            "score": chosen.score,
            "judged_metric": judged or self.metric,
            "full_fit_seconds": chosen.full_seconds,
            "predict_ms": chosen.predict_ms,
            "excluded_members": excluded,
            "search_seconds": time.monotonic() - self.clock.started,
        }
        return Trained(
            recipe,
            self._table(chosen, skipped),
            OutOfFold(out.value, out.spread, out.proba, self.development.fold),
            self.metric,
            notes=tuple(self.notes),
            facts=facts,
        )

    def _table(self, chosen: _Tried, skipped: dict[str, str]) -> tuple[Candidate, ...]:
        order = {t.number: rank for rank, t in enumerate(self._ranked(), start=1)}
        rows = []
        for tried in self.tried:
            p = float("nan")
            if tried.status == "ranked":
                p = 1.0 if tried is chosen else corrected_p_value(tried.losses, chosen.losses)
            rows.append(replace(_candidate(tried), p_value=p, rank=order.get(tried.number, 0)))
        return (*rows, *_skipped(skipped))

    def _nothing(self) -> str:
        if any(t.status in ("out of time", "too slow") for t in self.tried) or not self.tried:
            return (
                "no candidate could be judged in the time that there is. Raise limits.minutes, choose a smaller "
                'protocol.depth, or name cheaper families: [training] families = ["ridge", "lightgbm"].'
            )
        reasons = [f"{t.recipe.label}: {t.reason}" for t in self.tried[:5]]
        return "all candidates failed:\n  - " + "\n  - ".join(reasons)

    def _tell(self) -> None:
        best = self._best()
        if best is None:
            return
        text = f"best of {len(self.tried)}: {best.recipe.label}, {self.metric} {best.score:.4g}"
        if self.clock.deadline is None:
            self.progress.tell(text)
            return
        end = self.clock.search_end(best.full_seconds) or self.clock.deadline
        left = max(end - time.monotonic(), 0.0)
        self.progress.tell(f"{text}; {left:.0f} s left", min(1.0 - left / max(end - self.clock.started, 1e-9), 1.0))

    def _write_skipped(self, skipped: dict[str, str]) -> None:
        if not any(e.get("event") == "candidate" for e in self.journal.events()):
            for candidate in _skipped(skipped):
                self._write({"event": "candidate", **to_jsonable(candidate)})

    def _write_candidate(self, tried: _Tried) -> None:
        old = self.known.get(tried.number)
        if old is None or old["status"] != tried.status:
            self._write({"event": "candidate", **to_jsonable(_candidate(tried))})

    def _write(self, event: dict[str, Any]) -> None:
        if self.replay is None:
            self.journal.append(to_jsonable(event))


def _candidate(tried: _Tried) -> Candidate:
    return Candidate(
        tried.number, tried.recipe, tried.status, tried.reason, tuple(float(v) for v in tried.losses), tried.score,
        float(np.sum(tried.fit_seconds)), tried.predict_ms,
    )  # fmt: skip


def _skipped(reasons: dict[str, str]) -> list[Candidate]:
    return [Candidate(0, Recipe((Spec(name),)), "skipped", reason) for name, reason in reasons.items()]


def _pool(ranked: Sequence[_Tried]) -> list[_Tried]:
    """The best candidates, and the best of each family however far behind: an ensemble lives from difference.

    A constant is no member: it would only shrink the others, which is the calibration's business.
    """
    ranked = [t for t in ranked if t.recipe.members[0].family != "dummy"]
    firsts: dict[str, _Tried] = {}
    for tried in ranked:
        firsts.setdefault(tried.recipe.members[0].family, tried)
    chosen = {t.number: t for t in [*ranked[:POOL], *firsts.values()]}
    return [t for t in ranked if t.number in chosen]


def _simplest(ranked: Sequence[_Tried]) -> _Tried:
    """The best, unless a simpler one differs by less than `NEGLIGIBLE` and cannot be told apart."""
    best = ranked[0]

    def place(tried: _Tried) -> int:
        family = tried.recipe.members[0].family
        return CHEAP_FIRST.index(family) if family in CHEAP_FIRST else len(CHEAP_FIRST)

    near = [t for t in ranked if t.score <= best.score * (1.0 + NEGLIGIBLE)]
    alike = [t for t in near if t is best or corrected_p_value(best.losses, t.losses) > 0.2]
    return min(alike, key=lambda t: (place(t), t.score, t.number))

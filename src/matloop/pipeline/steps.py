"""The steps of the walk after `collect`, each from frozen values to frozen values."""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from matloop.core.arrays import IntArray
from matloop.core.errors import DataError
from matloop.core.jsonable import dumps
from matloop.core.threads import one_thread
from matloop.data.clean import Cleaned, clean, sealed_account
from matloop.data.cleaning.fidelity import correct, judged_by
from matloop.data.dataset import Flagged, Labels, Provenance, Removal, Repair
from matloop.data.screen import Suspicion, screen_development
from matloop.data.table import RawTable
from matloop.deploy.bundle import save_bundle
from matloop.deploy.reference import FILE, HeldRows, sample_reference
from matloop.doubt.conformal import fit_doubt
from matloop.doubt.domain import fit_domain
from matloop.doubt.prediction import Prediction
from matloop.evaluate.evaluate import evaluate
from matloop.evaluate.gather import fold_models, gather
from matloop.evaluate.gathered import Gathered
from matloop.explain.explain import explain
from matloop.explain.values import Explanation
from matloop.pipeline.account import citations, shown_rows
from matloop.pipeline.card import manifest_of, model_card
from matloop.pipeline.clock import Clock
from matloop.pipeline.develop import develop, labelled_rows
from matloop.pipeline.folder import RunFolder, slug
from matloop.pipeline.measured import beside, write_files
from matloop.pipeline.profile import read_development
from matloop.pipeline.store import PROFILE, PROFILE_PAGE
from matloop.pipeline.studies import RESERVED, Material, make_studies
from matloop.pipeline.tables import dataset_frame, write_account, write_parquet
from matloop.pipeline.versions import versions
from matloop.problem.question import Problem, Target
from matloop.problem.toml import dump_problem
from matloop.profile.five import profile_table
from matloop.profile.five_values import DataProfile
from matloop.report.profile_summary import summarised
from matloop.report.record import ProfileSummary, TargetRecord
from matloop.report.studies import Studies
from matloop.represent.cache import Cache
from matloop.represent.representation import Effort, Representation, plan_representation, represent
from matloop.represent.table import FeatureTable
from matloop.split.groups import check_split
from matloop.split.vault import Sealed, seal
from matloop.train.fits import Fits
from matloop.train.model import Model
from matloop.train.plan import evidence_plan
from matloop.train.recipe_model import RecipeModel
from matloop.train.search import final_fit, search
from matloop.train.subject import Subject
from matloop.train.values import Development, LossCurve, Trained

LEAST_EXPLAIN_S, LEAST_STUDY_S = 5.0, 3.0
"""Seconds that explanation and studies get even when the minutes are used up; within what the limit allows to be
over."""


SLOWEST_ROW = 60.0
"""Seconds that one featurizer may take for one structure; a row that takes longer lacks those features, with the
reason."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything before training: clean rows, their features, and who may see which."""

    problem: Problem
    provenance: Provenance
    cleaned: Cleaned
    sealed: Sealed
    representation: Representation
    table: FeatureTable
    suspicions: tuple[Suspicion, ...]
    profile: ProfileSummary
    judged: Mapping[str, str]
    n_flagged: int


@dataclass(frozen=True, slots=True)
class Answered:
    """One target after training: the model, and all that is known about it without a sealed label."""

    target: Target
    development: Development
    trained: Trained
    gathered: Gathered
    model: Model
    explanation: Explanation
    studies: Studies
    rows: IntArray
    loss_curves: tuple[LossCurve, ...]


def _effort(problem: Problem) -> Effort:
    """All cores for structures, each row bounded, slow features kept for the next run; the rest is fast in place."""
    return Effort(problem.limits.cores or usable_cores(), SLOWEST_ROW, Cache())


def prepare(problem: Problem, raw: RawTable, vaults: Path, where: RunFolder, clock: Clock) -> Prepared:
    """Clean, represent, seal; the accounts of cleaning and the data without sealed labels go to the run folder."""
    where.write("problem.toml", dump_problem(problem))
    where.write("provenance.json", dumps(raw.provenance))
    with clock.step("clean", where):
        cleaned = clean(raw, problem)
        write_account(where.path / "removed.csv", Removal, cleaned.removed)
        measured = beside(problem, raw, cleaned.dataset)
        write_files(where.path / "files.csv", measured)
        cleaned = replace(cleaned, notes=(*cleaned.notes, *measured.notes))
    with clock.step("represent", where):
        representation = plan_representation(
            cleaned.dataset, problem.inputs, polynomial=problem.features.polynomial, folder=raw.folder
        )
        table = represent(cleaned.dataset, representation, _effort(problem))
    with clock.step("seal", where):
        sealed = seal(cleaned.dataset, problem, vaults)
        check_split(cleaned.dataset, sealed.development, sealed.sealed)
        cleaned, sealed, judged = at_one_level(problem, cleaned, sealed)
        # repairs tell values: those of sealed labels only after the look
        repaired = sealed_account(cleaned.repaired, cleaned.dataset, sealed.sealed, problem)
        write_account(where.path / "repaired.csv", Repair, repaired)
        write_parquet(where.path / "data.parquet", dataset_frame(sealed.dataset).assign(**measured.columns))
        where.write("split.json", dumps({"how": sealed.how, "sealed": sealed.dataset.ids[sealed.sealed]}))
        suspicions = screen_development(sealed.dataset, sealed.development, problem)
        flagged = (*cleaned.flagged, *(flag for one in suspicions for flag in one.flags))
        write_account(where.path / "flagged.csv", Flagged, sorted(flagged, key=lambda one: one.row))
    with clock.step("profile", where):
        profile = profiled(problem, raw, sealed, table, where)
    return Prepared(
        problem, raw.provenance, cleaned, sealed, representation, table, suspicions, profile, judged, len(flagged)
    )


def at_one_level(problem: Problem, cleaned: Cleaned, sealed: Sealed) -> tuple[Cleaned, Sealed, Mapping[str, str]]:
    """Development labels shifted to one level of theory where the problem asks for that, and {target: its level}."""
    if problem.cleaning.mixed != "correct":
        return cleaned, sealed, {}
    labelled = {name: np.isfinite(one.values) for name, one in cleaned.dataset.targets.items()}
    found = correct(sealed.dataset, sealed.development, cleaned.levels, problem, labelled)
    repaired = sorted((*cleaned.repaired, *found.repairs), key=lambda one: one.row)
    cleaned = replace(cleaned, repaired=tuple(repaired), notes=(*cleaned.notes, *found.notes))
    return cleaned, replace(sealed, dataset=found.dataset), found.to


def profiled(problem: Problem, raw: RawTable, sealed: Sealed, table: FeatureTable, where: RunFolder) -> ProfileSummary:
    """The five Vs of the table; no sealed label is looked at. A table that has none is told, not refused."""

    def made() -> DataProfile:
        seed = problem.protocol.seeds[0]
        read = read_development(problem, raw, sealed.dataset, sealed.development, seed=seed, features=table)
        with one_thread():
            return profile_table(read, seed=seed)

    try:
        return summarised(where.kept(PROFILE, DataProfile, made), PROFILE_PAGE)
    except (DataError, ArithmeticError, ValueError, np.linalg.LinAlgError) as error:
        return ProfileSummary(left_out=" ".join(str(error).split())[:300])


def answer(
    prepared: Prepared, target: Target, where: RunFolder, clock: Clock,
    *, deadline: float | None, like: RunFolder | None,
) -> Answered:  # fmt: skip
    """Search, final fit, doubt, and all evidence that needs no sealed label, for one target.

    deadline : of search and evidence (monotonic clock); None in a replay, which goes exactly as far as `like` did.
    """
    problem, name = prepared.problem, slug(target.name)
    protocol, seed = problem.protocol, problem.protocol.seeds[0]
    development = develop(prepared.sealed.dataset, prepared.table, prepared.sealed.development, target, problem)
    begun, whole = time.monotonic(), problem.limits.minutes * 60.0 / len(problem.targets)
    reserved = RESERVED[protocol.depth] * (whole if deadline is None else max(deadline - begun, 0.0))
    early = None if deadline is None else deadline - reserved
    plan = evidence_plan(protocol.depth, len(protocol.seeds), protocol.folds)
    workers = problem.limits.cores or usable_cores()
    first = like.recall(f"trained-{name}.json", Trained) if like else None
    told = like.recall(f"gathered-{name}.json", Gathered) if like else None
    if like is not None:
        shutil.copyfile(like.candidates(target.name), where.candidates(target.name))
    with Fits(development, folder=where.scratch / name, workers=workers, memory_gb=problem.limits.memory_gb) as fits:
        with clock.step(f"search {target.name}", where):
            trained = where.kept(
                f"trained-{name}.json",
                Trained,
                lambda: search(
                    development, fits, training=problem.training, limits=problem.limits, seed=seed, plan=plan,
                    deadline=early, journal=where.candidates(target.name), progress=clock.progress,
                    replay=int(first.facts["n_candidates"]) if first else None,
                ),
            )  # fmt: skip
        with clock.step(f"fit {target.name}", where):
            model, curves = final_model(development, trained, fits, target, seed)
        with clock.step(f"evidence {target.name}", where):
            gathered = where.kept(
                f"gathered-{name}.json",
                Gathered,
                lambda: gather(
                    development, trained, fits, plan=plan, seeds=protocol.seeds, target=target, like=told,
                    deadline=math.inf if early is None else early, progress=clock.progress,
                ),
            )  # fmt: skip
            kept = fold_models(development, trained, fits, gathered)
        # a replay has no clock, but studies would then take as long as they like
        until = time.monotonic() + reserved if deadline is None else deadline
        with clock.step(f"explain {target.name}", where):
            explanation = explained(development, kept, gathered, target, seed, until)
        with clock.step(f"study {target.name}", where):
            rows = labelled_rows(prepared.sealed.dataset, prepared.sealed.development, target)
            dataset = prepared.sealed.dataset
            subject = Subject(
                development, trained, fits, target, ids=dataset.ids[rows],
                shown=np.asarray(shown_rows(dataset, rows), dtype=np.str_), seed=seed, depth=protocol.depth,
            )  # fmt: skip
            material = Material(
                subject, gathered, explanation, kept, dataset.take(rows), prepared.representation, model
            )
            studies = make_studies(material, where, clock, deadline=max(until, time.monotonic() + LEAST_STUDY_S))
    return Answered(target, development, trained, gathered, model, explanation, studies, rows, curves)


def explained(
    development: Development,
    kept: Sequence[tuple[RecipeModel, IntArray]],
    gathered: Gathered,
    target: Target,
    seed: int,
    until: float,
) -> Explanation:
    """What the model leans on, within half of the time that is left."""
    now, classes = time.monotonic(), development.classes
    return explain(
        development, kept, metric=gathered.metric, seed=seed, target=target.name,
        deadline=max(now + 0.5 * (until - now), now + LEAST_EXPLAIN_S),
        positive=classes.index(target.positive) if target.positive in classes else 1,
    )  # fmt: skip


def final_model(
    development: Development, trained: Trained, fits: Fits, target: Target, seed: int
) -> tuple[Model, tuple[LossCurve, ...]]:
    """The recipe fitted on all development rows in a child process, with doubt and domain from out-of-fold rows; and
    the loss curves of members that have one.

    Raises
    ------
    RunError : the fit failed; the message says why.
    """
    estimator, result = final_fit(fits, trained.recipe, seed)
    table, n_folds = development.table, max(len(np.unique(development.fold[development.fold >= 0])), 2)
    # fold models have learnt from fewer rows than the final one
    doubt = fit_doubt(
        trained.out_of_fold, table.X, development.y, groups=development.groups, task=development.task,
        classes=development.classes, bounds=development.bounds, seed=seed, growth=n_folds / (n_folds - 1),
    )  # fmt: skip
    domain = fit_domain(table, development.y, development.groups, seed=seed)
    model = Model(
        target.name, development.task, development.unit, development.classes, table.columns(), estimator, doubt, domain
    )
    return model, result.curves


def look(
    prepared: Prepared, answered: list[Answered], where: RunFolder, clock: Clock
) -> tuple[Mapping[str, Prediction], Mapping[str, Labels], int]:
    """Predict the sealed rows, then open the vault: an event that is counted. Returns predictions, labels, looks."""
    with clock.step("look", where):
        table = prepared.table.take(prepared.sealed.sealed)
        predictions = {each.target.name: each.model.predict_table(table) for each in answered}
        digest = hashlib.sha256()
        for prediction in predictions.values():
            for array in (prediction.value, prediction.low, prediction.high, prediction.proba):
                digest.update(np.ascontiguousarray(array).tobytes())
        vault = prepared.sealed.vault
        labels = vault.look(run=where.path.name, why="evaluation", predictions_sha=digest.hexdigest())
        if prepared.judged:
            labels = judged_by(labels, prepared.cleaned.levels[prepared.sealed.sealed], prepared.judged)
        write_account(where.path / "repaired.csv", Repair, prepared.cleaned.repaired)
        return predictions, labels, vault.looks()


def judge(
    prepared: Prepared, each: Answered, prediction: Prediction, labels: Labels, looks: int,
    where: RunFolder, clock: Clock,
) -> TargetRecord:  # fmt: skip
    """Evaluation of one target, after the look."""
    dataset, sealed, seed = prepared.sealed.dataset, prepared.sealed.sealed, prepared.problem.protocol.seeds[0]
    known = np.flatnonzero(~np.isnan(labels.values))
    rows = sealed[known]
    own = each.rows
    with clock.step(f"evaluate {each.target.name}", where):
        evaluation = evaluate(
            model_prediction=prediction.take(known), labels=labels.take(known), sealed_table=prepared.table.take(rows),
            sealed_ids=dataset.ids[rows], sealed_groups=dataset.groups[rows], development=each.development,
            gathered=each.gathered, trained=each.trained, target=each.target, shown=shown_rows(dataset, rows).tolist(),
            looks=looks, seed=seed, development_ids=dataset.ids[own],
            development_shown=shown_rows(dataset, own).tolist(),
        )  # fmt: skip
    warned = [found.said for found in prepared.suspicions if found.target in ("", each.target.name)]
    return TargetRecord(
        each.target.name, each.trained.recipe, each.trained.candidates, evaluation, each.explanation,
        each.loss_curves, (*each.trained.notes, *warned), each.trained.metric, each.studies,
    )  # fmt: skip


def bundle(
    prepared: Prepared, answered: list[Answered], targets: list[TargetRecord], where: RunFolder, clock: Clock
) -> None:
    """Write the bundle: models as data, a sample of the rows they learnt from, manifest, problem, model card."""
    with clock.step("bundle", where):
        cited = citations(prepared.provenance, prepared.table, [target.recipe for target in targets])
        manifest = manifest_of(
            prepared.problem, prepared.representation, targets, matloop=versions()["matloop"], run_id=where.path.name,
            n_rows=len(prepared.sealed.development), data_sha256=prepared.provenance.sha256, versions=versions(),
            citations=cited,
        )  # fmt: skip
        extra = {"problem.toml": dump_problem(prepared.problem), "README.md": model_card(manifest, targets)}
        sealed, held = prepared.sealed, {each.target.name: _held_rows(each) for each in answered}
        kept = sample_reference(
            sealed.dataset, prepared.table, sealed.development, held, seed=prepared.problem.protocol.seeds[0]
        )
        models = {each.target.name: each.model for each in answered}
        save_bundle(where.path / "bundle", manifest, models, extra, {FILE: kept.to_arrays()})


def _held_rows(answered: Answered) -> HeldRows:
    return HeldRows(answered.rows, answered.development.y, answered.gathered.cv.prediction)


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

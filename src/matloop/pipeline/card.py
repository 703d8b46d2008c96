"""The bundle's manifest and model card: what a stranger must know before using the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matloop.deploy.bundle import FORMAT, Manifest
from matloop.problem.question import Problem
from matloop.report.record import TargetRecord
from matloop.represent.representation import Representation

SEALED = "development rows only; the sealed rows were never used for fitting"


def evidence_of(targets: Sequence[TargetRecord]) -> Mapping[str, Mapping[str, str]]:
    """The verdict and the scores on sealed rows, in words, by target."""
    found = {}
    for target in targets:
        evaluation = target.evaluation
        scores = {
            name: f"{score.value:.6g} [{score.low:.6g}, {score.high:.6g}]"
            for name, score in evaluation.vault.scores.items()
        }
        found[target.name] = {"verdict": evaluation.verdict.sentence, "model": target.recipe.label, **scores}
    return found


def manifest_of(
    problem: Problem, representation: Representation, targets: Sequence[TargetRecord], **facts: object
) -> Manifest:
    """The manifest of a run's bundle; `facts` are its remaining fields."""
    return Manifest(
        format=FORMAT,
        name=problem.name,
        question=problem.question,
        inputs=problem.inputs,
        representation=representation,
        models=(),
        trained_on=SEALED,
        seeds=problem.protocol.seeds,
        evidence=evidence_of(targets),
        missing=problem.data.missing,
        **facts,  # type: ignore[arg-type]
    )


def model_card(manifest: Manifest, targets: Sequence[TargetRecord]) -> str:
    """The card as Markdown."""
    lines = [f"# {manifest.name}", "", manifest.question, ""]
    for target in targets:
        verdict = target.evaluation.verdict
        lines += [
            f"## {target.name}",
            "",
            *(f"**{warning}**" for warning in verdict.warnings),
            "",
            verdict.sentence,
            "",
        ]
        lines += [f"- {reason}" for reason in verdict.reasons]
        lines += ["", "| metric on sealed rows | value [95 % interval] |", "|---|---|"]
        lines += [f"| {name} | {text} |" for name, text in manifest.evidence[target.name].items() if "[" in text]
        lines += [""]
    inputs = ", ".join(f"`{entry.column or entry.name}` ({entry.kind})" for entry in manifest.inputs)
    lines += [
        "## Use", "", f"Needs a table with: {inputs}.", "", "    matloop predict BUNDLE TABLE -o OUT.csv", "",
        f"Trained on {manifest.n_rows} rows: {manifest.trained_on}. Data SHA-256 `{manifest.data_sha256}`. "
        f"Made by matloop {manifest.matloop}, run {manifest.run_id}, seeds {list(manifest.seeds)}.", "",
        "## Cite", "", *(f"- {entry}" for entry in manifest.citations), "",
    ]  # fmt: skip
    return "\n".join(lines)

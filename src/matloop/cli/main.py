"""The command `matloop`: names, options, help. Each command loads the function that does the work when it is called."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import matloop
from matloop.cli import (
    campaigns,
    designing,
    exporting,
    harvest,
    keys,
    monitoring,
    published,
    references,
    registry,
    retraining,
    serve,
    serving,
    shared,
    stored,
    tracking,
)
from matloop.cli.shell import Shell, load, show

app = typer.Typer(
    name="matloop",
    cls=Shell,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="From a question about materials to a model that can be trusted.",
    epilog="A first walk: matloop init steels.csv -o problem.toml, then matloop "
    "check problem.toml, matloop run problem.toml",
)
features = typer.Typer(no_args_is_help=True, help="Turn compositions, molecules and structures into numbers.")
data = typer.Typer(no_args_is_help=True, help="Tables, stores of data sets, and what is in them.")
models = typer.Typer(no_args_is_help=True, help="Model families that a run may try, and registered models.")
trust = typer.Typer(no_args_is_help=True, help="Whether a model, or the way it was tested, can be believed.")
app.add_typer(features, name="features")
app.add_typer(data, name="data")
app.add_typer(models, name="models")
app.add_typer(trust, name="trust")
app.add_typer(campaigns.campaign, name="campaign")
app.add_typer(retraining.retrain, name="retrain")

Json = Annotated[bool, typer.Option("--json", help="Print the result (or the error) as JSON and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
ProblemFile = Annotated[Path, typer.Argument(help="The problem file (TOML).", metavar="PROBLEM")]
RunFolder = Annotated[Path, typer.Argument(help="A run folder, as printed by matloop run.", metavar="RUN")]
Table = Annotated[
    str,
    typer.Argument(help="CSV, TSV, Excel, JSON lines or Parquet (also .gz), or a carried data set.", metavar="TABLE"),
]


@app.callback()
def root(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error came from (or MATLOOP_DEBUG=1).")] = False,
) -> None:
    """From a question about materials to a model that can be trusted."""
    del debug  # Shell takes it out of the arguments, wherever it stands


@app.command(epilog="Example: matloop init steels.csv -o problem.toml --target 'yield strength'")
def init(
    table: Table,
    out: Annotated[Path, typer.Option("--out", "-o", help="The problem file to write.")] = Path("problem.toml"),
    target: Annotated[
        list[str] | None, typer.Option("--target", "-t", help="Column asked for (repeat for more).")
    ] = None,
    sheet: Annotated[str, typer.Option("--sheet", help="Sheet of an Excel file (the first by default).")] = "",
    encoding: Annotated[str, typer.Option("--encoding", help="Encoding of a text file (UTF-8 by default).")] = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the problem file.")] = False,
    json: Json = False,
) -> None:
    """Draft a problem file by looking at a table: inputs, target, task, groups; says what it guessed."""
    write = load("matloop.pipeline.draft:write_draft")
    drafted = write(table, out, targets=tuple(target or ()), sheet=sheet, encoding=encoding, force=force)
    lines = [*drafted.said, "", f"Written to {out}. Look at it, then: matloop check {out}"]
    show(lines, {"out": str(out), "problem": drafted.problem, "said": drafted.said}, json)


@app.command(epilog="Example: matloop check problem.toml")
def check(
    problem: ProblemFile,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder where runs would be kept.")] = Path("runs"),
    json: Json = False,
) -> None:
    """Find every fault of a problem or campaign file, and of its data, first (exit 2: the file, 3: the data)."""
    if load("matloop.problem.campaign_toml:is_campaign")(problem):
        checked = load("matloop.campaign.check:check_campaign")(problem)
    else:
        checked = load("matloop.pipeline.check:check")(problem, folder=out)
    show(checked.lines(), checked.as_json(), json)
    raise typer.Exit(checked.exit_code)


@app.command(epilog="Example: matloop run problem.toml -o runs")
def run(
    problem: ProblemFile,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for runs; the same call goes on with a stopped one.")
    ] = Path("runs"),
    replay: Annotated[bool, typer.Option("--replay", help="Do a finished run again and compare the results.")] = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Answer the question: data to report and bundle, within the minutes of the problem file."""
    question = load("matloop.problem.toml:load_problem")(problem)
    with load("matloop.cli.bar:listener")(quiet=quiet) as progress:
        walk = load("matloop.pipeline.run:run")
        result = walk(question, folder=out, base=problem.absolute().parent, replay=replay, progress=progress)
    show(load("matloop.cli.words:run_lines")(result), load("matloop.cli.words:run_json")(result), json)
    raise typer.Exit(load("matloop.cli.words:run_code")(result))


@app.command(epilog="Example: matloop predict runs/steels/1f3a/bundle candidates.csv -o predictions.csv")
def predict(
    bundle: Annotated[Path, typer.Argument(help="The bundle of a run.", metavar="BUNDLE")],
    table: Annotated[
        str, typer.Argument(help="Rows to predict: a table, a folder of Parquet files or a pattern.", metavar="TABLE")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File to write (.csv, .parquet, .jsonl, .xlsx), or a folder for parts."),
    ] = None,
    columns: Annotated[
        str | None, typer.Option("--columns", "-c", help="Columns to carry over, separated by commas (all by default).")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", "-w", help="Processes; 0 for one per core.")] = None,
    backend: Annotated[str, typer.Option("--backend", help="Who works: processes, or dask://SCHEDULER:8786.")] = "",
    anew: Annotated[bool, typer.Option("--anew", help="Throw away what another batch has left at OUT.")] = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Predict each row of a table of any size with its interval, and say which rows are unlike the training data."""
    given = load("matloop.deploy.batch.predict:Asked")(columns, workers, backend, anew)
    with load("matloop.cli.bar:listener")(quiet=quiet or out is None) as progress:
        done = load("matloop.deploy.batch.predict:predict_table")(bundle, table, out, given, progress=progress)
    show(load("matloop.cli.words:predict_lines")(done), load("matloop.cli.words:predict_json")(done), json)


app.command("design", epilog=designing.EXAMPLE)(designing.design)
app.command("export", epilog=exporting.EXAMPLE)(exporting.export)


@app.command(epilog="Example: matloop report runs/steels/1f3a")
def report(run: RunFolder, json: Json = False) -> None:
    """Write the report page of a finished run again from its files."""
    page = load("matloop.pipeline.run:report_again")(run)
    show([str(page)], {"report": str(page)}, json)


@app.command(epilog="Example: matloop cite runs/steels/1f3a")
def cite(run: RunFolder, json: Json = False) -> None:
    """List what to cite for a run: data, features, models, methods."""
    citations = load("matloop.pipeline.run:cite")(run)
    show(citations, {"citations": citations}, json)


@app.command(epilog="Example: matloop version")
def version(json: Json = False) -> None:
    """Print the release of matloop, and of what its numbers depend on."""
    found = dict(load("matloop.pipeline.versions:versions")())
    found["matloop"] = matloop.__version__
    lines = [f"matloop {matloop.__version__}", *(f"  {name} {found[name]}" for name in found if name != "matloop")]
    show(lines, {"version": matloop.__version__, "versions": found}, json)


@features.command("make", epilog="Example: matloop features make alloys.csv --set magpie,fractions -o X.parquet")
def features_make(
    table: Table,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="File to write: .csv, .parquet, .jsonl or .xlsx by its ending.")
    ],
    column: Annotated[str, typer.Option("--column", "-c", help="The column to describe ('formula' if there is).")] = "",
    names: Annotated[
        str, typer.Option("--set", "-s", help="Featurizers, separated by commas, with options as in rdf(cutoff=8).")
    ] = "auto",
    keep: Annotated[str, typer.Option("--keep", "-k", help="Columns to carry over, separated by commas.")] = "",
    kind: Annotated[str, typer.Option("--kind", help="composition, molecule or structure, if not clear.")] = "",
    workers: Annotated[int, typer.Option("--workers", "-w", help="Processes; 0 for one per core.")] = 1,
    seconds: Annotated[
        float | None, typer.Option("--seconds-per-row", help="A row that takes longer gets empty cells.")
    ] = None,
    memory: Annotated[float | None, typer.Option("--memory-gb", help="Memory that one process may use.")] = None,
    cache: Annotated[bool, typer.Option("--cache/--no-cache", help="Keep slow features for the next time.")] = True,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Compute features of compositions, molecules or structures; a row that cannot be described gets a reason."""
    work = load("matloop.pipeline.features:Work")(workers, seconds, memory, cache)
    with load("matloop.cli.bar:listener")(quiet=quiet) as progress:
        made = load("matloop.pipeline.features:make_features")(
            table, column=column, sets=load("matloop.represent.spec:split")(names), out=out, kind=kind, work=work,
            keep=[name.strip() for name in keep.split(",") if name.strip()], progress=progress,
        )  # fmt: skip
    show(made.lines(), made, json)


@features.command(
    "compare", epilog="Example: matloop features compare problem.toml --sets 'magpie;magpie,valence;auto'"
)
def features_compare(
    problem: ProblemFile,
    sets: Annotated[
        str, typer.Option("--sets", "-s", help="Sets of featurizers, separated by semicolons; usual ones by default.")
    ] = "",
    cutoff: Annotated[
        str,
        typer.Option("--cutoff", help="Length scales in Angstrom, such as 3,4,5,6,8: a curve for sets that have one."),
    ] = "",
    target: Annotated[str, typer.Option("--target", "-t", help="Which target, where there are several.")] = "",
    input_name: Annotated[str, typer.Option("--input", help="Which input, where there are several of matter.")] = "",
    model: Annotated[
        list[str] | None, typer.Option("--model", help="Family to compare with (repeat for more).")
    ] = None,
    minutes: Annotated[float, typer.Option("--minutes", help="What it may cost.")] = 5.0,
    rows: Annotated[int, typer.Option("--rows", help="Development rows to compare on, at most.")] = 1500,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The page to write (.html).")] = None,
    runs: Annotated[Path, typer.Option("--runs", help="Folder of runs, which holds the sealed rows.")] = Path("runs"),
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Pit representations against each other on development rows: paired tests, cost, length scale."""
    told = load("matloop.pipeline.compare:sets_told")(sets), load("matloop.pipeline.compare:cutoffs_told")(cutoff)
    with load("matloop.cli.bar:listener")(quiet=quiet) as progress:
        compare = load("matloop.pipeline.compare:compare_features")
        found = compare(
            problem, told[0], cutoffs=told[1], target=target, input_name=input_name, models=model or (),
            minutes=minutes, rows=rows, out=out, folder=runs, progress=progress,
        )  # fmt: skip
    show(found.lines(), found.as_json(), json)


@features.command(
    "neighbours",
    epilog="Example: matloop features neighbours alloys.csv --of LiFePO4 -k 5 --metric earth_mover",
)
def features_neighbours(
    table: Table,
    of: Annotated[list[str], typer.Option("--of", help="A formula, SMILES or structure file (repeat for more).")],
    k: Annotated[int, typer.Option("--number", "-k", help="How many neighbours.")] = 10,
    column: Annotated[str, typer.Option("--column", "-c", help="The column to describe ('formula' if there is).")] = "",
    names: Annotated[str, typer.Option("--set", "-s", help="Featurizers, separated by commas.")] = "auto",
    metric: Annotated[
        str, typer.Option("--metric", "-m", help="euclidean, cosine, manhattan, minkowski or earth_mover.")
    ] = "euclidean",
    p: Annotated[float, typer.Option("--power", help="The power of the Minkowski distance.")] = 3.0,
    keep: Annotated[str, typer.Option("--keep", help="Further columns to show, separated by commas.")] = "",
    kind: Annotated[str, typer.Option("--kind", help="composition, molecule or structure, if not clear.")] = "",
    workers: Annotated[int, typer.Option("--workers", "-w", help="Processes; 0 for one per core.")] = 1,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Find the rows of a table that are nearest to a material, in any representation; all rows are compared."""
    with load("matloop.cli.bar:listener")(quiet=quiet) as progress:
        found = load("matloop.pipeline.neighbours:find_neighbours")(
            table, of, k=k, sets=load("matloop.represent.spec:split")(names), metric=metric, p=p, column=column,
            keep=[name.strip() for name in keep.split(",") if name.strip()], kind=kind,
            work=load("matloop.pipeline.features:Work")(workers), progress=progress,
        )  # fmt: skip
    show(found.lines(), found, json)


@features.command("cache", epilog="Example: matloop features cache --clear")
def features_cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove everything.")] = False, json: Json = False
) -> None:
    """Show what is kept of slow features for the next time, or remove it."""
    kept = load("matloop.pipeline.features:kept_features")(clear=clear)
    show(kept.lines(), kept, json)


@features.command("list", epilog="Example: matloop features list")
def features_list(json: Json = False) -> None:
    """List the featurizers and what they compute."""
    known = load("matloop.pipeline.catalogue:featurizers")()
    show(load("matloop.cli.lists:aligned")([(card.name, card.about) for card in known]), known, json)


@data.command("list", epilog="Example: matloop data list")
def data_list(json: Json = False) -> None:
    """List the data sets that matloop carries: write their name where a table is asked for."""
    known = load("matloop.pipeline.catalogue:datasets")()
    show(load("matloop.cli.lists:aligned")([(card.name, card.about) for card in known]), known, json)


@data.command("profile", epilog="Example: matloop data profile steels.csv -o profile.html")
def data_profile(
    table: Annotated[str, typer.Argument(help="A table, a carried data set, or a problem file.", metavar="TABLE")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The page to write (.html).")] = None,
    target: Annotated[list[str] | None, typer.Option("--target", "-t", help="Column asked for (guessed).")] = None,
    sheet: Annotated[str, typer.Option("--sheet", help="Sheet of an Excel file (the first by default).")] = "",
    encoding: Annotated[str, typer.Option("--encoding", help="Encoding of a text file (UTF-8 by default).")] = "",
    depth: Annotated[str, typer.Option("--depth", help="Maps: quick, standard (t-SNE) or thorough (UMAP).")] = "quick",
    runs: Annotated[Path, typer.Option("--runs", help="Folder of runs, which holds the sealed rows.")] = Path("runs"),
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Look at a table before any model: amount, pace, trust, gaps, ageing, relations, a map of the materials."""
    with load("matloop.cli.bar:listener")(quiet=quiet) as progress:
        found = load("matloop.pipeline.profile:profile_data")(
            table, targets=tuple(target or ()), sheet=sheet, encoding=encoding, depth=depth, out=out, folder=runs,
            progress=progress,
        )  # fmt: skip
    show(found.lines(), found.as_json(), json)


serve.add_to(app)
monitoring.add_to(app)
stored.add_to(data)
references.add_to(data)
serving.add_to(data)
harvest.add_to(data)
shared.add_to(data)
published.add_to(data)
keys.add_to(data)
registry.add_to(models, data)
tracking.add_to(models)


@trust.command("leaks", epilog="Example: matloop trust leaks problem.toml --folds split --pipeline mine.py:predict")
def trust_leaks(
    problem: ProblemFile,
    folds: Annotated[str, typer.Option("--folds", help="Column that says where each row is held out.")] = "",
    pipeline: Annotated[
        str,
        typer.Option("--pipeline", help="Your own cross-validation, FILE.py:FUNCTION; the file is run.", metavar="F"),
    ] = "",
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Search table, split, matloop's own walk and your pipeline for leaks (exit 7: one is certain)."""
    with load("matloop.cli.bar:listener")(quiet=quiet) as progress:
        found = load("matloop.pipeline.leaks:find_leaks")(problem, folds=folds, pipeline=pipeline, progress=progress)
    show(found.lines(), found.as_json(), json)
    raise typer.Exit(found.exit_code)


@trust.command("judge", epilog="Example: matloop trust judge runs/steels/1f3a/bundle new_heats.csv -o judgement.html")
def trust_judge(
    subject: Annotated[
        str, typer.Argument(help="A bundle; or, with --truth, a table of predictions.", metavar="BUNDLE|PREDICTIONS")
    ],
    table: Annotated[str, typer.Argument(help="New labelled rows for the bundle.", metavar="TABLE")] = "",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The page to write (.html).")] = None,
    truth: Annotated[str, typer.Option("--truth", help="Column of the measured value.")] = "",
    prediction: Annotated[str, typer.Option("--prediction", help="Column of the predicted value.")] = "prediction",
    low: Annotated[str, typer.Option("--low", help="Column of the lower end of the interval.")] = "",
    high: Annotated[str, typer.Option("--high", help="Column of the upper end of the interval.")] = "",
    std: Annotated[str, typer.Option("--std", help="Column of one standard deviation.")] = "",
    group: Annotated[str, typer.Option("--group", help="Column of rows that belong together.")] = "",
    json: Json = False,
) -> None:
    """Judge an existing model, or anybody's predictions, on new labelled rows (exit 8: not to be trusted)."""
    if truth:
        found = load("matloop.pipeline.judge:judge_predictions")(
            subject, truth=truth, prediction=prediction, low=low, high=high, std=std, group=group, out=out
        )
    else:
        found = load("matloop.pipeline.judge:judge")(subject, table, out=out)
    show(found.lines(), found.as_json(), json)
    raise typer.Exit(found.exit_code)


@trust.command("propagate", epilog="Example: matloop trust propagate chain.toml candidates.csv -o out.csv")
def trust_propagate(
    chain: Annotated[Path, typer.Argument(help="The chain: a TOML file of steps.", metavar="CHAIN")],
    table: Table,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write: .csv, .parquet, .jsonl or .xlsx by its ending.")
    ] = None,
    draws: Annotated[int, typer.Option("--draws", help="Draws per row and pass.")] = 500,
    seed: Annotated[int, typer.Option("--seed", help="Of the draws.")] = 0,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Carry uncertainty through measurements, bundles and formulas, and say which step to improve first."""
    with load("matloop.cli.bar:listener")(quiet=quiet or out is None) as progress:
        carry = load("matloop.pipeline.chain:carry")
        found = carry(chain, table, out, n_draws=draws, seed=seed, progress=progress)
    show(found.lines(), found.as_json(), json)


@trust.command("whatif", epilog="Example: matloop trust whatif runs/gap/1f3a/bundle LiCoO2 --change Co=Ni")
def trust_whatif(
    bundle: Annotated[Path, typer.Argument(help="The bundle of a run.", metavar="BUNDLE")],
    formula: Annotated[str, typer.Argument(help="The material.", metavar="FORMULA")] = "",
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help="A further input, NAME=VALUE (repeat for more).")
    ] = None,
    change: Annotated[
        list[str] | None, typer.Option("--change", help="Co=Ni, Li=1.1 or temperature=900 (repeat for more).")
    ] = None,
    target: Annotated[str, typer.Option("--target", "-t", help="Which target, where there are several.")] = "",
    at_least: Annotated[float | None, typer.Option("--at-least", help="Goal: a value of at least this.")] = None,
    at_most: Annotated[float | None, typer.Option("--at-most", help="Goal: a value of at most this.")] = None,
    becomes: Annotated[str, typer.Option("--becomes", help="Goal: the name of a class.")] = "",
    json: Json = False,
) -> None:
    """Say what a model predicts when a material is changed, or the smallest change that reaches a goal."""
    found = load("matloop.pipeline.whatif:what_if_told")(
        bundle, formula, inputs=inputs or (), changes=change or (), target=target,
        at_least=at_least, at_most=at_most, becomes=becomes,
    )  # fmt: skip
    show(found.lines(), found.as_json(), json)


def main() -> None:
    """Run the command line."""
    sys.exit(app(prog_name="matloop"))

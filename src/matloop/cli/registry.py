"""The commands of registered models: `matloop models add`, `list`, `promote`, ... and who may do what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from matloop.cli.shell import load, show

Json = Annotated[bool, typer.Option("--json", help="Print the result (or the error) as JSON and nothing else.")]
Store = Annotated[
    str, typer.Argument(help="The store: a file, or postgresql://user@host/database", metavar="STORE")
]  # fmt: skip
Model = Annotated[
    str, typer.Argument(help="NAME@3, NAME@latest, or NAME for its champion.", metavar="NAME[@VERSION]")
]  # fmt: skip
Name = Annotated[str, typer.Argument(help="Name of the model.", metavar="NAME")]
Why = Annotated[str, typer.Option("--why", help="The reason; it stays in the log of deeds.")]
Who = Annotated[str, typer.Option("--who", help="Who does it (the user that is logged in).")]


def models_list(
    place: Annotated[
        str, typer.Argument(help="A store: then its registered models (* is in use).", metavar="STORE")
    ] = "",
    json: Json = False,
) -> None:  # fmt: skip
    """List the model families, their tasks and whether they are installed; with a store, its registered models."""
    if place:
        _told("list_models", place, as_json=json)
        return
    known = load("matloop.pipeline.catalogue:families")()
    rows = [(card.name, card.about, ", ".join(card.tasks), card.state) for card in known]
    show(load("matloop.cli.lists:aligned")(rows), known, json)


def models_add(
    place: Store,
    folder: Annotated[Path, typer.Argument(help="The folder of a run (better), or of a bundle.", metavar="RUN")],
    name: Annotated[str, typer.Option("--name", help="Its name (that of the problem).")] = "",
    note: Annotated[str, typer.Option("--note", help="What it is, for people.")] = "",
    parent: Annotated[int, typer.Option("--parent", help="Version that it was trained to replace.")] = 0,
    who: Who = "",
    json: Json = False,
) -> None:
    """Register a run as the next version of a model: a candidate, with what it learnt from."""
    _told("add_model", place, folder, name=name, note=note, parent=parent, who=who, as_json=json)


def models_show(place: Store, model: Model, json: Json = False) -> None:
    """Show the versions of a model, or one version (NAME@3) with its evidence and files."""
    _told("show_model", place, model, as_json=json)


def models_promote(
    place: Store,
    model: Annotated[str, typer.Argument(help="NAME@3 or NAME@latest.", metavar="NAME@VERSION")],
    why: Why,
    instead_of: Annotated[
        int | None, typer.Option("--instead-of", help="Refuse if another version is champion by now (0: any is).")
    ] = None,
    who: Who = "",
    json: Json = False,
) -> None:
    """Make a version the champion, which services then use; the one before is retired."""
    _told("promote_model", place, model, why=why, who=who, instead_of=instead_of, as_json=json)


def models_rollback(place: Store, name: Name, why: Why, who: Who = "", json: Json = False) -> None:
    """Go back to the champion before this one."""
    _told("rollback_model", place, name, why=why, who=who, as_json=json)


def models_retire(
    place: Store,
    model: Annotated[str, typer.Argument(help="NAME@3", metavar="NAME@VERSION")],
    why: Why,
    who: Who = "",
    json: Json = False,
) -> None:
    """Say of a version that it is not to be used any more; it stays in the store."""
    _told("retire_model", place, model, why=why, who=who, as_json=json)


def models_fetch(
    place: Store,
    model: Model,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to put the bundle into.")] = Path("bundles"),
    json: Json = False,
) -> None:
    """Copy a bundle out of the store, every byte checked; prints its folder."""
    _told("fetch_model", place, model, out, as_json=json)


def models_history(
    place: Store,
    name: Annotated[str, typer.Argument(help="Of one model only.", metavar="NAME")] = "",
    check: Annotated[
        bool, typer.Option("--check", help="Check that nothing was changed or taken out (exit 5 if so).")
    ] = False,
    json: Json = False,
) -> None:
    """Show who did what to which model, when and why."""
    _told("model_history", place, name, check=check, as_json=json)


def models_lineage(
    place: Store,
    model: Annotated[
        str, typer.Argument(help="NAME@3, NAME@latest or NAME (not with --request).", metavar="NAME[@VERSION]")
    ] = "",
    row: Annotated[str, typer.Option("--row", help="A row as JSON: what it was predicted from.")] = "",
    request: Annotated[str, typer.Option("--request", help="Id of a request in the log, ID or ID/ROW.")] = "",
    log: Annotated[Path | None, typer.Option("--log", help="The prediction log, for --request.")] = None,
    number: Annotated[int, typer.Option("--number", "-n", help="Training rows to show.")] = 10,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write all training rows as CSV.")] = None,
    json: Json = False,
) -> None:
    """Go back from a model, or one prediction, to the run, dataset, training rows and database records."""
    if request or log is not None:
        found = load("matloop.monitor.origins:lineage_of_request")(place, request, log, model=model, limit=number)
    else:
        found = load("matloop.pipeline.registered:model_lineage")(place, model, row=row, limit=number, out=out)
    show(found.lines(), found.as_json() if hasattr(found, "as_json") else found.value, json)


# ---- roles ----

User = Annotated[str, typer.Argument(help="A user of the database.", metavar="USER")]
Reason = Annotated[str, typer.Option("--why", help="For the log of deeds.")]


def grant(
    place: Store,
    user: User,
    role: Annotated[str, typer.Option("--role", help="read (look), run (add), admin (promote, give roles).")],
    why: Reason = "",
    who: Who = "",
    json: Json = False,
) -> None:
    """Give a user of a PostgreSQL store a role, in place of the one it has."""
    _told("grant_role", place, user, role, why=why, who=who, as_json=json)


def revoke(place: Store, user: User, why: Reason = "", who: Who = "", json: Json = False) -> None:
    """Take the role of a user of a PostgreSQL store away."""
    _told("revoke_role", place, user, why=why, who=who, as_json=json)


def who_may(place: Store, json: Json = False) -> None:
    """List the users of a PostgreSQL store and their roles, as the database itself judges."""
    _told("list_roles", place, as_json=json)


def _told(function: str, *given: object, as_json: bool, **named: object) -> None:
    found = load(f"matloop.pipeline.registered:{function}")(*given, **named)
    show(found.lines(), found.value, as_json)


EXAMPLES: dict[Callable[..., None], str] = {
    models_list: "list materials.db",
    models_add: "add materials.db runs/gap/1f3a --name gap --note 'more oxides'",
    models_show: "show materials.db gap@2",
    models_promote: "promote materials.db gap@2 --why 'error down by a tenth on the vault'",
    models_rollback: "rollback materials.db gap --why 'wrong on nitrides'",
    models_retire: "retire materials.db gap@1 --why 'learnt from wrong units'",
    models_fetch: "fetch materials.db gap@champion -o bundles",
    models_history: "history materials.db gap --check",
    models_lineage: 'lineage materials.db gap --row \'{"formula": "GaAs"}\'',
}


ROLE_EXAMPLES: dict[Callable[..., None], str] = {
    grant: "grant postgresql://db.example/materials ada --role run",
    revoke: "revoke postgresql://db.example/materials ada --why 'left the group'",
    who_may: "who postgresql://db.example/materials",
}


def add_to(models: typer.Typer, data: typer.Typer) -> None:
    """Put the commands into `matloop models`, and those of roles into `matloop data`."""
    for app, name, examples in ((models, "models", EXAMPLES), (data, "data", ROLE_EXAMPLES)):
        for command, example in examples.items():
            app.command(example.partition(" ")[0], epilog=f"Example: matloop {name} {example}")(command)

"""The commands of keys: `matloop data key set`, `list`, `remove`. A key is never an argument and never shown."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from matloop.cli.shell import load, show

Json = Annotated[bool, typer.Option("--json", help="Print the result (or the error) as JSON and nothing else.")]
Name = Annotated[str, typer.Argument(help="The database: mp (Materials Project).", metavar="NAME")]

key = typer.Typer(no_args_is_help=True, help="Keys of databases, in the keyring of the user.")


@key.command("set", epilog="Example: matloop data key set mp")
def set_key(name: Name, json: Json = False) -> None:
    """Keep a key in the keyring; it is asked for without being shown (or read from a pipe)."""
    door = load("matloop.data.harvest.keys:door")(name)
    if sys.stdin.isatty():
        given = typer.prompt(f"Key for {door.title} (from {door.where}; not shown)", hide_input=True)
    else:
        given = sys.stdin.readline()
    load("matloop.data.harvest.keys:set_key")(name, given)
    show([f"{door.title}: kept in the keyring"], {"name": name, "found": "keyring"}, json)


@key.command("list", epilog="Example: matloop data key list")
def list_keys(json: Json = False) -> None:
    """Say for which databases there is a key, and where it is; keys are not shown."""
    found = load("matloop.data.harvest.keys:key_states")()
    rows = [(one.name, one.title, f"in the {one.found}" if one.found else f"none ({one.variable})") for one in found]
    show(load("matloop.cli.lists:aligned")(rows), found, json)


@key.command("remove", epilog="Example: matloop data key remove mp")
def remove_key(name: Name, json: Json = False) -> None:
    """Take a key out of the keyring."""
    door = load("matloop.data.harvest.keys:door")(name)
    there = load("matloop.data.harvest.keys:remove_key")(name)
    said = "taken out of the keyring" if there else "there was none in the keyring"
    show([f"{door.title}: {said}"], {"name": name, "removed": there}, json)


def add_to(app: typer.Typer) -> None:
    """Put the commands into `matloop data`."""
    app.add_typer(key, name="key")

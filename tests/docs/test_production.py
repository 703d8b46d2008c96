"""The examples of running matloop for a team: files that parse, and commands and options that exist."""

import configparser
import json
import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from matloop.cli.main import app

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples/production"
PAGE = ROOT / "docs/howto/run-for-a-team.md"
COMPOSE = FOLDER / "compose.yml"
UNITS = ("matloop-serve.service", "matloop-monitor.service", "matloop-monitor.timer")


def unit(name):
    parser = configparser.ConfigParser(strict=False, interpolation=None, comment_prefixes=("#",))
    parser.optionxform = str
    parser.read_string((FOLDER / name).read_text("utf-8"))
    return parser


def from_shell(text):
    """Commands of matloop in a line of shell, also those within $(...)."""
    if text.strip().startswith(("docker", "pg_dump", "createdb")):
        inner = re.match(r"\s*docker compose run .*? serve (.*)", text)
        return [shlex.split(inner[1])] if inner else []
    found = []
    for inner in re.findall(r"\$\$?\(([^)]*)\)", text):
        found += from_shell(inner)
        text = text.replace(inner, "")
    for part in re.findall(r"(?:^|[\s'\"])(?:/[\w/.-]*/)?matloop (?=[a-z])([^|;&]*)", text):
        found.append(shlex.split(part.replace("'", "").replace('"', "")))
    return found


def commands():
    found = [from_shell(unit(name)["Service"]["ExecStart"]) for name in UNITS[:2]]
    for line in re.findall(r"command: (\[.*?\])$", COMPOSE.read_text("utf-8"), re.M | re.S):
        words = json.loads(re.sub(r"\s+", " ", line))
        found.append(from_shell(words[0]) if len(words) == 1 else [words])
    for block in re.findall(r"(?:^    .*\n)+", PAGE.read_text("utf-8"), re.M):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            found.append(from_shell(line.partition("#")[0] if " # " in line else line))
    return [words for several in found for words in several]


def test_there_are_commands():
    assert {words[0] for words in commands()} >= {"serve", "monitor", "models", "data"}


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_commands_and_their_options_exist(words):
    command, rest = get_command(app), list(words)
    while hasattr(command, "commands"):
        assert rest, f"{words}: no command"
        assert rest[0] in command.commands, f"{words}: there is no command {rest[0]}"
        command = command.commands[rest.pop(0)]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for option in (word for word in rest if re.match(r"--?[a-z]", word)):
        assert option in known, f"{words}: has no option {option}"


@pytest.mark.parametrize("name", UNITS)
def test_units_parse_and_are_hardened(name):
    parser = unit(name)
    assert parser["Unit"]["Description"]
    if name.endswith(".timer"):
        assert parser["Timer"]["OnCalendar"]
        return
    service = parser["Service"]
    wanted = {"NoNewPrivileges": "yes", "ProtectSystem": "strict", "PrivateTmp": "yes", "CapabilityBoundingSet": ""}
    assert {key: service[key] for key in wanted} == wanted
    assert service["User"] != "root"


def test_the_compose_file_is_whole():
    yaml = pytest.importorskip("yaml", reason="no reader of YAML is installed")
    found = yaml.safe_load(COMPOSE.read_text("utf-8"))
    services = found["services"]
    assert set(services) == {"database", "serve", "bundle", "monitor", "proxy"}
    for service in services.values():
        named = [one.partition(":")[0] for one in service.get("volumes", ()) if not one.startswith(".")]
        assert set(named) <= set(found["volumes"])
        assert set(service.get("depends_on", ())) <= set(services)
        assert set(service["networks"]) <= set(found["networks"])
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    for path in re.findall(r"\./([\w.]+)", COMPOSE.read_text("utf-8")):
        assert (FOLDER / path).exists() or path == "keys.txt"


def test_no_password_stands_in_the_examples():
    text = (FOLDER / "env.example").read_text("utf-8")
    assert re.findall(r"^(\w*PASSWORD)=(.*)$", text, re.M) == [("OWNER_PASSWORD", ""), ("SERVE_PASSWORD", "")]
    assert set(re.findall(r"\$\{(\w+):\?", COMPOSE.read_text("utf-8"))) == set(re.findall(r"^(\w+)=", text, re.M))

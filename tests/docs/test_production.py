"""The examples of running matloop for a team: files that parse, and commands and options that exist."""

import configparser
import http.client
import http.server
import json
import os
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
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
    assert set(services) == {"database", "serve", "monitor", "proxy"}
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


def program(name):
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    return found or pytest.skip(f"{name} is not installed")


class Upstream(http.server.BaseHTTPRequestHandler):
    """A service that is always full, and says so as matloop does."""

    def do_GET(self):
        self.send_response(503)
        for name, value in (("Retry-After", "7"), ("x-request-id", "r-1"), ("Content-Length", "0")):
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture
def upstream():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def through_nginx(upstream):
    """Ask nginx.conf, of which only paths and addresses were changed; it listens at sockets in a folder."""
    nginx, openssl = program("nginx"), program("openssl")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wanted = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=proxy"
        command = [openssl, *wanted.split(), "-keyout", "key.pem", "-out", "cert.pem"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        text = (FOLDER / "nginx.conf").read_text("utf-8")
        for old, new in (
            ("/etc/letsencrypt/live/models.example.org/fullchain.pem", f"{folder}/cert.pem"),
            ("/etc/letsencrypt/live/models.example.org/privkey.pem", f"{folder}/key.pem"),
            ("/var/log/nginx/matloop.log", f"{folder}/access.log"),
            ("listen 80;", f"listen unix:{folder}/plain;"), ("listen 443 ", f"listen unix:{folder}/tls "),
            ("127.0.0.1:8000", f"127.0.0.1:{upstream.server_port}"),
        ):  # fmt: skip
            assert old in text, old
            text = text.replace(old, new)
        kept = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(
            f"daemon off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\n"
            f"http {{ client_body_temp_path {folder}/body;\n{kept}\n{text} }}"
        )
        command = [nginx, "-p", name, "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"]
        checked = subprocess.run([*command, "-t"], capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(200):
                if (folder / "tls").exists() and (folder / "plain").exists():
                    break
                time.sleep(0.05)
            yield lambda *words, tls=True: ask_socket(folder / ("tls" if tls else "plain"), tls, *words)
        finally:
            running.terminate()
            running.wait(30)


def ask_socket(path, tls, method, place, body=None):
    """Status, headers in small letters, and body of an answer."""
    connection = http.client.HTTPConnection("models.example.org", timeout=30)
    plain = socket.socket(socket.AF_UNIX)
    plain.settimeout(30)
    plain.connect(str(path))
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection.sock = context.wrap_socket(plain) if tls else plain
    try:
        connection.request(method, place, body=body)
        found = connection.getresponse()
        return found.status, {name.lower(): value for name, value in found.getheaders()}, found.read()
    finally:
        connection.close()


def test_nginx_passes_on_hides_and_refuses(through_nginx, upstream):
    status, headers, _ = through_nginx("GET", "/v1/models")
    assert (status, headers["retry-after"], headers["x-request-id"]) == (503, "7", "r-1")
    for hidden in ("/metrics", "/metrics/", "//metrics", "/%6detrics", "/v1/admin/reload", "/v1/../metrics"):
        assert through_nginx("GET", hidden)[0] == 404, hidden
    status, headers, _ = through_nginx("GET", "/a?b=1", tls=False)
    assert (status, headers["location"]) == (308, "https://models.example.org/a?b=1")
    status, _, body = through_nginx("POST", "/v1/models/a/predict", b" " * (16 * 2**20 + 1))
    assert (status, json.loads(body)["error"]["status"]) == (413, 413)
    upstream.shutdown()
    upstream.server_close()
    status, headers, body = through_nginx("GET", "/v1/models")
    assert (status, headers["retry-after"], json.loads(body)["error"]["status"]) == (503, "2", 503)


def test_caddy_hides_what_is_inside_before_it_passes_on():
    command = [program("caddy"), "adapt", "--adapter", "caddyfile", "--config", str(FOLDER / "Caddyfile")]
    adapted = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "SITE": "models.example.org"})
    assert adapted.returncode == 0, adapted.stderr
    text = adapted.stdout
    assert '"max_size":16777216' in text
    for hidden in ("/metrics", "/v1/admin/*"):
        assert text.index(f'"{hidden}"') < text.index('"reverse_proxy"')

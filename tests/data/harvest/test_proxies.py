"""A proxy is used where a person says so, and what is local by its spelling is never asked through it."""

import select
import socket
import threading

import pytest

pytest.importorskip("httpx", reason="the extra 'harvest' is not installed")

from dataclasses import replace

from matloop.core.errors import ConfigError
from matloop.data.harvest.addresses import AddressRefused, host_of, parsed
from matloop.data.harvest.fetch import Policy, fetch_now
from matloop.data.harvest.proxies import ENVIRONMENT, SETTING, proxy_of, refuse_local
from matloop.data.harvest.responses import FetchError

QUICK = Policy(rate=0, pause=0.01, tries=1, seconds=20)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv(SETTING, raising=False)


@pytest.fixture
def tunnel():
    """A proxy of one tunnel at a time; `asked` has what was asked of it, `refuse` is what it answers instead."""

    class Tunnel:
        def __init__(self):
            self.asked, self.refuse = [], b""
            self.door = socket.create_server(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{self.door.getsockname()[1]}"
            self.worker = threading.Thread(target=self.work, daemon=True)
            self.worker.start()

        def work(self):
            while True:
                try:
                    near, _ = self.door.accept()
                except OSError:
                    return
                with near:
                    self.one(near)

        def one(self, near):
            head = b""
            while b"\r\n\r\n" not in head and (piece := near.recv(4096)):
                head += piece
            self.asked.append(head.decode())
            if self.refuse:
                near.sendall(self.refuse)
                return
            port = int(head.split()[1].rpartition(b":")[2])
            with socket.create_connection(("127.0.0.1", port), timeout=20) as far:
                near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                while True:
                    for one in select.select([near, far], [], [], 20)[0] or [None]:
                        piece = one.recv(65536) if one is not None else b""
                        if not piece:
                            return
                        (far if one is near else near).sendall(piece)

    made = Tunnel()
    yield made
    made.door.shutdown(socket.SHUT_RDWR)
    made.door.close()
    made.worker.join(30)


def test_a_proxy_is_asked_for_a_name_that_only_it_knows(serve):
    web = serve(lambda a: a.send({"asked": a.handler.path}))
    found = fetch_now("http://db.example/v1/info?x=1", None, replace(QUICK, proxy=web.url))
    assert found.json() == {"asked": "http://db.example/v1/info?x=1"}
    assert web.log[0][1]["Host"] == "db.example"


def test_the_environment_names_a_proxy_only_where_that_is_set(serve, monkeypatch):
    web, other = serve(lambda a: a.send({"by": "proxy"})), serve(lambda a: a.send({"by": "itself"}))
    monkeypatch.setenv("HTTP_PROXY", web.url)
    monkeypatch.setenv("http_proxy", web.url)
    local = replace(QUICK, allow_local=True)
    assert fetch_now(other.url, None, local).json() == {"by": "itself"}
    assert fetch_now(other.url, None, replace(local, proxy=ENVIRONMENT)).json() == {"by": "proxy"}
    monkeypatch.setenv("no_proxy", "127.0.0.1,example.org")
    assert fetch_now(other.url, None, replace(local, proxy=ENVIRONMENT)).json() == {"by": "itself"}
    with pytest.raises(FetchError, match=f"only with {SETTING}={ENVIRONMENT}"):
        fetch_now("http://nobody.invalid/", None, local)


def test_https_goes_through_a_tunnel_and_the_certificate_is_checked(tunnel, serve, tmp_path):
    web = serve(lambda a: a.send({}))
    policy = replace(QUICK, proxy=tunnel.url.replace("//", "//me:very-secret-word@"))
    with pytest.raises(FetchError, match="connection failed") as caught:  # the server behind it speaks no TLS
        fetch_now(f"https://db.example:{web.port}/", None, policy)
    assert tunnel.asked[0].startswith(f"CONNECT db.example:{web.port} HTTP/1.1")
    assert "Proxy-Authorization" in tunnel.asked[0].title()
    assert "secret" not in str(caught.value)
    tunnel.refuse = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    with pytest.raises(FetchError, match="407") as caught:
        fetch_now(f"https://db.example:{web.port}/", None, policy)
    assert "secret" not in str(caught.value)


def test_a_proxy_that_is_not_there_is_said(serve):
    web = serve(lambda a: a.send({}))
    web.close()
    with pytest.raises(FetchError, match="connection failed"):
        fetch_now("http://db.example/", None, replace(QUICK, proxy=web.url))


@pytest.mark.parametrize(
    "name",
    ["127.0.0.1", "[::1]", "10.0.0.7", "127.1", "0x7f.1", "2130706433", "localhost", "router", "a.localhost",
     "db.internal"],
)  # fmt: skip
def test_what_is_local_by_its_spelling_is_not_asked_through_a_proxy(serve, name):
    web = serve(lambda a: a.send({}))
    policy = replace(QUICK, proxy=web.url)
    with pytest.raises(AddressRefused, match="by its name"):
        fetch_now(f"http://{name}:9/", None, policy)
    assert web.log == []
    refuse_local(host_of(parsed(f"http://{name}:9/")), allow_local=True)


def test_a_redirect_into_the_local_network_is_refused_behind_a_proxy_too(serve):
    web = serve(lambda a: a.send(b"", 302, Location="http://169.254.169.254/latest"))
    with pytest.raises(AddressRefused, match="redirects"):
        fetch_now("http://db.example/", None, replace(QUICK, proxy=web.url))
    assert len(web.log) == 1


@pytest.mark.parametrize("setting", ["socks5://127.0.0.1:1", "http://", "ftp://me:pass-word@proxy"])
def test_an_odd_proxy_is_refused_without_its_password(setting):
    with pytest.raises(ConfigError, match=SETTING) as caught:
        proxy_of(host_of(parsed("https://db.example/")), setting)
    assert "pass-word" not in str(caught.value)

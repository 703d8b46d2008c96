"""The shared fetcher against servers that behave badly."""

import gzip
import json
import logging
import shutil
import socket
import ssl
import subprocess
import time

import pytest

pytest.importorskip("httpx", reason="the extra 'harvest' is not installed")

from dataclasses import replace

from matloop.core.errors import DataError, RunError
from matloop.data.harvest import addresses, fetch, responses
from matloop.data.harvest.addresses import AddressRefused, is_public, parsed, shown
from matloop.data.harvest.fetch import Fetcher, Policy, fetch_now, run
from matloop.data.harvest.responses import FetchError

QUICK = Policy(rate=0, pause=0.01, tries=3, seconds=20, allow_local=True)
KEY = "abcdef-very-secret-0123456789"


def get(url, folder=None, policy=QUICK, **more):
    return fetch_now(url, folder, policy, **more)


# ---- addresses ----


@pytest.mark.parametrize(
    "ip",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
     "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1", "fec0::1", "fe80::1%eth0"],
)  # fmt: skip
def test_local_and_reserved_addresses_are_not_public(ip):
    assert not is_public(ip)


@pytest.mark.parametrize("ip", ["8.8.8.8", "128.55.0.1", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_of_the_open_internet_are_public(ip):
    assert is_public(ip)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://a.org",
        "example.org",
        "http://",
        "http://me:pw@a.org/x",
        "gopher://a",
        "http://[::1",
        "",
    ],
)
def test_other_things_than_web_addresses_are_refused(url):
    with pytest.raises(AddressRefused):
        parsed(url)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1", "0.0.0.0"]
)
def test_the_local_network_is_refused_in_every_spelling(host):
    with pytest.raises((AddressRefused, FetchError), match="local network|not known"):
        get(f"http://{host}:9/", policy=replace(QUICK, allow_local=False, tries=1))


def test_only_hosts_that_were_named_may_be_local(serve):
    one, two = serve(lambda a: a.send({})), serve(lambda a: a.send({}))
    policy = replace(QUICK, allow_local=addresses.local_hosts([one.url]))
    assert get(one.url, policy=policy).status == 200
    with pytest.raises(AddressRefused, match="local network"):
        get(two.url, policy=policy)


def test_a_redirect_into_the_local_network_is_refused(serve):
    inside = serve(lambda a: a.send({"secret": True}))
    outside = serve(lambda a: a.send(b"", 302, Location=inside.url + "/admin"))
    policy = replace(QUICK, allow_local=addresses.local_hosts([outside.url]))
    with pytest.raises(AddressRefused, match="redirects.*local network"):
        get(outside.url, policy=policy)
    assert inside.log == []


def test_a_name_is_looked_up_once_and_connected_where_it_was_checked(serve, monkeypatch):
    """DNS rebinding: a second look-up would give another address, but there is none."""
    web, seen = serve(lambda a: a.send({"host": a.headers["Host"]})), []
    true = socket.getaddrinfo

    def rebinding(host, *rest, **more):
        if host != "rebind.test":
            return true(host, *rest, **more)
        seen.append(host)
        address = "127.0.0.1" if len(seen) == 1 else "203.0.113.9"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, web.port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    found = get(f"http://rebind.test:{web.port}/")
    assert found.json() == {"host": f"rebind.test:{web.port}"}
    assert len(seen) == 1


def test_one_local_address_among_public_ones_is_refused(monkeypatch):
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: both)
    with pytest.raises(AddressRefused, match=r"10\.0\.0\.1"):
        get("http://mixed.test/", policy=replace(QUICK, allow_local=False))


# ---- redirects and keys ----


def test_redirects_are_followed_a_bounded_number_of_times(serve):
    def answer(a):
        n = int(a.params["n"])
        a.send({"n": n}) if n == 0 else a.send(b"", 307, Location=f"/?n={n - 1}")

    web = serve(answer)
    assert get(web.url + "/?n=5").json() == {"n": 0}
    with pytest.raises(FetchError, match="more than 5 times"):
        get(web.url + "/?n=6")


def test_a_key_is_not_sent_to_another_host_on_redirect(serve):
    other = serve(lambda a: a.send({}))
    web = serve(lambda a: a.send(b"", 302, Location=other.url + "/x"))
    get(web.url, headers={"X-API-KEY": KEY, "Authorization": f"Bearer {KEY}"})
    assert web.log[0][1]["X-API-KEY"] == KEY
    assert KEY not in str(other.log)


def test_a_key_stands_in_no_file_log_error_or_repr(serve, tmp_path, caplog):
    def answer(a):
        if a.path == "/bad":
            return a.send(f"who is {KEY}?".encode(), 403)
        return a.send({"ok": 1}, ETag=KEY)

    web = serve(answer)
    caplog.set_level(logging.DEBUG)
    found = get(f"{web.url}/good?api_key={KEY}", tmp_path, headers={"X-API-KEY": KEY})
    with pytest.raises(FetchError) as error:
        get(f"{web.url}/bad?token={KEY}", tmp_path, headers={"X-API-KEY": KEY})
    files = "".join(f.read_text() for f in tmp_path.rglob("*.jsonl"))
    files += "".join(gzip.decompress(f.read_bytes()).decode() for f in tmp_path.rglob("*.gz"))
    assert "good?api_key=..." in files
    assert KEY not in files + caplog.text + str(error.value) + repr(error.value) + repr(found)


def test_an_answer_that_repeats_the_key_is_not_kept(serve, tmp_path):
    web = serve(lambda a: a.send({"you": KEY}))
    with pytest.raises(FetchError, match="repeats the key"):
        get(web.url, tmp_path, headers={"X-API-KEY": KEY})
    assert not list(tmp_path.rglob("*.gz"))


def test_addresses_are_shown_without_keys():
    assert shown(f"https://a.org/x?api_key={KEY}&page=2") == "https://a.org/x?api_key=...&page=2"
    assert KEY not in shown(f"https://me:{KEY}@a.org/")
    filtered = "https://a.org/s?filter=elements%20HAS%20%22O%22"
    assert shown(filtered) == filtered


# ---- failures ----


@pytest.mark.parametrize("bad", [500, 502, 503, 429, 408])
def test_passing_failures_are_tried_again(serve, bad):
    web = serve(lambda a: a.send({}, 200) if a.number == 2 else a.send(b"busy", bad))
    assert get(web.url).status == 200
    assert len(web.log) == 3


@pytest.mark.parametrize("bad", [400, 401, 403, 404, 410])
def test_lasting_failures_are_not(serve, bad):
    web = serve(lambda a: a.send(b"no such thing", bad))
    with pytest.raises(FetchError, match=f"answers {bad}: no such thing") as error:
        get(web.url)
    assert error.value.status == bad
    assert len(web.log) == 1


def test_retry_after_is_obeyed(serve):
    web = serve(lambda a: a.send({}) if a.number else a.send(b"", 429, Retry_After="1"))
    begun = time.monotonic()
    assert get(web.url).status == 200
    assert time.monotonic() - begun >= 1.0


def test_a_server_that_wants_a_long_rest_is_left_alone(serve):
    web = serve(lambda a: a.send(b"", 503, Retry_After="3600"))
    with pytest.raises(FetchError, match="asks to wait 3,600 s"):
        get(web.url)
    assert len(web.log) == 1


def test_retry_after_may_be_a_date(serve):
    from email.utils import formatdate

    web = serve(lambda a: a.send(b"", 503, Retry_After=formatdate(time.time() + 900, usegmt=True)))
    with pytest.raises(FetchError) as error:
        get(web.url)
    assert 850 < error.value.wait <= 900


def test_a_server_that_hangs_is_left_after_the_bound(serve):
    web = serve(lambda a: web.stop.wait(20))
    with pytest.raises(FetchError, match=r"within 0\.3 s") as error:
        get(web.url, policy=replace(QUICK, seconds=0.3, tries=2))
    assert error.value.kind == "timeout"
    assert len(web.log) == 2


def test_a_server_that_drips_is_left_after_the_bound(serve):
    def drip(a):
        a.raw(b"", **{"Content-Length": "100000"})
        while not web.stop.wait(0.05):
            a.handler.wfile.write(b" ")
            a.handler.wfile.flush()

    web = serve(drip)
    with pytest.raises(FetchError, match="within"):
        get(web.url, policy=replace(QUICK, seconds=0.5, tries=1))


def test_packed_answers_are_unpacked_and_truncated_ones_noticed(serve):
    whole = gzip.compress(json.dumps({"a": list(range(1000))}).encode())

    def answer(a):
        part = whole if a.path == "/whole" else whole[: len(whole) // 2]
        a.raw(part, **{"Content-Encoding": "gzip", "Content-Length": str(len(part))})

    web = serve(answer)
    assert len(get(web.url + "/whole").json()["a"]) == 1000
    with pytest.raises(FetchError, match="ends in the middle") as error:
        get(web.url + "/half")
    assert error.value.kind == "damaged"
    assert web.paths().count("/half") == 3


def test_a_cut_connection_is_tried_again(serve):
    def answer(a):
        if a.number:
            return a.send({"ok": 1})
        a.raw(b'{"ok"', **{"Content-Length": "9"})
        a.handler.close_connection = True

    assert get(serve(answer).url).json() == {"ok": 1}


def test_an_answer_above_the_limit_is_refused_before_it_is_read(serve):
    web = serve(lambda a: a.raw(b"", **{"Content-Length": str(200_000_000)}))
    with pytest.raises(FetchError, match=r"larger than 100 MB \(200 MB\).*--max-mb") as error:
        get(web.url)
    assert error.value.kind == "size"
    assert len(web.log) == 1


def test_a_decompression_bomb_is_stopped_on_the_way(serve):
    bomb = gzip.compress(b"0" * 30_000_000)
    web = serve(lambda a: a.raw(bomb, **{"Content-Encoding": "gzip", "Content-Length": str(len(bomb))}))
    with pytest.raises(FetchError, match="larger than 1 MB"):
        get(web.url, policy=replace(QUICK, most_bytes=1_000_000))
    assert len(get(web.url).body) == 30_000_000


def test_a_check_that_fails_counts_as_a_failed_try(serve, tmp_path):
    web = serve(lambda a: a.send(b'{"whole": 1}' if a.number else b'{"whole'))
    found = run(_checked(web.url, tmp_path))
    assert found.json() == {"whole": 1}
    assert len(list(tmp_path.rglob("*.gz"))) == 1


async def _checked(url, folder):
    async with Fetcher(folder, QUICK) as one:
        return await one.get(url, check=lambda response: response.json())


def test_nobody_there_is_said(serve):
    web = serve(lambda a: a.send())
    web.close()
    with pytest.raises(FetchError, match="connection failed") as error:
        get(web.url)
    assert error.value.kind == "connection"


def test_requests_are_paced_per_host(serve):
    web = serve(lambda a: a.send({}))

    async def several():
        import asyncio

        async with Fetcher(None, replace(QUICK, rate=10)) as one:
            await asyncio.gather(*(one.get(f"{web.url}/{i}") for i in range(6)))

    begun = time.monotonic()
    run(several())
    assert time.monotonic() - begun >= 0.5


def test_at_most_so_many_requests_are_under_way(serve):
    import asyncio
    import threading

    now, most, lock = 0, 0, threading.Lock()

    def answer(a):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.05)
        with lock:
            now -= 1
        a.send({})

    web = serve(answer)

    async def several():
        async with Fetcher(None, replace(QUICK, at_once=2)) as one:
            await asyncio.gather(*(one.get(f"{web.url}/{i}") for i in range(8)))

    run(several())
    assert most == 2


# ---- kept answers ----


def test_what_is_kept_is_replayed_without_a_network(serve, tmp_path):
    web = serve(lambda a: a.send({"n": a.number}))
    first = get(web.url + "/a", tmp_path)
    assert get(web.url + "/a", tmp_path).json() == first.json() == {"n": 0}
    assert get(web.url + "/a", tmp_path, memory="ask").json() == {"n": 1}
    web.close()
    again = get(web.url + "/a", tmp_path, memory="replay")
    assert again.json() == {"n": 1}
    assert again.kept
    assert again.retrieved
    with pytest.raises(FetchError, match="no answer of it is kept") as error:
        get(web.url + "/b", tmp_path, memory="replay")
    assert error.value.kind == "missing"


def test_kept_files_depend_on_content_alone(serve, tmp_path):
    web = serve(lambda a: a.send({"same": 1}))
    for folder in ("one", "two"):
        get(web.url, tmp_path / folder)
    one, two = (sorted((tmp_path / f).rglob("*.gz")) for f in ("one", "two"))
    assert one[0].name == two[0].name
    assert one[0].read_bytes() == two[0].read_bytes()


def test_a_changed_file_and_a_torn_line_are_noticed(serve, tmp_path):
    web = serve(lambda a: a.send({"path": a.path}))
    get(web.url + "/a", tmp_path)
    with (tmp_path / responses.JOURNAL).open("ab") as stream:
        stream.write(b'{"url": "http://torn')
    get(web.url + "/b", tmp_path)
    assert get(web.url + "/a", tmp_path, memory="replay").json() == {"path": "/a"}
    assert get(web.url + "/b", tmp_path, memory="replay").json() == {"path": "/b"}
    for file in tmp_path.rglob("*.gz"):
        file.write_bytes(gzip.compress(b"{}"))
    with pytest.raises(DataError, match="was changed"):
        get(web.url + "/a", tmp_path, memory="replay")


def test_a_full_disk_is_said_and_leaves_the_folder_usable(serve, tmp_path, monkeypatch):
    import errno

    web = serve(lambda a: a.send({"path": a.path}))
    get(web.url + "/a", tmp_path)

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(RunError, match="disk is full"):
            get(web.url + "/b", tmp_path)
    assert get(web.url + "/b", tmp_path).json() == {"path": "/b"}
    assert get(web.url + "/a", tmp_path, memory="replay").json() == {"path": "/a"}


def test_waiting_works_inside_a_running_loop(serve):
    import asyncio

    web = serve(lambda a: a.send({"ok": 1}))

    async def notebook():
        return fetch.fetch_now(web.url, None, QUICK).json()

    assert asyncio.run(notebook()) == {"ok": 1}


# ---- certificates ----


@pytest.fixture
def secure(tmp_path, serve, monkeypatch):
    """A server with a certificate for "localhost", which this process trusts."""
    if shutil.which("openssl") is None:
        pytest.skip("no program to make a certificate with")
    names = ["-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=localhost"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names,
         "-addext", "subjectAltName=DNS:localhost"], cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    web = serve(lambda a: a.send({"host": a.headers["Host"]}))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    web.server.socket = context.wrap_socket(web.server.socket, server_side=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    return web


def test_a_certificate_is_checked_against_the_name_although_the_address_is_pinned(secure, monkeypatch):
    once = replace(QUICK, tries=1)
    assert get(f"https://localhost:{secure.port}/", policy=once).json() == {"host": f"localhost:{secure.port}"}
    with pytest.raises(FetchError, match="certificate"):
        get(f"https://127.0.0.1:{secure.port}/", policy=once)
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(FetchError, match="certificate"):
        get(f"https://localhost:{secure.port}/", policy=once)


def test_a_redirect_from_https_to_http_is_refused(secure, serve):
    plain = serve(lambda a: a.send({}))
    secure.answer = lambda a: a.send(b"", 302, Location=plain.url)
    with pytest.raises(AddressRefused, match="which anybody can read"):
        get(f"https://localhost:{secure.port}/", policy=replace(QUICK, tries=1))
    assert plain.log == []

"""Where a proxy listens and connects beside plain TCP: TLS, IPv6, socket files, and where it never does."""

import asyncio
import shutil
import socket
import ssl
import stat
import subprocess

import pytest

from earthwire.fault_models.plan import Abort, Forward, RelayHead, RelayPart
from earthwire.proxy.admin_config import AdminConfig
from earthwire.proxy.serve_config import ServeError
from earthwire.proxy.upstreams.address_rules import is_among, is_link_local
from earthwire.proxy.wire.tls import Certificate, client_context, server_context


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Certificates of a server and of a client, each its own authority."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    for name in ("server", "client"):
        command = (
            f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.pem "
            "-addext subjectAltName=DNS:localhost,IP:127.0.0.1"
        )
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return folder


def certificate(folder, name):
    return Certificate(folder / f"{name}.pem", folder / f"{name}.key")


async def talk_tls(port, ca_path, *pieces):
    context = ssl.create_default_context(cafile=ca_path)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    for piece in pieces:
        writer.write(piece)
    received = b""
    try:
        while data := await reader.read(65536):
            received += data
    except (ConnectionResetError, ssl.SSLError) as error:
        return received, type(error).__name__
    finally:
        writer.transport.abort()
    return received, "closed"


def test_https_listener_serves_pipelined_requests(harness, play, folder):
    async def scenario():
        async with (
            harness.upstream(harness.response()) as upstream,
            harness.proxy(upstream.port, certificate=certificate(folder, "server")) as running,
        ):
            requests = harness.get(close=False) + harness.get()
            return await talk_tls(running.port, folder / "server.pem", requests)

    received, end = play(scenario())
    assert received.count(b"hello") == 2
    assert end == "closed"


def test_https_listener_resets_in_the_middle_of_a_body(harness, play, folder):
    """Without a closing alert: that is what tells a cut from an end in TLS."""
    plan = harness.plan(Forward(), RelayHead(), RelayPart(2), Abort("rst"), outcome="conn_error")

    async def scenario():
        async with (
            harness.upstream(harness.response()) as upstream,
            harness.proxy(upstream.port, plan, certificate=certificate(folder, "server")) as running,
        ):
            return await talk_tls(running.port, folder / "server.pem", harness.get())

    received, end = play(scenario())
    assert received.endswith(b"\r\n\r\nhe")
    assert end == "ConnectionResetError"


def test_plain_client_of_an_https_listener_gets_nothing(harness, play, folder):
    async def scenario():
        async with (
            harness.upstream(harness.response()) as upstream,
            harness.proxy(upstream.port, certificate=certificate(folder, "server")) as running,
        ):
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
            received = await harness.talk(running.port, harness.get())
            return received, len(upstream.requests)

    received, request_count = play(scenario())
    assert b"HTTP/1.1 200" not in received
    assert request_count == 0


def test_wrong_key_is_named(harness, play, folder):
    async def scenario():
        wrong = Certificate(folder / "server.pem", folder / "client.key")
        async with harness.proxy(1, certificate=wrong):
            pytest.fail("started")

    with pytest.raises(ServeError, match=r"client\.key: not PEM files of a certificate and its key"):
        play(scenario())


@pytest.mark.parametrize("shown", [True, False])
def test_upstream_that_asks_for_a_certificate_gets_it(harness, play, folder, shown):
    async def converse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(harness.response())

    async def scenario():
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        context = server_context(certificate(folder, "server"))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(folder / "client.pem")
        async with harness.server(converse, context) as port:
            options = {
                "upstreams": {"tool": f"https://localhost:{port}"},
                "upstream_ca": folder / "server.pem",
                "upstream_certificate": certificate(folder, "client") if shown else None,
            }
            async with harness.proxy(1, **options) as running:
                return await harness.talk(running.port, harness.get())

    received = play(scenario())
    assert received.startswith(b"HTTP/1.1 200 " if shown else b"HTTP/1.1 502 ")


def test_verification_cannot_be_switched_off(folder):
    context = client_context(folder / "server.pem", None)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def has_ipv6():
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
        return True


def test_ipv6_on_both_sides(harness, play):
    if not has_ipv6():
        pytest.skip("this machine has no address ::1")

    async def converse(reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        writer.write(harness.response(request.split(b"Host: ")[1].split(b"\r\n")[0]))

    async def scenario():
        async with harness.server(converse, address="::1") as port:
            url = f"http://[::1]:{port}"
            async with harness.proxy(1, upstreams={"tool": url}, host="::1") as running:
                reader, writer = await harness.connect(running.port, address="::1")
                writer.write(b"GET /x HTTP/1.1\r\nHost: [::1]:1\r\nConnection: close\r\n\r\n")
                return await reader.read(), b"[::1]:%d" % port

    received, host = play(scenario())
    assert received.endswith(host)


def test_socket_files_on_both_sides(harness, play, tmp_path):
    async def converse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(harness.response())

    async def scenario():
        tool, listen = str(tmp_path / "tool.sock"), tmp_path / "proxy.sock"
        url = "http+unix://" + tool.replace("/", "%2F")
        async with harness.server(converse, address=tool):
            async with harness.proxy(1, upstreams={"tool": url}, unix_path=listen):
                mode = stat.S_IMODE(listen.stat().st_mode)
                reader, writer = await harness.connect(0, address=str(listen))
                writer.write(harness.get())
                received = await reader.read()
                with pytest.raises(ServeError, match="somebody listens there already"):
                    async with harness.proxy(1, upstreams={"tool": url}, unix_path=listen, record_path=None):
                        pytest.fail("started")
            return received, mode, listen.exists()

    received, mode, remains = play(scenario())
    assert received.endswith(b"hello")
    assert mode == 0o600
    assert not remains


def test_socket_file_that_was_left_behind_is_replaced(harness, play, tmp_path):
    listen = tmp_path / "proxy.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(listen))

    async def scenario():
        async with (
            harness.upstream(harness.response()) as upstream,
            harness.proxy(upstream.port, unix_path=listen),
        ):
            reader, writer = await harness.connect(0, address=str(listen))
            writer.write(harness.get())
            return await reader.read()

    assert play(scenario()).endswith(b"hello")


@pytest.mark.parametrize(
    ("side", "host"),
    [
        ("own", "127.0.0.1"),
        ("own", "localhost"),
        *(
            (side, host)
            for side in ("own", "admin")
            for host in ("0.0.0.0", "127.0.0.2", "[::ffff:127.0.0.1]")
        ),
    ],
)
def test_proxy_never_connects_to_itself(harness, play, side, host):
    """Neither in a circle to its own port nor to its admin side, whatever the address is called.

    Under its usual names the admin side is recognised at the start already, which is refused (tests/proxy/admin).
    """

    async def scenario():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        url = f"http://{host}:{port}"
        admin = AdminConfig(port=port, token="x" * 40) if side == "admin" else None
        own_port = port if side == "own" else 0
        async with harness.proxy(1, upstreams={"tool": url}, port=own_port, admin=admin) as running:
            return await harness.talk(running.port, harness.get())

    received = play(scenario())
    assert received.startswith(b"HTTP/1.1 502 ")
    assert b"this proxy itself" in received


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%1", "::ffff:169.254.169.254"]
)
def test_link_local_addresses_are_known(address):
    assert is_link_local(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "::1", "2001:db8::1", "169.253.255.255"])
def test_other_addresses_are_not_link_local(address):
    assert not is_link_local(address)


@pytest.mark.parametrize(
    ("address", "port", "expected"),
    [
        ("127.0.0.1", 80, True),
        ("::1", 80, True),
        ("::", 80, True),
        ("127.0.0.1", 81, False),
        ("10.0.0.1", 80, False),
    ],
)
def test_endpoints_of_this_machine_are_known(address, port, expected):
    assert is_among(address, port, [("0.0.0.0", 80)]) == expected


def test_link_local_upstream_is_never_connected_to(harness, play):
    async def scenario():
        async with harness.proxy(1, upstreams={"tool": "http://169.254.169.254"}) as running:
            return await harness.talk(running.port, harness.get("/latest/meta-data"))

    received = play(scenario())
    assert received.startswith(b"HTTP/1.1 502 ")
    assert b"link-local" in received


def test_name_is_resolved_once(harness, play, monkeypatch):
    """A name that points elsewhere later is not followed."""

    async def once(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(harness.response(extra=b"Connection: close\r\n"))

    async def scenario():
        loop = asyncio.get_running_loop()
        async with harness.server(once) as port:
            url = f"http://localhost:{port}"
            async with harness.proxy(1, upstreams={"tool": url}) as running:
                source = running.proxy.sources["tool"]
                addresses = list(source._addresses)
                first = await harness.talk(running.port, harness.get())
                monkeypatch.setattr(type(source), "_resolve", None)
                second = await harness.talk(running.port, harness.get())
                assert loop.is_running()
                return first, second, addresses == source._addresses

    first, second, same = play(scenario())
    assert first.endswith(b"hello")
    assert second.endswith(b"hello")
    assert same

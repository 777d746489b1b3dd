"""Addresses, TLS, and what is said of an address that is wrong."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import oaktreemodel
import pytest
from certificates import Certificate, certificate
from conftest import Connect
from fake import Oaktree
from oaktreemodel import v1
from oaktreemodel._address import Endpoint, parse
from oaktreemodel._explain import explain

# Address, target, whether TLS is spoken, whether it stays on this machine.
ADDRESSES = [
    ("localhost:50051", "dns:///localhost:50051", False, True),
    ("localhost", "dns:///localhost:50051", False, True),
    ("127.0.0.1:1", "dns:///127.0.0.1:1", False, True),
    ("[::1]:1", "dns:///[::1]:1", False, True),
    ("unix:/run/oaktree.sock", "unix:/run/oaktree.sock", False, True),
    ("unix:///run/oaktree.sock", "unix:/run/oaktree.sock", False, True),
    ("oaktree.example.com", "dns:///oaktree.example.com:50051", True, False),
    ("oaktree.example.com:443", "dns:///oaktree.example.com:443", True, False),
    ("192.0.2.1:50051", "dns:///192.0.2.1:50051", True, False),
    ("[2001:db8::1]:50051", "dns:///[2001:db8::1]:50051", True, False),
    ("localhost.example.com:1", "dns:///localhost.example.com:1", True, False),
    ("oak.localhost", "dns:///oak.localhost:50051", True, False),
    ("https://oaktree.example.com", "dns:///oaktree.example.com:443", True, False),
    ("https://localhost:50051/", "dns:///localhost:50051", True, True),
    ("http://oaktree.example.com:80", "dns:///oaktree.example.com:80", False, False),
]


@pytest.mark.parametrize(("address", "target", "secure", "local"), ADDRESSES)
def test_addresses(address: str, target: str, secure: bool, local: bool) -> None:
    assert parse(address) == Endpoint(address, target, local, secure)


def test_plaintext_can_be_asked_for_and_so_can_tls() -> None:
    assert not parse("192.0.2.1:1", insecure=True).is_secure
    assert parse("localhost:1", has_certificates=True).is_secure
    assert parse("unix:/run/s", has_certificates=True).is_secure


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", "names no host"),
        (":50051", "names no host"),
        ("my host:1", "names no host"),
        ("localhost:port", "is no address"),
        ("localhost:99999", "is no address"),
        ("[::1", "is no address"),
        ("unix:", "names no socket"),
        ("ftp://localhost:1", "is not host:port"),
        ("http://localhost:1/v1", "holds more than a host and a port"),
        ("user@localhost:1", "holds more than a host and a port"),
    ],
)
def test_refused_addresses(address: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        oaktreemodel.connect(address)


def test_contradictions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="insecure=True excludes"):
        oaktreemodel.connect("https://localhost", insecure=True)
    with pytest.raises(ValueError, match="insecure=True excludes"):
        oaktreemodel.connect("localhost", insecure=True, ca=b"")
    with pytest.raises(ValueError, match="certificates need TLS"):
        oaktreemodel.connect("http://localhost", ca=b"")
    with pytest.raises(ValueError, match="cert and key belong together"):
        oaktreemodel.connect("localhost", cert=b"")
    with pytest.raises(FileNotFoundError):
        oaktreemodel.connect("localhost", ca=tmp_path / "none.pem")


def test_a_file_that_is_not_there_is_named_with_what_named_it(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def complaint(**given: Any) -> str:
        with pytest.raises(FileNotFoundError, match=r"none\.pem") as caught:
            connect("oaktree.example.com", **given)
        return str(caught.value)

    stored = tmp_path / "credentials.yaml"
    stored.write_text(
        "{address: oaktree.example.com, client_id: i, client_secret: s, ca: none.pem}"
    )
    stored.chmod(0o600)
    none = str(tmp_path / "elsewhere" / "none.pem")
    assert "ca: in the credentials file: No such file" in complaint(credentials=stored)
    monkeypatch.setenv("OAKTREE_CA", none)
    assert "OAKTREE_CA: No such file" in complaint()
    assert "] ca=: No such file" in complaint(ca=none)
    assert "] key=: No such file" in complaint(ca=b"", cert=b"", key=none)
    assert "] credentials=: No such file" in complaint(credentials=none)
    monkeypatch.setenv("OAKTREE_CREDENTIALS", none)
    assert "OAKTREE_CREDENTIALS: No such file" in complaint()


@pytest.fixture(scope="module")
def own() -> Certificate:
    return certificate("localhost")


@pytest.fixture
def secure(own: Certificate) -> Iterator[Oaktree]:
    server = Oaktree(grpc.ssl_server_credentials([(own.key, own.cert)]))
    server.answer("GetServer", v1.GetServerResponse(server=v1.Server(id="1")))
    yield server
    server.stop()


def test_tls_with_an_own_authority(
    connect: Connect, secure: Oaktree, own: Certificate, tmp_path: Path
) -> None:
    assert connect(f"https://{secure.address}", ca=own.cert).servers.get("web").id == "1"
    file = tmp_path / "ca.pem"
    file.write_bytes(own.cert)
    assert connect(secure.address, ca=file).servers.get("web").id == "1"


def test_tls_with_a_client_certificate(connect: Connect, own: Certificate) -> None:
    credentials = grpc.ssl_server_credentials(
        [(own.key, own.cert)], root_certificates=own.cert, require_client_auth=True
    )
    server = Oaktree(credentials)
    server.answer("GetServer", v1.GetServerResponse(server=v1.Server(id="1")))
    client = connect(server.address, ca=own.cert, cert=own.cert, key=own.key)
    assert client.servers.get("web").id == "1"
    said = complaint(connect(server.address, ca=own.cert), server.address)
    assert "client certificate" in said or "nothing that speaks gRPC" in said
    server.stop()


def complaint(client: Any, address: str) -> str:
    """What is said of an address that cannot be reached; it names the address."""
    with pytest.raises(oaktreemodel.Unavailable) as caught:
        client.servers.get("web")
    said = caught.value.message
    assert said.startswith(f"no oaktree can be reached at {address}")
    assert isinstance(caught.value.__cause__, grpc.RpcError)
    return said


def test_nothing_listens(connect: Connect) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        assert "nothing listens there" in complaint(connect(address), address)


def test_no_such_socket(connect: Connect, tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/none"
    assert "no such socket" in complaint(connect(address), address)


def test_no_such_host(connect: Connect) -> None:
    address = "oaktree.invalid:50051"
    assert "no such host" in complaint(connect(address), address)


def test_tls_where_there_is_none(connect: Connect, oaktree: Oaktree) -> None:
    address = f"https://127.0.0.1:{oaktree.port}"
    assert "does not speak TLS" in complaint(connect(address), address)


def test_plaintext_where_tls_is_spoken(connect: Connect, secure: Oaktree) -> None:
    address = f"127.0.0.1:{secure.port}"
    assert "may want https://" in complaint(connect(address), address)


def test_a_certificate_nobody_trusts(connect: Connect, secure: Oaktree) -> None:
    address = f"https://{secure.address}"
    said = complaint(connect(address), address)
    for way in ("not trusted; name its authority with ca=", "OAKTREE_CA", "the credentials file"):
        assert way in said


# All that gRPC says of a name whose last address is another than the server's.
LAST_REFUSED = "failed to connect to all addresses; last error: ipv6:%5B::1%5D:1: refused"


@pytest.mark.parametrize(
    ("scheme", "said"),
    [("https://", "but its certificate is not trusted"), ("", "but it may want https://")],
)
def test_a_name_with_another_address_that_refuses(scheme: str, said: str) -> None:
    error = oaktreemodel.Unavailable(LAST_REFUSED, code=grpc.StatusCode.UNAVAILABLE)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert f"something listens there, {said}" in explain(
            error, parse(f"{scheme}localhost:{port}")
        )
        exact = parse(f"{scheme}127.0.0.1:{port}")
        assert "nothing listens there" in explain(error, exact)
    assert "nothing listens there" in explain(error, parse(f"{scheme}localhost:{port}"))


def test_a_name_beyond_this_machine_that_refuses() -> None:
    error = oaktreemodel.Unavailable(LAST_REFUSED, code=grpc.StatusCode.UNAVAILABLE)
    for address, said in (
        ("oaktree.example.com", "its certificate is not trusted"),
        ("http://oaktree.example.com", "it may want https://"),
        ("[2001:db8::1]:1", "nothing that speaks gRPC; is oaktree running?"),
    ):
        assert f"nothing listens there, or {said}" in explain(error, parse(address))


def test_a_certificate_for_another_host(connect: Connect) -> None:
    other = certificate("example.com")
    server = Oaktree(grpc.ssl_server_credentials([(other.key, other.cert)]))
    said = complaint(connect(server.address, ca=other.cert), server.address)
    assert "another host name" in said
    server.stop()


def test_a_web_server(connect: Connect) -> None:
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), http.server.BaseHTTPRequestHandler
    ) as web:
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        address = f"127.0.0.1:{web.server_address[1]}"
        said = complaint(connect(address), address)
        web.shutdown()
        thread.join()
    assert "web server" in said or "may not speak gRPC" in said


def test_something_that_says_nothing(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        client = connect(address, options=[("grpc.min_reconnect_backoff_ms", 300)])
        assert "says nothing" in complaint(client, address)


def test_another_service(connect: Connect) -> None:
    other = grpc.server(None, handlers=[])  # type: ignore[arg-type]
    port = other.add_insecure_port("127.0.0.1:0")
    other.start()
    client = connect(f"127.0.0.1:{port}")
    with pytest.raises(oaktreemodel.Unimplemented, match="an older oaktree, or something else"):
        client.servers.get("web")
    other.stop(None).wait()


def test_a_unix_socket(connect: Connect, tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/socket"
    server = Oaktree(listen=address)
    server.answer("GetServer", v1.GetServerResponse(server=v1.Server(id="1")))
    assert connect(address).servers.get("web").id == "1"
    server.stop()


def test_proxies_are_not_asked_for_this_machine(
    connect: Connect, oaktree: Oaktree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    oaktree.answer("GetServer", v1.GetServerResponse(server=v1.Server(id="1")))
    assert connect(oaktree.address).servers.get("web").id == "1"

"""TLS: which versions, and files that change while the server runs."""

from __future__ import annotations

import asyncio
import datetime
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from certificates import Certificate, certificate
from cryptography.hazmat.primitives import serialization
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from oaktree.deployment import Tls
from oaktree.tls import server_credentials

OLD, NEW, STRANGER = (certificate("localhost") for _ in range(3))


class Files:
    """A deployer's files."""

    def __init__(self, folder: Path, client_ca: bytes | None = None) -> None:
        self.tls = Tls(folder / "oaktree.yaml", folder / "tls.crt", folder / "tls.key")
        self.put(OLD)
        if client_ca is not None:
            self.tls = replace(self.tls, client_ca=folder / "clients.pem")
            self.write("clients.pem", client_ca)

    def write(self, name: str, content: bytes) -> None:
        path = self.tls.certificate.parent / name
        fresh = path.with_suffix(".new")
        fresh.write_bytes(content)
        os.replace(fresh, path)

    def put(self, pair: Certificate) -> None:
        self.write("tls.crt", pair.cert)
        self.write("tls.key", pair.key)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@asynccontextmanager
async def serving(files: Files) -> AsyncIterator[int]:
    """A server with these files; its port."""
    server = grpc.aio.server()
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_secure_port("localhost:0", server_credentials(files.tls))
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


def channel(port: int, trusts: Certificate, own: Certificate | None = None) -> grpc.aio.Channel:
    credentials = grpc.ssl_channel_credentials(
        trusts.cert, own.key if own else None, own.cert if own else None
    )
    # A connection of its own, and no second try behind the test's back.
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
    return grpc.aio.secure_channel(f"localhost:{port}", credentials, options)


async def ask(asked: grpc.aio.Channel) -> None:
    stub = health_pb2_grpc.HealthStub(asked)
    answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=30)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def connects(port: int, trusts: Certificate, own: Certificate | None = None) -> str:
    """Why not; empty if it does."""
    async with channel(port, trusts, own) as asked:
        try:
            await ask(asked)
        except grpc.aio.AioRpcError as error:
            return f"{error.code().name}: {error.details()}"
    return ""


def speaking(version: ssl.TLSVersion, side: int = ssl.PROTOCOL_TLS_CLIENT) -> ssl.SSLContext:
    """Somebody who speaks one version, and takes any cipher and certificate."""
    context = ssl.SSLContext(side)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.set_alpn_protocols(["h2"])
    context.minimum_version = context.maximum_version = version
    return context


def handshake(port: int, version: ssl.TLSVersion) -> str:
    """What is spoken then. Raises ssl.SSLError."""
    with (
        socket.create_connection(("localhost", port), 30) as plain,
        speaking(version).wrap_socket(plain) as secure,
    ):
        return str(secure.version())


async def shown(port: int) -> str:
    """The certificate that the server shows."""
    return await asyncio.to_thread(ssl.get_server_certificate, ("localhost", port), timeout=30)


def is_shown(pem: str, pair: Certificate) -> bool:
    return pem.strip() == pair.cert.decode().strip()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_newer_versions_are_spoken(files: Files, version: ssl.TLSVersion) -> None:
    async with serving(files) as port:
        spoken = await asyncio.to_thread(handshake, port, version)
    assert spoken.replace(".", "_") == version.name


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("name", ["TLSv1", "TLSv1_1"])
async def test_older_versions_are_refused(files: Files, name: str) -> None:
    version = ssl.TLSVersion[name]
    # This machine's libraries could.
    lax = speaking(version, ssl.PROTOCOL_TLS_SERVER)
    lax.load_cert_chain(files.tls.certificate, files.tls.key)
    assert between(speaking(version), lax).replace(".", "_") == name
    async with serving(files) as port:
        # gRPC closes the connection without a word.
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.to_thread(handshake, port, version)
        assert not await connects(port, OLD)


def between(client: ssl.SSLContext, server: ssl.SSLContext) -> str:
    """What two speak with each other."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    one, other = client.wrap_bio(back, there), server.wrap_bio(there, back, server_side=True)
    waiting = [one, other]
    for _ in range(20):
        for side in tuple(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                continue
    assert not waiting
    return str(one.version())


async def test_new_files_are_for_new_connections(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with serving(files) as port, channel(port, OLD) as before:
        await ask(before)
        files.put(NEW)
        assert not await connects(port, NEW)
        assert not await connects(port, NEW)
        assert await connects(port, OLD)
        await ask(before)
        assert is_shown(await shown(port), NEW)
    assert caplog.text.count("takes the new") == 1


async def test_files_behind_links_that_change(files: Files, tmp_path: Path) -> None:
    """As orchestrators put them: what changes is the folder that the links lead through."""
    for name, pair in (("1", OLD), ("2", NEW)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tls.crt").write_bytes(pair.cert)
        (tmp_path / name / "tls.key").write_bytes(pair.key)
    (tmp_path / "data").symlink_to("1")
    files.tls = replace(
        files.tls,
        certificate=tmp_path / "data" / "tls.crt",
        key=tmp_path / "data" / "tls.key",
    )
    async with serving(files) as port:
        assert is_shown(await shown(port), OLD)
        (tmp_path / "fresh").symlink_to("2")
        os.replace(tmp_path / "fresh", tmp_path / "data")
        assert is_shown(await shown(port), NEW)


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def locked(key: bytes) -> bytes:
    return serialization.load_pem_private_key(key, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"hunter2"),
    )


BROKEN: dict[str, tuple[Callable[[Files], None], str]] = {
    "another's certificate": (lambda files: files.write("tls.crt", NEW.cert), "is not the key of"),
    "another's key": (lambda files: files.write("tls.key", NEW.key), "is not the key of"),
    "half a certificate": (lambda files: files.write("tls.crt", half(NEW.cert)), "no certificate"),
    "half a key": (lambda files: files.write("tls.key", half(NEW.key)), "no private key"),
    "nothing yet": (lambda files: files.write("tls.crt", b""), "no certificate"),
    "a locked key": (lambda files: files.write("tls.key", locked(NEW.key)), "needs a password"),
    "the key in the wrong place": (lambda files: files.write("tls.crt", NEW.key), "no certificate"),
    "no key": (lambda files: files.tls.key.unlink(), "No such file"),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_what_cannot_be_used_leaves_all_as_it_was(
    files: Files, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    breaks, said = BROKEN[case]
    async with serving(files) as port:
        breaks(files)
        for _ in range(3):
            assert is_shown(await shown(port), OLD)
        warnings = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
        assert len(warnings) == 1
        assert said in warnings[0]
        for secret in (OLD.key, NEW.key):
            assert not [line for line in secret.decode().splitlines()[1:-1] if line in caplog.text]
        files.put(NEW)
        assert is_shown(await shown(port), NEW)


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_used_is_told_at_the_beginning(files: Files, case: str) -> None:
    breaks, said = BROKEN[case]
    breaks(files)
    with pytest.raises((ValueError, OSError), match=said) as caught:
        server_credentials(files.tls)
    for told in (f"{files.tls.file}: tls.", str(files.tls.certificate.parent)):
        assert told in str(caught.value)


def test_authorities_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"tls\.client_ca: .*clients\.pem holds no cert"):
        server_credentials(Files(tmp_path, b"").tls)


async def test_clients_must_show_a_certificate(tmp_path: Path) -> None:
    files = Files(tmp_path, NEW.cert)
    async with serving(files) as port:
        assert not await connects(port, OLD, NEW)
        assert await connects(port, OLD)
        assert await connects(port, OLD, STRANGER)
        files.write("clients.pem", STRANGER.cert)
        assert not await connects(port, OLD, STRANGER)
        assert await connects(port, OLD, NEW)
        files.write("clients.pem", b"")
        assert not await connects(port, OLD, STRANGER)
        assert await connects(port, OLD)


async def test_a_certificate_for_another_name(files: Files) -> None:
    other = certificate("example.com")
    files.put(other)
    async with serving(files) as port:
        assert "Hostname" in await connects(port, other)


async def test_a_certificate_that_has_expired(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    past = certificate("localhost", datetime.timedelta(minutes=1))
    files.put(past)
    async with serving(files) as port:
        assert f"{files.tls.certificate} expired on" in caplog.text
        assert "certificate" in await connects(port, past)


async def test_what_is_no_tls_is_cut_off(files: Files) -> None:
    async with serving(files) as port:
        for content in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\x00" * 4096):
            reader, writer = await asyncio.open_connection("localhost", port)
            writer.write(content)
            writer.write_eof()
            async with asyncio.timeout(30):
                await reader.read()
            writer.close()
        assert not await connects(port, OLD)

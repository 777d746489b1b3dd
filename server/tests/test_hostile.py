"""Peers that mean no good: each is refused or cut off, and costs nobody else anything."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from oaktree import accepting, server
from oaktree.clouds import Clouds
from oaktree.democloud import DemoCloud
from oaktree.gate import Open
from oaktreemodel.v1 import (
    flavor_pb2,
    flavor_pb2_grpc,
    server_pb2,
    server_pb2_grpc,
)

from . import http2
from .deployed import Deployed, showing
from .served import FAULT, Served, served
from .test_gate import reason

GET_FLAVOR = b"/oaktreemodel.v1.FlavorService/GetFlavor"
LOOK = "GET identity /auth/tokens"
REQUEST = flavor_pb2.GetFlavorRequest(name_or_id="m1.tiny")
REQUEST.location.cloud, REQUEST.location.region = "modern", "east"


@pytest.fixture(scope="module")
def own(clouds_yaml: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One's own oaktree, which no test may leave worse than it was."""
    folder = tmp_path_factory.mktemp("own")
    with served(folder, "--clouds", clouds_yaml, "--cloud", "modern") as one:
        yield one
        assert flavor(one.address, token=one.token()) == "m1.tiny"
        assert not [line for line in one.log().splitlines() if FAULT.search(line)]


@pytest.fixture
def deployed(demo: DemoCloud, tmp_path: Path) -> Iterator[Deployed]:
    one = Deployed(demo, tmp_path, streams_per_caller=3, wrong_tokens_per_peer_per_minute=5)
    yield one
    one.stop()


def flavor(address: str, *metadata: tuple[str, str | bytes], token: str = "") -> str:
    shown = showing(token) if token else metadata
    with grpc.insecure_channel(address) as channel:
        stub = flavor_pb2_grpc.FlavorServiceStub(channel)
        found: str = stub.GetFlavor(REQUEST, metadata=shown, timeout=60).flavor.name
        return found


def refused(address: str, *metadata: tuple[str, str | bytes]) -> tuple[str, Any]:
    """Why a call is refused, and the error."""
    with pytest.raises(grpc.RpcError) as raised:
        flavor(address, *metadata)
    return reason(raised.value), raised.value


def whole(stream: int, *more: tuple[bytes, bytes], path: bytes = GET_FLAVOR) -> bytes:
    """A call of an honest client, but for what more its headers have."""
    headers = http2.block(*http2.call(path, *more))
    return http2.frame(http2.HEADERS, http2.END_HEADERS, stream, headers) + http2.frame(
        http2.DATA, http2.END_STREAM, stream, http2.message(REQUEST.SerializeToString())
    )


# Connections.


async def test_a_method_that_is_no_text(own: Served) -> None:
    wire = await http2.Wire.to(own.address)
    await wire.send(http2.opening() + whole(1, path=b"/\xff\xfe/\xf0") + whole(3, path=b"\x80"))
    await wire.until_ended({1, 3})
    await wire.close()
    assert flavor(own.address, token=own.token()) == "m1.tiny"


async def test_what_ends_the_server_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    fails = asyncio.Event()

    async def take(self: Any, method: bytes | None) -> None:
        await fails.wait()
        raise RuntimeError("planted")

    monkeypatch.setattr(accepting._AioServer, "_take", take)
    # The tests' own collector stays as it is.
    monkeypatch.setattr(server, "gc", Mock())
    with pytest.raises(RuntimeError, match="planted"):
        await server.serve(Open(Clouds({})), "127.0.0.1:0", ready=lambda where: fails.set())


async def test_calls_without_a_request(own: Served) -> None:
    wire = await http2.Wire.to(own.address)
    headers = http2.block(*http2.call(GET_FLAVOR))
    flags = http2.END_HEADERS | http2.END_STREAM
    calls = {number: http2.frame(http2.HEADERS, flags, number, headers) for number in (1, 3, 5)}
    await wire.send(http2.opening() + b"".join(calls.values()))
    await wire.until_ended(set(calls))
    assert not wire.closed
    await wire.close()


async def test_who_pings_too_often_is_cut_off(own: Served) -> None:
    wire = await http2.Wire.to(own.address)
    await wire.send(http2.opening())
    for _ in range(1000):
        await wire.send(http2.frame(http2.PING, payload=b"12345678"))
    await wire.until_closed()
    assert wire.goaway() == http2.ENHANCE_YOUR_CALM
    await wire.close()


async def test_who_takes_back_what_he_asked_costs_nothing(own: Served, demo: DemoCloud) -> None:
    demo.reset_calls()
    before, streams = own.descriptors(), 20_000
    wire = await http2.Wire.to(own.address)
    await wire.send(http2.opening())
    reset = (8).to_bytes(4, "big")
    for number in range(1, 2 * streams, 2):
        headers = http2.block(*http2.call(GET_FLAVOR))
        await wire.send(
            http2.frame(http2.HEADERS, http2.END_HEADERS, number, headers)
            + http2.frame(http2.RESET, 0, number, reset)
        )
        if wire.closed:
            break
    wire.finish()
    await wire.until_closed()
    await wire.close()
    assert await asyncio.to_thread(flavor, own.address, token=own.token()) == "m1.tiny"
    assert own.descriptors() <= before + 1
    assert demo.calls("modern")[LOOK] == 0


async def test_headers_without_an_end(own: Served) -> None:
    memory = own.memory()
    wire = await http2.Wire.to(own.address)
    await wire.send(http2.opening() + http2.frame(http2.HEADERS, 0, 1, http2.block((b"a", b"b"))))
    more = http2.block(*((b"x-%d" % number, b"v" * 1000) for number in range(12)))
    for _ in range(10_000):
        if wire.closed:
            break
        await wire.send(http2.frame(http2.CONTINUATION, 0, 1, more))
    # A hundred and twenty megabytes went, or the connection before; they are not kept.
    assert own.memory() < memory + 60_000_000
    wire.finish()
    await wire.until_closed()
    await wire.close()


async def test_a_request_of_nobody_is_not_waited_for(own: Served) -> None:
    """Else whoever can connect could fill the memory with requests that never end."""
    wire = await http2.Wire.to(own.address)
    await wire.send(http2.opening())
    headers = http2.block(*http2.call(b"/oaktreemodel.v1.ServerService/GetServer"))
    begun = http2.message(b"x" * 100, size=1_000_000)
    streams = set(range(1, 80, 2))
    for stream in streams:
        await wire.send(http2.frame(http2.HEADERS, http2.END_HEADERS, stream, headers))
        await wire.send(http2.frame(http2.DATA, 0, stream, begun))
    await wire.until_ended(streams)
    assert streams <= wire.ended()
    await wire.close()


async def test_so_many_calls_may_be_anybodys(own: Served) -> None:
    wire = await http2.Wire.to(own.address)
    await wire.send(http2.opening())
    headers = http2.block(*http2.call(b"/oaktreemodel.v1.AuthService/CreateToken"))
    streams = [2 * number + 1 for number in range(accepting.OF_A_PEER + 10)]
    for stream in streams:
        await wire.send(http2.frame(http2.HEADERS, http2.END_HEADERS, stream, headers))
    await wire.until_ended(set(streams[accepting.OF_A_PEER :]))
    assert wire.ended() == set(streams[accepting.OF_A_PEER :])
    # Who is known is served all the same.
    assert await asyncio.to_thread(flavor, own.address, token=own.token()) == "m1.tiny"
    await wire.close()


async def test_a_peer_that_says_nothing(
    demo: DemoCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = dict(server.OPTIONS) | {"grpc.server_handshake_timeout_ms": 300}
    monkeypatch.setattr(server, "OPTIONS", list(soon.items()))
    one = Deployed(demo, tmp_path)
    try:
        wire = await http2.Wire.to(one.address)
        await wire.until_closed()
        await wire.close()
    finally:
        await asyncio.to_thread(one.stop)


def test_a_header_that_is_too_large(own: Served) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        flavor(own.address, ("authorization", "Bearer " + "x" * 100_000))
    assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_request_that_is_too_large(own: Served) -> None:
    with grpc.insecure_channel(own.address) as channel:
        get: Any = channel.unary_unary(GET_FLAVOR.decode())
        with pytest.raises(grpc.RpcError) as raised:
            get(b"\0" * (1024 * 1024 + 1), metadata=showing(own.token()), timeout=60)
    assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max" in str(raised.value.details())


# Tokens.


def test_odd_ways_to_show_no_token(own: Served) -> None:
    token = own.token()
    odd: list[tuple[tuple[str, str | bytes], ...]] = [
        (("authorization", ""),),
        (("authorization", " "),),
        (("authorization", "Bearer"),),
        (("authorization", f"Bearer{token}"),),
        (("authorization", f"Bearer {token} {token}"),),
        (("authorization", f"Bearer {token[:20]}"),),
        (("authorization", f"Bearer {token * 100}"),),
        (("authorization", f"Bearer,Bearer {token}"),),
        (("authorization-bin", f"Bearer {token}".encode()),),
    ]
    for metadata in odd:
        reason, error = refused(own.address, *metadata)
        assert reason == "UNAUTHENTICATED", metadata
        assert token[:8] not in str(error.details()), metadata
    assert flavor(own.address, ("authorization", f"bEaReR   {token}  ")) == "m1.tiny"


async def test_tokens_that_no_client_would_send(own: Served) -> None:
    token, name = own.token().encode(), b"authorization"
    wire = await http2.Wire.to(own.address)
    await wire.send(
        http2.opening()
        + whole(1, (name, b"Bearer \xff\xfe"))
        + whole(3, (name, b"Bearer " + token + b"\xff"))
        + whole(5, (name, b"Bearer " + token[:-1] + b"\0"))
        + whole(7, (name, b"Bearer wrong"), (name, b"Bearer " + token))
        + whole(9, (name, b"Bearer " + token))
    )
    await wire.until_ended({1, 3, 5, 7, 9})
    assert not wire.closed
    # Who is told a flavor is told it in a frame of data.
    told = {stream for kind, _, stream, _ in wire.frames() if kind == http2.DATA}
    assert told == {9}
    await wire.close()
    assert token.decode() not in own.log()


def test_who_has_no_token_costs_the_cloud_nothing(own: Served, demo: DemoCloud) -> None:
    flavor(own.address, token=own.token())
    demo.reset_calls()
    with grpc.insecure_channel(own.address) as channel:
        stub: Any = flavor_pb2_grpc.FlavorServiceStub(channel)
        calls = [
            stub.GetFlavor.future(REQUEST, metadata=metadata, timeout=60)
            for _ in range(1000)
            for metadata in (None, showing("wrong"))
        ]
        assert {call.code() for call in calls} == {grpc.StatusCode.UNAUTHENTICATED}
    assert not demo.calls()


def test_a_wrong_token_is_looked_at_once(deployed: Deployed, demo: DemoCloud) -> None:
    demo.reset_calls()
    reasons = [refused(deployed.address, *showing("wrong"))[0] for _ in range(4)]
    assert reasons == ["UNAUTHENTICATED"] * 4
    assert demo.calls("modern")[LOOK] == 1


def test_who_guesses_is_told_to_wait(deployed: Deployed, demo: DemoCloud) -> None:
    demo.reset_calls()
    reasons, last = [], None
    for number in range(50):
        reason, last = refused(deployed.address, *showing(f"guess-{number}"))
        reasons.append(reason)
    assert reasons[:5] == ["UNAUTHENTICATED"] * 5
    assert reasons[-1] == "RATE_LIMITED"
    # One bucket, and what came back into it meanwhile.
    assert demo.calls("modern")[LOOK] == reasons.count("UNAUTHENTICATED")
    retry = error_details_pb2.RetryInfo()
    assert any(one.Unpack(retry) for one in rpc_status.from_call(last).details)
    assert retry.retry_delay.ToMilliseconds() > 0


def test_who_shows_nothing_costs_the_cloud_nothing(deployed: Deployed, demo: DemoCloud) -> None:
    demo.reset_calls()
    for metadata in ((), (("authorization", "Basic eDp5"),), (("authorization", "Bearer "),)):
        assert refused(deployed.address, *metadata)[0] == "UNAUTHENTICATED"
    assert refused(deployed.address, *showing("x", "nowhere"))[0] == "CLOUD_UNKNOWN"
    assert not demo.calls()


async def test_a_caller_has_so_many_streams(deployed: Deployed) -> None:
    metadata = deployed.metadata()
    request = server_pb2.WatchServersRequest()
    request.location.region = "east"
    async with grpc.aio.insecure_channel(deployed.address) as channel:
        stub: Any = server_pb2_grpc.ServerServiceStub(channel)
        watches = [stub.WatchServers(request, metadata=metadata) for _ in range(3)]
        for watch in watches:
            await watch.read()
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.WatchServers(request, metadata=metadata).read()
        assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        # Another caller is none the poorer, and one that ends leaves room.
        other = stub.WatchServers(request, metadata=deployed.metadata("other", "other"))
        await other.read()
        watches.pop().cancel()
        await _until_read(lambda: stub.WatchServers(request, metadata=metadata))


async def _until_read(make: Any) -> None:
    for _ in range(400):
        watch = make()
        with contextlib.suppress(grpc.aio.AioRpcError):
            await watch.read()
            return
        assert await watch.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        await asyncio.sleep(0.05)
    raise AssertionError("there was never room again")


# What anybody on the machine can see.


def test_the_system_shows_no_token(own: Served) -> None:
    token = own.token().encode()
    assert b"oaktree" in own.file("cmdline")
    assert token not in own.file("cmdline")
    assert token not in own.file("environ")
    assert not re.search(rb"GRPC_(TRACE=|VERBOSITY=(?!NONE))", own.file("environ"))

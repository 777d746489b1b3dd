"""Ten million bytes that no client would send: each gets a clear status or a closed connection, and
leaves an oaktree that is as good as it was.

What is sent follows from a seed, which a failure shows; OAKTREE_FUZZ_SEED sets it, and
OAKTREE_FUZZ_BYTES how much is sent.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from oaktree import models
from oaktree.democloud import DemoCloud
from oaktreemodel.v1 import auth_pb2, auth_pb2_grpc, flavor_pb2, flavor_pb2_grpc

from . import http2
from .conftest import until
from .fuzz import Maker
from .served import FAULT, Served, served

BYTES = int(os.environ.get("OAKTREE_FUZZ_BYTES", 10_000_000))
AT_ONCE = 8
# The most connections to the clouds: eight for each service of each region.
CLOUDS_OWN = 8 * 4 * 4
# How much larger the second half of it may leave the oaktree: its pools of threads and its caches
# are full by then.
GROWTH = 1.5
# What sends something, and says how many bytes.
Sender = Callable[[], Awaitable[int]]


class Fuzz:
    """What is sent to one oaktree by whoever has a token of it."""

    def __init__(self, address: str, token: str, seed: int) -> None:
        self._address, self._token = address, token
        self._maker = Maker(seed)
        self._channel = grpc.aio.insecure_channel(address)
        self.answers: Counter[str] = Counter()
        self.sent = 0

    async def run(self, size: int) -> None:
        """Sends as many bytes, of each kind its part."""
        for sender, part in ((self._request, 0.02), (self._calls, 0.1), (self._connection, 0.88)):
            await self._send(sender, int(size * part))
        await self._channel.close()

    async def requests(self, size: int) -> None:
        """Sends odd requests alone."""
        await self._send(self._request, size)
        await self._channel.close()

    async def _send(self, sender: Sender, size: int) -> None:
        until = self.sent + size

        async def some() -> None:
            while self.sent < until:
                self.sent += await sender()

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(some())

    async def _request(self) -> int:
        """A whole call whose request is odd: the status says what is wrong with it."""
        rpc = models.rpcs()[self._maker.random.choice(self._maker.paths)]
        request = self._maker.request(rpc.request)
        token = self._token if self._maker.likely(0.9) else "nonsense"
        metadata = (("authorization", f"Bearer {token}"),)
        kind: Any = self._channel.unary_stream if rpc.streams else self._channel.unary_unary
        call = kind(rpc.path)(request, metadata=metadata, timeout=0.5 if rpc.streams else 30)
        try:
            if rpc.streams:
                await call.read()
                call.cancel()
            else:
                await call
            self.answers["OK"] += 1
        except grpc.aio.AioRpcError as error:
            self.answers[reason(error, f"{rpc.name} {request!r}")] += 1
        return len(request)

    async def _calls(self) -> int:
        data, streams = self._maker.calls(self._token, 24)
        wire = await http2.Wire.to(self._address)
        await wire.send(data)
        await wire.until_ended(streams)
        self.answers["connection ended" if wire.closed else "calls ended"] += 1
        await wire.close()
        return wire.sent

    async def _connection(self) -> int:
        wire = await http2.Wire.to(self._address)
        await wire.send(self._maker.connection(self._token, 40_000))
        wire.finish()
        await wire.until_closed()
        self.answers["connection"] += 1
        await wire.close()
        return wire.sent


def reason(error: Any, what: str) -> str:
    """Why a call was refused; it must say so."""
    status = rpc_status.from_call(error)
    if status is None:
        # By the client itself, or in words of gRPC's own.
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, f"{what}: {error}"
        return "late"
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info), what
    assert info.domain == "oaktree", what
    assert info.reason not in ("", "INTERNAL"), f"{what}: {error}"
    return str(info.reason)


def flavor(address: str, token: str) -> str:
    request = flavor_pb2.GetFlavorRequest(name_or_id="m1.tiny")
    request.location.cloud, request.location.region = "modern", "east"
    with grpc.insecure_channel(address) as channel:
        stub = flavor_pb2_grpc.FlavorServiceStub(channel)
        metadata = (("authorization", f"Bearer {token}"),)
        found: str = stub.GetFlavor(request, metadata=metadata, timeout=60).flavor.name
        return found


def batter(oaktree: Served, token: str, size: int) -> Counter[str]:
    """Sends as many bytes, and looks whether the oaktree has taken harm."""
    seed = int(os.environ.get("OAKTREE_FUZZ_SEED", random.randrange(2**32)))
    print(f"OAKTREE_FUZZ_SEED={seed}")
    answers: Counter[str] = Counter()
    memory, descriptors = [], []
    for half in range(2):
        sent = run(oaktree.address, token, seed + half, size // 2)
        answers += sent
        assert flavor(oaktree.address, token) == "m1.tiny"
        memory.append(oaktree.memory())
        descriptors.append(oaktree.descriptors())
    print(answers, memory, descriptors)
    assert memory[1] < GROWTH * memory[0]
    # Every one of thousands of connections that stayed open would be one more. Those to the clouds
    # do, some for each of their services, and not all are needed from the start.
    until(lambda: oaktree.descriptors() <= descriptors[0] + CLOUDS_OWN)
    assert not [line for line in oaktree.log().splitlines() if FAULT.search(line)]
    assert token not in oaktree.log()
    assert oaktree.stop() == 0
    return answers


def run(address: str, token: str, seed: int, size: int) -> Counter[str]:
    async def all_of_it() -> Counter[str]:
        fuzz = Fuzz(address, token, seed)
        await fuzz.run(size)
        return fuzz.answers

    return asyncio.run(all_of_it())


@pytest.fixture(scope="module")
def entries(demo: DemoCloud) -> dict[str, Any]:
    """The clouds without a rate of oaktree's own."""
    return {name: demo.entry(name, "demo", "demo") | {"rate": 0} for name in demo.clouds}


def test_ones_own_oaktree(entries: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "clouds.yaml"
    path.write_text(yaml.safe_dump({"clouds": entries}))
    with served(tmp_path, "--clouds", path) as oaktree:
        answers = batter(oaktree, oaktree.token(), BYTES * 8 // 10)
    assert {
        "OK",
        "INVALID_ARGUMENT",
        "UNAUTHENTICATED",
        "NOT_FOUND",
        "connection",
    } <= answers.keys()


def test_a_deployers_oaktree(entries: dict[str, Any], demo: DemoCloud, tmp_path: Path) -> None:
    clouds = {
        name: entry | {"auth": {"auth_url": entry["auth"]["auth_url"]}}
        for name, entry in entries.items()
    }
    path = tmp_path / "oaktree.yaml"
    limits = {"wrong_tokens_per_peer_per_minute": 1_000_000}
    path.write_text(yaml.safe_dump({"clouds": clouds, "default_cloud": "modern", "limits": limits}))
    client_id, secret = demo.application_credential("modern")
    with served(tmp_path, "--config", path) as oaktree:
        with grpc.insecure_channel(oaktree.address) as channel:
            made = auth_pb2_grpc.AuthServiceStub(channel).CreateToken(
                auth_pb2.CreateTokenRequest(client_id=client_id, client_secret=secret)
            )
        answers = batter(oaktree, made.access_token.value, BYTES * 2 // 10)
        assert secret not in oaktree.log()
    assert {"OK", "INVALID_ARGUMENT", "UNAUTHENTICATED", "connection"} <= answers.keys()

"""What oaktree adds to gRPC where it has the answer already: against a bare server of its bytes.

Short bursts go to both in turns, and each is compared with its neighbour: a busy machine is slow
for both of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

import uvloop
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from oaktreemodel.v1 import location_pb2, server_pb2

from bench.bare import GET, LIST, bare
from bench.http2 import Connection, Stream, answer, connect
from bench.processes import cheap_cloud, oaktree
from bench.result import Result

SERVERS = 10_000
AT_ONCE = 64
ROUNDS = 20
BURST_SECONDS = 0.4
Measured = dict[str, list[tuple[float, float]]]
EAST = location_pb2.Location(cloud="modern", region="east")
# No list that the measurement asks for is older.
AGE = Duration(seconds=600)
GET_SERVER = "/oaktreemodel.v1.ServerService/GetServer"
LIST_SERVERS = "/oaktreemodel.v1.ServerService/ListServers"


@dataclass(frozen=True)
class Side:
    """A server, and how it is asked."""

    connection: Connection
    get: str
    list: str
    one: bytes
    all: bytes
    # Bytes of the first batch, at least.
    batch: int


async def rate(side: Side) -> float:
    """Gets a second, so many at once."""
    done, end, failed = 0, time.perf_counter() + BURST_SECONDS, 0
    over = asyncio.Event()
    left = AT_ONCE

    def told(stream: Stream) -> None:
        nonlocal done, failed, left
        if not stream.ended:
            return
        done += 1
        failed += not stream.whole
        if time.perf_counter() < end:
            side.connection.call(side.get, side.one, Stream(told))
        else:
            left -= 1
            if not left:
                over.set()

    began = time.perf_counter()
    for _ in range(AT_ONCE):
        side.connection.call(side.get, side.one, Stream(told))
    await over.wait()
    if failed:
        raise RuntimeError(f"{failed} of {done} calls failed")
    return done / (time.perf_counter() - began)


async def listed(side: Side) -> tuple[float, float]:
    """Milliseconds to the first batch of a list, and to its end."""
    over = asyncio.Event()
    began = time.perf_counter()
    first = 0.0

    def told(stream: Stream) -> None:
        nonlocal first
        if not first and stream.received >= side.batch:
            first = time.perf_counter() - began
        if stream.ended:
            over.set()

    stream = Stream(told)
    side.connection.call(side.list, side.all, stream)
    await over.wait()
    if not stream.whole:
        raise RuntimeError("a list failed")
    return first * 1e3, (time.perf_counter() - began) * 1e3


async def answers(address: str) -> tuple[Message, Message, dict[str, list[bytes]]]:
    """The requests for one and all, and what oaktree answers to them from what it keeps."""
    connection = await connect(address)
    wanted = server_pb2.ListServersRequest(location=EAST, max_age=AGE)
    # The first fills what is kept.
    await answer(connection, LIST_SERVERS, wanted)
    batches = await answer(connection, LIST_SERVERS, wanted)
    servers = server_pb2.ListServersResponse.FromString(batches[len(batches) // 2]).servers
    one = server_pb2.GetServerRequest(location=EAST, name_or_id=servers[0].id, max_age=AGE)
    got = await answer(connection, GET_SERVER, one)
    connection.close()
    return one, wanted, {"Get": got, "List": batches}


async def _compare(ours: str, other: str, asked: tuple[Message, Message], batch: int) -> Measured:
    one, all = (request.SerializeToString() for request in asked)
    sides = (
        Side(await connect(ours), GET_SERVER, LIST_SERVERS, one, all, batch),
        Side(await connect(other), GET, LIST, one, all, batch),
    )
    found: Measured = {}
    for number in range(ROUNDS + 1):
        # Who goes first changes.
        order = sides if number % 2 else sides[::-1]
        measured = {id(side): (await rate(side), *await listed(side)) for side in order}
        if not number:
            # The first round warms up.
            continue
        pairs = zip(*(measured[id(side)] for side in sides), strict=True)
        for name, pair in zip(("rate", "first", "all"), pairs, strict=True):
            found.setdefault(name, []).append(pair)
    return found


def measure() -> Iterator[Result]:
    with cheap_cloud("--servers", str(SERVERS)) as (_, path), oaktree(path) as (_, address):
        *asked, found = uvloop.run(answers(address))
        with bare(**found) as (_, other):
            # When it was asked is told with each batch, in more bytes or fewer.
            batch = len(found["List"][0]) - 16
            measured = uvloop.run(_compare(address, other, (asked[0], asked[1]), batch))
    name = f"cached list of {SERVERS}"
    yield Result.paired(f"cached Get, {AT_ONCE} at once", measured["rate"], "/s", goal=0.9)
    for what in ("first", "all"):
        yield Result.paired(f"{name}: {what}", measured[what], "ms", goal=1.5, at_most=True)

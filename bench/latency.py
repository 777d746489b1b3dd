"""How long a Get takes that oaktree can answer by itself, while it polls many servers.

Calls begin at fixed times, whether or not the ones before have ended, and each counts from the time
at which it was due: one that stalls shows in all that it holds up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import uvloop
from google.protobuf.message import Message
from oaktreemodel.v1 import server_pb2

from bench.cached import EAST, GET_SERVER, SERVERS, answers
from bench.cloud import ALL, NONE
from bench.http2 import Connection, Stream, connect, held
from bench.polling import WATCH_SERVERS
from bench.processes import Process, cheap_cloud, oaktree
from bench.result import Result

IDLE = "idle"
RATE = 500
# Some polls, and a hundred calls beyond the 99th percentile.
SECONDS = 16
# A call that takes longer has gone wrong.
PATIENCE_SECONDS = 30.0


async def took(
    connection: Connection, request: Message, rate: int = RATE, seconds: float = SECONDS
) -> list[float]:
    """Milliseconds of every Get of a server, so many of them a second."""
    asked = request.SerializeToString()
    each: list[float] = []
    failed = 0
    over = asyncio.Event()
    count = int(rate * seconds)

    def call(due: float) -> None:
        def told(stream: Stream) -> None:
            nonlocal failed
            if stream.ended:
                failed += not stream.whole
                each.append((time.perf_counter() - due) * 1e3)
                if len(each) == count:
                    over.set()

        connection.call(GET_SERVER, asked, Stream(told))

    began = time.perf_counter()
    for number in range(count):
        due = began + number / rate
        left = due - time.perf_counter()
        if left > 0:
            await asyncio.sleep(left)
        call(due)
    await asyncio.wait_for(over.wait(), PATIENCE_SECONDS)
    if failed:
        raise RuntimeError(f"{failed} of {count} calls failed")
    return each


def p99(each: list[float]) -> float:
    return sorted(each)[int(len(each) * 0.99)]


async def _measure(cloud: Process, address: str) -> dict[str, float]:
    request, _, _ = await answers(address)
    connection = await connect(address)
    found = {}
    idle = await took(connection, request)
    async with held(address, WATCH_SERVERS, server_pb2.WatchServersRequest(location=EAST)):
        for differing in (NONE, ALL):
            cloud.say(differing)
            found[differing] = p99(await took(connection, request))
    # Before and after: the machine may have become busy meanwhile.
    idle += await took(connection, request)
    return {**found, IDLE: p99(idle)}


def measure() -> Iterator[Result]:
    # One that is being built makes oaktree poll as for somebody who waits.
    options = ("--servers", str(SERVERS), "--building", "1")
    with cheap_cloud(*options) as (cloud, path), oaktree(path) as (_, address):
        found = uvloop.run(_measure(cloud, address))
    name = f"cached Get, {RATE} a second, p99"
    for differing, told in ((NONE, "nothing"), (ALL, "everything")):
        yield Result(
            f"{name}: {told} changed in {SERVERS} that are polled",
            found[differing],
            "ms",
            peer=found[IDLE],
            goal=4,
            at_most=True,
        )

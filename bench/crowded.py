"""Many transfers at once: what they do to others' small calls, and the memory that they take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop

from bench.cached import answers
from bench.http2 import connect
from bench.latency import p99, took
from bench.movers import DOWN, IMAGE, OBJECT, UP, Mover, container, mover
from bench.processes import Process, admin, cheap_cloud, oaktree
from bench.result import Result
from bench.ways import Where

SERVERS = 100
AT_ONCE = 16
RATE = 200
SECONDS = 8
ROUNDS = 3
# How long the memory is looked at, and how often.
LOOKS = 20
LOOK_SECONDS = 0.1
WAYS = {UP: "uploads", DOWN: "downloads"}


async def _p99(address: str) -> float:
    request, _, _ = await answers(address)
    connection = await connect(address)
    try:
        return p99(await took(connection, request, RATE, SECONDS))
    finally:
        connection.close()


@contextmanager
def _crowd(stub: Mover, way: str, what: str, how: str) -> Iterator[None]:
    stub.crowd("begin", way, what, str(AT_ONCE), how)
    try:
        yield
    finally:
        stub.crowd("end")


def _latency(stub: Mover, address: str, way: str, what: str) -> Result:
    pairs = []
    for _ in range(ROUNDS):
        idle = uvloop.run(_p99(address))
        with _crowd(stub, way, what, "moving"):
            busy = uvloop.run(_p99(address))
        pairs.append((busy, idle))
    name = f"cached Get, {RATE} a second, p99, beside {AT_ONCE} {WAYS[way]} of {what}s"
    return Result.paired(name, pairs, "ms", goal=4, at_most=True)


def _memory(stub: Mover, server: Process, way: str, what: str, how: str) -> Result:
    before = server.memory_mib()
    most = before
    with _crowd(stub, way, what, how):
        for _ in range(LOOKS):
            most = max(most, server.memory_mib())
            time.sleep(LOOK_SECONDS)
    name = f"memory of each of {AT_ONCE} {WAYS[way]} of {what}s at once, {how}"
    return Result(name, (most - before) / AT_ONCE, "MiB", goal=3, at_most=True)


def measure() -> Iterator[Result]:
    for what in (IMAGE, OBJECT):
        with cheap_cloud("--servers", str(SERVERS)) as (_, path), oaktree(path) as (_, address):
            admin(path, "PATCH", "settings", {"uploads": "assumed"})
            where = Where(path, "modern", "east", address)
            with container(where), mover("stub", where) as stub:
                for way in WAYS:
                    yield _latency(stub, address, way, what)
        for way in WAYS:
            for how in ("moving", "stalled"):
                yield _fresh(way, what, how)


def _fresh(way: str, what: str, how: str) -> Result:
    """Of an oaktree that has moved one: what any transfer needs at all is not each one's."""
    with cheap_cloud() as (_, path), oaktree(path) as (server, address):
        admin(path, "PATCH", "settings", {"uploads": "assumed"})
        where = Where(path, "modern", "east", address)
        with container(where), mover("stub", where) as stub:
            for direction in (UP, DOWN):
                stub.move(direction, what, 64 << 20)
            return _memory(stub, server, way, what, how)

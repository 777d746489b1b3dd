"""What many who watch cost, beside as many streams of a bare server that are told the same."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import uvloop
from oaktreemodel.v1 import server_pb2

from bench.bare import WATCH, bare
from bench.cached import EAST
from bench.http2 import Connection, Stream, connect, messages
from bench.polling import WATCH_SERVERS
from bench.processes import Process, admin, clouds, oaktree
from bench.result import Result

STREAMS = 10_000
CONNECTIONS = 10
EVENTS = 5
# So long without a word, and all has been said.
QUIET_SECONDS = 1.0
# An event that takes longer has not come.
PATIENCE_SECONDS = 30.0
REQUEST = server_pb2.WatchServersRequest(location=EAST).SerializeToString()


class Watchers:
    """Many who watch, and when each of them was last told something."""

    def __init__(self) -> None:
        self._connections: list[Connection] = []
        self._told: dict[int, float] = {}
        self._ended = 0
        # Somebody was told something; everybody was.
        self._word, self._all = asyncio.Event(), asyncio.Event()

    async def open(self, address: str, path: str) -> None:
        self._connections = [await connect(address) for _ in range(CONNECTIONS)]
        for number in range(STREAMS):
            self._connections[number % CONNECTIONS].call(path, REQUEST, self._stream(number))
        await self._all_told()
        # They are told in several words what there is.
        with contextlib.suppress(TimeoutError):
            while True:
                self._word.clear()
                await asyncio.wait_for(self._word.wait(), QUIET_SECONDS)

    def _stream(self, number: int) -> Stream:
        def told(stream: Stream) -> None:
            self._told[number] = time.perf_counter()
            self._ended += stream.ended
            self._word.set()
            if len(self._told) == STREAMS:
                self._all.set()

        return Stream(told)

    async def _all_told(self) -> None:
        await asyncio.wait_for(self._all.wait(), PATIENCE_SECONDS)
        if self._ended:
            raise RuntimeError(f"{self._ended} streams ended")

    async def event(self, happen: Callable[[], object]) -> tuple[float, float]:
        """Milliseconds from the first who is told until half are, and until all are."""
        self._told.clear()
        self._all.clear()
        await asyncio.to_thread(happen)
        await self._all_told()
        when = sorted(self._told.values())
        return (statistics.median(when) - when[0]) * 1e3, (when[-1] - when[0]) * 1e3

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


@contextlib.asynccontextmanager
async def _watchers(
    process: Process, address: str, path: str
) -> AsyncIterator[tuple[Watchers, float]]:
    """Those who watch a server, and the KiB that each of them costs it."""
    before = process.memory_mib()
    watchers = Watchers()
    await watchers.open(address, path)
    yield watchers, (process.memory_mib() - before) * 1024 / STREAMS
    watchers.close()


class Server:
    """The one that changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._id = admin(path, "GET", "east/servers")[0]["id"]
        self._changes = 0
        # Who watches something that moves is told sooner.
        admin(path, "PATCH", f"east/servers/{self._id}", {"status": "BUILD"})

    def change(self) -> None:
        self._changes += 1
        admin(self._path, "PATCH", f"east/servers/{self._id}", {"progress": self._changes})


async def _event(address: str, server: Server) -> list[bytes]:
    """What one who watches is told first, and of a change."""
    connection = await connect(address)
    word = asyncio.Event()
    stream = Stream(lambda one: word.set(), kept=bytearray())
    connection.call(WATCH_SERVERS, REQUEST, stream)
    assert stream.kept is not None
    found: list[list[bytes]] = []
    for happen in (lambda: None, server.change):
        await asyncio.to_thread(happen)
        await asyncio.wait_for(word.wait(), PATIENCE_SECONDS)
        await asyncio.sleep(QUIET_SECONDS)
        found.append(messages(bytes(stream.kept)))
        stream.kept.clear()
        word.clear()
    connection.close()
    return [b"".join(found[0]), found[1][0]]


async def _compare(
    ours: tuple[Process, str], other: tuple[Process, str], server: Server
) -> tuple[list[float], list[list[tuple[float, float]]]]:
    """What a stream of each costs; and of every event the times, and the processor's, of each."""
    async with (
        _watchers(*ours, WATCH_SERVERS) as (watchers, each),
        _watchers(*other, WATCH) as (others, each_other),
    ):
        sides = (
            (ours[0], watchers, server.change),
            (other[0], others, lambda: other[0].say("event")),
        )
        events: list[list[tuple[float, float, float]]] = []
        for _ in range(EVENTS):
            events.append([])
            for process, who, happen in sides:
                before = process.cpu_seconds()
                times = await who.event(happen)
                events[-1].append((*times, (process.cpu_seconds() - before) * 1e3))
    return [each, each_other], [
        [(mine[place], bare_one[place]) for mine, bare_one in events] for place in range(3)
    ]


def measure() -> Iterator[Result]:
    with clouds(1) as path, oaktree(path) as ours:
        server = Server(path)
        said = uvloop.run(_event(ours[1], server))
        with bare(Watch=said) as other:
            (each, each_other), events = uvloop.run(_compare(ours, other, server))
    name = f"watch: one of {STREAMS} streams, memory"
    yield Result(name, each, "KiB", peer=each_other, goal=1.5, at_most=True)
    first = "from the first who is told to"
    for what, pairs in zip((f"{first} half of them", f"{first} all", "CPU"), events, strict=True):
        name = f"watch: an event to {STREAMS}, {what}"
        yield Result.paired(name, pairs, "ms", goal=1.5, at_most=True)

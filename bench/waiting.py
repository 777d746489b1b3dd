"""What it costs a cloud, and this oaktree, that many wait and watch.

The clients run in one process of their own, over some connections, with the bare generated stubs.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.processes import PYTHON, admin, clouds, oaktree
from bench.result import Result

SECONDS = 30
CONNECTIONS = 10
STREAMS = 10_000
# A page of 1000 that is full has a next one, if only to say that it is empty.
ONE_PAGE = 999
# What others need for one who waits, as was measured: openstacksdk's wait_for_server asks every 5
# seconds, gophercloud's WaitForStatus every second.
OPENSTACKSDK, GOPHERCLOUD = 6, 30
_CLIENTS = [*PYTHON, "bench.waiting"]


@contextmanager
def opened(command: Sequence[str], ids: Sequence[str]) -> Iterator[int]:
    """A process that opens a stream for each id at once and holds them; how many it could not."""
    started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert started.stdin is not None
    assert started.stdout is not None
    try:
        started.stdin.write("".join(f"{one or '-'}\n" for one in ids) + "\n")
        started.stdin.flush()
        line = started.stdout.readline()
        if not line.startswith("open, but for"):
            raise RuntimeError(f"the clients did not open their streams: {line}")
        yield int(line.split()[-1])
        if started.poll() is not None:
            raise RuntimeError("the clients did not hold their streams")
    finally:
        started.terminate()
        started.wait(30)


@contextmanager
def building(servers: int, waiters: int) -> Iterator[tuple[Path, list[str]]]:
    """Clouds where so many of the servers never get ready: their clouds.yaml, and those' ids."""
    with clouds(servers) as path:
        ids = [server["id"] for server in admin(path, "GET", "east/servers")][:waiters]
        for identifier in ids:
            admin(path, "PATCH", f"east/servers/{identifier}", {"status": "BUILD"})
        yield path, ids


def requests(*paths: Path) -> list[int]:
    """What each of some clouds is asked in the next SECONDS."""
    for path in paths:
        admin(path, "DELETE", "calls")
    time.sleep(SECONDS)
    return [sum(admin(path, "GET", "calls")["kinds"].values()) for path in paths]


def _waits(servers: int, waiters: int) -> int:
    """Requests in SECONDS while so many wait for servers that stay as they are."""
    with (
        building(servers, waiters) as (path, ids),
        oaktree(path) as (_, address),
        opened([*_CLIENTS, "wait", address], ids),
    ):
        return requests(path)[0]


def measure() -> Iterator[Result]:
    for servers, waiters, goal in ((ONE_PAGE, 100, 16), (10_000, 10_000, 160)):
        asked = _waits(servers, waiters)
        name = f"wait: requests in {SECONDS} s, {waiters} who wait among {servers}"
        yield Result(name, asked, "requests", goal=goal, at_most=True)
        for peer, asks in (("openstacksdk", OPENSTACKSDK), ("gophercloud", GOPHERCLOUD)):
            yield Result(f"{name}; {peer}, quoted", asked, "requests", peer=asks * waiters)
    with (
        clouds(0) as path,
        oaktree(path) as (_, address),
        opened([*_CLIENTS, "watch", address], [""] * STREAMS) as lost,
    ):
        pass
    yield Result(f"watch: lost of {STREAMS} opened at once", lost, "streams", goal=0, at_most=True)


async def _hold(kind: str, address: str, ids: list[str]) -> None:
    import grpc
    from oaktreemodel.v1 import location_pb2, server_pb2, server_pb2_grpc

    east = location_pb2.Location(cloud="modern", region="east")
    # Else the channels share one connection.
    channels = [
        grpc.aio.insecure_channel(address, options=[("oaktree.bench", number)])
        for number in range(CONNECTIONS)
    ]
    calls = []
    for number, identifier in enumerate(ids):
        stub: Any = server_pb2_grpc.ServerServiceStub(channels[number % CONNECTIONS])
        if kind == "wait":
            request: Any = server_pb2.WaitServerRequest(location=east, name_or_id=identifier)
            calls.append(stub.WaitServer(request))
        else:
            calls.append(stub.WatchServers(server_pb2.WatchServersRequest(location=east)))
    # Each is told something at once: the state it waits from, or the beginning of its watch.
    answers = await asyncio.gather(*(call.read() for call in calls), return_exceptions=True)
    lost = sum(1 for answer in answers if isinstance(answer, BaseException))
    print("open, but for", lost, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    given = [line.rstrip("\n") for line in iter(sys.stdin.readline, "\n")]
    asyncio.run(_hold(sys.argv[1], sys.argv[2], given))

"""What a poll of many servers costs oaktree, beside what the bytes alone cost.

The bytes are read, and parsed, by a process of their own: python -m bench.polling CLOUDS.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import uvloop
from oaktreemodel.v1 import server_pb2

from bench.cached import EAST
from bench.cloud import NONE, SOME
from bench.http2 import held
from bench.processes import Process, cheap_cloud, oaktree
from bench.result import Result

SERVERS = 10_000
POLLS = 4
WATCH_SERVERS = "/oaktreemodel.v1.ServerService/WatchServers"
_STEP_SECONDS = 0.02


def _polled(cloud: Process, lists: int) -> None:
    """Until so many more lists have begun."""
    end = int(cloud.say("")) + lists
    while int(cloud.say("")) < end:
        time.sleep(_STEP_SECONDS)


def _costs(cloud: Process, server: Process) -> dict[str, float]:
    """Microseconds of the server's processor time for each server of a poll."""
    found = {}
    # The first is compared with nothing.
    _polled(cloud, 1)
    for differing in (NONE, SOME):
        cloud.say(differing)
        _polled(cloud, 1)
        before = server.cpu_seconds()
        _polled(cloud, POLLS)
        found[differing] = (server.cpu_seconds() - before) / POLLS / SERVERS * 1e6
    return found


async def _watched(cloud: Process, server: Process, address: str) -> dict[str, float]:
    """The same, while somebody watches."""
    async with held(address, WATCH_SERVERS, server_pb2.WatchServersRequest(location=EAST)):
        return await asyncio.to_thread(_costs, cloud, server)


def _read(path: str) -> dict[str, float]:
    """Microseconds a server for reading the pages, and for parsing them."""
    import openstack
    from openstack.config import OpenStackConfig

    config = OpenStackConfig(config_files=[path])
    cloud = openstack.connection.Connection(
        config=config.get_one(cloud="modern", region_name="east")
    )
    start = f"{cloud.compute.get_endpoint()}/servers/detail"
    session = cloud.session.session
    headers = {"X-Auth-Token": cloud.session.get_token(), "OpenStack-API-Version": "compute 2.96"}
    reading = parsing = 0.0
    for _ in range(POLLS):
        address = start
        while address:
            began = time.process_time()
            body = session.get(address, headers=headers).content
            read = time.process_time()
            links = orjson.loads(body).get("servers_links")
            reading, parsing = reading + read - began, parsing + time.process_time() - read
            address = links[0]["href"] if links else ""
    return {"reading": reading, "parsing": parsing}


def _alone(path: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "bench.polling", str(path)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    seconds = orjson.loads(done.stdout)
    return {what: seconds[what] / POLLS / SERVERS * 1e6 for what in seconds}


def measure() -> Iterator[Result]:
    with cheap_cloud("--servers", str(SERVERS)) as (cloud, path):
        alone = _alone(path)
        with oaktree(path) as (server, address):
            cost = uvloop.run(_watched(cloud, server, address))
    name = f"poll of {SERVERS}"
    for differing, told, goal in ((NONE, "nothing", 6), (SOME, "1 %", 8)):
        yield Result(
            f"{name}, {told} changed: CPU a server", cost[differing], "µs", goal=goal, at_most=True
        )
    for what in alone:
        yield Result(f"{name}: {what} the pages alone", alone[what], "µs")


if __name__ == "__main__":
    print(orjson.dumps(_read(sys.argv[1])).decode())

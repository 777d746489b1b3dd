"""What it costs to list servers, from the cloud's JSON to a Python client.

Each side runs in a process of its own, so that its processor time is its own. This file is also
what those processes run.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

import orjson

from bench.processes import Process, clouds, oaktree
from bench.result import Result

SERVERS = 10_000
# openstacksdk takes milliseconds a server, and no less for few than for many.
PEER_SERVERS = 500
RUNS = 3


def _through_oaktree(address: str) -> dict[str, float]:
    import oaktreemodel

    with oaktreemodel.connect(address) as client:
        cloud = client.cloud("modern", region="east")
        cloud.flavors.get("m1.tiny")
        began, used = time.perf_counter(), time.process_time()
        first, count = 0.0, 0
        for _ in cloud.servers.list(max_age=0):
            count += 1
            first = first or time.perf_counter() - began
        total = time.perf_counter() - began
        return {
            "count": count,
            "cpu": time.process_time() - used,
            "first": first,
            "total": total,
        }


def _through_openstacksdk(path: str, bare: bool = False) -> dict[str, float]:
    import openstack
    from openstack.config import OpenStackConfig

    config = OpenStackConfig(config_files=[path])
    cloud = openstack.connection.Connection(
        config=config.get_one(cloud="modern", region_name="east")
    )
    cloud.compute.get("/flavors")
    used = time.process_time()
    count = len(cloud.list_servers(bare=bare))
    return {"count": count, "cpu": time.process_time() - used}


def _child(side: str, argument: str) -> dict[str, float]:
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "bench.lists", side, argument],
        check=True,
        capture_output=True,
        timeout=600,
    )
    found: dict[str, float] = orjson.loads(answer.stdout)
    return found


def _listed(server: Process, address: str) -> tuple[float, dict[str, float]]:
    """Processor time of server and client together for one list, and what the client saw."""
    before = server.cpu_seconds()
    seen = _child("oaktree", address)
    assert seen["count"] == SERVERS
    return server.cpu_seconds() - before + seen["cpu"], seen


def measure() -> Iterator[Result]:
    with clouds(PEER_SERVERS) as path:
        peer, bare = (
            _child(side, str(path))["cpu"] / PEER_SERVERS * 1e6
            for side in ("openstacksdk", "openstacksdk-bare")
        )
    with clouds(SERVERS) as path, oaktree(path) as (server, address):
        # The first pays for what is then kept: a connection, flavors, networks.
        _child("oaktree", address)
        runs = sorted((_listed(server, address) for _ in range(RUNS)), key=lambda run: run[0])
    cost, seen = runs[len(runs) // 2]
    each = cost / SERVERS * 1e6
    yield Result("list: CPU a server, client and server", each, "µs", goal=60, at_most=True)
    yield Result(
        "list: openstacksdk's list_servers(), CPU a server", peer, "µs", peer=each, goal=60
    )
    yield Result("list: openstacksdk's list_servers(bare=True)", bare, "µs", peer=each)
    yield Result(
        "list: first server, against all of them",
        seen["first"] * 1e3,
        "ms",
        peer=seen["total"] * 1e3,
    )


if __name__ == "__main__":
    sides: dict[str, Callable[[str], dict[str, float]]] = {
        "oaktree": _through_oaktree,
        "openstacksdk": _through_openstacksdk,
        "openstacksdk-bare": partial(_through_openstacksdk, bare=True),
    }
    print(orjson.dumps(sides[sys.argv[1]](sys.argv[2])).decode())

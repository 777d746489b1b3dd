"""What the first request to one more cloud costs, beside a Connection of openstacksdk's for it.

The Connections are in a process of their own: python -m bench.connecting CLOUDS WHAT.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

import oaktreemodel
import openstack
from oaktreemodel import Client
from openstack.config import OpenStackConfig

from bench.processes import PYTHON, Process, cheap_cloud, oaktree, running
from bench.result import Result

CLOUDS = 50
# Their first loads what all then have.
WARM = 2


def first_requests(process: Process, ask: Callable[[int], object]) -> tuple[float, float]:
    """KiB and milliseconds for each of so many that are asked for the first time."""
    for number in range(WARM):
        ask(number)
    before = process.memory_mib()
    took = []
    for number in range(WARM, WARM + CLOUDS):
        began = time.perf_counter()
        ask(number)
        took.append((time.perf_counter() - began) * 1e3)
    return (process.memory_mib() - before) * 1024 / CLOUDS, statistics.median(took)


def measure() -> Iterator[Result]:
    with cheap_cloud("--copies", str(WARM + CLOUDS)) as (_, path):
        for what in ("flavors", "servers"):
            with oaktree(path) as (process, address), oaktreemodel.connect(address) as client:
                ours = first_requests(process, partial(_list, client, what))
            with running([*PYTHON, "bench.connecting", str(path), what], "ready") as process:
                peer = first_requests(process, lambda number: process.say(f"modern-{number}"))
            for cost, unit, mine, other in zip(
                ("memory", "time"), ("KiB", "ms"), ours, peer, strict=True
            ):
                name = f"one more cloud, {what} as the first request: {cost}"
                yield Result(name, mine, unit, peer=other, goal=1.5, at_most=True)


def _list(client: Client, what: str, number: int) -> None:
    for _ in getattr(client.cloud(f"modern-{number}", region="east"), what).list():
        pass


def _connect(path: str, what: str) -> None:
    """Connects to every cloud that a line names, and stays connected."""
    config = OpenStackConfig(config_files=[path])
    connections = []
    print("ready", flush=True)
    for line in sys.stdin:
        region = config.get_one(cloud=line.strip(), region_name="east")
        connections.append(openstack.connection.Connection(config=region))
        print(len(list(getattr(connections[-1].compute, what)())), flush=True)


if __name__ == "__main__":
    _connect(*sys.argv[1:])

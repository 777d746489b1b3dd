"""How long it takes until somebody has a server with an address outside."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import oaktreemodel
import openstack
from openstack.config import OpenStackConfig

from bench.processes import cheap_cloud, oaktree
from bench.result import Result

# What the cloud needs by itself.
BUILD_SECONDS = 0.7
RUNS = 3
TIMEOUT_SECONDS = 60


def _through_oaktree(address: str) -> float:
    with oaktreemodel.connect(address) as client:
        east = client.cloud("modern", region="east")
        began = time.perf_counter()
        made = east.servers.create(name="bench", image="cirros", flavor="m1.tiny")
        server = east.servers.wait(made.id, timeout=TIMEOUT_SECONDS)
        took = time.perf_counter() - began
        if not server.public_v4:
            raise RuntimeError("the server has no address outside")
        east.servers.delete(server.id)
        return took


def _through_openstacksdk(path: Path) -> float:
    config = OpenStackConfig(config_files=[str(path)])
    with openstack.connection.Connection(
        config=config.get_one(cloud="modern", region_name="east")
    ) as cloud:
        began = time.perf_counter()
        server = cloud.create_server(
            "bench",
            image="cirros",
            flavor="m1.tiny",
            auto_ip=True,
            wait=True,
            timeout=TIMEOUT_SECONDS,
        )
        took = time.perf_counter() - began
        shown = (one["OS-EXT-IPS:type"] for row in server.addresses.values() for one in row)
        if "floating" not in shown:
            raise RuntimeError("the server has no address outside")
        return took


def measure() -> Iterator[Result]:
    with cheap_cloud("--build-seconds", str(BUILD_SECONDS)) as (_, path):
        with oaktree(path) as (_, address):
            ours = sorted(_through_oaktree(address) for _ in range(RUNS))[RUNS // 2]
        peer = _through_openstacksdk(path)
    beyond = f"over the cloud's own {BUILD_SECONDS} s"
    yield Result(
        f"create to ready with a floating IP, {beyond}",
        ours - BUILD_SECONDS,
        "s",
        goal=1.5,
        at_most=True,
    )
    yield Result(f"create_server(auto_ip=True, wait=True), {beyond}", peer - BUILD_SECONDS, "s")

"""An oaktree that is killed at any point of a server's life leaves nothing doubled, and nothing
behind once its caller has tried again."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import oaktreemodel
import pytest
from oaktree.democloud import DemoCloud

from .test_command import start

# OAKTREE_KILLS=100 for a long run.
KILLS = int(os.environ.get("OAKTREE_KILLS", "16"))
# A server is made, gets its floating IP and is ready within this; the points are spread over it.
SPAN_SECONDS = 1.2
TABLES = ("servers", "ports", "floatingips")


@contextlib.contextmanager
def oaktree(clouds_yaml: Path, kill_after: float | None = None) -> Iterator[Any]:
    """The modern cloud through an oaktree of its own process; killed, or stopped at the end."""
    process, address = start("--clouds", clouds_yaml, "--cloud", "modern")
    timer = threading.Timer(kill_after, process.kill) if kill_after is not None else None
    try:
        with oaktreemodel.connect(address) as client:
            if timer is not None:
                timer.start()
            yield client.cloud("modern", region="east")
    finally:
        if timer is not None:
            timer.join()
        process.kill()
        process.communicate(timeout=30)


def until_killed(work: Callable[[], object]) -> None:
    with contextlib.suppress(oaktreemodel.OaktreeError):
        work()


def held(demo: DemoCloud) -> dict[str, int]:
    return {table: len(demo.items("modern", "east", table)) for table in TABLES}


@pytest.mark.parametrize("number", range(KILLS))
def test_killed_at_any_point(demo: DemoCloud, clouds_yaml: Path, number: int) -> None:
    before = held(demo)
    at = SPAN_SECONDS * (number + 0.5) / KILLS
    arguments = {"name": f"n{number}", "image": "cirros", "flavor": "m1.tiny"}
    identifier = str(uuid.uuid4())

    def create_and_wait(cloud: Any, seconds: float = 20) -> Any:
        server = cloud.servers.create(**arguments, request_id=identifier, timeout=seconds)
        return cloud.servers.wait(server.id, timeout=seconds)

    with oaktree(clouds_yaml, kill_after=at) as cloud:
        until_killed(lambda: create_and_wait(cloud, SPAN_SECONDS))
    with oaktree(clouds_yaml) as cloud:
        server = create_and_wait(cloud)
    assert server.public_v4
    assert held(demo) == {
        "servers": before["servers"] + 1,
        # The server's own, and the floating IP's.
        "ports": before["ports"] + 1 + _floating_ports(demo, server.public_v4),
        "floatingips": before["floatingips"] + 1,
    }

    def delete_and_wait(cloud: Any, seconds: float = 20) -> None:
        with contextlib.suppress(oaktreemodel.NotFound):
            cloud.servers.delete(server.id, timeout=seconds)
        cloud.servers.wait(server.id, until="deleted", timeout=seconds)

    with oaktree(clouds_yaml, kill_after=at / 3) as cloud:
        until_killed(lambda: delete_and_wait(cloud, SPAN_SECONDS / 3))
    with oaktree(clouds_yaml) as cloud:
        delete_and_wait(cloud)
    for _ in range(100):
        if held(demo) == before:
            break
        time.sleep(0.05)
    assert held(demo) == before


def _floating_ports(demo: DemoCloud, address: str) -> int:
    """How many ports stand for a floating IP: real clouds show one, some made-up ones none."""
    ports = demo.items("modern", "east", "ports")
    return sum(1 for p in ports if any(ip["ip_address"] == address for ip in p["fixed_ips"]))

"""Bytes of images and objects through oaktree, and past it by tickets, beside requests that sends
the same straight to the cloud: how fast, and what it costs oaktree.

First on the embedded cloud, told not to read what it is sent: about as fast as any sink. There, the
stubs take the checksums for known; those that the Python client computes cost it more than all the
rest. Then on a real Glance and Swift, where one is up.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from bench.movers import DOWN, IMAGE, OBJECT, UP, Mover, container, mover
from bench.processes import Process, admin, cheap_cloud, oaktree
from bench.result import Result, Skipped
from bench.ways import Where

GIB = 1 << 30
SIZE = 512 << 20
ROUNDS = 7
# Of a real cloud, which is slower and kept busy by others.
REAL_SIZE = 256 << 20
REAL_ROUNDS = 4
# What oaktree's processor time may be to that of who sends straight to the cloud.
CPU_GOALS = {UP: 6, DOWN: 10}
NAMES = {
    "stub": "streamed",
    "client": "the Python client, which computes checksums",
    "ticket": "by a ticket",
}
Goals = dict[str, float | None]
Pairs = list[tuple[float, float]]


class Compared:
    """Ways to move the same bytes, measured in turns beside the direct one."""

    def __init__(self, server: Process, direct: Mover, others: dict[str, Mover]) -> None:
        self._server = server
        self._direct = direct
        self._others = others
        # MiB a second by (which, image or object, way); and seconds of oaktree's processor a GiB.
        self.rates: dict[tuple[str, str, str], Pairs] = {}
        self.costs: dict[tuple[str, str, str], Pairs] = {}

    def go(self, what: str, size: int, rounds: int) -> None:
        for number in range(rounds + 1):
            for name, other in self._others.items():
                for way in (UP, DOWN):
                    ours, server = self._move(other, way, what, size)
                    theirs, _ = self._move(self._direct, way, what, size)
                    # The first round warms up.
                    if number:
                        key = (name, what, way)
                        rates = (size / 2**20 / ours[0], size / 2**20 / theirs[0])
                        self.rates.setdefault(key, []).append(rates)
                        costs = (server * GIB / size, theirs[1] * GIB / size)
                        self.costs.setdefault(key, []).append(costs)
                for side in (other, self._direct):
                    side.crowd("delete", what)

    def _move(
        self, one: Mover, way: str, what: str, size: int
    ) -> tuple[tuple[float, float], float]:
        before = self._server.cpu_seconds()
        moved = one.move(way, what, size)
        return moved, self._server.cpu_seconds() - before


def measure() -> Iterator[Result | Skipped]:
    with cheap_cloud() as (_, path), oaktree(path) as (server, address):
        admin(path, "PATCH", "settings", {"uploads": "assumed"})
        where = Where(path, "modern", "east", address)
        goals: Goals = {"stub": 0.15, "ticket": 0.95, "client": None}
        yield from _compare(server, where, SIZE, ROUNDS, "a sink", goals)
    yield from _real()


def _compare(
    server: Process, where: Where, size: int, rounds: int, to: str, goals: Goals
) -> Iterator[Result]:
    with ExitStack() as stack:
        stack.enter_context(container(where))
        direct, *others = (stack.enter_context(mover(kind, where)) for kind in ("direct", *goals))
        compared = Compared(server, direct, dict(zip(goals, others, strict=True)))
        for what in (IMAGE, OBJECT):
            compared.go(what, size, rounds)
    for key, rates in compared.rates.items():
        kind, what, way = key
        name = f"{what} {way} {NAMES[kind]}, {size >> 20} MiB, {to}"
        yield Result.paired(f"{name}: rate beside requests", rates, "MiB/s", goal=goals[kind])
        if kind == "stub" and where.cloud == "modern":
            costs = compared.costs[key]
            cost = f"{name}: oaktree's CPU a GiB beside that of requests"
            yield Result.paired(cost, costs, "s", goal=CPU_GOALS[way], at_most=True)


def _real() -> Iterator[Result | Skipped]:
    path = Path(os.environ.get("DEVSTACK_DIR", "/tmp/oaktree-devstack")) / "clouds.yaml"
    if not _answers(path):
        yield Skipped(
            "images and objects to a real Glance and Swift", "no OpenStack is up; make devstack-up"
        )
        return
    with oaktree(path) as (server, address):
        where = Where(path, "devstack", "RegionOne", address)
        goals: Goals = {"stub": 0.8, "ticket": 0.95, "client": 0.8}
        yield from _compare(server, where, REAL_SIZE, REAL_ROUNDS, "a real cloud", goals)


def _answers(path: Path) -> bool:
    """Whether the cloud of a devstack's clouds.yaml does."""
    if not path.exists():
        return False
    entry = yaml.safe_load(path.read_text())["clouds"]["devstack"]
    identity = urlsplit(entry["auth"]["auth_url"])
    try:
        socket.create_connection((identity.hostname, identity.port), 5).close()
    except OSError:
        return False
    return True

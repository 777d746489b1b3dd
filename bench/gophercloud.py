"""The Go client and oaktree, beside gophercloud that asks the same embedded cloud by itself.

What is listed differs from one list to the next, so that oaktree has to read all of it each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from bench import programs
from bench.cloud import ALL
from bench.processes import Process, cheap_cloud, oaktree
from bench.programs import Absent, Lister, lister
from bench.result import Result, Skipped
from bench.waiting import GOPHERCLOUD, ONE_PAGE, SECONDS, building, opened, requests

SERVERS = 10_000
# Who lists last in a round is first in the next: as the cloud changes to and fro with each list,
# all of what one sees differs from what he saw before.
ROUNDS = 4
WAITERS = 100
# Microseconds of processor time a server, as was measured elsewhere: 392 to 401.
QUOTED = 392


def _lists(ours: Lister, server: Process, theirs: Lister) -> list[tuple[float, float, float]]:
    """Microseconds a server: of gophercloud, of the Go client, and of oaktree for it."""

    def through_oaktree() -> tuple[float, float]:
        before = server.cpu_seconds()
        listed = ours.list(0)
        assert listed.count == SERVERS
        return listed.cpu_seconds, server.cpu_seconds() - before

    def alone() -> float:
        listed = theirs.list(0)
        assert listed.count == SERVERS
        return listed.cpu_seconds

    found = []
    for number in range(ROUNDS + 1):
        if number % 2:
            (client, served), peer = through_oaktree(), alone()
        else:
            peer, (client, served) = alone(), through_oaktree()
        # The first round connects, and fills what is kept.
        if number:
            found.append((peer, client, served))
    each = 1e6 / SERVERS
    return [(peer * each, client * each, served * each) for peer, client, served in found]


def _listing(program: list[str], name: str) -> Iterator[Result]:
    with (
        cheap_cloud("--servers", str(SERVERS)) as (cloud, path),
        oaktree(path) as (server, address),
        lister(program, "list-client", address) as ours,
        lister(program, "list-gophercloud", str(path)) as theirs,
    ):
        cloud.say(ALL)
        found = _lists(ours, server, theirs)
    pairs = [(peer, client + served) for peer, client, served in found]
    yield Result.paired(f"{name}: gophercloud's CPU a server", pairs, "µs", goal=5)
    parts = [(client, client + served) for _, client, served in found]
    yield Result.paired(f"{name}: the Go client's part", parts, "µs")


def _waiting(program: list[str], name: str) -> Iterator[Result]:
    with ExitStack() as stack:
        ours, ids = stack.enter_context(building(ONE_PAGE, WAITERS))
        theirs, others = stack.enter_context(building(ONE_PAGE, WAITERS))
        _, address = stack.enter_context(oaktree(ours))
        stack.enter_context(opened([*program, "wait-client", address], ids))
        stack.enter_context(opened([*program, "wait-gophercloud", str(theirs)], others))
        asked, peer = requests(ours, theirs)
    yield Result(name, asked, "requests", goal=16, at_most=True)
    yield Result(f"{name}; gophercloud's WaitForStatus", peer, "requests", peer=asked)


def measure() -> Iterator[Result | Skipped]:
    listing = f"list of {SERVERS} uncached, gophercloud against the Go client and oaktree"
    waiting = f"wait: requests in {SECONDS} s, {WAITERS} who wait through the Go client"
    try:
        program = programs.go()
    except Absent as error:
        for name, figure, unit in (
            (listing, QUOTED, "µs"),
            (waiting, GOPHERCLOUD * WAITERS, "requests"),
        ):
            yield Skipped(name, str(error))
            yield Result(f"{name}: gophercloud alone, quoted", figure, unit)
        return
    yield from _listing(program, listing)
    yield from _waiting(program, waiting)

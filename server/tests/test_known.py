"""What the service itself says has changed is a shortcut, and never the whole truth."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from oaktree import known, poller
from oaktree.democloud import DemoCloud
from oaktree.listing import Listing
from oaktreemodel.v1.location_pb2 import Location

from .conftest import Running
from .told import Told, until

WEST = Location(cloud="modern", region="west")
LIST = "GET compute /servers/detail"


class Asked:
    """How often the service was asked what has changed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times = 0
        real = Listing.changed_since

        def changed_since(listing: Listing, since: str) -> Any:
            self.times += 1
            return real(listing, since)

        monkeypatch.setattr(Listing, "changed_since", changed_since)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    monkeypatch.setattr(poller, "FAST", 0.1)
    monkeypatch.setattr(poller, "SLOW", 0.2)
    # No whole list again, unless a test wants one.
    monkeypatch.setattr(known, "WHOLE_SECONDS", 600.0)
    return Asked(monkeypatch)


@pytest.fixture
async def told(running: Running, demo: DemoCloud, asked: Asked) -> AsyncIterator[Told]:
    """A watch, with one server that never gets done: so it is polled fast."""
    (building,) = demo.add_servers("modern", "west", 1)
    demo.alter("modern", "west", "servers", building, status="BUILD")
    async with grpc.aio.insecure_channel(running.address) as channel:
        watching = Told(channel, location=WEST)
        await until(lambda: asked.times > 2)
        yield watching
        await watching.end()
    demo.remove("modern", "west", "servers", building)


async def test_changes_and_tombstones_are_told(told: Told, demo: DemoCloud) -> None:
    (one,) = demo.add_servers("modern", "west", 1)
    await until(lambda: one in told.servers)
    demo.alter("modern", "west", "servers", one, status="SHUTOFF")
    await until(lambda: bool(told.servers[one].status == "SHUTOFF"))
    demo.alter("modern", "west", "servers", one, status="DELETED")
    await until(lambda: told.deleted == [one])
    demo.remove("modern", "west", "servers", one)
    assert told.marks == ["RESET", "SYNCED"]


async def test_what_leaves_no_word_is_missed(told: Told, demo: DemoCloud) -> None:
    (one,) = demo.add_servers("modern", "west", 1)
    await until(lambda: one in told.servers)
    demo.remove("modern", "west", "servers", one)
    await until(lambda: told.deleted == [one])


async def test_whole_lists_bring_what_it_misses(
    told: Told, demo: DemoCloud, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    (old,) = demo.add_servers("modern", "west", 1)
    await until(lambda: old in told.servers)
    # Not listed any more, and so asked for itself once.
    demo.alter("modern", "west", "servers", old, updated="2020-01-01T00:00:00Z")
    await until(lambda: bool(told.servers[old].updated_at.seconds < 1.6e9))
    demo.alter("modern", "west", "servers", old, name="renamed")
    before = asked.times
    await until(lambda: asked.times > before + 3)
    assert told.servers[old].name != "renamed"
    monkeypatch.setattr(known, "WHOLE_SECONDS", 0.3)
    await until(lambda: bool(told.servers[old].name == "renamed"))
    demo.remove("modern", "west", "servers", old)
    await until(lambda: told.deleted == [old])


async def test_a_service_that_knows_no_such_question(
    told: Told, demo: DemoCloud, asked: Asked
) -> None:
    demo.fault("modern", "status", path="/servers/detail", region="west", status=400)
    (one,) = demo.add_servers("modern", "west", 1)
    await until(lambda: one in told.servers)
    before = asked.times
    demo.reset_calls()
    await until(lambda: demo.calls()[LIST] > 3)
    # It is asked for all instead.
    assert asked.times == before
    assert not told.failures

"""Watches: what is there, then every change, at one poll's cost for however many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from oaktree import poller
from oaktree.democloud import DemoCloud
from oaktreemodel.v1 import server_pb2, server_pb2_grpc
from oaktreemodel.v1.filter_pb2 import Filter
from oaktreemodel.v1.location_pb2 import Location

from .conftest import Running
from .told import Told, read_to_the_end, until

EAST = Location(cloud="modern", region="east")
LIST = "GET compute /servers/detail"


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "FAST", 0.1)
    monkeypatch.setattr(poller, "SLOW", 0.2)


@pytest.fixture
async def channel(running: Running) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(running.address) as opened:
        yield opened


async def test_what_is_there_and_then_what_changes(
    channel: grpc.aio.Channel, demo: DemoCloud
) -> None:
    first, second = demo.add_servers("modern", "east", 2)
    told = Told(channel, location=EAST)
    await until(lambda: told.marks == ["RESET", "SYNCED"])
    assert {first, second} <= told.servers.keys()
    demo.alter("modern", "east", "servers", first, name="renamed")
    await until(lambda: bool(told.servers[first].name == "renamed"))
    demo.remove("modern", "east", "servers", second)
    await until(lambda: told.deleted == [second])
    (third,) = demo.add_servers("modern", "east", 1)
    await until(lambda: third in told.servers)
    assert told.marks == ["RESET", "SYNCED"]
    await told.end()


async def test_what_no_longer_fits_leaves(channel: grpc.aio.Channel, demo: DemoCloud) -> None:
    (one,) = demo.add_servers("modern", "east", 1, prefix="fitting")
    told = Told(channel, location=EAST, where=[Filter(path=["status"], values=["SHUTOFF"])])
    await until(lambda: "SYNCED" in told.marks)
    assert one not in told.servers
    demo.alter("modern", "east", "servers", one, status="SHUTOFF")
    await until(lambda: one in told.servers)
    demo.alter("modern", "east", "servers", one, status="ACTIVE")
    await until(lambda: told.left == [one])
    assert not told.deleted
    await told.end()


async def test_every_place_by_itself(channel: grpc.aio.Channel, demo: DemoCloud) -> None:
    (kept,) = demo.add_servers("direct", "RegionOne", 1)
    told = Told(channel)
    await until(lambda: told.marks.count("SYNCED") == 4)
    demo.stop("direct")
    try:
        await until(lambda: told.failures == ["direct"])
        # It is told once, nothing is said to be deleted, and the others go on.
        (other,) = demo.add_servers("kilo", "RegionOne", 1)
        await until(lambda: other in told.servers)
        assert (told.failures, told.deleted) == (["direct"], [])
        assert kept in told.servers
    finally:
        demo.start_again("direct")
    await until(lambda: told.marks.count("RESET") == 5 and kept in told.servers)
    await told.end()


async def test_what_a_list_lacks_is_not_therefore_gone(
    channel: grpc.aio.Channel, demo: DemoCloud
) -> None:
    west = Location(cloud="modern", region="west")
    (one,) = demo.add_servers("modern", "west", 1)
    told = Told(channel, location=west)
    await until(lambda: one in told.servers)
    demo.reset_calls()
    demo.fault("modern", "empty_list", path="/servers/detail", region="west", times=3)
    await until(lambda: demo.calls()[LIST] > 5)
    assert not told.deleted
    # A cell that is down: the server is there, and nothing else is known of it.
    demo.alter("modern", "west", "servers", one, status="UNKNOWN", name="")
    demo.reset_calls()
    await until(lambda: demo.calls()[LIST] > 2)
    assert told.servers[one].status == "ACTIVE"
    assert told.marks == ["RESET", "SYNCED"]
    await told.end()


async def _synced(told: Told, times: int) -> None:
    await until(lambda: told.marks.count("SYNCED") == times)


async def test_a_list_that_fails_deletes_nothing(
    channel: grpc.aio.Channel, demo: DemoCloud
) -> None:
    west = Location(cloud="modern", region="west")
    (one,) = demo.add_servers("modern", "west", 1)
    told = Told(channel, location=west)
    await until(lambda: one in told.servers)
    for number, kind in enumerate(("status", "broken_json"), 2):
        demo.fault("modern", kind, path="/servers/detail", region="west", times=2)
        await _synced(told, number)
        assert one in told.servers
    assert not told.deleted
    assert told.failures == ["modern", "modern"]
    await told.end()


async def test_many_cost_no_more_than_one_and_nobody_nothing(
    channel: grpc.aio.Channel, demo: DemoCloud
) -> None:
    watches = [Told(channel, location=EAST) for _ in range(100)]
    await until(lambda: all("SYNCED" in told.marks for told in watches))
    demo.reset_calls()
    (one,) = demo.add_servers("modern", "east", 1)
    await until(lambda: all(one in told.servers for told in watches))
    assert demo.calls()[LIST] < 20
    for told in watches:
        await told.end()
    await asyncio.sleep(0.5)
    demo.reset_calls()
    await asyncio.sleep(1)
    assert not demo.calls()


async def test_shutting_down_tells_every_stream(clouds_yaml: Any, demo: DemoCloud) -> None:
    server = Running(clouds_yaml, ("modern",))
    async with grpc.aio.insecure_channel(server.address) as channel:
        stub: Any = server_pb2_grpc.ServerServiceStub(channel)
        call = stub.WatchServers(server_pb2.WatchServersRequest(location=EAST))
        await call.read()
        await asyncio.get_running_loop().run_in_executor(None, server.stop)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await read_to_the_end(call)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert "shutting down" in (caught.value.details() or "")

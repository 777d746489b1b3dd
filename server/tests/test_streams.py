"""Streams that outlive what happens to their server: nobody is left behind, nothing piles up."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import oaktreemodel.aio
import pytest
from oaktree import http, poller
from oaktree.democloud import DemoCloud
from oaktree.watch import Watch
from oaktreemodel.v1 import server_pb2, server_pb2_grpc
from oaktreemodel.v1.location_pb2 import Location

from .conftest import Running
from .told import Told, read_to_the_end, until

CLIENTS = 200
EAST = Location(cloud="modern", region="east")


@pytest.fixture(scope="module")
def clouds_yaml(unlimited_yaml: Path) -> Path:
    return unlimited_yaml


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"SINGLE": 0.05, "FAST": 0.1, "SLOW": 0.1, "SLOWEST": 0.1}.items():
        monkeypatch.setattr(poller, name, seconds)


async def stop(server: Running) -> None:
    await asyncio.get_running_loop().run_in_executor(None, server.stop)


async def test_a_wait_that_comes_as_the_last_watch_leaves_is_told_of_the_end(
    clouds_yaml: Path, demo: DemoCloud
) -> None:
    """It shares the poller that had nobody left for a moment."""
    (server,) = demo.add_servers("modern", "east", 1)
    demo.alter("modern", "east", "servers", server, status="BUILD")
    running = Running(clouds_yaml, ("modern",))
    try:
        async with grpc.aio.insecure_channel(running.address) as channel:
            told = Told(channel, location=EAST)
            await until(lambda: "SYNCED" in told.marks)
            # The wait looks its server up, for longer than the poller outlives the watch.
            demo.fault("modern", "delay", path="/servers/{id}", seconds=1.0)
            demo.reset_calls()
            stub: Any = server_pb2_grpc.ServerServiceStub(channel)
            request = server_pb2.WaitServerRequest(location=EAST, name_or_id=server)
            call = stub.WaitServer(request, timeout=60)
            await until(lambda: demo.calls()["GET compute /servers/{id}"] == 1)
            await told.end()
            assert (await call.read()).server.status == "BUILD"
            await stop(running)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await read_to_the_end(call)
    finally:
        running.stop()
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert "shutting down" in (caught.value.details() or "")


async def test_a_reader_who_does_not_read_costs_no_more_than_there_is(
    clouds_yaml: Path, demo: DemoCloud
) -> None:
    """Thousands of changes are folded: of each server the newest state is kept, and a removal."""
    count, rounds, text = 50, 40, "x" * 20_000
    servers = demo.add_servers("modern", "west", count)
    west = Location(cloud="modern", region="west")
    running = Running(clouds_yaml, ("modern",))
    # Else gRPC would read ahead for whoever does not.
    options = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65_536)]
    try:
        async with (
            grpc.aio.insecure_channel(running.address, options=options) as slow,
            grpc.aio.insecure_channel(running.address) as quick,
        ):
            told = Told(quick, location=west)
            stub: Any = server_pb2_grpc.ServerServiceStub(slow)
            call = stub.WatchServers(server_pb2.WatchServersRequest(location=west))
            first = await call.read()
            assert first.mark
            await until(lambda: "SYNCED" in told.marks)
            most = 0
            for number in range(rounds):
                for server in servers:
                    demo.alter(
                        "modern", "west", "servers", server, metadata={"n": f"{number} {text}"}
                    )
                last = f"{number} {text}"
                await until(partial(all_have, told.servers, last))
                most = max(most, *(len(one._unread) for one in of_type(Watch)))
            assert count / 2 < most <= count
            # Not even the removal of what it was told and did not read of is lost.
            demo.remove("modern", "west", "servers", servers[0])
            await until(lambda: told.deleted == servers[:1])
            responses = 0
            seen: dict[str, Any] = {}
            while not (seen.keys() == told.servers.keys() and all_have(seen, last)):
                response = await call.read()
                responses += 1
                seen |= {one.id: one for one in response.servers}
                for removal in response.removals:
                    assert removal.deleted
                    del seen[removal.id]
            # Far fewer than what happened.
            assert responses < count * rounds / 10
            await told.end()
    finally:
        running.stop()


def all_have(servers: dict[str, Any], text: str) -> bool:
    return all(one.metadata["n"] == text for one in servers.values())


async def test_one_who_waits_and_does_not_read_costs_no_more_with_every_poll(
    running: Running, demo: DemoCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "SINGLE", 0.01)
    (server,) = demo.add_servers("modern", "east", 1)
    # More than fits into what gRPC takes unread.
    demo.alter("modern", "east", "servers", server, status="BUILD", metadata={"n": "x" * 400_000})
    options = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65_536)]
    async with grpc.aio.insecure_channel(running.address, options=options) as channel:
        stub: Any = server_pb2_grpc.ServerServiceStub(channel)
        request = server_pb2.WaitServerRequest(location=EAST, name_or_id=server)
        call = stub.WaitServer(request, timeout=120)
        demo.reset_calls()
        others = len(of_type(poller.Seen))
        await until(lambda: demo.calls("modern").total() > 100)
        assert len(of_type(poller.Seen)) < others + 10
        demo.alter("modern", "east", "servers", server, status="ACTIVE", metadata={})
        states = [response.server.status async for response in call]
    assert states == ["BUILD", "ACTIVE"]


def of_type(kind: type[Any]) -> list[Any]:
    # What earlier tests left is not of this one.
    gc.collect()
    return [one for one in gc.get_objects() if type(one) is kind]


async def test_a_thousand_polls_that_fail_leave_nothing_behind(
    running: Running, demo: DemoCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "SLOWEST", 0.001)
    (server,) = demo.add_servers("modern", "east", 1)
    demo.alter("modern", "east", "servers", server, status="BUILD")

    async def tasks() -> int:
        return len(asyncio.all_tasks())

    def held() -> Counter[str]:
        gc.collect()
        counted = Counter(type(one).__name__ for one in gc.get_objects())
        kinds = ("Fetch", "Watch", "Poller", "Listing", "Reach", "Refused", "Future", "Recall")
        return Counter({kind: counted[kind] for kind in kinds})

    async with grpc.aio.insecure_channel(running.address) as channel:
        told = Told(channel, location=EAST)
        stub: Any = server_pb2_grpc.ServerServiceStub(channel)
        request = server_pb2.WaitServerRequest(location=EAST, name_or_id=server)
        call = stub.WaitServer(request, timeout=120)
        await call.read()
        await until(lambda: "SYNCED" in told.marks)
        # Polls may fail from here on.
        monkeypatch.setattr(http, "READ_SECONDS", 0.02)
        kinds = ({"kind": "cut"}, {"kind": "broken_json"}, {"kind": "status"}, {"kind": "silent"})
        before: Any = None
        for number in range(8):
            demo.clear_faults()
            demo.fault("modern", service="compute", times=None, **kinds[number % 4])
            demo.reset_calls()
            await until(lambda: demo.calls("modern").total() >= 125)
            now = running.do(tasks()), threading.active_count(), held()
            # By then every kind has been seen once.
            before = before or (now if number == 3 else None)
        assert now[0] <= before[0] + 2
        assert now[1] <= before[1]
        for kind, count in now[2].items():
            assert count <= before[2][kind] + 5, kind
        demo.clear_faults()
        demo.alter("modern", "east", "servers", server, status="ACTIVE")
        await read_to_the_end(call)
        await until(lambda: bool(told.servers[server].status == "ACTIVE"))
        await told.end()


class Follower:
    """A client of its own that keeps a mirror."""

    def __init__(self, address: str) -> None:
        self.mirror: oaktreemodel.Mirror[Any] = oaktreemodel.Mirror()
        self.kinds: list[str] = []
        self.losses: list[str] = []
        self.task = asyncio.create_task(self._follow(address))

    async def _follow(self, address: str) -> None:
        async with oaktreemodel.aio.connect(address) as client:
            async for event in client.cloud("modern", region="west").servers.watch():
                self.mirror.apply(event)
                self.kinds.append(event.kind)
                if event.failure is not None:
                    self.losses.append(type(event.failure).__name__)

    def names(self) -> set[str]:
        return {server.name for server in self.mirror.values()}


async def test_no_client_is_lost_when_oaktree_is_restarted(
    clouds_yaml: Path, demo: DemoCloud
) -> None:
    def names() -> set[str]:
        return {server["name"] for server in demo.items("modern", "west", "servers")}

    gone, renamed, _ = demo.add_servers("modern", "west", 3, prefix="restart")
    running = Running(clouds_yaml, ("modern",))
    followers = [Follower(running.address) for _ in range(CLIENTS)]
    try:
        await until(lambda: all("synced" in one.kinds for one in followers))
        # With a bound that this test does not live to see: nobody is left to be cut off.
        await asyncio.get_running_loop().run_in_executor(None, running.stop, 1000.0)
        await until(lambda: all(one.losses == ["Unavailable"] for one in followers))
        demo.remove("modern", "west", "servers", gone)
        demo.alter("modern", "west", "servers", renamed, name="restarted")
        demo.add_servers("modern", "west", 1, prefix="restart-new")
        running = Running(clouds_yaml, ("modern",), running.address)
        await until(lambda: all(one.kinds.count("synced") == 2 for one in followers))
        demo.add_servers("modern", "west", 1, prefix="restart-newer")
        there = names()
        assert "restarted" in there
        await until(lambda: all(one.names() == there for one in followers))
        assert not any(one.task.done() for one in followers)
        # Told once, however often it was tried.
        assert all(one.losses == ["Unavailable"] for one in followers)
    finally:
        for one in followers:
            one.task.cancel()
        await asyncio.wait([one.task for one in followers])
        running.stop()

"""Streams that outlive what happens to their server: nobody is left behind, nothing piles up."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import oaktreemodel.aio
import pytest
from oaktree import poller
from oaktree.democloud import DemoCloud
from oaktreemodel.v1 import server_pb2, server_pb2_grpc
from oaktreemodel.v1.location_pb2 import Location

from .conftest import Running
from .told import Told, until

EAST = Location(cloud="modern", region="east")


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
                while await call.read() is not grpc.aio.EOF:
                    pass
    finally:
        running.stop()
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert "shutting down" in (caught.value.details() or "")

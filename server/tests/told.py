"""What tests keep of a watch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
from oaktreemodel.v1 import server_pb2, server_pb2_grpc
from oaktreemodel.v1.watch_pb2 import WatchMark


class Told:
    """What a watch has told so far: the state it leads to, and how it came to it."""

    def __init__(self, channel: grpc.aio.Channel, **request: Any) -> None:
        stub: Any = server_pb2_grpc.ServerServiceStub(channel)
        self._call = stub.WatchServers(server_pb2.WatchServersRequest(**request))
        self.servers: dict[str, Any] = {}
        self.marks: list[str] = []
        self.failures: list[str] = []
        self.deleted: list[str] = []
        self.left: list[str] = []
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for response in self._call:
            if response.mark == WatchMark.WATCH_MARK_RESET:
                here = (response.location.cloud, response.location.region)
                for known in list(self.servers.values()):
                    if (known.location.cloud, known.location.region) == here:
                        del self.servers[known.id]
            if response.mark:
                self.marks.append(WatchMark.Name(response.mark).removeprefix("WATCH_MARK_"))
            for server in response.servers:
                self.servers[server.id] = server
            for removal in response.removals:
                self.servers.pop(removal.id, None)
                (self.deleted if removal.deleted else self.left).append(removal.id)
            self.failures += [failure.location.cloud for failure in response.failures]

    async def end(self) -> None:
        self._call.cancel()
        await asyncio.wait([self._task])


async def until(true: Callable[[], bool]) -> None:
    for _ in range(1200):
        if true():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen")


async def read_to_the_end(call: Any) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass

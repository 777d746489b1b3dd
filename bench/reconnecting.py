"""Whether all come back who lose their oaktree at once.

Each has a connection and a stream of its own, made with the generated stub. They are in one
process: python -m bench.reconnecting ADDRESS.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import grpc
from oaktreemodel.v1 import location_pb2, server_pb2, server_pb2_grpc

from bench.processes import PYTHON, clouds, oaktree, running
from bench.result import Result

CLIENTS = 5_000
REQUEST = server_pb2.WatchServersRequest(
    location=location_pb2.Location(cloud="modern", region="east")
)
# Until all are back; who is not by then is lost.
PATIENCE_SECONDS = 60.0


def measure() -> Iterator[Result]:
    with clouds(0) as path, ExitStack() as first:
        _, address = first.enter_context(oaktree(path))
        with running([*PYTHON, "bench.reconnecting", address], "open") as clients:
            first.close()
            with oaktree(path, listen=address):
                lost = int(clients.say("how many are lost?"))
    yield Result(f"reconnect: lost of {CLIENTS}", lost, "clients", goal=0, at_most=True)


class Clients:
    """Those that watch, and come back when they are told that the server is gone."""

    def __init__(self, address: str) -> None:
        self._address = address
        # How often each was told the beginning of a watch.
        self._begun = [0] * CLIENTS

    async def run(self) -> None:
        tasks = [asyncio.create_task(self._watch(number)) for number in range(CLIENTS)]
        await self._all(1)
        print("open", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        print(await self._all(2), flush=True)
        await asyncio.wait(tasks)

    async def _all(self, times: int) -> int:
        """Waits until all have begun so often; how many have not."""
        lost = CLIENTS
        for _ in range(int(PATIENCE_SECONDS * 10)):
            lost = sum(begun < times for begun in self._begun)
            if not lost:
                break
            await asyncio.sleep(0.1)
        return lost

    async def _watch(self, number: int) -> None:
        # Else they would share one connection; and all try again within the same second.
        options = [("oaktree.bench", number), ("grpc.initial_reconnect_backoff_ms", 1000)]
        async with grpc.aio.insecure_channel(self._address, options=options) as channel:
            stub: Any = server_pb2_grpc.ServerServiceStub(channel)
            while True:
                call = stub.WatchServers(REQUEST, wait_for_ready=True)
                try:
                    await call.read()
                    self._begun[number] += 1
                    while await call.read() is not grpc.aio.EOF:
                        pass
                except grpc.aio.AioRpcError as error:
                    # What a client takes for a server that restarts; any other ends its watch.
                    if error.code() != grpc.StatusCode.UNAVAILABLE:
                        return


if __name__ == "__main__":
    asyncio.run(Clients(sys.argv[1]).run())

"""What gRPC alone costs: a server of grpc.aio's that has its answers ready, and no more to do.

    python -m bench.bare FILE

FILE is a pickle of the answers: {"Get": [one], "List": [all], "Watch": [the first, every other]}.
A line on standard input is an event that all who watch are told.
"""

from __future__ import annotations

import asyncio
import gc
import pickle
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import uvloop
from oaktree.server import OPTIONS

from bench.processes import PYTHON, Process, running

GET, LIST, WATCH = "/bench/Get", "/bench/List", "/bench/Watch"


class Service(grpc.GenericRpcHandler):
    def __init__(self, answers: dict[str, list[bytes]]) -> None:
        self._answers = answers
        self._watching: set[asyncio.Event] = set()
        self._methods: dict[str, Any] = {
            GET: grpc.unary_unary_rpc_method_handler(self._get),
            LIST: grpc.unary_stream_rpc_method_handler(self._list),
            WATCH: grpc.unary_stream_rpc_method_handler(self._watch),
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return self._methods.get(handler_call_details.method)

    async def _get(self, request: bytes, context: Any) -> bytes:
        return self._answers["Get"][0]

    async def _list(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        for answer in self._answers["List"]:
            yield answer

    async def _watch(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        first, other = self._answers["Watch"]
        yield first
        event = asyncio.Event()
        self._watching.add(event)
        try:
            while True:
                await event.wait()
                event.clear()
                yield other
        finally:
            self._watching.discard(event)

    def tell_all(self) -> None:
        for event in self._watching:
            event.set()


@contextmanager
def bare(**answers: list[bytes]) -> Iterator[tuple[Process, str]]:
    """Such a server, and its address."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answers"
        path.write_bytes(pickle.dumps(answers))
        with running([*PYTHON, "bench.bare", str(path)], "bare serves on") as process:
            yield process, process.ready.split()[-1]


async def _serve(answers: dict[str, list[bytes]]) -> None:
    service = Service(answers)
    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    # As oaktree does: what is measured is grpc, not the garbage collector.
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    print(f"bare serves on 127.0.0.1:{port}", flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        service.tell_all()
        print("told", flush=True)


if __name__ == "__main__":
    uvloop.run(_serve(pickle.loads(Path(sys.argv[1]).read_bytes())))

"""A server that is killed ends every call, also those that it has told nothing of yet."""

from __future__ import annotations

import asyncio
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import oaktreemodel
import oaktreemodel.aio
import pytest
from fake import BOUND

MANY = 25
CALLS = ["ListServers", "WaitServer", "WatchServers"]
# Answers nothing, and says a line of each call.
SILENT = f"""
import os, sys
from fake import Oaktree, endless

def answer(request, context):
    # In one piece: print writes a line's end apart, and many threads call this.
    os.write(1, b"called\\n")
    return endless()(request, context)

server = Oaktree()
for rpc in {CALLS}:
    server.answer(rpc, answer)
print(server.address, flush=True)
sys.stdin.read()
"""


class Doomed:
    """A server in a process of its own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SILENT],
            cwd=Path(__file__).parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.address = self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def kill(self, after: int) -> None:
        """Kill it as soon as so many calls are open."""
        for _ in range(after):
            assert self._line() == "called"
        self.end()

    def end(self) -> None:
        """Leave nothing of it."""
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def doomed() -> Iterator[Doomed]:
    """A server to kill."""
    server = Doomed()
    yield server
    server.end()


def call(client: oaktreemodel.Client, rpc: str) -> None:
    """Make a call that gets no answer."""
    if rpc == "WaitServer":
        client.servers.wait("web", timeout=BOUND)
    elif rpc == "ListServers":
        next(client.servers.list(timeout=BOUND))
    else:
        next(client.servers.watch(timeout=BOUND))


async def call_async(client: oaktreemodel.aio.Client, rpc: str) -> None:
    """Make a call that gets no answer."""
    if rpc == "WaitServer":
        await client.servers.wait("web", timeout=BOUND)
    elif rpc == "ListServers":
        await anext(client.servers.list(timeout=BOUND))
    else:
        await anext(client.servers.watch(timeout=BOUND))


@pytest.mark.parametrize("rpc", CALLS)
def test_every_call_of_threads_ends(doomed: Doomed, rpc: str) -> None:
    ends: queue.Queue[BaseException | None] = queue.Queue()
    client = oaktreemodel.connect(doomed.address)

    def end() -> None:
        try:
            call(client, rpc)
        except Exception as error:
            ends.put(error)
        else:
            ends.put(None)

    for _ in range(MANY):
        # Daemons, for one that hangs would keep the tests from ending.
        threading.Thread(target=end, daemon=True).start()
    doomed.kill(after=MANY)
    for _ in range(MANY):
        assert isinstance(ends.get(timeout=BOUND), oaktreemodel.Unavailable)
    client.close()


@pytest.mark.parametrize("rpc", CALLS)
def test_every_call_of_tasks_ends(doomed: Doomed, rpc: str) -> None:
    async def call_all() -> list[BaseException | None]:
        async with oaktreemodel.aio.connect(doomed.address) as client:
            tasks = [asyncio.create_task(call_async(client, rpc)) for _ in range(MANY)]
            await asyncio.to_thread(doomed.kill, after=MANY)
            done, _ = await asyncio.wait(tasks, timeout=BOUND)
            return [task.exception() for task in done]

    ends = asyncio.run(call_all())
    assert len(ends) == MANY
    assert all(isinstance(end, oaktreemodel.Unavailable) for end in ends)

"""A change that comes twice is made once.

The same request id, rpc and place: the second caller gets the first one's answer, also while the
first is still under way. A change that failed is forgotten, so that it can be tried again.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message
from oaktreemodel.v1.error_pb2 import Reason

from oaktree import http
from oaktree.errors import Refused

# Longer than any wrapper retries.
KEPT_SECONDS = 900.0
KEPT = 10_000


@dataclass
class _Made:
    digest: bytes
    task: asyncio.Task[bytes]
    # Tells whether it has begun.
    patience: http.Patience | None


class Once:
    def __init__(self) -> None:
        self._made: OrderedDict[tuple[Any, ...], _Made] = OrderedDict()
        # asyncio keeps only weak references to tasks.
        self._running: set[asyncio.Task[Any]] = set()
        self._later: set[asyncio.Task[Any]] = set()

    async def run(
        self, scope: tuple[str, ...], request: Message, work: Callable[[], Awaitable[bytes]]
    ) -> bytes:
        """The answer of the work, done once for one request id in one scope. ALREADY_EXISTS,
        REQUEST_ID_REUSED, when the id came before with other parameters."""
        identifier = request.request_id  # type: ignore[attr-defined]
        if not identifier:
            return await asyncio.shield(self.keep(work()))
        # However it is spelled, it is one id.
        key = (*scope, uuid.UUID(identifier).hex)
        named = type(request).FromString(request.SerializeToString())
        named.ClearField("request_id")
        digest = hashlib.sha256(named.SerializeToString(deterministic=True)).digest()
        made = self._made.get(key)
        if made is None:
            made = _Made(digest, self.keep(work()), http.patience.get())
            self._made[key] = made
            made.task.add_done_callback(lambda task: self._ended(key, task))
        elif made.digest != digest:
            raise Refused(
                grpc.StatusCode.ALREADY_EXISTS,
                Reason.REASON_REQUEST_ID_REUSED,
                f"request id {identifier} was used before with other parameters; make a new one",
            )
        # Whoever repeats is not to be told that nothing was done, either.
        http.patience.set(made.patience)
        return await asyncio.shield(made.task)

    def keep(self, work: Awaitable[Any]) -> asyncio.Task[Any]:
        """Runs the work to its end, whoever still waits for it."""
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._drop)
        return task

    def later(self, work: Awaitable[Any]) -> None:
        """Runs what whoever waits would see through as well: it is given up when the process
        ends."""
        # It is nobody's call, and so nobody's time bounds it.
        token = http.patience.set(None)
        task = self.keep(work)
        http.patience.reset(token)
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    def _drop(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        # Its failure was told to whoever waited, if anybody did.
        if not task.cancelled():
            task.exception()

    def _ended(self, key: tuple[Any, ...], task: asyncio.Task[bytes]) -> None:
        if task.cancelled() or task.exception() is not None:
            self._made.pop(key, None)
        else:
            # Answers may hold secrets: they go in time, whether or not more changes come.
            task.get_loop().call_later(KEPT_SECONDS, self._made.pop, key, None)
        while len(self._made) > KEPT and next(iter(self._made.values())).task.done():
            self._made.popitem(last=False)

    @property
    def is_busy(self) -> bool:
        """Whether a change is under way."""
        return bool(self._running)

    async def finish(self, seconds: float) -> None:
        """Lets the changes that are under way end, for so long."""
        for task in self._later:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)

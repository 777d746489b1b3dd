"""The permit to move bytes, so that small calls come through between large transfers.

A chunk that is read or written holds the event loop for a part of a millisecond. With many
transfers at once small calls would wait for all of them; so one chunk moves at a time. A transfer
whose peer is slow leaves the loop alone by itself, and needs none.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

# A chunk that takes longer waits for its peer.
SLOW_SECONDS = 0.02
_FREE: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


class Permit:
    """One transfer's, among those of all transfers of this server."""

    def __init__(self) -> None:
        self._free = _FREE.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(1))
        self._is_slow = False

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Around the reading or writing of a chunk."""
        if self._is_slow:
            began = time.monotonic()
            yield
            self._is_slow = time.monotonic() - began > SLOW_SECONDS
            return
        await self._free.acquire()
        timer = asyncio.get_running_loop().call_later(SLOW_SECONDS, self._pass_on)
        try:
            yield
        finally:
            timer.cancel()
            if not self._is_slow:
                self._free.release()

    def _pass_on(self) -> None:
        self._is_slow = True
        self._free.release()

"""One poll for everybody who waits in a place: the cloud is asked as often for one as for all."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from oaktree.clouds import Place
from oaktree.errors import Refused, passing, shutting_down
from oaktree.reader import Found, Reader
from oaktree.walk import items, key

LOG = logging.getLogger(__name__)
# From the end of one poll to the start of the next, in seconds.
INTERVAL = 1.0
# When the cloud fails, twice as long each time, up to this.
SLOWEST = 30.0
# Up to so many are asked for one by one; more, by the list.
FEW = 3


@dataclass(frozen=True)
class Seen:
    """What a poll saw of one thing: it, or None where it is gone."""

    found: Found | None
    # When the cloud was asked, in seconds since the epoch.
    asked: float


class Poller:
    """Polls one resource of one place while somebody waits for something there."""

    def __init__(self, place: Place, reader: Reader, ended: Callable[[], None]) -> None:
        self._place = place
        self._reader = reader
        self._ended = ended
        self._waiters: dict[str, set[asyncio.Queue[Seen | Refused]]] = {}
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def watch(self, identifier: str) -> AsyncIterator[asyncio.Queue[Seen | Refused]]:
        """A queue of what is seen of one thing, asked for after this call began; a Refused ends
        it."""
        queue: asyncio.Queue[Seen | Refused] = asyncio.Queue()
        self._waiters.setdefault(identifier, set()).add(queue)
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        try:
            yield queue
        finally:
            waiting = self._waiters[identifier]
            waiting.discard(queue)
            if not waiting:
                del self._waiters[identifier]

    def end(self, why: Refused) -> None:
        for queues in self._waiters.values():
            for queue in queues:
                queue.put_nowait(why)

    async def _run(self) -> None:
        interval = INTERVAL
        try:
            while self._waiters:
                # Who comes later gets no answer that was asked for before.
                waiting = {key: list(queues) for key, queues in self._waiters.items()}
                asked = time.time()
                try:
                    seen = await self._place.run(None, self._poll, list(waiting))
                except Refused as refused:
                    LOG.info("poll of %s %s: %s", self._place, self._reader.row.noun, refused)
                    if not passing(refused):
                        for queues in waiting.values():
                            for queue in queues:
                                queue.put_nowait(refused)
                    interval = min(interval * 2, SLOWEST)
                else:
                    interval = INTERVAL
                    for key, queues in waiting.items():
                        for queue in queues:
                            queue.put_nowait(Seen(seen[key], asked))
                await asyncio.sleep(interval)
        finally:
            self._task = None
            self._ended()

    def _poll(self, wanted: list[str]) -> dict[str, Found | None]:
        """What there is of each; runs in a thread. A thing that a list lacks is not therefore
        gone: only a 404 of its own says so."""
        reader, place = self._reader, self._place
        found: dict[str, Found | None] = {}
        if len(wanted) > FEW:
            listed = {
                key(item): item for item in items(place, reader, reader.query(place, False, {}))
            }
            chosen = [listed[key] for key in wanted if key in listed]
            found = {one.id: one for one in reader.encode(place, chosen)}
        for identifier in wanted:
            if identifier not in found:
                item = reader.get(place, identifier)
                found[identifier] = reader.encode(place, [item])[0] if item is not None else None
        return found


class Pollers:
    """The pollers there are now, one a place and resource."""

    def __init__(self) -> None:
        self._pollers: dict[tuple[Place, str], Poller] = {}

    def of(self, place: Place, reader: Reader) -> Poller:
        key = (place, reader.row.noun)
        if key not in self._pollers:
            self._pollers[key] = Poller(place, reader, lambda: self._forget(key))
        return self._pollers[key]

    def close(self) -> None:
        """Ends every wait: this oaktree is shutting down."""
        for poller in self._pollers.values():
            poller.end(shutting_down())

    def _forget(self, key: tuple[Place, str]) -> None:
        self._pollers.pop(key, None)

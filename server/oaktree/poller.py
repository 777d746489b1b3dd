"""One poll for everybody who waits or watches in a place: the cloud is asked as often for one as
for ten thousand, and not at all for nobody."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from oaktree.brought import showing
from oaktree.errors import Refused, passing, shutting_down
from oaktree.find import find
from oaktree.http import Reach
from oaktree.known import Known
from oaktree.listing import Listing, Listings
from oaktree.place import Place
from oaktree.reader import Found, Reader
from oaktree.translate import translate
from oaktree.turns import slices
from oaktree.watch import Watch

LOG = logging.getLogger(__name__)
# From the end of one poll to the start of the next, in seconds: of single things; of lists while
# somebody waits or something is in motion; and of lists else.
SINGLE, FAST, SLOW = 0.5, 2.0, 5.0
# Between two polls there is at least so much, in seconds.
GATHERING = 0.1
# When the cloud fails, twice as long each time, up to this.
SLOWEST = 30.0
# Up to so many that are waited for are asked for one by one, and as many as the list has pages;
# more, by the list.
FEW = 3
# So many states of one thing are kept for one who does not look; more than anything has in a day.
LINED_UP = 100


@dataclass(frozen=True)
class Seen:
    """What a poll saw of one thing: it, or None where it is gone."""

    found: Found | None
    # When the cloud was asked, in seconds since the epoch.
    asked: float


class Line(asyncio.Queue[Seen | Refused]):
    """What somebody who waits has yet to look at: every state once, in order. He may be held up for
    long, by his own caller or by the cloud, and would never catch up with all that was seen."""

    def _init(self, maxsize: int) -> None:
        self._queue: deque[Seen | Refused] = deque(maxlen=LINED_UP)

    def _put(self, item: Seen | Refused) -> None:
        if self._queue and _shows(self._queue[-1]) == _shows(item):
            self._queue.pop()
        self._queue.append(item)


def _shows(seen: Seen | Refused) -> object:
    return seen if isinstance(seen, Refused) else seen.found and seen.found.wire


class Poller:
    """Polls one resource of one place while somebody waits or watches there."""

    def __init__(
        self, place: Place, reader: Reader, listing: Listing, ended: Callable[[], None]
    ) -> None:
        self._place = place
        self._reader = reader
        self._listing = listing
        self._ended = ended
        self._waits: dict[str, set[Line]] = {}
        self._watches: set[Watch] = set()
        self._known = Known(place, reader, listing)
        self._pause = SINGLE
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._hurried = False
        self._ending: Refused | None = None
        # Those who are about to wait, once they know for what.
        self._arriving = 0

    async def find(self, reach: Reach, name: str) -> tuple[Found, float]:
        """The thing of that id or name, asked for after this call began, and when that was. In a
        crowd one list answers for all."""
        self._arriving += 1
        try:
            if self._arriving + len(self._waits) > FEW:
                fetch = self._listing.fetch(0)
                await fetch.complete()
                found = fetch.find(name)
                if found is not None:
                    return found, fetch.asked
            asked = time.time()
            return await self._place.run(reach, find, self._place, self._reader, name), asked
        finally:
            self._arriving -= 1

    @asynccontextmanager
    async def wait(self, identifier: str) -> AsyncIterator[Line]:
        """A queue of what is seen of one thing, asked for after this call began; a Refused ends
        it."""
        if self._ending is not None:
            raise self._ending
        queue = Line()
        self._waits.setdefault(identifier, set()).add(queue)
        self._begin()
        try:
            yield queue
        finally:
            waiting = self._waits[identifier]
            waiting.discard(queue)
            if not waiting:
                del self._waits[identifier]

    @asynccontextmanager
    async def watch(self, watch: Watch) -> AsyncIterator[None]:
        """Gives the watch everything there is, asked for after this call began, and then what
        changes."""
        if self._ending is not None:
            raise self._ending
        self._watches.add(watch)
        self._begin()
        # It must not wait for the end of a pause that is meant for those who have all.
        self._wake.set()
        try:
            yield
        finally:
            self._watches.discard(watch)

    def _begin(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def wanted(self) -> bool:
        """Whether anybody waits or watches, or is about to wait, who has not been told the end."""
        here = self._waits or self._watches or self._arriving
        return bool(here) and self._ending is None

    def end(self, why: Refused) -> None:
        """Tells all who wait and watch, also those who are about to, that no more will come."""
        self._ending = why
        for queues in self._waits.values():
            for queue in queues:
                queue.put_nowait(why)
        for watch in self._watches:
            watch.end(why)

    async def _run(self) -> None:
        # Whoever came first may leave, and his token end.
        showing.set("")
        try:
            while self._waits or self._watches:
                self._wake.clear()
                waiting = {key: list(queues) for key, queues in self._waits.items()}
                watching = list(self._watches)
                try:
                    if watching or len(waiting) > max(FEW, self._known.pages):
                        self._pause = await self._poll_list(waiting, watching)
                    else:
                        self._pause = await self._poll_each(waiting)
                except Refused as refused:
                    LOG.info("poll of %s %s: %s", self._place, self._reader.row.noun, refused)
                    self._pause = min(self._pause * 2, SLOWEST)
                    self._known.doubt()
                    self._fail(refused, waiting, watching)
                await self._rest(self._pause)
        except Exception as error:
            # A fault of ours: nobody shall wait in vain for what will not come.
            self.end(translate(error))
        finally:
            self._task = None
            self._ended()

    async def _rest(self, pause: float) -> None:
        """Waits for the next poll's time; for less where somebody came, or something changed."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            return
        # Of a crowd of newcomers many come in this time, and are given all there is together.
        await asyncio.sleep(began + GATHERING - time.monotonic())
        if self._hurried:
            self._hurried = False
            await asyncio.sleep(SINGLE)

    def hurry(self) -> None:
        """A change went through this oaktree: those who watch are told soon."""
        if self._watches:
            self._hurried = True
            self._known.doubt()
            self._wake.set()

    def _fail(self, refused: Refused, waiting: dict[str, list[Any]], watching: list[Watch]) -> None:
        if not passing(refused):
            for queues in waiting.values():
                for queue in queues:
                    queue.put_nowait(refused)
        for watch in watching:
            watch.fail(refused)

    async def _poll_each(self, waiting: dict[str, list[Any]]) -> float:
        asked = time.time()
        seen = await self._known.each(waiting)
        for key, queues in waiting.items():
            for queue in queues:
                queue.put_nowait(Seen(seen[key], asked))
        return SINGLE if len(waiting) <= FEW else FAST

    async def _poll_list(self, waiting: dict[str, list[Any]], watching: list[Watch]) -> float:
        known = self._known
        new = [watch for watch in watching if not watch.current]
        current = [watch for watch in watching if watch.current]
        news = await known.ask(waiting, bool(new) or self._pause != FAST)
        # Many watch, or much has changed: seldom both.
        async for some in slices(news.changed.values()):
            async for few in slices(current):
                for watch in few:
                    watch.give(some, (), news.asked)
        if news.gone:
            for watch in current:
                watch.give((), news.gone.values(), news.asked)
        async for few in slices(new):
            for watch in few:
                watch.give_all(known.things.values(), news.asked)
        # Those that came meanwhile are given all by the next poll.
        for key, queues in waiting.items():
            for queue in queues:
                queue.put_nowait(Seen(known.things.get(key), news.asked))
        return FAST if waiting or known.moving else SLOW


class Pollers:
    """The pollers there are now, one a place, resource and view."""

    def __init__(self, listings: Listings) -> None:
        self._listings = listings
        self._pollers: dict[tuple[Any, ...], Poller] = {}
        self._closed = False

    def of(self, place: Place, reader: Reader, everybody: bool = False) -> Poller:
        if self._closed:
            raise shutting_down()
        key = (place, reader.row.noun, everybody)
        if key not in self._pollers:
            listing = self._listings.of(place, reader, everybody)
            self._pollers[key] = Poller(place, reader, listing, lambda: self._forget(key))
        return self._pollers[key]

    def close(self) -> None:
        """Ends every wait and watch: this oaktree is shutting down."""
        self._closed = True
        for poller in self._pollers.values():
            poller.end(shutting_down())

    def hurry(self, place: Place) -> None:
        """A change went through this oaktree there."""
        for (where, *_), poller in self._pollers.items():
            if where is place:
                poller.hurry()

    def _forget(self, key: tuple[Any, ...]) -> None:
        # Whoever is about to wait has it already: a second one would poll beside it, and nobody
        # would tell those who wait at the first that this oaktree ends.
        if not self._pollers[key].wanted():
            del self._pollers[key]

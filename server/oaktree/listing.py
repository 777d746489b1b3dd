"""Lists of one resource of one place, each asked of the cloud once for everybody who may have it.

A read says how old its answer may be. It may have an answer that was *requested* no earlier than
its own arrival less that, and no earlier than the last change that went through this oaktree there.
So many readers share one request, and a reader never misses its own write. Never two lists of one
kind are on their way at once: who needs a newer one waits with all others who do, and one is sent
for them together.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import Any

from oaktree import wire
from oaktree.brought import showing
from oaktree.budget import Turn
from oaktree.errors import Refused, shutting_down
from oaktree.http import Reach
from oaktree.index import Index
from oaktree.place import Place
from oaktree.reader import Found, Others, Reader
from oaktree.recall import Recall
from oaktree.row import Item
from oaktree.translate import translate
from oaktree.walk import Query, Walk

# How long an answer is kept after the last one who asked for it, in seconds.
KEPT_SECONDS = 30.0
# More Gets than this within so many seconds, and than the list has pages, are answered by a list.
FEW = 3
CROWD_SECONDS = 2.0


class Fetch:
    """One list, as it comes in. Whoever shares it reads every page from the first."""

    def __init__(self, turn: Turn) -> None:
        # On the monotonic clock, and in seconds since the epoch; None until it is sent.
        self.requested: float | None = None
        self.asked = 0.0
        self.pages: list[list[Found]] = []
        self.done = False
        self.error: Refused | None = None
        self.readers = 0
        self.reach = Reach(turn=turn)
        self._more = asyncio.Event()
        # The whole list that was there when this one became whole.
        self.before: Fetch | None = None
        self._index: Index | None = None
        self._batches: list[bytes] | None = None

    def usable(self, oldest: float) -> bool:
        """Whether it has, or will have, an answer that was requested no earlier than that."""
        if self.error is not None or self.reach.cancelled:
            return False
        return self.requested is None or self.requested >= oldest

    def progress(self) -> None:
        self._more.set()
        self._more = asyncio.Event()

    def batches(self) -> list[bytes]:
        """All of it as responses. Only of one that is whole."""
        if self._batches is None:
            end = wire.as_of(self.asked)
            pages = ([found.wire for found in page] for page in self.pages)
            self._batches = [batch for page in pages for batch in wire.batches(page, end)]
        return self._batches

    def find(self, name: str) -> Found | None:
        """The one thing of that id, or else of that name; None if there is none, or not one."""
        if self._index is None:
            before, self.before = self.before, None
            # Whoever still asks the older one makes an index of its own.
            known = before._index if before is not None else None
            if before is not None:
                before._index = None
            self._index = known or Index()
            self._index.become(self.pages)
        return self._index.find(name)

    async def complete(self) -> None:
        """Waits for all of it; raises what the list failed with, where it did."""
        if not self.done or self.error is not None:
            async for _ in self.read():
                pass

    async def read(self) -> AsyncIterator[list[Found]]:
        """Every page; raises what the list failed with, where it did."""
        self.readers += 1
        try:
            number = 0
            while True:
                while number < len(self.pages):
                    yield self.pages[number]
                    number += 1
                if self.error is not None:
                    # One of its own for each: a traceback is written into it.
                    raise replace(self.error)
                if self.done:
                    return
                await self._more.wait()
        finally:
            self.readers -= 1
            if not self.readers and not self.done:
                # Nobody is left who wants it.
                self.reach.cancel()


class Listing:
    """The lists of one resource of one place."""

    def __init__(self, place: Place, reader: Reader, everybody: bool) -> None:
        self._place = place
        self._reader = reader
        self._everybody = everybody
        # The newest that was sent, and the one that waits for it to end.
        self._current: Fetch | None = None
        self._next: Fetch | None = None
        self._task: asyncio.Task[None] | None = None
        self._forgetting: asyncio.TimerHandle | None = None
        # The newest that is whole.
        self._whole: Fetch | None = None
        # How many Gets there were since when.
        self._gets, self._counted = 0, 0.0
        # What the last whole list said, once somebody polls.
        self._recall: Recall | None = None

    def fetch(self, max_age: float, turn: Turn = Turn.READ) -> Fetch:
        """A list that was requested at most so many seconds ago, and since the last change. Read it
        at once: one that nobody reads is given up."""
        oldest = self._oldest(max_age)
        for known in (self._whole, self._current):
            if known is not None and known.usable(oldest):
                return known
        if self._task is None:
            self._current = Fetch(turn)
            self._start(self._current)
            return self._current
        if self._next is None or self._next.reach.cancelled:
            self._next = Fetch(turn)
        # Whoever is in the greatest hurry pulls the others along.
        self._next.reach.turn = min(self._next.reach.turn, turn)
        return self._next

    def kept(self, max_age: float) -> Fetch | None:
        """A whole list that is new enough for a Get, if there is one already."""
        crowded = self._crowded()
        oldest = self._oldest(max_age)
        if self._whole is None or not self._whole.usable(oldest):
            # What answers many at once costs the cloud less than each of them.
            return self.fetch(max_age) if crowded else None
        if crowded and self._task is None and not self._whole.usable(self._oldest(max_age / 2)):
            # Who comes next shall not wait for it.
            self.fetch(max_age / 2, Turn.POLL)
        return self._whole

    def _oldest(self, max_age: float) -> float:
        """When what is so old was requested, on the monotonic clock."""
        self._keep()
        return max(time.monotonic() - max_age, self._place.changed)

    def _crowded(self) -> bool:
        """Counts one more Get; whether there were lately more than a list has pages."""
        now = time.monotonic()
        if now - self._counted > CROWD_SECONDS:
            self._gets, self._counted = 0, now
        self._gets += 1
        return self._gets > max(FEW, len(self._whole.pages) if self._whole else 0)

    def _start(self, fetch: Fetch) -> None:
        self._task = asyncio.create_task(self._run(fetch))

    async def _run(self, fetch: Fetch) -> None:
        # It is for all who need it: that the token of the first has ended is no matter of theirs.
        showing.set("")
        fetch.requested, fetch.asked = time.monotonic(), time.time()
        try:
            async for page in self._pages(fetch):
                fetch.pages.append(page)
                fetch.progress()
            fetch.before, self._whole = self._whole, fetch
            if fetch.before is not None:
                fetch.before.before = None
        except Exception as error:
            fetch.error = translate(error)
        except asyncio.CancelledError:
            fetch.error = shutting_down()
            raise
        finally:
            fetch.done = True
            fetch.progress()
            self._task = None
            following, self._next = self._next, None
            if following is not None and not following.reach.cancelled:
                self._current = following
                self._start(following)

    async def _pages(self, fetch: Fetch) -> AsyncIterator[list[Found]]:
        place = self._place
        # The first request may be the one that connects, and so learns the caller's project.
        await place.run(fetch.reach, place.connection)
        query = self._reader.query(place, self._everybody, {})
        # Who will ask again has what is the same then not parsed again. It costs more the first
        # time, but nobody waits for it: so also where others are being served.
        recall: Recall | None = None
        recalls = fetch.reach.turn == Turn.POLL or self._recall is not None or Others.serving > 1
        row = self._reader.row
        if recalls and row.key and not row.wrapped:
            recall = await place.run(fetch.reach, self._recalling)
        read = self._parsed if recall is None else partial(self._recalled, recall)
        walk = Walk(self._reader.row, query, read, attrgetter("id"))
        while not walk.ended:
            found = await place.run(fetch.reach, walk.page)
            yield found
            if recall is None:
                for one in found:
                    one.slim()
        if recall is not None:
            self._recall = recall.close()

    # What follows runs in threads.

    def changed_since(self, since: str) -> list[Found] | None:
        """What changed since a time, in ISO 8601, at least; None where the service cannot tell."""
        narrowed = self._reader.row.changed_since(self._place, since)
        if narrowed is None:
            return None
        query = self._reader.query(self._place, self._everybody, dict(narrowed))
        read = partial(self._recalled, self._recalling())
        walk = Walk(self._reader.row, query, read, attrgetter("id"))
        found: list[Found] = []
        while not walk.ended:
            found += walk.page()
        return found

    def _mine(self, item: Item) -> bool:
        return self._everybody or self._reader.mine(self._place, item)

    def _recalling(self) -> Recall:
        return Recall(self._place, self._reader, self._mine, self._recall)

    def _recalled(self, recall: Recall, query: Query) -> tuple[list[Found], Query | None]:
        return recall.page(self._reader.content(self._place, query))

    def _parsed(self, query: Query) -> tuple[list[Found], Query | None]:
        items, following = self._reader.page(self._place, query)
        return self._reader.encode(self._place, filter(self._mine, items)), following

    def _keep(self) -> None:
        """Lets go of what nobody asked for in a while."""
        self._wanted = time.monotonic()
        if self._forgetting is None:
            self._look_after(KEPT_SECONDS)

    def _look_after(self, seconds: float) -> None:
        self._forgetting = asyncio.get_running_loop().call_later(seconds, self._forget)

    def _forget(self) -> None:
        # Looked at once in a while: a timer for each read costs more than the read.
        self._forgetting = None
        left = self._wanted + KEPT_SECONDS - time.monotonic()
        if self._task is not None:
            left = KEPT_SECONDS
        if left > 0:
            self._look_after(left)
        else:
            self._current = self._whole = self._recall = None


class Listings:
    """The listings there are, one a place, resource and view."""

    def __init__(self) -> None:
        self._listings: dict[tuple[Any, ...], Listing] = {}

    def of(self, place: Place, reader: Reader, everybody: bool = False) -> Listing:
        key = (place, reader.row.noun, everybody)
        if key not in self._listings:
            self._listings[key] = Listing(place, reader, everybody)
        return self._listings[key]

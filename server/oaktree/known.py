"""What is known of one resource of one place, kept new by lists and by what the service says has
changed."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from oaktreemodel.v1.common_pb2 import State

from oaktree.budget import Turn
from oaktree.errors import Code, Refused, passing
from oaktree.http import Reach
from oaktree.listing import Listing
from oaktree.place import Place
from oaktree.reader import Found, Reader
from oaktree.turns import slices

# How long what the service itself says has changed may stand for a list: it misses much. And how
# far back it is asked, since clocks and commits are not exact. In seconds.
WHOLE_SECONDS = 5.0
BACK_SECONDS = 120
# A thing that vanished from a list is asked for itself before it is said to be gone; so many in
# one go.
CONFIRMED_AT_ONCE = 50
_MOVING = frozenset({State.STATE_PENDING, State.STATE_CHANGING, State.STATE_DELETING})
# Looked up once: it is asked of every thing.
_DELETED = State.STATE_DELETED


@dataclass
class News:
    """What was not known before."""

    # When the cloud was asked, in seconds since the epoch.
    asked: float
    changed: dict[str, Found] = field(default_factory=dict)
    # As they were.
    gone: dict[str, Found] = field(default_factory=dict)


class Known:
    def __init__(self, place: Place, reader: Reader, listing: Listing) -> None:
        self._place = place
        self._reader = reader
        self._listing = listing
        self.things: dict[str, Found] = {}
        # Those that will soon be in another state by themselves.
        self.moving: set[str] = set()
        # On how many pages all was listed the last time, and when, on the monotonic clock.
        self.pages = 1
        self._whole = float("-inf")
        # The newest change there was, by the cloud's clock, in seconds since the epoch.
        self._newest = 0
        # Whether the service can tell what has changed, as far as is known.
        self._narrows = True

    def doubt(self) -> None:
        """What has changed may be what the service would not say: next time all is asked for."""
        self._whole = float("-inf")

    async def each(self, wanted: Iterable[str]) -> dict[str, Found | None]:
        """What there is of each, asked for one by one; None of what is gone."""
        return await self._place.run(Reach(turn=Turn.POLL), self._get, list(wanted))

    async def ask(self, wanted: Collection[str], whole: bool) -> News:
        """What is new. `wanted` are things that must be told apart from what is gone, though they
        may not be known yet; `whole` asks for all there is."""
        told = None if whole else await self._ask_what_changed(wanted)
        news, missing = told or await self._ask_for_all(wanted)
        # A thing that a list lacks is not therefore gone: only a 404 of its own says so.
        for start in range(0, len(missing), CONFIRMED_AT_ONCE):
            some = missing[start : start + CONFIRMED_AT_ONCE]
            for key, answer in (await self.each(some)).items():
                if answer is not None:
                    self._sort_in([answer], news)
                elif key in self.things:
                    news.gone[key] = self.things[key]
        for key in news.gone:
            del self.things[key]
        self.things |= news.changed
        self.moving.difference_update(news.gone, news.changed)
        self.moving.update(key for key, one in news.changed.items() if one.state in _MOVING)
        return news

    async def _ask_for_all(self, wanted: Collection[str]) -> tuple[News, list[str]]:
        self._whole = time.monotonic()
        fetch = self._listing.fetch(0, Turn.POLL)
        news, listed = News(fetch.asked), set[str]()
        async for page in fetch.read():
            listed.update(one.id for one in page)
            self._sort_in(page, news)
        news.asked = fetch.asked
        self.pages = len(fetch.pages)
        return news, list((self.things.keys() | wanted) - listed)

    async def _ask_what_changed(self, wanted: Collection[str]) -> tuple[News, list[str]] | None:
        """What is new by what the service says has changed; None where it is time for all."""
        late = time.monotonic() - self._whole > WHOLE_SECONDS
        if late or not self._narrows or not self._newest:
            return None
        since = self._newest - BACK_SECONDS
        stamp = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        news = News(time.time())
        try:
            reach = Reach(turn=Turn.POLL)
            found = await self._place.run(reach, self._listing.changed_since, stamp)
        except Refused as refused:
            # That somebody may not ask says nothing of what the service can tell.
            if passing(refused) or refused.code in (Code.UNAUTHENTICATED, Code.PERMISSION_DENIED):
                raise
            found = None
        if found is None:
            self._narrows = False
            return None
        async for some in slices(found):
            self._sort_in(some, news)
        listed = {one.id for one in found}
        # What changed so lately should be listed again: not all that is deleted leaves word of it.
        missing = [
            key for key, one in self.things.items() if one.updated > since and key not in listed
        ]
        unknown = [key for key in wanted if key not in self.things and key not in listed]
        return news, missing + unknown

    def _sort_in(self, things: Iterable[Found], news: News) -> None:
        for one in things:
            known = self.things.get(one.id)
            if known is one:
                continue
            self._newest = max(self._newest, one.updated)
            if _gone(one):
                if known is not None:
                    news.gone[one.id] = known
            elif known is None or not self._same(one, known):
                news.changed[one.id] = one

    def _same(self, one: Found, known: Found) -> bool:
        return one.wire == known.wire or one.status == self._reader.row.stub_status

    def _get(self, wanted: Iterable[str]) -> dict[str, Found | None]:
        found: dict[str, Found | None] = {}
        for identifier in wanted:
            one = self._reader.one(self._place, identifier)
            found[identifier] = None if one is None or _gone(one) else one
        return found


def _gone(one: Found) -> bool:
    # Some services show for a while what they have deleted.
    return one.state == _DELETED

"""What one reader of a watch has not read yet of one place.

It is folded as it comes: of each thing only the newest state is kept, and a removal is kept until
it is read. So a reader that is slow, or gone to sleep, costs no more than the place holds things.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from functools import lru_cache

from google.protobuf.message import Message
from oaktreemodel.v1.error_pb2 import Failure
from oaktreemodel.v1.watch_pb2 import Removal, WatchMark

from oaktree import wire
from oaktree.errors import Refused
from oaktree.filters import Test
from oaktree.place import Place
from oaktree.reader import Found

# The fields of a watch's response that are not as in other responses.
_LOCATION, _MARK, _REMOVALS = 16, 17, 18


class Watch:
    """One reader's view of one place. `wake` is set whenever there is something to read."""

    def __init__(self, place: Place, test: Test | None, wake: asyncio.Event) -> None:
        self._place = place
        self._test = test
        self._wake = wake
        self._reset = False
        self._synced = False
        self._failure: Refused | None = None
        self._failed = False
        self._end: Refused | None = None
        self._asked = 0.0
        self._unread: dict[str, Found | Removal] = {}
        # Which things the reader has, or will have once it has read; None: all there are.
        self._shown: set[str] | None = None if test is None else set()
        # Whether it has been given everything there is, since the place last failed.
        self.current = False

    def give_all(self, found: Iterable[Found], asked: float) -> None:
        """Everything there is: what was not read yet is forgotten."""
        wanted = [one for one in found if self._fits(one)]
        self._unread = {one.id: one for one in wanted}
        if self._shown is not None:
            self._shown = set(self._unread)
        self._reset = self._synced = self.current = True
        self._failure, self._failed = None, False
        self._tell(asked)

    def give(self, changed: Iterable[Found], gone: Iterable[Found], asked: float) -> None:
        """What changed, and what is gone, since the last time."""
        before = len(self._unread)
        touched = False
        for one in changed:
            if self._fits(one):
                self._put(one.id, one)
                if self._shown is not None:
                    self._shown.add(one.id)
                touched = True
            elif self._shown is not None and one.id in self._shown:
                self._shown.discard(one.id)
                self._put(one.id, Removal(id=one.id, name=one.name))
                touched = True
        for one in gone:
            if self._shown is None or one.id in self._shown:
                if self._shown is not None:
                    self._shown.discard(one.id)
                self._put(one.id, Removal(id=one.id, name=one.name, deleted=True))
                touched = True
        if touched or len(self._unread) != before:
            self._tell(asked)

    def fail(self, refused: Refused) -> None:
        """The place cannot be asked. What was seen before stands until it is given all again."""
        self.current = False
        # Told once, however often it is tried again.
        if not self._failed:
            self._failed = True
            self._failure = refused
            self._wake.set()

    def end(self, why: Refused) -> None:
        """No more will come."""
        self._end = why
        self._wake.set()

    def read(self) -> Iterator[bytes]:
        """What there is to read now, as responses. Raises what ended the watch, if it has ended."""
        if self._end is not None:
            raise self._end
        reset, self._reset = self._reset, False
        synced, self._synced = self._synced, False
        refused, self._failure = self._failure, None
        unread, self._unread = self._unread, {}
        if len(unread) == 1 and not (reset or synced or refused):
            (only,) = unread.values()
            if isinstance(only, Found):
                yield _news(self._place, self._asked, only)
                return
        # Which project it is of is known once the place has been reached.
        location = self._place.location()
        where = wire.field(_LOCATION, location.SerializeToString(deterministic=True))
        end = wire.as_of(self._asked) + where
        if reset:
            yield wire.number(_MARK, WatchMark.WATCH_MARK_RESET) + end
        states = (one.wire for one in unread.values() if isinstance(one, Found))
        for batch in wire.batches(states):
            yield batch + end
        removals = (
            wire.field(_REMOVALS, one.SerializeToString())
            for one in unread.values()
            if isinstance(one, Removal)
        )
        for batch in wire.batches(removals):
            yield batch + end
        if synced:
            yield wire.number(_MARK, WatchMark.WATCH_MARK_SYNCED) + end
        if refused is not None:
            told: Message = Failure(location=location, status=refused.status())
            yield wire.failure(told.SerializeToString()) + where

    def _put(self, identifier: str, what: Found | Removal) -> None:
        # At the end, so that things come in the order of their newest change.
        self._unread.pop(identifier, None)
        self._unread[identifier] = what

    def _fits(self, one: Found) -> bool:
        return self._test is None or self._test(one.message)

    def _tell(self, asked: float) -> None:
        self._asked = asked
        self._wake.set()


# Most news are of one thing, and the same for all who watch.
@lru_cache(64)
def _news(place: Place, asked: float, one: Found) -> bytes:
    where = wire.field(_LOCATION, place.location().SerializeToString(deterministic=True))
    return one.wire + wire.as_of(asked) + where

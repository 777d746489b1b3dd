"""How often a cloud is asked: one budget a cloud, so that its users need not think of its limits.

Requests take from a bucket that fills at `rate` a second (clouds.yaml: `rate`, of a cloud). When it
is empty they wait their turn: changes before reads, and reads for a caller before polls. A cloud
that answers 429, or 503 with Retry-After, is left alone for as long as it says.
"""

from __future__ import annotations

import heapq
import itertools
import sys
import threading
import time
from collections.abc import Callable
from enum import IntEnum

from oaktree.errors import Refused, rate_limited, shutting_down

# Polite, and enough for some hundred servers a minute.
RATE = 50.0
# What a budget saves up, in seconds of its rate: one user's call is several requests at once.
SAVED_SECONDS = 3.0


class Turn(IntEnum):
    """Who goes first when not all can."""

    CHANGE = 0
    READ = 1
    POLL = 2


class Budget:
    """One cloud's. Used by all threads that send requests there."""

    def __init__(self, rate: float = RATE, clock: Callable[[], float] = time.monotonic) -> None:
        """`rate` is in requests a second; zero is no limit of ours."""
        self.rate = rate
        self._clock = clock
        self._changed = threading.Condition()
        self._level = self._most = max(rate * SAVED_SECONDS, 1.0)
        self._filled = clock()
        self._closed_until = 0.0
        self._ended = False
        self._waiting: list[tuple[int, int]] = []
        self._numbers = itertools.count()

    def take(self, turn: Turn, seconds: float) -> None:
        """Waits for one request's turn. RESOURCE_EXHAUSTED, at once, if that will not come within
        so many seconds: the caller has no more time than that."""
        with self._changed:
            ticket = (int(turn), next(self._numbers))
            heapq.heappush(self._waiting, ticket)
            end = self._clock() + seconds
            try:
                while True:
                    if self._ended:
                        raise shutting_down()
                    delay = self._delay(ticket)
                    if delay <= 0 and self._waiting[0] == ticket:
                        self._level -= 1
                        return
                    if self._clock() + delay > end:
                        raise _too_late(delay)
                    self._changed.wait(max(delay, 0.01))
            finally:
                self._waiting.remove(ticket)
                heapq.heapify(self._waiting)
                self._changed.notify_all()

    def take_none(self, seconds: float) -> None:
        """As `take`, for a request that counts for nothing: it waits only while the cloud wants to
        be left alone."""
        with self._changed:
            end = self._clock() + seconds
            while not self._ended and (delay := self._closed_until - self._clock()) > 0:
                if self._clock() + delay > end:
                    raise _too_late(delay)
                self._changed.wait(max(delay, 0.01))
            if self._ended:
                raise shutting_down()

    def check(self, turn: Turn, seconds: float) -> None:
        """RESOURCE_EXHAUSTED if the turn of a request that came now would not come within so many
        seconds. Takes nothing, and waits for nothing."""
        with self._changed:
            delay = self._delay((int(turn), sys.maxsize))
            if delay > seconds:
                raise _too_late(delay)

    def end(self) -> None:
        """Nobody needs to wait any more: this oaktree is shutting down."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _delay(self, ticket: tuple[int, int]) -> float:
        """Seconds until a ticket's turn, if nobody more urgent comes."""
        now = self._clock()
        closed = self._closed_until - now
        if not self.rate:
            return closed
        self._level = min(self._most, self._level + (now - self._filled) * self.rate)
        self._filled = now
        before = sum(1 for other in self._waiting if other < ticket)
        return max(closed, (before + 1 - self._level) / self.rate)

    def close(self, seconds: float) -> None:
        """The cloud wants to be left alone for so long."""
        with self._changed:
            self._closed_until = max(self._closed_until, self._clock() + seconds)
            self._changed.notify_all()


def _too_late(delay: float) -> Refused:
    return rate_limited(
        "the cloud limits how often it may be asked, and the time that the call has left is not "
        "enough",
        delay,
    )

"""The tokens that let callers in, from when the identity service first answered for them to their
end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial

from oaktree.brought import ended
from oaktree.callers import Kept
from oaktree.errors import Refused
from oaktree.gate import Pass
from oaktree.identity import Known

LOG = logging.getLogger(__name__)
# Between questions about a token that a cloud does not take and its identity service does: it is
# under rules.
DOUBT_SECONDS = 5.0


class Brought(Pass):
    """A token that the identity service has answered for."""

    def __init__(self, digest: bytes, cloud: str, kept: Kept, known: Known, asked: float) -> None:
        """`asked` is when the identity service was, on the monotonic clock."""
        super().__init__(kept.caller)
        self.digest = digest
        self.cloud = cloud
        self.kept = kept
        self.token = known.token
        self.asked = asked
        # How long the token is good, on the same clock.
        self.until = asked + known.seconds
        # When a cloud first refused it since it was last found good, and when it was last asked
        # for that reason.
        self.refused = self.doubted = float("-inf")
        self.timer: asyncio.TimerHandle | None = None
        self.again: asyncio.Task[None] | None = None

    def doubt_seconds(self) -> float:
        """How long until it may be asked for that reason again."""
        return max(self.doubted + DOUBT_SECONDS - time.monotonic(), 0.0)


class Passes:
    """All there are. Each is looked at again in time: at its end; while it has streams, as often as
    for calls, since no call would; and when a cloud refuses it."""

    def __init__(
        self, most: int, check_seconds: float, ask: Callable[[Brought], Awaitable[object]]
    ) -> None:
        """`most` are kept that no call shows just now. `ask` asks the identity service again, and
        comes back here with what it says."""
        self._most = most
        self._check_seconds = check_seconds
        self._ask = ask
        # Those that were shown last are at the end.
        self._passes: OrderedDict[bytes, Brought] = OrderedDict()

    def get(self, digest: bytes) -> Brought | None:
        return self._passes.get(digest)

    def fresh(self, digest: bytes) -> Brought | None:
        """The pass of a token that need not be asked about."""
        found = self._passes.get(digest)
        if found is None:
            return None
        now = time.monotonic()
        if found.until <= now or now - found.asked >= self._check_seconds:
            return None
        self._passes.move_to_end(digest)
        return found

    def add(self, one: Brought) -> None:
        self._passes[one.digest] = one
        loop = asyncio.get_running_loop()
        one.kept.tokens.add(one.token, partial(self._doubted, loop, one))
        one.kept.passes.add(one)
        if len(self._passes) > self._most:
            # What has calls under way takes nobody's room, and these are to end by themselves.
            idle = [other for other in self._passes.values() if not other.calls]
            for other in idle[: -self._most]:
                self.end(other, ended())
        self._look_in(one, self._due(asked=one.asked))

    def confirm(self, one: Brought, asked: float) -> None:
        """The identity service has said the same again."""
        one.asked = asked
        # What was asked before a cloud refused it says nothing of that.
        one.is_doubted = one.is_doubted and asked < one.refused
        self._look_in(one, self._due(asked))

    def end(self, one: Brought, why: Refused) -> None:
        one.kept.passes.discard(one)
        one.kept.tokens.drop(one.token)
        if self._passes.get(one.digest) is one:
            del self._passes[one.digest]
        if one.timer is not None:
            one.timer.cancel()
        one.end(why)

    async def reconsider(self, one: Brought) -> None:
        """Asks about a token that a cloud has refused, unless that was done a moment ago."""
        # The question that is under way may be older than the doubt.
        for _ in range(2):
            if one.again is None:
                if not one.is_doubted or one.ended is not None or one.doubt_seconds():
                    return
                self._look_again(one)
            assert one.again is not None
            await asyncio.shield(one.again)

    def _due(self, asked: float) -> float:
        """In how many seconds to ask again; not at once, where the answer took as long."""
        return max(asked + self._check_seconds - time.monotonic(), self._check_seconds / 4)

    def close(self) -> None:
        for one in self._passes.values():
            if one.timer is not None:
                one.timer.cancel()
            if one.again is not None:
                one.again.cancel()

    def _doubted(self, loop: asyncio.AbstractEventLoop, one: Brought) -> None:
        """A cloud has answered 401; told by one of its threads."""
        if not one.is_doubted:
            one.refused = time.monotonic()
        one.is_doubted = True
        loop.call_soon_threadsafe(self._look_in, one, one.doubt_seconds())

    def _look_in(self, one: Brought, seconds: float) -> None:
        """Looks after it in so many seconds, or at its end."""
        if one.timer is not None:
            one.timer.cancel()
        wait = min(one.until - time.monotonic(), seconds)
        loop = asyncio.get_running_loop()
        one.timer = loop.call_later(max(wait, 0.0), self._look_after, one)

    def _look_after(self, one: Brought) -> None:
        one.timer = None
        if one.ended is not None:
            return
        if one.until <= time.monotonic():
            self.end(one, ended())
        elif one.streams or one.is_doubted:
            self._look_again(one)
        else:
            self._look_in(one, self._check_seconds)

    def _look_again(self, one: Brought) -> None:
        if one.again is None:
            one.again = asyncio.create_task(self._again(one))

    async def _again(self, one: Brought) -> None:
        began, was_doubted = time.monotonic(), one.is_doubted
        try:
            await self._ask(one)
            if was_doubted and not one.is_doubted:
                one.doubted = began
        except Refused as refused:
            if one.ended is None:
                one.doubted = began
                # Until the identity service has said otherwise, the streams stay.
                LOG.info("a token could not be looked at again: %s", refused.code.name)
                self._look_in(one, DOUBT_SECONDS)
        finally:
            one.again = None

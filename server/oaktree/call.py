"""One call: its request, how far it reaches, and the place it is about."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from oaktreemodel.v1.error_pb2 import QuotaExceeded

from oaktree import limits
from oaktree.clouds import Clouds
from oaktree.errors import Refused
from oaktree.http import Reach
from oaktree.listing import Listings
from oaktree.models import Rpc
from oaktree.once import KEPT_SECONDS, Once
from oaktree.place import Place, place_for
from oaktree.poller import Pollers

T = TypeVar("T")


@dataclass(frozen=True)
class Server:
    """What all calls share."""

    clouds: Clouds
    listings: Listings
    pollers: Pollers
    once: Once
    # On the monotonic clock.
    started: float


@dataclass(frozen=True)
class Call:
    rpc: Rpc
    request: Any
    reach: Reach
    server: Server
    # Whether the caller's gRPC has tried before.
    retried: bool = False

    async def place(self) -> Place:
        """The one place that the call is about, as seen from the project it names."""
        location = self.request.location
        return await place_for(self.server.clouds.one(location), location)

    async def change(self, place: Place, work: Callable[[], Awaitable[bytes]]) -> bytes:
        """Runs what changes something. It goes on when its caller leaves, so that nothing stays
        half done, and runs once however often its request id comes."""
        # A place knows its project only once it has connected, and the id is scoped to that.
        await place.run(self.reach, place.connection)
        try:
            return await self.server.once.run(
                self._scope(place), self.request, lambda: counted(place, work)
            )
        finally:
            self.server.pollers.hurry(place)

    def _scope(self, place: Place) -> tuple[str, ...]:
        return (self.rpc.name, place.cloud, place.region, place.project.id)

    def may_repeat(self, place: Place) -> bool:
        """Whether its request id may have come before without this process knowing how that ended:
        to another process, or to this one when it failed."""
        young = time.monotonic() - self.server.started < KEPT_SECONDS
        failed = self.server.once.failed(self._scope(place), self.request)
        return young or self.retried or failed


async def counted(place: Place, work: Callable[[], Awaitable[T]]) -> T:
    """Does the work; a quota that it meets is told with its numbers."""
    try:
        return await work()
    except Refused as refused:
        for exceeded in refused.details:
            if isinstance(exceeded, QuotaExceeded) and not exceeded.HasField("used"):
                with contextlib.suppress(Refused):
                    await place.run(None, limits.complete, place, exceeded)
        raise

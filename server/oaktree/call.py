"""One call: its request, how far it reaches, and the place it is about."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
from oaktreemodel.v1.error_pb2 import QuotaExceeded

from oaktree import http, limits
from oaktree.caller import Caller
from oaktree.errors import Refused, passing
from oaktree.gate import Gate
from oaktree.http import Reach
from oaktree.models import Rpc
from oaktree.place import Place, place_for
from oaktree.reader import Reader

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    rpc: Rpc
    request: Any
    reach: Reach
    caller: Caller
    gate: Gate
    # Tells where it comes from, in gRPC's words.
    peer: Callable[[], str]
    # Whether its request id may have come before, here or to another process.
    may_repeat: bool = True
    # What comes after the request, where an rpc takes a stream.
    more: AsyncIterator[Any] | None = None

    async def place(self) -> Place:
        """The one place that the call is about, as seen from the project it names."""
        location = self.request.location
        return await place_for(self.caller.clouds.one(location), location)

    def where(self) -> dict[str, str]:
        """The cloud and region that the call is about; nothing if it is not about one."""
        try:
            place = self.caller.clouds.one(self.request.location)
        except Refused:
            return {}
        return {"cloud": place.cloud, "region": place.region}

    async def change(self, place: Place, work: Callable[[], Awaitable[bytes]]) -> bytes:
        """Runs what changes something. It goes on when its caller leaves, so that nothing stays
        half done, and runs once however often its request id comes."""
        http.patience.set(http.Patience(self.reach.deadline))
        # A place knows its project only once it has connected, and the id is scoped to that.
        await place.run(self.reach, place.connection)
        try:
            return await self.caller.once.run(
                (self.rpc.name, place.cloud, place.region, place.project.id),
                self.request,
                lambda: counted(place, work),
            )
        finally:
            self.caller.pollers.hurry(place)

    async def remove(self, place: Place, reader: Reader, identifier: str) -> None:
        """Deletes a thing, and goes on by itself with what is to follow."""
        row, gone = reader.row, True
        assert row.delete is not None
        try:
            await place.run(None, row.delete, place, identifier)
        except Refused as refused:
            # In spite of these it may be gone, or going.
            gone = refused.code == grpc.StatusCode.NOT_FOUND or passing(refused)
            raise
        finally:
            if gone and row.clear_up is not None:
                self.caller.once.later(row.clear_up(place, identifier))


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

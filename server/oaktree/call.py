"""One call: its request, how far it reaches, and the place it is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from oaktree.clouds import Clouds, Place, place_for
from oaktree.http import Reach
from oaktree.models import Rpc
from oaktree.once import Once
from oaktree.poller import Pollers


@dataclass(frozen=True)
class Server:
    """What all calls share."""

    clouds: Clouds
    pollers: Pollers
    once: Once


@dataclass(frozen=True)
class Call:
    rpc: Rpc
    request: Any
    reach: Reach
    server: Server

    async def place(self) -> Place:
        """The one place that the call is about, as seen from the project it names."""
        location = self.request.location
        return await place_for(self.server.clouds.one(location), location)

    async def change(self, place: Place, work: Any) -> bytes:
        """Runs what changes something. It goes on when its caller leaves, so that nothing stays
        half done, and runs once however often its request id comes."""
        return await self.server.once.run(
            (self.rpc.name, place.cloud, place.region, place.project.id), self.request, work
        )


def response(rpc: Rpc, **fields: Message | str) -> bytes:
    """A response made from its fields, for the few that are not made of frames."""
    from google.protobuf import message_factory

    made = message_factory.GetMessageClass(rpc.response)(**fields)
    return made.SerializeToString(deterministic=True)

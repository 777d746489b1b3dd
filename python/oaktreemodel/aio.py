"""The asyncio client: `async with oaktreemodel.aio.connect("localhost:50051") as client`."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

import grpc

from oaktreemodel._aio import Connection
from oaktreemodel._channel import Options, Pem, prepare
from oaktreemodel._places import Places
from oaktreemodel.v1.location_pb2 import Location
from oaktreemodel.v1.scope_aio import Scope

__all__ = ["Client", "Scope", "connect"]


class Client(Places[Scope], Scope):
    """A connection to an oaktree. Its own collections span every cloud the caller can see.

    It belongs to the event loop it was made in. Use it in an `async with` statement, or call
    `close`.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, Location())

    @property
    def channel(self) -> grpc.aio.Channel:
        """The gRPC channel, for the stubs in `oaktreemodel.v1.*_pb2_grpc`."""
        return self._connection.channel

    async def close(self) -> None:
        """End every call that is under way, and the connection. All of them, and later ones, raise
        Cancelled."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _at(self, location: Location) -> Scope:
        return Scope(self._connection, location)


def connect(
    address: str,
    *,
    insecure: bool = False,
    ca: Pem | None = None,
    cert: Pem | None = None,
    key: Pem | None = None,
    options: Options = (),
) -> Client:
    """Make a client of the oaktree at an address. The connection is made at the first call.

    Everything is as in `oaktreemodel.connect`; an event loop must be running.

    Raises:
        ValueError: The address cannot be read, or what is given excludes each other.
        OSError: A certificate's file cannot be read.
        RuntimeError: No event loop is running.
    """
    asyncio.get_running_loop()
    endpoint, credentials, told = prepare(
        address, insecure=insecure, ca=ca, cert=cert, key=key, options=options
    )
    if credentials is None:
        channel = grpc.aio.insecure_channel(endpoint.target, told)
    else:
        channel = grpc.aio.secure_channel(endpoint.target, credentials, told)
    return Client(Connection(channel, endpoint))

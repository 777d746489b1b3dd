"""The asyncio client: `async with oaktreemodel.aio.connect("localhost:50051") as client`."""

from __future__ import annotations

import asyncio
import os
from types import TracebackType
from typing import Self

import grpc

from oaktreemodel._aio import Connection
from oaktreemodel._aio_directories import download_directory, upload_directory
from oaktreemodel._channel import Options, prepare
from oaktreemodel._credentials import Credentials, Pem
from oaktreemodel._places import Places
from oaktreemodel._tokens import Metadata
from oaktreemodel.v1.location_pb2 import Location
from oaktreemodel.v1.scope_aio import Scope

__all__ = ["Client", "Scope", "connect", "download_directory", "upload_directory"]


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

    async def metadata(self, *, refused: Metadata = (), timeout: float | None = 60) -> Metadata:
        """Who the caller is, as `oaktreemodel.Client.metadata` tells it."""
        return await self._connection.metadata(refused, timeout)

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
    address: str | None = None,
    *,
    token: str | None = None,
    client_id: str | None = None,
    client_secret: str | None = None,
    cloud: str | None = None,
    credentials: str | os.PathLike[str] | None = None,
    insecure: bool = False,
    ca: Pem | None = None,
    cert: Pem | None = None,
    key: Pem | None = None,
    options: Options = (),
) -> Client:
    """Make a client of the oaktree at an address. The connection is made at the first call.

    Everything is as in `oaktreemodel.connect`; an event loop must be running.

    Raises:
        ValueError: As there.
        OSError: As there.
        RuntimeError: No event loop is running.
    """
    asyncio.get_running_loop()
    given = Credentials(
        address=address,
        token=token,
        client_id=client_id,
        client_secret=client_secret,
        cloud=cloud,
        ca=ca,
    )
    way = prepare(given, credentials, insecure=insecure, cert=cert, key=key, options=options)
    if way.tls is None:
        channel = grpc.aio.insecure_channel(way.endpoint.target, way.options)
    else:
        channel = grpc.aio.secure_channel(way.endpoint.target, way.tls, way.options)
    return Client(Connection(channel, way.endpoint, way.tokens))

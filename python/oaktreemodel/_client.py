"""The synchronous client."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import grpc

from oaktreemodel._channel import Options, Pem, prepare
from oaktreemodel._places import Places
from oaktreemodel._sync import Connection
from oaktreemodel.v1.location_pb2 import Location
from oaktreemodel.v1.scope_sync import Scope


class Client(Places[Scope], Scope):
    """A connection to an oaktree. Its own collections span every cloud the caller can see.

    It may be shared by threads. Use it in a `with` statement, or call `close`.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, Location())

    @property
    def channel(self) -> grpc.Channel:
        """The gRPC channel, for the stubs in `oaktreemodel.v1.*_pb2_grpc`."""
        return self._connection.channel

    def close(self) -> None:
        """End every call that is under way, and the connection. All of them, and later ones, raise
        Cancelled."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

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

    TLS is spoken, and the server's certificate checked, unless the address is on this machine,
    begins with `http://`, or `insecure` says otherwise.

    Args:
        address: `host:port`, `https://host:port`, `http://host:port` or `unix:/path`. The port of
            a bare host is 50051.
        insecure: True: no TLS, wherever the address is. Anyone on the way can read and change what
            is sent.
        ca: The authorities to trust, in PEM: a path, or the bytes. Absent: those the system trusts.
        cert: The client's own certificate, in PEM, if the server wants one.
        key: The private key of that certificate, in PEM.
        options: More gRPC channel options; they win over this package's own.

    Raises:
        ValueError: The address cannot be read, or what is given excludes each other.
        OSError: A certificate's file cannot be read.
    """
    endpoint, credentials, told = prepare(
        address, insecure=insecure, ca=ca, cert=cert, key=key, options=options
    )
    if credentials is None:
        channel = grpc.insecure_channel(endpoint.target, told)
    else:
        channel = grpc.secure_channel(endpoint.target, credentials, told)
    return Client(Connection(channel, endpoint))

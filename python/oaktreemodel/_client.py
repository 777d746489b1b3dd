"""The synchronous client."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

import grpc

from oaktreemodel._channel import Options, prepare
from oaktreemodel._credentials import Credentials, Pem
from oaktreemodel._places import Places
from oaktreemodel._sync import Connection
from oaktreemodel._tokens import Metadata
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

    def metadata(self, *, refused: Metadata = (), timeout: float | None = 60) -> Metadata:
        """Who the caller is, to be passed as `metadata=` to a stub's method. Tokens end: ask anew
        for each call.

        Args:
            refused: What an earlier call was sent with that failed as UNAUTHENTICATED with reason
                UNAUTHENTICATED. Another token is returned, where there is one.
            timeout: Seconds it may take to get a token; None for no end.

        Raises:
            OaktreeError: There is no token to be had.
        """
        return self._connection.metadata(refused, timeout)

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

    TLS is spoken, and the server's certificate checked, unless the address is on this machine,
    begins with `http://`, or `insecure` says otherwise. Credentials go nowhere else without TLS.

    What is not given here is taken from the file that is given as `credentials`, then from the
    environment (`OAKTREE_ADDRESS`, `OAKTREE_TOKEN`, `OAKTREE_CLIENT_ID`, `OAKTREE_CLIENT_SECRET`,
    `OAKTREE_CLOUD`, `OAKTREE_CA`, `OAKTREE_CREDENTIALS`), then from the credentials file that is
    named there or is the user's own; the last two only if they are of this address. Without any,
    the token that an oaktree on this machine leaves for its user is found by itself.

    Args:
        address: `host:port`, `https://host:port`, `http://host:port` or `unix:/path`. The port of
            a bare host is 50051. Absent: that of the file given as `credentials`, else the
            environment's, else that of the user's own credentials file, else localhost:50051.
        token: A token of the cloud's identity service. It is used as it is, and not renewed.
        client_id: The id of an application credential. Tokens are fetched and renewed with it.
        client_secret: Its secret.
        cloud: Which of the oaktree's clouds the credential is of. Absent: its only or default one.
        credentials: A credentials file, which is read in any case and must be of this address.
            Absent: the one of OAKTREE_CREDENTIALS, or `oaktree/credentials.yaml` in
            XDG_CONFIG_HOME, or in ~/.config.
        insecure: True: no TLS, wherever the address is. Anyone on the way can read and change what
            is sent.
        ca: The authorities to trust, in PEM: a path, or the bytes. Absent everywhere: those the
            system trusts.
        cert: The client's own certificate, in PEM, if the server wants one.
        key: The private key of that certificate, in PEM.
        options: More gRPC channel options; they win over this package's own.

    Raises:
        ValueError: The address cannot be read, what is given excludes each other, credentials
            would go over plaintext, or the credentials file is wrong, of another address though it
            was named, or can be read by others.
        OSError: The credentials file or a certificate's cannot be read.
    """
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
        channel = grpc.insecure_channel(way.endpoint.target, way.options)
    else:
        channel = grpc.secure_channel(way.endpoint.target, way.tls, way.options)
    return Client(Connection(channel, way.endpoint, way.tokens))

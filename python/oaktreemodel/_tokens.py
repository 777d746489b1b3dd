"""The tokens that calls carry: how long one is used, and when another takes its place."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol, TypeAlias, TypeVar, cast

import grpc
from google.protobuf.message import Message

from oaktreemodel._address import Endpoint
from oaktreemodel._credentials import Credentials, default_file, is_sendable
from oaktreemodel._failures import CREDENTIALS_REFUSED, TOKEN_REFUSED, reason_of
from oaktreemodel._private import read_private
from oaktreemodel.errors import DeadlineExceeded, Internal, Unauthenticated
from oaktreemodel.v1.auth_pb2 import CreateTokenRequest, CreateTokenResponse

Metadata: TypeAlias = tuple[tuple[str, str], ...]

# An exchange that several calls may wait for, each until its own deadline, in seconds.
EXCHANGE_TIMEOUT = 60.0
# How long before its end a token is replaced, in seconds, or half of its life if that is less.
MARGIN = 60.0


def needs_token(request: Message) -> bool:
    """Whether a call has to carry one."""
    return not isinstance(request, CreateTokenRequest)


def metadata_of(token: str | None, cloud: str | None) -> Metadata:
    """What carries the token, if any, and the cloud it is of."""
    shown = () if token is None else (("authorization", f"Bearer {token}"),)
    return shown if cloud is None else (*shown, ("oaktree-cloud", cloud))


def _carries_token(metadata: Metadata) -> bool:
    return bool(metadata) and metadata[0][0] == "authorization"


def _no_credentials() -> str:
    return (
        "there are no credentials for this address in the arguments, the environment or"
        f" {default_file()}"
    )


class Given:
    """A token that was given as it is and cannot be renewed; or none at all."""

    def __init__(self, token: str | None, cloud: str | None) -> None:
        self._metadata = metadata_of(token, cloud)

    def now(self) -> Metadata:
        return self._metadata

    def refused(self, used: Metadata) -> bool:
        """Told that the server does not take this token. Whether there is, or may be, another."""
        return False

    def hint(self, used: Metadata) -> str:
        """What to add to a refusal: why no token was sent. Empty if one was."""
        if _carries_token(used):
            return ""
        return f"no token was sent, for {_no_credentials()}"


class Own:
    """The token that one's own oaktree, on this machine, has left for its user in a file.

    It is read when the first call is made, and when the server refuses it: a server that was
    started again has another. Several threads may do that at once; it does no harm.
    """

    def __init__(self, endpoint: Endpoint, cloud: str | None) -> None:
        place = endpoint.place
        name = place if place.startswith("/") else place.rpartition(":")[2]
        name = name.replace("%", "%25").replace("/", "%2F")
        folders = [os.path.expanduser("~/.local/state")]
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        if os.path.isabs(runtime):
            folders.insert(0, runtime)
        self._files = [os.path.join(folder, "oaktree", name) for folder in folders]
        self._cloud = cloud
        self._metadata: Metadata | None = None

    def now(self) -> Metadata:
        """Raises Unauthenticated for a file that cannot be trusted."""
        metadata = self._metadata
        if metadata is None:
            metadata = self._metadata = self._read()
        return metadata

    def refused(self, used: Metadata) -> bool:
        newest = self._metadata
        if newest is None or newest == used:
            newest = self._metadata = self._read()
        return _carries_token(newest) and newest != used

    def hint(self, used: Metadata) -> str:
        if _carries_token(used):
            return ""
        files = " nor ".join(self._files)
        return f"no token was sent, for there is no file {files}, and {_no_credentials()}"

    def _read(self) -> Metadata:
        """Of several, the newest: the others are of servers that were killed."""
        found: list[tuple[int, str]] = []
        for path in self._files:
            # Also where a folder is closed: it may be another user's, who has become this one.
            with contextlib.suppress(OSError):
                found.append((os.stat(path).st_mtime_ns, path))
        token = None
        for _, path in sorted(found, reverse=True):
            try:
                token = read_private(path).decode("ascii", "replace").strip()
                if not is_sendable(token):
                    raise ValueError(f"{path} holds no token; start oaktree again")
                break
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                told = f"the token of the oaktree on this machine cannot be used: {error}"
                code = grpc.StatusCode.UNAUTHENTICATED
                raise Unauthenticated(told, code=code) from error
        return metadata_of(token, self._cloud)


@dataclass
class _Held:
    """A token, and by the monotonic clock when it ends and when to look for the next."""

    metadata: Metadata = field(repr=False)
    ends: float
    renew: float


class Flight(Protocol):
    """An exchange that is under way."""

    def done(self) -> bool: ...


F = TypeVar("F", bound=Flight)


class Exchange:
    """Tokens that the server gives for a client id and its secret.

    One is asked for at a time, however many calls want it; nobody owns that flight, so that nobody
    who leaves takes others with him. A token that is still good is used while the next one is on
    its way. Safe for threads.
    """

    def __init__(self, client_id: str, client_secret: str, cloud: str | None) -> None:
        self._request = CreateTokenRequest(client_id=client_id, client_secret=client_secret)
        if cloud is not None:
            self._request.location.cloud = cloud
        self._cloud = cloud
        self._lock = threading.Lock()
        self._held: _Held | None = None
        self._flight: Flight | None = None

    @property
    def request(self) -> CreateTokenRequest:
        """What to ask the server."""
        return self._request

    def now(self) -> Metadata | None:
        """None if it is time to ask for another."""
        held = self._held
        return held.metadata if held is not None and monotonic() < held.renew else None

    def begin(self, start: Callable[[], F]) -> F | None:
        """The flight that is under way; one is started where there is none. None if one has landed
        since the caller looked: then there is a token now."""
        with self._lock:
            if self._flight is None:
                if self.now() is not None:
                    return None
                self._flight = start()
            return cast(F, self._flight)

    def meanwhile(self, flight: Flight) -> Metadata | None:
        """The token to use rather than to wait. None if there is none, or nothing to wait for."""
        held = self._held
        if held is None or flight.done() or monotonic() >= held.ends:
            return None
        return held.metadata

    def landed(self, flight: Flight, response: CreateTokenResponse) -> Metadata:
        """The flight has brought this. The token to use; raises Internal if it is none."""
        with self._lock:
            if self._flight is flight:
                self._flight, self._held = None, None
                self._held = self._hold(response)
            held = self._held
        # What was refused since is tried by this call all the same, which then asks for another.
        return (held or self._hold(response)).metadata

    def failed(self, flight: Flight, error: grpc.RpcError) -> Metadata | None:
        """The flight has brought this. The old token, if that is still good; None if not."""
        with self._lock:
            if self._flight is flight:
                self._flight = None
            held, now = self._held, monotonic()
            if held is None or now >= held.ends or reason_of(error) == CREDENTIALS_REFUSED:
                return None
            # A server in trouble is not asked by every call, and often enough until the end.
            held.renew = now + (held.ends - now) / 2
            return held.metadata

    def refused(self, used: Metadata) -> bool:
        with self._lock:
            if self._held is not None and self._held.metadata == used:
                self._held = None
        return True

    def hint(self, used: Metadata) -> str:
        return ""

    def _hold(self, response: CreateTokenResponse) -> _Held:
        token = response.access_token.value
        if not is_sendable(token):
            raise Internal("the server gave a token that cannot be sent")
        life, now = response.expires_in_seconds, monotonic()
        metadata = metadata_of(token, self._cloud)
        return _Held(metadata, now + life, now + life - min(MARGIN, life / 2))


Tokens: TypeAlias = Given | Own | Exchange


def renews(tokens: Tokens, error: grpc.RpcError, used: Metadata) -> bool:
    """Whether a call failed for its token alone, and there is or may be another one."""
    return reason_of(error) == TOKEN_REFUSED and tokens.refused(used)


def tokens_for(endpoint: Endpoint, found: Credentials) -> Tokens:
    """Those of a client with these credentials.

    Raises ValueError for a way on which others could read them.
    """
    if found.has_secret and not (endpoint.is_secure or endpoint.is_local):
        raise ValueError(
            f"{endpoint.address!r}: credentials are not sent without TLS beyond this machine"
        )
    if found.client_id is not None and found.client_secret is not None:
        return Exchange(found.client_id, found.client_secret, found.cloud)
    if found.token is None and endpoint.is_local:
        return Own(endpoint, found.cloud)
    return Given(found.token, found.cloud)


def overdue() -> DeadlineExceeded:
    """What a call ends with whose time is over before there is a token."""
    return DeadlineExceeded(
        "the time for the call is over, and there is no token yet",
        code=grpc.StatusCode.DEADLINE_EXCEEDED,
    )

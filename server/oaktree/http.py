"""What a call's deadline and its cancellation do to the HTTP requests that are made for it.

openstacksdk works in threads and knows neither. So every request goes through an adapter of ours
that asks the call it is made for: reads get no more time than the call has left, and a cancelled
call's reads are cut. Writes are left to end: a POST that is cut may have taken effect, and nobody
would know. Only a transfer is cut whichever way its bytes go: of these a cloud keeps all or none.
"""

from __future__ import annotations

import contextlib
import contextvars
import random
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import grpc
import requests
from keystoneauth1.session import TCPKeepAliveAdapter
from oaktreemodel.v1.error_pb2 import Reason
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from oaktree.budget import Budget, Turn
from oaktree.errors import Refused, broken_off

# How often a request is sent that the cloud puts off.
ATTEMPTS = 3
CONNECT_SECONDS = 10.0
# A cloud that takes the connection and then says nothing. Some real calls take half a minute.
READ_SECONDS = 60.0
PIECE_BYTES = 1 << 17
# How long what has no deadline waits for its turn.
TURN_SECONDS = 60.0
# On: close at once, and tell the peer so. A peer that has filled our window and waits for it to
# open would else hear of an end a minute later, when the kernel forgets the connection.
_NO_LINGERING = struct.pack("ii", 1, 0)


class Reach:
    """How far a call reaches: the time it has left, and the connections it reads from now.

    `carries` is said of what moves the bytes of an image or object: its writes are cut, too, no
    request is sent again, since its body is gone, and none counts in the cloud's budget."""

    def __init__(
        self, deadline: float | None = None, turn: Turn = Turn.READ, carries: bool = False
    ) -> None:
        self.turn = turn
        self.carries = carries
        # On the monotonic clock; None: no deadline.
        self.deadline = deadline
        self.cancelled = False
        self._lock = threading.Lock()
        # By thread, as one thread makes one request at a time.
        self._reading: dict[int, HTTPConnection] = {}

    def seconds_left(self) -> float:
        """Time for one request, in seconds. TimeoutError when the call is over."""
        if self.cancelled:
            raise TimeoutError
        if self.deadline is None:
            return READ_SECONDS
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(left, READ_SECONDS)

    def enter(self, connection: HTTPConnection) -> None:
        with self._lock:
            if self.cancelled:
                raise TimeoutError
            self._reading[threading.get_ident()] = connection

    def leave(self) -> None:
        with self._lock:
            self._reading.pop(threading.get_ident(), None)

    def give_up(self, connection: HTTPConnection) -> bool:
        """Another call is about to use the connection. Whether this one has cut it meanwhile."""
        with self._lock:
            for thread, reading in list(self._reading.items()):
                if reading is connection:
                    del self._reading[thread]
                    return self.cancelled
            return False

    def cancel(self) -> None:
        """Ends the call's reads: the threads that wait in them go on with an error at once."""
        with self._lock:
            self.cancelled = True
            for connection in self._reading.values():
                _cut(connection.sock)


def _cut(sock: Any) -> None:
    """Ends a connection that a thread reads or writes, and may be about to close."""
    # What speaks TLS through a proxy that speaks it, too, is no socket, and has one.
    sock = getattr(sock, "socket", sock)
    if sock is None:
        return
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
        # Not by TLS's own: that ends TLS first, and the thread would go on in the clear.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


class Patience:
    """How long whoever asked for a change waits for it to begin. What has begun is seen through,
    whether or not he is still there."""

    def __init__(self, deadline: float | None) -> None:
        # On the monotonic clock; None: no deadline, or it has begun.
        self.deadline = deadline
        self.has_begun = False


current: contextvars.ContextVar[Reach | None] = contextvars.ContextVar("reach", default=None)
patience: contextvars.ContextVar[Patience | None] = contextvars.ContextVar("patience", default=None)


def turn_seconds(reach: Reach | None) -> float:
    """How long a request may wait for its turn."""
    deadlines = [one.deadline for one in (reach, patience.get()) if one is not None]
    left = [deadline - time.monotonic() for deadline in deadlines if deadline is not None]
    return max(min(left, default=TURN_SECONDS), 0.0)


def _begin() -> None:
    """Something has been changed, or may have been."""
    asked = patience.get()
    if asked is not None:
        asked.deadline = None
        asked.has_begun = True


def has_begun() -> bool:
    """Whether what the call is to change has been changed, or may have been."""
    asked = patience.get()
    return asked is not None and asked.has_begun


def _reads(request: requests.PreparedRequest) -> bool:
    return _is_read(request.method or "", request.url or "")


def _is_read(method: str, url: str) -> bool:
    """The fetching of a token is as good as one: it changes nothing."""
    return method.upper() in ("GET", "HEAD") or url.endswith(("/auth/tokens", "/OS-OAUTH2/token"))


def _unsent(error: requests.RequestException) -> bool:
    """Whether no byte of the request can have reached the cloud."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer wants the cloud to be left alone for; None if it does not say. A date
    is one by the cloud's clock, which need not be ours."""
    said = headers.get("Retry-After", "")
    if re.fullmatch(r"\d{1,6}", said):
        return float(said)
    try:
        then = parsedate_to_datetime(said)
        now = parsedate_to_datetime(headers["Date"]) if "Date" in headers else datetime.now(UTC)
        return max((then - now).total_seconds(), 0.0)
    except (TypeError, ValueError, OverflowError):
        return None


def _told_to_wait(request: requests.PreparedRequest, response: requests.Response) -> float | None:
    """Seconds that the cloud wants to be left alone for, if it did not do what it was asked; None
    if it did, or may have."""
    seconds = retry_after(response.headers)
    match response.status_code:
        case 429:
            return 1.0 if seconds is None else seconds
        case 413:
            # How older services limit the rate. A quota is told alike, with no time or with none
            # to wait.
            return seconds or None
        case 503 if _reads(request):
            return seconds
    return None


def _refuse_leading_away(response: requests.Response) -> None:
    """keystoneauth follows redirects with the token, and a password, in them: not to another host,
    nor from an encrypted connection to one that is not."""
    if not response.is_redirect:
        return
    here = urlsplit(response.url)
    try:
        there = urlsplit(urljoin(response.url, response.headers["Location"]))
    except ValueError:
        raise Refused(
            grpc.StatusCode.UNKNOWN,
            Reason.REASON_CLOUD_ERROR,
            "the cloud sends requests on to what is no address",
        ) from None
    if there.hostname != here.hostname or (here.scheme == "https" != there.scheme):
        raise Refused(
            grpc.StatusCode.UNKNOWN,
            Reason.REASON_CLOUD_ERROR,
            f"the cloud sends requests on to {there.scheme}://{there.hostname}, which may not "
            "have its secrets: name the right address in clouds.yaml",
        )


def _reach_of(method: str, url: str) -> Reach | None:
    """The call that may cut a request: a read's, or a transfer's."""
    reach = current.get()
    return reach if reach is not None and (reach.carries or _is_read(method, url)) else None


class _Registered:
    """A connection that tells the call it works for that it does."""

    _former: Reach | None = None

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        reach = _reach_of(method, url)
        # It goes back to its pool a moment before the call that used it lets go of it.
        if self._former is not None and self._former.give_up(self):  # type: ignore[arg-type]
            self.close()  # type: ignore[attr-defined]
        self._former = reach
        if reach is not None:
            reach.enter(self)  # type: ignore[arg-type]
        super().request(method, url, *args, **kwargs)  # type: ignore[misc]


class _Connection(_Registered, HTTPConnection):
    pass


class _TlsConnection(_Registered, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS = {"http": _Pool, "https": _TlsPool}


class BoundedAdapter(TCPKeepAliveAdapter):
    """Requests' transport, with the deadline and the cancellation of the call it works for.

    Requests take their turn in the cloud's budget. `changed` is called after every one that may
    have changed something.
    """

    def __init__(self, budget: Budget, changed: Callable[[], None], **kwargs: Any) -> None:
        self._budget = budget
        self._changed = changed
        super().__init__(**kwargs)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        reach = _reach_of(request.method or "", request.url or "")
        turn = Turn.CHANGE if not _reads(request) else reach.turn if reach else Turn.READ
        carries = reach is not None and reach.carries
        for left in reversed(range(1 if carries else ATTEMPTS)):
            if carries:
                self._budget.take_none(turn_seconds(reach))
            else:
                self._budget.take(turn, turn_seconds(reach))
            pause = None
            try:
                response = self._send(request, reach, *args, **kwargs)
                pause = _told_to_wait(request, response)
            finally:
                if pause is None and turn == Turn.CHANGE:
                    _begin()
            if pause is None:
                break
            # Not all who were told so at once shall come back at once.
            self._budget.close(pause * random.uniform(1.0, 1.2))
            if not left:
                break
        return response

    def _send(
        self, request: requests.PreparedRequest, reach: Reach | None, *args: Any, **kwargs: Any
    ) -> requests.Response:
        seconds = READ_SECONDS if reach is None else reach.seconds_left()
        kwargs["timeout"] = (min(CONNECT_SECONDS, seconds), seconds)
        try:
            response = super().send(request, *args, **kwargs)
            if not kwargs.get("stream"):
                # Read here and not later in requests, so that a body can be cut, too; and not ten
                # kilobytes at a time.
                response._content = b"".join(response.iter_content(PIECE_BYTES))
            _refuse_leading_away(response)
            if response.status_code in (502, 504) and not _reads(request):
                # Said by what stands before the service: its own answer is lost.
                raise broken_off()
            return response
        except requests.RequestException as error:
            if reach is not None:
                # A read that was cut, or timed out with the call, is the call's doing.
                reach.seconds_left()
            elif not _reads(request) and not _unsent(error):
                raise broken_off() from error
            raise
        finally:
            # The body of a transfer is read later.
            if reach is not None and not reach.carries:
                reach.leave()
            # What is listed of an image changes by other requests. Were objects to count, the lists
            # of whoever stores many of them would never be new enough.
            if not _reads(request) and not (reach is not None and reach.carries):
                self._changed()

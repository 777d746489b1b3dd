"""The core of the synchronous client: what every generated method calls."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

import grpc
from google.protobuf.message import Message

from oaktreemodel._address import Endpoint
from oaktreemodel._attempts import Attempts
from oaktreemodel._deadline import Deadline
from oaktreemodel._download import Download, download
from oaktreemodel._drive import finish, iterate
from oaktreemodel._failures import Failures, OnFailure, closed, ended, from_call
from oaktreemodel._lasting import Lasting
from oaktreemodel._progress import OnProgress
from oaktreemodel._request import Requests, WithFailures, identify, request_id_of, stay_with
from oaktreemodel._segments import upload
from oaktreemodel._source import Source
from oaktreemodel._target import Target
from oaktreemodel._threads import Threads
from oaktreemodel._tokens import (
    EXCHANGE_TIMEOUT,
    Exchange,
    Metadata,
    Tokens,
    needs_token,
    overdue,
    renews,
)
from oaktreemodel._values import OnState
from oaktreemodel._watch import Event, Events, Watchable, WatchResponse
from oaktreemodel.errors import OaktreeError, Unauthenticated, Unavailable
from oaktreemodel.v1.auth_pb2_grpc import AuthServiceStub

if TYPE_CHECKING:
    from oaktreemodel.v1.location_pb2 import Location

T = TypeVar("T", bound=Message)
Q = TypeVar("Q", bound=Message)
A = TypeVar("A")
F = TypeVar("F", bound=WithFailures)
R = TypeVar("R", bound=Watchable)
W = TypeVar("W", bound=WatchResponse)


class Connection:
    """A channel, where it leads, and what to show there."""

    def __init__(self, channel: grpc.Channel, endpoint: Endpoint, tokens: Tokens) -> None:
        self.endpoint = endpoint
        self.tokens = tokens
        self._channel = channel
        self._create_token = AuthServiceStub(channel).CreateToken
        self._closed = threading.Event()

    @property
    def channel(self) -> grpc.Channel:
        """Raises Cancelled once it is closed: gRPC makes no stub of a closed one, but ends the
        process."""
        if self._closed.is_set():
            raise closed()
        return self._channel

    @contextlib.contextmanager
    def alive(self) -> Iterator[None]:
        """What gRPC raises in it because the channel was closed is Cancelled."""
        try:
            yield
        except ValueError as error:
            if self._closed.is_set():
                raise closed() from error
            raise

    def pause(self, seconds: float) -> None:
        """Waits; not beyond the connection's end."""
        self._closed.wait(seconds)

    def metadata(self, refused: Metadata, timeout: float | None) -> Metadata:
        if refused:
            self.tokens.refused(refused)
        return self.token(Deadline(timeout))

    def token(self, deadline: Deadline) -> Metadata:
        """What the next call is to carry."""
        tokens = self.tokens
        if not isinstance(tokens, Exchange):
            return tokens.now()
        shown = tokens.now()
        return self._exchanged(tokens, deadline) if shown is None else shown

    def _exchanged(self, tokens: Exchange, deadline: Deadline) -> Metadata:
        with self.alive():
            flight = tokens.begin(
                lambda: self._create_token.future(tokens.request, timeout=EXCHANGE_TIMEOUT)
            )
        if flight is None:
            return self.token(deadline)
        if (meanwhile := tokens.meanwhile(flight)) is not None:
            return meanwhile
        try:
            return tokens.landed(flight, flight.result(deadline.left()))
        except grpc.FutureTimeoutError:
            raise overdue() from None
        except grpc.FutureCancelledError:
            raise closed() from None
        except grpc.RpcError as error:
            shown = tokens.failed(flight, error)
            if shown is None:
                raise self.failure(error, tokens.request, ()) from error
            return shown

    def failure(self, error: grpc.RpcError, request: Message, shown: Metadata) -> OaktreeError:
        """What to raise of a call."""
        return from_call(error, self.endpoint, request_id_of(request), self.tokens.hint(shown))

    def close(self) -> None:
        self._closed.set()
        self._channel.close()


class Collection(Requests):
    """One resource's calls in one scope. Not started before the first item is asked for: lists."""

    def __init__(self, connection: Connection, location: Location) -> None:
        super().__init__(location)
        self._connection = connection

    def _unary(
        self, method: grpc.UnaryUnaryMultiCallable[Q, A], request: Q, timeout: float | None
    ) -> A:
        connection, deadline = self._connection, Deadline(timeout)
        identity, is_again = identify(request), False
        while True:
            shown = connection.token(deadline) if needs_token(request) else ()
            try:
                with connection.alive():
                    return method(request, timeout=deadline.left(), metadata=shown + identity)
            except grpc.RpcError as error:
                if is_again or not renews(connection.tokens, error, shown):
                    raise connection.failure(error, request, shown) from error
                is_again = True

    def _stream(
        self,
        method: grpc.UnaryStreamMultiCallable[Q, A],
        request: Q,
        attempts: Attempts,
        is_again: bool = False,
    ) -> Generator[A, None, None]:
        """Sent again while the server is away, until it tells something.

        `is_again` is said of a call whose server was there: this one waits for it to come back.
        """
        while True:
            shown = self._connection.token(attempts.deadline)
            left = attempts.begin()
            with self._connection.alive():
                call = method(request, timeout=left, metadata=shown, wait_for_ready=is_again)
            try:
                with self._connection.alive():
                    for response in call:
                        attempts.heard()
                        yield response
                return
            except grpc.RpcError as error:
                if renews(self._connection.tokens, error, shown) and attempts.renewed():
                    continue
                failed = self._connection.failure(error, request, shown)
                pause = attempts.pause(failed)
                if pause is None:
                    try:
                        raise failed from error
                    finally:
                        # Its traceback holds this frame, and what its callers hold.
                        del failed
            finally:
                # Also when the caller leaves its loop: Python closes this generator then.
                call.cancel()
            self._connection.pause(pause)

    def _lasting(
        self, method: grpc.UnaryStreamMultiCallable[Q, A], request: Q, timeout: float | None
    ) -> Generator[A | Unavailable, None, None]:
        """As `_stream`, but made again when the server is lost, or the token comes to its end; a
        loss is yielded as its error."""
        lasting = Lasting(timeout)
        while True:
            attempts = Attempts(lasting.begin())
            try:
                for response in self._stream(method, request, attempts, lasting.is_again):
                    lasting.heard()
                    yield response
                return
            except Unauthenticated:
                if not attempts.is_outlived:
                    raise
                pause = lasting.outlived()
            except Unavailable as error:
                is_news, pause = lasting.lost(error)
                if is_news:
                    yield error
            self._connection.pause(pause)

    def _list_items(
        self,
        method: grpc.UnaryStreamMultiCallable[Q, F],
        request: Q,
        items: Callable[[F], Iterable[T]],
        on_failure: OnFailure | None,
        timeout: float | None,
    ) -> Generator[T, None, None]:
        failures = Failures(on_failure)
        for response in self._stream(method, request, Attempts(timeout)):
            failures.add(response.failures)
            yield from items(response)
        failures.finish()

    def _wait_for_state(
        self,
        method: grpc.UnaryStreamMultiCallable[Q, A],
        request: Q,
        state: Callable[[A], T],
        on_state: OnState[T] | None,
        timeout: float | None,
    ) -> T:
        last = None
        for told in self._lasting(method, request, timeout):
            # A server that is back tells the state again.
            if isinstance(told, Unavailable) or (seen := state(told)) == last:
                continue
            last = seen
            stay_with(request, last)
            if on_state is not None:
                on_state(last)
        if last is None:
            raise ended("the wait without telling a state")
        return last

    def _watch_events(
        self,
        method: grpc.UnaryStreamMultiCallable[Q, W],
        request: Q,
        items: Callable[[W], Iterable[R]],
        timeout: float | None,
    ) -> Generator[Event[R], None, None]:
        events = Events(items, self._location)
        for told in self._lasting(method, request, timeout):
            if isinstance(told, Unavailable):
                yield events.lost(told)
            else:
                yield from events.of(told)
        raise ended("the watch, which has no end")

    def _upload(
        self,
        method: grpc.StreamStreamMultiCallable[Q, A],
        request: Q,
        source: Source,
        take: Callable[[A], T],
        progress: OnProgress | None,
        timeout: float | None,
    ) -> T:
        with Threads(self) as driver:
            return take(finish(upload(driver, method, request, source, progress, timeout)))

    def _download(
        self,
        method: grpc.UnaryStreamMultiCallable[Q, A],
        request: Q,
        target: Target,
        take: Callable[[A], T],
        progress: OnProgress | None,
        timeout: float | None,
    ) -> T:
        with Threads(self) as driver:
            return take(finish(download(driver, method, request, target, progress, timeout)))

    def _download_chunks(
        self, method: grpc.UnaryStreamMultiCallable[Q, A], request: Q, timeout: float | None
    ) -> Generator[bytes, None, None]:
        with Threads(self) as driver:
            yield from iterate(Download(driver, method, request).pieces(timeout))

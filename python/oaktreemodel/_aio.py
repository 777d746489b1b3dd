"""The core of the asyncio client: what every generated method calls."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

import grpc
from google.protobuf.message import Message

from oaktreemodel._address import Endpoint
from oaktreemodel._attempts import Attempts
from oaktreemodel._deadline import Deadline
from oaktreemodel._download import Download, download
from oaktreemodel._failures import Failures, OnFailure, closed, ended, from_call
from oaktreemodel._lasting import Lasting
from oaktreemodel._progress import OnProgress
from oaktreemodel._request import Requests, WithFailures, identify, request_id_of, stay_with
from oaktreemodel._segments import upload
from oaktreemodel._target import Target
from oaktreemodel._tasks import Source, Tasks
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
from oaktreemodel.v1.auth_pb2 import CreateTokenResponse
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

    def __init__(self, channel: grpc.aio.Channel, endpoint: Endpoint, tokens: Tokens) -> None:
        self.endpoint = endpoint
        self.tokens = tokens
        self._channel = channel
        self._create_token = AuthServiceStub(channel).CreateToken
        self._closed = asyncio.Event()

    @property
    def channel(self) -> grpc.aio.Channel:
        """Raises Cancelled once it is closed."""
        if self._closed.is_set():
            raise closed()
        return self._channel

    async def pause(self, seconds: float) -> None:
        """Waits; not beyond the connection's end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closed.wait()

    @contextlib.contextmanager
    def alive(self) -> Iterator[None]:
        """What gRPC raises in it because the channel was closed is Cancelled. Who cancels the task
        has his CancelledError nevertheless."""
        try:
            yield
        except (grpc.aio.UsageError, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if self._closed.is_set() and not (task is not None and task.cancelling()):
                raise closed() from error
            raise

    async def metadata(self, refused: Metadata, timeout: float | None) -> Metadata:
        if refused:
            self.tokens.refused(refused)
        return await self.token(Deadline(timeout))

    async def token(self, deadline: Deadline) -> Metadata:
        """What the next call is to carry."""
        tokens = self.tokens
        if not isinstance(tokens, Exchange):
            return tokens.now()
        shown = tokens.now()
        return await self._exchanged(tokens, deadline) if shown is None else shown

    async def _exchanged(self, tokens: Exchange, deadline: Deadline) -> Metadata:
        async def exchange() -> CreateTokenResponse:
            with self.alive():
                return await self._create_token(tokens.request, timeout=EXCHANGE_TIMEOUT)

        def start() -> asyncio.Task[CreateTokenResponse]:
            flight = asyncio.create_task(exchange())
            # Nobody may ever ask for it, and asyncio would complain of an error nobody saw.
            flight.add_done_callback(lambda done: done.cancelled() or done.exception())
            return flight

        flight = tokens.begin(start)
        if flight is None:
            return await self.token(deadline)
        if (meanwhile := tokens.meanwhile(flight)) is not None:
            return meanwhile
        # Not awaited itself: a caller who is cancelled would take it with him.
        await asyncio.wait([flight], timeout=deadline.left())
        if not flight.done():
            raise overdue()
        try:
            return tokens.landed(flight, flight.result())
        except asyncio.CancelledError:
            raise closed() from None
        except grpc.aio.AioRpcError as error:
            shown = tokens.failed(flight, error)
            if shown is None:
                raise self.failure(error, tokens.request, ()) from error
            return shown

    def failure(
        self, error: grpc.aio.AioRpcError, request: Message, shown: Metadata
    ) -> OaktreeError:
        """What to raise of a call."""
        return from_call(error, self.endpoint, request_id_of(request), self.tokens.hint(shown))

    async def close(self) -> None:
        self._closed.set()
        await self._channel.close()


class Collection(Requests):
    """One resource's calls in one scope. Not started before the first item is asked for: lists."""

    def __init__(self, connection: Connection, location: Location) -> None:
        super().__init__(location)
        self._connection = connection

    async def _unary(
        self, method: grpc.aio.UnaryUnaryMultiCallable[Q, A], request: Q, timeout: float | None
    ) -> A:
        connection, deadline = self._connection, Deadline(timeout)
        identity, is_again = identify(request), False
        while True:
            shown = (await connection.token(deadline)) if needs_token(request) else ()
            try:
                with connection.alive():
                    return await method(request, timeout=deadline.left(), metadata=shown + identity)
            except grpc.aio.AioRpcError as error:
                if is_again or not renews(connection.tokens, error, shown):
                    raise connection.failure(error, request, shown) from error
                is_again = True

    async def _stream(
        self,
        method: grpc.aio.UnaryStreamMultiCallable[Q, A],
        request: Q,
        attempts: Attempts,
        is_again: bool = False,
    ) -> AsyncGenerator[A, None]:
        """Sent again while the server is away, until it tells something.

        `is_again` is said of a call whose server was there: this one waits for it to come back.
        """
        while True:
            shown = await self._connection.token(attempts.deadline)
            left = attempts.begin()
            with self._connection.alive():
                call = method(request, timeout=left, metadata=shown, wait_for_ready=is_again)
            try:
                with self._connection.alive():
                    async for response in call:
                        attempts.heard()
                        yield response
                return
            except grpc.aio.AioRpcError as error:
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
                # Also when the caller leaves its loop: the event loop closes this generator then.
                call.cancel()
            await self._connection.pause(pause)

    async def _lasting(
        self, method: grpc.aio.UnaryStreamMultiCallable[Q, A], request: Q, timeout: float | None
    ) -> AsyncGenerator[A | Unavailable, None]:
        """As `_stream`, but made again when the server is lost, or the token comes to its end; a
        loss is yielded as its error."""
        lasting = Lasting(timeout)
        while True:
            attempts = Attempts(lasting.begin())
            try:
                stream = self._stream(method, request, attempts, lasting.is_again)
                async with contextlib.aclosing(stream) as responses:
                    async for response in responses:
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
            await self._connection.pause(pause)

    async def _list_items(
        self,
        method: grpc.aio.UnaryStreamMultiCallable[Q, F],
        request: Q,
        items: Callable[[F], Iterable[T]],
        on_failure: OnFailure | None,
        timeout: float | None,
    ) -> AsyncGenerator[T, None]:
        failures = Failures(on_failure)
        async with contextlib.aclosing(
            self._stream(method, request, Attempts(timeout))
        ) as responses:
            async for response in responses:
                failures.add(response.failures)
                for item in items(response):
                    yield item
        failures.finish()

    async def _wait_for_state(
        self,
        method: grpc.aio.UnaryStreamMultiCallable[Q, A],
        request: Q,
        state: Callable[[A], T],
        on_state: OnState[T] | None,
        timeout: float | None,
    ) -> T:
        last = None
        stream = self._lasting(method, request, timeout)
        async with contextlib.aclosing(stream) as responses:
            async for told in responses:
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

    async def _watch_events(
        self,
        method: grpc.aio.UnaryStreamMultiCallable[Q, W],
        request: Q,
        items: Callable[[W], Iterable[R]],
        timeout: float | None,
    ) -> AsyncGenerator[Event[R], None]:
        events = Events(items, self._location)
        stream = self._lasting(method, request, timeout)
        async with contextlib.aclosing(stream) as responses:
            async for told in responses:
                if isinstance(told, Unavailable):
                    yield events.lost(told)
                else:
                    for event in events.of(told):
                        yield event
        raise ended("the watch, which has no end")

    async def _upload(
        self,
        method: grpc.aio.StreamStreamMultiCallable[Q, A],
        request: Q,
        source: Source,
        take: Callable[[A], T],
        progress: OnProgress | None,
        timeout: float | None,
    ) -> T:
        async with Tasks(self) as driver:
            return take(await upload(driver, method, request, source, progress, timeout))

    async def _download(
        self,
        method: grpc.aio.UnaryStreamMultiCallable[Q, A],
        request: Q,
        target: Target,
        take: Callable[[A], T],
        progress: OnProgress | None,
        timeout: float | None,
    ) -> T:
        async with Tasks(self) as driver:
            return take(await download(driver, method, request, target, progress, timeout))

    async def _download_chunks(
        self, method: grpc.aio.UnaryStreamMultiCallable[Q, A], request: Q, timeout: float | None
    ) -> AsyncGenerator[bytes, None]:
        async with Tasks(self) as driver:
            pieces = Download(driver, method, request).pieces(timeout)
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    yield piece

"""How the asyncio client does what transfers need: files and hashes have threads, calls do not."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    Iterator,
)
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Self, TypeAlias, TypeVar

import grpc
from google.protobuf.message import Message

from oaktreemodel import _source
from oaktreemodel._attempts import Attempts
from oaktreemodel._deadline import Deadline
from oaktreemodel._drive import Stopped, finish
from oaktreemodel._progress import OnProgress, Progress
from oaktreemodel._tokens import Metadata, renews

if TYPE_CHECKING:
    from oaktreemodel._aio import Collection

# What gRPC says of a call that it cannot send on, and for how long it may say so before the word of
# the server is there.
UNSETTLED = "Internal error from Core"
SETTLING_SECONDS, SETTLING_STEPS = 10.0, 1000
# How long what is in a thread may take to notice that its transfer is over.
ENDING_SECONDS = 10.0

# What an upload of this client takes.
Source: TypeAlias = _source.Source | AsyncIterable[bytes]

P = ParamSpec("P")
T = TypeVar("T")


class FromLoop(Generic[T]):
    """What is iterated over in the event loop, for a thread to iterate over."""

    def __init__(
        self, items: AsyncIterable[T], loop: asyncio.AbstractEventLoop, stop: threading.Event
    ) -> None:
        self._items = aiter(items)
        self._loop = loop
        self._stop = stop

    def __iter__(self) -> Iterator[T]:
        async def following() -> T:
            return await anext(self._items)

        with contextlib.suppress(StopAsyncIteration):
            while True:
                yield _in_loop(following, self._loop, self._stop)


def _in_loop(
    function: Callable[[], Awaitable[T]], loop: asyncio.AbstractEventLoop, stop: threading.Event
) -> T:
    async def call() -> T:
        return await function()

    future: Future[T] = asyncio.run_coroutine_threadsafe(call(), loop)
    while True:
        try:
            return future.result(1.0)
        except TimeoutError:
            # An event loop that has ended runs nothing any more.
            if stop.is_set() or loop.is_closed():
                future.cancel()
                raise Stopped from None


class Talk:
    """A call that streams. A task sends."""

    def __init__(
        self,
        driver: Tasks,
        method: Any,
        request: Message,
        shown: Metadata,
        timeout: float | None,
        identity: Metadata | None,
    ) -> None:
        self.is_outlived = False
        self._driver = driver
        self._connection = driver.connection
        self._request = request
        self._shown = shown
        self._broken: Exception | None = None
        self._sending: asyncio.Task[None] | None = None
        sent = () if identity is not None else (request,)
        with self._connection.alive():
            self._call = method(*sent, timeout=timeout, metadata=shown + (identity or ()))
        self._ended: grpc.aio.AioRpcError | None = None
        self._call.add_done_callback(self._end)

    def send(self, messages: Iterator[Message], *, is_last: bool = False) -> None:
        self._sending = asyncio.create_task(self._send(self._sending, messages, is_last))

    async def receive(self) -> Any:
        try:
            with self._connection.alive():
                response = await self._call.read()
        except asyncio.CancelledError:
            if self._broken is not None:
                raise self._broken from None
            raise
        except grpc.aio.AioRpcError as error:
            if self._broken is not None:
                raise self._broken from None
            error = await self._settled(error)
            self.is_outlived = renews(self._connection.tokens, error, self._shown)
            raise self._connection.failure(error, self._request, self._shown) from error
        return None if response is grpc.aio.EOF else response

    async def leave(self) -> None:
        self._call.cancel()
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait((self._sending,))

    def _end(self, call: Any) -> None:
        self._ended = self._ended or _status_of(call)

    async def _settled(self, error: grpc.aio.AioRpcError) -> grpc.aio.AioRpcError:
        """The error that the server ended the call with. gRPC puts one of its own in its place when
        it notices, before or after, that nothing can be sent any more."""
        for _ in range(SETTLING_STEPS):
            if error.details() != UNSETTLED:
                break
            if self._ended is not None and self._ended.details() != UNSETTLED:
                return self._ended
            await asyncio.sleep(SETTLING_SECONDS / SETTLING_STEPS)
            error = _status_of(self._call)
        return error

    async def _send(
        self, before: asyncio.Task[None] | None, messages: Iterator[Message], is_last: bool
    ) -> None:
        if before is not None:
            await before
        try:
            while (message := await self._driver.work(next, messages, None)) is not None:
                await self._call.write(message)
            if is_last:
                await self._call.done_writing()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError, grpc.aio.UsageError):
            # The call is over; whoever receives is told why.
            return
        except Exception as error:
            self._broken = error
            self._call.cancel()


def _status_of(call: Any) -> grpc.aio.AioRpcError:
    """How a call has ended, as an error."""
    # What these wait for is there by then.
    return grpc.aio.AioRpcError(
        finish(call.code()),
        grpc.aio.Metadata(),
        finish(call.trailing_metadata()),
        finish(call.details()),
    )


def _dispose(work: asyncio.Future[Any]) -> None:
    if work.cancelled() or work.exception() is not None:
        return
    result = work.result()
    if isinstance(result, contextlib.AbstractContextManager):
        result.__exit__(None, None, None)


class Tasks:
    """One transfer of the asyncio client."""

    def __init__(self, collection: Collection, parallel: int = 1) -> None:
        self.stop = threading.Event()
        self.requests = collection
        self.connection = collection._connection
        self._collection = collection
        self._loop = asyncio.get_running_loop()
        # Not the event loop's own threads: others need them, and they are few.
        self._pool = ThreadPoolExecutor(parallel + 1, "oaktree-transfer")
        self._working: set[asyncio.Future[Any]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        # Those that clear up after themselves are to have done so; one that waits for a source that
        # gives nothing is not waited for.
        if self._working:
            await asyncio.wait(self._working, timeout=ENDING_SECONDS)

    @property
    def channel(self) -> grpc.aio.Channel:
        return self.connection.channel

    @property
    def is_secure(self) -> bool:
        return self.connection.endpoint.is_secure

    def check(self) -> None:
        if self.stop.is_set():
            raise Stopped
        # It raises once it is closed.
        _ = self.connection.channel

    async def token(self) -> str:
        shown = await self.connection.token(Deadline(None))
        return dict(shown).get("authorization", "").removeprefix("Bearer ")

    async def unary(self, method: Any, request: Message, timeout: float | None) -> Any:
        return await self._collection._unary(method, request, timeout)

    def listing(self, method: Any, request: Message) -> AsyncGenerator[Any, None]:
        return self._collection._stream(method, request, Attempts(None))

    @contextlib.asynccontextmanager
    async def talk(
        self,
        method: Any,
        request: Message,
        timeout: float | None,
        identity: Metadata | None = None,
    ) -> AsyncGenerator[Talk, None]:
        deadline = Deadline(timeout)
        shown = await self.connection.token(deadline)
        talk = Talk(self, method, request, shown, deadline.left(), identity)
        try:
            yield talk
        finally:
            await talk.leave()

    def source(self, source: Any) -> Any:
        if isinstance(source, AsyncIterable):
            return FromLoop(source, self._loop, self.stop)
        return source

    def told(self, on_progress: OnProgress | None) -> OnProgress | None:
        if on_progress is None:
            return None
        thread = threading.get_ident()

        def tell(progress: Progress) -> None:
            async def call() -> None:
                on_progress(progress)

            if threading.get_ident() == thread:
                on_progress(progress)
            else:
                _in_loop(call, self._loop, self.stop)

        return tell

    async def work(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        call = functools.partial(function, *args, **kwargs)
        work = self._loop.run_in_executor(self._pool, call)
        self._working.add(work)
        work.add_done_callback(self._working.discard)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # The thread goes on, and nobody takes what it opens.
            work.add_done_callback(_dispose)
            raise

    async def each(
        self, task: Callable[[T], Awaitable[None]], items: AsyncGenerator[T, None], parallel: int
    ) -> None:
        slots = asyncio.Semaphore(parallel)

        async def do(item: T) -> None:
            try:
                await task(item)
            finally:
                slots.release()

        try:
            async with contextlib.aclosing(items), asyncio.TaskGroup() as group:
                async for item in items:
                    await slots.acquire()
                    group.create_task(do(item))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def pause(self, seconds: float) -> None:
        await self.connection.pause(seconds)

"""How the synchronous client does what transfers need: it blocks, and has threads for what goes on
at the same time."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

import grpc
from google.protobuf.message import Message

from oaktreemodel._attempts import Attempts
from oaktreemodel._deadline import Deadline
from oaktreemodel._drive import Stopped, finish
from oaktreemodel._progress import OnProgress, Progress
from oaktreemodel._tokens import Metadata, renews

if TYPE_CHECKING:
    from oaktreemodel._sync import Collection, Connection

P = ParamSpec("P")
T = TypeVar("T")


class Talk:
    """A call that streams. gRPC reads what is to be sent in a thread of its own."""

    def __init__(
        self,
        connection: Connection,
        method: Any,
        request: Message,
        timeout: float | None,
        identity: Metadata | None,
    ) -> None:
        self.is_outlived = False
        self._connection = connection
        self._request = request
        self._handed: queue.SimpleQueue[Iterator[Message] | None] = queue.SimpleQueue()
        self._broken: BaseException | None = None
        deadline = Deadline(timeout)
        self._shown = connection.token(deadline)
        sent = request if identity is None else self._requests()
        with connection.alive():
            self._call = method(
                sent, timeout=deadline.left(), metadata=self._shown + (identity or ())
            )
        self._call.add_callback(lambda: self._handed.put(None))

    def send(self, messages: Iterator[Message], *, is_last: bool = False) -> None:
        self._handed.put(messages)
        if is_last:
            self._handed.put(None)

    async def receive(self) -> Any:
        try:
            with self._connection.alive():
                return next(self._call, None)
        except grpc.RpcError as error:
            if self._broken is not None:
                raise self._broken from None
            self.is_outlived = renews(self._connection.tokens, error, self._shown)
            raise self._connection.failure(error, self._request, self._shown) from error

    def cancel(self) -> None:
        self._call.cancel()

    def _requests(self) -> Iterator[Message]:
        while (messages := self._handed.get()) is not None:
            try:
                yield from messages
            except Exception as error:
                self._broken = error
                self._call.cancel()
                return


class Threads:
    """One transfer of the synchronous client."""

    def __init__(self, collection: Collection) -> None:
        self.stop = threading.Event()
        self.requests = collection
        self._collection = collection
        self._connection = collection._connection
        self._lock = threading.Lock()
        self._talks: set[Talk] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop.set()

    @property
    def channel(self) -> grpc.Channel:
        return self._connection.channel

    @property
    def is_secure(self) -> bool:
        return self._connection.endpoint.is_secure

    def check(self) -> None:
        if self.stop.is_set():
            raise Stopped
        # It raises once it is closed.
        _ = self._connection.channel

    async def token(self) -> str:
        return _token_in(self._connection.token(Deadline(None)))

    async def unary(self, method: Any, request: Message, timeout: float | None) -> Any:
        return self._collection._unary(method, request, timeout)

    async def listing(self, method: Any, request: Message) -> AsyncGenerator[Any, None]:
        with contextlib.closing(
            self._collection._stream(method, request, Attempts(None))
        ) as responses:
            for response in responses:
                yield response

    @contextlib.asynccontextmanager
    async def talk(
        self,
        method: Any,
        request: Message,
        timeout: float | None,
        identity: Metadata | None = None,
    ) -> AsyncGenerator[Talk, None]:
        talk = Talk(self._connection, method, request, timeout, identity)
        with self._lock:
            self._talks.add(talk)
        try:
            if self.stop.is_set():
                talk.cancel()
            yield talk
        finally:
            talk.cancel()
            with self._lock:
                self._talks.discard(talk)

    def source(self, source: Any) -> Any:
        return source

    def told(self, on_progress: OnProgress | None) -> OnProgress | None:
        if on_progress is None:
            return None
        lock = threading.Lock()

        def tell(progress: Progress) -> None:
            with lock:
                on_progress(progress)

        return tell

    async def work(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return function(*args, **kwargs)

    async def each(
        self, task: Callable[[T], Awaitable[None]], items: AsyncGenerator[T, None], parallel: int
    ) -> None:
        errors: list[BaseException] = []
        # Few wait for their turn: there may be any number.
        slots = threading.Semaphore(parallel * 2)

        async def do(item: T) -> None:
            await task(item)

        def done(future: Future[None]) -> None:
            if not future.cancelled() and (error := future.exception()) is not None:
                errors.append(error)
            slots.release()

        pool = ThreadPoolExecutor(parallel, "oaktree-transfer")
        try:
            async with contextlib.aclosing(items):
                async for item in items:
                    slots.acquire()
                    if errors:
                        break
                    pool.submit(lambda one: finish(do(one)), item).add_done_callback(done)
            for _ in range(parallel * 2):
                slots.acquire()
                if errors:
                    break
        except BaseException:
            self._end()
            raise
        finally:
            # What has begun may end: of a large object it need not be sent again.
            pool.shutdown(cancel_futures=True)
        if errors:
            raise errors[0]

    async def pause(self, seconds: float) -> None:
        self._connection.pause(seconds)

    def _end(self) -> None:
        """Ends what other threads are in."""
        self.stop.set()
        with self._lock:
            for talk in self._talks:
                talk.cancel()


def _token_in(metadata: Metadata) -> str:
    return dict(metadata).get("authorization", "").removeprefix("Bearer ")

"""What transfers need of a client, so that they are written once for both.

They are coroutines. The asyncio client awaits them; the synchronous one has a driver whose own
coroutines never wait for an event loop, but block, so that `finish` gets to the end in one step.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any, ParamSpec, Protocol, TypeVar

import grpc
from google.protobuf.message import Message

from oaktreemodel._deadline import Deadline
from oaktreemodel._progress import OnProgress
from oaktreemodel._request import Requests
from oaktreemodel._tokens import Metadata
from oaktreemodel.errors import DeadlineExceeded

P = ParamSpec("P")
T = TypeVar("T")
Q = TypeVar("Q", bound=Message)


class Stopped(Exception):
    """The transfer that this is a part of is over."""


class Talk(Protocol):
    """A call that streams, one way or both. It is cancelled when it is left."""

    @property
    def is_outlived(self) -> bool:
        """Whether it ended since its token was refused, and another may be had."""

    def send(self, messages: Iterator[Message], *, is_last: bool = False) -> None:
        """Sends these after what was to be sent before, as fast as the other side takes them; where
        they come from, a thread may wait. What they raise, `receive` raises."""

    async def receive(self) -> Any:
        """The next response; None at the end. Raises the error of the call."""


class Driver(Protocol):
    """One client's way to do what one transfer needs."""

    # Set when the transfer is over: what runs in threads then ends.
    stop: threading.Event

    @property
    def requests(self) -> Requests:
        """What makes requests of the scope."""

    @property
    def channel(self) -> Any:
        """For other calls than those of the collection."""

    @property
    def is_secure(self) -> bool:
        """Whether oaktree is asked by TLS."""

    def check(self) -> None:
        """Raises Stopped once the transfer is over, and Cancelled once the client is closed."""

    async def token(self) -> str:
        """What is shown to oaktree; empty for nothing."""

    async def unary(self, method: Any, request: Message, timeout: float | None) -> Any:
        """One call that answers once."""

    def listing(self, method: Any, request: Message) -> AsyncGenerator[Any, None]:
        """The responses of one call that lists."""

    def talk(
        self,
        method: Any,
        request: Message,
        timeout: float | None,
        identity: Metadata | None = None,
    ) -> AbstractAsyncContextManager[Talk]:
        """One call that streams: only its answer where there is no identity to send it with. It
        sends nothing by itself then."""

    def source(self, source: Any) -> Any:
        """What the caller wants to upload, as something that may be iterated over in a thread."""

    def told(self, on_progress: OnProgress | None) -> OnProgress | None:
        """A callback that any thread may call."""

    async def work(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function returns, which may take its time."""

    async def each(
        self, task: Callable[[T], Awaitable[None]], items: AsyncGenerator[T, None], parallel: int
    ) -> None:
        """Does the task for every item, so many at once. The first error ends it."""

    async def pause(self, seconds: float) -> None:
        """Waits."""


def looking(driver: Driver, deadline: Deadline) -> Callable[[], None]:
    """What raises as soon as a transfer has to end; for its threads."""

    def look() -> None:
        driver.check()
        if deadline.left() == 0:
            raise DeadlineExceeded(
                "the time for the call is over", code=grpc.StatusCode.DEADLINE_EXCEEDED
            )

    return look


def finish(steps: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns that never waits for an event loop."""
    try:
        steps.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    steps.close()
    raise RuntimeError("a blocking transfer waited for an event loop")


def iterate(items: AsyncGenerator[T, None]) -> Iterator[T]:
    """The items of a generator that never waits for an event loop."""

    async def following() -> T:
        return await anext(items)

    async def close() -> None:
        await items.aclose()

    try:
        while True:
            try:
                item = finish(following())
            except StopAsyncIteration:
                return
            yield item
    finally:
        finish(close())

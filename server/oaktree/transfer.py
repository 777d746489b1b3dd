"""The bytes of images and objects on their way through oaktree: between a client's stream and the
body of one HTTP request, a few chunks at a time.

The stream is read and written in the event loop, the body in a thread. Whichever is slower holds up
the other. What arrives is hashed on the way, and the last block of an upload is kept back until its
client has said what all should have been: that block is what makes a cloud keep the rest.
"""

from __future__ import annotations

import asyncio
import hashlib
import queue
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, TypeVar

import grpc
from oaktreemodel.v1.error_pb2 import Reason
from oaktreemodel.v1.transfer_pb2 import UploadContent, UploadFinish, UploadProgress

from oaktree import wire
from oaktree.errors import Refused, invalid
from oaktree.permit import Permit

T = TypeVar("T")
# Larger ones move no more bytes a second, and hold up others' calls for longer.
CHUNK_BYTES = 256 * 1024
# How many chunks wait between the two sides; with more it goes no faster.
AHEAD = 2
# How long nothing may come from a client before its upload is given up.
SILENCE_SECONDS = 120.0
# How many messages of an upload may be without bytes: each ends a silence, and says nothing.
EMPTY_MESSAGES = 100
# How often an upload tells how far it is.
TELLING_SECONDS = 0.2
# Of every Upload's response; the plugin's common-numbers.
_PROGRESS = 7
# The digests that clients tell, and how many hexadecimal digits they have.
_DIGESTS = {"sha256": 64, "md5": 32}


def bytes_differ(message: str) -> Refused:
    """What arrived is not what was sent."""
    return Refused(grpc.StatusCode.DATA_LOSS, Reason.REASON_BYTES_DIFFER, message)


def progress(sent_bytes: int, is_skipped: bool = False) -> bytes:
    """How far an upload is, as it stands in any Upload's response."""
    told = UploadProgress(sent_bytes=sent_bytes, is_skipped=is_skipped)
    return wire.field(_PROGRESS, told.SerializeToString())


def check_said(where: str, said: UploadContent | UploadFinish) -> None:
    """INVALID_ARGUMENT for a digest that is none: clouds are told some, in headers."""
    for name, digits in _DIGESTS.items():
        digest = getattr(said, name)
        if digest and not re.fullmatch(rf"[0-9a-fA-F]{{{digits}}}", digest):
            raise invalid(f"{where}.{name}", f"must be {digits} hexadecimal digits")


def check_digests(came: Mapping[str, str], finish: UploadFinish, content: UploadContent) -> None:
    """DATA_LOSS if what came, by its digests, is not what was said to come, at the end of the
    upload or before it. INVALID_ARGUMENT if the end does not say its SHA-256."""
    if not finish.sha256:
        raise invalid("finish.sha256", "is missing and is needed")
    for name, digest in came.items():
        for where, said in (("finish", finish), ("content", content)):
            told = getattr(said, name)
            if told and told.lower() != digest:
                raise bytes_differ(
                    f"what was sent has the {name} {digest}, and {where}.{name} is {told}; nothing "
                    "of it was kept"
                )


async def heard(coming: Awaitable[T], silence: float | None = SILENCE_SECONDS) -> T:
    """What comes from a client. DEADLINE_EXCEEDED if nothing does for so many seconds."""
    try:
        async with asyncio.timeout(silence):
            return await coming
    except TimeoutError:
        raise Refused(
            grpc.StatusCode.DEADLINE_EXCEEDED,
            Reason.REASON_DEADLINE_EXCEEDED,
            f"nothing came for {silence:.0f} seconds",
        ) from None


class Wish:
    """What the event loop waits for until a thread brings it about. The thread wakes the loop only
    if it waits, and not for every chunk."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Future[None] | None = None

    async def until(self, true: Callable[[], bool]) -> None:
        while not true():
            self._waiting = self._loop.create_future()
            # It may have come true before anybody could see that somebody waits.
            if not true():
                await self._waiting

    def look(self) -> None:
        """In the thread: it may be true now."""
        if self._waiting is not None:
            self._loop.call_soon_threadsafe(self.look_here)

    def look_here(self) -> None:
        """The same, in the event loop."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)


class Incoming:
    """The bytes of an upload: from the requests of its stream to the body of one HTTP request.

    It is that body, too: requests takes its length and iterates over it, in a thread. One of no
    bytes it would send without a length: iterate over it instead, and send nothing. The constructor
    raises INVALID_ARGUMENT if the request does not say how many bytes there are, or tells a digest
    that is none.
    """

    def __init__(self, first: Any, more: AsyncIterator[Any] | None) -> None:
        """`first` is the call's request, `more` the requests that follow."""
        content = first.content
        if not content.HasField("size_bytes"):
            raise invalid("content.size_bytes", "is missing and is needed")
        check_said("content", content)
        self.size: int = content.size_bytes
        self.content = content
        self.sha256 = hashlib.sha256()
        # None where the client tells it: it costs more than all the rest.
        told = content.md5 or content.promises_md5
        self._md5 = None if told else hashlib.md5(usedforsecurity=False)
        # How many bytes were handed to the cloud.
        self.taken = 0
        self._finish: Any = None
        self._received = 0
        # How many messages brought no bytes.
        self._empty = 0
        self._first: Any = first
        self._more = more
        self._early: list[bytes] = []
        self._permit = Permit()
        self._room = Wish()
        self._queue: queue.SimpleQueue[bytes | Exception | None] = queue.SimpleQueue()

    async def head(self, size: int, silence: float | None = SILENCE_SECONDS) -> bytes:
        """The first bytes, so many if there are so many; they are part of the body all the same.
        Empty if the upload ends without any, as one by a ticket does. Nothing may come for so many
        seconds; None: for as long as it takes."""
        size = min(size, self.size)
        while self._received < size and (chunk := await self._receive(silence)) is not None:
            if chunk:
                self._early.append(chunk)
        return b"".join(self._early)[:size]

    @property
    def finish(self) -> Any:
        """How the client ended it; None if it has not."""
        return self._finish

    async def _receive(self, silence: float | None = SILENCE_SECONDS) -> bytes | None:
        """The next bytes; None once the client has ended it."""
        if self._finish is not None:
            return None
        message, self._first = self._first, None
        if message is None:
            message = await self._next(silence)
        chunk: bytes = message.chunk
        self._received += len(chunk)
        if self._received > self.size:
            raise invalid("chunk", f"more bytes came than the {self.size} of content.size_bytes")
        if message.HasField("finish"):
            check_said("finish", message.finish)
            self._finish = message.finish
            return chunk or None
        self._empty += not chunk
        if self._empty > EMPTY_MESSAGES:
            raise invalid("chunk", f"is missing in more than {EMPTY_MESSAGES} messages")
        return chunk

    async def _next(self, silence: float | None) -> Any:
        message = None
        if self._more is not None:
            async with self._permit.one():
                message = await heard(anext(self._more, None), silence)
        if message is None:
            raise invalid("finish", "is missing: the stream ended before it said that all was sent")
        return message

    async def _pump(self) -> None:
        """Hands all that comes to the thread that reads the body."""
        try:
            early, self._early = self._early, []
            for chunk in early:
                self._queue.put(chunk)
            while (come := await self._receive()) is not None:
                if come:
                    await self._room.until(lambda: self._queue.qsize() < AHEAD)
                    self._queue.put(come)
            if self._received != self.size:
                raise invalid(
                    "content.size_bytes",
                    f"says {self.size}, and {self._received} bytes were sent",
                )
            self._queue.put(None)
        except Exception as error:
            self._queue.put(error)
        except asyncio.CancelledError:
            self._queue.put(Refused(grpc.StatusCode.CANCELLED, Reason.REASON_UNSPECIFIED, "left"))
            raise

    async def moved(self, work: Awaitable[T]) -> AsyncIterator[int | T]:
        """Does the work, which reads the body. Yields how many bytes it has read, now and then, and
        at last what it comes to."""
        pump = asyncio.create_task(self._pump())
        task = asyncio.ensure_future(work)
        try:
            told = 0
            while not task.done():
                await asyncio.wait((task,), timeout=TELLING_SECONDS)
                if not task.done() and self.taken != told:
                    told = self.taken
                    yield told
            yield task.result()
        finally:
            pump.cancel()
            task.cancel()

    # What follows runs in the thread.

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[bytes]:
        held = b""
        while (chunk := self._get()) is not None:
            self._room.look()
            self.sha256.update(chunk)
            if self._md5 is not None:
                self._md5.update(chunk)
            if held:
                yield held
                self.taken += len(held)
            held = chunk
        self.check()
        yield held
        self.taken += len(held)

    def _get(self) -> bytes | None:
        item = self._queue.get()
        if isinstance(item, Exception):
            raise item
        return item

    def check(self) -> None:
        """Whether what came is what was sent."""
        if self._finish.sha256 and not self.md5:
            raise invalid("finish.md5", "is missing, and content.promises_md5 says that it comes")
        came = {"sha256": self.sha256.hexdigest(), "md5": self.md5}
        check_digests(came, self._finish, self.content)

    @property
    def md5(self) -> str:
        """The MD5 of all bytes, in hex, once they have come: by the client's word where it gave
        one."""
        if self._md5 is not None:
            return self._md5.hexdigest()
        return str(self._finish.md5 or self.content.md5).lower()

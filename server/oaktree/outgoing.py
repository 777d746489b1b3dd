"""The bytes of a download on their way through oaktree: from the body of one HTTP answer, read in a
thread, to a client's stream, a few chunks at a time."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

import requests
from oaktreemodel.v1.transfer_pb2 import DownloadContent, DownloadFinish, DownloadPart

from oaktree import bodyheaders
from oaktree.permit import Permit
from oaktree.place import Place
from oaktree.transfer import AHEAD, CHUNK_BYTES, Wish, bytes_differ

# The digests that clouds keep of what they have: the cheapest first.
DIGESTS = ("sha256", "md5", "sha512")


class Outgoing:
    """The bytes of one HTTP answer, on their way to a client's stream. `async with` begins it, and
    cuts the connection if it is left before the end."""

    def __init__(
        self,
        place: Place,
        ask: Callable[[], requests.Response],
        describe: Callable[[requests.Response], DownloadContent],
        part: DownloadPart,
    ) -> None:
        """`ask` brings a response whose body has not been read. It runs in a thread, and so does
        `describe`, which says what the bytes are of and raises what is wrong with a response before
        any of them. `part` is what they are to be."""
        self.content = DownloadContent()
        self._place = place
        self._ask = ask
        self._describe = describe
        self._part = part
        # By their names.
        self._made: dict[str, Any] = {}
        # How many bytes have come.
        self._came = 0
        self._loop = asyncio.get_running_loop()
        self._head: asyncio.Future[requests.Response] = self._loop.create_future()
        self._queue: deque[bytes] = deque()
        self._arrival = Wish()
        self._slots = threading.Semaphore(AHEAD)
        self._permit = Permit()
        self._left = False
        self._task: asyncio.Future[None] | None = None

    async def __aenter__(self) -> requests.Response:
        """The response, of which only the head has come."""
        self._task = asyncio.ensure_future(self._place.carry(self._read))
        self._task.add_done_callback(lambda task: self._arrival.look_here())
        try:
            await asyncio.wait((self._task, self._head), return_when=asyncio.FIRST_COMPLETED)
            if not self._head.done():
                self._task.result()
        except BaseException:
            # Who has not come in is not led out.
            await self.__aexit__()
            raise
        return self._head.result()

    async def __aexit__(self, *exception: object) -> None:
        assert self._task is not None
        self._task.cancel()
        # A thread that waits to hand over more has to learn that nobody takes it.
        self._left = True
        self._slots.release()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes, each chunk in its turn among all transfers' once it is asked for. Raises what
        the reading of the body raised, once what came before it was taken, and DATA_LOSS at the end
        of what is not what it should be."""
        task = self._task
        assert task is not None
        while True:
            await self._arrival.until(lambda: bool(self._queue) or task.done())
            if not self._queue:
                task.result()
                return
            chunk = self._queue.popleft()
            self._slots.release()
            async with self._permit.one():
                yield chunk

    def finish(self) -> DownloadFinish:
        """What is to be said at the end."""
        made = self._made.get("sha256")
        return DownloadFinish(sha256="" if made is None else made.hexdigest())

    # What follows runs in the thread.

    def _read(self) -> None:
        response = self._ask()
        try:
            self.content = self._describe(response)
            self._begin()
            told = bodyheaders.length(response.headers)
            self._loop.call_soon_threadsafe(self._begun, response)
            while chunk := response.raw.read(CHUNK_BYTES, decode_content=False):
                self._came += len(chunk)
                for made in self._made.values():
                    made.update(chunk)
                self._slots.acquire()
                if self._left:
                    return
                self._queue.append(chunk)
                self._arrival.look()
            if told is not None and self._came != told:
                raise bytes_differ(f"the cloud sent {self._came} bytes of {told}")
            self._check()
        finally:
            response.close()

    def _begin(self) -> None:
        """Each digest costs more than all the rest: as few as tell whether all is right."""
        told = [name for name in DIGESTS if getattr(self.content, name)]
        if told and self._part.checks_content:
            return
        needed = ["sha256", *(told[:1] if self._is_whole() else ())]
        self._made = {name: hashlib.new(name, usedforsecurity=False) for name in needed}

    def _expected(self) -> int:
        rest = self.content.size_bytes - self._part.offset_bytes
        return min(self._part.length_bytes, rest) if self._part.HasField("length_bytes") else rest

    def _is_whole(self) -> bool:
        return self._expected() == self.content.size_bytes

    def _check(self) -> None:
        if self._came != self._expected():
            raise bytes_differ(f"the cloud sent {self._came} bytes of {self._expected()}")
        if not self._is_whole():
            return
        for name, made in self._made.items():
            said = getattr(self.content, name)
            if said and said != made.hexdigest():
                raise bytes_differ(
                    f"the bytes that the cloud sent have the {name} {made.hexdigest()}, and it "
                    f"says {said}"
                )

    def _begun(self, response: requests.Response) -> None:
        if not self._head.done():
            self._head.set_result(response)

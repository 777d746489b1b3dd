"""One upload: the bytes through oaktree, or past it with a ticket, and what was made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from oaktreemodel._deadline import Deadline
from oaktreemodel._digests import Digests, digests
from oaktreemodel._drive import Driver, Stopped, Talk, looking
from oaktreemodel._failures import TOKEN_REFUSED, ended
from oaktreemodel._patience import Patience
from oaktreemodel._progress import Count
from oaktreemodel._request import identify
from oaktreemodel._source import CHUNK_BYTES, Opened
from oaktreemodel._ticket import Broken, Unreachable, usable
from oaktreemodel._tokens import Metadata
from oaktreemodel.errors import OaktreeError, Unauthenticated, Unavailable
from oaktreemodel.v1.image_pb2 import ListImagesRequest, UploadImageRequest
from oaktreemodel.v1.image_pb2_grpc import ImageServiceStub
from oaktreemodel.v1.transfer_pb2 import Ticket, UploadFinish

HASHES = ("sha256", "md5")


@dataclass(frozen=True)
class Part:
    """Some of the bytes of a source, or all."""

    source: Opened
    offset: int
    size: int

    def chunks(self) -> Iterator[bytes]:
        """The bytes; raises Conflict at the end if the source has changed meanwhile."""
        yield from self.source.chunks(self.offset, self.size)
        self.source.check()

    def counted(self, count: Count, made: Digests | None = None) -> Iterator[bytes]:
        """The bytes, counted and hashed as they are sent."""
        for piece in self.chunks():
            if made is not None:
                made.update(piece)
            yield piece
            count.add(len(piece))


class _Again(Exception):
    """The way past oaktree broke, and all has to go through oaktree now."""


class Upload:
    """The call that uploads one part, made as often as it takes."""

    def __init__(self, driver: Driver, method: Any, request: Any, part: Part, count: Count) -> None:
        self._driver = driver
        self._method = method
        self._request = request
        self._part = part
        self._count = count
        self._talk: Talk | None = None
        fields = request.DESCRIPTOR.fields_by_name
        self._goes_direct = "accepts_ticket" in fields and part.size > CHUNK_BYTES

    async def run(self, timeout: float | None) -> Any:
        """The response that holds what was made."""
        patience, is_renewed = Patience(timeout), False
        identity = identify(self._request)
        await self._prepare()
        while True:
            try:
                return await self._try(identity, patience.deadline)
            except _Again:
                self._goes_direct = False
            except Unauthenticated as error:
                is_outlived = self._talk is not None and self._talk.is_outlived
                if error.reason != TOKEN_REFUSED or is_renewed or not is_outlived:
                    raise
                is_renewed = True
            except Unavailable as error:
                await self._driver.pause(patience.lost(error))
            # Who sends an id again is not new with it: what was made before is looked for.
            identity = ()
            self._count.reach(0)

    async def _prepare(self) -> None:
        content, part = self._request.content, self._part
        content.size_bytes = part.size
        if part.size <= CHUNK_BYTES or (
            not content.sha256 and await _may_be_there(self._driver, self._request)
        ):
            found = await self._driver.work(digests, part.chunks(), *HASHES)
            self._compare(found)
            content.sha256, content.md5 = found["sha256"], found["md5"]
        content.promises_md5 = not content.md5

    async def _try(self, identity: Metadata, deadline: Deadline) -> Any:
        request, kind = self._request, type(self._request)
        left = deadline.left()
        async with self._driver.talk(self._method, request, left, identity) as talk:
            self._talk = talk
            if self._part.size <= CHUNK_BYTES:
                first = kind()
                first.CopyFrom(request)
                first.chunk = b"".join(await self._driver.work(list, self._part.chunks()))
                first.finish.CopyFrom(self._finish(_hashes_of(request.content)))
                talk.send(iter((first,)), is_last=True)
                return await self._answer(talk)
            messages = self._messages()
            # With some bytes in it: they may say what they are, and so whether they are wanted.
            talk.send(iter((await self._driver.work(next, messages),)))
            if self._goes_direct:
                told = await talk.receive()
                if told is None:
                    raise ended("an upload without saying what was made")
                if told.progress.is_skipped or _result(told):
                    talk.send(iter(()), is_last=True)
                    return await self._answer(talk, told)
                if told.HasField("ticket"):
                    done = await self._put(told.ticket, deadline)
                    if done is not None:
                        talk.send(iter((kind(finish=done),)), is_last=True)
                        return await self._answer(talk)
            talk.send(messages, is_last=True)
            return await self._answer(talk)

    async def _answer(self, talk: Talk, told: Any = None) -> Any:
        result = None
        while told is not None or (told := await talk.receive()) is not None:
            if _result(told):
                result = told
            elif told.HasField("progress"):
                self._count.reach(told.progress.sent_bytes)
            told = None
        if result is None:
            raise ended("an upload without saying what was made")
        self._count.reach(self._part.size)
        return result

    async def _put(self, ticket: Ticket, deadline: Deadline) -> UploadFinish | None:
        """Sends the bytes straight to the cloud. None if they have to go through oaktree."""
        from oaktreemodel._direct import Body, Direct

        headers = usable(ticket, await self._driver.token(), self._driver.is_secure)
        if headers is None:
            return None

        look = looking(self._driver, deadline)

        def put() -> UploadFinish:
            with Digests(*HASHES) as made, Direct(look=look) as direct:
                body = Body(self._part.counted(self._count, made), self._driver.stop)
                direct.put(ticket, "", headers, self._part.size, body)
                return self._finish({name: made.hex(name) for name in HASHES})

        try:
            return await self._driver.work(put)
        except Unreachable:
            return None
        except Broken:
            # What the cloud does not want, oaktree can say why; and it clears up.
            raise _Again from None

    def _messages(self) -> Iterator[Any]:
        """All of them, the request first."""
        kind = type(self._request)
        message = kind()
        message.CopyFrom(self._request)
        if self._goes_direct:
            message.accepts_ticket = True
        with Digests(*HASHES) as made:
            for piece in self._part.chunks():
                if self._driver.stop.is_set():
                    raise Stopped
                made.update(piece)
                message.chunk = piece
                yield message
                message = kind()
            message.finish.CopyFrom(self._finish({name: made.hex(name) for name in HASHES}))
            yield message

    def _finish(self, found: dict[str, str]) -> UploadFinish:
        self._compare(found)
        return UploadFinish(**found)

    def _compare(self, found: dict[str, str]) -> None:
        """Raises ValueError if the bytes are not those that were promised."""
        content = self._request.content
        for name, value in found.items():
            promised = getattr(content, name)
            if promised and promised.lower() != value:
                raise ValueError(f"{name}: that of the bytes is {value}, and not {promised}")


def _result(response: Any) -> bool:
    """Whether it holds what was made."""
    return bool(response.HasField(response.DESCRIPTOR.fields_by_number[1].name))


def _hashes_of(content: Any) -> dict[str, str]:
    return {name: getattr(content, name).lower() for name in HASHES}


async def _may_be_there(driver: Driver, request: Any) -> bool:
    """Whether there is an image of the same name and size. Only then can it help to know the hash
    before the bytes are sent, for which they are read twice."""
    if not isinstance(request, UploadImageRequest) or request.allow_duplicates:
        return False
    listing = driver.requests._request(ListImagesRequest, where={"name": request.name})
    images = driver.listing(ImageServiceStub(driver.channel).ListImages, listing)
    try:
        async for response in images:
            for image in response.images:
                if image.size_bytes == request.content.size_bytes:
                    return True
    except OaktreeError:
        # The upload itself will tell.
        return False
    finally:
        await images.aclose()
    return False

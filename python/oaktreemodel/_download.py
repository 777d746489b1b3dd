"""One download: the bytes through oaktree, or past it with a ticket.

What broke off goes on where it was, and nothing counts as whole before its hash was looked at.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import Any

import grpc
from google.rpc.error_details_pb2 import ErrorInfo

from oaktreemodel._deadline import Deadline
from oaktreemodel._digests import Digests
from oaktreemodel._drive import Driver, Talk, looking
from oaktreemodel._failures import TOKEN_REFUSED, ended
from oaktreemodel._patience import Patience
from oaktreemodel._progress import Count, Meter, OnProgress
from oaktreemodel._signed import Signed
from oaktreemodel._target import Sink, open_target
from oaktreemodel._ticket import Broken, Unreachable, usable
from oaktreemodel.errors import DataLoss, Unauthenticated, Unavailable
from oaktreemodel.v1.transfer_pb2 import DownloadContent, DownloadPart, Ticket

# By which of the hashes that are told of the whole it is checked: the cheapest first.
HASHES = ("sha256", "sha512", "md5")
# From here on an object is worth a ticket of its own.
SIGN_FROM_BYTES = 32 * 1024 * 1024


async def download(
    driver: Driver,
    method: Any,
    request: Any,
    target: Any,
    on_progress: OnProgress | None,
    timeout: float | None,
) -> Any:
    """Downloads to a target. The response that says what the bytes are of."""
    meter = Meter(driver.told(on_progress), request.name_or_id)
    with await driver.work(open_target, target) as sink:
        one = Download(driver, method, request, sink, Count(meter), meter.expect)
        await one.save(timeout)
        await driver.work(sink.finish)
        return one.response


class Download:
    """The call that downloads, made as often as it takes."""

    def __init__(
        self,
        driver: Driver,
        method: Any,
        request: Any,
        sink: Sink | None = None,
        count: Count | None = None,
        on_size: Callable[[int], None] | None = None,
    ) -> None:
        self.response: Any = None
        self._driver = driver
        self._method = method
        self._request = request
        self._count = count
        self._on_size = on_size
        self._sink = sink
        self._talk: Talk | None = None
        self._content: DownloadContent | None = None
        self._came = 0
        # How often it was begun.
        self._times = 0
        # A part could not be compared with a hash of the whole.
        self._is_whole = request.part == DownloadPart()
        # Of all that came; None where the cloud does not say what it should be.
        self._whole: Digests | None = None
        self._goes_direct = self._is_whole
        self._has_tickets = "accepts_ticket" in request.DESCRIPTOR.fields_by_name

    async def save(self, timeout: float | None) -> None:
        """Hands all to the sink."""
        assert self._sink is not None
        async with aclosing(self.pieces(timeout)) as pieces:
            async for piece in pieces:
                await self._driver.work(self._sink.write, piece)
                if self._count is not None:
                    self._count.add(len(piece))

    async def pieces(self, timeout: float | None) -> AsyncGenerator[bytes, None]:
        """The bytes, as they come. Raises after the last if they are not what they should be."""
        patience, is_renewed = Patience(timeout), False
        try:
            while not self._has_all():
                self._times += 1
                self._goes_direct = self._goes_direct and self._times == 1
                try:
                    async with aclosing(self._try(patience.deadline)) as pieces:
                        async for piece in pieces:
                            self._came += len(piece)
                            if self._whole is not None:
                                self._whole.update(piece)
                            patience.heard()
                            is_renewed = False
                            yield piece
                    break
                except _Again:
                    pass
                except Unauthenticated as error:
                    is_outlived = self._talk is not None and self._talk.is_outlived
                    if error.reason != TOKEN_REFUSED or is_renewed or not is_outlived:
                        raise
                    is_renewed = True
                except Unavailable as error:
                    if self._came and not (self._content and self._content.etag):
                        # Without it, what follows may be of other bytes.
                        raise
                    await self._driver.pause(patience.lost(error))
            self._check()
        finally:
            if self._whole is not None:
                self._whole.close()

    async def _try(self, deadline: Deadline) -> AsyncGenerator[bytes, None]:
        request = self._rest()
        made = Digests("sha256")
        try:
            async with self._driver.talk(self._method, request, deadline.left()) as talk:
                self._talk = talk
                while (told := await talk.receive()) is not None:
                    if told.HasField("content"):
                        self._begin(told)
                        if self._goes_direct and (ticket := await self._ticket(told, deadline)):
                            break
                    if told.chunk:
                        if self._whole is None:
                            made.update(told.chunk)
                        yield told.chunk
                    if told.HasField("finish"):
                        if self._whole is None and told.finish.sha256 != made.hex("sha256"):
                            raise _differ("what arrived", made.hex("sha256"), told.finish.sha256)
                        return
                else:
                    raise ended("a download before its end")
            async with aclosing(self._get(ticket, deadline)) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            made.close()

    async def _ticket(self, told: Any, deadline: Deadline) -> Ticket | None:
        """How to fetch it straight from the cloud; None if it comes through oaktree."""
        if self._has_tickets:
            ticket: Ticket = told.ticket
            return ticket if told.HasField("ticket") else None
        if told.content.size_bytes < SIGN_FROM_BYTES or not self._hash():
            return None
        parent, name = self._request.parent, self._request.name_or_id
        signed = Signed(self._driver, parent, name, is_upload=False, deadline=deadline)
        return await signed.find()

    def _rest(self) -> Any:
        """The request for what has not come yet."""
        request = type(self._request)()
        request.CopyFrom(self._request)
        if self._goes_direct and self._has_tickets:
            request.accepts_ticket = True
        part = request.part
        # Who began without a digest has nothing to compare one with that is told later.
        is_checked = not self._came or self._whole is not None
        part.checks_content = self._is_whole and is_checked
        if self._came and self._content is not None:
            part.offset_bytes += self._came
            if part.HasField("length_bytes"):
                part.length_bytes -= self._came
            part.if_etag = self._content.etag
        return request

    def _begin(self, told: Any) -> None:
        if self._came:
            return
        # As long as nothing has come, it may be another by now than when it was begun before.
        before = self._size() or 0
        self.response, self._content = told, told.content
        if self._on_size is not None:
            self._on_size((self._size() or 0) - before)
        if self._whole is not None:
            self._whole.close()
        self._whole = Digests(self._hash()) if self._is_whole and self._hash() else None

    def _size(self) -> int | None:
        """How many bytes are to come; None if that is not known."""
        content, part = self._content, self._request.part
        if content is None or not content.HasField("size_bytes"):
            return None
        left = max(0, int(content.size_bytes) - int(part.offset_bytes))
        return min(left, int(part.length_bytes)) if part.HasField("length_bytes") else left

    def _hash(self) -> str:
        """The name of the hash to check the whole by; empty if none is told."""
        return next((one for one in HASHES if getattr(self._content, one)), "")

    def _has_all(self) -> bool:
        """Whether all has come, and its end was lost."""
        return self._times > 0 and self._came > 0 and self._came == self._size()

    def _check(self) -> None:
        """Raises DataLoss if the bytes are not what they should be."""
        size = self._size()
        if size is not None and size != self._came:
            raise _differ("what arrived", f"{self._came} bytes", f"{size} bytes")
        if self._whole is None:
            return
        name = self._hash()
        found, wanted = self._whole.hex(name), getattr(self._content, name).lower()
        if found != wanted:
            raise _differ(f"the {name} of all", found, wanted)

    async def _get(self, ticket: Ticket, deadline: Deadline) -> AsyncGenerator[bytes, None]:
        """The bytes straight from the cloud. Raises _Again if they have to come through oaktree."""
        from oaktreemodel._direct import Direct

        headers = usable(ticket, await self._driver.token(), self._driver.is_secure)
        if headers is None or not self._hash():
            raise _Again
        with Direct(look=looking(self._driver, deadline)) as direct:
            pieces = direct.get(ticket, self._request.name_or_id, headers)
            try:
                while (piece := await self._driver.work(next, pieces, None)) is not None:
                    yield piece
            except (Unreachable, Broken):
                raise _Again from None
            finally:
                # A thread that is still in it cannot be disturbed, but is about to notice.
                with suppress(ValueError):
                    pieces.close()


class _Again(Exception):
    """The way past oaktree broke, and what is left has to come through oaktree."""


def _differ(what: str, found: str, wanted: str) -> DataLoss:
    return DataLoss(
        f"{what} is {found}, and should be {wanted}; nothing of it is kept",
        code=grpc.StatusCode.DATA_LOSS,
        # As where oaktree finds it.
        details=(ErrorInfo(reason="BYTES_DIFFER", domain="oaktree"),),
    )

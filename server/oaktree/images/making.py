"""One image being made of bytes that come: its record, and how it ends.

What the image service holds of an upload becomes usable all at once. So an upload that fails at any
moment ends with its record deleted; and one that the cloud has all of is seen through, whether or
not its caller is still there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import grpc
from oaktreemodel.v1.common_pb2 import State
from oaktreemodel.v1.error_pb2 import Reason

from oaktree import faults
from oaktree.call import Call, counted
from oaktree.errors import Refused, failed, passing
from oaktree.images import digests, record, ways
from oaktree.images.offers import Offers
from oaktree.place import Place
from oaktree.reader import Found, Reader
from oaktree.row import Item
from oaktree.transfer import Incoming, bytes_differ
from oaktree.translate import translate

T = TypeVar("T")
LOG = logging.getLogger(__name__)
# How long the image service may take with what it has all of: to store it, and to import it.
STORING_SECONDS, IMPORTING_SECONDS = 30.0, 3600.0
# What cannot be deleted now is tried again so often, and for so long.
AGAIN_SECONDS, PATIENCE_SECONDS = 15.0, 900.0


class _UnderWay(dict[str, asyncio.Event]):
    """The uploads of a place that are under way, by request id: whoever comes again with one waits
    for the end of the earlier."""


@dataclass(frozen=True)
class Sent:
    """What was sent: its length and digests."""

    size: int
    sha256: str
    md5: str


class Making:
    """The making of one image. `begin` it, move the bytes, and `end` it; or `leave` it."""

    def __init__(
        self, call: Call, place: Place, reader: Reader, offered: Offers, disk_format: str
    ) -> None:
        self._call = call
        self._place = place
        self._reader = reader
        self._offered = offered
        self._disk_format = disk_format
        self._key = call.request.request_id.replace("-", "").lower()
        # Of the image, once there is one.
        self.identifier = ""
        self._beginning: asyncio.Future[Found | None] | None = None
        self._over = asyncio.Event()

    async def begin(self) -> Found | None:
        """Makes the record. Gives the image instead where an earlier call with the same request id
        has made it. ALREADY_EXISTS if that was of other bytes."""
        self._beginning = self._kept(self._begin())
        return await asyncio.shield(self._beginning)

    def leave(self) -> None:
        """Its caller has left before all had come."""
        self._kept(self._undo())

    async def end(self, sent: Sent | None, failure: Exception | None = None) -> Found:
        """The image, once it is good. `sent` is None if not all was sent, and then there is a
        failure; with one, it may have come all the same."""
        return await asyncio.shield(self._kept(self._end(sent, failure)))

    def _kept(self, work: Awaitable[T]) -> asyncio.Task[T]:
        return self._call.caller.once.keep(work)

    # How it begins.

    def _body(self) -> Item:
        request = self._call.request
        body = {**self._offered.without_agent, **record.new(request)}
        body["disk_format"] = self._disk_format
        body.setdefault(digests.OBJECT, f"{digests.CONTAINER}/{request.name}")
        # What fails could not be deleted.
        body.pop("protected", None)
        return body

    async def _begin(self) -> Found | None:
        if self._key:
            under_way = self._place.state(_UnderWay)
            while (other := under_way.get(self._key)) is not None:
                await other.wait()
            under_way[self._key] = self._over
        item = await self._open()
        if item is None:
            return None
        found = self._completed(item)
        self._let_others()
        return found

    async def _open(self) -> Item | None:
        """Makes the record; or gives what is complete already."""
        request, body = self._call.request, self._body()
        make = partial(record.begin, self._place, self._call.rpc.name, request, body)
        while True:
            item, is_new = await counted(self._place, lambda: self._place.run(None, make))
            if is_new:
                self.identifier = item["id"]
                return None
            if digests.SHA256 in item and item["status"] == "active":
                return item
            # What broke off, here or in an oaktree that has ended since.
            await self._place.run(None, record.delete, self._place, item["id"])

    def send(self, incoming: Incoming) -> None:
        """Sends the bytes to the cloud. Runs in a transfer's thread."""
        ways.WAYS[self._offered.way](self._place, self.identifier, incoming)

    def _completed(self, item: Item) -> Found:
        request = self._call.request
        if item.get("name") != request.name or not digests.may_be(item, request.content):
            raise Refused(
                grpc.StatusCode.ALREADY_EXISTS,
                Reason.REASON_REQUEST_ID_REUSED,
                f"request id {request.request_id} was used before for other bytes; make a new one",
            )
        return self._reader.encoder(self._place)(item)

    # How it ends.

    async def _end(self, sent: Sent | None, failure: Exception | None) -> Found:
        try:
            if sent is None or (failure is not None and not passing(translate(failure))):
                raise failure or AssertionError
            try:
                _compare(await self._stored(), sent)
            except Refused as lost:
                raise failure or lost from None
            found = await self._complete(sent)
        except Exception as error:
            refused = translate(error)
            raise _told(refused, await self._undo()) from error
        self._let_others()
        return found

    async def _stored(self) -> Any:
        """The image, once it is active."""
        poller = self._call.caller.pollers.of(self._place, self._reader)
        seconds = STORING_SECONDS if self._offered.way == "put" else IMPORTING_SECONDS
        try:
            async with asyncio.timeout(seconds), poller.wait(self.identifier) as queue:
                while True:
                    seen = await queue.get()
                    if isinstance(seen, Refused):
                        raise seen
                    if seen.found is None:
                        raise failed(
                            Reason.REASON_RESOURCE_FAILED, "the image was deleted meanwhile"
                        )
                    if await self._is_settled(seen.found):
                        return seen.found.message
        except TimeoutError:
            raise too_slow(seconds) from None

    async def _is_settled(self, found: Found) -> bool:
        image = found.message
        if found.state == State.STATE_READY:
            return True
        is_at_it = found.status == "saving" or ways.IMPORT_MARKS[0] in image.properties
        if is_at_it and found.state != State.STATE_FAILED:
            return False
        why = await faults.of(self._place, self._reader.row, found, None)
        raise failed(
            Reason.REASON_RESOURCE_FAILED,
            f"the image is {found.status}: {why or 'the cloud gives no reason'}",
        )

    async def _complete(self, sent: Sent) -> Found:
        """What marks it as good, and what could not be said of it before."""
        values = self._last() | digests.noted(sent.sha256, sent.md5)
        changes = record.set_all(values, record.BASE)
        item = await self._place.run(None, record.patch, self._place, self.identifier, changes)
        return self._reader.encoder(self._place)(item)

    def _last(self) -> Item:
        """What can be said of it only now."""
        return {"protected": True} if self._call.request.is_protected else {}

    async def _undo(self) -> str:
        """Deletes what there is of it. Gives what is left, in words."""
        try:
            if self._beginning is not None:
                await asyncio.wait((self._beginning,))
            if not self._is_begun:
                return ""
            try:
                await self._delete()
            except Refused as refused:
                what = f"the image {self.identifier}".rstrip()
                LOG.warning("%s on %s is left: %s", what, self._place, refused)
                if passing(refused):
                    self._call.caller.once.later(self._delete_later())
                return f"{what} could not be deleted: {refused.message}"
            return "nothing of it is left"
        finally:
            self._let_others()

    @property
    def _is_begun(self) -> bool:
        """Whether there is something to be deleted."""
        return bool(self.identifier)

    async def _delete(self) -> None:
        await self._place.run(None, record.delete, self._place, self.identifier)

    async def _delete_later(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                await asyncio.sleep(AGAIN_SECONDS)
                try:
                    await self._delete()
                    return
                except Refused as refused:
                    if not passing(refused):
                        return

    def _let_others(self) -> None:
        """It is over, and whoever comes again with the request id may begin."""
        under_way = self._place.state(_UnderWay)
        if under_way.get(self._key) is self._over:
            del under_way[self._key]
        self._over.set()
        self._call.caller.pollers.hurry(self._place)


def too_slow(seconds: float) -> Refused:
    return Refused(
        grpc.StatusCode.UNAVAILABLE,
        Reason.REASON_CLOUD_ERROR,
        f"the image service did not store the bytes within {seconds:.0f} seconds",
    )


def _compare(image: Any, sent: Sent) -> None:
    """DATA_LOSS if the image service says that it has other bytes than were sent."""
    if image.size_bytes != sent.size:
        raise bytes_differ(
            f"the cloud has {image.size_bytes} bytes of the {sent.size} that were sent"
        )
    if image.checksum and image.checksum.lower() != sent.md5:
        raise bytes_differ(
            f"the cloud has bytes with the MD5 {image.checksum}, and what was sent has {sent.md5}"
        )


def _told(refused: Refused, left: str) -> Refused:
    """A failed upload, with what is left of it. Nobody need look whether a cloud that broke off has
    made something: whoever tries again with the same request id begins anew."""
    if refused.code == grpc.StatusCode.UNKNOWN and (
        refused.reason == Reason.REASON_CLOUD_UNREACHABLE
    ):
        refused = replace(
            refused,
            code=grpc.StatusCode.UNAVAILABLE,
            message="the cloud broke off the upload",
        )
    return replace(refused, message=f"{refused.message}; {left}" if left else refused.message)

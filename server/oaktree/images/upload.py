"""An image made of bytes that a client sends."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from oaktree import validate, wire
from oaktree.call import Call, counted
from oaktree.errors import invalid
from oaktree.images import digests, offers, tickets
from oaktree.images.bytask import ByTask
from oaktree.images.formats import HEAD_BYTES, sniff
from oaktree.images.making import Making, Sent
from oaktree.place import Place
from oaktree.reader import Reader
from oaktree.transfer import Incoming, bytes_differ, progress

_TICKET = 6


async def upload(call: Call, reader: Reader) -> AsyncIterator[bytes]:
    """Progress, and the image at last. The first response comes before any bytes are waited for but
    those of the first request: that they are wanted, a ticket for them, or that they are there
    already."""
    request = call.request
    validate.need(request, "name")
    incoming = Incoming(request, call.more)
    digests.check(request.content)
    place = await call.place()
    offered = await place.run(call.reach, offers.read, place)
    if request.disk_format:
        offered.check_format(request.disk_format)
    if not request.allow_duplicates:
        same = await place.run(call.reach, digests.find, place, reader, request)
        if same is not None:
            yield progress(0, is_skipped=True)
            yield same.wire
            return
    is_told = not request.disk_format and len(request.chunk) < min(HEAD_BYTES, incoming.size)
    if is_told:
        yield progress(0)
    disk_format = request.disk_format or sniff(await incoming.head(HEAD_BYTES))
    offered.check_format(disk_format)
    make = ByTask if offered.way == "task" else Making
    making = make(call, place, reader, offered, disk_format)
    sent: Sent | None = None
    failure: Exception | None = None
    try:
        there = await making.begin()
        if there is not None:
            yield progress(0, is_skipped=True)
            yield there.wire
            return
        is_direct = not is_told and _could_be_direct(call, offered, incoming)
        if is_direct:
            yield await _ticket(call, place, making.identifier)
            is_direct = await _was_direct(request, incoming)
        elif not is_told:
            yield progress(0)
        if not is_direct:
            async with aclosing(_moved(place, making, incoming)) as moves:
                async for moved in moves:
                    yield moved
        sent = _sent(incoming, is_direct)
    except Exception as error:
        failure = error
        if incoming.taken == incoming.size:
            # An answer that was lost says nothing of whether the cloud has it all.
            sent = _sent(incoming, is_direct=False)
    except BaseException:
        making.leave()
        raise
    yield (await making.end(sent, failure)).wire


async def _moved(place: Place, making: Making, incoming: Incoming) -> AsyncGenerator[bytes, None]:
    """Sends the bytes on, and tells how far it is."""
    work = counted(place, lambda: place.carry(making.send, incoming))
    async with aclosing(incoming.moved(work)) as moves:  # type: ignore[type-var]
        async for moved in moves:
            if moved is not None:
                yield progress(moved)


def _could_be_direct(call: Call, offered: offers.Offers, incoming: Incoming) -> bool:
    request = call.request
    return (
        request.accepts_ticket
        and not request.HasField("finish")
        and len(request.chunk) < incoming.size
        and offered.way == "put"
        and tickets.may_be_given(call)
    )


async def _ticket(call: Call, place: Place, identifier: str) -> bytes:
    headers = {
        "Content-Type": "application/octet-stream",
        "x-openstack-image-size": str(call.request.content.size_bytes),
    }
    ticket = await place.run(None, tickets.write, call, place, "PUT", identifier, headers, 204)
    return wire.field(_TICKET, ticket.SerializeToString())


async def _was_direct(request: Any, incoming: Incoming) -> bool:
    """Whether the client has used its ticket: then it ends the upload, and no bytes come beyond
    those of its first request."""
    head = await incoming.head(len(request.chunk) + 1, silence=None)
    return incoming.finish is not None and len(head) == len(request.chunk)


def _sent(incoming: Incoming, is_direct: bool) -> Sent:
    """What was sent, by oaktree's own count; or, past it, by the client's."""
    finish, content = incoming.finish, incoming.content
    if not is_direct:
        return Sent(incoming.size, incoming.sha256.hexdigest(), incoming.md5)
    sha256, md5 = finish.sha256.lower(), (finish.md5 or content.md5).lower()
    for name, told in (("sha256", sha256), ("md5", md5)):
        if not told:
            raise invalid(f"finish.{name}", "is missing and is needed")
    for name, told, promised in (("SHA-256", sha256, content.sha256), ("MD5", md5, content.md5)):
        if promised and promised.lower() != told:
            raise bytes_differ(f"what was sent has the {name} {told}, and not {promised}")
    return Sent(incoming.size, sha256, md5)

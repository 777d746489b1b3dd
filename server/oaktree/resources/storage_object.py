"""Objects of object storage: listed, told, changed, deleted, copied. Their bytes are in
`oaktree.storage`."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from openstack import exceptions

from oaktree import (
    objectcopy,
    objectdelete,
    objectlist,
    objectmany,
    objects,
    swift,
    swiftmeta,
    validate,
    wire,
)
from oaktree.call import Call
from oaktree.errors import invalid, not_found
from oaktree.objects import EXPIRES, check_future, named
from oaktree.place import Place
from oaktree.reader import SLICE, Others
from oaktree.swift import Item
from oaktree.swiftmeta import OBJECT
from oaktree.swiftnames import check_container, check_prefix, check_text
from oaktree.verbs import over_places


async def list_all(call: Call, reader: None) -> AsyncIterator[bytes]:
    """Every place's objects as its pages arrive."""
    request = call.request
    validate.need(request, "parent")
    check_prefix(request.prefix)
    for field in ("after", "delimiter"):
        check_text(getattr(request, field), field)
    left = _Left(request.limit)

    async def one(place: Place) -> AsyncIterator[bytes]:
        pages = await place.run(call.reach, _pages, place, request)
        while left.any:
            asked = time.time()
            frames = await place.run(call.reach, _next, place, request, pages)
            if frames is None:
                return
            for batch in wire.batches(left.take(frames), wire.as_of(asked)):
                yield batch

    async for response in over_places(call, one):
        yield response


class _Left:
    """How many objects are still to be given, of all places together."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._given = 0

    @property
    def any(self) -> bool:
        return not self._limit or self._given < self._limit

    def take(self, frames: list[bytes]) -> list[bytes]:
        if self._limit:
            frames = frames[: self._limit - self._given]
        self._given += len(frames)
        return frames


def _pages(place: Place, request: Any) -> Iterator[list[Item]]:
    container = check_container(request.parent, swift.info(place))
    return objectlist.pages(
        place,
        container,
        after=request.after,
        prefix=request.prefix,
        delimiter=request.delimiter,
        limit=request.limit,
    )


def _next(place: Place, request: Any, pages: Iterator[list[Item]]) -> list[bytes] | None:
    """The next page, as it stands in responses; None after the last."""
    try:
        page = next(pages, None)
    except exceptions.NotFoundException as error:
        raise not_found("storage container", request.parent) from error
    if page is None:
        return None
    encode, began = objects.from_list(place, request.parent, swift.info(place)), time.monotonic()
    frames: list[bytes] = []
    for item in page:
        frames.append(wire.frame(encode(item).SerializeToString()))
        if len(frames) % (SLICE * 10) == 0:
            Others.make_room(began)
    return frames


async def get(call: Call, reader: None) -> bytes:
    request, place, asked = call.request, await call.place(), time.time()
    validate.need(request, "parent")
    return await place.run(call.reach, _told, place, request) + wire.as_of(asked)


def _told(place: Place, request: Any) -> bytes:
    container, name = named(place, request)
    return _framed(place, container, name)


def _framed(place: Place, container: str, name: str) -> bytes:
    headers = objects.need(place, container, name)
    return wire.frame(objects.message(place, container, name, headers).SerializeToString())


def _changing(what: Callable[[Place, Any], bytes]) -> Any:
    """A handler of what changes one object, in one go."""

    async def handle(call: Call, reader: None) -> bytes:
        place = await call.place()

        async def work() -> bytes:
            return await place.run(None, what, place, call.request)

        return await call.change(place, work)

    return handle


def _update(place: Place, request: Any) -> bytes:
    container, name = named(place, request)
    info = swift.info(place)
    if request.HasField("expires_at"):
        if request.never_expires:
            raise invalid("never_expires", "excludes expires_at")
        check_future(request.expires_at)
    kind = swiftmeta.check_value("content_type", request.content_type)
    if request.HasField("content_type") and not kind:
        raise invalid("content_type", "is empty: an object is of some kind")
    # For what is wrong with the change before anything is asked.
    swiftmeta.changed(OBJECT, {}, request.metadata, info)
    present = objects.need(place, container, name)
    headers = objects.noted_again(present)
    headers |= swiftmeta.changed(OBJECT, present, request.metadata, info)
    if kind:
        headers["Content-Type"] = kind.encode()
    if request.HasField("expires_at"):
        headers[EXPIRES] = objects.as_header(request.expires_at)
    elif EXPIRES in present and not request.never_expires:
        headers[EXPIRES] = present[EXPIRES]
    try:
        swift.ask(place, "POST", container, name, headers=headers)
    except exceptions.NotFoundException as error:
        raise not_found("storage object", name) from error
    return _framed(place, container, name)


def _delete(place: Place, request: Any) -> bytes:
    container, name = named(place, request)
    if not objectdelete.one(place, container, name):
        raise not_found("storage object", name)
    return b""


SPECIALS = {
    "ListStorageObjects": list_all,
    "GetStorageObject": get,
    "UpdateStorageObject": _changing(_update),
    "DeleteStorageObject": _changing(_delete),
    "CopyStorageObject": objectcopy.copy,
    "DeleteManyStorageObjects": objectmany.delete_many,
}

"""Many objects of a container deleted: some by their names, or all whose names begin alike.

What Swift's lists know to be in one piece goes by a few large requests, where the cloud takes them.
All else, and what did not go so, is deleted one by one: only then is it known of each how it went.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from oaktreemodel.v1.error_pb2 import Failure
from oaktreemodel.v1.storage_object_pb2 import DeleteManyStorageObjectsResponse, StorageObject
from openstack import exceptions

from oaktree import objectdelete, objectlist, objects, swift, wire
from oaktree.call import Call
from oaktree.errors import Refused, invalid, not_found
from oaktree.place import Place
from oaktree.swift import Info, Item
from oaktree.swiftnames import OWN, check_container, check_object, check_prefix
from oaktree.validate import need

MOST_NAMES = 10_000
# How many are named in one request, and how many requests are sent at a time: a cloud deletes what
# one request names one after the other, and more would leave no threads to other calls.
_GROUP = 500
_AT_ONCE = 4
# As much is told as one message may hold.
_TOLD_BYTES, _TOLD, _TOLD_FAILURES = 2 << 20, 10_000, 100
# By their names; None where no list tells of one.
Batch: TypeAlias = dict[str, Item | None]


async def delete_many(call: Call, reader: None) -> bytes:
    request, place = call.request, await call.place()
    await place.run(call.reach, _check, place, request)
    if request.dry_run:
        told = _Told(place)
        batches = _batches(place, request)
        while batch := await place.run(call.reach, next, batches, None):
            told.gone(item for item in batch.values() if item is not None)
        return told.response()

    async def work() -> bytes:
        return await _Deleting(place, request).all()

    return await call.change(place, work)


def _check(place: Place, request: Any) -> None:
    need(request, "parent")
    info = swift.info(place)
    check_container(request.parent, info)
    given = [field for field in ("names", "prefix", "everything") if getattr(request, field)]
    if not given:
        raise invalid(
            "names", "are missing, and so are a prefix and everything: say which to delete"
        )
    if len(given) > 1:
        raise invalid(given[1], f"excludes {given[0]}")
    if len(request.names) > MOST_NAMES:
        raise invalid("names", f"are {len(request.names)}; send {MOST_NAMES} at most at a time")
    for index, name in enumerate(request.names):
        check_object(name, info, f"names[{index}]")
    check_prefix(request.prefix)


# Which there are. It runs in threads.


def _batches(place: Place, request: Any) -> Iterator[Batch]:
    try:
        if request.names:
            yield from objectlist.named(place, request.parent, sorted(set(request.names)))
        else:
            for page in objectlist.pages(place, request.parent, prefix=request.prefix):
                yield _by_name(page)
    except exceptions.NotFoundException as error:
        raise not_found("storage container", request.parent) from error


def _by_name(page: list[Item]) -> Batch:
    return {swift.name_of(item): item for item in page}


# Deleting.


class _Deleting:
    def __init__(self, place: Place, request: Any) -> None:
        self._place = place
        self._request = request
        self._container: str = request.parent
        self._told = _Told(place)
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._may_group = 0
        self._tells = False

    async def all(self) -> bytes:
        info: Info = await self._place.run(None, swift.info, self._place)
        self._may_group = min(info.max_bulk_deletes, _GROUP)
        self._tells = objects.lists_segmented(info)
        await self._each(_batches(self._place, self._request), self._told)
        if self._request.everything and not self._told.failures:
            # What is left of uploads; nothing is told of it.
            rest = swift.pages(self._place, self._container, prefix=OWN)
            await self._each(map(_by_name, rest), None)
        return self._told.response()

    async def _each(self, batches: Iterator[Batch], told: _Told | None) -> None:
        while batch := await self._place.run(None, next, batches, None):
            if not await self._batch(batch, told):
                # It would go on like that.
                return

    async def _batch(self, batch: Batch, told: _Told | None) -> bool:
        """Whether any of it is gone, or nothing failed."""
        whole: list[str] = []
        single: list[str] = []
        for name, item in batch.items():
            (whole if self._is_whole(name, item) else single).append(name)
        step = self._may_group or 1
        groups = [whole[at : at + step] for at in range(0, len(whole), step)]
        failed: dict[str, Refused] = {}
        gone = set(batch)
        for left in await asyncio.gather(*map(self._group, groups)):
            single += left
        for name, result in zip(single, await asyncio.gather(*map(self._one, single)), strict=True):
            if isinstance(result, Refused):
                failed[name] = result
            if isinstance(result, Refused) or not (result or batch[name]):
                gone.discard(name)
        if told is not None:
            told.gone(batch[name] or {"name": name} for name in batch if name in gone)
            told.failed(failed)
        elif failed:
            self._told.failed(failed)
        return bool(gone) or not failed

    def _is_whole(self, name: str, item: Item | None) -> bool:
        known = self._tells and item is not None and not item.get("slo_etag")
        return bool(self._may_group and known) and objectdelete.fits(self._container, name)

    async def _group(self, names: list[str]) -> list[str]:
        """Those that are still to be deleted one by one."""
        async with self._slots:
            try:
                return await self._place.run(
                    None, objectdelete.group, self._place, self._container, names
                )
            except Refused:
                # How it went is to be found out of each.
                return names

    async def _one(self, name: str) -> bool | Refused:
        async with self._slots:
            try:
                return await self._place.run(
                    None, objectdelete.one, self._place, self._container, name
                )
            except Refused as refused:
                return refused


class _Told:
    """The answer, as far as it is known."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._frames: list[bytes] = []
        self._size = 0
        self._count = 0
        self.failures = 0
        self._failures: list[Failure] = []

    def gone(self, items: Iterable[Item]) -> None:
        for item in items:
            self._count += 1
            if self._size < _TOLD_BYTES and len(self._frames) < _TOLD:
                name = swift.name_of(item)
                made = StorageObject(id=name, name=name, size_bytes=item.get("bytes"))
                self._frames.append(wire.frame(made.SerializeToString()))
                self._size += len(self._frames[-1])

    def failed(self, failures: dict[str, Refused]) -> None:
        self.failures += len(failures)
        for name, refused in failures.items():
            if len(self._failures) < _TOLD_FAILURES:
                refused = Refused(
                    refused.code,
                    refused.reason,
                    f"{name!r}: {refused.message}",
                    refused.metadata,
                    refused.details,
                )
                told = Failure(location=self._place.location(), status=refused.status())
                self._failures.append(told)

    def response(self) -> bytes:
        rest = DeleteManyStorageObjectsResponse(
            failures=self._failures, object_count=self._count, failure_count=self.failures
        )
        return b"".join(self._frames) + rest.SerializeToString()

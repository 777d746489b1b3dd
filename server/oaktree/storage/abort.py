"""Deleting what is left of uploads in segments that were broken off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from oaktreemodel.v1.storage_object_pb2 import (
    AbortStorageObjectUploadsRequest,
    AbortStorageObjectUploadsResponse,
)
from openstack import exceptions

from oaktree import objectlist, swift, swiftnames
from oaktree.call import Call
from oaktree.errors import not_found
from oaktree.place import Place
from oaktree.storage import clearing, manifest, resume, segments
from oaktree.storage.segments import Left


async def abort(call: Call, reader: Any) -> bytes:
    place, request = await call.place(), call.request

    async def work() -> bytes:
        return await place.run(None, _abort, place, request)

    return await call.change(place, work)


def _abort(place: Place, request: AbortStorageObjectUploadsRequest) -> bytes:
    info = swift.info(place)
    container = swiftnames.check_container(request.parent, info)
    prefix = segments.PREFIX
    if request.name:
        prefix = segments.home(swiftnames.check_object(request.name, info, "name"))
    try:
        lefts = resume.left(place, container, prefix)
    except exceptions.NotFoundException as error:
        raise not_found("storage container", container) from error
    if request.HasField("untouched_for"):
        lefts = [one for one in lefts if _age(one) >= request.untouched_for.ToTimedelta()]
    found = [part for one in lefts for part in one.segments.values()]
    if found:
        # After them, so that what was committed meanwhile is seen.
        used = _used(place, container, {one.upload.home for one in lefts})
        found = [part for part in found if part.name not in used]
    if not request.dry_run:
        clearing.delete(place, container, [part.name for part in found])
    return AbortStorageObjectUploadsResponse(
        segment_count=len(found), segments_size_bytes=sum(part.size for part in found)
    ).SerializeToString()


def _age(left: Left) -> timedelta:
    return datetime.now(UTC) - left.touched


def _used(place: Place, container: str, homes: set[str]) -> set[str]:
    """The names of the segments that objects of the container are made of: of those whose uploads
    these are and, since whoever copies a manifest makes two of the same segments, of all others in
    segments that the list tells of."""
    used: set[str] = set()
    for page in objectlist.pages(place, container):
        for row in page:
            if row.get("slo_etag") or segments.home(row["name"]) in homes:
                used |= manifest.names(place, container, row["name"])
    return used

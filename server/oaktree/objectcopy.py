"""Objects copied by the cloud itself.

A copy has bytes of its own: of an object in segments each segment is copied, since the original's
go with the original. What is made of segments in some other way than oaktree's is copied into one
piece, as Swift does where nobody asks for more.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Mapping
from typing import TypeAlias

import grpc
import orjson
from oaktreemodel.v1.error_pb2 import Reason
from oaktreemodel.v1.storage_object_pb2 import (
    CommitStorageObjectRequest,
    CommittedSegment,
    CopyStorageObjectRequest,
)
from openstack import exceptions

from oaktree import objects, swift, swiftmeta, wire
from oaktree.call import Call
from oaktree.errors import Refused, failed, invalid, not_found, not_offered
from oaktree.objects import EXPIRES, check_future, named
from oaktree.place import Place
from oaktree.storage import clearing, commit, manifest, segments
from oaktree.storage.headers import REQUEST, seconds
from oaktree.storage.segments import Upload
from oaktree.swift import Item
from oaktree.swiftmeta import MODIFIED, OBJECT, SHA256
from oaktree.swiftnames import check_container, check_object, is_own

LOG = logging.getLogger(__name__)
# How many segments are copied at a time: more would leave no threads to other calls.
_AT_ONCE = 4
# How often it is copied anew when the original is written over meanwhile.
_TRIES = 3
# A container, and a name in it.
Path: TypeAlias = tuple[str, str]


async def copy(call: Call, reader: None) -> bytes:
    place, request = await call.place(), call.request

    async def work() -> bytes:
        copying = await place.run(None, _Copy, place, request)
        return await copying.made()

    return await call.change(place, work)


class _Copy:
    """One copy. What the request does not say of it is as the original's, but that it is never
    deleted. All but `made` runs in threads."""

    def __init__(self, place: Place, request: CopyStorageObjectRequest) -> None:
        info = swift.info(place)
        self._place, self._request, self._info = place, request, info
        self._source = container, name = named(place, request)
        self._target = request.to_parent or container, request.to_name or name
        check_container(self._target[0], info, "to_parent")
        check_object(self._target[1], info, "to_name")
        if self._target == self._source:
            raise invalid("to_name", "is the object itself; Update changes what is noted on it")
        if request.HasField("expires_at"):
            check_future(request.expires_at)
        self._noted = swiftmeta.headers(OBJECT, request.metadata, info)
        self._there = objects.need(place, *self._source)
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._has_failed = False

    @property
    def _size(self) -> int:
        return int(self._there.get("Content-Length", 0))

    @property
    def _etag(self) -> str:
        return self._there.get("Etag", "").strip('"')

    async def made(self) -> bytes:
        run = self._place.run
        if await run(None, self._is_made):
            return await run(None, self._told)
        parts = await run(None, self._parts)
        if not parts:
            await run(None, self._whole)
            return await run(None, self._told)
        upload = Upload(
            segments.home(self._target[1]), str(uuid.uuid4()), self._size, int(parts[0]["bytes"])
        )
        copies = (self._part(str(part["name"]), upload, at) for at, part in enumerate(parts))
        try:
            for result in await asyncio.gather(*copies, return_exceptions=True):
                if isinstance(result, BaseException):
                    raise result
            return await run(None, self._committed, parts, upload)
        except Refused:
            await run(None, self._clear, [upload.name(index) for index in range(len(parts))])
            raise

    def _is_made(self) -> bool:
        """Whether this request made the copy when it came before. ALREADY_EXISTS if there is to be
        no other object, and is."""
        # Swift ignores the condition on a copy.
        there = objects.head(self._place, *self._target) if self._request.only_if_absent else None
        if there is None:
            return False
        identifier = self._request.request_id
        if identifier and there.get(REQUEST) == identifier:
            return True
        raise Refused(
            grpc.StatusCode.ALREADY_EXISTS,
            Reason.REASON_ALREADY_EXISTS,
            f"there is a storage object {self._target[1]!r} already",
        )

    def _is_changed(self) -> bool:
        """Whether the original is another, or gone, since it was looked at last."""
        there = objects.head(self._place, *self._source)
        if there is None:
            return True
        former, self._there = self._there, there
        return any(former.get(key) != there.get(key) for key in ("Etag", "X-Timestamp"))

    def _told(self) -> bytes:
        there = objects.need(self._place, *self._target)
        made = objects.message(self._place, *self._target, there)
        return wire.frame(made.SerializeToString())

    # In one piece.

    def _whole(self) -> None:
        # What the copy takes the place of was made of these.
        former = [name for name in manifest.names(self._place, *self._target) if is_own(name)]
        for _ in range(_TRIES):
            headers = self._headers()
            etag = self._copied(headers)
            # What was in segments has another etag in one piece, and may be the same.
            if SHA256 not in headers or etag == self._etag or not self._is_changed():
                break
            # Of other bytes than were copied; whole downloads would all fail.
            del headers[SHA256]
            swift.ask(self._place, "POST", *self._target, headers=headers)
        self._clear(former)

    def _copied(self, headers: Mapping[str, str | bytes]) -> str:
        """Copies it; the etag of what was made."""
        most = self._info.max_object_bytes
        if self._size > most:
            raise not_offered(
                f"it has more than the {most} bytes that this cloud copies: download and upload it"
            )
        # All that is to be noted is said here: else the cloud would also copy when it is to end.
        fresh = {"X-Fresh-Metadata": "true", "X-Copy-From": swift.path(*self._source)}
        try:
            answer = swift.ask(
                self._place, "PUT", *self._target, headers={**headers, **fresh}, body=b""
            )
        except exceptions.NotFoundException as error:
            objects.need(self._place, *self._source)
            raise not_found("storage container", self._target[0]) from error
        return answer.headers.get("Etag", "").strip('"')

    def _headers(self) -> dict[str, str | bytes]:
        """All that is said of the copy."""
        request, there = self._request, self._there
        kept = {*objects.SAID_AGAIN, MODIFIED, SHA256} - {objects.DYNAMIC}
        again = objects.noted_again(there)
        found = {name: value for name, value in again.items() if name in kept}
        found["Content-Type"] = there.get("Content-Type", "").encode("latin-1", "replace")
        if request.metadata:
            found |= self._noted
        else:
            found |= swiftmeta.raw(OBJECT, there, others=False)
        if request.HasField("modified_at"):
            found[MODIFIED] = seconds(request.modified_at)
        if request.HasField("expires_at"):
            found[EXPIRES] = objects.as_header(request.expires_at)
        if request.only_if_absent and request.request_id:
            found[REQUEST] = request.request_id
        return found

    # In segments.

    def _parts(self) -> list[Item]:
        """The original's segments; none if it is to be copied in one piece."""
        if not objects.is_static(self._there):
            return []
        query = {"multipart-manifest": "get"}
        parts: list[Item] = orjson.loads(
            swift.ask(self._place, "GET", *self._source, query=query).content
        )
        plain = all(
            isinstance(part, dict)
            and {"name", "bytes", "hash"} <= part.keys()
            and not {"range", "sub_slo"} & part.keys()
            for part in parts
        )
        if not plain or len(parts) > self._info.max_segments:
            return []
        # As oaktree makes them.
        sizes = [int(part["bytes"]) for part in parts]
        alike = all(size == sizes[0] for size in sizes[:-1]) and 0 < sizes[-1] <= sizes[0]
        if not alike or sum(sizes) != self._size:
            return []
        if segments.etag(part["hash"] for part in parts) != self._etag and self._is_changed():
            raise failed(Reason.REASON_CONFLICT, "the original was written over just now")
        return parts

    async def _part(self, path: str, upload: Upload, index: int) -> None:
        async with self._slots:
            if self._has_failed:
                return
            try:
                await self._place.run(None, self._copy_part, path, upload.name(index))
            except Refused:
                self._has_failed = True
                raise

    def _copy_part(self, path: str, name: str) -> None:
        source = path.removeprefix("/").partition("/")
        headers = {"X-Copy-From": swift.path(source[0], source[2]), "X-Fresh-Metadata": "true"}
        try:
            swift.ask(self._place, "PUT", self._target[0], name, headers=headers, body=b"")
        except exceptions.NotFoundException as error:
            if objects.head(self._place, source[0], source[2]) is not None:
                raise not_found("storage container", self._target[0]) from error
            message = f"its segment {path} is gone: it was changed just now, or is broken"
            raise failed(Reason.REASON_CONFLICT, message) from error

    def _committed(self, parts: list[Item], upload: Upload) -> bytes:
        request = self._request
        made = CommitStorageObjectRequest(
            request_id=request.request_id,
            parent=self._target[0],
            name=self._target[1],
            only_if_absent=request.only_if_absent,
            upload_id=upload.id,
            segment_size_bytes=upload.segment_size,
            segments=[
                CommittedSegment(md5=part["hash"], size_bytes=part["bytes"]) for part in parts
            ],
        )
        return commit.made(self._place, made, self._headers())

    def _clear(self, names: list[str]) -> None:
        try:
            clearing.delete(self._place, self._target[0], names)
        except exceptions.SDKException:
            # What is left over, an abort of its uploads deletes.
            LOG.warning("segments of %s may be left", self._target[1], exc_info=True)

"""Large objects, uploaded in segments that travel side by side. An upload that broke off goes on
when it is called again: the segments that are there are not sent twice."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Any, TypeVar

import grpc

from oaktreemodel._deadline import Deadline
from oaktreemodel._digests import Digests, digests
from oaktreemodel._drive import Driver, looking
from oaktreemodel._progress import Count, Meter, OnProgress
from oaktreemodel._signed import Signed
from oaktreemodel._source import Opened, open_source
from oaktreemodel._ticket import Broken
from oaktreemodel._upload import Part, Upload
from oaktreemodel.errors import AlreadyExists
from oaktreemodel.v1.storage_object_pb2 import (
    CommitStorageObjectRequest,
    CommitStorageObjectResponse,
    CommittedSegment,
    GetStorageObjectRequest,
    PlannedSegment,
    PlanStorageObjectUploadsRequest,
    UpdateStorageObjectRequest,
    UploadAction,
    UploadEntry,
    UploadSegment,
    UploadStep,
    UploadStorageObjectRequest,
)
from oaktreemodel.v1.storage_object_pb2_grpc import StorageObjectServiceStub
from oaktreemodel.v1.transfer_pb2 import Ticket

T = TypeVar("T")

# From here on oaktree is asked whether an object had better go in segments.
ASK_FROM_BYTES = 32 * 1024 * 1024
PARALLEL = 4
# Seconds. A cloud looks at every segment before it makes an object of them.
COMMIT_TIMEOUT = 600.0
PLAN_TIMEOUT = 300.0


async def upload(
    driver: Driver,
    method: Any,
    request: Any,
    source: Any,
    on_progress: OnProgress | None,
    timeout: float | None,
) -> Any:
    """Uploads all of a source. The response that holds what was made."""
    opened: Opened = await driver.work(open_source, driver.source(source))
    try:
        content = request.content
        if content.HasField("size_bytes") and content.size_bytes != opened.size:
            raise ValueError(f"size_bytes: there are {opened.size}, not {content.size_bytes}")
        meter = Meter(driver.told(on_progress), opened.name or request.name)
        meter.expect(opened.size)
        if isinstance(request, UploadStorageObjectRequest) and not request.HasField("segment"):
            if opened.modified_at is not None and not request.HasField("modified_at"):
                request.modified_at.FromNanoseconds(opened.modified_at)
            step = await _plan(driver, request, opened)
            if step is not None:
                return await Segments(driver, request, opened, step, meter).upload(timeout)
        part = Part(opened, 0, opened.size)
        return await Upload(driver, method, request, part, Count(meter)).run(timeout)
    finally:
        opened.close()


async def _plan(
    driver: Driver, request: UploadStorageObjectRequest, opened: Opened
) -> UploadStep | None:
    """How to upload it in segments; None if it goes in one piece."""
    folder, slash, path = request.name.rpartition("/")
    # A path holds no such step, as a name may.
    if opened.size < ASK_FROM_BYTES or path in ("", ".", ".."):
        return None
    planned = PlanStorageObjectUploadsRequest(parent=request.parent, prefix=folder + slash)
    planned.location.CopyFrom(request.location)
    step = await ask_again(driver, planned, path, opened)
    return step if step.segments or step.action == UploadAction.UPLOAD_ACTION_SKIP else None


async def ask_again(
    driver: Driver,
    request: PlanStorageObjectUploadsRequest,
    path: str,
    opened: Opened,
    step: UploadStep | None = None,
) -> UploadStep:
    """What is to be done with one file, once the checksums are told that are asked for. `step` is
    the answer that there is already."""
    plan = StorageObjectServiceStub(driver.channel).PlanStorageObjectUploads
    entry = UploadEntry(path=path, size_bytes=opened.size)
    # Once for the whole, and once for the segments.
    for _ in range(3):
        if step is not None:
            if step.action != UploadAction.UPLOAD_ACTION_NEED_CHECKSUM:
                break
            if step.segments:
                del entry.segment_md5s[:]
                entry.segment_md5s.extend(await driver.work(_md5s, opened, step.segments))
            else:
                entry.md5 = (await driver.work(digests, opened.chunks(), "md5"))["md5"]
        asked = PlanStorageObjectUploadsRequest()
        asked.CopyFrom(request)
        asked.entries.append(entry)
        (step,) = (await driver.unary(plan, asked, PLAN_TIMEOUT)).steps
    assert step is not None
    return step


class Segments:
    """One large object, and the plan for it."""

    def __init__(
        self,
        driver: Driver,
        request: UploadStorageObjectRequest,
        opened: Opened,
        step: UploadStep,
        meter: Meter,
    ) -> None:
        self._driver = driver
        self._request = request
        self._opened = opened
        self._step = step
        self._meter = meter
        self._stub = StorageObjectServiceStub(driver.channel)
        self._made: dict[int, CommittedSegment] = {}
        self._sha256 = request.content.sha256

    async def upload(self, timeout: float | None) -> Any:
        """The response that holds the object."""
        deadline = Deadline(timeout)
        if self._step.action == UploadAction.UPLOAD_ACTION_SKIP:
            return await self._keep()
        if sum(one.size_bytes for one in self._step.segments) != self._opened.size:
            # The plan is of the size that the file had before it was opened.
            raise self._opened._changed()
        lead = self._step.segments[0].name.rpartition("/")[0] + "/"
        signed = Signed(self._driver, self._request.parent, lead, is_upload=True, deadline=deadline)
        await signed.find()

        async def do(segment: PlannedSegment | None) -> None:
            if segment is None:
                await self._hash()
            else:
                await self._send(segment, signed, deadline)

        # The hash of the whole takes longest.
        todo = [None, *self._step.segments]
        await self._driver.each(do, as_they_come(todo), PARALLEL)
        return await self._commit(deadline)

    async def _keep(self) -> Any:
        """The very bytes are there already."""
        request = self._request
        if request.only_if_absent:
            raise AlreadyExists(
                f"there is an object {request.name!r} already",
                code=grpc.StatusCode.ALREADY_EXISTS,
                request_id=request.request_id,
            )
        Count(self._meter).reach(self._opened.size)
        changes = UpdateStorageObjectRequest(parent=request.parent, name_or_id=request.name)
        same = len(changes.ListFields())
        if request.content_type:
            changes.content_type = request.content_type
        if request.metadata:
            changes.metadata.set.update(request.metadata)
            changes.metadata.replace = True
        if request.HasField("expires_at"):
            changes.expires_at.CopyFrom(request.expires_at)
        if len(changes.ListFields()) > same:
            changes.location.CopyFrom(request.location)
            update = self._stub.UpdateStorageObject
            return await self._driver.unary(update, changes, PLAN_TIMEOUT)
        asked = GetStorageObjectRequest(parent=request.parent, name_or_id=request.name)
        asked.location.CopyFrom(request.location)
        return await self._driver.unary(self._stub.GetStorageObject, asked, PLAN_TIMEOUT)

    async def _hash(self) -> None:
        whole = Part(self._opened, 0, self._opened.size)
        found = (await self._driver.work(digests, whole.chunks(), "sha256"))["sha256"]
        if self._sha256 and self._sha256.lower() != found:
            raise ValueError(f"sha256: that of the bytes is {found}, and not {self._sha256}")
        self._sha256 = found

    async def _send(self, segment: PlannedSegment, signed: Signed, deadline: Deadline) -> None:
        part = Part(self._opened, segment.offset_bytes, segment.size_bytes)
        count = Count(self._meter)
        if segment.is_done:
            md5 = (await self._driver.work(digests, part.chunks(), "md5"))["md5"]
            count.reach(part.size)
        else:
            md5 = await self._put(segment, part, count, signed, deadline) or await self._stream(
                segment, part, count, deadline
            )
        self._made[segment.index] = CommittedSegment(md5=md5, size_bytes=part.size)

    async def _put(
        self,
        segment: PlannedSegment,
        part: Part,
        count: Count,
        signed: Signed,
        deadline: Deadline,
    ) -> str | None:
        from oaktreemodel._direct import Body, Direct

        look = looking(self._driver, deadline)

        def put(ticket: Ticket, headers: Mapping[str, str]) -> str:
            count.reach(0)
            with Digests("md5") as made, Direct(look=look) as direct:
                body = Body(part.counted(count, made), self._driver.stop)
                answer = direct.put(ticket, segment.name, headers, part.size, body)
                md5 = made.hex("md5")
                if answer.get("Etag", "").strip('"') != md5:
                    raise Broken
                return md5

        return await signed.use(put)

    async def _stream(
        self, segment: PlannedSegment, part: Part, count: Count, deadline: Deadline
    ) -> str:
        count.reach(0)
        sent = UploadStorageObjectRequest(
            parent=self._request.parent,
            name=self._request.name,
            segment=UploadSegment(
                upload_id=self._step.upload_id,
                index=segment.index,
                object_size_bytes=self._opened.size,
                segment_size_bytes=self._step.segments[0].size_bytes,
            ),
        )
        sent.location.CopyFrom(self._request.location)
        upload = Upload(self._driver, self._stub.UploadStorageObject, sent, part, count)
        return str((await upload.run(deadline.left())).storage_object.etag)

    async def _commit(self, deadline: Deadline) -> CommitStorageObjectResponse:
        self._opened.check()
        request = self._request
        commit = CommitStorageObjectRequest(
            request_id=request.request_id,
            parent=request.parent,
            name=request.name,
            content_type=request.content_type,
            metadata=request.metadata,
            only_if_absent=request.only_if_absent,
            upload_id=self._step.upload_id,
            segment_size_bytes=self._step.segments[0].size_bytes,
            segments=[self._made[index] for index in sorted(self._made)],
            sha256=self._sha256,
        )
        commit.location.CopyFrom(request.location)
        for name in ("expires_at", "modified_at"):
            if request.HasField(name):
                getattr(commit, name).CopyFrom(getattr(request, name))
        left = deadline.left()
        patient = COMMIT_TIMEOUT if left is None else left
        made: CommitStorageObjectResponse = await self._driver.unary(
            self._stub.CommitStorageObject, commit, patient
        )
        return made


async def as_they_come(items: Iterable[T]) -> AsyncGenerator[T, None]:
    """For what takes them asynchronously."""
    for item in items:
        yield item


def _md5s(opened: Opened, segments: Iterable[PlannedSegment]) -> list[str]:
    return [
        digests(opened.chunks(one.offset_bytes, one.size_bytes), "md5")["md5"] for one in segments
    ]

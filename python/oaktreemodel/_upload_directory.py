"""A directory into a container: a plan for some thousand files at a time, then what it says."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oaktreemodel._digests import digests
from oaktreemodel._direct import Body, Direct
from oaktreemodel._drive import Driver
from oaktreemodel._failures import Failures
from oaktreemodel._outcome import DirectoryResult, OnStep, Raised, Tally, guarded
from oaktreemodel._progress import Count, Meter, OnProgress
from oaktreemodel._scan import Found, Scan
from oaktreemodel._segments import PLAN_TIMEOUT, Segments, as_they_come, ask_again
from oaktreemodel._signed import Signed
from oaktreemodel._source import CHUNK_BYTES, Opened, open_file
from oaktreemodel._upload import Part, Upload
from oaktreemodel.errors import Conflict, OaktreeError
from oaktreemodel.v1.storage_object_pb2 import (
    DeleteManyStorageObjectsRequest,
    PlanStorageObjectUploadsRequest,
    UploadAction,
    UploadEntry,
    UploadStep,
    UploadStorageObjectRequest,
)
from oaktreemodel.v1.storage_object_pb2_grpc import StorageObjectServiceStub
from oaktreemodel.v1.transfer_pb2 import Ticket

# How many files a plan may be asked of at a time, and how many bytes a message may hold.
BATCH = 5000
BATCH_BYTES = 640 * 1024
# What an entry takes beside its path.
ENTRY_BYTES = 64
# How many names may be deleted at a time.
DELETE_BATCH = 1000
DELETE_TIMEOUT = 600.0

SEND, SKIP = UploadAction.UPLOAD_ACTION_SEND, UploadAction.UPLOAD_ACTION_SKIP
COMPARE = UploadAction.UPLOAD_ACTION_NEED_CHECKSUM
DELETE = UploadAction.UPLOAD_ACTION_DELETE


@dataclass(frozen=True)
class Wishes:
    """What a caller wants; see `upload_directory`."""

    directory: str
    container: str
    prefix: str
    delete_extra: bool
    dry_run: bool
    ignore: Sequence[str]
    follow_symlinks: bool
    parallel: int


async def upload_directory(
    driver: Driver, wishes: Wishes, on_progress: OnProgress | None, on_step: OnStep | None
) -> DirectoryResult:
    """What became of it."""
    with Direct(wishes.parallel, driver.check) as direct:
        tally, meter = Tally(guarded(on_step)), Meter(driver.told(guarded(on_progress)))
        try:
            return await _Directory(driver, wishes, direct, tally, meter).upload()
        except Raised as raised:
            raise raised.error from None


class _Directory:
    def __init__(
        self, driver: Driver, wishes: Wishes, direct: Direct, tally: Tally, meter: Meter
    ) -> None:
        self._driver = driver
        self._wishes = wishes
        self._direct = direct
        self._tally = tally
        self._meter = meter
        self._stub = StorageObjectServiceStub(driver.channel)
        self._scan = Scan(
            wishes.directory, wishes.ignore, follow_symlinks=wishes.follow_symlinks, tally=tally
        )
        self._signed = Signed(driver, wishes.container, wishes.prefix, is_upload=True)
        self._extra: list[str] = []

    async def upload(self) -> DirectoryResult:
        if self._wishes.dry_run:
            await self._driver.each(self._look, self._steps(), self._wishes.parallel)
        else:
            await self._driver.each(self._do, self._steps(), self._wishes.parallel)
        await self._delete()
        return self._tally.result

    # The plan.

    async def _steps(self) -> AsyncGenerator[tuple[UploadStep, Found], None]:
        """The files to send."""
        after = ""
        batches = _batches(self._scan.files())
        batch: list[Found] | None = await self._driver.work(next, batches, [])
        while batch is not None:
            following = await self._driver.work(next, batches, None)
            asked = self._request(UploadEntry(path=one.path, size_bytes=one.size) for one in batch)
            asked.after = after
            asked.finds_extra = self._wishes.delete_extra
            asked.is_last = following is None
            steps = await self._plan(asked)
            found = {one.path: one for one in batch}
            for step in await self._compared(steps, found):
                if step.action == DELETE:
                    self._extra.append(step.path)
                elif step.action == SKIP:
                    self._tally.did(step.path, "skip", step.why, found[step.path].size)
                elif step.path in found:
                    if not self._wishes.dry_run:
                        await self._signed.find()
                    self._meter.expect(found[step.path].size)
                    yield step, found[step.path]
            if batch:
                after = batch[-1].path
            batch = following

    async def _compared(
        self, steps: Sequence[UploadStep], found: Mapping[str, Found]
    ) -> list[UploadStep]:
        """The steps, with those that want a checksum asked again. Those of large files are not:
        each of them has a task of its own that does."""
        wanting = [
            found[one.path].path for one in steps if one.action == COMPARE and not one.segments
        ]
        if not wanting:
            return list(steps)
        md5s: dict[str, str] = {}

        async def hash_(path: str) -> None:
            try:
                md5s[path] = await self._driver.work(self._md5, path)
            except (OSError, Conflict) as error:
                self._tally.failed(path, error)

        await self._driver.each(hash_, as_they_come(wanting), self._wishes.parallel)
        asked = self._request(
            UploadEntry(path=path, size_bytes=found[path].size, md5=md5s[path])
            for path in wanting
            if path in md5s
        )
        again = {one.path: one for one in await self._plan(asked)}
        return [
            again.get(one.path, one)
            for one in steps
            if one.action != COMPARE or one.segments or one.path in again
        ]

    def _md5(self, path: str) -> str:
        with self._open(path) as opened:
            return digests(Part(opened, 0, opened.size).chunks(), "md5")["md5"]

    def _request(self, entries: Iterator[UploadEntry]) -> PlanStorageObjectUploadsRequest:
        return self._driver.requests._request(
            PlanStorageObjectUploadsRequest,
            parent=self._wishes.container,
            prefix=self._wishes.prefix,
            entries=list(entries),
        )

    async def _plan(self, asked: PlanStorageObjectUploadsRequest) -> Sequence[UploadStep]:
        plan = self._stub.PlanStorageObjectUploads
        steps: Sequence[UploadStep] = (await self._driver.unary(plan, asked, PLAN_TIMEOUT)).steps
        return steps

    # One file.

    async def _look(self, todo: tuple[UploadStep, Found]) -> None:
        """Tells what would be done."""
        step, found = todo
        try:
            if step.action == COMPARE:
                with await self._driver.work(self._open, step.path) as opened:
                    step = await self._ask_again(step, opened)
            self._tally.did(
                step.path, "skip" if step.action == SKIP else "send", step.why, found.size
            )
        except (OaktreeError, OSError) as error:
            self._tally.failed(step.path, error)

    async def _ask_again(self, step: UploadStep, opened: Opened) -> UploadStep:
        return await ask_again(self._driver, self._request(iter(())), step.path, opened, step)

    def _open(self, path: str) -> Opened:
        place = os.path.join(self._wishes.directory, path)
        return open_file(place, follows=self._wishes.follow_symlinks)

    async def _do(self, todo: tuple[UploadStep, Found]) -> None:
        step, _ = todo
        count = Count(self._meter, step.path)
        try:
            with await self._driver.work(self._open, step.path) as opened:
                await self._send(step, opened, count)
        except (OaktreeError, OSError, ValueError) as error:
            count.reach(0)
            self._tally.failed(step.path, error)

    async def _send(self, step: UploadStep, opened: Opened, count: Count) -> None:
        request: Any = self._driver.requests._request(
            UploadStorageObjectRequest, parent=self._wishes.container, name=step.name
        )
        request.modified_at.FromNanoseconds(opened.modified_at or 0)
        step = await self._ask_again(step, opened)
        if step.action == SKIP:
            count.reach(opened.size)
            self._tally.did(step.path, "skip", step.why, opened.size)
            return
        if step.segments:
            await Segments(self._driver, request, opened, step, self._meter).upload(None)
        elif not await self._signed.use(
            lambda ticket, headers: self._put(ticket, headers, request, opened, count)
        ):
            part = Part(opened, 0, opened.size)
            method = self._stub.UploadStorageObject
            await Upload(self._driver, method, request, part, count).run(None)
        self._tally.did(step.path, "send", step.why, opened.size)

    def _put(
        self,
        ticket: Ticket,
        more: Mapping[str, str],
        request: UploadStorageObjectRequest,
        opened: Opened,
        count: Count,
    ) -> bool:
        """Sends one straight to the cloud, which compares the bytes with their MD5 by itself: so
        they are hashed first."""
        part = Part(opened, 0, opened.size)
        # What is small is read once.
        pieces = list(part.chunks()) if part.size <= CHUNK_BYTES else None
        found = digests(part.chunks() if pieces is None else pieces, "sha256", "md5")
        changed = request.modified_at
        headers = {
            "Content-Type": mimetypes.guess_type(request.name)[0] or "application/octet-stream",
            "ETag": found["md5"],
            "X-Object-Meta-Mtime": f"{changed.seconds}.{changed.nanos:09d}",
            "X-Object-Meta-Oaktree-Sha256": found["sha256"],
            **more,
        }
        count.reach(0)
        body = Body(part.counted(count) if pieces is None else pieces, self._driver.stop)
        self._direct.put(ticket, request.name, headers, part.size, body)
        count.reach(part.size)
        return True

    # What is there of no file.

    async def _delete(self) -> None:
        extra = [path for path in self._extra if not self._scan.is_left_out(path)]
        if not extra:
            return
        if not self._scan.is_complete:
            # What is behind what could not be read would look as if it were gone.
            told = "nothing was deleted, since not all of the directory could be read"
            self._tally.failed("", OSError(told))
            return
        prefix = self._wishes.prefix
        for start in range(0, len(extra), DELETE_BATCH):
            paths = extra[start : start + DELETE_BATCH]
            if not self._wishes.dry_run:
                request = self._driver.requests._request(
                    DeleteManyStorageObjectsRequest,
                    parent=self._wishes.container,
                    names=[prefix + path for path in paths],
                )
                answer = await self._driver.unary(
                    self._stub.DeleteManyStorageObjects, request, DELETE_TIMEOUT
                )
                Failures(lambda error: self._tally.failed("", error)).add(answer.failures)
                gone = {one.name for one in answer.storage_objects}
                paths = [path for path in paths if prefix + path in gone]
            for path in paths:
                self._tally.did(path, "delete", "no file is of this name")


def _batches(files: Iterator[Found]) -> Iterator[list[Found]]:
    batch: list[Found] = []
    size = 0
    for one in files:
        more = len(one.path.encode()) + ENTRY_BYTES
        if len(batch) == BATCH or (batch and size + more > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += more
    yield batch

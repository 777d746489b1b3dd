"""The objects of a container into a directory."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from oaktreemodel._digests import Digests, digests
from oaktreemodel._direct import Direct
from oaktreemodel._download import Download
from oaktreemodel._drive import Driver, Stopped
from oaktreemodel._failures import Failures
from oaktreemodel._inside import Inside
from oaktreemodel._outcome import DirectoryResult, OnStep, Raised, Tally, guarded
from oaktreemodel._progress import Count, Meter, OnProgress
from oaktreemodel._scan import Ignored
from oaktreemodel._signed import Signed
from oaktreemodel._source import open_file
from oaktreemodel._target import Path
from oaktreemodel._ticket import Broken
from oaktreemodel.errors import OaktreeError
from oaktreemodel.v1.storage_object_pb2 import (
    DownloadStorageObjectRequest,
    ListStorageObjectsRequest,
    StorageObject,
)
from oaktreemodel.v1.storage_object_pb2_grpc import StorageObjectServiceStub
from oaktreemodel.v1.transfer_pb2 import Ticket

MD5_DIGITS = 32


@dataclass(frozen=True)
class Wishes:
    """What a caller wants; see `download_directory`."""

    container: str
    prefix: str
    directory: str
    dry_run: bool
    ignore: Sequence[str]
    parallel: int


async def download_directory(
    driver: Driver, wishes: Wishes, on_progress: OnProgress | None, on_step: OnStep | None
) -> DirectoryResult:
    """What became of it."""
    inside = await driver.work(Inside, wishes.directory, makes=not wishes.dry_run)
    with Direct(wishes.parallel, driver.check) as direct:
        tally, meter = Tally(guarded(on_step)), Meter(driver.told(guarded(on_progress)))
        try:
            one = _Directory(driver, wishes, inside, direct, tally, meter)
            await driver.each(one.fetch, one.objects(), wishes.parallel)
            return tally.result
        except Raised as raised:
            raise raised.error from None


class _Directory:
    def __init__(
        self,
        driver: Driver,
        wishes: Wishes,
        inside: Inside,
        direct: Direct,
        tally: Tally,
        meter: Meter,
    ) -> None:
        self._driver = driver
        self._wishes = wishes
        self._inside = inside
        self._direct = direct
        self._tally = tally
        self._meter = meter
        self._stub = StorageObjectServiceStub(driver.channel)
        self._ignored = Ignored(wishes.ignore) if wishes.ignore else ()
        self._signed = Signed(driver, wishes.container, wishes.prefix, is_upload=False)

    async def objects(self) -> AsyncGenerator[tuple[str, StorageObject], None]:
        """The objects to fetch, with their paths."""
        request = self._driver.requests._request(
            ListStorageObjectsRequest, parent=self._wishes.container, prefix=self._wishes.prefix
        )
        failures = Failures(None)
        listing = self._driver.listing(self._stub.ListStorageObjects, request)
        async with aclosing(listing):
            async for response in listing:
                failures.add(response.failures)
                for one in response.storage_objects:
                    path = self._path(one.name)
                    if path and path not in self._ignored and self._takes(path, one):
                        if not self._wishes.dry_run:
                            await self._signed.find()
                        yield path, one
        failures.finish()

    def _takes(self, path: str, one: StorageObject) -> bool:
        """Whether an object is the first of its path, in the order of the list: so that it is the
        same one each time."""
        try:
            # Any number may stand for one folder.
            if not _is_folder(path, one):
                self._inside.take(path, one.name)
        except ValueError as error:
            self._tally.failed(path, error)
            return False
        return True

    async def fetch(self, todo: tuple[str, StorageObject]) -> None:
        """Fetches one object, unless its bytes are there."""
        path, one = todo
        count = Count(self._meter, path)
        try:
            if _is_folder(path, one):
                await self._driver.work(self._inside.folder, path[:-1])
                return
            place = await self._driver.work(self._inside.place, path)
            self._meter.expect(one.size_bytes)
            if await self._driver.work(_is_there, place, one):
                count.reach(one.size_bytes)
                self._tally.did(path, "skip", "the same bytes are there", one.size_bytes)
                return
            if not self._wishes.dry_run:
                await self._save(place, one, count)
            self._tally.did(path, "send", "it is not there", one.size_bytes)
        except (OaktreeError, OSError, ValueError) as error:
            count.reach(0)
            self._tally.failed(path, error)

    def _path(self, name: str) -> str:
        path = name.removeprefix(self._wishes.prefix)
        # Of what is called photos/a, the prefix photos is meant as a folder's name.
        is_folder = self._wishes.prefix and not self._wishes.prefix.endswith("/")
        return path.removeprefix("/") if is_folder else path

    async def _save(self, place: str, one: StorageObject, count: Count) -> None:
        if _md5(one):
            saved = await self._signed.use(
                lambda ticket, headers: self._get(ticket, headers, place, one, count)
            )
            if saved:
                return
            count.reach(0)
        request = self._driver.requests._request(
            DownloadStorageObjectRequest, parent=self._wishes.container, name_or_id=one.name
        )
        method = self._stub.DownloadStorageObject
        with await self._driver.work(_sink, place) as sink:
            await Download(self._driver, method, request, sink, count).save(None)
            await self._driver.work(sink.finish)

    def _get(
        self,
        ticket: Ticket,
        headers: Mapping[str, str],
        place: str,
        one: StorageObject,
        count: Count,
    ) -> bool:
        """Fetches one straight from the cloud."""
        with _sink(place) as sink, Digests("md5") as made:
            for piece in self._direct.get(ticket, one.name, headers):
                if self._driver.stop.is_set():
                    raise Stopped
                made.update(piece)
                sink.write(piece)
                count.add(len(piece))
            if made.hex("md5") != _md5(one):
                # It may be another object since it was listed.
                raise Broken
            sink.finish()
        return True


def _sink(place: str) -> Path:
    return Path(place, is_synced=False, follows=False)


def _is_folder(path: str, one: StorageObject) -> bool:
    """Whether it stands for a folder, for those who look at it."""
    return path.endswith("/") and not one.size_bytes


def _md5(one: StorageObject) -> str:
    """Of an object's bytes; empty if it is not told."""
    return one.etag if not one.is_segmented and len(one.etag) == MD5_DIGITS else ""


def _is_there(place: str, one: StorageObject) -> bool:
    """Whether the file has the object's very bytes."""
    try:
        if not _md5(one) or os.lstat(place).st_size != one.size_bytes:
            return False
        with open_file(place, follows=False) as opened:
            return digests(opened.chunks(), "md5")["md5"] == _md5(one)
    except OSError:
        return False

"""An image made by a task, of an object in object storage: how a cloud takes images that lets its
users do nothing else.

The image appears at the end, with an id of the cloud's own; what it is noted to be goes on it then.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any
from uuid import uuid4

import grpc
from oaktreemodel.v1.error_pb2 import Reason
from openstack import exceptions

from oaktree import marks, swift
from oaktree.errors import Refused, failed, invalid
from oaktree.images import digests
from oaktree.images.making import IMPORTING_SECONDS, Making, too_slow
from oaktree.row import Item
from oaktree.transfer import Incoming, bytes_differ
from oaktree.walk import items
from oaktree.writes import check

# What nobody could delete is gone by itself after a day.
_LIFE = {"X-Delete-After": str(24 * 60 * 60)}
_LOOK_SECONDS = 1.0
_ENDED = ("success", "failure")


class ByTask(Making):
    """`identifier` is the image's only once the task is over."""

    _task = ""
    _object = ""

    async def _open(self) -> Item | None:
        return await self._place.run(None, self._find) if self._key else None

    def _find(self) -> Item | None:
        """What an earlier call with the same request id completed."""
        mark = self._mark()
        query = self._reader.query(self._place, False, {marks.KEY: mark})
        for item in items(self._place, self._reader, query):
            if item.get(marks.KEY) == mark and item["status"] == "active":
                return item
        return None

    def _mark(self) -> str:
        return marks.mark_of(self._place, self._call.rpc.name, self._call.request.request_id)

    def send(self, incoming: Incoming) -> None:
        place, name = self._place, self._call.request.name
        most = swift.info(place).max_object_bytes
        if incoming.size > most:
            raise invalid(
                "content.size_bytes",
                f"the cloud takes images as one object, of at most {most} bytes",
            )
        swift.ask(place, "PUT", digests.CONTAINER)
        # No other upload's, as that would be imported in this one's place.
        self._object = f"oaktree-{uuid4().hex}"
        stored = swift.ask(
            place, "PUT", digests.CONTAINER, self._object, headers=_LIFE, body=incoming
        )
        etag = stored.headers.get("ETag", "").strip('"').lower()
        if etag != incoming.md5:
            raise bytes_differ(
                f"the object storage has bytes with the MD5 {etag}, and what was sent has "
                f"{incoming.md5}"
            )
        asked = {
            "import_from": f"{digests.CONTAINER}/{self._object}",
            "import_from_format": self._disk_format,
            # Such a cloud takes nothing else here.
            "image_properties": {"name": name},
        }
        adapter = place.service("image")
        task = check(adapter.post("/tasks", json={"type": "import", "input": asked})).json()
        self._task = task["id"]

    async def _stored(self) -> Any:
        task = await self._ended()
        if task["status"] != "success":
            why = task.get("message") or "the cloud gives no reason"
            raise failed(Reason.REASON_RESOURCE_FAILED, f"the import of the image failed: {why}")
        return await super()._stored()

    async def _ended(self) -> Item:
        """The task, once it is over."""
        end = time.monotonic() + IMPORTING_SECONDS
        while time.monotonic() < end:
            task = await self._place.run(None, self._look)
            if task["status"] in _ENDED:
                return task
            await asyncio.sleep(_LOOK_SECONDS)
        raise too_slow(IMPORTING_SECONDS)

    def _look(self) -> Item:
        """The task as it is now; and so the image, if there is one."""
        response = check(self._place.service("image").get(f"/tasks/{self._task}"))
        task: Item = response.json()
        self.identifier = (task.get("result") or {}).get("image_id", "")
        return task

    def _last(self) -> Item:
        body = self._body()
        # The task has said so.
        for name in ("name", "disk_format", "container_format"):
            body.pop(name, None)
        mark = {marks.KEY: self._mark()} if self._key else {}
        return super()._last() | body | mark

    async def _complete(self, sent: Any) -> Any:
        found = await super()._complete(sent)
        self._kept(self._place.run(None, self._clear))
        return found

    def _clear(self) -> None:
        """Deletes the object, which is of no use any more."""
        with contextlib.suppress(exceptions.NotFoundException):
            swift.ask(self._place, "DELETE", digests.CONTAINER, self._object)

    @property
    def _is_begun(self) -> bool:
        return bool(self._object)

    async def _delete(self) -> None:
        await self._place.run(None, self._clear)
        if self._task and not self.identifier:
            task = await self._place.run(None, self._look)
            if task["status"] not in _ENDED:
                raise Refused(
                    grpc.StatusCode.UNAVAILABLE,
                    Reason.REASON_CONFLICT,
                    "its task is not over and may make it yet",
                )
        if self.identifier:
            await super()._delete()

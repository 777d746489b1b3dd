"""What is to be done so that a container has the files of a directory.

A plan is one listing merged with the files, both in the order of their names' bytes. What has
another size there is sent; only what has the same size is worth a checksum.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from oaktreemodel.v1.storage_object_pb2 import (
    PlannedSegment,
    PlanStorageObjectUploadsRequest,
    UploadAction,
    UploadEntry,
    UploadStep,
)
from openstack import exceptions

from oaktree import objectlist, objects, swift, swiftnames, wire
from oaktree.call import Call
from oaktree.errors import invalid, not_found
from oaktree.place import Place
from oaktree.storage import resume, segments
from oaktree.storage.segments import Left, Upload
from oaktree.swift import Info, Item

MAX_ENTRIES = 5000
# Half of what a client takes as one message. An entry may be of a thousand segments, and a
# container may have any number of objects that no file is of.
MOST_BYTES = 32 << 20
# The field of a response that its steps are.
_STEPS = 16
_MD5 = re.compile(r"[0-9a-fA-F]{32}")
SAME_BYTES, OTHER_BYTES = "the same bytes are there", "other bytes are there"
SAME_SIZE = "one of the same size is there"
Send, Skip = UploadAction.UPLOAD_ACTION_SEND, UploadAction.UPLOAD_ACTION_SKIP
Compare = UploadAction.UPLOAD_ACTION_NEED_CHECKSUM


def check(request: PlanStorageObjectUploadsRequest, info: Info) -> list[str]:
    """The names of the objects of all entries. INVALID_ARGUMENT, naming the entry, for what no
    directory holds."""
    swiftnames.check_prefix(request.prefix)
    if len(request.entries) > MAX_ENTRIES:
        raise invalid(
            "entries", f"are {len(request.entries)}; send {MAX_ENTRIES} at most at a time"
        )
    names, former = [], request.after
    for index, entry in enumerate(request.entries):
        field, path = f"entries[{index}]", entry.path
        if wrong := _wrong(path):
            raise invalid(f"{field}.path", wrong)
        if path <= former:
            raise invalid(
                f"{field}.path",
                f"{path!r} comes after {former!r}: paths come in the order of their bytes, and "
                "each once",
            )
        if any(not _MD5.fullmatch(md5) for md5 in (entry.md5 or "0" * 32, *entry.segment_md5s)):
            raise invalid(field, "has an MD5 that is none, of 32 digits in hex")
        former = path
        names.append(swiftnames.check_object(request.prefix + path, info, f"{field}.path"))
    return names


def _wrong(path: str) -> str:
    """Why this is no path of a file below a directory; empty if it is one."""
    if not path:
        return "is missing and is needed"
    if path.startswith("/"):
        return f"{path!r} is absolute; give what comes below the directory"
    for step in path.split("/"):
        if not step:
            return f"{path!r} has an empty step"
        if step in (".", ".."):
            return f"{path!r} has the step {step!r}"
    return ""


async def plan(call: Call, reader: Any) -> bytes:
    place = await call.place()
    return await place.run(call.reach, _planned, place, call.request)


def _planned(place: Place, request: PlanStorageObjectUploadsRequest) -> bytes:
    """The response. Runs in a thread."""
    info = swift.info(place)
    container = swiftnames.check_container(request.parent, info)
    names = check(request, info)
    try:
        return _merged(place, container, request, info, names)
    except exceptions.NotFoundException as error:
        raise not_found("storage container", container) from error


def _merged(
    place: Place,
    container: str,
    request: PlanStorageObjectUploadsRequest,
    info: Info,
    names: Sequence[str],
) -> bytes:
    steps = _Steps(place, container, request, info)
    if request.finds_extra:
        rows = _whole_range(place, container, request)
    else:
        batches = objectlist.named(place, container, names)
        rows = (item for batch in batches for item in batch.values() if item is not None)
    row = next(rows, None)
    for index, (entry, name) in enumerate(zip(request.entries, names, strict=True)):
        while row is not None and row["name"] < name:
            steps.extra(row)
            row = next(rows, None)
        there = None
        if row is not None and row["name"] == name:
            there, row = row, next(rows, None)
        steps.entry(index, entry, name, there)
    while row is not None:
        steps.extra(row)
        row = next(rows, None)
    return steps.response()


# What is there.


def _whole_range(
    place: Place, container: str, request: PlanStorageObjectUploadsRequest
) -> Iterator[Item]:
    """All objects from `after` up to the last entry, or to the end."""
    prefix = request.prefix
    marker = prefix + request.after if request.after else ""
    end = ""
    if not request.is_last:
        if not request.entries:
            return
        end = objectlist.behind(prefix + request.entries[-1].path)
    for page in objectlist.pages(place, container, after=marker, prefix=prefix, end=end):
        yield from page


# What is to be done.


class _Steps:
    def __init__(
        self,
        place: Place,
        container: str,
        request: PlanStorageObjectUploadsRequest,
        info: Info,
    ) -> None:
        self._steps: list[bytes] = []
        self._size = 0
        self._place = place
        self._container = container
        self._request = request
        self._info = info

    def extra(self, row: Item) -> None:
        """An object that none of the files is of."""
        name = row["name"]
        path = name.removeprefix(self._request.prefix)
        # With a slash at the end and no bytes it stands for a directory, for those who look at it.
        if (name.endswith("/") and not row["bytes"]) or not path:
            return
        why = "no file is of this name"
        self._add(path, name, UploadAction.UPLOAD_ACTION_DELETE, why)

    def entry(self, index: int, entry: UploadEntry, name: str, there: Item | None) -> None:
        size = entry.size_bytes
        wanted = self._request.segment_size_bytes
        segment_size = segments.size_for(size, wanted, self._info, f"entries[{index}].size_bytes")
        if not segment_size:
            self._add(entry.path, name, *_compared(entry, there, (there or {}).get("slo_etag")))
            return
        upload = Upload(segments.home(name), "", size, segment_size)
        md5s = [md5.lower() for md5 in entry.segment_md5s]
        if md5s and len(md5s) != upload.count:
            raise invalid(
                f"entries[{index}].segment_md5s",
                f"are {len(md5s)}, and the plan has {upload.count} segments",
            )
        etag = None
        if there is not None and there["bytes"] == size:
            etag = there.get("slo_etag") or self._slo_etag(name)
        if not etag:
            # What is in one piece has the digest of the whole alone.
            action, why = _compared(entry, there)
        elif not md5s:
            action, why = Compare, SAME_SIZE
        elif segments.etag(md5s) == etag.strip('"'):
            action, why = Skip, SAME_BYTES
        else:
            action, why = Send, OTHER_BYTES
        found = None
        if action == Send:
            exists = there is not None
            found = resume.find(self._place, self._container, name, upload, md5s, exists)
            if found is not None and not md5s:
                action, why = Compare, "an upload of one of the same size was broken off"
        parts = None
        if action == Send or (action == Compare and (etag or found)):
            parts = found or Left(resume.new(upload))
        self._add(entry.path, name, action, why, parts, knows=bool(md5s))

    def _slo_etag(self, name: str) -> str:
        """Of an object in segments, where the listing does not tell; empty if it is in one
        piece."""
        headers = objects.head(self._place, self._container, name) or {}
        return headers.get("Etag", "") if objects.is_static(headers) else ""

    def _add(
        self,
        path: str,
        name: str,
        action: UploadAction.ValueType,
        why: str,
        left: Left | None = None,
        *,
        knows: bool = False,
    ) -> None:
        """Adds a step; `left` is the upload it goes on with, in segments. `knows`: whether what is
        left is known to be right."""
        step = UploadStep(path=path, name=name, action=action, why=why)
        if left is not None:
            step.upload_id = left.upload.id
            step.segments.extend(_planned_segments(left, knows=knows))
        # Serialised one by one: a message of all would take many times as much.
        self._steps.append(wire.field(_STEPS, step.SerializeToString()))
        self._size += len(self._steps[-1])
        if self._size > MOST_BYTES:
            raise invalid(
                "entries",
                "and the objects that none of them is of make more steps and segments than the "
                f"{MOST_BYTES} bytes of an answer hold; send fewer entries at once",
            )

    def response(self) -> bytes:
        return b"".join(self._steps)


def _planned_segments(left: Left, *, knows: bool) -> Iterator[PlannedSegment]:
    upload = left.upload
    for index in range(upload.count):
        yield PlannedSegment(
            index=index,
            offset_bytes=index * upload.segment_size,
            size_bytes=upload.length(index),
            is_done=knows and index in left.segments,
            name=upload.name(index),
        )


def _compared(
    entry: UploadEntry, there: Item | None, slo_etag: str | None = None
) -> tuple[UploadAction.ValueType, str]:
    """What to do with a file that goes in one piece, or whose object is in one."""
    if there is None:
        return Send, "none is there"
    if there["bytes"] != entry.size_bytes:
        return Send, f"one of {there['bytes']} bytes is there"
    if slo_etag:
        return Send, "what is there is in segments, and tells no checksum of the whole"
    if not entry.md5:
        return Compare, SAME_SIZE
    if entry.md5.lower() == there["hash"]:
        return Skip, SAME_BYTES
    return Send, OTHER_BYTES

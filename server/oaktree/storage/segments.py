"""The segments of large objects: how many, how large, and under which names.

A segment's name says whose it is and which, so that to resume an upload is to list what is there.
They are in the container of the object itself: a ticket for a container opens no other, and whoever
deletes the container finds them.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from oaktree.errors import invalid
from oaktree.swift import Info
from oaktree.swiftnames import OWN

PREFIX = OWN + "segments/"
# Large enough that Swift finds the next one in no time beside the reading, small enough that what
# is sent twice after a break is little.
DEFAULT_BYTES = 256 << 20
# A file too large for so many segments gets larger ones, of whole MiB.
STEP = 1 << 20
_NAME = re.compile(
    re.escape(PREFIX) + r"(?P<object>[0-9a-f]{64})/(?P<id>[0-9a-f-]{36})/(?P<size>\d{1,19})/"
    r"(?P<segment_size>\d{1,19})/(?P<index>\d{8})"
)


def home(name: str) -> str:
    """What the names of all segments of an object begin with. By a digest: a name may be as long
    as a cloud takes names."""
    return f"{PREFIX}{hashlib.sha256(name.encode()).hexdigest()}/"


@dataclass(frozen=True)
class Upload:
    """One upload of a large object; sizes are in bytes."""

    home: str
    id: str
    size: int
    # Of each segment but the last.
    segment_size: int

    @property
    def prefix(self) -> str:
        return f"{self.home}{self.id}/{self.size}/{self.segment_size}/"

    @property
    def count(self) -> int:
        return -(-self.size // self.segment_size)

    def name(self, index: int) -> str:
        return f"{self.prefix}{index:08d}"

    def length(self, index: int) -> int:
        return min(self.segment_size, self.size - index * self.segment_size)


class Segment(NamedTuple):
    """A segment as a listing tells of it."""

    name: str
    size: int
    md5: str
    modified: datetime


@dataclass
class Left:
    """What is there of an upload."""

    upload: Upload
    segments: dict[int, Segment] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        return len(self.segments) == self.upload.count

    @property
    def began(self) -> datetime:
        """When the first of its segments that are there was stored."""
        return min(one.modified for one in self.segments.values())

    @property
    def touched(self) -> datetime:
        """When its last segment was stored."""
        return max(one.modified for one in self.segments.values())

    def is_of(self, md5s: Sequence[str]) -> bool:
        """Whether none of its segments contradicts the digests of all."""
        return all(
            one.md5 == md5s[index] and one.size == self.upload.length(index)
            for index, one in self.segments.items()
        )


def left(rows: Iterable[Mapping[str, Any]]) -> list[Left]:
    """The uploads that a listing shows segments of. What else is there is nobody's of ours."""
    found: dict[Upload, Left] = {}
    for row in rows:
        match = _NAME.fullmatch(row.get("name", ""))
        if match is None:
            continue
        size, segment_size = int(match["size"]), int(match["segment_size"])
        index = int(match["index"])
        if not segment_size or index * segment_size >= size:
            continue
        upload = Upload(f"{PREFIX}{match['object']}/", match["id"], size, segment_size)
        segment = Segment(row["name"], row["bytes"], row["hash"], moment(row["last_modified"]))
        found.setdefault(upload, Left(upload)).segments[index] = segment
    return list(found.values())


def moment(text: str) -> datetime:
    """A time as the cloud writes it: Swift without a zone, in UTC; Ceph with one."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def upload_of(name: str) -> tuple[str, str] | None:
    """The home and the id of the upload that a segment of this name is of; None if it is no
    segment of ours."""
    match = _NAME.fullmatch(name)
    return (f"{PREFIX}{match['object']}/", match["id"]) if match else None


def etag(md5s: Iterable[str]) -> str:
    """What Swift calls the etag of an object that is made of segments with these."""
    return hashlib.md5("".join(md5s).encode(), usedforsecurity=False).hexdigest()


def size_for(size: int, wanted: int, info: Info, fieldname: str = "size_bytes") -> int:
    """How large the segments of an object are to be, in bytes; 0: it goes in one piece. `wanted`
    is as near as the cloud lets; 0: as it likes. INVALID_ARGUMENT if no way is large enough."""
    if info.max_segments:
        least = -(-size // info.max_segments)
        segment = max(wanted or DEFAULT_BYTES, info.min_segment_bytes)
        if least > segment:
            segment = -(-least // STEP) * STEP
        segment = min(segment, info.max_object_bytes)
        if size <= segment:
            return 0
        if least <= segment:
            return segment
    elif size <= info.max_object_bytes:
        return 0
    most = info.max_object_bytes * max(info.max_segments, 1)
    raise invalid(fieldname, f"{size} is more than the {most} that the cloud takes of one object")


def canonical_id(upload_id: str, fieldname: str) -> str:
    """As it stands in names. INVALID_ARGUMENT if it is no UUID."""
    try:
        return str(uuid.UUID(upload_id))
    except ValueError:
        raise invalid(fieldname, "must be what the plan called the upload, a UUID") from None

"""Segments and commits that cannot be: refused before anything is stored."""

from __future__ import annotations

from typing import Any

import pytest
from oaktreemodel.v1.storage_object_pb2 import CommittedSegment, UploadSegment

from .asks import Code, Store, refused
from .moving import upload, ways
from .test_segments import left

GOOD: dict[str, Any] = {
    "upload_id": "6fa459ea-ee8a-3ca4-894e-db77e160355e",
    "index": 0,
    "object_size_bytes": 5,
    "segment_size_bytes": 3,
}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"upload_id": "x"}, "segment.upload_id"),
        ({"index": 2}, "segment.index"),
        ({"index": -1}, "segment.index"),
        ({"index": 1}, "content.size_bytes"),
        ({"object_size_bytes": 0}, "segment.object_size_bytes"),
        ({"segment_size_bytes": 0}, "segment.segment_size_bytes"),
        ({"object_size_bytes": 3001}, "segment.segment_size_bytes"),
    ],
)
@ways
def test_what_is_no_segment(
    modern: Store, parent: str, wrong: dict[str, Any], field: str, at_once: bool
) -> None:
    with refused(Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", field):
        upload(modern, parent, "o", b"abc", segment=UploadSegment(**GOOD | wrong), at_once=at_once)
    assert left(modern, parent) == []


DIGEST = "0" * 32


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": ".oaktree/x"}, "name"),
        ({"upload_id": "x"}, "upload_id"),
        ({"segment_size_bytes": 0}, "segment_size_bytes"),
        ({"segments": []}, "segments"),
        ({"segments": [(DIGEST, 3)] * 1001}, "segments"),
        ({"segments": [(DIGEST, 3), ("x", 3)]}, "segments[1].md5"),
        ({"segments": [(DIGEST, 2), (DIGEST, 3)]}, "segments[0].size_bytes"),
        ({"segments": [(DIGEST, 3), (DIGEST, 4)]}, "segments[1].size_bytes"),
        ({"segments": [(DIGEST, 3), (DIGEST, 0)]}, "segments[1].size_bytes"),
        ({"sha256": "x"}, "sha256"),
    ],
)
def test_what_cannot_be_committed(
    modern: Store, parent: str, wrong: dict[str, Any], field: str
) -> None:
    asked: dict[str, Any] = {
        "parent": parent,
        "name": "o",
        "upload_id": GOOD["upload_id"],
        "segment_size_bytes": 3,
        "segments": [(DIGEST, 3)],
        **wrong,
    }
    made = [CommittedSegment(md5=md5, size_bytes=size) for md5, size in asked.pop("segments")]
    with refused(Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", field):
        modern("CommitStorageObject", segments=made, **asked)

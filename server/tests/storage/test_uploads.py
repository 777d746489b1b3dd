"""Uploads in one piece: what is stored, what is refused, and what stays of what fails."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from oaktreemodel.v1.storage_object_pb2 import UploadSegment, UploadStorageObjectRequest
from oaktreemodel.v1.transfer_pb2 import UploadContent, UploadFinish

from .asks import Code, Store, refused
from .moving import DATA, download, md5, requests, sha256, start, unchanged, upload, ways


@ways
@pytest.mark.parametrize("size", [0, 1, 1000, 300_000])
def test_what_is_uploaded_is_there(modern: Store, parent: str, at_once: bool, size: int) -> None:
    data = DATA[:size]
    made = upload(modern, parent, "o.txt", data, at_once=at_once)
    assert (made.size_bytes, made.etag, made.content_type) == (size, md5(data), "text/plain")
    assert modern.swift("GET", parent, "o.txt").content == data
    got = download(modern, parent, "o.txt")
    assert (got.data, got.content.md5, got.content.size_bytes) == (data, md5(data), size)
    assert got.content.sha256 == (sha256(data) if at_once else "")


@ways
def test_what_is_said_of_it(modern: Store, parent: str, at_once: bool) -> None:
    made = upload(
        modern, parent, "o", DATA, at_once=at_once,
        content=UploadContent(sha256=sha256(DATA).upper(), md5=md5(DATA).upper()),
        content_type="application/x-thing; charset=utf-8",
        metadata={"colour": "grün", "a-b": "c"},
        modified_at={"seconds": 1_700_000_000, "nanos": 123_456_789},
        expires_at={"seconds": 4_000_000_000, "nanos": 1},
    )  # fmt: skip
    there = modern.get(parent, "o")
    assert (made.updated_at.seconds - there.updated_at.seconds) in (0, 1)
    made.updated_at.CopyFrom(there.updated_at)
    assert made == there
    assert (made.sha256, made.content_type) == (sha256(DATA), "application/x-thing; charset=utf-8")
    assert dict(made.metadata) == {"colour": "grün", "a-b": "c"}
    assert (made.modified_at.seconds, made.modified_at.nanos) == (1_700_000_000, 123_456_789)
    assert made.expires_at.seconds == 4_000_000_001
    assert made.HasField("is_segmented")
    assert not made.is_segmented


@ways
@pytest.mark.parametrize(
    "odd",
    ["a/../b", "./a", "..", "a//b", "/a", "a/", "q?x#y/../z", "%2E%2e/%", "a\nb", "grün/ü €😀",
     "é" * 512, " a ", "a+b&c=d;e", "\x01", "a\\b", '"', "'", "<>"],
)  # fmt: skip
def test_odd_names(modern: Store, parent: str, odd: str, at_once: bool) -> None:
    assert upload(modern, parent, odd, odd.encode(), at_once=at_once).name == odd
    assert modern.names(parent) == sorted(["before", odd])
    assert download(modern, parent, odd).data == odd.encode()


@ways
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "é" * 513}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": ".oaktree/x"}, "name"),
        ({"parent": ""}, "parent"),
        ({"parent": "a/b"}, "parent"),
        ({"parent": "x" * 257}, "parent"),
        ({"finish": UploadFinish()}, "finish.sha256"),
        ({"content": UploadContent(size_bytes=4)}, "content.size_bytes"),
        ({"content": UploadContent(size_bytes=6 << 30)}, "content.size_bytes"),
        ({"content": UploadContent(sha256="x")}, "content.sha256"),
        ({"content": UploadContent(md5="a\r\nX-Delete-At: 1")}, "content.md5"),
        ({"content": UploadContent(md5="中" * 32)}, "content.md5"),
        ({"finish": UploadFinish(sha256="x" * 64)}, "finish.sha256"),
        ({"finish": UploadFinish(sha256=sha256(b"abc"), md5="x")}, "finish.md5"),
        ({"metadata": {"a": "b\nc"}}, "metadata"),
        ({"content_type": "a\r\nX-Delete-At: 1"}, "content_type"),
        ({"request_id": "x"}, "request_id"),
        ({"expires_at": {"seconds": 1}}, "expires_at"),
    ],
)
def test_what_cannot_be_stored(
    modern: Store, parent: str, fields: dict[str, Any], field: str, at_once: bool
) -> None:
    asked: dict[str, Any] = {"parent": parent, "name": "o", "data": b"abc"}
    with refused(Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", field):
        upload(modern, **asked | fields, at_once=at_once)
    unchanged(modern, parent)


def test_what_does_not_say_how_many_bytes_there_are(modern: Store, parent: str) -> None:
    request = UploadStorageObjectRequest(location=modern.location, parent=parent, name="o")
    with refused(Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", "content.size_bytes"):
        list(start(modern, iter([request])))


def test_a_segment_whose_digest_is_none(modern: Store, parent: str) -> None:
    """Told before any of its bytes are sent."""
    request = UploadStorageObjectRequest(
        location=modern.location,
        parent=parent,
        name="o",
        content=UploadContent(size_bytes=5, sha256="x"),
        segment=UploadSegment(
            upload_id=str(uuid.uuid4()), object_size_bytes=6, segment_size_bytes=5
        ),
    )
    with refused(Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", "content.sha256"):
        list(start(modern, iter([request])))


@pytest.mark.parametrize("sent", [DATA[:-1], DATA + b"x"])
def test_more_or_fewer_bytes_than_were_promised(modern: Store, parent: str, sent: bytes) -> None:
    with refused(Code.INVALID_ARGUMENT, "INVALID_ARGUMENT"):
        upload(modern, parent, "before", sent, content=UploadContent(size_bytes=len(DATA)))
    unchanged(modern, parent)


def test_a_stream_that_ends_without_an_end(modern: Store, parent: str) -> None:
    sent = list(requests(modern, parent, "before", DATA))[:-1]
    with refused(Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", "finish"):
        list(start(modern, iter(sent)))
    unchanged(modern, parent)


@ways
@pytest.mark.parametrize(
    "fields",
    [
        {"finish": UploadFinish(sha256="0" * 64)},
        {"content": UploadContent(sha256="0" * 64)},
        {"content": UploadContent(md5="0" * 32)},
        {"finish": UploadFinish(sha256=sha256(DATA), md5="0" * 32)},
        {
            "content": UploadContent(md5=md5(DATA), promises_md5=True),
            "finish": UploadFinish(sha256=sha256(DATA), md5="0" * 32),
        },
    ],
)
def test_other_bytes_than_were_sent(
    modern: Store, parent: str, fields: dict[str, Any], at_once: bool
) -> None:
    with refused(Code.DATA_LOSS, "BYTES_DIFFER"):
        upload(modern, parent, "before", DATA, at_once=at_once, **fields)
    unchanged(modern, parent)


def test_the_digest_that_was_promised(modern: Store, parent: str) -> None:
    promised = UploadContent(promises_md5=True)
    with refused(Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", "finish.md5"):
        upload(modern, parent, "before", DATA, content=promised)
    unchanged(modern, parent)
    finish = UploadFinish(sha256=sha256(DATA), md5=md5(DATA).upper())
    promised = UploadContent(promises_md5=True)
    assert upload(modern, parent, "o", DATA, content=promised, finish=finish).etag == md5(DATA)


@pytest.mark.parametrize("wrong", ["", "x", "0" * 31, "g" * 32, "0" * 32 + "\n", "０" * 32])
def test_a_promised_digest_that_is_none(modern: Store, parent: str, wrong: str) -> None:
    finish = UploadFinish(sha256=sha256(DATA), md5=wrong)
    with refused(Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", "finish.md5"):
        content = UploadContent(promises_md5=True)
        upload(modern, parent, "before", DATA, content=content, finish=finish)
    unchanged(modern, parent)


def test_a_promised_digest_that_is_wrong(
    modern: Store, parent: str, plant: Callable[..., None]
) -> None:
    """What the cloud has decides, as what was there before is gone."""
    finish = UploadFinish(sha256=sha256(DATA), md5="0" * 32)
    with refused(Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", "finish.md5") as caught:
        content = UploadContent(promises_md5=True)
        upload(modern, parent, "before", DATA, content=content, finish=finish)
    assert md5(DATA) in caught.message
    assert modern.swift("GET", parent, "before").content == DATA
    plant("wrong_bytes", "GET")
    with refused(Code.DATA_LOSS, "BYTES_DIFFER"):
        content = UploadContent(promises_md5=True)
        upload(modern, parent, "before", DATA, content=content, finish=finish)
    assert modern.names(parent) == []


@ways
def test_there_is_no_such_container(modern: Store, name: str, at_once: bool) -> None:
    with refused(Code.NOT_FOUND, "NOT_FOUND") as caught:
        upload(modern, name, "o", DATA, at_once=at_once)
    assert name in caught.message


@ways
def test_only_if_absent(modern: Store, parent: str, at_once: bool) -> None:
    with refused(Code.ALREADY_EXISTS, "ALREADY_EXISTS"):
        upload(modern, parent, "before", DATA, at_once=at_once, only_if_absent=True)
    unchanged(modern, parent)
    again = {"only_if_absent": True, "request_id": str(uuid.uuid4()), "at_once": at_once}
    made = upload(modern, parent, "o", DATA, **again)
    # It came to be by this very request.
    assert upload(modern, parent, "o", DATA, **again).etag == made.etag
    with refused(Code.ALREADY_EXISTS):
        upload(modern, parent, "o", DATA, **again | {"request_id": str(uuid.uuid4())})

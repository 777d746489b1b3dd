"""Large objects in segments: planned, sent, committed, resumed, aborted."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import orjson
import pytest
from oaktree import swift
from oaktree.storage import segments
from oaktreemodel.v1.storage_object_pb2 import (
    CommittedSegment,
    UploadAction,
    UploadEntry,
)

from .asks import Code, Store, refused
from .moving import download, md5, segment, sha256, upload, ways

SIZE, PART = 1_000_000, 300_000
DATA = random.Random("segments").randbytes(SIZE)
OTHER = random.Random("others").randbytes(SIZE)
SEND, SKIP = UploadAction.UPLOAD_ACTION_SEND, UploadAction.UPLOAD_ACTION_SKIP
COMPARE = UploadAction.UPLOAD_ACTION_NEED_CHECKSUM


def parts(data: bytes, size: int = PART) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def plan(store: Store, parent: str, data: bytes, name: str = "big", *, knows: bool = False) -> Any:
    """The step of one file; `knows` the digests of its segments."""
    entry = UploadEntry(path=name, size_bytes=len(data))
    if knows:
        entry.segment_md5s.extend(map(md5, parts(data)))
    asked: dict[str, Any] = {"parent": parent, "entries": [entry], "segment_size_bytes": PART}
    (step,) = store("PlanStorageObjectUploads", **asked).steps
    return step


def send(store: Store, parent: str, step: Any, data: bytes, only: set[int] | None = None) -> None:
    for one in step.segments:
        if one.is_done or (only is not None and one.index not in only):
            continue
        part = data[one.offset_bytes : one.offset_bytes + one.size_bytes]
        made = upload(store, parent, step.name, part, segment=segment(step, one.index, len(data)))
        assert (made.size_bytes, made.etag) == (len(part), md5(part))


def commit(store: Store, parent: str, step: Any, data: bytes, **fields: Any) -> Any:
    made = [CommittedSegment(md5=md5(part), size_bytes=len(part)) for part in parts(data)]
    return store(
        "CommitStorageObject", parent=parent, name=step.name, upload_id=step.upload_id,
        segment_size_bytes=PART, segments=made, **fields,
    ).storage_object  # fmt: skip


def whole(store: Store, parent: str, data: bytes, name: str = "big", **fields: Any) -> Any:
    """A large object, uploaded as any client does it."""
    step = plan(store, parent, data, name)
    send(store, parent, step, data)
    return commit(store, parent, step, data, **fields)


def left(store: Store, parent: str) -> list[str]:
    """The names of the segments that are there."""
    rows = store.swift("GET", parent, query={"format": "json"}).json()
    return [row["name"] for row in rows if row["name"].startswith(".oaktree/")]


@pytest.fixture
def parent(modern: Store, name: str) -> str:
    modern.fill(name)
    return name


def test_a_large_object(modern: Store, parent: str) -> None:
    step = plan(modern, parent, DATA)
    assert (step.action, [one.size_bytes for one in step.segments]) == (
        SEND,
        [PART] * 3 + [100_000],
    )
    send(modern, parent, step, DATA)
    assert modern.names(parent) == []
    made = commit(modern, parent, step, DATA, sha256=sha256(DATA), metadata={"a": "b"})
    assert (made.size_bytes, made.is_segmented, dict(made.metadata)) == (SIZE, True, {"a": "b"})
    assert made.etag == segments.etag(map(md5, parts(DATA)))
    got = download(modern, parent, "big")
    assert (got.data == DATA, got.content.sha256, got.content.md5) == (True, sha256(DATA), "")
    assert modern.names(parent) == ["big"]
    assert left(modern, parent) == [one.name for one in step.segments]


def test_the_same_again_is_not_sent(modern: Store, parent: str) -> None:
    whole(modern, parent, DATA)
    step = plan(modern, parent, DATA)
    assert (step.action, len(step.segments)) == (COMPARE, 4)
    assert plan(modern, parent, DATA, knows=True).action == SKIP
    assert plan(modern, parent, OTHER, knows=True).action == SEND


def test_a_list_that_does_not_tell_of_segments(
    modern: Store, parent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As old clouds' lists."""
    page = swift.page

    def silent(*args: Any, **query: Any) -> list[swift.Item]:
        rows = page(*args, **query)
        return [{key: row[key] for key in row if key != "slo_etag"} for row in rows]

    monkeypatch.setattr(swift, "page", silent)
    whole(modern, parent, DATA)
    step = plan(modern, parent, DATA)
    assert (step.action, len(step.segments)) == (COMPARE, 4)
    assert plan(modern, parent, DATA, knows=True).action == SKIP
    assert plan(modern, parent, OTHER, knows=True).action == SEND
    assert modern("AbortStorageObjectUploads", parent=parent).segment_count == 0


def test_what_was_there_before_goes_with_its_segments(modern: Store, parent: str) -> None:
    whole(modern, parent, DATA)
    before = set(left(modern, parent))
    step = plan(modern, parent, OTHER, knows=True)
    # Those of the object that is there are not to be written over.
    assert not before & {one.name for one in step.segments}
    send(modern, parent, step, OTHER)
    assert download(modern, parent, "big").data == DATA
    commit(modern, parent, step, OTHER)
    assert left(modern, parent) == [one.name for one in step.segments]
    assert download(modern, parent, "big").data == OTHER


def test_one_piece_in_the_place_of_segments(modern: Store, parent: str) -> None:
    whole(modern, parent, DATA)
    upload(modern, parent, "big", b"small", at_once=True)
    assert left(modern, parent) == []
    assert download(modern, parent, "big").data == b"small"


def test_a_broken_upload_is_resumed(modern: Store, parent: str) -> None:
    first = plan(modern, parent, DATA)
    send(modern, parent, first, DATA, only={0, 2})
    again = plan(modern, parent, DATA)
    assert (again.action, again.upload_id) == (COMPARE, first.upload_id)
    step = plan(modern, parent, DATA, knows=True)
    assert (step.action, step.upload_id) == (SEND, first.upload_id)
    assert [one.is_done for one in step.segments] == [True, False, True, False]
    send(modern, parent, step, DATA)
    commit(modern, parent, step, DATA)
    assert download(modern, parent, "big").data == DATA
    assert len(left(modern, parent)) == 4


def test_an_upload_of_other_bytes_is_not_resumed(modern: Store, parent: str) -> None:
    first = plan(modern, parent, DATA)
    send(modern, parent, first, DATA, only={1})
    step = plan(modern, parent, OTHER, knows=True)
    assert (step.action, any(one.is_done for one in step.segments)) == (SEND, False)
    assert step.upload_id != first.upload_id


@ways
def test_a_segment_is_never_written_over(modern: Store, parent: str, at_once: bool) -> None:
    step = plan(modern, parent, DATA)
    send(modern, parent, step, DATA)
    commit(modern, parent, step, DATA)
    part = segment(step, 1, SIZE)
    with refused(Code.ABORTED, "CONTENT_CHANGED"):
        upload(modern, parent, "big", parts(OTHER)[1], segment=part, at_once=at_once)
    made = upload(modern, parent, "big", parts(DATA)[1], segment=part, at_once=at_once)
    assert made.etag == md5(parts(DATA)[1])
    assert download(modern, parent, "big").data == DATA


def test_a_commit_that_comes_twice(modern: Store, parent: str) -> None:
    step = plan(modern, parent, DATA)
    send(modern, parent, step, DATA)
    made = commit(modern, parent, step, DATA, only_if_absent=True)
    again = commit(modern, parent, step, DATA, only_if_absent=True)
    assert (again.etag, again.size_bytes) == (made.etag, SIZE)
    assert len(left(modern, parent)) == 4
    with refused(Code.ALREADY_EXISTS):
        whole(modern, parent, OTHER, only_if_absent=True)
    assert download(modern, parent, "big").data == DATA


def told_late(monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    """A commit fails once its answer has begun, as it is with the real Swift."""
    ask = swift.ask

    def late(place: Any, method: str, *path: str, **more: Any) -> Any:
        response = ask(place, method, *path, **more)
        if (more.get("query") or {}).get("multipart-manifest") == "put":
            said = orjson.dumps({"Response Status": status, "Errors": []})
            response._content = b" \r\n\r\n" + said
        return response

    monkeypatch.setattr(swift, "ask", late)


def test_a_commit_that_fails_late(
    modern: Store, parent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = plan(modern, parent, DATA)
    send(modern, parent, step, DATA)
    told_late(monkeypatch, "503 Service Unavailable")
    with refused(Code.UNKNOWN, "CLOUD_ERROR") as caught:
        commit(modern, parent, step, DATA)
    assert "503" in caught.message
    told_late(monkeypatch, "412 Precondition Failed")
    assert commit(modern, parent, step, DATA, only_if_absent=True).size_bytes == SIZE


def test_a_commit_without_a_segment(modern: Store, parent: str) -> None:
    modern.swift("PUT", parent, "big", body=b"before")
    step = plan(modern, parent, DATA)
    send(modern, parent, step, DATA, only={0, 1, 3})
    with refused(Code.FAILED_PRECONDITION, "CONTENT_CHANGED") as caught:
        commit(modern, parent, step, DATA)
    assert "00000002" in caught.message
    assert (len(left(modern, parent)), download(modern, parent, "big").data) == (3, b"before")
    send(modern, parent, step, DATA, only={2})
    commit(modern, parent, step, DATA)
    assert download(modern, parent, "big").data == DATA


def test_a_commit_of_other_segments(modern: Store, parent: str) -> None:
    step = plan(modern, parent, DATA)
    send(modern, parent, step, DATA)
    with refused(Code.FAILED_PRECONDITION, "CONTENT_CHANGED"):
        commit(modern, parent, step, OTHER)
    assert modern.names(parent) == []


def test_an_abort(modern: Store, parent: str) -> None:
    whole(modern, parent, DATA, "there")
    kept = left(modern, parent)
    for name in ("a", "b"):
        send(modern, parent, plan(modern, parent, DATA, name), DATA, only={0, 3})
    told = modern("AbortStorageObjectUploads", parent=parent, dry_run=True)
    assert (told.segment_count, told.segments_size_bytes) == (4, 800_000)
    assert len(left(modern, parent)) == 8
    told = modern("AbortStorageObjectUploads", parent=parent, name="a")
    assert told.segment_count == 2
    told = modern("AbortStorageObjectUploads", parent=parent, untouched_for={"seconds": 60})
    assert told.segment_count == 0
    assert modern("AbortStorageObjectUploads", parent=parent).segment_count == 2
    assert left(modern, parent) == kept
    assert download(modern, parent, "there").data == DATA
    assert modern("AbortStorageObjectUploads", parent=parent, name="there").segment_count == 0


def test_two_at_once(modern: Store, parent: str) -> None:
    """The one that is committed last is there, whole, and no segments but its own stay for long."""
    whole(modern, parent, DATA)
    each = [random.Random(number).randbytes(SIZE) for number in range(4)]
    with ThreadPoolExecutor(len(each)) as pool:
        made = list(pool.map(lambda data: whole(modern, parent, data), each))
    got = download(modern, parent, "big").data
    # Each is told what was there right after its own was.
    assert {one.etag for one in made} <= {segments.etag(map(md5, parts(data))) for data in each}
    assert got in each
    modern("AbortStorageObjectUploads", parent=parent)
    assert len(left(modern, parent)) == 4
    assert download(modern, parent, "big").data == got


@pytest.mark.parametrize("kind", ["cut", "killed", "wrong_etag"])
def test_a_segment_that_fails_is_sent_again(
    modern: Store, parent: str, plant: Callable[..., None], kind: str
) -> None:
    step = plan(modern, parent, DATA)
    plant(kind, "PUT", after_bytes=1000)
    with pytest.raises(grpc.RpcError):
        send(modern, parent, step, DATA)
    assert left(modern, parent) == []
    send(modern, parent, step, DATA)
    commit(modern, parent, step, DATA)
    assert download(modern, parent, "big").data == DATA


@pytest.mark.parametrize("kind", ["lost_answer", "cut", "status"])
def test_a_commit_that_fails_is_sent_again(
    modern: Store, parent: str, plant: Callable[..., None], kind: str
) -> None:
    modern.swift("PUT", parent, "big", body=b"before")
    step = plan(modern, parent, DATA)
    send(modern, parent, step, DATA)
    plant(kind, "PUT", status=503)
    with pytest.raises(grpc.RpcError):
        commit(modern, parent, step, DATA)
    assert download(modern, parent, "big").data == (DATA if kind == "lost_answer" else b"before")
    commit(modern, parent, step, DATA)
    assert download(modern, parent, "big").data == DATA
    assert len(left(modern, parent)) == 4


def test_a_copy_of_a_manifest_keeps_its_segments(modern: Store, parent: str) -> None:
    """Other tools copy large objects so: then two are made of the same segments."""
    whole(modern, parent, DATA)
    query = {"multipart-manifest": "get"}
    copy = {"X-Copy-From": f"/{parent}/big"}
    modern.swift("PUT", parent, "copy", query=query, headers=copy, body=b"")
    modern.swift("DELETE", parent, "big")
    assert modern("AbortStorageObjectUploads", parent=parent).segment_count == 0
    assert modern("AbortStorageObjectUploads", parent=parent, name="big").segment_count == 0
    assert download(modern, parent, "copy").data == DATA
    modern.swift("DELETE", parent, "copy")
    assert modern("AbortStorageObjectUploads", parent=parent).segment_count == 4


def test_others_things_under_the_same_prefix_are_left(modern: Store, parent: str) -> None:
    odd = [f"{segments.PREFIX}{rest}" for rest in ("x", "0" * 64, f"{'0' * 64}/a/1/1/00000000")]
    for name in odd:
        modern.swift("PUT", parent, name, body=b"x")
    assert modern("AbortStorageObjectUploads", parent=parent).segment_count == 0
    assert left(modern, parent) == sorted(odd)

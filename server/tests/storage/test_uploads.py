"""Uploads in one piece: what is stored, what is refused, and what stays of what fails."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from oaktree import http
from oaktree.democloud import DemoCloud
from oaktreemodel.v1.storage_object_pb2 import UploadStorageObjectRequest
from oaktreemodel.v1.transfer_pb2 import UploadContent, UploadFinish

from ..conftest import until
from .asks import Code, Store, refused
from .moving import download, md5, requests, sha256, start, upload

OBJECT = "/v1/{account}/{container}/{object:path}"
DATA = random.Random("uploads").randbytes(700_000)
EACH = [random.Random(number).randbytes(len(DATA)) for number in range(6)]
BEFORE = b"what was there before"


@pytest.fixture
def parent(modern: Store, name: str) -> str:
    modern.fill(name)
    modern.swift("PUT", name, "before", body=BEFORE)
    return name


@pytest.fixture
def plant(demo: DemoCloud) -> Callable[..., None]:
    def planted(kind: str, method: str = "PUT", **values: Any) -> None:
        demo.fault("modern", kind, service="object-store", method=method, path=OBJECT, **values)

    return planted


def unchanged(store: Store, parent: str) -> None:
    """Nothing came to be, and nothing was lost."""
    assert store.names(parent) == ["before"]
    assert store.swift("GET", parent, "before").content == BEFORE


ways = pytest.mark.parametrize("at_once", [True, False], ids=["at once", "streamed"])


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


@ways
def test_the_cloud_tells_another_checksum(
    modern: Store, parent: str, plant: Callable[..., None], at_once: bool
) -> None:
    plant("wrong_etag")
    with refused(Code.DATA_LOSS, "BYTES_DIFFER") as caught:
        upload(modern, parent, "o", DATA, at_once=at_once)
    assert "was deleted" in caught.message
    unchanged(modern, parent)


def test_a_bit_turns_over_on_the_way_to_the_cloud(
    modern: Store, parent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the digest known beforehand the cloud itself notices."""
    monkeypatch.setattr("oaktree.storage.put.hashlib.md5", lambda *_, **__: _Constant())
    with refused(Code.DATA_LOSS, "BYTES_DIFFER"):
        upload(modern, parent, "before", DATA, at_once=True)
    unchanged(modern, parent)


class _Constant:
    def hexdigest(self) -> str:
        return "0" * 32


@ways
@pytest.mark.parametrize("kind", ["cut", "killed"])
@pytest.mark.parametrize("after", [0, 1, 300_000, len(DATA)])
def test_the_cloud_breaks_off(
    modern: Store, parent: str, plant: Callable[..., None], kind: str, after: int, at_once: bool
) -> None:
    plant(kind, after_bytes=after)
    with refused(Code.UNAVAILABLE, "CLOUD_UNREACHABLE"):
        upload(modern, parent, "before", DATA, at_once=at_once)
    unchanged(modern, parent)
    upload(modern, parent, "before", DATA, at_once=at_once)
    assert download(modern, parent, "before").data == DATA


@ways
def test_the_cloud_takes_no_more(
    modern: Store, parent: str, plant: Callable[..., None], at_once: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(http, "READ_SECONDS", 2.0)
    plant("stall", after_bytes=1000)
    with refused(Code.UNAVAILABLE, "CLOUD_UNREACHABLE"):
        upload(modern, parent, "before", DATA, at_once=at_once)
    unchanged(modern, parent)


@ways
def test_the_answer_is_lost(
    modern: Store, parent: str, plant: Callable[..., None], at_once: bool
) -> None:
    """It took effect, and whoever repeats himself learns of it."""
    plant("lost_answer")
    again = {"only_if_absent": True, "request_id": str(uuid.uuid4()), "at_once": at_once}
    with refused(Code.UNAVAILABLE):
        upload(modern, parent, "o", DATA, **again)
    assert upload(modern, parent, "o", DATA, **again).etag == md5(DATA)


@ways
def test_the_token_is_good_no_longer(
    modern: Store, demo: DemoCloud, parent: str, at_once: bool
) -> None:
    upload(modern, parent, "o", b"before")
    demo.expire_tokens("modern")
    upload(modern, parent, "o", DATA, at_once=at_once)
    assert download(modern, parent, "o").data == DATA


@ways
@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_who_may_write_and_not_look(
    modern: Store, demo: DemoCloud, parent: str, at_once: bool, method: str
) -> None:
    path = "/v1/{account}/{container}"
    demo.fault("modern", "status", service="object-store", method=method, path=path, status=403)
    assert upload(modern, parent, "o", DATA, at_once=at_once).etag == md5(DATA)


@pytest.mark.parametrize(
    ("at_once", "size"), [(True, 60_000), (True, len(DATA)), (False, 60_000), (False, 20 << 20)]
)
def test_the_quota_is_exceeded(modern: Store, parent: str, at_once: bool, size: int) -> None:
    modern.swift("POST", parent, headers={"X-Container-Meta-Quota-Bytes": "50000"})
    data = DATA * (size // len(DATA) + 1)
    with refused(Code.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED"):
        upload(modern, parent, "o", data[:size], at_once=at_once)
    unchanged(modern, parent)


def test_a_client_that_leaves(modern: Store, parent: str, demo: DemoCloud) -> None:
    """At any point: what was there before stays, and nothing goes on."""
    chosen = random.Random("leaving")
    # Those that a fault has left hanging.
    others = demo.traffic("modern")["in_flight"]
    sent = list(requests(modern, parent, "before", DATA))
    there = {BEFORE}
    for _ in range(60):
        some = sent[: chosen.randrange(len(sent)) + 1]
        leaving = _Leaving(some)
        call = start(modern, iter(leaving))
        until(leaving.has_sent.is_set)
        call.cancel()
        leaving.may_end.set()
        with pytest.raises(grpc.RpcError):
            list(call)
        if len(some) == len(sent):
            # It may have been all over by then.
            there.add(DATA)
        assert modern.swift("GET", parent, "before").content in there
    until(lambda: demo.traffic("modern")["in_flight"] <= others)
    upload(modern, parent, "before", DATA)
    assert download(modern, parent, "before").data == DATA


class _Leaving:
    """Sends some messages, and then no more, nor an end."""

    def __init__(self, some: list[Any]) -> None:
        self._some = some
        self.has_sent = threading.Event()
        self.may_end = threading.Event()

    def __iter__(self) -> Iterator[Any]:
        yield from self._some
        self.has_sent.set()
        self.may_end.wait(30)


def at_the_same_time(work: Callable[[bytes], Any]) -> list[Any]:
    """What becomes of it for each of the EACH."""
    with ThreadPoolExecutor(len(EACH)) as pool:
        return list(pool.map(work, EACH))


@ways
def test_some_at_once_to_one_name(modern: Store, parent: str, at_once: bool) -> None:
    """Whichever ends last is there, whole."""
    done = at_the_same_time(lambda data: upload(modern, parent, "o", data, at_once=at_once))
    assert [one.etag for one in done] == list(map(md5, EACH))
    assert download(modern, parent, "o").data in EACH


@ways
def test_some_that_want_to_be_first(modern: Store, parent: str, at_once: bool) -> None:
    """Swift looks when an upload begins: those that began before the first ended are all let in,
    and the last stays."""

    def one(data: bytes) -> Any:
        try:
            return upload(modern, parent, "o", data, at_once=at_once, only_if_absent=True).etag
        except grpc.RpcError as error:
            return error.code()

    outcomes = at_the_same_time(one)
    assert md5(download(modern, parent, "o").data) in outcomes
    assert set(outcomes) <= {Code.ALREADY_EXISTS, *map(md5, EACH)}

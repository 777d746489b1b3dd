"""Downloads of objects: whole, in part, and what a cloud or a client makes of them that fails."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from oaktree import http
from oaktree.democloud import DemoCloud
from oaktreemodel.v1.transfer_pb2 import UploadContent

from ..conftest import until
from .asks import Code, Store, refused
from .moving import Got, begin, download, md5, sha256, upload
from .test_segments import left, whole

SIZE = 1_000_000
DATA = random.Random("downloads").randbytes(SIZE)


@pytest.fixture
def parent(modern: Store, name: str) -> str:
    modern.fill(name)
    modern.swift("PUT", name, "o", body=DATA)
    return name


def test_what_the_bytes_are(modern: Store, parent: str) -> None:
    got = download(modern, parent, "o")
    assert got.object == modern.get(parent, "o")
    told = (got.content.size_bytes, got.content.md5, got.content.etag, got.content.sha256)
    assert told == (SIZE, md5(DATA), md5(DATA), "")
    upload(modern, parent, "small", b"x", at_once=True)
    assert download(modern, parent, "small").content.sha256 == sha256(b"x")


@pytest.mark.parametrize("offset", [0, 1, 500_000, SIZE - 1, SIZE])
@pytest.mark.parametrize("length", [None, 0, 1, 300_000, 2 * SIZE])
@pytest.mark.parametrize("name", ["o", "big"])
def test_a_part(modern: Store, shared: str, offset: int, length: int | None, name: str) -> None:
    part: dict[str, Any] = {"offset_bytes": offset} | (
        {} if length is None else {"length_bytes": length}
    )
    got = download(modern, shared, name, **part)
    assert got.data == DATA[offset : None if length is None else offset + length]
    assert (got.content.size_bytes, got.object.size_bytes) == (SIZE, SIZE)


@pytest.fixture(scope="module")
def kept() -> dict[str, str]:
    return {}


@pytest.fixture
def shared(modern: Store, kept: dict[str, str], name: str) -> str:
    """A container that no test changes, with an object in one piece and one in segments."""
    if not kept:
        modern.fill(name)
        modern.swift("PUT", name, "o", body=DATA)
        modern.swift("PUT", name, "empty", body=b"")
        whole(modern, name, DATA)
        kept["name"] = name
    return kept["name"]


@pytest.mark.parametrize(
    ("name", "size", "length"),
    [("o", SIZE, None), ("o", SIZE, 0), ("big", SIZE, 7), ("empty", 0, None), ("empty", 0, 1)],
)
def test_a_part_beyond_the_end(
    modern: Store, shared: str, name: str, size: int, length: int | None
) -> None:
    part: dict[str, Any] = {"offset_bytes": size + 1} | (
        {} if length is None else {"length_bytes": length}
    )
    with refused(Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", "part.offset_bytes") as caught:
        download(modern, shared, name, **part)
    assert str(size) in caught.message
    assert download(modern, shared, "empty", offset_bytes=0).data == b""


def test_to_go_on_with_the_same_bytes(modern: Store, parent: str) -> None:
    etag = download(modern, parent, "o").content.etag
    got = download(modern, parent, "o", offset_bytes=999_000, if_etag=etag)
    assert got.data == DATA[999_000:]
    modern.swift("PUT", parent, "o", body=DATA[::-1])
    for offset in (0, 999_000, SIZE):
        with refused(Code.FAILED_PRECONDITION, "CONTENT_CHANGED"):
            download(modern, parent, "o", offset_bytes=offset, if_etag=etag)
    with refused(Code.FAILED_PRECONDITION, "CONTENT_CHANGED"):
        download(modern, parent, "o", if_etag='"\r\nX: y')


def test_what_is_not_there(modern: Store, parent: str, name: str) -> None:
    with refused(Code.NOT_FOUND, "NOT_FOUND"):
        download(modern, parent, "other")
    with refused(Code.NOT_FOUND, "NOT_FOUND"):
        download(modern, f"{name}-other", "o")
    with refused(Code.INVALID_ARGUMENT, field="name_or_id"):
        download(modern, parent, ".oaktree/segments/x")


points = pytest.mark.parametrize("after", [0, 1, 300_000, SIZE - 1])
stored = pytest.mark.parametrize("stored", ["one piece", "noted", "segments"])


@stored
@points
@pytest.mark.parametrize("kind", ["cut_body", "short", "wrong_bytes"])
def test_the_cloud_spoils_it(
    modern: Store, parent: str, plant: Callable[..., None], kind: str, after: int, stored: str
) -> None:
    name = {"one piece": "o", "noted": "noted", "segments": "big"}[stored]
    if stored == "segments":
        whole(modern, parent, DATA, sha256=sha256(DATA))
    elif stored == "noted":
        upload(modern, parent, name, DATA, content=UploadContent(sha256=sha256(DATA)))
    plant(kind, "GET", after_bytes=after)
    got = Got()
    with pytest.raises(grpc.RpcError) as error:
        download(modern, parent, name, got)
    expected = Code.UNAVAILABLE if kind == "cut_body" else Code.DATA_LOSS
    assert (error.value.code(), got.is_finished) == (expected, False)
    assert download(modern, parent, name).data == DATA


@points
def test_a_part_that_stops_short(
    modern: Store, parent: str, plant: Callable[..., None], after: int
) -> None:
    for kind in ("cut_body", "short"):
        plant(kind, "GET", after_bytes=min(after, 399_999))
        got = Got()
        with pytest.raises(grpc.RpcError):
            download(modern, parent, "o", got, offset_bytes=1, length_bytes=400_000)
        assert not got.is_finished


def test_the_cloud_says_no_more(
    modern: Store, parent: str, plant: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "READ_SECONDS", 2.0)
    plant("stall", "GET", after_bytes=300_000)
    with refused(Code.UNAVAILABLE, "CLOUD_UNREACHABLE"):
        download(modern, parent, "o")


@pytest.mark.parametrize("index", [0, 1, 3])
def test_a_segment_is_gone(modern: Store, parent: str, index: int) -> None:
    whole(modern, parent, DATA)
    modern.swift("DELETE", parent, left(modern, parent)[index])
    got = Got()
    with pytest.raises(grpc.RpcError):
        download(modern, parent, "big", got)
    assert not got.is_finished
    assert got.data == DATA[: index * 300_000]


def test_the_digest_that_was_noted_is_of_other_bytes(modern: Store, parent: str) -> None:
    headers = {"X-Object-Meta-Oaktree-Sha256": "0" * 64}
    modern.swift("POST", parent, "o", headers=headers)
    with refused(Code.DATA_LOSS, "BYTES_DIFFER"):
        download(modern, parent, "o")
    modern.swift("POST", parent, "o", headers={"X-Object-Meta-Oaktree-Sha256": "none"})
    assert download(modern, parent, "o").content.sha256 == ""


@pytest.mark.parametrize(("name", "is_told"), [("o", True), ("big", False)])
def test_who_checks_it_himself(modern: Store, shared: str, name: str, is_told: bool) -> None:
    """Nothing is computed for him, where the cloud says what the bytes should be."""
    answers = list(begin(modern, shared, name, checks_content=True))
    assert b"".join(answer.chunk for answer in answers) == DATA
    content, finish = answers[0].content, answers[-1].finish
    assert (content.md5, finish.sha256) == ((md5(DATA), "") if is_told else ("", sha256(DATA)))
    rest = list(begin(modern, shared, name, checks_content=True, offset_bytes=9))
    assert rest[-1].finish.sha256 == ("" if is_told else sha256(DATA[9:]))


def test_the_token_is_good_no_longer(modern: Store, demo: DemoCloud, parent: str) -> None:
    demo.expire_tokens("modern")
    assert download(modern, parent, "o").data == DATA


def test_a_client_that_leaves(modern: Store, parent: str, demo: DemoCloud) -> None:
    """At any point: nothing goes on."""
    chosen = random.Random("leaving")
    others = demo.traffic("modern")["in_flight"]
    modern.swift("PUT", parent, "large", body=DATA * 8)
    for _ in range(40):
        call = begin(modern, parent, "large")
        for _ in range(chosen.randrange(30)):
            next(call)
        call.cancel()
    until(lambda: demo.traffic("modern")["in_flight"] <= others)
    assert download(modern, parent, "large").data == DATA * 8

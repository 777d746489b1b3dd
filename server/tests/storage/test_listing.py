"""Lists of objects: what is in them, in which order, and what is not."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest
from oaktree import swift, wire
from oaktree.democloud import DemoCloud
from oaktreemodel.v1.location_pb2 import Location

from ..conftest import Running
from .asks import Code, Store, refused

ODD = [
    "a/../b",
    "..",
    ".",
    "./x",
    "q?x#y/../z",
    "a//b",
    "/lead",
    "trail/",
    "new\nline\r",
    "%41%",
    "100%",
    "ü/é",
    "x" * 1024,
    "→" * 341,
    "sp ace",
    " lead",
    "a\\b",
    "\x01\x7f",
    "a;b&c=d",
    "\U0010ffff",
]


def ordered(names: list[str]) -> list[str]:
    return sorted(names, key=str.encode)


def test_every_odd_name_is_listed_in_the_order_of_its_bytes(store: Store, name: str) -> None:
    store.fill(name, *ODD)
    assert store.names(name) == ordered(ODD)


@pytest.mark.parametrize("most", [1, 2, 7, 10_000])
def test_pages_of_any_size_make_one_list(
    modern: Store, name: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    modern.fill(name, *ODD)
    known = swift.info(modern.place)
    monkeypatch.setattr(swift, "info", lambda place: _with(known, max_listing=most))
    assert modern.names(name) == ordered(ODD)
    assert modern.names(name, limit=5) == ordered(ODD)[:5]


def _with(info: swift.Info, **fields: Any) -> swift.Info:
    return swift.Info(**{**vars(info), **fields})


def test_what_is_told_of_each(store: Store, name: str) -> None:
    store.swift("PUT", name)
    store.swift("PUT", name, "a", body=b"12345", headers={"Content-Type": "text/x; a=b"})
    (one,) = store.listed(name)
    assert (one.id, one.name, one.size_bytes) == ("a", "a", 5)
    assert one.etag == "827ccb0eea8a706c4c34a16891f84e7b"
    assert one.content_type == "text/x; a=b"
    assert one.parent.name == name
    assert one.updated_at.seconds
    assert one.location.project.name == "demo"
    assert one.location.cloud == store.location.cloud
    assert not one.is_prefix


def test_limit_after_and_prefix(modern: Store, name: str) -> None:
    modern.fill(name, *(f"{lead}{number}" for lead in "abc" for number in range(4)))
    assert modern.names(name, limit=2) == ["a0", "a1"]
    assert modern.names(name, after="a1", limit=3) == ["a2", "a3", "b0"]
    assert modern.names(name, prefix="b") == ["b0", "b1", "b2", "b3"]
    assert modern.names(name, prefix="b", after="b1", limit=1) == ["b2"]
    assert modern.names(name, after="c3") == []
    assert modern.names(name, prefix="d") == []


def test_a_delimiter_ends_a_step(modern: Store, name: str) -> None:
    modern.fill(name, "a", "b/1", "b/2", "b/c/3", "d//4", "e")
    found = modern.listed(name, delimiter="/")
    assert [(one.name, one.is_prefix) for one in found] == [
        ("a", False),
        ("b/", True),
        ("d/", True),
        ("e", False),
    ]
    assert not found[1].HasField("size_bytes")
    assert modern.names(name, delimiter="/", prefix="b/") == ["b/1", "b/2", "b/c/"]
    assert modern.names(name, delimiter="/", after="b/", limit=1) == ["d/"]
    assert modern.names(name, delimiter="//") == ["a", "b/1", "b/2", "b/c/3", "d//", "e"]


def test_what_is_oaktree_s_own_is_hidden(
    modern: Store, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = [f".oaktree/segments/{number}" for number in range(9)]
    modern.fill(name, "-", ".oak", ".oaktreeish", "z", *own)
    known = swift.info(modern.place)
    monkeypatch.setattr(swift, "info", lambda place: _with(known, max_listing=2))
    names = ["-", ".oak", ".oaktreeish", "z"]
    assert modern.names(name) == names
    assert modern.names(name, limit=3) == names[:3]
    assert modern.names(name, delimiter="/") == names
    assert modern.names(name, delimiter=".") == ["-", ".", "z"]
    assert modern.names(name, after=".oaktree/segments/3") == names[2:]
    assert modern.names(name, prefix=".oaktree") == [".oaktreeish"]
    modern.swift("DELETE", name, ".oak")
    modern.swift("DELETE", name, ".oaktreeish")
    # Then nothing else begins with a dot.
    assert modern.names(name, delimiter=".") == ["-", "z"]
    assert modern.names(name, prefix=".", delimiter="k") == []


def test_a_large_object_says_that_it_has_segments(modern: Store, name: str) -> None:
    modern.fill(name, "part", "plain")
    manifest = json.dumps([{"path": f"{name}/part"}]).encode()
    modern.swift("PUT", name, "large", query={"multipart-manifest": "put"}, body=manifest)
    large, part, plain = modern.listed(name)
    assert (large.is_segmented, part.is_segmented, plain.is_segmented) == (True, False, False)
    assert large.size_bytes == len("part")
    assert large.etag == modern.get(name, "large").etag


def test_many_come_in_batches(modern: Store, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "BATCH_ITEMS", 10)
    names = [f"{number:02d}" for number in range(25)]
    modern.fill(name, *names)
    responses = modern("ListStorageObjects", parent=name)
    assert len(responses) == 3
    assert all(response.as_of.seconds for response in responses)
    found = [one.name for response in responses for one in response.storage_objects]
    assert found == names


def test_every_place_is_asked_where_none_is_named(
    running: Running, modern: Store, name: str
) -> None:
    modern.fill(name, "here")
    with grpc.insecure_channel(running.address) as channel:
        everywhere = Store(running, channel, modern.location)
        everywhere.location = Location()
        responses = everywhere("ListStorageObjects", parent=name)
    found = [one for response in responses for one in response.storage_objects]
    failures = [one for response in responses for one in response.failures]
    assert [one.name for one in found] == ["here"]
    assert "modern" not in {one.location.cloud for one in failures if one.location.region == "east"}
    assert failures


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "parent"),
    ({"parent": "a/b"}, "parent"),
    ({"parent": "x" * 257}, "parent"),
    ({"parent": "a", "prefix": ".oaktree/"}, "prefix"),
    ({"parent": "a", "prefix": "a\0"}, "prefix"),
    ({"parent": "a", "after": "a\0"}, "after"),
    ({"parent": "a", "delimiter": "\0"}, "delimiter"),
    ({"parent": "a", "limit": -1}, "limit"),
]


@pytest.mark.parametrize(("fields", "field"), REFUSED)
def test_what_is_wrong_is_told_by_field(modern: Store, fields: dict[str, Any], field: str) -> None:
    with refused(Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", field):
        modern("ListStorageObjects", **fields)


def test_no_container_is_not_found(store: Store, name: str) -> None:
    with refused(Code.NOT_FOUND, "NOT_FOUND") as caught:
        store.names(name)
    assert name in caught.message


@pytest.mark.parametrize("kind", ["broken_json", "cut_body"])
def test_half_an_answer_is_no_end(modern: Store, demo: DemoCloud, name: str, kind: str) -> None:
    modern.fill(name, *"abcdef")
    path = "/v1/{account}/{container}"
    demo.fault("modern", kind, service="object-store", method="GET", path=path, times=None)
    with pytest.raises(grpc.RpcError) as error:
        modern.names(name)
    call: Any = error.value
    assert call.code() in (Code.UNKNOWN, Code.UNAVAILABLE)


def test_a_list_that_fails_on_its_way_fails(
    modern: Store, demo: DemoCloud, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    modern.fill(name, *"abcdef")
    known = swift.info(modern.place)
    monkeypatch.setattr(swift, "info", lambda place: _with(known, max_listing=2))
    path = "/v1/{account}/{container}"
    demo.fault("modern", "status", service="object-store", method="GET", path=path, skip=1)
    with refused(Code.UNKNOWN, "CLOUD_ERROR"):
        modern.names(name)


def test_a_cloud_that_says_nothing_holds_nobody(modern: Store, demo: DemoCloud, name: str) -> None:
    modern.fill(name, *"abc")
    path = "/v1/{account}/{container}"
    demo.fault("modern", "silent", service="object-store", method="GET", path=path)
    with pytest.raises(grpc.RpcError) as error:
        modern("ListStorageObjects", parent=name, timeout=1)
    call: Any = error.value
    assert call.code() == Code.DEADLINE_EXCEEDED
    assert modern.names(name) == ["a", "b", "c"]


def test_a_list_that_trickles_in_is_whole(modern: Store, demo: DemoCloud, name: str) -> None:
    names = [f"{number:03d}" for number in range(40)]
    modern.fill(name, *names)
    path = "/v1/{account}/{container}"
    demo.fault(
        "modern", "slow", service="object-store", method="GET", path=path, bytes_per_second=10_000
    )
    assert modern.names(name) == names

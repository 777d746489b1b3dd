"""Uploads that fail: whatever breaks, nothing of them can be used, and the same again succeeds."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from typing import Any

import grpc
import pytest
from oaktree import http
from oaktree.democloud import DemoCloud
from oaktree.images import making
from oaktreemodel.v1.image_pb2 import UploadImageRequest
from oaktreemodel.v1.transfer_pb2 import UploadFinish

from ..conftest import until
from .sending import Images, chunks, finish, first, md5, reason, request_id, whole

DATA = random.Random(9).randbytes(2_000_001)
CUTS = 50


def left(demo: DemoCloud, name: str) -> list[Any]:
    return [image for image in demo.items("modern", "east", "images") if image["name"] == name]


def is_gone(demo: DemoCloud, name: str) -> bool:
    return not left(demo, name)


def refusal(images: Images, demo: DemoCloud, requests: Any, name: str) -> tuple[str, str]:
    """Of an upload of which nothing may be left."""
    with pytest.raises(grpc.RpcError) as caught:
        images.upload(requests)
    assert not left(demo, name)
    return reason(caught.value)


@pytest.mark.parametrize(
    "told",
    ["finish", "promise"],
)
def test_other_bytes_than_were_sent(images: Images, demo: DemoCloud, told: str) -> None:
    spoilt = DATA[:-1] + bytes([DATA[-1] ^ 1])
    if told == "finish":
        requests = [first(DATA, name="bad", disk_format="raw"), *chunks(spoilt), finish(DATA)]
    else:
        requests = [
            first(DATA, name="bad", disk_format="raw", promised=True),
            *chunks(spoilt),
            finish(spoilt),
        ]
    assert refusal(images, demo, requests, "bad") == ("DATA_LOSS", "BYTES_DIFFER")


def test_wrong_md5(images: Images, demo: DemoCloud) -> None:
    """The client's word for it is compared with the cloud's."""
    content = {"size_bytes": len(DATA), "md5": md5(DATA[1:])}
    requests = whole(DATA, name="bad", disk_format="raw", content=content)
    assert refusal(images, demo, requests, "bad") == ("DATA_LOSS", "BYTES_DIFFER")


@pytest.mark.parametrize("what", ["short", "long", "no finish", "no digest", "no MD5"])
def test_other_than_promised(images: Images, demo: DemoCloud, what: str) -> None:
    begin = first(DATA, name="bad", disk_format="raw")
    requests = {
        "short": [begin, *chunks(DATA[:-1]), finish(DATA[:-1])],
        "long": [begin, *chunks(DATA + b"x"), finish(DATA + b"x")],
        "no finish": [begin, *chunks(DATA)],
        "no MD5": whole(
            DATA,
            name="bad",
            disk_format="raw",
            content={"size_bytes": len(DATA), "promises_md5": True},
        ),
        "no digest": [begin, *chunks(DATA), UploadImageRequest(finish=UploadFinish())],
    }
    told = refusal(images, demo, requests[what], "bad")
    assert told == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")


def test_the_client_leaves(images: Images, demo: DemoCloud) -> None:
    """At any moment before it has said that all is sent."""
    dice = random.Random(10)
    for number in range(CUTS):
        size = dice.randrange(1, 600_000)
        data, cut = DATA[:size], dice.randrange(size)
        step = dice.choice((1000, 50_000, 262_144))
        name, identifier = f"cut-{number}", request_id()
        requests = whole(data, name=name, disk_format="raw", request_id=identifier)
        call = images.cut([requests[0], *chunks(data[:cut], step)])
        with pytest.raises(grpc.RpcError):
            list(call)
        # Who comes again at once waits for the end of the first.
        if dice.random() < 0.5:
            until(partial(is_gone, demo, name))
        made = images.image(requests)
        assert (made.checksum, made.status) == (md5(data), "active")
        assert len(left(demo, name)) == 1
        demo.remove("modern", "east", "images", made.id)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"kind": "wrong_etag"}, ("DATA_LOSS", "BYTES_DIFFER")),
        ({"kind": "cut"}, ("UNAVAILABLE", "CLOUD_UNREACHABLE")),
        ({"kind": "cut", "after_bytes": 1_000_000}, ("UNAVAILABLE", "CLOUD_UNREACHABLE")),
        ({"kind": "cut", "after_bytes": 2_000_001}, ("UNAVAILABLE", "CLOUD_UNREACHABLE")),
        ({"kind": "killed", "after_bytes": 1_000_000}, ("UNAVAILABLE", "CLOUD_UNREACHABLE")),
        ({"kind": "stall", "after_bytes": 1_000_000}, ("UNAVAILABLE", "CLOUD_UNREACHABLE")),
        ({"kind": "status", "status": 503}, ("UNAVAILABLE", "CLOUD_ERROR")),
        ({"kind": "status", "status": 500}, ("UNKNOWN", "CLOUD_ERROR")),
        ({"kind": "expired_token"}, ("UNAVAILABLE", "CLOUD_UNREACHABLE")),
    ],
)
def test_the_cloud_fails(
    images: Images,
    demo: DemoCloud,
    monkeypatch: pytest.MonkeyPatch,
    fault: dict[str, Any],
    told: tuple[str, str],
) -> None:
    monkeypatch.setattr(http, "READ_SECONDS", 5.0)
    monkeypatch.setattr(http, "CONNECT_SECONDS", 5.0)
    monkeypatch.setattr(making, "STORING_SECONDS", 5.0)
    demo.fault("modern", service="image", method="PUT", path="/images/{id}/file", **fault)
    requests = whole(DATA, name="bad", disk_format="raw")
    assert refusal(images, demo, requests, "bad") == told
    assert images.image(requests).checksum == md5(DATA)


def test_a_lost_answer(images: Images, demo: DemoCloud) -> None:
    """It was all there; nobody need send it again."""
    demo.fault("modern", "lost_answer", service="image", method="PUT", path="/images/{id}/file")
    made = images.image(whole(DATA, name="lost", disk_format="raw"))
    assert made.checksum == md5(DATA)
    assert len(left(demo, "lost")) == 1


def test_other_format_than_said(images: Images, demo: DemoCloud) -> None:
    """The cloud's own word against it is passed on."""
    requests = whole(DATA, name="bad", disk_format="qcow2")
    with pytest.raises(grpc.RpcError, match="does not match"):
        images.upload(requests)
    assert not left(demo, "bad")


@pytest.mark.parametrize("times", [1, 20])
def test_quota(images: Images, demo: DemoCloud, times: int) -> None:
    """Told before all bytes are sent, too."""
    demo.set("modern", quota={"image_size_total": 1})
    try:
        told = refusal(images, demo, whole(DATA * times, name="bad", disk_format="raw"), "bad")
        assert told == ("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED")
    finally:
        demo.set("modern", quota={"image_size_total": 1_000_000})


def test_the_token_ends_in_the_middle(images: Images, demo: DemoCloud) -> None:
    """One's own oaktree gets another."""

    def requests() -> Iterator[Any]:
        yield first(DATA, name="late", disk_format="raw")
        rest = chunks(DATA)
        yield next(rest)
        until(lambda: any(image["status"] == "saving" for image in left(demo, "late")))
        demo.expire_tokens("modern")
        yield from rest
        yield finish(DATA)

    assert images.image(requests()).checksum == md5(DATA)


def test_deleted_meanwhile(images: Images, demo: DemoCloud) -> None:
    def requests() -> Iterator[Any]:
        yield first(DATA, name="bad", disk_format="raw")
        rest = chunks(DATA)
        yield next(rest)
        until(lambda: any(image["status"] == "saving" for image in left(demo, "bad")))
        demo.remove("modern", "east", "images", left(demo, "bad")[0]["id"])
        yield from rest
        yield finish(DATA)

    with pytest.raises(grpc.RpcError):
        images.upload(requests())
    assert not left(demo, "bad")


def test_the_cloud_is_gone(images: Images, demo: DemoCloud) -> None:
    """In the middle, and for as long as nothing can be deleted."""
    identifier = request_id()

    def requests() -> Iterator[Any]:
        yield first(DATA, name="gone", disk_format="raw", request_id=identifier)
        yield from chunks(DATA[:1_000_000])
        until(lambda: any(image["status"] == "saving" for image in left(demo, "gone")))
        demo.stop("modern")
        yield from chunks(DATA[1_000_000:])
        yield finish(DATA)

    try:
        with pytest.raises(grpc.RpcError) as caught:
            images.upload(requests())
    finally:
        demo.start_again("modern")
    assert reason(caught.value) == ("UNAVAILABLE", "CLOUD_UNREACHABLE")
    assert all(image["status"] != "active" for image in left(demo, "gone"))
    again = whole(DATA, name="gone", disk_format="raw", request_id=identifier)
    assert images.image(again).checksum == md5(DATA)
    assert len(left(demo, "gone")) == 1

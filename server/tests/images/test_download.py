"""Downloads: whole, in parts, and of what the cloud spoils."""

from __future__ import annotations

import random
from typing import Any

import grpc
import pytest
from oaktree import http
from oaktree.democloud import DemoCloud
from oaktreemodel.v1.location_pb2 import Location

from ..conftest import until
from .sending import EAST, Images, md5, reason, sha256, whole

DATA = random.Random(8).randbytes(1_500_001)
CUTS = 50
FILE = {"service": "image", "method": "GET", "path": "/images/{id}/file"}
KILO = Location(cloud="kilo", region="RegionOne")


@pytest.mark.parametrize("location", [EAST, KILO], ids=["modern", "kilo"])
def test_download(images: Images, location: Location) -> None:
    made = images.image(whole(DATA, name="one", disk_format="raw", location=location))
    first, *rest = images.download("one", location=location)
    assert first.image.id == made.id
    content = first.content
    assert (content.size_bytes, content.md5, content.sha256) == (
        len(DATA),
        md5(DATA),
        sha256(DATA),
    )
    assert content.sha512 == made.hash_value
    assert b"".join(one.chunk for one in rest) == DATA
    assert rest[-1].finish.sha256 == sha256(DATA)


def test_who_checks_it_himself(images: Images) -> None:
    """Nothing is computed for him, where the cloud says what the bytes should be."""
    made = images.image(whole(DATA, name="one", disk_format="raw"))
    first, *rest = images.download(made.id, part={"checks_content": True})
    assert b"".join(one.chunk for one in rest) == DATA
    assert (first.content.sha256, rest[-1].finish.sha256) == (sha256(DATA), "")


@pytest.mark.parametrize(
    ("offset", "length"),
    [(0, 1), (1, 1), (5, None), (262_143, 262_146), (1_500_000, 99), (1_500_001, None), (7, 0)],
)
def test_part(images: Images, offset: int, length: int | None) -> None:
    made = images.image(whole(DATA, name="one", disk_format="raw"))
    part: dict[str, Any] = {"offset_bytes": offset}
    if length is not None:
        part["length_bytes"] = length
    etag = images.download(made.id, part={"length_bytes": 0})[0].content.etag
    end = None if length is None else offset + length
    assert images.data(made.id, part=part | {"if_etag": etag}) == DATA[offset:end]


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"offset_bytes": 1_500_002}, ("INVALID_ARGUMENT", "INVALID_ARGUMENT")),
        ({"offset_bytes": -1}, ("INVALID_ARGUMENT", "INVALID_ARGUMENT")),
        ({"length_bytes": -1}, ("INVALID_ARGUMENT", "INVALID_ARGUMENT")),
        ({"if_etag": "other"}, ("FAILED_PRECONDITION", "CONTENT_CHANGED")),
    ],
)
def test_no_such_part(images: Images, part: dict[str, Any], told: tuple[str, str]) -> None:
    made = images.image(whole(DATA, name="one", disk_format="raw"))
    with pytest.raises(grpc.RpcError) as caught:
        images.download(made.id, part=part)
    assert reason(caught.value) == told


@pytest.mark.parametrize("status", ["queued", "saving", "active"])
def test_bytes_not_there(images: Images, demo: DemoCloud, status: str) -> None:
    made = images.image(whole(DATA, name="one", disk_format="raw"))
    demo.alter("modern", "east", "images", made.id, status=status, size=None)
    with pytest.raises(grpc.RpcError) as caught:
        images.download(made.id)
    assert reason(caught.value) == ("FAILED_PRECONDITION", "CONFLICT")


@pytest.mark.parametrize("noted", [True, False])
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"kind": "wrong_bytes"}, ("DATA_LOSS", "BYTES_DIFFER")),
        ({"kind": "short"}, ("DATA_LOSS", "BYTES_DIFFER")),
        ({"kind": "cut_body"}, ("UNAVAILABLE", "CLOUD_UNREACHABLE")),
        ({"kind": "cut_body", "after_bytes": 0}, ("UNAVAILABLE", "CLOUD_UNREACHABLE")),
        ({"kind": "cut"}, ("UNAVAILABLE", "CLOUD_UNREACHABLE")),
        ({"kind": "stall"}, ("UNAVAILABLE", "CLOUD_UNREACHABLE")),
    ],
)
def test_spoilt(
    images: Images,
    demo: DemoCloud,
    monkeypatch: pytest.MonkeyPatch,
    fault: dict[str, Any],
    told: tuple[str, str],
    noted: bool,
) -> None:
    made = images.image(whole(DATA, name="one", disk_format="raw"))
    if not noted:
        demo.alter("modern", "east", "images", made.id, _properties={})
    monkeypatch.setattr(http, "READ_SECONDS", 3.0)
    demo.fault("modern", **FILE, **fault)
    with pytest.raises(grpc.RpcError) as caught:
        images.download(made.id)
    assert reason(caught.value) == told
    assert images.data(made.id) == DATA


def test_the_client_leaves(images: Images, demo: DemoCloud) -> None:
    """At any moment: the cloud is not read from any more, and the next download is good."""
    made = images.image(whole(DATA, name="one", disk_format="raw"))
    dice = random.Random(14)
    for _ in range(CUTS):
        call = images.give(made.id)
        for _ in range(dice.randrange(9)):
            next(call)
        call.cancel()
        start = dice.randrange(len(DATA))
        part = {"offset_bytes": start, "length_bytes": dice.randrange(len(DATA))}
        end = start + part["length_bytes"]
        assert images.data(made.id, part=part) == DATA[start:end]
    until(lambda: demo.traffic("modern")["in_flight"] == 0)


def test_a_client_that_does_not_read(images: Images, demo: DemoCloud) -> None:
    """It holds up nobody but itself."""
    data = DATA * 20
    made = images.image(whole(data, name="one", disk_format="raw"))
    calls = [images.give(made.id) for _ in range(10)]
    for call in calls:
        next(call)
    assert images.data(made.id, part={"length_bytes": 1000}) == data[:1000]
    for call in calls[:5]:
        call.cancel()
    for call in calls[5:]:
        assert b"".join(response.chunk for response in call) == data


def test_the_cloud_is_gone(images: Images, demo: DemoCloud) -> None:
    data = DATA * 20
    made = images.image(whole(data, name="one", disk_format="raw"))
    call = images.give(made.id)
    next(call)
    demo.stop("modern")
    try:
        with pytest.raises(grpc.RpcError) as caught:
            list(call)
    finally:
        demo.start_again("modern")
    assert reason(caught.value) == ("UNAVAILABLE", "CLOUD_UNREACHABLE")
    assert images.data(made.id, part={"length_bytes": 1000}) == data[:1000]

"""Uploads that go well, or are refused before anything is made."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import openstack
import pytest
from oaktree.democloud import DemoCloud
from oaktree.images.formats import HEAD_BYTES, sniff
from oaktree.transfer import EMPTY_MESSAGES, Incoming
from oaktreemodel.v1 import image_pb2
from oaktreemodel.v1.location_pb2 import Location

from .sending import EAST, Images, chunks, finish, first, md5, reason, request_id, sha256, whole

DATA = random.Random(7).randbytes(1_500_001)
KILO = Location(cloud="kilo", region="RegionOne")
DIRECT = Location(cloud="direct", region="RegionOne")
QCOW2 = b"QFI\xfb\x00\x00\x00\x03" + bytes(16) + (1 << 30).to_bytes(8, "big") + bytes(480)
PUT = "PUT image /images/{id}/file"
CREATE = "POST image /images"


@pytest.mark.parametrize("location", [EAST, DIRECT, KILO], ids=["modern", "direct", "kilo"])
def test_upload(images: Images, location: Location) -> None:
    responses = images.upload(
        whole(
            DATA,
            location=location,
            name="one",
            disk_format="raw",
            min_disk_gib=2,
            tags=["t"],
            is_protected=True,
            properties={"os_distro": "debian"},
        )
    )
    assert responses[0].progress.sent_bytes == 0
    image = responses[-1].image
    assert (image.name, image.status, image.disk_format, image.min_disk_gib) == (
        "one",
        "active",
        "raw",
        2,
    )
    assert (image.size_bytes, image.checksum) == (len(DATA), md5(DATA))
    assert image.is_protected
    assert dict(image.properties) == {
        "os_distro": "debian",
        "owner_specified.openstack.md5": md5(DATA),
        "owner_specified.openstack.sha256": sha256(DATA),
        "owner_specified.openstack.object": "images/one",
    }


@pytest.mark.parametrize("size", [1, 511, 32_774, 262_144])
def test_one_message(images: Images, size: int) -> None:
    """A small image is one request, and no more."""
    data = DATA[:size]
    request = first(data, name="small", chunk=data, finish={"sha256": sha256(data).upper()})
    made = images.image([request])
    assert (made.size_bytes, made.checksum, made.disk_format) == (size, md5(data), "raw")
    assert images.data(made.id) == data


@pytest.mark.parametrize(
    ("disk_format", "place", "magic"),
    [
        ("qcow2", 0, b"QFI\xfb\x00\x00\x00\x02"),
        ("qcow2", 0, b"QFI\xfb\x00\x00\x00\x03"),
        ("vhd", 0, b"conectix"),
        ("vhdx", 0, b"vhdxfile"),
        ("vmdk", 0, b"KDMV"),
        ("vmdk", 0, b"# Disk DescriptorFile\n"),
        ("vdi", 0x40, b"\x7f\x10\xda\xbe"),
        ("ploop", 0, b"WithouFreSpacExt"),
        ("iso", 0x8001, b"CD001"),
        # A version that nobody has any more, one byte off, and one byte too few.
        ("raw", 0, b"QFI\xfb\x00\x00\x00\x01"),
        ("raw", 1, b"conectix"),
        ("raw", 0, b"vhdxfil"),
        ("raw", 0, b""),
    ],
)
def test_sniff(disk_format: str, place: int, magic: bytes) -> None:
    head = bytes(place) + magic
    assert sniff(head) == disk_format
    assert sniff(head.ljust(HEAD_BYTES, b"\0")) == disk_format


@pytest.mark.parametrize("size", [7, 64 * 1024])
def test_format_of_the_bytes(images: Images, size: int) -> None:
    """Told by the bytes, however few come at a time."""
    iso = bytes(0x8001) + b"CD001" + bytes(0x10000)
    requests = [first(iso, name="iso"), *chunks(iso, size * 1000 if size == 7 else size)]
    assert images.image([*requests, finish(iso)]).disk_format == "iso"
    assert images.image(whole(QCOW2, name="small")).disk_format == "qcow2"


@pytest.mark.parametrize("disk_format", ["raw", ""])
def test_messages_without_bytes(images: Images, demo: DemoCloud, disk_format: str) -> None:
    """Some do no harm; whoever sends no end of them is not waited for, whatever they precede."""
    begin, empty = (
        first(DATA, name="empty", disk_format=disk_format),
        image_pb2.UploadImageRequest(),
    )
    one, *more = chunks(DATA)
    made = images.image([begin, empty, one, *[empty] * 10, *more, empty, finish(DATA)])
    assert made.checksum == md5(DATA)
    for requests in ([begin], [begin, one]):
        begin.request_id = request_id()
        with pytest.raises(grpc.RpcError, match="messages") as caught:
            images.upload([*requests, *[empty] * EMPTY_MESSAGES, *more, empty])
        assert reason(caught.value) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    names = [image["name"] for image in demo.items("modern", "east", "images")]
    assert names.count("empty") == 1


async def test_a_head_that_comes_byte_by_byte() -> None:
    """Each is looked at once."""
    size, read = 2000, list[int]()

    class Chunk(bytes):
        def __len__(self) -> int:
            read.append(1)
            return super().__len__()

    class Message:
        def __init__(self) -> None:
            self.chunk = Chunk(b"x")

        def HasField(self, name: str) -> bool:
            return False

    async def sent() -> AsyncIterator[Message]:
        for _ in range(size):
            yield Message()

    incoming = Incoming(first(bytes(size), name="slow"), sent())
    assert await incoming.head(size) == b"x" * size
    assert len(read) < 10 * size


def refusal(images: Images, demo: DemoCloud, requests: Any) -> tuple[str, str]:
    """Of an upload for which nothing may be made."""
    demo.reset_calls()
    with pytest.raises(grpc.RpcError) as caught:
        images.upload(requests)
    assert not {CREATE, PUT} & demo.calls().keys()
    return reason(caught.value)


def test_format_not_taken(images: Images, demo: DemoCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = ("FAILED_PRECONDITION", "NOT_OFFERED")
    asked: list[Any] = []

    def never() -> Any:
        yield first(DATA, name="odd", disk_format="luks")
        asked.append(1)
        yield from chunks(DATA)

    assert refusal(images, demo, [first(DATA, name="odd", disk_format="luks")]) == refused
    with pytest.raises(grpc.RpcError, match="qcow2"):
        images.upload(never())
    # As the bytes say.
    monkeypatch.setattr("oaktree.images.upload.sniff", lambda head: "luks")
    assert refusal(images, demo, whole(DATA, name="odd")) == refused


@pytest.mark.parametrize(
    "fields",
    [
        {"content": {"sha256": "0" * 64}},
        {"content": {"size_bytes": 0}},
        {"content": {"size_bytes": -1}},
        {"content": {"size_bytes": 5, "sha256": "0" * 63}},
        {"content": {"size_bytes": 5, "md5": "g" * 32}},
        {"name": ""},
        {"properties": {"checksum": "0"}},
        {"request_id": "7"},
    ],
)
def test_bad_request(images: Images, demo: DemoCloud, fields: dict[str, Any]) -> None:
    request = first(b"bytes", **{"name": "bad", "disk_format": "raw", **fields})
    assert refusal(images, demo, [request]) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")


@pytest.mark.parametrize("told", ["both", "sha256", "md5"])
def test_the_same_bytes_are_not_sent_again(images: Images, demo: DemoCloud, told: str) -> None:
    made = images.image(whole(DATA, name="one", disk_format="raw"))
    digests = {"sha256": sha256(DATA), "md5": md5(DATA)}
    content: dict[str, Any] = {"size_bytes": len(DATA)}
    content |= digests if told == "both" else {told: digests[told]}
    demo.reset_calls()
    # No bytes are waited for.
    responses = images.upload([first(DATA, name="one", content=content)])
    assert responses[0].progress.is_skipped
    assert responses[-1].image.id == made.id
    assert PUT not in demo.calls()


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"size": 5},
        {"status": "deactivated"},
        {"checksum": "0" * 32},
        {"_properties": {}, "checksum": "0" * 32},
        {"owner": "84d3a8650723542dbb6af08062bebc08"},
        {"allow_duplicates": True},
    ],
)
def test_what_is_not_the_same_is_sent(
    images: Images, demo: DemoCloud, change: dict[str, Any]
) -> None:
    made = images.image(whole(DATA, name="one", disk_format="raw"))
    fields = {"allow_duplicates": True} if change.pop("allow_duplicates", False) else {}
    if change:
        demo.alter("modern", "east", "images", made.id, **change)
    again = images.image(whole(DATA, name="one", disk_format="raw", promised=True, **fields))
    assert again.id != made.id
    if "owner" in change:
        demo.remove("modern", "east", "images", made.id)


def test_a_request_that_comes_again(images: Images, demo: DemoCloud) -> None:
    identifier = request_id()
    made = images.image(whole(DATA, name="one", disk_format="raw", request_id=identifier))
    again = images.upload(whole(DATA, name="one", disk_format="raw", request_id=identifier))
    assert (again[0].progress.is_skipped, again[-1].image.id) == (True, made.id)
    for other in (
        whole(DATA[1:], name="one", disk_format="raw", request_id=identifier),
        whole(DATA, name="two", disk_format="raw", request_id=identifier),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            images.upload(other)
        assert reason(caught.value) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")
    assert images.data(made.id) == DATA


def test_what_an_oaktree_that_ended_left(images: Images, demo: DemoCloud) -> None:
    """Records without bytes, and bytes that nobody compared any more."""
    identifier = request_id()
    made = images.image(whole(DATA, name="one", disk_format="raw", request_id=identifier))
    for left in ("queued", "saving", "active"):
        demo.alter("modern", "east", "images", made.id, status=left, _properties={})
        again = images.image(whole(DATA, name="one", disk_format="raw", request_id=identifier))
        assert again.id != made.id
        names = [image["id"] for image in demo.items("modern", "east", "images")]
        assert again.id in names
        assert made.id not in names
        made = again


def test_progress(images: Images, demo: DemoCloud) -> None:
    # More than waits between the two.
    data = DATA * 8
    demo.fault("modern", "slow", service="image", method="PUT", bytes_per_second=5_000_000)
    responses = images.upload(whole(data, name="slow", disk_format="raw"))
    told = [one.progress.sent_bytes for one in responses[:-1]]
    assert told[0] == 0
    assert told == sorted(told)
    assert len(told) > 2
    assert told[-1] <= len(data)


def test_two_at_once(images: Images, demo: DemoCloud) -> None:
    """To one name: each gets its own, and both are good."""
    other = DATA[::-1]
    data = {"one": DATA, "other": other}
    made = {}
    calls = {
        key: images.begin(whole(one, name="both", disk_format="raw")) for key, one in data.items()
    }
    for key, call in calls.items():
        made[key] = list(call)[-1].image
        assert made[key].checksum == md5(data[key])
    assert made["one"].id != made["other"].id
    kept = Counter(image["name"] for image in demo.items("modern", "east", "images"))
    assert kept["both"] == 2


def test_two_of_one_request(images: Images, demo: DemoCloud) -> None:
    """The second waits for the first, and gets what it made."""
    identifier = request_id()
    requests = whole(DATA, name="both", disk_format="raw", request_id=identifier)
    calls = [images.begin(requests) for _ in range(2)]
    made = [list(call)[-1].image for call in calls]
    assert made[0].id == made[1].id
    kept = Counter(image["name"] for image in demo.items("modern", "east", "images"))
    assert kept["both"] == 1


def test_what_openstacksdk_has_sent(
    images: Images, demo: DemoCloud, clouds_yaml: Path, tmp_path: Path
) -> None:
    """And the other way round: neither sends what the other has sent, where it is told digests."""
    path = tmp_path / "disk"
    path.write_bytes(DATA)
    digests = {"md5": md5(DATA), "sha256": sha256(DATA)}
    config = openstack.config.OpenStackConfig(config_files=[str(clouds_yaml)])
    region = config.get_one("modern", region_name="east")
    cloud: Any = openstack.connection.Connection(config=region)
    with cloud:
        sent = cloud.create_image(
            "theirs", filename=str(path), disk_format="raw", wait=True, **digests
        )
        skipped = images.upload([first(DATA, name="theirs", promised=True)])
        assert (skipped[0].progress.is_skipped, skipped[-1].image.id) == (True, sent.id)
        made = images.image(whole(DATA, name="ours", disk_format="raw"))
        again = cloud.create_image(
            "ours", filename=str(path), disk_format="raw", wait=True, **digests
        )
        assert again.id == made.id

"""Uploads to a cloud that takes images by tasks only."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from oaktree.democloud import DemoCloud

from ..conftest import Running, until
from .sending import Images, chunks, finish, first, md5, reason, request_id, sha256, whole

DATA = random.Random(13).randbytes(1_000_001)


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoCloud]:
    with DemoCloud.start(names=("modern",), upload_by_task=True) as clouds:
        yield clouds


@pytest.fixture(autouse=True)
def _nothing_else(demo: DemoCloud) -> Iterator[None]:
    yield
    assert not objects(demo)
    for image in left(demo):
        demo.remove("modern", "east", "images", image["id"])


@pytest.fixture(scope="module")
def running(demo: DemoCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    path = tmp_path_factory.mktemp("tasks") / "clouds.yaml"
    demo.write_clouds_yaml(path)
    server = Running(path)
    yield server
    server.stop()


def left(demo: DemoCloud) -> list[Any]:
    project = demo.project_id("modern")
    return [one for one in demo.items("modern", "east", "images") if one["owner"] == project]


def objects(demo: DemoCloud) -> list[str]:
    """What lies in object storage."""
    account = demo.clouds["modern"].regions["east"].accounts[demo.project_id("modern")]
    return list(account.containers["images"].objects)


def test_upload(images: Images, demo: DemoCloud) -> None:
    identifier = request_id()
    fields = {
        "name": "one",
        "disk_format": "raw",
        "min_disk_gib": 2,
        "tags": ["t"],
        "is_protected": True,
        "properties": {"os_distro": "debian"},
        "request_id": identifier,
    }
    image = images.image(whole(DATA, **fields))
    assert (image.name, image.status, image.checksum) == ("one", "active", md5(DATA))
    assert (image.disk_format, image.min_disk_gib, list(image.tags)) == ("raw", 2, ["t"])
    assert image.is_protected
    assert dict(image.properties) == {
        "os_distro": "debian",
        "owner_specified.openstack.md5": md5(DATA),
        "owner_specified.openstack.sha256": sha256(DATA),
        "owner_specified.openstack.object": "images/one",
    }
    assert images.data(image.id) == DATA
    again = images.upload(whole(DATA, **fields))
    assert (again[0].progress.is_skipped, again[-1].image.id) == (True, image.id)
    until(lambda: not objects(demo))


def test_other_bytes_than_were_sent(images: Images, demo: DemoCloud) -> None:
    spoilt = DATA[:-1] + bytes([DATA[-1] ^ 1])
    with pytest.raises(grpc.RpcError) as caught:
        images.upload([first(DATA, name="bad", disk_format="raw"), *chunks(spoilt), finish(DATA)])
    assert reason(caught.value) == ("DATA_LOSS", "BYTES_DIFFER")
    assert not left(demo)


@pytest.mark.parametrize(
    "fault",
    [
        {"service": "object-store", "method": "PUT", "kind": "wrong_etag"},
        {"service": "image", "method": "POST", "kind": "wrong_etag", "path": "/tasks"},
    ],
)
def test_wrong_checksum(images: Images, demo: DemoCloud, fault: dict[str, Any]) -> None:
    # The first PUT makes the container.
    demo.fault("modern", **fault, skip=int(fault["method"] == "PUT"))
    with pytest.raises(grpc.RpcError) as caught:
        images.upload(whole(DATA, name="bad", disk_format="raw"))
    assert reason(caught.value) == ("DATA_LOSS", "BYTES_DIFFER")
    assert not left(demo)


def test_a_task_that_fails(images: Images, demo: DemoCloud) -> None:
    with pytest.raises(grpc.RpcError, match="does not match") as caught:
        images.upload(whole(DATA, name="bad", disk_format="qcow2"))
    assert reason(caught.value) == ("FAILED_PRECONDITION", "RESOURCE_FAILED")
    assert not left(demo)


def test_leaving(images: Images, demo: DemoCloud) -> None:
    requests = whole(DATA, name="left", disk_format="raw")
    with pytest.raises(grpc.RpcError):
        list(images.cut(requests[:5]))
    assert images.image(requests).checksum == md5(DATA)
    assert len(left(demo)) == 1
    until(lambda: not objects(demo))

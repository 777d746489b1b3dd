"""Images' bytes to the real Glance and back, and all that breaks on the way."""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import oaktreemodel
import pytest
from oaktreemodel.v1 import image_pb2, image_pb2_grpc, location_pb2

from .itself import Itself, eventually
from .killing import while_killed
from .moving import (
    CHUNK_BYTES,
    SIZE,
    Left,
    Slow,
    bare_channel,
    leaving,
    made,
)

AT = location_pb2.Location(cloud="devstack-other", region="RegionOne")
RECORD: dict[str, Any] = {"disk_format": "raw"}
# Of how many points each kind of break happens at.
POINTS = 4


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def images(cloud: Itself, prefix: str) -> list[Any]:
    return [one for one in cloud.things("image") if one.name.startswith(prefix)]


def only_one(cloud: Itself, prefix: str) -> bool:
    return len(images(cloud, prefix)) == 1


def test_there_and_back(
    way: None, other: Any, name: str, itself: Callable[[str], Itself], tmp_path: Path
) -> None:
    content = made()
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(content)
    steps: list[oaktreemodel.Progress] = []
    image = other.images.upload(
        source, name=name, properties={"os_distro": "none"}, progress=steps.append, **RECORD
    )
    assert (image.status, image.size_bytes, image.os_distro) == ("active", SIZE, "none")
    assert (steps[-1].sent_bytes, steps[-1].total_bytes) == (SIZE, SIZE)
    real = itself("other").image.get_image(image.id)
    assert (real.status, real.size, real.name) == ("active", SIZE, name)
    assert real.hash_value == hashlib.sha512(content).hexdigest() == image.hash_value
    assert itself("other").image.download_image(image.id).content == content
    told = other.images.download(name, target)
    assert (told.id, target.read_bytes()) == (image.id, content)
    part = b"".join(other.images.download_chunks(image.id, offset_bytes=5, length_bytes=SIZE - 11))
    assert part == content[5:-6]
    with pytest.raises(oaktreemodel.InvalidArgument):
        other.images.download(image.id, tmp_path / "beyond", offset_bytes=SIZE + 1)
    assert sorted(tmp_path.iterdir()) == [source, target]
    other.images.delete(image.id)


@pytest.mark.parametrize("size", [1, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_small_ones(other: Any, name: str, size: int) -> None:
    content = made(size)
    image = other.images.upload(iter([content[:1], content[1:]]), name=name, **RECORD)
    assert (image.status, image.size_bytes) == ("active", size)
    assert b"".join(other.images.download_chunks(image.id)) == content
    other.images.delete(image.id)


def test_an_image_of_nothing(other: Any, name: str, itself: Callable[[str], Itself]) -> None:
    with pytest.raises(oaktreemodel.InvalidArgument):
        other.images.upload(b"", name=name, **RECORD)
    assert not images(itself("other"), name)


def test_the_same_bytes_are_not_sent_again(
    other: Any, name: str, itself: Callable[[str], Itself]
) -> None:
    content = made()
    first = other.images.upload(content, name=name, **RECORD)
    same = other.images.upload(content, name=name, sha256=sha256(content), **RECORD)
    assert same.id == first.id
    # Nor where nobody knew their checksum beforehand.
    assert other.images.upload(content, name=name, **RECORD).id == first.id
    twin = other.images.upload(content, name=name, allow_duplicates=True, **RECORD)
    changed = other.images.upload(made(), name=name, **RECORD)
    assert len({first.id, twin.id, changed.id}) == 3
    assert {one.id for one in images(itself("other"), name)} == {first.id, twin.id, changed.id}
    for one in (first, twin, changed):
        other.images.delete(one.id)


def test_a_format_that_is_not_taken(other: Any, name: str, itself: Callable[[str], Itself]) -> None:
    with pytest.raises(oaktreemodel.Failed) as caught:
        other.images.upload(made(), name=name, disk_format="punched-cards")
    assert caught.value.reason == "NOT_OFFERED"
    assert "qcow2" in str(caught.value)
    assert not images(itself("other"), name)


def test_other_bytes_than_were_promised(
    address: str, other: Any, name: str, itself: Callable[[str], Itself]
) -> None:
    content = made(3 * CHUNK_BYTES)
    with pytest.raises(ValueError, match="sha256"):
        other.images.upload(content, name=name, sha256=sha256(b"other"), **RECORD)
    kind: Any = image_pb2.UploadImageRequest
    first = kind(location=AT, name=name, disk_format="raw", content={"size_bytes": len(content)})
    chunks = [
        kind(chunk=content[at : at + CHUNK_BYTES]) for at in range(0, len(content), CHUNK_BYTES)
    ]
    wrong = kind(finish={"sha256": sha256(b"other"), "md5": "0" * 32})
    right = kind(finish={"sha256": sha256(content)})
    for sent, code in (
        ([*chunks, wrong], grpc.StatusCode.DATA_LOSS),
        ([*chunks[1:], right], grpc.StatusCode.INVALID_ARGUMENT),
        ([*chunks, *chunks, right], grpc.StatusCode.INVALID_ARGUMENT),
        (chunks, grpc.StatusCode.INVALID_ARGUMENT),
    ):
        with bare_channel(address) as call, pytest.raises(grpc.RpcError) as caught:
            call(image_pb2_grpc.ImageServiceStub, "UploadImage", first, *sent)
        assert caught.value.code() is code
        eventually(lambda: not images(itself("other"), name))


def test_no_room_for_one_more(tight: Any, name: str, itself: Callable[[str], Itself]) -> None:
    first = tight.images.upload(made(), name=name, **RECORD)
    with pytest.raises(oaktreemodel.QuotaExceeded) as caught:
        tight.images.upload(made(), name=f"{name}-2", **RECORD)
    assert caught.value.reason == "QUOTA_EXCEEDED"
    assert {one.id for one in images(itself("tight"), name)} == {first.id}
    tight.images.delete(first.id)


def test_left_in_the_middle(
    way: None, other: Any, name: str, itself: Callable[[str], Itself]
) -> None:
    content = made()
    for _ in range(POINTS):
        with pytest.raises(Left):
            other.images.upload(
                Slow(content), name=name, progress=leaving(random.randrange(SIZE // 2)), **RECORD
            )
        eventually(lambda: not images(itself("other"), name))
    image = other.images.upload(content, name=name, **RECORD)
    assert b"".join(other.images.download_chunks(image.id)) == content
    other.images.delete(image.id)


def test_a_download_that_is_left_is_no_file(
    way: None, other: Any, name: str, tmp_path: Path
) -> None:
    image = other.images.upload(made(), name=name, **RECORD)
    for _ in range(POINTS):
        with pytest.raises(Left):
            other.images.download(
                image.id, tmp_path / "target", progress=leaving(random.randrange(SIZE // 2))
            )
        assert not list(tmp_path.iterdir())
    other.images.delete(image.id)


def test_an_oaktree_killed_in_the_middle(
    way: None,
    clouds_yaml: Path,
    tmp_path: Path,
    other: Any,
    name: str,
    itself: Callable[[str], Itself],
) -> None:
    """Who tries again with the same request id has one image of these bytes and no other."""
    content = made()
    for number in range(POINTS):
        given = {"name": f"{name}-{number}", "request_id": str(uuid.uuid4()), **RECORD}
        seconds = 0.3 + 0.4 * number

        def killed(cloud: Any, given: dict[str, Any] = given, timeout: float = seconds + 5) -> None:
            cloud.images.upload(Slow(content), timeout=timeout, **given)

        while_killed(clouds_yaml, tmp_path, "devstack-other", seconds, killed)
        image = other.images.upload(content, **given)

        eventually(partial(only_one, itself("other"), given["name"]))
        (real,) = images(itself("other"), given["name"])
        assert (real.id, real.status) == (image.id, "active")
        assert real.hash_value == hashlib.sha512(content).hexdigest()
        other.images.delete(image.id)


def test_bytes_that_are_not_there_yet(other: Any, name: str, tmp_path: Path) -> None:
    image = other.images.create(name=name, container_format="bare", **RECORD)
    with pytest.raises(oaktreemodel.Failed) as caught:
        other.images.download(image.id, tmp_path / "target")
    assert "queued" in str(caught.value)
    assert not list(tmp_path.iterdir())
    other.images.delete(image.id)


def test_what_the_cloud_cannot_fetch(
    other: Any, name: str, itself: Callable[[str], Itself]
) -> None:
    # Glance fetches nothing from the loopback interface, nor from any port.
    for url in ("http://127.0.0.1/image", "http://0.0.0.0:22/image"):
        with pytest.raises(oaktreemodel.InvalidArgument):
            other.images.fetch(name=name, url=url, **RECORD)
        assert not images(itself("other"), name)
    # Nothing listens there: the order is taken, and fails.
    image = other.images.fetch(name=name, url="http://0.0.0.0/image", **RECORD)
    assert image.name == name
    with pytest.raises(oaktreemodel.Failed) as caught:
        other.images.wait(image.id, timeout=120)
    assert caught.value.reason == "RESOURCE_FAILED"
    other.images.delete(image.id)

"""Containers and objects in the real Swift, and all that breaks on the way."""

from __future__ import annotations

import hashlib
import random
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import oaktreemodel
import pytest
import requests
from oaktreemodel.v1 import location_pb2, storage_object_pb2, storage_object_pb2_grpc

from .itself import Itself
from .killing import while_killed
from .moving import (
    CHUNK_BYTES,
    SIZE,
    Left,
    Slow,
    bare_channel,
    fetched,
    leaving,
    made,
    md5,
)

AT = location_pb2.Location(cloud="devstack-other", region="RegionOne")
MIB = 1 << 20
POINTS = 4
ODD = [
    "a b",
    "ü/→",
    "100%",
    "q?x#y/../z",
    "./a",
    "..",
    "a//b/",
    "new\nline",
    "a;b=c&d",
    "%2F",
    "\U0001f333" * 256,
]


def test_containers(other: Any, name: str, itself: Callable[[str], Itself]) -> None:
    containers, storage = other.storage_containers, itself("other").storage
    request_id = str(uuid.uuid4())
    given = {"name": name, "metadata": {"team": "tree"}, "quota_count": 7}
    made_one = containers.create(request_id=request_id, **given)
    assert (made_one.name, made_one.quota_count, made_one.is_public) == (name, 7, False)
    # The same again, by whoever does not know whether it was done.
    assert containers.create(request_id=request_id, **given).name == name
    with pytest.raises(oaktreemodel.AlreadyExists):
        containers.create(name=name)
    changed = containers.update(name, is_public=True, metadata={"Team": "oak", "b": "1"})
    assert changed.is_public
    assert dict(changed.metadata) == {"team": "oak", "b": "1"}
    real = storage.get_container_metadata(name)
    assert ".r:*" in real.read_ACL
    assert dict(containers.get(name).metadata) == {"team": "oak", "b": "1"}
    assert name in {one.name for one in containers.list(max_age=0)}
    other.storage_objects.upload(b"x", parent=name, name="x")
    with pytest.raises(oaktreemodel.Failed) as caught:
        containers.delete(name)
    assert caught.value.reason == "CONFLICT"
    other.storage_objects.delete("x", parent=name)
    containers.delete(name)
    with pytest.raises(oaktreemodel.NotFound):
        containers.get(name)
    with pytest.raises(oaktreemodel.PartialFailure, match="NOT_FOUND"):
        list(other.storage_objects.list(parent=name))


def test_an_object(other: Any, container: str, itself: Callable[[str], Itself]) -> None:
    objects, content = other.storage_objects, made()
    sha256 = hashlib.sha256(content).hexdigest()
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    steps: list[oaktreemodel.Progress] = []
    stored = objects.upload(
        content,
        parent=container,
        name="a.html",
        sha256=sha256,
        metadata={"team": "tree"},
        expires_at=expires,
        progress=steps.append,
    )
    assert (stored.name, stored.size_bytes, stored.etag) == ("a.html", SIZE, md5(content))
    assert steps[-1].sent_bytes == SIZE
    assert itself("other").storage.download_object("a.html", container) == content
    seen = objects.get("a.html", parent=container)
    assert seen.sha256 == sha256
    assert (seen.content_type, dict(seen.metadata)) == ("text/html", {"team": "tree"})
    assert seen.expires_at.ToDatetime(UTC) == expires
    assert fetched(other, container, "a.html") == content
    assert fetched(other, container, "a.html", offset_bytes=5, length_bytes=9) == content[5:14]
    with pytest.raises(oaktreemodel.InvalidArgument):
        fetched(other, container, "a.html", offset_bytes=SIZE + 1)
    # What is not named stays, though Swift would forget it.
    objects.update("a.html", parent=container, content_type="text/plain")
    seen = objects.get("a.html", parent=container)
    assert (seen.content_type, dict(seen.metadata)) == ("text/plain", {"team": "tree"})
    assert seen.expires_at.ToDatetime(UTC) == expires
    copy = objects.copy("a.html", parent=container, to_name="b/c", metadata={"team": "oak"})
    assert copy.etag == stored.etag
    assert dict(objects.get("b/c", parent=container).metadata) == {"team": "oak"}
    with pytest.raises(oaktreemodel.AlreadyExists):
        objects.upload(b"other", parent=container, name="b/c", only_if_absent=True)
    with pytest.raises(oaktreemodel.Failed) as caught:
        fetched(other, container, "a.html", if_etag="0" * 32)
    assert caught.value.reason == "CONTENT_CHANGED"
    assert [one.name for one in objects.list(parent=container)] == ["a.html", "b/c"]
    grouped = list(objects.list(parent=container, delimiter="/"))
    assert [(one.name, one.is_prefix) for one in grouped] == [("a.html", False), ("b/", True)]
    objects.delete("a.html", parent=container)
    with pytest.raises(oaktreemodel.NotFound):
        objects.get("a.html", parent=container)


def test_any_name(other: Any, container: str, itself: Callable[[str], Itself]) -> None:
    contents = {odd: made(50) for odd in ODD}
    for odd, content in contents.items():
        other.storage_objects.upload(content, parent=container, name=odd)
    inside = itself("other").objects(container)
    assert {one: real.etag for one, real in inside.items()} == {
        odd: md5(content) for odd, content in contents.items()
    }
    listed = [one.name for one in other.storage_objects.list(parent=container)]
    assert listed == sorted(ODD, key=str.encode)
    for odd, content in contents.items():
        assert fetched(other, container, odd) == content
        other.storage_objects.delete(odd, parent=container)
    assert not itself("other").objects(container)
    for wrong in ("", "x" * 1025, ".oaktree/x"):
        with pytest.raises(oaktreemodel.InvalidArgument):
            other.storage_objects.upload(b"x", parent=container, name=wrong)


def test_many_are_listed_and_deleted(
    other: Any, container: str, itself: Callable[[str], Itself]
) -> None:
    objects = other.storage_objects
    names = [f"{number % 3}/{number:03}" for number in range(30)]
    for one in names:
        objects.upload(one.encode(), parent=container, name=one)
    listed = [one.name for one in objects.list(parent=container, prefix="1/", limit=4)]
    assert listed == sorted(one for one in names if one.startswith("1/"))[:4]
    rest = [one.name for one in objects.list(parent=container, prefix="1/", after=listed[-1])]
    assert sorted(listed + rest) == sorted(one for one in names if one.startswith("1/"))
    told = objects.delete_many(parent=container, prefix="1/", dry_run=True)
    assert len(told) == 10
    assert len(itself("other").objects(container)) == 30
    objects.delete_many(parent=container, prefix="1/")
    objects.delete_many(parent=container, names=["0/000", "nothing of the kind"])
    assert len(itself("other").objects(container)) == 19


def test_other_bytes_than_were_promised(
    address: str, other: Any, container: str, itself: Callable[[str], Itself]
) -> None:
    """What was there stays."""
    before = other.storage_objects.upload(b"before", parent=container, name="x")
    content = made(3 * CHUNK_BYTES)
    kind: Any = storage_object_pb2.UploadStorageObjectRequest
    size = {"size_bytes": len(content)}
    first = kind(location=AT, parent=container, name="x", content=size)
    chunks = [
        kind(chunk=content[at : at + CHUNK_BYTES]) for at in range(0, len(content), CHUNK_BYTES)
    ]
    wrong = kind(finish={"sha256": hashlib.sha256(b"other").hexdigest()})
    right = kind(finish={"sha256": hashlib.sha256(content).hexdigest()})
    lying = kind(location=AT, parent=container, name="x", content={**size, "md5": "0" * 32})
    for sent, code in (
        ([first, *chunks, wrong], grpc.StatusCode.DATA_LOSS),
        ([lying, *chunks, right], grpc.StatusCode.DATA_LOSS),
        ([first, *chunks[1:], right], grpc.StatusCode.INVALID_ARGUMENT),
        ([first, *chunks, *chunks, right], grpc.StatusCode.INVALID_ARGUMENT),
        ([first, *chunks], grpc.StatusCode.INVALID_ARGUMENT),
    ):
        stub = storage_object_pb2_grpc.StorageObjectServiceStub
        with bare_channel(address) as call, pytest.raises(grpc.RpcError) as caught:
            call(stub, "UploadStorageObject", *sent)
        assert caught.value.code() is code, caught.value
        (real,) = itself("other").objects(container).values()
        assert real.etag == before.etag


def test_a_quota_that_is_met(
    other: Any, container: str, tmp_path: Path, itself: Callable[[str], Itself]
) -> None:
    other.storage_containers.update(container, quota_bytes=MIB)
    other.storage_objects.upload(made(MIB // 2), parent=container, name="x")
    with pytest.raises(oaktreemodel.QuotaExceeded):
        other.storage_objects.upload(made(2 * MIB), parent=container, name="x")
    assert itself("other").objects(container)["x"].content_length == MIB // 2
    for number in range(3):
        (tmp_path / f"{number}").write_bytes(made(2 * MIB))
    with pytest.raises(oaktreemodel.QuotaExceeded):
        oaktreemodel.upload_directory(other, tmp_path, container, "many/")


def test_left_in_the_middle(other: Any, container: str, tmp_path: Path) -> None:
    """What was there stays, and no half file is made."""
    before, content = made(), made()
    other.storage_objects.upload(before, parent=container, name="x")
    for _ in range(POINTS):
        with pytest.raises(Left):
            other.storage_objects.upload(
                Slow(content),
                parent=container,
                name="x",
                progress=leaving(random.randrange(SIZE // 2)),
            )
        with pytest.raises(Left):
            other.storage_objects.download(
                "x",
                tmp_path / "x",
                parent=container,
                progress=leaving(random.randrange(SIZE // 2)),
            )
        assert not list(tmp_path.iterdir())
    assert fetched(other, container, "x") == before
    other.storage_objects.upload(content, parent=container, name="x")
    assert fetched(other, container, "x") == content


def test_an_oaktree_killed_in_the_middle(
    clouds_yaml: Path, tmp_path: Path, other: Any, container: str
) -> None:
    for number in range(POINTS):
        before, content = made(), made()
        seconds = 0.2 + 0.4 * number
        other.storage_objects.upload(before, parent=container, name="x")

        def killed(cloud: Any, content: bytes = content, timeout: float = seconds + 5) -> None:
            cloud.storage_objects.upload(Slow(content), parent=container, name="x", timeout=timeout)

        while_killed(clouds_yaml, tmp_path, "devstack-other", seconds, killed)
        assert fetched(other, container, "x") in (before, content)
        other.storage_objects.upload(content, parent=container, name="x")
        assert fetched(other, container, "x") == content


def test_tickets(other: Any, container: str) -> None:
    put = other.storage_objects.sign(parent=container, prefix="in/", is_upload=True)
    for name in ("in/a", "in/b"):
        url = f"{put.url}{name}{put.url_end}"
        answer = requests.put(url, data=b"content", headers=dict(put.headers), timeout=60)
        assert answer.status_code == put.expected_status
    assert requests.put(f"{put.url}out{put.url_end}", data=b"x", timeout=60).status_code == 401
    assert requests.get(f"{put.url}in/a{put.url_end}", timeout=60).status_code == 401
    assert fetched(other, container, "in/a") == b"content"
    get = other.storage_objects.sign(
        parent=container, prefix="in/b", valid_for=timedelta(seconds=2)
    )
    url = f"{get.url}in/b{get.url_end}"
    assert requests.get(url, timeout=60).content == b"content"
    while time.time() <= get.expires_at.ToSeconds() + 1:
        time.sleep(0.2)
    assert requests.get(url, timeout=60).status_code == 401

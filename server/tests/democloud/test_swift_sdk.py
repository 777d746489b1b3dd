"""openstacksdk with the embedded clouds' bytes: objects and images, both ways."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from oaktree.democloud.content import Source

Connect = Callable[..., Any]
DATA = b"".join(Source(3_000_001).pieces())


@pytest.fixture(params=["modern", "kilo"])
def conn(request: pytest.FixtureRequest, connect: Connect) -> Any:
    return connect(request.param, "east" if request.param == "modern" else "")


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / "disk"
    path.write_bytes(DATA)
    return path


def test_containers_and_objects(conn: Any, disk: Path) -> None:
    store = conn.object_store
    store.create_container(name="c")
    store.set_container_metadata("c", color="red")
    assert store.get_container_metadata("c").metadata["color"] == "red"
    store.upload_object("c", "some/name é", filename=str(disk))
    assert [one.name for one in store.objects("c", prefix="some/")] == ["some/name é"]
    found = store.get_object_metadata("some/name é", container="c")
    assert int(found.content_length) == len(DATA)
    assert store.download_object("some/name é", container="c") == DATA
    store.set_object_metadata("some/name é", container="c", size="large")
    store.delete_object("some/name é", container="c")
    store.delete_container("c")
    assert [one.name for one in store.containers()] == []


def test_a_large_object_in_segments(conn: Any, disk: Path) -> None:
    conn.object_store.create_container(name="c")
    conn.create_object("c", "large", filename=str(disk), segment_size=1 << 20)
    names = [one.name for one in conn.object_store.objects("c")]
    assert names == ["large", *[f"large/{n:06}" for n in range(3)]]
    assert conn.object_store.download_object("large", container="c") == DATA
    conn.delete_object("c", "large")
    assert [one.name for one in conn.object_store.objects("c")] == []


def test_a_signature_of_the_sdk(connect: Connect, disk: Path) -> None:
    conn = connect("modern", "east")
    store = conn.object_store
    store.create_container(name="c")
    store.upload_object("c", "o", filename=str(disk))
    store.set_account_temp_url_key("secret")
    root = store.get_endpoint()
    path = "/v1/" + root.split("/v1/")[1] + "/c/o"
    signed = store.generate_temp_url(path, 300, "GET", temp_url_key="secret")
    url = root.split("/v1/")[0] + signed
    answer = conn.session.get(url, authenticated=False)
    assert answer.content == DATA


def test_an_image_both_ways(conn: Any, disk: Path) -> None:
    image = conn.create_image(
        "mine", filename=str(disk), disk_format="raw", container_format="bare", wait=True
    )
    assert image.status == "active"
    assert image.checksum == hashlib.md5(DATA).hexdigest()
    got = conn.image.download_image(image.id)
    assert got.content == DATA
    conn.image.delete_image(image.id)


def test_an_image_by_an_import(connect: Connect, disk: Path) -> None:
    conn = connect("modern", "east")
    image = conn.create_image(
        "staged",
        filename=str(disk),
        disk_format="raw",
        container_format="bare",
        use_import=True,
        wait=True,
    )
    assert conn.image.get_image(image.id).status == "active"
    with conn.image.download_image(image.id, stream=True) as got:
        assert b"".join(got.iter_content(65536)) == DATA

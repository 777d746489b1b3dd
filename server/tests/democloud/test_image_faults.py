"""Faults on images: a cloud that dies, stalls, cuts or spoils the bytes."""

import hashlib
from collections.abc import Iterator

import pytest
from oaktree.democloud import DemoCloud
from oaktree.democloud.content import Source

from .conftest import Rest, eventually
from .test_image_data import DATA, IMAGES, MIB, OCTETS, becomes, new, put, status, uploading
from .wire import Wire, ask


def test_a_worker_that_is_killed_leaves_the_image_saving(clouds: DemoCloud, modern: Rest) -> None:
    key = new(modern)
    clouds.fault("modern", "killed", method="PUT", path="/images/{id}/file", after_bytes=5)
    assert ask(modern, "PUT", f"{IMAGES}/{key}/file", DATA, content_type=OCTETS).status == 0
    assert status(modern, key) == "saving"
    assert put(modern, key) == 409
    assert modern("DELETE", f"{IMAGES}/{key}").status_code == 204


@pytest.mark.parametrize("kind", ["wrong_bytes", "short", "cut_body", "wrong_etag"])
def test_a_cloud_that_spoils_an_image(clouds: DemoCloud, modern: Rest, kind: str) -> None:
    data = b"".join(Source(MIB).pieces())
    key = new(modern)
    if kind == "wrong_etag":
        clouds.fault("modern", kind, method="PUT", path="/images/{id}/file")
    put(modern, key, data)
    image = modern.get(f"{IMAGES}/{key}")
    path = f"{IMAGES}/{key}/file"
    clouds.fault("modern", kind, method="GET", path="/images/{id}/file", after_bytes=1000)
    answer = ask(modern, "GET", path)
    length = int(answer.headers["content-length"])
    assert answer.status == 200
    if kind == "wrong_bytes":
        wrong = [n for n, byte in enumerate(answer.body) if byte != data[n]]
        assert (wrong, length) == ([1000], MIB)
    elif kind == "short":
        assert (answer.body, length) == (data[:1000], 1000)
    elif kind == "cut_body":
        assert (answer.body, length) == (data[:1000], MIB)
    else:
        assert image["checksum"] != hashlib.md5(data).hexdigest()
    clouds.clear_faults()
    assert modern("GET", path).content == data


def test_an_upload_that_the_cloud_cuts(clouds: DemoCloud, modern: Rest) -> None:
    key = new(modern)
    where = {"method": "PUT", "path": "/images/{id}/file"}
    for kind, after in (("cut", 100_000), ("cut", None)):
        clouds.fault("modern", kind, after_bytes=after, **where)
        wire = Wire(
            modern,
            "PUT",
            f"{IMAGES}/{key}/file",
            content_type=OCTETS,
            content_length=str(MIB),
        )
        assert wire_out(wire, MIB) == 0
        becomes(modern, key, "queued")
    clouds.fault("modern", "lost_answer", **where)
    assert ask(modern, "PUT", f"{IMAGES}/{key}/file", DATA, content_type=OCTETS).status == 0
    assert status(modern, key) == "active"


def wire_out(wire: Wire, size: int) -> int:
    try:
        wire.send(bytes(size))
    except ConnectionError:
        return 0
    return wire.answer().status


def test_a_cloud_that_stalls_in_the_middle(clouds: DemoCloud, modern: Rest) -> None:
    key = new(modern)
    clouds.fault("modern", "stall", method="PUT", path="/images/{id}/file", after_bytes=5)
    wire = uploading(modern, key, content_length="10")
    eventually(lambda: clouds.traffic("modern")["in_flight"] == 1)
    wire.cut()
    becomes(modern, key, "queued")
    put(modern, key)
    clouds.fault("modern", "stall", method="GET", path="/images/{id}/file", after_bytes=5)
    wire = Wire(modern, "GET", f"{IMAGES}/{key}/file")
    got = b""
    while not got.endswith(b"01234"):
        got += wire.socket.recv(100)
    eventually(lambda: clouds.traffic("modern")["in_flight"] == 1)
    wire.cut()
    eventually(lambda: clouds.traffic("modern")["in_flight"] == 0)


def test_a_slow_cloud_gives_and_takes_all(clouds: DemoCloud, modern: Rest) -> None:
    key = new(modern)
    slow = {"path": "/images/{id}/file", "times": 2, "bytes_per_second": 400_000}
    clouds.fault("modern", "slow", **slow)
    data = b"".join(Source(100_000).pieces())

    def pieces() -> Iterator[bytes]:
        yield data[:7]
        yield data[7:]

    assert put(modern, key, pieces()) == 204
    assert modern("GET", f"{IMAGES}/{key}/file").content == data

"""Faults on objects: how a cloud fails that is asked for bytes, or given some."""

import hashlib
from collections.abc import Callable

import pytest
from oaktree.democloud import DemoCloud
from oaktree.democloud.content import Source

from .conftest import Rest, eventually
from .wire import Swift, Wire

OBJECT = "/v1/{account}/{container}/{object:path}"
SIZE = 700_000
DATA = b"".join(Source(SIZE).pieces())
Plant = Callable[..., None]


@pytest.fixture
def swift(modern: Rest) -> Swift:
    made = Swift(modern)
    made.made("/c")
    return made


@pytest.fixture
def plant(clouds: DemoCloud) -> Plant:
    def planted(kind: str, method: str, **values: object) -> None:
        where = {"service": "object-store", "method": method, "path": OBJECT}
        clouds.fault("modern", kind, **{**where, **values})

    return planted


@pytest.mark.parametrize("after", [None, 0, 1, 300_000, SIZE - 1])
@pytest.mark.parametrize("kind", ["cut_body", "short", "wrong_bytes"])
def test_a_download_that_is_spoilt(
    swift: Swift, plant: Plant, kind: str, after: int | None
) -> None:
    swift.made("/c/o", DATA)
    plant(kind, "GET", after_bytes=after)
    got = swift("GET", "/c/o")
    place = SIZE // 2 if after is None else after
    length = place if kind == "short" else SIZE
    assert (got.status, got.headers["content-length"]) == (200, str(length))
    assert got.headers["etag"] == hashlib.md5(DATA).hexdigest()
    if kind == "wrong_bytes":
        assert [n for n in range(SIZE) if got.body[n] != DATA[n]] == [place]
    else:
        assert got.body == DATA[:place]
    assert swift("GET", "/c/o").body == DATA


def test_a_range_that_is_spoilt(swift: Swift, plant: Plant) -> None:
    swift.made("/c/o", DATA)
    plant("wrong_bytes", "GET")
    got = swift("GET", "/c/o", range="bytes=100-199")
    assert (got.status, len(got.body), got.body == DATA[100:200]) == (206, 100, False)


@pytest.mark.parametrize("kind", ["cut", "killed"])
@pytest.mark.parametrize("after", [1, 300_000, SIZE])
def test_an_upload_that_the_cloud_cuts(swift: Swift, plant: Plant, kind: str, after: int) -> None:
    swift.made("/c/o", b"old")
    plant(kind, "PUT", after_bytes=after)
    wire = Wire(swift.rest, "PUT", f"{swift.root}/c/o", content_length=str(SIZE))
    try:
        wire.send(DATA)
    except ConnectionError:
        pass
    else:
        assert wire.answer().status == 0
    assert swift("GET", "/c/o").body == b"old"
    assert swift("PUT", "/c/o", DATA).status == 201


def test_a_cloud_that_lies_about_the_checksum(swift: Swift, plant: Plant) -> None:
    plant("wrong_etag", "PUT")
    etag = hashlib.md5(DATA).hexdigest()
    answer = swift("PUT", "/c/o", DATA, etag=etag)
    assert (answer.status, answer.headers["etag"] == etag) == (201, False)
    got = swift("GET", "/c/o")
    assert (got.body, got.headers["etag"]) == (DATA, answer.headers["etag"])
    assert swift.rows("/c")[0]["hash"] == answer.headers["etag"]


def test_what_every_service_can_do(swift: Swift, clouds: DemoCloud, plant: Plant) -> None:
    plant("status", "PUT", status=503, retry_after=3)
    # Nothing reads the body of what is refused: one that still came would reset the connection.
    refused = swift("PUT", "/c/o", b"x")
    assert (refused.status, refused.headers["retry-after"]) == (503, "3")
    plant("lost_answer", "PUT")
    assert swift("PUT", "/c/o", DATA).status == 0
    assert swift("GET", "/c/o").body == DATA
    plant("delay", "GET", seconds=0.1)
    assert swift("GET", "/c/o").body == DATA
    plant("expired_token", "GET")
    assert swift("GET", "/c/o").status == 401
    swift.rest.login()
    lists = {"method": "GET", "path": "/v1/{account}/{container}"}
    clouds.fault("modern", "broken_json", **lists)
    with pytest.raises(ValueError, match=r"."):
        swift.rows("/c")
    clouds.fault("modern", "empty_list", **lists)
    assert swift.rows("/c") == []
    assert swift.names("/c") == ["o"]
    counted = clouds.calls("modern")
    assert counted[f"PUT object-store {OBJECT}"] == 2


def test_a_slow_cloud(swift: Swift, plant: Plant) -> None:
    plant("slow", "PUT", bytes_per_second=5_000_000)
    assert swift("PUT", "/c/o", DATA).status == 201
    plant("slow", "GET", bytes_per_second=5_000_000)
    assert swift("GET", "/c/o").body == DATA


def test_a_cloud_that_stalls(swift: Swift, clouds: DemoCloud, plant: Plant) -> None:
    swift.made("/c/o", DATA)
    plant("stall", "GET", after_bytes=1000)
    wire = Wire(swift.rest, "GET", f"{swift.root}/c/o")
    got = b""
    while not got.endswith(DATA[900:1000]):
        got += wire.socket.recv(100_000)
    eventually(lambda: clouds.traffic("modern")["in_flight"] == 1)
    wire.cut()
    eventually(lambda: clouds.traffic("modern")["in_flight"] == 0)


def test_a_reader_that_leaves_is_noticed(swift: Swift, clouds: DemoCloud, modern: Rest) -> None:
    key = clouds.add_source_image("modern", "east", "large", 64 << 20)
    wire = Wire(modern, "GET", f"image/v2/images/{key}/file")
    assert wire.socket.recv(1000)
    eventually(lambda: clouds.traffic("modern")["in_flight"] == 1)
    wire.cut()
    eventually(lambda: clouds.traffic("modern")["in_flight"] == 0)
    assert clouds.traffic("modern")["cut"] == 1


def test_a_cloud_that_stops_in_the_middle_keeps_what_it_had(
    swift: Swift, clouds: DemoCloud
) -> None:
    swift.made("/c/o", DATA)
    wire = Wire(swift.rest, "PUT", f"{swift.root}/c/o", content_length="1000")
    wire.send(b"new")
    eventually(lambda: clouds.traffic("modern")["in_flight"] == 1)
    clouds.stop("modern")
    assert wire.answer().status == 0
    clouds.start_again("modern")
    assert swift("GET", "/c/o").body == DATA

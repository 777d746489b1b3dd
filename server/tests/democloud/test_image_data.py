"""Glance and bytes: what it takes, what it gives back, and how uploads go wrong."""

import hashlib
import struct
from collections.abc import Callable
from typing import Any

import pytest
from oaktree.democloud import DemoCloud
from oaktree.democloud.content import Source

from .conftest import Rest, eventually
from .wire import Wire, ask

Make = Callable[..., Rest]
IMAGES = "image/v2/images"
BYTES = {"content-type": "application/octet-stream"}
OCTETS = BYTES["content-type"]
DATA = b"0123456789"
MIB = 1 << 20


def new(rest: Rest, **values: Any) -> str:
    body = {"name": "disk", "disk_format": "raw", "container_format": "bare", **values}
    answer = rest("POST", IMAGES, {key: value for key, value in body.items() if value})
    assert answer.status_code == 201, answer.text
    key: str = answer.json()["id"]
    return key


def put(rest: Rest, key: str, data: Any = DATA, **headers: str) -> int:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    path = f"{IMAGES}/{key}/file"
    return rest("PUT", path, data=data, headers=BYTES | headers).status_code


def status(rest: Rest, key: str) -> str:
    found: str = rest.get(f"{IMAGES}/{key}")["status"]
    return found


def becomes(rest: Rest, key: str, wanted: str) -> None:
    eventually(lambda: status(rest, key) == wanted)


def uploading(rest: Rest, key: str, **headers: str) -> Wire:
    """An upload that has begun, and of which 10 bytes have come."""
    wire = Wire(rest, "PUT", f"{IMAGES}/{key}/file", content_type=OCTETS, **headers)
    wire.send(b"a\r\n0123456789\r\n" if "transfer_encoding" in headers else DATA)
    becomes(rest, key, "saving")
    return wire


def test_what_was_uploaded_is_downloaded(modern: Rest) -> None:
    # More than what stays in memory, and no multiple of anything.
    data = b"".join(Source(3 * MIB + 77).pieces())
    key = new(modern)
    assert put(modern, key, data) == 204
    image = modern.get(f"{IMAGES}/{key}")
    assert (image["status"], image["size"], image["virtual_size"]) == ("active", *[len(data)] * 2)
    assert image["checksum"] == hashlib.md5(data).hexdigest()
    assert image["os_hash_value"] == hashlib.sha512(data).hexdigest()
    answer = modern("GET", f"{IMAGES}/{key}/file")
    assert answer.content == data
    assert answer.headers["content-md5"] == image["checksum"]
    assert answer.headers["content-length"] == str(len(data))
    assert put(modern, key) == 409


def test_neither_a_length_nor_chunks_is_an_image_of_nothing(modern: Rest) -> None:
    key = new(modern)
    assert ask(modern, "PUT", f"{IMAGES}/{key}/file", content_type=OCTETS).status == 204
    image = modern.get(f"{IMAGES}/{key}")
    assert (image["status"], image["size"], image["virtual_size"]) == ("active", 0, None)
    assert image["checksum"] == hashlib.md5(b"").hexdigest()


def test_a_length_that_is_too_small_cuts_the_image(modern: Rest) -> None:
    key = new(modern)
    path = f"{IMAGES}/{key}/file"
    assert ask(modern, "PUT", path, DATA, content_length="3", content_type=OCTETS).status == 204
    assert modern.get(f"{IMAGES}/{key}")["size"] == 3
    assert modern("GET", path).content == b"012"


def test_a_size_told_beforehand_is_checked(modern: Rest) -> None:
    key = new(modern)
    for told, words in (("11", "Size mismatch"), ("3", "Size exceeds"), ("x", "Invalid or miss")):
        answer = modern(
            "PUT",
            f"{IMAGES}/{key}/file",
            data=DATA,
            headers=BYTES | {"x-openstack-image-size": told},
        )
        assert (answer.status_code, words in answer.text) == (400, True)
        assert status(modern, key) == "queued"
    assert put(modern, key, x_openstack_image_size="10") == 204


def test_what_is_no_upload(modern: Rest) -> None:
    key = new(modern)
    path = f"{IMAGES}/{key}/file"
    assert modern("PUT", path, data=DATA).status_code == 415
    assert [modern(method, path).status_code for method in ("HEAD", "POST")] == [405, 405]
    assert modern("HEAD", path).headers["allow"] == "GET, PUT"
    bare = new(modern, disk_format=None)
    answer = modern("PUT", f"{IMAGES}/{bare}/file", data=DATA, headers=BYTES)
    assert (answer.status_code, "Property disk_format must be set" in answer.text) == (400, True)
    nobody = "00000000-0000-0000-0000-000000000000"
    assert put(modern, nobody) == 404


@pytest.mark.parametrize("how", [{"content_length": "1000"}, {"transfer_encoding": "chunked"}])
def test_an_upload_that_is_broken_off_may_be_begun_again(modern: Rest, how: dict[str, str]) -> None:
    key = new(modern)
    wire = uploading(modern, key, **how)
    assert modern("GET", f"{IMAGES}/{key}/file").status_code == 204
    assert put(modern, key) == 409
    wire.cut()
    becomes(modern, key, "queued")
    assert modern("GET", f"{IMAGES}/{key}/file").status_code == 204
    assert put(modern, key) == 204


def test_an_image_deleted_during_its_upload(modern: Rest) -> None:
    key = new(modern)
    wire = uploading(modern, key, content_length="20")
    assert modern("DELETE", f"{IMAGES}/{key}").status_code == 204
    wire.send(DATA)
    answer = wire.answer()
    assert (answer.status, b"may have been deleted during the upload" in answer.body) == (410, True)


def test_the_quota_in_mebibytes(clouds: DemoCloud, modern: Rest) -> None:
    clouds.set("modern", quota={"image_size_total": 1})
    data = bytes(MIB + 1)
    key = new(modern)
    assert put(modern, key, data) == 413
    assert status(modern, key) == "queued"
    # In chunks nothing is known beforehand; here the image stays as it is.
    assert put(modern, key, iter([data])) == 413
    assert status(modern, key) == "saving"
    small = new(modern)
    assert put(modern, small, bytes(MIB)) == 204
    usage = modern.get("image/v2/info/usage")["usage"]["image_size_total"]
    assert usage == {"usage": 1, "limit": 1}


def test_one_range_and_no_more(modern: Rest) -> None:
    key = new(modern)
    put(modern, key)
    path = f"{IMAGES}/{key}/file"

    def part(text: str) -> tuple[int, bytes, str | None]:
        answer = modern("GET", path, headers={"range": text})
        if answer.ok:
            assert answer.headers["content-md5"] == hashlib.md5(DATA).hexdigest()
            return answer.status_code, answer.content, answer.headers["content-range"]
        return answer.status_code, b"", None

    assert part("bytes=2-4") == (206, b"234", "bytes 2-4/10")
    assert part("bytes=7-") == (206, b"789", "bytes 7-9/10")
    assert part("bytes=-3") == (206, b"789", "bytes 7-9/10")
    assert part("bytes=5-100") == (206, b"56789", "bytes 5-9/10")
    assert part("bytes=-0") == (206, DATA, "bytes 0-9/10")
    assert part("bytes=0-1,3-4")[0] == 400
    for beyond in ("bytes=10-", "bytes=4-2", "bites=1-2", "bytes=x"):
        assert part(beyond)[0] == 416


def test_a_deactivated_image_is_not_downloaded(modern: Rest, rest: Make) -> None:
    key = new(modern)
    put(modern, key)
    assert modern("POST", f"{IMAGES}/{key}/actions/deactivate").status_code == 204
    assert modern("GET", f"{IMAGES}/{key}/file").status_code == 403
    assert rest("modern-admin")("GET", f"{IMAGES}/{key}/file").content == DATA


def header(size: int, **fields: tuple[str, Any]) -> bytes:
    """So many bytes, with these at their places: atPLACE=(format, value)."""
    made = bytearray(size)
    for place, (form, value) in fields.items():
        struct.pack_into(form, made, int(place[2:], 16), value)
    return bytes(made)


QCOW2 = header(1024, at0=("4s", b"QFI\xfb"), at18=(">Q", 7 << 30))
ISO = header(40_000, at8001=("5s", b"CD001"), at8050=("<L", 100), at8080=("<H", 2048))
VHD = header(1024, at0=("8s", b"conectix"), at28=(">Q", 6 * MIB))
VDI = header(1024, at40=("<L", 0xBEDA107F), at170=("<Q", 5 * MIB))


@pytest.mark.parametrize(
    ("disk_format", "data", "virtual_size"),
    [
        ("qcow2", QCOW2, 7 << 30),
        ("iso", ISO, 204_800),
        ("vhd", VHD, 6 * MIB),
        ("vdi", VDI, 5 * MIB),
        ("raw", QCOW2, len(QCOW2)),
        ("ami", b"x" * 1024, None),
    ],
)
def test_how_large_the_disk_is(
    modern: Rest, disk_format: str, data: bytes, virtual_size: int | None
) -> None:
    key = new(modern, disk_format=disk_format)
    assert put(modern, key, data) == 204
    image = modern.get(f"{IMAGES}/{key}")
    assert (image["virtual_size"], image["size"]) == (virtual_size, len(data))


def test_bytes_that_are_not_of_their_format(modern: Rest, rest: Make) -> None:
    key = new(modern, disk_format="qcow2")
    answer = modern("PUT", f"{IMAGES}/{key}/file", data=VHD, headers=BYTES)
    assert answer.status_code == 415
    assert "Image disk_format qcow2 does not match stream data vhd" in answer.text
    assert status(modern, key) == "queued"
    kilo = rest("kilo")
    old = new(kilo, disk_format="qcow2")
    assert put(kilo, old, VHD) == 204
    assert kilo.get(f"{IMAGES}/{old}")["virtual_size"] is None


def test_the_images_there_from_the_start_have_bytes(modern: Rest) -> None:
    image = modern.get(f"{IMAGES}?name=cirros")["images"][0]
    data = modern("GET", f"{IMAGES}/{image['id']}/file").content
    assert (len(data), hashlib.md5(data).hexdigest()) == (image["size"], image["checksum"])
    assert hashlib.sha512(data).hexdigest() == image["os_hash_value"]


def test_made_up_images_for_benchmarks(clouds: DemoCloud, modern: Rest) -> None:
    key = clouds.add_source_image("modern", "east", "large", 3 * MIB + 1)
    image = modern.get(f"{IMAGES}/{key}")
    data = modern("GET", f"{IMAGES}/{key}/file").content
    assert data == b"".join(Source(3 * MIB + 1).pieces())
    assert hashlib.md5(data).hexdigest() == image["checksum"]
    part = modern("GET", f"{IMAGES}/{key}/file", headers={"range": "bytes=1048570-1048580"})
    assert part.content == data[1048570:1048581]


def test_a_sink(clouds: DemoCloud, modern: Rest) -> None:
    with pytest.raises(ValueError, match="uploads must be one of kept, hashed, assumed"):
        clouds.set("modern", uploads="eaten")
    data = b"x" * 100_000
    clouds.set("modern", uploads="hashed")
    key = new(modern)
    put(modern, key, data)
    assert modern.get(f"{IMAGES}/{key}")["checksum"] == hashlib.md5(data).hexdigest()
    clouds.set("modern", uploads="assumed")
    key = new(modern)
    put(modern, key, data)
    made_up = b"".join(Source(len(data)).pieces())
    assert modern.get(f"{IMAGES}/{key}")["checksum"] == hashlib.md5(made_up).hexdigest()
    assert modern("GET", f"{IMAGES}/{key}/file").content == made_up


def test_the_file_that_large_images_lie_in_shrinks(clouds: DemoCloud, modern: Rest) -> None:
    arena = clouds.clouds["modern"].arena
    keys = [new(modern), new(modern)]
    for key in keys:
        put(modern, key, bytes(2 * MIB + 1))
    held = arena._file
    assert held is not None
    assert held.seek(0, 2) == 4 * MIB
    for key in keys:
        modern("DELETE", f"{IMAGES}/{key}")
    assert held.seek(0, 2) == 0

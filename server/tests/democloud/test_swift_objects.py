"""Swift: objects, what is said of them, and what of them is read."""

import hashlib
from collections.abc import Callable
from email.utils import formatdate
from time import time

import pytest
from oaktree.democloud.content import Source

from .conftest import Rest, eventually
from .wire import Swift, Wire, ask

Make = Callable[..., Rest]
DATA = b"0123456789"
ETAG = hashlib.md5(DATA).hexdigest()


@pytest.fixture
def swift(modern: Rest) -> Swift:
    made = Swift(modern)
    made.made("/c")
    return made


def test_what_was_uploaded_is_downloaded(swift: Swift) -> None:
    data = b"".join(Source((3 << 20) + 77).pieces())
    answer = swift("PUT", "/c/o", data, content_type="text/x", x_object_meta_color="red")
    assert (answer.status, answer.headers["etag"]) == (201, hashlib.md5(data).hexdigest())
    got = swift("GET", "/c/o")
    assert got.body == data
    assert (got.headers["content-type"], got.headers["x-object-meta-color"]) == ("text/x", "red")
    described = swift("HEAD", "/c/o")
    assert (described.status, described.body) == (200, b"")
    assert described.headers["content-length"] == str(len(data))
    assert described.headers["etag"] == got.headers["etag"]
    assert {"x-timestamp", "last-modified", "accept-ranges"} <= described.headers.keys()


def test_of_two_uploads_the_later_stays(swift: Swift) -> None:
    swift.made("/c/o", DATA)
    swift.made("/c/o", b"new")
    assert swift("GET", "/c/o").body == b"new"
    facts = swift("HEAD", "/c").headers
    assert (facts["x-container-object-count"], facts["x-container-bytes-used"]) == ("1", "3")


def test_a_wrong_checksum_leaves_what_was_there(swift: Swift) -> None:
    assert swift("PUT", "/c/o", DATA, etag="0" * 32).status == 422
    assert swift("GET", "/c/o").status == 404
    swift.made("/c/o", DATA, etag=f'"{ETAG.upper()}"')
    assert swift("PUT", "/c/o", b"other", etag=ETAG).status == 422
    assert swift("GET", "/c/o").body == DATA


def test_an_upload_that_is_broken_off_leaves_what_was_there(swift: Swift) -> None:
    swift.made("/c/o", DATA)
    for how in ({"content_length": "1000"}, {"transfer_encoding": "chunked"}):
        wire = Wire(swift.rest, "PUT", f"{swift.root}/c/o", **how)
        wire.send(b"5\r\nother\r\n")
        wire.cut()
    assert swift("GET", "/c/o").body == DATA
    assert swift.names("/c") == ["o"]


def test_only_if_absent(swift: Swift) -> None:
    assert swift("PUT", "/c/o", DATA, if_none_match="*").status == 201
    assert swift("PUT", "/c/o", b"other", if_none_match="*").status == 412
    assert swift("PUT", "/c/o", b"other", if_none_match=ETAG).status == 400
    # There is no compare and set.
    assert swift("PUT", "/c/o", b"new", if_match="0" * 32).status == 201


def test_lengths(swift: Swift) -> None:
    chunks = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    sent = swift("PUT", "/c/o", chunks, transfer_encoding="chunked", content_length=None)
    assert (sent.status, sent.headers["etag"]) == (201, hashlib.md5(b"abcde").hexdigest())
    missing = ask(swift.rest, "PUT", f"{swift.root}/c/o")
    assert (missing.status, missing.body) == (411, b"Missing Content-Length header.")
    assert swift("PUT", "/c/o", content_length=str(6 << 30)).status == 413
    assert swift("GET", "/c/o").body == b"abcde"


def test_a_type_from_the_name(swift: Swift) -> None:
    swift.made("/c/a.html", b"x")
    swift.made("/c/a.nonsense", b"x")
    types = [row["content_type"] for row in swift.rows("/c")]
    assert types == ["text/html", "application/octet-stream"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("bytes=2-4", b"234"),
        ("bytes=7-", b"789"),
        ("bytes=-3", b"789"),
        ("bytes=-100", DATA),
        ("bytes=5-100", b"56789"),
        ("bytes=0-1,100-", b"01"),
    ],
)
def test_a_range(swift: Swift, text: str, part: bytes) -> None:
    swift.made("/c/o", DATA)
    answer = swift("GET", "/c/o", range=text)
    assert (answer.status, answer.body) == (206, part)
    start = DATA.index(part)
    assert answer.headers["content-range"] == f"bytes {start}-{start + len(part) - 1}/10"


def test_ranges_that_are_none(swift: Swift) -> None:
    swift.made("/c/o", DATA)
    for text in ("bytes=4-2", "lines=1-2", "bytes=x"):
        assert swift("GET", "/c/o", range=text).body == DATA
    for text in ("bytes=10-", "bytes=-0"):
        beyond = swift("GET", "/c/o", range=text)
        assert (beyond.status, beyond.headers["content-range"]) == (416, "bytes */10")


def test_several_ranges(swift: Swift) -> None:
    swift.made("/c/o", DATA, content_type="text/x")
    answer = swift("GET", "/c/o", range="bytes=0-1,3-4")
    kind, boundary = answer.headers["content-type"].split(";boundary=")
    assert (answer.status, kind) == (206, "multipart/byteranges")
    assert answer.headers["content-length"] == str(len(answer.body))
    parts = answer.body.split(f"--{boundary}".encode())
    assert parts[1] == b"\r\nContent-Type: text/x\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n"
    assert parts[2].endswith(b"bytes 3-4/10\r\n\r\n34\r\n")
    assert parts[3] == b"--"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if_match": ETAG}, 200),
        ({"if_match": f'"{ETAG}"'}, 200),
        ({"if_match": "*"}, 200),
        ({"if_match": "x"}, 412),
        ({"if_match": "x", "range": "bytes=1-2"}, 412),
        ({"if_match": ETAG, "range": "bytes=1-2"}, 206),
        ({"if_none_match": ETAG}, 304),
        ({"if_none_match": "*"}, 304),
        ({"if_none_match": "x"}, 200),
        ({"if_modified_since": formatdate(time() + 9e6, usegmt=True)}, 304),
        ({"if_modified_since": formatdate(0, usegmt=True)}, 200),
        ({"if_unmodified_since": formatdate(0, usegmt=True)}, 412),
    ],
)
def test_conditions(swift: Swift, headers: dict[str, str], status: int) -> None:
    swift.made("/c/o", DATA)
    answer = swift("GET", "/c/o", **headers)
    assert (answer.status, answer.headers["etag"]) == (status, ETAG)
    if status == 412:
        assert swift("HEAD", "/c/o", **headers).status == 412


def test_a_post_replaces_all_that_was_said(swift: Swift) -> None:
    later = str(int(time()) + 1000)
    said = {"x_object_meta_a": "1", "x_delete_at": later, "content_disposition": "attachment"}
    swift.made("/c/o", DATA, content_type="text/x", **said)
    before = swift("HEAD", "/c/o").headers
    assert (before["x-delete-at"], before["content-disposition"]) == (later, "attachment")
    assert swift("POST", "/c/o", x_object_meta_b="2").status == 202
    after = swift("HEAD", "/c/o").headers
    assert after["x-object-meta-b"] == "2"
    gone = {"x-object-meta-a", "x-delete-at", "content-disposition"}
    assert not gone & after.keys()
    assert (after["content-type"], after["etag"]) == ("text/x", ETAG)
    swift("POST", "/c/o", content_type="new/type")
    assert swift("HEAD", "/c/o").headers["content-type"] == "new/type"
    assert swift("POST", "/c/none").status == 404


def test_an_object_that_expires(swift: Swift) -> None:
    swift.made("/c/o", DATA, x_delete_after="1")
    eventually(lambda: swift("GET", "/c/o").status == 404)
    assert swift.names("/c") == ["o"]
    assert [swift(method, "/c/o").status for method in ("HEAD", "POST")] == [404, 404]
    assert swift("DELETE", "/c/o").status == 404
    assert swift.names("/c") == []


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"x_delete_at": "1"}, b"X-Delete-At in past"),
        ({"x_delete_at": "soon"}, b"Non-integer X-Delete-At"),
        ({"x_delete_after": "-1"}, b"X-Delete-After in past"),
        ({"x_delete_after": "soon"}, b"Non-integer X-Delete-After"),
        ({"x_object_meta_a": "v" * 257}, b"Metadata value longer than 256: x-object-meta-A"),
    ],
)
def test_what_is_refused(swift: Swift, headers: dict[str, str], words: bytes) -> None:
    answer = swift("PUT", "/c/o", DATA, **headers)
    assert (answer.status, answer.body) == (400, words)
    assert swift("GET", "/c/o").status == 404


def test_copies(swift: Swift) -> None:
    swift.made("/c/o%20o", DATA, content_type="text/x", x_object_meta_a="1")
    swift.made("/d")
    copied = swift("COPY", "/c/o%20o", destination="d/one")
    assert (copied.status, copied.headers["etag"]) == (201, ETAG)
    assert copied.headers["x-copied-from"] == "c/o%20o"
    assert swift("PUT", "/d/two", x_copy_from="/c/o%20o", x_object_meta_b="2").status == 201
    fresh = {"x_copy_from": "c/o%20o", "x_fresh_metadata": "true", "content_type": "a/b"}
    assert swift("PUT", "/d/three", **fresh).status == 201
    one, two, three = (swift("GET", f"/d/{name}") for name in ("one", "two", "three"))
    assert one.body == two.body == three.body == DATA
    assert one.headers["x-object-meta-a"] == two.headers["x-object-meta-a"] == "1"
    assert (two.headers["x-object-meta-b"], two.headers["content-type"]) == ("2", "text/x")
    assert ("x-object-meta-a" in three.headers, three.headers["content-type"]) == (False, "a/b")
    swift("DELETE", "/c/o%20o")
    assert swift("GET", "/d/one").body == DATA


def test_copies_that_cannot_be(swift: Swift, rest: Make) -> None:
    swift.made("/c/o", DATA)
    for headers, status in (
        ({"x_copy_from": "c/none"}, 404),
        ({"x_copy_from": "none/o"}, 404),
        ({"x_copy_from": "c"}, 412),
    ):
        assert swift("PUT", "/c/x", **headers).status == status
    assert swift("PUT", "/c/x", b"body", x_copy_from="c/o").status == 400
    assert swift("COPY", "/c/o").status == 412
    assert swift("COPY", "/c/o", destination="c").status == 412
    other = Swift(rest("modern-other"))
    other.made("/c")
    theirs = {"x_copy_from": "c/o", "x_copy_from_account": swift.account}
    assert other("PUT", "/c/x", **theirs).status == 403
    swift("POST", "/c", x_container_read=f"{other.rest.project}:*")
    assert other("PUT", "/c/x", **theirs).status == 201
    assert other("GET", "/c/x").body == DATA

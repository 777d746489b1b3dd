"""Swift: large objects, made of segments."""

import hashlib
import json
from typing import Any

import pytest
from oaktree.democloud.content import Source

from .conftest import Rest, eventually
from .wire import Answer, Swift

PARTS = (b"a" * 5, b"b" * 7, b"c" * 3)
WHOLE = b"".join(PARTS)
PUT = "?multipart-manifest=put"


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


ETAG = f'"{md5("".join(map(md5, PARTS)).encode())}"'


@pytest.fixture
def swift(modern: Rest) -> Swift:
    made = Swift(modern)
    made.made("/c")
    made.made("/s")
    for number, part in enumerate(PARTS):
        made.made(f"/s/{number}", part)
    return made


def manifest(**first: Any) -> list[dict[str, Any]]:
    """Of the parts; what is given stands in the first one's row."""
    rows: list[dict[str, Any]] = [
        {"path": f"/s/{number}", "etag": md5(part), "size_bytes": len(part)}
        for number, part in enumerate(PARTS)
    ]
    return [rows[0] | first, *rows[1:]]


def commit(swift: Swift, rows: Any, path: str = "/c/o", query: str = "", **headers: str) -> Answer:
    return swift("PUT", path + PUT + query, json.dumps(rows).encode(), **headers)


@pytest.fixture
def large(swift: Swift) -> Swift:
    assert commit(swift, manifest(), content_type="text/x").status == 201
    return swift


def test_a_manifest_reads_as_the_whole(large: Swift) -> None:
    got = large("GET", "/c/o")
    assert (got.body, got.headers["etag"]) == (WHOLE, ETAG)
    assert got.headers["x-static-large-object"] == "True"
    described = large("HEAD", "/c/o").headers
    assert (described["content-length"], described["etag"]) == ("15", ETAG)
    assert described["content-type"] == "text/x"
    assert large("GET", "/c/o", if_match=ETAG.strip('"')).status == 200
    assert large("GET", "/c/o", if_match="x").status == 412
    assert large("GET", "/c/o", range="bytes=3-8").body == b"aabbbb"
    assert large("GET", "/c/o", range="bytes=3-8").headers["content-range"] == "bytes 3-8/15"
    assert large("GET", "/c/o", range="bytes=0-0,14-14").body.count(b"Content-Range") == 2
    [row] = large.rows("/c")
    assert (row["bytes"], row["slo_etag"]) == (15, ETAG)
    assert row["hash"] == described["x-manifest-etag"]


def test_the_manifest_itself(large: Swift) -> None:
    got = large("GET", "/c/o?multipart-manifest=get")
    assert got.headers["content-type"] == "application/json; charset=utf-8"
    assert got.headers["etag"] == md5(got.body)
    rows = [(row["name"], row["bytes"], row["hash"]) for row in json.loads(got.body)]
    assert rows == [(f"/s/{n}", len(part), md5(part)) for n, part in enumerate(PARTS)]
    raw = large("GET", "/c/o?multipart-manifest=get&format=raw")
    assert json.loads(raw.body) == manifest()


def test_a_post_leaves_it_whole(large: Swift) -> None:
    assert large("POST", "/c/o", x_object_meta_a="1").status == 202
    got = large("GET", "/c/o")
    assert (got.body, got.headers["x-object-meta-a"]) == (WHOLE, "1")


def test_one_that_expires_leaves_its_segments(swift: Swift) -> None:
    assert commit(swift, manifest(), x_delete_after="1").status == 201
    eventually(lambda: swift("GET", "/c/o").status == 404)
    assert swift.names("/s") == ["0", "1", "2"]


def test_segments_of_many_sizes(swift: Swift) -> None:
    parts = [b"".join(Source(size).pieces()) for size in (1 << 20, 3, 1_500_000)]
    for number, part in enumerate(parts):
        swift.made(f"/s/big{number}", part)
    commit(swift, [{"path": f"/s/big{n}"} for n in range(3)])
    whole = b"".join(parts)
    assert swift("GET", "/c/o").body == whole
    answer = swift("GET", "/c/o", range="bytes=1048570-1048600")
    assert answer.body == whole[1_048_570:1_048_601]


@pytest.mark.parametrize(
    ("first", "why"),
    [
        ({"etag": "0" * 32}, "/s/0, Etag Mismatch"),
        ({"size_bytes": 6}, "/s/0, Size Mismatch"),
        ({"path": "/s/none"}, "/s/none, 404 Not Found"),
        ({"range": "100-200"}, "/s/0, Unsatisfiable Range"),
    ],
)
def test_a_segment_that_is_not_as_told(swift: Swift, first: dict[str, Any], why: str) -> None:
    answer = commit(swift, manifest(**first))
    assert (answer.status, answer.body) == (400, f"Errors:\n{why}\n".encode())
    asked = commit(swift, manifest(**first), accept="application/json")
    assert json.loads(asked.body) == {"Errors": [why.split(", ")]}
    beating = commit(swift, manifest(**first), query="&heartbeat=on", accept="application/json")
    told = json.loads(beating.body)
    assert (beating.status, told["Response Status"]) == (202, "400 Bad Request")
    assert told["Errors"] == [why.split(", ")]
    assert swift("GET", "/c/o").status == 404
    assert swift.names("/s") == ["0", "1", "2"]


def test_a_heartbeat(swift: Swift) -> None:
    good = commit(swift, manifest(), query="&heartbeat=on", accept="application/json")
    told = json.loads(good.body)
    assert (good.status, told["Response Status"], told["Etag"]) == (202, "201 Created", ETAG)
    bad = commit(swift, manifest(), query="&heartbeat=on", etag="0" * 32)
    assert (bad.status, b"Response Status: 422 Unprocessable" in bad.body) == (202, True)


@pytest.mark.parametrize(
    ("rows", "status", "words"),
    [
        ({}, 400, b"Manifest must be a list."),
        ([3], 400, b"Index 0: not a JSON object"),
        ([{"etag": None}], 400, b'Index 0: missing keys "path"'),
        (manifest(foo=1), 400, b'Index 0: extraneous keys "foo"'),
        (manifest(path="s"), 400, b"path does not refer to an object"),
        (manifest(path="/c/o"), 400, b"must not include itself"),
        (manifest(size_bytes="x"), 400, b"Index 0: invalid size_bytes"),
        (manifest(size_bytes=0), 400, b"Index 0: too small"),
        ([{"data": "!"}], 400, b"valid base64"),
        ([{"path": f"/s/{n}"} for n in range(1001)], 413, b"must be <= 1000"),
    ],
)
def test_what_is_no_manifest(swift: Swift, rows: Any, status: int, words: bytes) -> None:
    answer = commit(swift, rows)
    assert (answer.status, words in answer.body) == (status, True), answer.body
    assert swift("PUT", "/c/o" + PUT, b"{x").body == b"Manifest must be valid JSON.\n"
    assert swift("GET", "/c/o").status == 404


def test_the_checksum_of_the_whole(swift: Swift) -> None:
    assert commit(swift, manifest(), etag="0" * 32).status == 422
    assert swift("GET", "/c/o").status == 404
    assert commit(swift, manifest(), etag=ETAG).status == 201


def test_parts_of_segments_and_data_and_large_ones(large: Swift) -> None:
    rows = [{"path": "/s/1", "range": "1-3"}, {"data": "aGVsbG8="}, {"path": "/c/o"}]
    commit(large, rows, "/c/nested")
    assert large("GET", "/c/nested").body == b"bbbhello" + WHOLE
    simple = commit(large, rows[:2], "/c/simple")
    # As a real Swift computed it.
    assert simple.headers["etag"] == '"503fb7fc8a86a02ea52368fe28dab089"'


def test_a_segment_that_is_gone_breaks_it_in_the_middle(large: Swift) -> None:
    large("DELETE", "/s/1")
    broken = large("GET", "/c/o")
    assert (broken.status, broken.headers["content-length"]) == (200, "15")
    assert broken.body == PARTS[0]
    assert large("GET", "/c/o", range="bytes=0-2").body == b"aaa"
    assert large("GET", "/c/o", range="bytes=6-7").status == 409
    assert large("HEAD", "/c/o").headers["content-length"] == "15"
    large.made("/s/1", b"B" * 7)
    assert large("GET", "/c/o").body == PARTS[0]
    large("DELETE", "/s/0")
    assert large("GET", "/c/o").status == 409


def test_segments_stay_unless_they_are_to_go(large: Swift) -> None:
    large.made("/c/o", b"plain")
    assert large.names("/s") == ["0", "1", "2"]
    commit(large, manifest())
    assert large("DELETE", "/c/o").status == 204
    assert large.names("/s") == ["0", "1", "2"]
    commit(large, manifest())
    large("DELETE", "/s/2")
    delete = "?multipart-manifest=delete"
    told = json.loads(large("DELETE", f"/c/o{delete}", accept="application/json").body)
    assert (told["Number Deleted"], told["Number Not Found"]) == (3, 1)
    assert large.names("/s") == large.names("/c") == []
    large.made("/c/plain", b"x")
    told = json.loads(large("DELETE", f"/c/plain{delete}", accept="application/json").body)
    assert told["Errors"] == [["/c/plain", "Not an SLO manifest"]]
    told = json.loads(large("DELETE", f"/c/none{delete}", accept="application/json").body)
    assert told["Number Not Found"] == 1


def test_copies_of_large_objects(large: Swift) -> None:
    assert large("PUT", "/c/plain", x_copy_from="c/o").status == 201
    assert large("PUT", "/c/same?multipart-manifest=get", x_copy_from="c/o").status == 201
    assert large("HEAD", "/c/same").headers["etag"] == ETAG
    large("DELETE", "/s/1")
    assert large("GET", "/c/plain").body == WHOLE
    assert large("GET", "/c/same").body == PARTS[0]


def test_a_dynamic_one_is_silently_shorter(swift: Swift) -> None:
    for number, part in enumerate(PARTS):
        swift.made(f"/s/d/{number}", part)
    swift.made("/c/o", x_object_manifest="s/d")
    got = swift("GET", "/c/o")
    assert (got.body, got.headers["etag"]) == (WHOLE, ETAG)
    assert swift("HEAD", "/c/o").headers["content-length"] == "15"
    assert swift("GET", "/c/o", range="bytes=3-6").body == b"aabb"
    assert swift.rows("/c")[0]["bytes"] == 0
    assert swift("GET", "/c/o?multipart-manifest=get").body == b""
    swift("DELETE", "/s/d/1")
    assert swift("GET", "/c/o").body == PARTS[0] + PARTS[2]
    # And after a POST it is nothing at all.
    swift("POST", "/c/o", x_object_meta_a="1")
    assert swift("HEAD", "/c/o").headers["content-length"] == "0"
    assert swift("PUT", "/c/x", x_object_manifest="s").status == 400

"""Swift: accounts and containers, who may do what with them, and lists."""

import json
from collections.abc import Callable

import pytest
from oaktree.democloud import DemoCloud

from .conftest import Rest
from .wire import Swift, ask, escaped

Make = Callable[..., Rest]
NAMES = ("a/1", "a/2", "a/b/3", "b", "c/1", "z", "é")
ODD = ("a/../b", "./x", "../y", "a//b", "q?x#y", "new\nline", "end\n", "tr/", "/lead", "//", "100%")
QUOTA = "x_container_meta_quota_"


@pytest.fixture
def swift(modern: Rest) -> Swift:
    return Swift(modern)


@pytest.fixture
def listed(swift: Swift) -> Swift:
    swift.made("/c")
    for name in NAMES:
        swift.made(f"/c/{escaped(name)}", b"x")
    return swift


def test_an_account_is_there_and_counts(swift: Swift) -> None:
    empty = swift("HEAD")
    assert (empty.status, empty.headers["x-account-container-count"]) == (204, "0")
    assert swift("GET").status == 204
    assert swift.rows() == []
    swift.made("/two")
    swift.made("/one")
    swift.made("/one/o", b"12345")
    facts = swift("HEAD").headers
    counts = [facts[f"x-account-{what}"] for what in ("object-count", "bytes-used")]
    assert (facts["x-account-container-count"], counts) == ("2", ["1", "5"])
    assert [(row["name"], row["count"], row["bytes"]) for row in swift.rows()] == [
        ("one", 1, 5),
        ("two", 0, 0),
    ]
    assert swift("GET", "?marker=one").body == b"two\n"
    assert [swift(method).status for method in ("PUT", "DELETE")] == [405, 405]


def test_metadata_of_accounts_and_containers(swift: Swift) -> None:
    assert swift("POST", x_account_meta_color="red", x_account_meta_size="1").status == 204
    assert swift("POST", x_account_meta_size="").status == 204
    facts = swift("HEAD").headers
    assert (facts["x-account-meta-color"], "x-account-meta-size" in facts) == ("red", False)
    swift.made("/c", x_container_meta_a="1", x_container_meta_b="2")
    assert swift("PUT", "/c", x_container_meta_c="3").status == 202
    assert swift("POST", "/c", x_remove_container_meta_a="x", x_container_meta_b="4").status == 204
    facts = swift("HEAD", "/c").headers
    meta = {name[-1]: value for name, value in facts.items() if "-meta-" in name}
    assert meta == {"b": "4", "c": "3"}


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"x_container_meta_" + "n" * 129: "v"}, b"Metadata name too long"),
        ({"x_container_meta_v": "v" * 257}, b"Metadata value longer than 256"),
        ({"x_container_meta_": "v"}, b"Metadata name cannot be empty"),
        ({f"x_container_meta_{n}": "v" for n in range(91)}, b"Too many metadata items; max 90"),
        ({f"x_container_meta_{n}": "v" * 250 for n in range(17)}, b"Total metadata too large"),
        ({"x_container_read": ".bad:x"}, b"Unknown designator '.bad' in ACL"),
        ({f"{QUOTA}bytes": "much"}, b"Invalid bytes quota."),
        ({f"{QUOTA}count": "many"}, b"Invalid count quota."),
    ],
)
def test_metadata_that_is_refused(swift: Swift, headers: dict[str, str], words: bytes) -> None:
    swift.made("/c")
    answer = swift("POST", "/c", **headers)
    assert (answer.status, words in answer.body) == (400, True), answer.body


def test_containers_come_and_go(swift: Swift) -> None:
    assert [swift(method, "/c").status for method in ("GET", "HEAD", "POST", "DELETE")] == [404] * 4
    assert swift("PUT", "/c/o", b"x").status == 404
    swift.made("/c")
    swift.made("/c/o", b"x")
    full = swift("DELETE", "/c")
    assert full.status == 409
    assert b"<h1>Conflict</h1>" in full.body
    assert swift("DELETE", "/c/o").status == 204
    assert swift("DELETE", "/c/").status == 204
    assert swift("HEAD", "/c").status == 404
    assert swift("PUT", "/" + "x" * 256).status == 201
    long = swift("PUT", "/" + "x" * 257)
    assert (long.status, long.body) == (400, b"Container name length of 257 longer than 256")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", NAMES),
        ("&prefix=a/", ("a/1", "a/2", "a/b/3")),
        ("&delimiter=/", ("a/", "b", "c/", "z", "é")),
        ("&prefix=a/&delimiter=/", ("a/1", "a/2", "a/b/")),
        ("&prefix=a&delimiter=/", ("a/",)),
        ("&delimiter=b", ("a/1", "a/2", "a/b", "b", "c/1", "z", "é")),
        ("&delimiter=//", NAMES),
        ("&marker=a/2", NAMES[2:]),
        ("&end_marker=b", NAMES[:3]),
        ("&marker=a/1&end_marker=c/1", NAMES[1:4]),
        ("&limit=2", NAMES[:2]),
        ("&limit=0", ()),
        ("&limit=x", NAMES),
        ("&delimiter=/&limit=2&marker=a/", ("b", "c/")),
        ("&delimiter=/&marker=a/1", ("a/", "b", "c/", "z", "é")),
        ("&prefix=a/&delimiter=/&marker=a/1", ("a/2", "a/b/")),
        ("&reverse=true", NAMES[::-1]),
        ("&reverse=on&marker=b", ("a/b/3", "a/2", "a/1")),
        ("&reverse=true&end_marker=b&marker=z", ("c/1",)),
        ("&delimiter=/&reverse=true", ("é", "z", "c/", "b", "a/")),
        ("&delimiter=/&reverse=true&marker=c/1", ("b", "a/")),
        ("&prefix=b&reverse=1&limit=1", ("b",)),
    ],
)
def test_lists(listed: Swift, query: str, names: tuple[str, ...]) -> None:
    assert tuple(listed.names("/c", query)) == names


def test_lists_in_each_form(listed: Swift) -> None:
    [row] = listed.rows("/c", "&prefix=b")
    assert (row["bytes"], row["content_type"]) == (1, "application/octet-stream")
    assert row["hash"] == "9dd4e461268c8034f5c8564e155c67a6"
    plain = listed("GET", "/c?prefix=a/")
    assert (plain.status, plain.body) == (200, b"a/1\na/2\na/b/3\n")
    assert plain.headers["x-container-object-count"] == str(len(NAMES))
    assert listed("GET", "/c?prefix=none").status == 204
    asked = listed("GET", "/c", accept="application/json")
    assert [row["name"] for row in json.loads(asked.body)] == list(NAMES)
    beyond = listed("GET", "/c?limit=10001")
    assert (beyond.status, beyond.body) == (412, b"Maximum limit is 10000")


def test_names_are_taken_as_they_come(swift: Swift) -> None:
    swift.made("/c")
    for name in ODD:
        # Only what must be is escaped: the server folds nothing.
        sent = name.replace("%", "%25").replace("?", "%3F").replace("#", "%23")
        swift.made("/c/" + sent.replace("\n", "%0A"), name.encode())
    assert swift.names("/c") == sorted(ODD)
    for name in ODD:
        assert swift("GET", f"/c/{escaped(name)}").body == name.encode()
    for bad in ("/c/%ff", "/c/a%00b", "/%ff"):
        answer = swift("PUT", bad)
        assert (answer.status, answer.body) == (412, b"Invalid UTF8 or contains NULL")


def test_names_of_1024_bytes_and_one_more(swift: Swift) -> None:
    swift.made("/c")
    swift.made(f"/c/{escaped('é' * 512)}", b"x")
    long = swift("PUT", f"/c/{escaped('é' * 512)}n", b"x")
    assert (long.status, long.body) == (400, b"Object name length of 1025 longer than 1024")


def test_pages_of_a_large_container(swift: Swift) -> None:
    swift.made("/c")
    names = [f"{n:03}/{m}" for n in range(12) for m in range(10)]
    for name in reversed(names):
        swift.made(f"/c/{escaped(name)}", b"")
    found: list[str] = []
    while page := swift.names("/c", f"&limit=50&marker={escaped(found[-1]) if found else ''}"):
        found += page
    assert found == names
    assert swift.names("/c", "&delimiter=/&marker=005/&limit=3") == ["006/", "007/", "008/"]


def test_others_are_kept_out(swift: Swift, rest: Make) -> None:
    swift.made("/c")
    swift.made("/c/o", b"mine")
    project = swift.rest.project
    nobody, other = Swift(rest("modern"), project), Swift(rest("modern-other"), project)
    nobody.rest.token = ""
    reader = Swift(rest("modern-reader"), project)
    for path in ("", "/c", "/c/o"):
        refused = nobody("GET", path)
        assert (refused.status, "www-authenticate" in refused.headers) == (401, True)
        assert other("GET", path).status == reader("GET", path).status == 403
    assert other("PUT", "/c/x", b"x").status == other("DELETE", "/c").status == 403
    assert nobody("PUT", "/c/x", b"x").status == 401
    assert Swift(rest("modern-other")).rows() == []
    nobody.rest.token = "gAAAAAnonsense"
    assert nobody("GET", "/c/o").status == 401


def test_regions_hold_each_their_own(swift: Swift, rest: Make) -> None:
    swift.made("/c")
    assert Swift(rest("modern", "west")).rows() == []


def test_public_containers(swift: Swift, rest: Make) -> None:
    swift.made("/c", x_container_meta_temp_url_key="secret")
    swift.made("/c/o", b"public")
    nobody = Swift(rest("modern"), swift.rest.project)
    nobody.rest.token = ""
    swift("POST", "/c", x_container_read=".r:*")
    assert nobody("GET", "/c/o").body == b"public"
    assert nobody("GET", "/c").status == 401
    assert nobody("GET", "/c/nope").status == 404
    swift("POST", "/c", x_container_read=".r:*,.rlistings")
    assert nobody("GET", "/c").body == b"o\n"
    assert nobody("PUT", "/c/x", b"x").status == 401
    # Whoever has a key could write.
    assert not [name for name in nobody("HEAD", "/c").headers if "key" in name or "read" in name]
    assert swift("HEAD", "/c").headers["x-container-read"] == ".r:*,.rlistings"
    nobody.rest.token = rest("modern-other").token
    assert nobody("GET", "/c/o").body == b"public"
    swift("POST", "/c", x_container_read="")
    assert nobody("GET", "/c/o").status == 403


def test_containers_for_another_project(swift: Swift, rest: Make) -> None:
    swift.made("/c")
    swift.made("/c/o", b"shared")
    other = Swift(rest("modern-other"), swift.rest.project)
    theirs = f"{other.rest.project}:*"
    swift("POST", "/c", x_container_read=theirs)
    assert other("GET", "/c/o").body == b"shared"
    assert other("GET", "/c").body == b"o\n"
    assert other("PUT", "/c/x", b"x").status == 403
    swift("POST", "/c", x_container_write=theirs)
    assert other("PUT", "/c/x", b"x").status == 201
    assert other("DELETE", "/c/x").status == 204
    assert other("POST", "/c", x_container_meta_a="b").status == 403
    swift("POST", "/c", x_remove_container_write="x", x_container_read="")
    assert other("GET", "/c/o").status == 403


def test_a_containers_quota(swift: Swift) -> None:
    swift.made("/c", **{f"{QUOTA}bytes": "10", f"{QUOTA}count": "2"})
    over = swift("PUT", "/c/a", b"x" * 11)
    assert (over.status, over.body) == (413, b"Upload exceeds quota.")
    swift.made("/c/a", b"x" * 6)
    assert swift("PUT", "/c/a", b"x" * 6).status == 413
    # Chunks do not say how many they are.
    chunks = b"14\r\n" + b"y" * 20 + b"\r\n0\r\n\r\n"
    sent = swift("PUT", "/c/b", chunks, transfer_encoding="chunked", content_length=None)
    assert sent.status == 201
    assert swift("HEAD", "/c").headers["x-container-bytes-used"] == "26"
    swift("POST", "/c", **{f"{QUOTA}bytes": ""})
    assert swift("PUT", "/c/c").status == 413
    swift("POST", "/c", **{f"{QUOTA}count": ""})
    assert swift("PUT", "/c/c").status == 201


def test_what_swift_says_of_itself(rest: Make) -> None:
    modern, kilo, direct = rest("modern"), rest("kilo"), rest("direct")
    info = modern.get("object-store/info")
    assert (info["slo"]["max_manifest_segments"], info["tempurl"]["allowed_digests"]) == (
        1000,
        ["sha1", "sha256", "sha512"],
    )
    assert "allowed_digests" not in kilo.get("object-store/info")["tempurl"]
    assert direct("GET", "object-store/info").status_code == 404
    for asking, has in ((modern, True), (kilo, True), (direct, False)):
        catalog = asking.login().json()["token"]["catalog"]
        assert ("object-store" in [one["type"] for one in catalog]) is has
    assert ask(modern, "GET", "object-store/healthcheck", x_auth_token=None).body == b"OK"


def test_bulk_delete(swift: Swift) -> None:
    swift.made("/c")
    for name in ("a b", "new\nline", "keep"):
        swift.made(f"/c/{escaped(name)}", b"x")

    def delete(lines: str, **headers: str) -> dict[str, object]:
        headers = {"content_type": "text/plain", "accept": "application/json", **headers}
        answer = swift("POST", "?bulk-delete", lines.encode(), **headers)
        assert answer.status == 200
        told: dict[str, object] = json.loads(answer.body)
        return told

    told = delete("c/a%20b\n/c/new%0Aline\nc/none\nnone/x\n")
    assert (told["Number Deleted"], told["Number Not Found"]) == (2, 2)
    assert told["Response Status"] == "200 OK"
    assert swift.names("/c") == ["keep"]
    told = delete("c")
    assert (told["Response Status"], told["Errors"]) == ("400 Bad Request", [["c", "409 Conflict"]])
    assert delete("\n")["Response Body"] == "Invalid bulk delete."
    assert delete("c", content_type="a/b")["Response Status"] == "406 Not Acceptable"
    assert "10000" in str(delete("c/x\n" * 10_001)["Response Body"])
    assert delete("c/keep\nc\n")["Number Deleted"] == 2
    assert swift.rows() == []


def test_access_rules_hold_for_objects(clouds: DemoCloud, modern: Rest, rest: Make) -> None:
    """A token under rules is let in where they say so."""
    path = f"/v1/AUTH_{modern.project}/open/*"
    rules = [{"service": "object-store", "method": "GET", "path": path}]
    Swift(modern).made("/open")
    Swift(modern).made("/open/o", b"x")
    key, secret = clouds.application_credential("modern", access_rules=rules)
    body = {
        "auth": {
            "identity": {
                "methods": ["application_credential"],
                "application_credential": {"id": key, "secret": secret},
            }
        }
    }
    answer = modern("POST", "identity/v3/auth/tokens", body)
    modern.token = answer.headers["x-subject-token"]
    assert Swift(modern)("GET", "/open/o").status == 200
    assert Swift(modern)("PUT", "/open/o", b"y").status == 401

"""Swift: what a signature lets in."""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import md5
from time import gmtime, strftime, time
from typing import Any
from urllib.parse import quote

import pytest

from .conftest import Rest
from .wire import Answer, Swift, Wire

Make = Callable[..., Rest]
KEYS = {"account": "akey", "container": "ckey", "second": "ckey2"}
INVALID = b"401 Unauthorized: Temp URL invalid\n"


@pytest.fixture
def swift(modern: Rest) -> Swift:
    made = Swift(modern)
    made("POST", x_account_meta_temp_url_key=KEYS["account"])
    keys = {"x_container_meta_temp_url_key": KEYS["container"]}
    keys["x_container_meta_temp_url_key_2"] = KEYS["second"]
    made.made("/c", **keys)
    meta = {"x_object_meta_secret": "s", "x_object_meta_public_color": "red"}
    made.made("/c/t/x", b"temp", **meta)
    return made


def signed(
    swift: Swift,
    method: str,
    name: str = "t/x",
    *,
    signs: str = "",
    key: str = KEYS["account"],
    digest: str = "sha256",
    expires: Any = None,
    network: str = "",
    prefix: str | None = None,
    root: str = "",
    container: str = "c",
) -> str:
    """The path of an object, signed: for another method where `signs` is one."""
    until = int(time()) + 300 if expires is None else expires
    path = f"{root}/v1/{swift.account}/{container}/{name if prefix is None else prefix}"
    text = f"{signs or method}\n{until}\n{'' if prefix is None else 'prefix:'}{path}"
    text = f"ip={network}\n{text}" if network else text
    signature = hmac.new(key.encode(), text.encode(), digest).hexdigest()
    query = f"temp_url_sig={signature}&temp_url_expires={until}"
    query += f"&temp_url_ip_range={quote(network)}" if network else ""
    query += f"&temp_url_prefix={quote(prefix)}" if prefix is not None else ""
    return f"/{container}/{quote(name)}?{query}"


def use(
    swift: Swift, method: str, path: str, body: bytes = b"", /, **headers: str | None
) -> Answer:
    return swift(method, path, body, x_auth_token=None, **headers)


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("key", KEYS.values())
def test_each_key_and_digest(swift: Swift, key: str, digest: str) -> None:
    got = use(swift, "GET", signed(swift, "GET", key=key, digest=digest))
    assert (got.status, got.body) == (200, b"temp")
    assert got.headers["content-disposition"] == "attachment; filename=\"x\"; filename*=UTF-8''x"
    assert "x-object-meta-secret" not in got.headers
    assert got.headers["x-object-meta-public-color"] == "red"


def test_forms_of_a_signature(swift: Swift) -> None:
    path = signed(swift, "GET")
    sig = path.split("temp_url_sig=")[1].split("&")[0]
    as_base64 = "sha256:" + urlsafe_b64encode(bytes.fromhex(sig)).decode()
    assert use(swift, "GET", path.replace(sig, as_base64)).body == b"temp"
    # As a client signs that takes the path from the URL.
    assert use(swift, "GET", signed(swift, "GET", root="/east/object-store")).body == b"temp"
    later = int(time()) + 1000
    told = strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(later))
    assert (
        use(swift, "GET", signed(swift, "GET", expires=later).replace(str(later), told)).body
        == b"temp"
    )


@pytest.mark.parametrize(
    ("method", "how"),
    [
        ("GET", {"key": "wrong"}),
        ("GET", {"expires": 1000}),
        ("GET", {"expires": "soon"}),
        ("GET", {"network": "10.0.0.0/8"}),
        ("GET", {"network": "nonsense"}),
        ("GET", {"name": "o", "prefix": "t/"}),
        ("GET", {"name": ""}),
        ("GET", {"digest": "md5"}),
        ("GET", {"signs": "PUT"}),
        ("PUT", {"signs": "GET"}),
        ("DELETE", {"signs": "PUT"}),
        ("COPY", {}),
    ],
)
def test_what_is_not_let_in(swift: Swift, method: str, how: dict[str, Any]) -> None:
    answer = use(swift, method, signed(swift, method, **how))
    assert (answer.status, answer.body) == (401, INVALID)
    assert swift("GET", "/c/t/x").body == b"temp"


def test_a_signature_without_its_time(swift: Swift) -> None:
    assert use(swift, "GET", "/c/t/x?temp_url_sig=abc").status == 401
    assert use(swift, "GET", "/c/t/x?temp_url_expires=1999999999").status == 401
    assert use(swift, "GET", "/none/x?temp_url_sig=abc&temp_url_expires=1999999999").status == 401


def test_a_prefix_and_a_network(swift: Swift) -> None:
    assert use(swift, "GET", signed(swift, "GET", prefix="t/")).body == b"temp"
    assert use(swift, "GET", signed(swift, "GET", prefix="")).body == b"temp"
    for network in ("127.0.0.1", "127.0.0.0/8"):
        assert use(swift, "GET", signed(swift, "GET", network=network)).body == b"temp"
    odd = "a b/é%/../x?"
    swift.made(f"/c/{quote(odd)}", b"odd")
    assert use(swift, "GET", signed(swift, "GET", odd)).body == b"odd"


def test_a_head_comes_with_each(swift: Swift) -> None:
    for signs in ("GET", "PUT", "POST", "HEAD"):
        answer = use(swift, "HEAD", signed(swift, "HEAD", signs=signs))
        assert (answer.status, answer.headers["content-length"]) == (200, "4")
    assert use(swift, "HEAD", signed(swift, "HEAD", signs="DELETE")).status == 401


def test_a_name_for_the_file(swift: Swift) -> None:
    path = signed(swift, "GET")
    named = use(swift, "GET", f"{path}&filename=a%20b.txt").headers["content-disposition"]
    assert named == "attachment; filename=\"a b.txt\"; filename*=UTF-8''a%20b.txt"
    assert use(swift, "GET", f"{path}&inline").headers["content-disposition"] == "inline"
    assert use(swift, "GET", path, range="bytes=1-2").body == b"em"
    assert use(swift, "GET", signed(swift, "GET", "none")).status == 404


def test_uploads(swift: Swift) -> None:
    path = signed(swift, "PUT", "new", key=KEYS["second"])
    assert use(swift, "PUT", path, b"data", etag="0" * 32).status == 422
    assert use(swift, "PUT", path, b"data", etag=md5(b"data").hexdigest()).status == 201
    assert use(swift, "PUT", path, b"data", if_none_match="*").status == 412
    assert swift("GET", "/c/new").body == b"data"
    post = signed(swift, "POST", "new")
    assert use(swift, "POST", post, x_object_meta_a="1").status == 202
    assert use(swift, "DELETE", signed(swift, "DELETE", "new")).status == 204
    assert swift("GET", "/c/new").status == 404


@pytest.mark.parametrize("name", ["x_object_manifest", "x_symlink_target", "x_copy_from"])
def test_headers_that_reach_further(swift: Swift, name: str) -> None:
    answer = use(swift, "PUT", signed(swift, "PUT", "new"), b"x", **{name: "c/t/x"})
    shown = name.replace("_", "-").title()
    assert answer.status == 400
    assert answer.body.decode() == f"The header '{shown}' is not allowed in this tempurl"


def test_a_manifest_becomes_an_ordinary_object(swift: Swift) -> None:
    rows = json.dumps([{"path": "/c/t/x"}]).encode()
    path = signed(swift, "PUT", "large") + "&multipart-manifest=put"
    assert use(swift, "PUT", path, rows).status == 201
    got = swift("GET", "/c/large")
    assert (got.body, "x-static-large-object" in got.headers) == (rows, False)


def test_an_upload_begun_in_time_finishes(swift: Swift) -> None:
    until = int(time()) + 2
    path = signed(swift, "PUT", "new", expires=until)
    length = {"content_length": "4", "x_auth_token": None}
    wire = Wire(swift.rest, "PUT", swift.root + path, **length)
    wire.send(b"da")
    while time() <= until + 1:
        wire.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            wire.socket.recv(1)
    wire.socket.settimeout(20)
    wire.send(b"ta")
    assert wire.answer().status == 201
    assert use(swift, "PUT", path, b"data").status == 401


def test_a_containers_key_reads_no_segments_elsewhere(swift: Swift) -> None:
    swift.made("/s")
    swift.made("/s/0", b"segment")
    swift.made("/c/segment", b"segment")
    for where in ("s/0", "c/segment"):
        rows = json.dumps([{"path": f"/{where}"}]).encode()
        swift("PUT", "/c/large?multipart-manifest=put", rows)
        there = {kind: signed(swift, "GET", "large", key=key) for kind, key in KEYS.items()}
        assert use(swift, "GET", there["account"]).body == b"segment"
        wanted = 200 if where == "c/segment" else 409
        assert use(swift, "GET", there["container"]).status == wanted


def test_a_key_that_is_changed_ends_its_signatures(swift: Swift) -> None:
    path = signed(swift, "GET", key=KEYS["second"])
    assert use(swift, "GET", path).status == 200
    swift("POST", "/c", x_container_meta_temp_url_key_2="another")
    assert use(swift, "GET", path).status == 401


def test_kilo_knows_sha1_alone(rest: Make) -> None:
    kilo = Swift(rest("kilo"))
    kilo("POST", x_account_meta_temp_url_key=KEYS["account"])
    kilo.made("/c")
    kilo.made("/c/t/x", b"temp")
    assert use(kilo, "GET", signed(kilo, "GET", digest="sha1")).body == b"temp"
    assert use(kilo, "GET", signed(kilo, "GET", digest="sha256")).status == 401

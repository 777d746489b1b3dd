"""Tickets for objects: what they open, for how long, and what they do not open."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import pytest
import requests
from oaktree import swift
from oaktree.democloud import DemoCloud
from oaktree.storage import segments

from .asks import Code, Store, refused
from .moving import md5
from .test_segments import DATA, PART, SIZE, commit, parts, plan

KEYS = ("X-Container-Meta-Temp-Url-Key", "X-Container-Meta-Temp-Url-Key-2")


@pytest.fixture
def parent(modern: Store, name: str) -> str:
    modern.fill(name, "p/a", "p/b", "other")
    return name


def sign(store: Store, parent: str, **fields: Any) -> Any:
    return store("SignStorageObjects", parent=parent, **fields).ticket


def use(ticket: Any, name: str, data: bytes | None = None, **headers: str) -> requests.Response:
    """As a client uses it, that has nothing else."""
    made = requests.Request(ticket.http_method, "http://localhost/", data=data).prepare()
    made.url = ticket.url + swift.steps(name) + ticket.url_end
    made.headers.update({**ticket.headers, **headers})
    with requests.Session() as session:
        return session.send(made)


def test_a_ticket_to_download(modern: Store, parent: str) -> None:
    ticket = sign(modern, parent, prefix="p/")
    assert (ticket.http_method, ticket.expected_status, ticket.prefix) == ("GET", 200, "p/")
    assert abs(ticket.expires_at.seconds - time.time() - 3600) < 60
    for name in ("p/a", "p/b"):
        assert use(ticket, name).content == name.encode()
    assert use(ticket, "other").status_code == 401
    ticket.http_method = "PUT"
    assert use(ticket, "p/a", b"x").status_code == 401


def test_a_ticket_to_upload(modern: Store, parent: str) -> None:
    ticket = sign(modern, parent, prefix="p/", is_upload=True, valid_for={"seconds": 60})
    assert (ticket.http_method, ticket.expected_status) == ("PUT", 201)
    odd = "p/../a//%/grün \n.?x#y"
    assert use(ticket, odd, b"odd", etag=md5(b"odd")).status_code == 201
    assert modern.swift("GET", parent, odd).content == b"odd"
    assert use(ticket, "other", b"x").status_code == 401
    ticket.http_method = "GET"
    assert use(ticket, "p/a").status_code == 401


@pytest.mark.parametrize("prefix", ["", "grün/ü €", "a/../b", "a&b=c;d+e %", "."])
def test_odd_prefixes(modern: Store, parent: str, prefix: str) -> None:
    ticket = sign(modern, parent, prefix=prefix, is_upload=True)
    assert use(ticket, f"{prefix}x", b"odd").status_code == 201
    assert use(sign(modern, parent, prefix=prefix), f"{prefix}x").content == b"odd"


def test_it_is_over_when_it_says(modern: Store, parent: str) -> None:
    ticket = sign(modern, parent, prefix="p/", valid_for={"seconds": 2})
    assert use(ticket, "p/a").status_code == 200
    time.sleep(max(0.0, ticket.expires_at.seconds - time.time()) + 0.1)
    assert use(ticket, "p/a").status_code == 401
    assert use(sign(modern, parent, prefix="p/"), "p/a").status_code == 200


def test_segments_by_tickets(modern: Store, parent: str) -> None:
    step = plan(modern, parent, DATA)
    prefix = segments.home("big")
    assert all(one.name.startswith(prefix) for one in step.segments)
    ticket = sign(modern, parent, prefix=prefix, is_upload=True)
    for one, part in zip(step.segments, parts(DATA), strict=True):
        assert use(ticket, one.name, part).status_code == 201
        # What may be part of an object by now is never written over.
        assert use(ticket, one.name, part[::-1]).status_code == 412
    assert commit(modern, parent, step, DATA).size_bytes == SIZE == sum(map(len, parts(DATA, PART)))
    assert use(sign(modern, parent, prefix="big"), "big").content == DATA


def test_keys(modern: Store, parent: str) -> None:
    """The first is left alone, a second that is there is used, one that is not is made once."""
    modern.swift("POST", parent, headers={KEYS[0]: "first"})
    first = sign(modern, parent, prefix="p/")
    made = modern.swift("HEAD", parent).headers
    assert made[KEYS[0]] == "first"
    assert len(made[KEYS[1]]) == 64
    sign(modern, parent, prefix="p/")
    assert modern.swift("HEAD", parent).headers[KEYS[1]] == made[KEYS[1]]
    assert use(first, "p/a").status_code == 200
    modern.swift("POST", parent, headers={KEYS[1]: "somebody's"})
    again = sign(modern, parent, prefix="p/")
    assert use(again, "p/a").status_code == 200
    assert modern.swift("HEAD", parent).headers[KEYS[1]] == "somebody's"
    assert "somebody" not in str(again)


def test_what_cannot_be_signed(modern: Store, parent: str, name: str) -> None:
    with refused(Code.NOT_FOUND, "NOT_FOUND"):
        sign(modern, f"{name}-other", prefix="p/")
    for field, value in (("prefix", ".oaktree/"), ("prefix", ".oaktree/x"), ("prefix", "a\0")):
        with refused(Code.INVALID_ARGUMENT, field=field):
            sign(modern, parent, **{field: value})
    for seconds in (0, 367 * 86400):
        with refused(Code.INVALID_ARGUMENT, field="valid_for"):
            sign(modern, parent, prefix="p/", valid_for={"seconds": seconds})


@pytest.mark.parametrize(
    "without",
    [
        {"tempurl": None},
        {"tempurl": {"methods": ["PUT"], "allowed_digests": ["sha256"]}},
        {"tempurl": {"methods": ["GET", "HEAD"], "allowed_digests": ["sha9"]}},
    ],
)
def test_a_cloud_that_signs_nothing(
    modern: Store, parent: str, without: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = swift.info(modern.place)
    signed = without["tempurl"] or {"methods": (), "allowed_digests": ()}
    changed = {"signed_methods": tuple(signed["methods"])}
    changed["signed_digests"] = tuple(signed["allowed_digests"])
    monkeypatch.setattr(swift, "info", lambda place: type(told)(**vars(told) | changed))
    with refused(Code.FAILED_PRECONDITION, "NOT_OFFERED"):
        sign(modern, parent, prefix="p/")


def test_a_cloud_that_does_not_look_at_the_key(modern: Store, demo: DemoCloud, parent: str) -> None:
    """As Ceph's, which keeps a container's key and takes none but the account's."""
    path = "/v1/{account}/{container}/{object:path}"
    demo.fault("modern", "status", service="object-store", method="HEAD", path=path, status=401)
    with refused(Code.FAILED_PRECONDITION, "NOT_OFFERED"):
        sign(modern, parent, prefix="p/")


def test_an_old_cloud(demo: DemoCloud, store: Store, name: str) -> None:
    """The digest is the best that the cloud takes."""
    store.fill(name, "a")
    ticket = sign(store, name, prefix="a")
    length = len(ticket.url_end.partition("temp_url_sig=")[2].partition("&")[0])
    best = "sha1" if store.location.cloud == "kilo" else "sha512"
    assert length == 2 * hashlib.new(best).digest_size
    assert use(ticket, "a").content == b"a"

"""How Swift is asked: by which URL, how often, and with whose token."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import pytest
import requests
from oaktree import swift
from oaktree.democloud import DemoCloud
from oaktree.errors import Code, Refused
from openstack import exceptions

from .asks import Store

NAMES = [
    ("a/../b", "a/%2E%2E/b"),
    (".", "%2E"),
    ("./.a/a.", "%2E/.a/a."),
    ("a//b/", "a//b/"),
    ("a?b#c%41 &=+", "a%3Fb%23c%2541%20%26%3D%2B"),
    ("ü\n", "%C3%BC%0A"),
]


@pytest.mark.parametrize(("name", "path"), NAMES)
def test_a_name_in_a_url(name: str, path: str) -> None:
    assert swift.steps(name) == path
    assert swift.path("c", name) == f"/c/{path}"


class Once:
    """A body that can be read only once."""

    def __init__(self, *parts: bytes) -> None:
        self._parts = list(parts)
        self._size = sum(map(len, parts))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        while self._parts:
            yield self._parts.pop(0)


@pytest.mark.parametrize("parts", [(b"ab", b"c"), ()])
def test_a_body_in_parts_has_a_length(
    modern: Store, demo: DemoCloud, name: str, parts: tuple[bytes, ...]
) -> None:
    modern.swift("PUT", name)
    modern.swift("PUT", name, "a", body=Once(*parts))
    assert modern.swift("HEAD", name, "a").headers["Content-Length"] == str(sum(map(len, parts)))
    assert modern.swift("GET", name, "a").content == b"".join(parts)


def test_what_can_be_sent_once_is_sent_once(modern: Store, demo: DemoCloud, name: str) -> None:
    modern.swift("PUT", name)
    demo.expire_tokens("modern")
    demo.reset_calls()
    with pytest.raises(Refused) as caught:
        modern.swift("PUT", name, "a", body=Once(b"abc"))
    assert caught.value.code == Code.UNAVAILABLE
    assert len([call for call in demo.calls() if call.startswith("PUT")]) == 1
    modern.swift("PUT", name, "a", body=Once(b"abc"))
    demo.expire_tokens("modern")
    modern.swift("PUT", name, "b", body=b"abc")
    assert modern.names(name) == ["a", "b"]


def test_a_response_can_be_left_to_be_read(modern: Store, name: str) -> None:
    modern.fill(name, "abc")
    response = modern.swift("GET", name, "abc", stream=True)
    assert response.raw.read(2) == b"ab"
    assert response.raw.read() == b"c"
    with pytest.raises(exceptions.NotFoundException):
        modern.swift("GET", name, "none", stream=True)


def test_nobody_is_sent_elsewhere(
    modern: Store, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def send(*args: object, **more: object) -> requests.Response:
        asked.append(str(args[2]))
        response = requests.Response()
        response.status_code = 302
        response.headers["Location"] = "http://elsewhere.example/"
        response.raw = BytesIO()
        return response

    monkeypatch.setattr(swift, "_send", send)
    with pytest.raises(Refused, match="elsewhere"):
        modern.swift("GET", name)
    assert len(asked) == 1


def test_what_is_no_list_is_none(modern: Store, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    response = requests.Response()
    response.status_code = 200
    for body in (b'{"name": "a"}', b'["a"]', b"1"):
        response._content = body
        monkeypatch.setattr(swift, "_send", lambda *args, **more: response)
        with pytest.raises(Refused, match="no list"):
            swift.page(modern.place, name)

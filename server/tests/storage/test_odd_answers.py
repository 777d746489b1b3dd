"""Downloads from a cloud whose answers say something odd of their bodies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from oaktree import swift

from .asks import Code, Store, copy, refused
from .moving import DATA, begin, download, md5, sha256

SIZE = len(DATA)


@pytest.fixture
def parent(modern: Store, name: str) -> str:
    modern.fill(name)
    modern.swift("PUT", name, "o", body=DATA)
    return name


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has answers with a body come with another status, or other headers; None: without."""
    ask = swift.ask

    def plant(status: int | None = None, **headers: str | None) -> None:
        def planted(*given: Any, **named: Any) -> Any:
            response = ask(*given, **named)
            if named.get("stream"):
                response.status_code = status or response.status_code
                for name, value in headers.items():
                    response.headers.pop(name.replace("_", "-"), None)
                    if value is not None:
                        response.headers[name.replace("_", "-")] = value
            return response

        monkeypatch.setattr(swift, "ask", planted)

    return plant


@pytest.mark.parametrize(
    "told",
    [
        {"Content_Length": "abc"},
        {"Content_Length": "-5"},
        {"Content_Length": "1" * 30},
        {"Content_Length": f"{SIZE}, 5"},
        {"Content_Length": None},
        {"status": 202},
        {"status": 204},
        {"status": 206},
        {"status": 206, "Content_Range": "bytes 1-2/3"},
        {"status": 301},
        {"status": 304},
    ],
    ids=str,
)
def test_no_byte_comes_of_what_is_not_understood(
    modern: Store, parent: str, odd: Callable[..., None], told: dict[str, Any]
) -> None:
    odd(**told)
    call = begin(modern, parent, "o")
    with refused(Code.UNKNOWN, "CLOUD_ERROR"):
        next(call)


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"offset_bytes": 3}, {"Content_Range": f"bytes 0-1/{SIZE}"}),
        ({"offset_bytes": 3}, {"Content_Range": "bytes 3-9/" + "1" * 30}),
        ({"offset_bytes": 3}, {"Content_Range": None}),
        ({"offset_bytes": 3}, {"status": 200}),
        ({"length_bytes": 2}, {"status": 200, "Content_Length": str(SIZE)}),
        ({"length_bytes": 0}, {"status": 301}),
    ],
    ids=str,
)
def test_nor_of_another_part(
    modern: Store,
    parent: str,
    odd: Callable[..., None],
    part: dict[str, int],
    told: dict[str, Any],
) -> None:
    odd(**told)
    call = begin(modern, parent, "o", **part)
    with refused(Code.UNKNOWN, "CLOUD_ERROR"):
        next(call)


def test_a_length_that_is_told_twice(modern: Store, parent: str, odd: Callable[..., None]) -> None:
    odd(Content_Length=f"{SIZE}, {SIZE}")
    assert download(modern, parent, "o").data == DATA


@pytest.mark.parametrize("etag", ['W/"12"', "0123456789abcdef0123456789abcdef-3", "", None])
def test_an_etag_that_is_no_md5(
    modern: Store, parent: str, odd: Callable[..., None], etag: str | None
) -> None:
    odd(Etag=etag)
    *_, last = begin(modern, parent, "o", checks_content=True)
    assert last.finish.sha256 == sha256(DATA)
    assert download(modern, parent, "o").content.md5 == ""


def test_an_md5_in_capitals(modern: Store, parent: str, odd: Callable[..., None]) -> None:
    odd(Etag=f'"{md5(DATA).upper()}"')
    assert download(modern, parent, "o").content.md5 == md5(DATA)


@pytest.mark.parametrize("body", [b"", b"[1]", b"{}", b"5", b"<html>"])
def test_a_manifest_that_is_none(
    modern: Store, parent: str, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    modern.swift("PUT", parent, "o2", body=b"x")
    ask = swift.ask

    def planted(*given: Any, **named: Any) -> Any:
        response = ask(*given, **named)
        if named.get("query") == {"multipart-manifest": "get"}:
            response.headers["X-Static-Large-Object"] = "True"
            assert response.content
            response._content = body
        return response

    monkeypatch.setattr(swift, "ask", planted)
    with refused(Code.UNKNOWN, "CLOUD_ERROR"):
        copy(modern, parent, "o", to_name="o2")

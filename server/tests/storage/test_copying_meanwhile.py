"""Copies of what is written over while it is copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from oaktree import swift

from .asks import Code, Store, copy, refused
from .moving import download, sha256
from .test_segments import DATA, OTHER, whole


def before_copies(patch: pytest.MonkeyPatch, act: Callable[[int], None]) -> None:
    """Does something before each time an object is copied, counted from 1."""
    ask, count = swift.ask, [0]

    def asked(*args: Any, **more: Any) -> Any:
        if "X-Copy-From" in (more.get("headers") or {}):
            count[0] += 1
            act(count[0])
        return ask(*args, **more)

    patch.setattr(swift, "ask", asked)


def written(modern: Store, name: str) -> Callable[[int], None]:
    """Writes other bytes of as many."""

    def write(count: int) -> None:
        data = f"new {count}".encode()
        headers = {"X-Object-Meta-Oaktree-Sha256": sha256(data).encode()}
        modern.swift("PUT", name, "a", body=data, headers=headers)

    return write


def test_what_is_written_over_is_copied_anew(
    modern: Store, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    modern.fill(name)
    write = written(modern, name)
    write(0)
    before_copies(monkeypatch, lambda count: write(1) if count == 1 else None)
    made = copy(modern, name, "a", to_name="b")
    assert made.sha256 == sha256(b"new 1")
    assert download(modern, name, "b").data == b"new 1"


def test_what_is_written_over_all_the_time_has_no_digest(
    modern: Store, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    modern.fill(name)
    write = written(modern, name)
    write(0)
    before_copies(monkeypatch, write)
    made = copy(modern, name, "a", to_name="b", metadata={"New": "1"})
    assert (made.sha256, dict(made.metadata)) == ("", {"new": "1"})
    assert download(modern, name, "b").data == b"new 3"


def test_what_was_copied_of_something_that_is_gone_has_no_digest(modern: Store, name: str) -> None:
    modern.fill(name)
    write, ask = written(modern, name), swift.ask
    write(0)
    with pytest.MonkeyPatch.context() as patch:

        def asked(place: Any, method: str, *path: str, **more: Any) -> Any:
            copies = "X-Copy-From" in (more.get("headers") or {})
            if copies and modern.names(name) == ["a"]:
                write(1)
                answer = ask(place, method, *path, **more)
                ask(place, "DELETE", name, "a")
                return answer
            return ask(place, method, *path, **more)

        patch.setattr(swift, "ask", asked)
        with refused(Code.NOT_FOUND, "NOT_FOUND"):
            copy(modern, name, "a", to_name="b")
    assert download(modern, name, "b").data == b"new 1"


def test_other_segments_than_were_looked_at(modern: Store, name: str) -> None:
    modern.fill(name)
    whole(modern, name, DATA, sha256=sha256(DATA))
    with pytest.MonkeyPatch.context() as patch:
        ask, waiting = swift.ask, [True]

        def asked(place: Any, method: str, *path: str, **more: Any) -> Any:
            if (more.get("query") or {}).get("multipart-manifest") == "get" and waiting:
                waiting.clear()
                whole(modern, name, OTHER, sha256=sha256(OTHER))
            return ask(place, method, *path, **more)

        patch.setattr(swift, "ask", asked)
        with refused(Code.FAILED_PRECONDITION, "CONFLICT"):
            copy(modern, name, "big", to_name="b")
    assert copy(modern, name, "big", to_name="b").sha256 == sha256(OTHER)
    assert download(modern, name, "b").data == OTHER

"""Lists of the cloud's that are none, or that never end."""

from __future__ import annotations

from itertools import islice
from typing import Any

import orjson
import pytest
from oaktree import objectlist, swift
from oaktree.errors import Refused

from .asks import Code, Store, everything, refused

ROW = {"name": "a", "bytes": 1, "hash": "0" * 32, "last_modified": "2026-01-02T03:04:05.000006"}


def answering(patch: pytest.MonkeyPatch, body: Any) -> None:
    """Every list is this."""
    ask = swift.ask

    def asked(place: Any, method: str, *path: str, **more: Any) -> Any:
        response = ask(place, method, *path, **more)
        if method == "GET" and "format" in more.get("query", {}):
            response._content = orjson.dumps(body)
        return response

    patch.setattr(swift, "ask", asked)


def without_marker(patch: pytest.MonkeyPatch) -> None:
    """As a cache before the cloud that looks at no query: every page is the first."""
    ask = swift.ask

    def asked(place: Any, method: str, *path: str, **more: Any) -> Any:
        query = dict(more.pop("query", None) or {})
        query.pop("marker", None)
        return ask(place, method, *path, query=query, **more)

    patch.setattr(swift, "ask", asked)


def test_a_list_that_never_goes_on(
    modern: Store, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    modern.fill(name, "a", "b/1", "b/2", ".oaktree/segments/left")
    without_marker(monkeypatch)
    for fields in ({}, {"delimiter": "/"}, {"prefix": "b"}):
        with refused(Code.UNKNOWN, "CLOUD_ERROR") as caught:
            modern.names(name, **fields)
        assert "as the last after" in caught.message
    with refused(Code.UNKNOWN, "CLOUD_ERROR"):
        modern("DeleteManyStorageObjects", parent=name, everything=True, dry_run=True)
    with refused(Code.UNKNOWN, "CLOUD_ERROR"):
        modern("AbortStorageObjectUploads", parent=name)
    with pytest.raises(Refused, match="as the last after"):
        list(islice(swift.pages(modern.place), 9))


def test_names_looked_for_where_no_list_goes_on(
    modern: Store, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    modern.fill(name, *"abc")
    monkeypatch.setattr(objectlist, "_PAGE", 1)
    without_marker(monkeypatch)
    with refused(Code.UNKNOWN, "CLOUD_ERROR"):
        modern("DeleteManyStorageObjects", parent=name, names=["b", "c"])


def test_a_list_that_begins_within_a_prefix(modern: Store, name: str) -> None:
    modern.fill(name, "a", "b/1", "b/2", "c")
    every = {"delimiter": "/", "after": "b/1"}
    assert modern.names(name, **every)[-1] == "c"
    rows = swift.page(modern.place, name, marker="b/1", delimiter="/", limit=1)
    assert modern.names(name, **every, limit=1) == [swift.name_of(rows[0])]


@pytest.mark.parametrize(
    "rows",
    [
        {},
        ["a"],
        [{}],
        [ROW | {"name": ""}],
        [ROW | {"name": None}],
        [{"subdir": ""}],
        [{"subdir": 1}],
        *([{key: ROW[key] for key in ROW if key != missing}] for missing in ROW),
        [ROW | {"bytes": "1"}],
        [ROW | {"hash": None}],
        [ROW | {"last_modified": "yesterday"}],
    ],
)
def test_what_is_no_list(
    modern: Store, name: str, monkeypatch: pytest.MonkeyPatch, rows: Any
) -> None:
    modern.fill(name, "a")
    with pytest.MonkeyPatch.context() as patch:
        answering(patch, rows)
        with refused(Code.UNKNOWN, "CLOUD_ERROR") as caught:
            modern.names(name)
        assert "no list" in caught.message
        with refused(Code.UNKNOWN, "CLOUD_ERROR"):
            modern("AbortStorageObjectUploads", parent=name)
    assert everything(modern, name) == ["a"]

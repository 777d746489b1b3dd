"""Objects but for their bytes: told and changed; and what is wrong in any call about them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from oaktree.democloud import DemoCloud
from oaktreemodel.v1.storage_object_pb2 import StorageObject

from .asks import LATER, Code, Store, copy, delete, large, noted, refused
from .test_listing import ODD


def update(store: Store, parent: str, name: str, **fields: Any) -> Any:
    return store("UpdateStorageObject", parent=parent, name_or_id=name, **fields).storage_object


def test_what_is_told_of_one(store: Store, name: str) -> None:
    store.swift("PUT", name)
    noted(
        store, name, "a",
        Content_Type="text/x", X_Object_Meta_Color="blü", X_Object_Meta_Mtime="1700000000.25",
        X_Object_Meta_Oaktree_Sha256="ab" * 32, X_Object_Meta_Oaktree_Request="x",
        X_Delete_At=str(LATER),
    )  # fmt: skip
    one = store.get(name, "a")
    assert (one.id, one.name, one.parent.name, one.size_bytes) == ("a", "a", name, 5)
    assert one.location.project.name == "demo"
    assert one.etag == "827ccb0eea8a706c4c34a16891f84e7b"
    assert one.content_type == "text/x"
    assert dict(one.metadata) == {"color": "blü"}
    assert one.sha256 == "ab" * 32
    assert one.modified_at.ToNanoseconds() == 1700000000_250000000
    assert one.expires_at.seconds == LATER
    assert one.updated_at.seconds
    assert one.HasField("is_segmented")
    assert not one.is_segmented


@pytest.mark.parametrize("odd", ["nonsense", "1e400", "NaN", "-1e20", "9" * 200])
def test_an_odd_time_is_left_out(modern: Store, name: str, odd: str) -> None:
    modern.swift("PUT", name)
    noted(modern, name, "a", X_Object_Meta_Mtime=odd)
    one = modern.get(name, "a")
    assert not one.HasField("modified_at")
    assert one.size_bytes == 5


@pytest.mark.parametrize("odd", ODD)
def test_any_name_is_one(modern: Store, name: str, odd: str) -> None:
    modern.fill(name, odd, "b")
    assert modern.get(name, odd).etag != modern.get(name, "b").etag
    assert modern.get(name, odd).name == odd
    assert dict(update(modern, name, odd, metadata={"set": {"a": "1"}}).metadata) == {"a": "1"}
    assert copy(modern, name, odd, to_name=f"{odd[:1000]}2").size_bytes == len(odd.encode())
    copy(modern, name, "b", to_name=odd)
    assert modern.swift("GET", name, odd).content == b"b"
    delete(modern, name, odd)
    assert sorted(modern.names(name)) == sorted(["b", f"{odd[:1000]}2"])


def test_none_is_not_found(store: Store, name: str) -> None:
    store.fill(name, "b")
    for parent in (name, "no-such-container"):
        for verb in ("Get", "Update", "Delete", "Copy"):
            fields: dict[str, Any] = {"to_name": "x"} if verb == "Copy" else {}
            with refused(Code.NOT_FOUND, "NOT_FOUND") as caught:
                store(f"{verb}StorageObject", parent=parent, name_or_id="a", **fields)
            assert "'a'" in caught.message
    assert store.names(name) == ["b"]


def test_an_update_leaves_the_rest(store: Store, name: str) -> None:
    store.swift("PUT", name)
    noted(
        store, name, "a",
        Content_Type="text/x", Content_Encoding="gzip", Content_Disposition="attachment",
        X_Object_Meta_A="1", X_Object_Meta_B="ü", X_Object_Meta_Mtime="1.5",
        X_Object_Meta_Oaktree_Sha256="ab" * 32, X_Delete_At=str(LATER),
    )  # fmt: skip
    before = store.get(name, "a")
    after = update(store, name, "a", metadata={"set": {"C": "3", "a": "2"}, "remove": ["none"]})
    assert dict(after.metadata) == {"a": "2", "b": "ü", "c": "3"}
    for same in ("expires_at", "sha256", "modified_at", "content_type", "etag", "size_bytes"):
        assert getattr(after, same) == getattr(before, same), same
    headers = store.swift("HEAD", name, "a").headers
    assert headers["Content-Encoding"] == "gzip"
    assert headers["Content-Disposition"] == "attachment"
    after = update(store, name, "a", content_type="image/x", metadata={"remove": ["A", "c"]})
    assert (after.content_type, dict(after.metadata)) == ("image/x", {"b": "ü"})
    after = update(store, name, "a", metadata={"set": {"z": "1"}, "replace": True})
    assert (dict(after.metadata), after.sha256) == ({"z": "1"}, "ab" * 32)
    assert update(store, name, "a").content_type == "image/x"
    assert not update(store, name, "a", never_expires=True).HasField("expires_at")
    after = update(store, name, "a", expires_at={"seconds": LATER, "nanos": 1})
    assert after.expires_at.seconds == LATER + 1
    assert dict(after.metadata) == {"z": "1"}


def test_an_update_leaves_segments_be(modern: Store, name: str) -> None:
    modern.swift("PUT", name)
    large(modern, name, "a")
    modern.swift("PUT", name, "d", body=b"", headers={"X-Object-Manifest": f"{name}/.oaktree/"})
    for one in ("a", "d"):
        assert update(modern, name, one, metadata={"set": {"a": "1"}}).is_segmented
        assert modern.swift("GET", name, one).content == b"part of it" * 2


def test_what_has_expired_is_not_found(modern: Store, name: str) -> None:
    modern.fill(name, "a")
    update(modern, name, "a", expires_at={"seconds": int(time.time()) + 2})
    for _ in range(100):
        time.sleep(0.1)
        if modern.place and not _is_there(modern, name, "a"):
            break
    with refused(Code.NOT_FOUND):
        modern.get(name, "a")


def _is_there(store: Store, parent: str, name: str) -> bool:
    try:
        store.swift("HEAD", parent, name)
    except Exception:
        return False
    return True


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("Get", {"name_or_id": "a"}, "parent"),
    ("Get", {"parent": "c"}, "name_or_id"),
    ("Get", {"parent": "c/d", "name_or_id": "a"}, "parent"),
    ("Get", {"parent": "c", "name_or_id": ".oaktree/x"}, "name_or_id"),
    ("Get", {"parent": "c", "name_or_id": "x" * 1025}, "name_or_id"),
    ("Get", {"parent": "c", "name_or_id": "a\0"}, "name_or_id"),
    ("Delete", {"parent": "c", "name_or_id": ".oaktree/x"}, "name_or_id"),
    ("Update", {"parent": "c", "name_or_id": "a", "content_type": ""}, "content_type"),
    ("Update", {"parent": "c", "name_or_id": "a", "content_type": "a\nb"}, "content_type"),
    ("Update", {"parent": "c", "name_or_id": "a", "expires_at": {"seconds": 1}}, "expires_at"),
    (
        "Update",
        {"parent": "c", "name_or_id": "a", "expires_at": {"seconds": LATER}, "never_expires": True},
        "never_expires",
    ),
    ("Update", {"parent": "c", "name_or_id": "a", "metadata": {"set": {"mtime": "1"}}}, "metadata"),
    ("Update", {"parent": "c", "name_or_id": "a", "metadata": {"set": {"a_b": "1"}}}, "metadata"),
    ("Copy", {"parent": "c", "name_or_id": "a"}, "to_name"),
    ("Copy", {"parent": "c", "name_or_id": "a", "to_name": ".oaktree/x"}, "to_name"),
    ("Copy", {"parent": "c", "name_or_id": "a", "to_parent": "a/b"}, "to_parent"),
    (
        "Copy",
        {"parent": "c", "name_or_id": "a", "to_name": "b", "metadata": {"a": "1\n"}},
        "metadata",
    ),
    (
        "Copy",
        {"parent": "c", "name_or_id": "a", "to_name": "b", "expires_at": {"seconds": 1}},
        "expires_at",
    ),
    ("DeleteMany", {"parent": "c"}, "names"),
    ("DeleteMany", {"everything": True}, "parent"),
    ("DeleteMany", {"parent": "c", "names": ["a"], "prefix": "b"}, "prefix"),
    ("DeleteMany", {"parent": "c", "prefix": "b", "everything": True}, "everything"),
    ("DeleteMany", {"parent": "c", "names": ["a", ""]}, "names[1]"),
    ("DeleteMany", {"parent": "c", "names": ["a", ".oaktree/x"]}, "names[1]"),
    ("DeleteMany", {"parent": "c", "names": ["a"] * 10_001}, "names"),
    ("DeleteMany", {"parent": "c", "prefix": ".oaktree/"}, "prefix"),
]


@pytest.mark.parametrize(("verb", "fields", "field"), REFUSED)
def test_what_is_wrong_is_told_by_field(
    modern: Store, demo: DemoCloud, verb: str, fields: dict[str, Any], field: str
) -> None:
    modern.fill("c", "a")
    demo.reset_calls()
    rpc = f"{verb}StorageObject" + ("s" if verb == "DeleteMany" else "")
    with refused(Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", field):
        modern(rpc, **fields)
    assert not [call for call in demo.calls() if call.startswith(("PUT", "POST", "DELETE"))]


def test_no_object_is_like_a_listed_one_but_in_what_lists_do_not_tell(
    modern: Store, name: str
) -> None:
    modern.fill(name, "a")
    (listed,) = modern.listed(name)
    one: StorageObject = modern.get(name, "a")
    for field in ("location", "id", "name", "parent", "size_bytes", "content_type", "etag"):
        assert getattr(listed, field) == getattr(one, field), field
    assert listed.is_segmented == one.is_segmented
    assert abs(listed.updated_at.ToNanoseconds() - one.updated_at.ToNanoseconds()) < 20_000

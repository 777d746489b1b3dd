"""Objects copied within a cloud."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from oaktree import swift
from oaktree.democloud import DemoCloud

from .asks import LATER, Code, Store, copy, delete, everything, large, noted, refused


def test_a_copy_is_as_the_original_but_for_its_end(store: Store, name: str) -> None:
    other = f"{name}-other"
    store.swift("PUT", name)
    store.swift("PUT", other)
    noted(
        store, name, "a",
        Content_Type="text/x", Content_Encoding="gzip", X_Object_Meta_A="ü",
        X_Object_Meta_Mtime="1.5", X_Object_Meta_Oaktree_Sha256="ab" * 32,
        X_Object_Meta_Oaktree_Request="x", X_Delete_At=str(LATER),
    )  # fmt: skip
    original = store.get(name, "a")
    made = copy(store, name, "a", to_parent=other)
    assert (made.parent.name, made.name) == (other, "a")
    for same in ("etag", "size_bytes", "content_type", "metadata", "sha256", "modified_at"):
        assert getattr(made, same) == getattr(original, same), same
    assert not made.HasField("expires_at")
    headers = store.swift("HEAD", other, "a").headers
    assert headers["Content-Encoding"] == "gzip"
    assert "X-Object-Meta-Oaktree-Request" not in headers
    made = copy(
        store, name, "a", to_name="b/c",
        metadata={"New": "1"}, expires_at={"seconds": LATER + 5}, modified_at={"seconds": 7},
    )  # fmt: skip
    assert dict(made.metadata) == {"new": "1"}
    assert (made.expires_at.seconds, made.modified_at.seconds) == (LATER + 5, 7)
    assert store.get(name, "a") == original


def test_a_copy_of_a_large_object_has_segments_of_its_own(store: Store, name: str) -> None:
    other = f"{name}-other"
    store.swift("PUT", name)
    store.swift("PUT", other)
    large(store, name, "a", 5)
    store.swift("POST", name, "a", headers={"X-Object-Meta-A": "1", "X-Delete-At": str(LATER)})
    made = copy(store, name, "a", to_parent=other, to_name="b/ü")
    original = store.get(name, "a")
    assert made.is_segmented
    for same in ("etag", "size_bytes", "metadata", "content_type"):
        assert getattr(made, same) == getattr(original, same), same
    assert not made.HasField("expires_at")
    delete(store, name, "a")
    assert everything(store, name) == []
    assert store.swift("GET", other, "b/ü").content == b"part of it" * 5
    assert not store("AbortStorageObjectUploads", parent=other).segment_count
    delete(store, other, "b/ü")
    assert everything(store, other) == []


def test_what_is_made_of_odd_segments_is_copied_into_one_piece(modern: Store, name: str) -> None:
    modern.fill(name, "1", "22", "333")
    parts = [{"path": f"{name}/{part}"} for part in ("1", "22", "333")]
    whole = json.dumps(parts).encode()
    some = json.dumps([{"path": f"{name}/333", "range": "1-2"}]).encode()
    for manifest, size in ((whole, 6), (some, 2)):
        modern.swift("PUT", name, "a", query={"multipart-manifest": "put"}, body=manifest)
        made = copy(modern, name, "a", to_name="b")
        assert (made.is_segmented, made.size_bytes) == (False, size)


def test_a_copy_that_fails_leaves_no_segments(modern: Store, demo: DemoCloud, name: str) -> None:
    modern.fill(name, "b")
    parts = large(modern, name, "a", 5)
    before = everything(modern, name)
    demo.fault("modern", "status", service="object-store", method="PUT", skip=2)
    with refused(Code.UNKNOWN, "CLOUD_ERROR"):
        copy(modern, name, "a", to_name="b")
    assert everything(modern, name) == before
    modern.swift("DELETE", name, parts[3])
    before.remove(parts[3])
    with refused(Code.FAILED_PRECONDITION, "CONFLICT") as caught:
        copy(modern, name, "a", to_name="b")
    assert parts[3] in caught.message
    assert everything(modern, name) == before
    assert modern.swift("GET", name, "b").content == b"b"
    with refused(Code.NOT_FOUND) as caught:
        copy(modern, name, "a", to_parent="no-such")
    assert "'no-such'" in caught.message


def test_a_copy_onto_a_large_object_leaves_no_segments(modern: Store, name: str) -> None:
    modern.fill(name, "a")
    large(modern, name, "b")
    copy(modern, name, "a", to_name="b")
    assert everything(modern, name) == ["a", "b"]


def test_a_copy_only_if_there_is_none(
    modern: Store, demo: DemoCloud, name: str, running: Any
) -> None:
    modern.fill(name, "a", "b")
    request_id = str(uuid.uuid4())
    with refused(Code.ALREADY_EXISTS, "ALREADY_EXISTS"):
        copy(modern, name, "a", to_name="b", only_if_absent=True, request_id=str(uuid.uuid4()))
    assert modern.swift("GET", name, "b").content == b"b"
    fields: dict[str, Any] = {"to_name": "c", "only_if_absent": True, "request_id": request_id}
    demo.fault("modern", "lost_answer", service="object-store", method="PUT")
    with refused(Code.UNKNOWN, "CLOUD_UNREACHABLE"):
        copy(modern, name, "a", **fields)
    running.caller.once._made.clear()
    assert copy(modern, name, "a", **fields).etag == modern.get(name, "a").etag


def test_what_cannot_be_copied(modern: Store, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    modern.fill(name, "a")
    with refused(Code.NOT_FOUND, "NOT_FOUND") as caught:
        copy(modern, name, "a", to_parent="no-such")
    assert "container 'no-such'" in caught.message
    known = {**vars(swift.info(modern.place)), "max_object_bytes": 0}
    monkeypatch.setattr(swift, "info", lambda place: swift.Info(**known))
    with refused(Code.FAILED_PRECONDITION, "NOT_OFFERED"):
        copy(modern, name, "a", to_name="b")


def test_a_quota_is_told(modern: Store, name: str) -> None:
    modern("CreateStorageContainer", name=name, quota_count=1)
    modern.fill(name, "a")
    with refused(Code.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED"):
        copy(modern, name, "a", to_name="b")

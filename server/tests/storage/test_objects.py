"""Objects but for their bytes: told, changed, deleted one by one and many at a time, copied."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import grpc
import pytest
from oaktree import objectmany, swift
from oaktree.democloud import DemoCloud
from oaktreemodel.v1.storage_object_pb2 import StorageObject

from ..conftest import until
from .asks import Code, Store, refused
from .test_listing import ODD, ordered

LATER = int(time.time()) + 100_000
ACCOUNT = "/v1/{account}"


def update(store: Store, parent: str, name: str, **fields: Any) -> Any:
    return store("UpdateStorageObject", parent=parent, name_or_id=name, **fields).storage_object


def delete(store: Store, parent: str, name: str) -> None:
    store("DeleteStorageObject", parent=parent, name_or_id=name)


def copy(store: Store, parent: str, name: str, **fields: Any) -> Any:
    return store("CopyStorageObject", parent=parent, name_or_id=name, **fields).storage_object


def delete_many(store: Store, parent: str, **fields: Any) -> Any:
    return store("DeleteManyStorageObjects", parent=parent, **fields)


def told(response: Any) -> list[str]:
    return [one.name for one in response.storage_objects]


def noted(store: Store, parent: str, name: str, **headers: str) -> None:
    """Stores an object with headers, underscores for hyphens."""
    given = {key.replace("_", "-"): value.encode() for key, value in headers.items()}
    store.swift("PUT", parent, name, body=b"12345", headers=given)


def large(store: Store, parent: str, name: str, count: int = 2) -> list[str]:
    """Stores an object in segments under oaktree's own names, which are given."""
    parts = [f".oaktree/segments/{uuid.uuid4()}/{number}" for number in range(count)]
    for part in parts:
        store.swift("PUT", parent, part, body=b"part of it")
    manifest = json.dumps([{"path": f"{parent}/{part}"} for part in parts]).encode()
    store.swift("PUT", parent, name, query={"multipart-manifest": "put"}, body=manifest)
    return parts


def everything(store: Store, parent: str) -> list[str]:
    return [swift.name_of(item) for page in swift.pages(store.place, parent) for item in page]


# One.


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


# Changed.


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


# Deleted.


def test_an_object_goes_with_its_segments(store: Store, name: str) -> None:
    store.fill(name, "b")
    large(store, name, "a", 3)
    delete(store, name, "a")
    assert everything(store, name) == ["b"]


def test_segments_that_stay_are_told(modern: Store, demo: DemoCloud, name: str) -> None:
    modern.swift("PUT", name)
    large(modern, name, "a")
    answer = b'\r\n{"Number Deleted": 1, "Errors": [["/c/s", "403 Forbidden"]]}'
    assert demo
    with pytest.MonkeyPatch.context() as patch:
        _answering(patch, "DELETE", answer)
        with refused(Code.UNKNOWN, "CLOUD_ERROR") as caught:
            delete(modern, name, "a")
    assert "/c/s: 403 Forbidden" in caught.message


def _answering(patch: pytest.MonkeyPatch, method: str, *bodies: bytes) -> None:
    """Swift's answers to some method are these, one after the other, and then its own."""
    ask, left = swift.ask, list(bodies)

    def asked(place: Any, given: str, *args: Any, **more: Any) -> Any:
        response = ask(place, "HEAD" if given == method and left else given, *args, **more)
        if given == method and left:
            response._content = left.pop(0)
        return response

    patch.setattr(swift, "ask", asked)


# Many at a time.


def test_some_by_their_names(store: Store, name: str) -> None:
    store.fill(name, *ODD, "stays")
    segments = large(store, name, "large")
    gone = [*ODD, "large", "never there"]
    dry = delete_many(store, name, names=gone, dry_run=True)
    assert told(dry) == ordered([*ODD, "large"])
    assert dry.object_count == len(ODD) + 1
    assert set(everything(store, name)) == {*ODD, "stays", "large", *segments}
    answer = delete_many(store, name, names=[*gone, *gone])
    assert ordered(told(answer)) == ordered([*ODD, "large"])
    assert (answer.object_count, answer.failure_count) == (len(ODD) + 1, 0)
    assert everything(store, name) == ["stays"]
    again = delete_many(store, name, names=gone)
    assert not again.object_count
    assert not again.failures


def test_all_that_begin_so(store: Store, name: str) -> None:
    store.fill(name, "a/1", "a/2", "b", ".oaktree/segments/left")
    large(store, name, "a/3")
    answer = delete_many(store, name, prefix="a/")
    assert sorted(told(answer)) == ["a/1", "a/2", "a/3"]
    assert {one.name: one.size_bytes for one in answer.storage_objects}["a/1"] == 3
    assert everything(store, name) == [".oaktree/segments/left", "b"]
    assert not delete_many(store, name, prefix=".").object_count
    assert everything(store, name) == [".oaktree/segments/left", "b"]


def test_everything(store: Store, name: str) -> None:
    store.fill(name, "a", "b", ".oaktree/segments/left")
    large(store, name, "c")
    dry = delete_many(store, name, everything=True, dry_run=True)
    assert (told(dry), dry.object_count) == (["a", "b", "c"], 3)
    answer = delete_many(store, name, everything=True)
    assert sorted(told(answer)) == ["a", "b", "c"]
    assert everything(store, name) == []
    store("DeleteStorageContainer", name_or_id=name)


def test_names_far_from_each_other_are_found(
    modern: Store, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objectmany, "_WINDOW", 3)
    there = [f"{lead}{number}" for lead in "abc" for number in range(9)] + ["\ue000", "\ud7ff"]
    modern.fill(name, *there)
    some = ["a0", "a8", "a9", "b", "b3", "b4", "c8", "d", "\ue000", "\ud7ff"]
    answer = delete_many(modern, name, names=some, dry_run=True)
    assert told(answer) == ordered([one for one in some if one in there])


def test_more_than_a_message_holds_is_deleted_and_counted(
    modern: Store, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objectmany, "_TOLD", 3)
    monkeypatch.setattr(objectmany, "_GROUP", 2)
    modern.fill(name, *"abcdefg")
    answer = delete_many(modern, name, everything=True)
    assert (len(answer.storage_objects), answer.object_count) == (3, 7)
    assert everything(modern, name) == []


def test_of_each_that_stays_it_is_told_why(modern: Store, demo: DemoCloud, name: str) -> None:
    modern.fill(name, *"abcd")
    # Each of the group, and then the first two one by one.
    path = f"/v1/AUTH_{modern.place.project.id}/{name}/c"
    demo.fault("modern", "status", service="object-store", path=ACCOUNT, method="POST")
    demo.fault(
        "modern", "status", service="object-store", path=path, method="DELETE", status=403,
        times=None,
    )  # fmt: skip
    answer = delete_many(modern, name, everything=True)
    assert sorted(told(answer)) == ["a", "b", "d"]
    assert (answer.object_count, answer.failure_count) == (3, 1)
    (failure,) = answer.failures
    assert failure.status.message.startswith("'c': ")
    assert failure.status.code == Code.PERMISSION_DENIED.value[0]
    assert failure.location.cloud == "modern"
    assert everything(modern, name) == ["c"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"Response Status": "400 Bad Request", "Number Deleted": 1, "Errors": []}',
        b'{"Response Status": "401 Unauthorized"}',
        b"[]",
        b"",
    ],
)
def test_a_group_that_is_given_up_goes_one_by_one(modern: Store, name: str, body: bytes) -> None:
    modern.fill(name, *"abcd")
    with pytest.MonkeyPatch.context() as patch:
        _answering(patch, "POST", body)
        answer = delete_many(modern, name, names="abcd")
    assert sorted(told(answer)) == ["a", "b", "c", "d"]
    assert everything(modern, name) == []


def test_a_cloud_that_deletes_no_groups(
    modern: Store, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = swift.info(modern.place)
    fields = {**vars(known), "max_bulk_deletes": 0}
    monkeypatch.setattr(swift, "info", lambda place: swift.Info(**fields))
    modern.fill(name, *"abcd")
    large(modern, name, "e")
    answer = delete_many(modern, name, everything=True)
    assert sorted(told(answer)) == ["a", "b", "c", "d", "e"]
    assert everything(modern, name) == []


def test_a_cloud_that_is_gone_on_the_way(modern: Store, demo: DemoCloud, name: str) -> None:
    modern.fill(name, *"ab")
    demo.fault("modern", "status", service="object-store", method="POST", status=503, times=None)
    demo.fault("modern", "status", service="object-store", method="HEAD", status=503, times=None)
    answer = delete_many(modern, name, everything=True)
    assert (answer.object_count, answer.failure_count) == (0, 2)
    assert {one.status.code for one in answer.failures} == {Code.UNAVAILABLE.value[0]}
    demo.clear_faults()
    assert everything(modern, name) == ["a", "b"]


# Copied.


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


def test_a_token_that_has_ended_is_renewed(modern: Store, demo: DemoCloud, name: str) -> None:
    modern.fill(name, "a", "b")
    demo.expire_tokens("modern")
    assert delete_many(modern, name, everything=True).object_count == 2


def test_a_deletion_goes_on_when_its_caller_leaves(
    modern: Store, demo: DemoCloud, name: str
) -> None:
    modern.fill(name, *"abcd")
    demo.fault("modern", "late", service="object-store", method="POST", path=ACCOUNT, seconds=2)
    with pytest.raises(grpc.RpcError) as error:
        delete_many(modern, name, everything=True, timeout=1)
    call: Any = error.value
    assert call.code() == Code.DEADLINE_EXCEEDED
    until(lambda: everything(modern, name) == [])


def test_a_deletion_that_comes_twice_tells_the_same(modern: Store, name: str) -> None:
    modern.fill(name, *"abcd")
    request_id = str(uuid.uuid4())
    first = delete_many(modern, name, everything=True, request_id=request_id)
    assert delete_many(modern, name, everything=True, request_id=request_id) == first
    assert first.object_count == 4

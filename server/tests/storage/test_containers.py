"""Containers: made, told, changed, deleted."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from oaktree import swift
from oaktree.democloud import DemoCloud

from .asks import Code, Store, refused

ODD = ["a b", "ü%2F", ".", "..", "100%", "q?x#y", "new\nline", "x" * 256, "→" * 85, "a;b"]


def create(store: Store, name: str, **fields: Any) -> Any:
    return store("CreateStorageContainer", name=name, **fields).storage_container


def get(store: Store, name: str) -> Any:
    return store("GetStorageContainer", name_or_id=name).storage_container


def update(store: Store, name: str, **fields: Any) -> Any:
    return store("UpdateStorageContainer", name_or_id=name, **fields).storage_container


def listed(store: Store) -> dict[str, Any]:
    responses = store("ListStorageContainers", max_age=Duration())
    assert not [one for response in responses for one in response.failures]
    return {one.name: one for response in responses for one in response.storage_containers}


def test_a_life(store: Store, name: str) -> None:
    made = create(store, name, metadata={"Color": "blü", "b": "2"}, quota_bytes=7, quota_count=0)
    assert (made.id, made.name) == (name, name)
    assert made.location.project.name == "demo"
    assert dict(made.metadata) == {"color": "blü", "b": "2"}
    assert (made.quota_bytes, made.quota_count) == (7, 0)
    assert (made.object_count, made.size_bytes) == (0, 0)
    assert not made.is_public
    assert made.HasField("is_public")
    assert made.storage_policy == "Policy-0"
    assert made.created_at.seconds
    assert get(store, name) == made
    seen = listed(store)[name]
    assert (seen.id, seen.object_count, seen.size_bytes) == (name, 0, 0)
    assert seen.updated_at.seconds
    assert not seen.HasField("is_public")
    store("DeleteStorageContainer", name_or_id=name)
    assert name not in listed(store)
    for rpc in ("GetStorageContainer", "DeleteStorageContainer", "UpdateStorageContainer"):
        with refused(Code.NOT_FOUND, "NOT_FOUND") as caught:
            store(rpc, name_or_id=name)
        assert name in caught.message


@pytest.mark.parametrize("odd", ODD)
def test_any_name_without_a_slash_is_one(modern: Store, odd: str) -> None:
    assert create(modern, odd).name == odd
    assert get(modern, odd).name == odd
    assert odd in listed(modern)
    update(modern, odd, metadata={"set": {"a": "1"}})
    with refused(Code.ALREADY_EXISTS, "ALREADY_EXISTS"):
        create(modern, odd)
    modern("DeleteStorageContainer", name_or_id=odd)
    assert odd not in listed(modern)


def test_an_update_changes_what_is_given_and_leaves_the_rest(store: Store, name: str) -> None:
    create(store, name, metadata={"a": "1", "b": "2"}, quota_count=3)
    store.swift("POST", name, headers={"X-Container-Meta-Temp-Url-Key": "secret"})
    assert dict(get(store, name).metadata) == {"a": "1", "b": "2"}
    changed = update(store, name, metadata={"set": {"B": "3", "c": "4"}, "remove": ["A", "none"]})
    assert dict(changed.metadata) == {"b": "3", "c": "4"}
    assert changed.quota_count == 3
    assert dict(update(store, name, quota_count=-1).metadata) == {"b": "3", "c": "4"}
    assert not get(store, name).HasField("quota_count")
    replaced = update(store, name, metadata={"set": {"d": "5"}, "replace": True}, quota_bytes=9)
    assert dict(replaced.metadata) == {"d": "5"}
    assert replaced.quota_bytes == 9
    assert update(store, name) == replaced
    told = store.swift("HEAD", name).headers
    assert told["X-Container-Meta-Temp-Url-Key"] == "secret"


def test_who_may_read_and_write(store: Store, name: str) -> None:
    assert create(store, name, is_public=True).is_public
    assert get(store, name).read_acl == ".r:*,.rlistings"
    assert not update(store, name, is_public=False).is_public
    changed = update(store, name, read_acl=".r:*, .r:-x.example", write_acl="demo:*")
    assert changed.is_public
    assert changed.write_acl == "demo:*"
    assert update(store, name, metadata={"set": {"a": "1"}}).read_acl == changed.read_acl
    assert update(store, name, read_acl="", write_acl="").write_acl == ""
    with refused(Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", "read_acl"):
        update(store, name, read_acl="x", is_public=False)
    with refused(Code.INVALID_ARGUMENT):
        update(store, name, read_acl=".nonsense")


def test_what_is_there_is_not_made_again_nor_changed(store: Store, name: str) -> None:
    create(store, name, metadata={"a": "1"})
    with refused(Code.ALREADY_EXISTS, "ALREADY_EXISTS"):
        create(store, name, metadata={"a": "2"}, is_public=True)
    assert dict(get(store, name).metadata) == {"a": "1"}
    assert not get(store, name).is_public


def test_of_creates_at_once_one_makes_it(modern: Store, name: str) -> None:
    def make(number: int) -> Any:
        try:
            return create(
                modern, name, metadata={"maker": str(number)}, request_id=str(uuid.uuid4())
            )
        except grpc.RpcError as error:
            return error.code()

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(make, range(8)))
    assert answers.count(Code.ALREADY_EXISTS) == 7
    (made,) = [one for one in answers if one is not Code.ALREADY_EXISTS]
    assert get(modern, name).metadata == made.metadata
    left = [key for key in modern.swift("HEAD", name).headers if "Oaktree" in key.title()]
    assert len(left) == 1


def test_a_create_that_comes_again_to_another_oaktree(
    modern: Store, name: str, running: Any
) -> None:
    """Which is what it is to this one, once it has forgotten."""
    fields: dict[str, Any] = {"request_id": str(uuid.uuid4()), "metadata": {"a": "1"}}
    made = create(modern, name, **fields)
    running.caller.once._made.clear()
    assert create(modern, name, **fields).created_at == made.created_at
    with refused(Code.ALREADY_EXISTS, "ALREADY_EXISTS"):
        create(modern, name, request_id=str(uuid.uuid4()))
    assert dict(get(modern, name).metadata) == {"a": "1"}


def test_one_that_is_not_empty_stays(modern: Store, name: str) -> None:
    modern.fill(name, "a")
    with refused(Code.FAILED_PRECONDITION, "CONFLICT") as caught:
        modern("DeleteStorageContainer", name_or_id=name)
    assert "objects" in caught.message
    modern.swift("PUT", name, ".oaktree/segments/x", body=b"1")
    with refused(Code.FAILED_PRECONDITION, "CONFLICT") as caught:
        modern("DeleteStorageContainer", name_or_id=name)
    assert "objects" in caught.message
    modern.swift("DELETE", name, "a")
    with refused(Code.FAILED_PRECONDITION, "CONFLICT") as caught:
        modern("DeleteStorageContainer", name_or_id=name)
    assert "abort" in caught.message


def test_many_are_listed_page_by_page(modern: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from oaktree import resources

    names = {f"paged-{number:02d}" for number in range(25)}
    for name in names:
        modern.swift("PUT", name)
    row = resources.reader("StorageContainer").row
    monkeypatch.setitem(row.query, "limit", "10")
    assert names <= listed(modern).keys()


VALUES = [
    "voilà",
    "Å x Å",
    "x\x85y",
    "\xa0x\xa0",
    "\u2028",
    "🌳",
    "é" * 128,
    'a,b;c="d"',
    "a  b",
    "a\tb",
    "%41",
]


@pytest.mark.parametrize("value", VALUES)
def test_metadata_comes_back_as_it_was(modern: Store, name: str, value: str) -> None:
    assert dict(create(modern, name, metadata={"k": value}).metadata) == {"k": value}
    modern.fill(name, "a")
    fields: dict[str, Any] = {"parent": name, "name_or_id": "a", "metadata": {"set": {"k": value}}}
    assert dict(modern("UpdateStorageObject", **fields).storage_object.metadata) == {"k": value}


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("Create", {}, "name"),
    ("Create", {"name": "a/b"}, "name"),
    ("Create", {"name": "x" * 257}, "name"),
    ("Create", {"name": "a\0"}, "name"),
    ("Create", {"name": "a", "metadata": {"a_b": "1"}}, "metadata"),
    ("Create", {"name": "a", "metadata": {"ü": "1"}}, "metadata"),
    ("Create", {"name": "a", "metadata": {"": "1"}}, "metadata"),
    ("Create", {"name": "a", "metadata": {"a": ""}}, "metadata"),
    ("Create", {"name": "a", "metadata": {"a": "1\r\nX-Container-Read: .r:*"}}, "metadata"),
    ("Create", {"name": "a", "metadata": {"a:b": "1"}}, "metadata"),
    ("Create", {"name": "a", "metadata": {"a": "x" * 257}}, "metadata"),
    ("Create", {"name": "a", "metadata": {"x" * 129: "1"}}, "metadata"),
    ("Create", {"name": "a", "metadata": {f"k{n}": "1" for n in range(91)}}, "metadata"),
    ("Create", {"name": "a", "metadata": {f"k{n}": "x" * 250 for n in range(20)}}, "metadata"),
    ("Create", {"name": "a", "metadata": {"A": "1", "a": "2"}}, "metadata"),
    ("Create", {"name": "a", "metadata": {"quota-bytes": "1"}}, "metadata"),
    ("Create", {"name": "a", "metadata": {"temp-url-key": "1"}}, "metadata"),
    ("Create", {"name": "a", "metadata": {"oaktree-x": "1"}}, "metadata"),
    ("Create", {"name": "a", "storage_policy": "none such"}, "storage_policy"),
    ("Create", {"name": "a", "storage_policy": "a\r\nb: c"}, "storage_policy"),
    ("Create", {"name": "a", "quota_bytes": -1}, "quota_bytes"),
    ("Get", {"name_or_id": ""}, "name_or_id"),
    ("Get", {"name_or_id": "a/b"}, "name_or_id"),
    ("Update", {"name_or_id": "there", "metadata": {"remove": ["a b"]}}, "metadata"),
    (
        "Update",
        {"name_or_id": "there", "metadata": {"set": {"a": "1"}, "remove": ["a"]}},
        "metadata",
    ),
    ("Update", {"name_or_id": "there", "write_acl": "a\nb"}, "write_acl"),
]


@pytest.mark.parametrize(("verb", "fields", "field"), REFUSED)
def test_what_is_wrong_is_told_by_field(
    modern: Store, demo: DemoCloud, verb: str, fields: dict[str, Any], field: str
) -> None:
    modern.swift("PUT", "there")
    demo.reset_calls()
    with refused(Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", field):
        modern(f"{verb}StorageContainer", **fields)
    assert not [call for call in demo.calls() if call.startswith(("PUT", "POST", "DELETE"))]


def test_a_token_that_has_ended_is_renewed(modern: Store, demo: DemoCloud, name: str) -> None:
    create(modern, name)
    demo.expire_tokens("modern")
    assert get(modern, name).name == name
    demo.expire_tokens("modern")
    assert dict(update(modern, name, metadata={"set": {"a": "1"}}).metadata) == {"a": "1"}


def test_a_cloud_that_is_busy_is_asked_again(modern: Store, demo: DemoCloud, name: str) -> None:
    demo.fault("modern", "status", service="object-store", status=429, retry_after=0, times=2)
    assert create(modern, name).name == name


def test_a_cloud_without_it_says_so(modern: Store, demo: DemoCloud, name: str) -> None:
    create(modern, name)
    demo.fault("modern", "status", service="object-store", status=503, times=None)
    with refused(Code.UNAVAILABLE):
        get(modern, name)
    with refused(Code.UNAVAILABLE):
        modern("ListStorageContainers", max_age=Duration())


def test_an_answer_that_is_lost_is_no_failure_to_repeat(
    modern: Store, demo: DemoCloud, name: str
) -> None:
    create(modern, name)
    demo.fault("modern", "lost_answer", service="object-store", method="POST")
    with refused(Code.UNKNOWN, "CLOUD_UNREACHABLE"):
        update(modern, name, metadata={"set": {"a": "1"}})
    assert dict(get(modern, name).metadata) == {"a": "1"}


def test_what_the_cloud_takes_is_told(store: Store) -> None:
    told = store("GetCapabilities").capabilities
    known = told.object_storage
    assert known.max_object_size_bytes == 5 * 2**30 + 2
    assert (known.max_segment_count, known.min_segment_size_bytes) == (1000, 1)
    assert known.has_signed_urls
    assert known.has_bulk_delete
    assert known.has_container_quotas
    assert known.max_listing_count == 10_000
    assert known.max_container_name_size_bytes == 256
    assert known.max_object_name_size_bytes == 1024
    assert (known.max_metadata_count, known.max_metadata_size_bytes) == (90, 4096)
    assert (known.max_metadata_key_size_bytes, known.max_metadata_value_size_bytes) == (128, 256)
    assert list(known.storage_policies) == ["Policy-0"]
    assert [one.api_version for one in told.services if one.type == "object-store"] == ["1.0"]


def test_a_cloud_that_does_not_tell_is_taken_to_be_as_swift_comes(
    modern: Store, demo: DemoCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modern.place, "_kept", {})
    demo.fault("modern", "status", service="object-store", path="/info", status=404, times=2)
    known = modern("GetCapabilities").capabilities.object_storage
    assert known.max_object_name_size_bytes == 1024
    assert known.max_segment_count == 0
    assert not known.has_signed_urls
    monkeypatch.setattr(modern.place, "_kept", {})


def test_a_policy_that_is_not_known_beforehand(
    modern: Store, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {**vars(swift.info(modern.place)), "policies": ()}
    monkeypatch.setattr(swift, "info", lambda place: swift.Info(**known))
    with refused(Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", "storage_policy"):
        create(modern, name, storage_policy="a\r\nb: c")

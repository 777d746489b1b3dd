"""Objects deleted, one by one and many at a time."""

from __future__ import annotations

import uuid
from typing import Any

import grpc
import pytest
from oaktree import objectlist, objectmany, swift
from oaktree.democloud import DemoCloud

from ..conftest import until
from .asks import Code, Store, delete, everything, large, refused
from .test_listing import ODD, ordered

ACCOUNT = "/v1/{account}"


def delete_many(store: Store, parent: str, **fields: Any) -> Any:
    return store("DeleteManyStorageObjects", parent=parent, **fields)


def told(response: Any) -> list[str]:
    return [one.name for one in response.storage_objects]


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
        if given != method or not left:
            return ask(place, given, *args, **more)
        response = ask(place, "HEAD")
        response._content = left.pop(0)
        return response

    patch.setattr(swift, "ask", asked)


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
    monkeypatch.setattr(objectlist, "_PAGE", 3)
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
        b'{"Number Deleted": "many"}',
        b'{"Number Deleted": 3, "Errors": ["x"]}',
        b'{"Number Deleted": 3, "Errors": {"x": 1}}',
        b'{"Number Deleted": 3, "Errors": [["/other/name", "409 Conflict"]]}',
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


# None; fewer than there are, and than go in a batch.
@pytest.mark.parametrize("most", [0, 1, 3])
def test_a_cloud_that_deletes_few_at_once(
    modern: Store, name: str, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    known = swift.info(modern.place)
    fields = {**vars(known), "max_bulk_deletes": most}
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

"""Uploads that fail on their way, and those that meet each other: what stays."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from oaktree import http, swift
from oaktree.democloud import DemoCloud
from oaktree.storage.homes import Homes

from ..conftest import until
from .asks import Code, Store, refused
from .moving import BEFORE, DATA, download, md5, requests, start, unchanged, upload, ways

EACH = [random.Random(number).randbytes(len(DATA)) for number in range(6)]


@ways
def test_the_cloud_tells_another_checksum(
    modern: Store, parent: str, plant: Callable[..., None], at_once: bool
) -> None:
    plant("wrong_etag", "PUT")
    with refused(Code.DATA_LOSS, "BYTES_DIFFER") as caught:
        upload(modern, parent, "o", DATA, at_once=at_once)
    assert "was deleted" in caught.message
    unchanged(modern, parent)


def test_a_bit_turns_over_on_the_way_to_the_cloud(
    modern: Store, parent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the digest known beforehand the cloud itself notices."""
    monkeypatch.setattr("oaktree.storage.put.hashlib.md5", lambda *_, **__: _Constant())
    with refused(Code.DATA_LOSS, "BYTES_DIFFER"):
        upload(modern, parent, "before", DATA, at_once=True)
    unchanged(modern, parent)


class _Constant:
    def hexdigest(self) -> str:
        return "0" * 32


@ways
@pytest.mark.parametrize("kind", ["cut", "killed"])
@pytest.mark.parametrize("after", [0, 1, 300_000, len(DATA)])
def test_the_cloud_breaks_off(
    modern: Store, parent: str, plant: Callable[..., None], kind: str, after: int, at_once: bool
) -> None:
    plant(kind, "PUT", after_bytes=after)
    with refused(Code.UNAVAILABLE, "CLOUD_UNREACHABLE"):
        upload(modern, parent, "before", DATA, at_once=at_once)
    unchanged(modern, parent)
    upload(modern, parent, "before", DATA, at_once=at_once)
    assert download(modern, parent, "before").data == DATA


@ways
def test_the_cloud_takes_no_more(
    modern: Store, parent: str, plant: Callable[..., None], at_once: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(http, "READ_SECONDS", 2.0)
    plant("stall", "PUT", after_bytes=1000)
    with refused(Code.UNAVAILABLE, "CLOUD_UNREACHABLE"):
        upload(modern, parent, "before", DATA, at_once=at_once)
    unchanged(modern, parent)


@ways
def test_the_answer_is_lost(
    modern: Store, parent: str, plant: Callable[..., None], at_once: bool
) -> None:
    """It took effect, and whoever repeats himself learns of it."""
    plant("lost_answer", "PUT")
    again = {"only_if_absent": True, "request_id": str(uuid.uuid4()), "at_once": at_once}
    with refused(Code.UNAVAILABLE):
        upload(modern, parent, "o", DATA, **again)
    assert upload(modern, parent, "o", DATA, **again).etag == md5(DATA)


@ways
@pytest.mark.parametrize("kind", ["cut", "cut_body", "broken_json", "status"])
def test_what_comes_after_the_bytes_are_stored_fails(
    modern: Store, demo: DemoCloud, parent: str, at_once: bool, kind: str
) -> None:
    """Then somebody else's segments may be left, and the object is there."""
    path = "/v1/{account}/{container}"
    demo.fault("modern", kind, service="object-store", method="GET", path=path, times=None)
    try:
        assert upload(modern, parent, "o", DATA, at_once=at_once).etag == md5(DATA)
    finally:
        demo.clear_faults()


@ways
@pytest.mark.parametrize("told", [None, "", "yesterday", "Mon, 99 Jan 2026 00:00:00 GMT"])
def test_the_cloud_does_not_say_when_it_was_stored(
    modern: Store, parent: str, at_once: bool, told: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = swift.ask

    def asked(place: Any, method: str, *rest: Any, **more: Any) -> Any:
        response = ask(place, method, *rest, **more)
        if method == "PUT":
            del response.headers["Last-Modified"]
            if told is not None:
                response.headers["Last-Modified"] = told
        return response

    monkeypatch.setattr(swift, "ask", asked)
    monkeypatch.setattr(Homes, "has", lambda *_: True)
    made = upload(modern, parent, "o", DATA, at_once=at_once)
    assert (made.etag, made.HasField("updated_at")) == (md5(DATA), False)


@ways
def test_the_token_is_good_no_longer(
    modern: Store, demo: DemoCloud, parent: str, at_once: bool
) -> None:
    upload(modern, parent, "o", b"before")
    demo.expire_tokens("modern")
    upload(modern, parent, "o", DATA, at_once=at_once)
    assert download(modern, parent, "o").data == DATA


@ways
@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_who_may_write_and_not_look(
    modern: Store, demo: DemoCloud, parent: str, at_once: bool, method: str
) -> None:
    path = "/v1/{account}/{container}"
    demo.fault("modern", "status", service="object-store", method=method, path=path, status=403)
    assert upload(modern, parent, "o", DATA, at_once=at_once).etag == md5(DATA)


@pytest.mark.parametrize(
    ("at_once", "size"), [(True, 60_000), (True, len(DATA)), (False, 60_000), (False, 20 << 20)]
)
def test_the_quota_is_exceeded(modern: Store, parent: str, at_once: bool, size: int) -> None:
    modern.swift("POST", parent, headers={"X-Container-Meta-Quota-Bytes": "50000"})
    data = DATA * (size // len(DATA) + 1)
    with refused(Code.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED"):
        upload(modern, parent, "o", data[:size], at_once=at_once)
    unchanged(modern, parent)


def test_a_client_that_leaves(modern: Store, parent: str, demo: DemoCloud) -> None:
    """At any point: what was there before stays, and nothing goes on."""
    chosen = random.Random("leaving")
    # Those that a fault has left hanging.
    others = demo.traffic("modern")["in_flight"]
    sent = list(requests(modern, parent, "before", DATA))
    there = {BEFORE}
    for _ in range(60):
        some = sent[: chosen.randrange(len(sent)) + 1]
        leaving = _Leaving(some)
        call = start(modern, iter(leaving))
        until(leaving.has_sent.is_set)
        call.cancel()
        leaving.may_end.set()
        with pytest.raises(grpc.RpcError):
            list(call)
        if len(some) == len(sent):
            # It may have been all over by then.
            there.add(DATA)
        assert modern.swift("GET", parent, "before").content in there
    until(lambda: demo.traffic("modern")["in_flight"] <= others)
    upload(modern, parent, "before", DATA)
    assert download(modern, parent, "before").data == DATA


class _Leaving:
    """Sends some messages, and then no more, nor an end."""

    def __init__(self, some: list[Any]) -> None:
        self._some = some
        self.has_sent = threading.Event()
        self.may_end = threading.Event()

    def __iter__(self) -> Iterator[Any]:
        yield from self._some
        self.has_sent.set()
        self.may_end.wait(30)


def at_the_same_time(work: Callable[[bytes], Any]) -> list[Any]:
    """What becomes of it for each of the EACH."""
    with ThreadPoolExecutor(len(EACH)) as pool:
        return list(pool.map(work, EACH))


@ways
def test_some_at_once_to_one_name(modern: Store, parent: str, at_once: bool) -> None:
    """Whichever ends last is there, whole."""
    done = at_the_same_time(lambda data: upload(modern, parent, "o", data, at_once=at_once))
    assert [one.etag for one in done] == list(map(md5, EACH))
    assert download(modern, parent, "o").data in EACH


@ways
def test_some_that_want_to_be_first(modern: Store, parent: str, at_once: bool) -> None:
    """Swift looks when an upload begins: those that began before the first ended are all let in,
    and the last stays."""

    def one(data: bytes) -> Any:
        try:
            return upload(modern, parent, "o", data, at_once=at_once, only_if_absent=True).etag
        except grpc.RpcError as error:
            return error.code()

    outcomes = at_the_same_time(one)
    assert md5(download(modern, parent, "o").data) in outcomes
    assert set(outcomes) <= {Code.ALREADY_EXISTS, *map(md5, EACH)}

"""Uploads of which no message comes: a few of one caller are waited for, and not for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import grpc
import pytest
from oaktree import service, transfer

from .deployed import Deployed, Metadata
from .deployed_fixtures import channel, patient
from .shown import refused

__all__ = ["channel", "patient"]

UPLOAD = "/oaktreemodel.v1.ImageService/UploadImage"
Code = grpc.StatusCode
Begin = Callable[[Metadata], Any]


@pytest.fixture
def begin(channel: grpc.Channel) -> Iterator[Begin]:
    """Opens an upload, and sends nothing."""
    over = threading.Event()

    def silent() -> Iterator[bytes]:
        over.wait(60)
        yield from ()

    def begun(metadata: Metadata) -> Any:
        make: Any = channel.stream_stream(UPLOAD)
        return make(silent(), metadata=metadata, timeout=60)

    yield begun
    over.set()


def test_a_caller_has_so_many(patient: Deployed, begin: Begin) -> None:
    metadata = patient.metadata()
    calls = [begin(metadata) for _ in range(3)]
    ended: list[Any] = []
    first = threading.Event()
    for call in calls:

        def told(call: Any = call) -> None:
            ended.append(call)
            first.set()

        call.add_callback(told)
    assert first.wait(30)
    assert [call.code() for call in ended] == [Code.RESOURCE_EXHAUSTED]
    for call in calls:
        call.cancel()


def test_nothing_ever_comes(
    patient: Deployed, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "heard", partial(transfer.heard, silence=0.1))
    got = refused(lambda: list(begin(patient.metadata())))
    assert got == (Code.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")


def test_it_ends_before_it_has_begun(patient: Deployed, channel: grpc.Channel) -> None:
    make: Any = channel.stream_stream(UPLOAD)
    got = refused(lambda: list(make(iter(()), metadata=patient.metadata(), timeout=60)))
    assert got == (Code.INVALID_ARGUMENT, "INVALID_ARGUMENT")

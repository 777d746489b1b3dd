"""Bytes of objects sent and received as any client does it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from oaktree.models import message_class
from oaktreemodel.v1.storage_object_pb2 import (
    DownloadStorageObjectRequest,
    UploadSegment,
    UploadStorageObjectRequest,
)
from oaktreemodel.v1.transfer_pb2 import DownloadContent, DownloadPart, UploadContent, UploadFinish

from .asks import RPCS, Store

CHUNK = 64 * 1024
DATA = random.Random("moving").randbytes(700_000)
BEFORE = b"what was there before"
# In one message or in many.
ways = pytest.mark.parametrize("at_once", [True, False], ids=["at once", "streamed"])


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def unchanged(store: Store, parent: str) -> None:
    """Nothing came to be, and nothing was lost."""
    assert store.names(parent) == ["before"]
    assert store.swift("GET", parent, "before").content == BEFORE


def requests(
    store: Store, parent: str, name: str, data: bytes, *, at_once: bool = False, **fields: Any
) -> Iterator[UploadStorageObjectRequest]:
    """Those of an upload: in one message, or in one for what it is, each chunk and the end."""
    content = fields.pop("content", UploadContent())
    if not content.HasField("size_bytes"):
        content.size_bytes = len(data)
    finish = fields.pop("finish", UploadFinish(sha256=sha256(data)))
    first = UploadStorageObjectRequest(
        location=store.location, parent=parent, name=name, content=content, **fields
    )
    if at_once:
        first.chunk = data
        first.finish.CopyFrom(finish)
        yield first
        return
    yield first
    for start in range(0, len(data), CHUNK):
        yield UploadStorageObjectRequest(chunk=data[start : start + CHUNK])
    yield UploadStorageObjectRequest(finish=finish)


def start(store: Store, sent: Iterator[UploadStorageObjectRequest]) -> Any:
    """The call of an upload."""
    rpc = RPCS["UploadStorageObject"]
    make: Any = store.channel.stream_stream
    call = make(
        rpc.path,
        request_serializer=UploadStorageObjectRequest.SerializeToString,
        response_deserializer=message_class("UploadStorageObjectResponse").FromString,
    )
    return call(sent, timeout=120)


def upload(store: Store, parent: str, name: str, data: bytes, **fields: Any) -> Any:
    """The object, as the upload tells it."""
    answers = list(start(store, requests(store, parent, name, data, **fields)))
    assert answers[-1].HasField("storage_object")
    assert not any(answer.HasField("storage_object") for answer in answers[:-1])
    return answers[-1].storage_object


@dataclass
class Got:
    """What came of a download, also of one that failed."""

    content: DownloadContent = field(default_factory=DownloadContent)
    object: Any = None
    data: bytes = b""
    is_finished: bool = False


def begin(store: Store, parent: str, name: str, **part: Any) -> Any:
    """The call of a download."""
    rpc = RPCS["DownloadStorageObject"]
    make: Any = store.channel.unary_stream
    call = make(
        rpc.path,
        request_serializer=DownloadStorageObjectRequest.SerializeToString,
        response_deserializer=message_class("DownloadStorageObjectResponse").FromString,
    )
    request = DownloadStorageObjectRequest(location=store.location, parent=parent, name_or_id=name)
    if part:
        request.part.CopyFrom(DownloadPart(**part))
    return call(request, timeout=120)


def download(store: Store, parent: str, name: str, got: Got | None = None, **part: Any) -> Got:
    got = got or Got()
    for number, answer in enumerate(begin(store, parent, name, **part)):
        assert not got.is_finished
        assert answer.HasField("content") == answer.HasField("storage_object") == (not number)
        if not number:
            got.content, got.object = answer.content, answer.storage_object
        got.data += answer.chunk
        got.is_finished = answer.HasField("finish")
        if got.is_finished:
            assert answer.finish.sha256 == sha256(got.data)
    assert got.is_finished
    return got


def segment(step: Any, index: int, size: int) -> UploadSegment:
    """One of those that a plan's step names."""
    return UploadSegment(
        upload_id=step.upload_id,
        index=index,
        object_size_bytes=size,
        segment_size_bytes=step.segments[0].size_bytes,
    )

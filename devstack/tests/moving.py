"""What is sent and fetched in tests: bytes that come slowly, and ways that break off."""

from __future__ import annotations

import contextlib
import hashlib
import io
import random
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import grpc
import oaktreemodel
from oaktree import tokenfile

CHUNK_BYTES = 256 * 1024
SIZE = 6 * 1024 * 1024 + 17


def made(size: int = SIZE) -> bytes:
    """Bytes that nobody has seen before."""
    return random.randbytes(size)


class Slow(io.BytesIO):
    """Bytes that come slowly, so that there is a middle in which something can happen."""

    def read(self, size: int | None = -1) -> bytes:
        time.sleep(0.04)
        return super().read(size)


class Left(Exception):
    """Somebody does not want it any more."""


def leaving(sent_bytes: int) -> Callable[[oaktreemodel.Progress], None]:
    """What leaves a transfer once so many bytes have gone."""

    def told(progress: oaktreemodel.Progress) -> None:
        if progress.sent_bytes >= sent_bytes:
            raise Left

    return told


@contextlib.contextmanager
def no_tickets() -> Iterator[None]:
    """The client cannot go straight to the cloud meanwhile: everything goes through oaktree."""
    with contextlib.ExitStack() as stack:
        for module in ("_upload", "_download", "_signed"):
            stack.enter_context(mock.patch(f"oaktreemodel.{module}.usable", return_value=None))
        yield


@contextlib.contextmanager
def bare_channel(address: str) -> Iterator[Callable[..., Any]]:
    """A function that calls one's own oaktree by the stubs: (a stub's class, the rpc's name, the
    requests) to the responses. Our clients send no wrong checksum."""
    token = (tokenfile.folder() / tokenfile.name_of(address)).read_text().strip()
    with grpc.insecure_channel(address) as channel:

        def call(stub: Any, rpc: str, *requests: Any) -> list[Any]:
            metadata = [("authorization", f"Bearer {token}")]
            return list(getattr(stub(channel), rpc)(iter(requests), metadata=metadata))

        yield call


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def fetched(other: Any, container: str, name: str, **part: Any) -> bytes:
    return b"".join(other.storage_objects.download_chunks(name, parent=container, **part))

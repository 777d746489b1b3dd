"""Responses as bytes.

The resource is field 1 of every response, so that one item's frame is a Get's answer as it is, and
a List's batch when joined with others: what is converted once is never serialised again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice

from google.protobuf.timestamp_pb2 import Timestamp

# Fields 1, 2 and 3 of a response, length-delimited.
_RESOURCE = b"\x0a"
_FAILURE = b"\x12"
_AS_OF = b"\x1a"
# A batch is small enough to be one short stall of the reader's, and far below gRPC's 4 MiB.
BATCH_ITEMS = 250
BATCH_BYTES = 512 * 1024


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _delimited(tag: bytes, body: bytes) -> bytes:
    return tag + _varint(len(body)) + body


def field(number: int, body: bytes) -> bytes:
    """A message as a field of a response."""
    return _delimited(_varint(number << 3 | 2), body)


def number(number: int, value: int) -> bytes:
    """An enum as a field of a response."""
    return _varint(number << 3) + _varint(value)


def frame(resource: bytes) -> bytes:
    """A serialised resource as it stands in any response."""
    return _delimited(_RESOURCE, resource)


def unframe(framed: bytes) -> bytes:
    """The serialised resource in a frame."""
    start = 1
    while framed[start] & 128:
        start += 1
    return framed[start + 1 :]


def failure(serialised: bytes) -> bytes:
    """A serialised Failure as it stands in any list's response."""
    return _delimited(_FAILURE, serialised)


# Every answer from one list tells the same time.
@lru_cache(64)
def as_of(when: float) -> bytes:
    """The time at which the cloud was asked, in seconds since the epoch, as it stands in any
    response to a read."""
    stamp = Timestamp(seconds=int(when), nanos=int(when % 1 * 1e9))
    return _delimited(_AS_OF, stamp.SerializeToString())


def batches(frames: Iterable[bytes], end: bytes = b"") -> Iterator[bytes]:
    """Frames joined into responses."""
    rest = iter(frames)
    while some := list(islice(rest, BATCH_ITEMS)):
        batch = b"".join([*some, end])
        if len(batch) <= BATCH_BYTES:
            yield batch
        else:
            for batch in _smaller(some):
                yield batch + end


def _smaller(frames: Iterable[bytes]) -> Iterator[bytes]:
    """The same by their bytes alone: few frames are so large that this needs to be fast."""
    batch: list[bytes] = []
    size = 0
    for one in frames:
        if batch and size + len(one) > BATCH_BYTES:
            yield b"".join(batch)
            batch, size = [], 0
        batch.append(one)
        size += len(one)
    yield b"".join(batch)

"""The bytes of images and objects: what was uploaded, and what is made up as it is read."""

import hashlib
import os
import random
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from typing import BinaryIO, Literal, Protocol

# What becomes of uploaded bytes: they are given back to whoever asks for them; or forgotten once
# their checksums are known; or forgotten unread, and taken for those of a `Source` of their length.
Uploads = Literal["kept", "hashed", "assumed"]
# Bytes that are read, and written to a connection, at once.
PIECE = 256 * 1024
# A prime: so no two pieces of what is made up are alike, as long as they are no longer than this.
PERIOD = 1_048_573


class Content(Protocol):
    """Bytes that do not change any more."""

    size: int
    digests: dict[str, str]
    """By the algorithm's name, in hexadecimal."""

    def pieces(self, start: int = 0, stop: int | None = None) -> Iterator[bytes | memoryview]: ...


class Arena:
    """Where large contents lie: extents of one length in one temporary file.

    The file has no name and is gone with the process. One file, as a thousand segments with a file
    each would be more than a process may open.
    """

    def __init__(self, extent: int) -> None:
        self.extent = extent
        self._file: BinaryIO | None = None
        self._free: list[int] = []
        self._end = 0

    def put(self, data: bytes | bytearray) -> int:
        """The number of the extent that now holds this data, of an extent's length."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (until `close`)
        if self._free:
            number = self._free.pop()
        else:
            number, self._end = self._end, self._end + 1
        rest = memoryview(data)
        place = number * self.extent
        while rest:
            written = os.pwrite(self._file.fileno(), rest, place)
            rest, place = rest[written:], place + written
        return number

    def get(self, number: int, start: int, size: int) -> bytes:
        assert self._file is not None
        return os.pread(self._file.fileno(), size, number * self.extent + start)

    def free(self, numbers: Sequence[int]) -> None:
        self._free += numbers
        if self._file and len(self._free) == self._end:
            self._free.clear()
            self._end = 0
            self._file.truncate(0)

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None


class Kept:
    """What was uploaded: its last part in memory, what came before in the arena."""

    __slots__ = ("_arena", "_extents", "_tail", "digests", "size")

    def __init__(self, arena: Arena) -> None:
        self.size = 0
        self.digests: dict[str, str] = {}
        self._arena = arena
        self._extents: list[int] = []
        self._tail = bytearray()

    def __del__(self) -> None:
        # Where somebody still reads what has been deleted, this is when they are through.
        self._arena.free(self._extents)

    def add(self, data: bytes | memoryview) -> None:
        self.size += len(data)
        self._tail += data
        extent = self._arena.extent
        while len(self._tail) >= extent:
            self._extents.append(self._arena.put(self._tail[:extent]))
            del self._tail[:extent]

    def pieces(self, start: int = 0, stop: int | None = None) -> Iterator[bytes | memoryview]:
        stop = self.size if stop is None else min(stop, self.size)
        extent = self._arena.extent
        while start < stop:
            number, inside = divmod(start, extent)
            size = min(stop - start, extent - inside, PIECE)
            if number < len(self._extents):
                yield self._arena.get(self._extents[number], inside, size)
            else:
                yield bytes(self._tail[inside : inside + size])
            start += size


class Source:
    """Pseudo-random bytes, the same for every source: made up as they are read, kept nowhere."""

    def __init__(self, size: int, digests: dict[str, str] | None = None) -> None:
        self.size = size
        self.digests = digests or {}

    def pieces(self, start: int = 0, stop: int | None = None) -> Iterator[bytes | memoryview]:
        stop = self.size if stop is None else min(stop, self.size)
        block = memoryview(_block())
        while start < stop:
            inside = start % PERIOD
            size = min(stop - start, PERIOD - inside, PIECE)
            yield block[inside : inside + size]
            start += size


@cache
def _block() -> bytes:
    return random.Random("oaktree").randbytes(PERIOD)


@cache
def source_digest(size: int, algorithm: str) -> str:
    """Of a source of this size. Takes two or three seconds a GiB, the first time."""
    state = hashlib.new(algorithm, usedforsecurity=False)
    for piece in Source(size).pieces():
        state.update(piece)
    return state.hexdigest()


class Writer:
    """Takes an upload; what it has taken when it is dropped is gone."""

    def __init__(self, arena: Arena, uploads: Uploads, *algorithms: str) -> None:
        self.size = 0
        self.head = bytearray()
        """The first bytes, as many as tell what an image is."""
        self._uploads = uploads
        self._kept = Kept(arena) if uploads == "kept" else None
        self._algorithms = algorithms
        self._states = (
            [hashlib.new(name, usedforsecurity=False) for name in algorithms]
            if uploads != "assumed"
            else []
        )

    def add(self, data: bytes | memoryview) -> None:
        if len(self.head) < PIECE:
            self.head += data[: PIECE - len(self.head)]
        self.size += len(data)
        for state in self._states:
            state.update(data)
        if self._kept:
            self._kept.add(data)

    def finish(self) -> Content:
        digests = [state.hexdigest() for state in self._states] or [
            source_digest(self.size, name) for name in self._algorithms
        ]
        found = dict(zip(self._algorithms, digests, strict=True))
        if self._kept is None:
            return Source(self.size, found)
        self._kept.digests = found
        return self._kept

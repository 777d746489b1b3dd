"""A client that costs little: gRPC calls as frames of HTTP/2 whose bytes are only counted.

A client of grpc's own needs as much processor time as the server that it should measure, and would
hide half of any difference. What a call answered is not decoded; a call that failed has no message.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4
_LARGEST_WINDOW = 2**31 - 1
# As many bytes may come before the server is told to go on; told far earlier.
_REFILL = 2**28


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">HBBBL", len(payload) >> 8, len(payload) & 255, kind, flags, stream) + (
        payload
    )


def _text(value: str) -> bytes:
    """A header's text as HPACK has it without Huffman's code."""
    size, rest = bytes([min(len(value), 127)]), len(value) - 127
    # What does not fit into seven bits follows, as many at a time.
    while rest >= 128:
        size += bytes([rest & 127 | 128])
        rest >>= 7
    return size + (bytes([rest]) if rest >= 0 else b"") + value.encode()


def _headers(authority: str, path: str, metadata: Mapping[str, str]) -> bytes:
    """Of a gRPC call, none of them kept by the server."""
    return (
        b"\x83\x86"  # :method POST, :scheme http
        + (b"\x04" + _text(path))
        + (b"\x01" + _text(authority))
        + (b"\x0f\x10" + _text("application/grpc"))
        + (b"\x00" + _text("te") + _text("trailers"))
        + b"".join(b"\x00" + _text(key) + _text(value) for key, value in metadata.items())
    )


@dataclass
class Stream:
    """A call's answer. `told` is called with it at each frame of data, and at its end."""

    told: Callable[[Stream], None]
    received: int = 0
    # Whether it ended, and with a status after all messages instead of a failure at once.
    ended: bool = False
    whole: bool = False
    # The bytes that came, where they are wanted.
    kept: bytearray | None = None


@dataclass
class Connection(asyncio.Protocol):
    """One connection to a gRPC server without TLS."""

    authority: str
    # Of every call.
    metadata: Mapping[str, str] = field(default_factory=dict)
    _streams: dict[int, Stream] = field(default_factory=dict)
    _calls: dict[str, bytes] = field(default_factory=dict)
    _next: int = 1
    _buffer: bytes = b""
    _unacknowledged: int = 0
    _transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        # No pushes; any stream may send what it has; frames as large as grpc's own clients take.
        settings = struct.pack(">HLHLHL", 2, 0, 4, _LARGEST_WINDOW, 5, 4 * 2**20)
        window = struct.pack(">L", _LARGEST_WINDOW - 65_535)
        self._transport.write(
            _PREFACE + _frame(_SETTINGS, 0, 0, settings) + _frame(_WINDOW, 0, 0, window)
        )

    def call(self, path: str, request: bytes, stream: Stream) -> None:
        """Sends a call with its one request."""
        if path not in self._calls:
            self._calls[path] = _headers(self.authority, path, self.metadata)
        number, self._next = self._next, self._next + 2
        self._streams[number] = stream
        message = b"\0" + struct.pack(">L", len(request)) + request
        self._transport.write(
            _frame(_HEADERS, _END_HEADERS, number, self._calls[path])
            + _frame(_DATA, _END_STREAM, number, message)
        )

    def close(self) -> None:
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            stream.ended = True
            stream.told(stream)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        at, end = 0, len(buffer)
        while end - at >= 9:
            high, low, kind, flags, number = struct.unpack_from(">HBBBL", buffer, at)
            size = high << 8 | low
            if end - at - 9 < size:
                break
            at += 9
            if kind == _DATA:
                self._unacknowledged += size
                stream = self._streams[number]
                stream.received += size
                if stream.kept is not None:
                    stream.kept += buffer[at : at + size]
                stream.told(stream)
            elif kind in (_HEADERS, _RESET) and (kind == _RESET or flags & _END_STREAM):
                # Of a call that was over already, a reset may still come.
                ended = self._streams.pop(number, None)
                if ended is not None:
                    ended.ended = True
                    ended.whole = kind == _HEADERS and ended.received > 0
                    ended.told(ended)
            elif kind in (_SETTINGS, _PING) and not flags & _ACK:
                answer = b"" if kind == _SETTINGS else buffer[at : at + size]
                self._transport.write(_frame(kind, _ACK, 0, answer))
            at += size
        self._buffer = buffer[at:]
        if self._unacknowledged > _REFILL:
            self._transport.write(_frame(_WINDOW, 0, 0, struct.pack(">L", self._unacknowledged)))
            self._unacknowledged = 0


async def connect(address: str, metadata: Mapping[str, str] | None = None) -> Connection:
    host, _, port = address.rpartition(":")
    _, made = await asyncio.get_running_loop().create_connection(
        lambda: Connection(address, metadata or {}), host, int(port)
    )
    return made


async def answer(connection: Connection, path: str, request: Message) -> list[bytes]:
    """Every message of a call's answer. RuntimeError if it fails."""
    done = asyncio.Event()
    stream = Stream(lambda one: done.set() if one.ended else None, kept=bytearray())
    connection.call(path, request.SerializeToString(), stream)
    await done.wait()
    if not stream.whole:
        raise RuntimeError(f"{path} failed")
    assert stream.kept is not None
    return messages(bytes(stream.kept))


@asynccontextmanager
async def held(address: str, path: str, request: Message) -> AsyncIterator[None]:
    """A call whose answer goes on until the block ends. RuntimeError if it ended before."""
    connection = await connect(address)
    begun = asyncio.Event()
    stream = Stream(lambda one: begun.set())
    connection.call(path, request.SerializeToString(), stream)
    await begun.wait()
    yield
    if stream.ended:
        raise RuntimeError(f"{path} ended")
    connection.close()


def messages(data: bytes) -> list[bytes]:
    """The whole messages in a stream's data."""
    found, at = [], 0
    while at + 5 <= len(data):
        size = int.from_bytes(data[at + 1 : at + 5], "big")
        found.append(data[at + 5 : at + 5 + size])
        at += 5 + size
    return found

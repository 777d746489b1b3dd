"""HTTP/2 as bytes: what no client of grpc's would send."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from typing import Self

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RESET, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
ENHANCE_YOUR_CALM = 11
# Both sides of a connection are let send as much as they like.
OPENING_WINDOW = 2**31 - 1
# Nothing here takes as long on the slowest machine.
PATIENCE = 60.0
Frame = tuple[int, int, int, bytes]


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    size = len(payload)
    return struct.pack(">HBBBL", size >> 8, size & 255, kind, flags, stream) + payload


def opening() -> bytes:
    """What a client sends before all else."""
    settings = struct.pack(">HLHL", 2, 0, 4, OPENING_WINDOW)
    window = struct.pack(">L", OPENING_WINDOW - 65_535)
    return PREFACE + frame(SETTINGS, payload=settings) + frame(WINDOW, payload=window)


def text(value: bytes) -> bytes:
    """A string as HPACK has it, without Huffman's code."""
    size = len(value)
    if size < 127:
        return bytes([size]) + value
    size -= 127
    told = b"\x7f"
    while size >= 128:
        told += bytes([size % 128 + 128])
        size //= 128
    return told + bytes([size]) + value


def block(*headers: tuple[bytes, bytes]) -> bytes:
    """Headers as HPACK has them, none of them to be kept."""
    return b"".join(b"\0" + text(name) + text(value) for name, value in headers)


def call(
    path: bytes, *more: tuple[bytes, bytes], kind: bytes = b"application/grpc"
) -> tuple[tuple[bytes, bytes], ...]:
    """The headers of a call."""
    return (
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", path),
        (b":authority", b"localhost"),
        (b"content-type", kind),
        (b"te", b"trailers"),
        *more,
    )


def message(data: bytes, *, compressed: int = 0, size: int | None = None) -> bytes:
    """As gRPC sends it; `size` is what it says its size is, where that is a lie."""
    said = len(data) if size is None else size
    return struct.pack(">BL", compressed, said & 0xFFFFFFFF) + data


class Wire:
    """A connection to a server. What the server says is kept; the connection may be closed by it at
    any time, which is no error."""

    def __init__(self, made: socket.socket) -> None:
        self._socket = made
        self._loop = asyncio.get_running_loop()
        # How much the server has taken, or the system for it.
        self.sent = 0
        self.closed = False
        self.received = bytearray()
        self._more = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def to(cls, address: str) -> Self:
        host, _, port = address.rpartition(":")
        made = socket.socket()
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, (host, int(port)))
        return cls(made)

    async def _read(self) -> None:
        told = b""
        while not self.closed:
            try:
                told = await self._loop.sock_recv(self._socket, 1 << 16)
            except OSError:
                told = b""
            async with self._more:
                self.received += told
                self.closed = not told
                self._more.notify_all()

    async def send(self, data: bytes) -> None:
        for at in range(0, len(data), 1 << 14):
            if self.closed:
                return
            part = data[at : at + (1 << 14)]
            try:
                await asyncio.wait_for(self._loop.sock_sendall(self._socket, part), PATIENCE)
            except ConnectionError:
                return
            self.sent += len(part)

    def frames(self) -> Iterator[Frame]:
        """Those that came whole."""
        at = 0
        while at + 9 <= len(self.received):
            high, low, kind, flags, stream = struct.unpack_from(">HBBBL", self.received, at)
            end = at + 9 + (high << 8 | low)
            if end > len(self.received):
                return
            yield kind, flags, stream, bytes(self.received[at + 9 : end])
            at = end

    def ended(self) -> set[int]:
        """The streams that the server has ended, with a status or at once."""
        return {
            stream
            for kind, flags, stream, _ in self.frames()
            if kind == RESET or (kind in (HEADERS, DATA) and flags & END_STREAM)
        }

    def goaway(self) -> int | None:
        """The code with which the server has said goodbye; None if it has not."""
        codes = [told[4:8] for kind, _, _, told in self.frames() if kind == GOAWAY]
        return int.from_bytes(codes[-1], "big") if codes else None

    async def until_ended(self, streams: set[int]) -> None:
        """Waits until the server has ended these, or the connection. TimeoutError if it does
        not."""
        async with asyncio.timeout(PATIENCE), self._more:
            await self._more.wait_for(lambda: self.closed or streams <= self.ended())

    async def until_closed(self) -> None:
        async with asyncio.timeout(PATIENCE), self._more:
            await self._more.wait_for(lambda: self.closed)

    def finish(self) -> None:
        """There is nothing more to come."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.closed = True

    async def close(self) -> None:
        self._reading.cancel()
        await asyncio.wait([self._reading])
        self._socket.close()

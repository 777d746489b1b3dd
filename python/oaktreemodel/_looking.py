"""HTTP connections that look around while they wait for the other side.

A thread that waits in the operating system notices neither that its transfer is over nor that its
time is; nor would urllib3 have one limit for the silence while a body is sent, and another one for
what follows.
"""

from __future__ import annotations

import contextlib
import io
import socket
import time
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

T = TypeVar("T")

# Called again and again; ends what goes on by raising.
Look: TypeAlias = Callable[[], None]

LOOK_SECONDS = 0.25


class Pools(urllib3.PoolManager):
    """Connections by host; `silence` is how many seconds nothing of a body may move."""

    def __init__(self, look: Look, silence: float, **options: Any) -> None:
        super().__init__(**options)
        self._looking = {"look": staticmethod(look), "silence": silence}

    def _new_pool(self, scheme: str, *args: Any, **kwargs: Any) -> urllib3.HTTPConnectionPool:
        pool = super()._new_pool(scheme, *args, **kwargs)
        kind = _Https if scheme == "https" else _Http
        pool.ConnectionCls = type(kind.__name__, (kind,), self._looking)
        return pool


class _Looking:
    look: Look
    silence: float
    sock: Any

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self.sock = _Socket(self.sock, self.look, self.silence)


class _Http(_Looking, HTTPConnection):
    pass


class _Https(_Looking, HTTPSConnection):
    pass


class _Socket:
    """A connected socket, with or without TLS, as far as HTTP needs one."""

    def __init__(self, inner: socket.socket, look: Look, silence: float) -> None:
        inner.settimeout(LOOK_SECONDS)
        self._inner = inner
        self._look = look
        self._silence = silence
        self._limit: float | None = silence

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def settimeout(self, seconds: float | None) -> None:
        """How long the other side may say nothing."""
        self._limit = seconds

    def sendall(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            # With TLS, what is tried again after a timeout has to be the same.
            left = left[self._wait(self._silence, self._inner.send, left) :]

    def makefile(self, mode: str) -> io.BufferedReader:
        assert mode == "rb"
        return io.BufferedReader(_Reader(self, self._inner.makefile("rb", buffering=0)))

    def recv_into(self, buffer: Any) -> int:
        return self._wait(self._limit, self._inner.recv_into, buffer)

    def _wait(self, limit: float | None, move: Callable[[Any], T], data: Any) -> T:
        begun = time.monotonic()
        while True:
            self._look()
            try:
                return move(data)
            except TimeoutError:
                if limit is not None and time.monotonic() - begun >= limit:
                    raise


class _Reader(io.RawIOBase):
    """What a socket gives, as a file. It holds the socket's own file, which keeps it open, and
    which could not be read any more after a timeout."""

    def __init__(self, looking: _Socket, held: io.RawIOBase) -> None:
        self._looking = looking
        self._held = held

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._looking.recv_into(buffer)

    def close(self) -> None:
        with contextlib.closing(self._held):
            super().close()

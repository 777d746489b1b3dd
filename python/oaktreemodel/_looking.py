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
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from oaktreemodel._ticket import LOCAL

T = TypeVar("T")

# Called again and again; ends what goes on by raising.
Look: TypeAlias = Callable[[], None]

LOOK_SECONDS = 0.25


class _Pools:
    looking: dict[str, Any]

    def _new_pool(self, scheme: str, *args: Any, **kwargs: Any) -> urllib3.HTTPConnectionPool:
        pool: Any = super()._new_pool(scheme, *args, **kwargs)  # type: ignore[misc]
        kind = _Https if scheme == "https" else _Http
        pool.ConnectionCls = type(kind.__name__, (kind,), self.looking)
        return pool  # type: ignore[no-any-return]


class _Straight(_Pools, urllib3.PoolManager):
    pass


class _Proxied(_Pools, urllib3.ProxyManager):
    pass


def pools(proxy: str, look: Look, silence: float, **options: Any) -> urllib3.PoolManager:
    """Connections by host, past a proxy if one is given; `silence` is how many seconds nothing of a
    body may move.

    Raises LocationValueError for what is no proxy.
    """
    made: _Straight | _Proxied
    if proxy:
        user = unquote(urlsplit(proxy).netloc.rpartition("@")[0])
        headers = urllib3.make_headers(proxy_basic_auth=user) if user else None
        made = _Proxied(proxy, proxy_headers=headers, **options)
    else:
        made = _Straight(**options)
    made.looking = {"look": staticmethod(look), "silence": silence}
    return made


def proxy_of(url: str) -> str:
    """The proxy that the environment names for a URL; empty for none."""
    where = urlsplit(url)
    host = where.hostname or ""
    if host in LOCAL or proxy_bypass(host):
        return ""
    proxy = getproxies().get(where.scheme, "")
    return proxy if "://" in proxy or not proxy else f"http://{proxy}"


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

"""Bytes straight to and from the cloud, with a ticket that oaktree gave.

It is imported by what has a ticket only: other programs need not wait for urllib3.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Self

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    SSLError,
)

from oaktreemodel._drive import Stopped
from oaktreemodel._looking import Look, pools, proxy_of
from oaktreemodel._source import CHUNK_BYTES
from oaktreemodel._ticket import Broken, Unreachable, url_of
from oaktreemodel.v1.transfer_pb2 import Ticket

# Seconds to reach the cloud, and that nothing may move.
CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 120.0

# What says that no byte has reached the cloud.
_NEVER_THERE = (
    ConnectTimeoutError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    SSLError,
)


# urllib3 logs the URL of what it sends, and a ticket's is a secret.
_LOGS = ("connection", "connectionpool", "poolmanager", "util.retry")
_ours = threading.local()


def _is_others(record: logging.LogRecord) -> bool:
    """Whether what is logged is not of a request of ours, which this thread is in."""
    return not getattr(_ours, "is_sending", False)


@contextlib.contextmanager
def _unlogged() -> Iterator[None]:
    _ours.is_sending = True
    try:
        yield
    finally:
        _ours.is_sending = False


for _name in _LOGS:
    logging.getLogger(f"urllib3.{_name}").addFilter(_is_others)


class Body:
    """The pieces of a request's body. What they raise is kept, which urllib3 would make an error of
    the connection."""

    def __init__(self, pieces: Iterable[bytes], stop: threading.Event) -> None:
        self._pieces = pieces
        self._stop = stop
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            for piece in self._pieces:
                if self._stop.is_set():
                    raise Stopped
                yield piece
        except Exception as error:
            self.error = error
            raise


class Direct:
    """Connections to clouds. Safe for threads."""

    def __init__(self, parallel: int = 1, look: Look = lambda: None) -> None:
        """What `look` raises ends what goes on; it is called all the time."""
        self._look = look
        self._parallel = parallel
        # By the proxy; all tickets of one transfer lead to one cloud.
        self._pools: dict[str, urllib3.PoolManager] = {}

    def put(
        self,
        ticket: Ticket,
        name: str,
        headers: Mapping[str, str],
        size: int,
        body: Body,
    ) -> Mapping[str, str]:
        """Sends so many bytes. The headers of the answer.

        Raises Unreachable, Broken, or what the body raises.
        """
        self._look()
        url = url_of(ticket, name)
        sent = {**ticket.headers, **headers, "Content-Length": str(size)}
        with self._translated(body), _unlogged():
            response = self._pool_of(url).request(
                ticket.http_method,
                url,
                body=body if size else b"",
                headers=sent,
                redirect=False,
                # Once it has all, a cloud may take its time to store it.
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=None),
            )
            if response.status != ticket.expected_status:
                raise Broken(response.status)
            return response.headers

    def get(
        self, ticket: Ticket, name: str, headers: Mapping[str, str]
    ) -> Generator[bytes, None, None]:
        """The bytes. Raises Unreachable before the first, or Broken."""
        self._look()
        url = url_of(ticket, name)
        sent = {"Accept-Encoding": "identity", **ticket.headers, **headers}
        with self._translated(), _unlogged():
            response = self._pool_of(url).request(
                ticket.http_method,
                url,
                headers=sent,
                redirect=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT),
            )
        is_whole = False
        try:
            if response.status != ticket.expected_status:
                raise Broken(response.status)
            with self._translated():
                # A body that is too short raises here.
                yield from response.stream(CHUNK_BYTES, decode_content=False)
            is_whole = True
        finally:
            # What is left of a body would be taken for the next answer.
            if is_whole:
                response.release_conn()
            else:
                response.close()

    def close(self) -> None:
        """Closes the connections that nobody uses."""
        for one in self._pools.values():
            one.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _pool_of(self, url: str) -> urllib3.PoolManager:
        proxy = proxy_of(url)
        if (found := self._pools.get(proxy)) is not None:
            return found
        made = pools(
            proxy,
            self._look,
            READ_TIMEOUT,
            num_pools=4,
            maxsize=self._parallel,
            retries=False,
            cert_reqs="CERT_REQUIRED",
        )
        # Another thread may have been first.
        return self._pools.setdefault(proxy, made)

    @contextlib.contextmanager
    def _translated(self, body: Body | None = None) -> Iterator[None]:
        try:
            yield
        except (HTTPError, OSError) as error:
            if body is not None and body.error is not None:
                raise body.error from None
            if isinstance(error, _NEVER_THERE):
                raise Unreachable(type(error).__name__) from error
            raise Broken from error

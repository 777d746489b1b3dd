"""Clouds that keep one waiting, who is spoken to with a ticket."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import oaktreemodel
import pytest
from certificates import certificate
from conftest import Blocking
from fake import BOUND, Oaktree
from oaktreemodel import _direct, _looking, v1
from oaktreemodel._digests import Digests
from oaktreemodel._source import CHUNK_BYTES
from oaktreemodel._ticket import Broken
from store import md5

# More than what the operating system keeps of what nobody reads.
DATA = random.Random(7).randbytes(32 * 1024 * 1024)


class Slow:
    """A web server that stops in the middle, until it may go on: before it reads a body, or after;
    or with some of the bytes that it gives.

    Attributes:
        began: Set when a request is there.
        goes_on: To be set.
        came: The hash of the last body.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.began = threading.Event()
        self.goes_on = threading.Event()
        self.came = ""
        slow = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                if self.path == "/before":
                    slow.stop_here()
                left, made = int(self.headers["Content-Length"]), Digests("md5")
                while left and (data := self.rfile.read(min(left, CHUNK_BYTES))):
                    left -= len(data)
                    made.update(data)
                slow.came = made.hex("md5")
                made.close()
                if self.path == "/after":
                    slow.stop_here()
                self.send_response(201)
                self.end_headers()

            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(DATA)))
                self.end_headers()
                self.wfile.write(DATA[:CHUNK_BYTES])
                slow.stop_here()
                self.wfile.write(DATA[CHUNK_BYTES:])

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *args: Any) -> None:
                """Who has gone away in the middle is none of its errors."""

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._where = f"{'http' if tls is None else 'https'}://localhost"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def stop_here(self) -> None:
        self.began.set()
        self.goes_on.wait()

    def ticket(self, method: str, path: str = "") -> v1.Ticket:
        url = f"{self._where}:{self._server.server_address[1]}/{path}"
        code = 201 if method == "PUT" else 200
        signed = v1.TicketAuth.TICKET_AUTH_SIGNED
        return v1.Ticket(http_method=method, url=url, expected_status=code, auth=signed)

    def stop(self) -> None:
        self.goes_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(BOUND)


@pytest.fixture
def slow() -> Iterator[Slow]:
    server = Slow()
    yield server
    server.stop()


def put(ticket: v1.Ticket, look: Callable[[], None] = lambda: None) -> None:
    pieces = (DATA[start : start + CHUNK_BYTES] for start in range(0, len(DATA), CHUNK_BYTES))
    with _direct.Direct(look=look) as direct:
        direct.put(ticket, "", {}, len(DATA), _direct.Body(pieces, threading.Event()))


@pytest.mark.parametrize(
    ("limit", "where"), [("CONNECT_TIMEOUT", "before"), ("READ_TIMEOUT", "after")]
)
def test_what_may_take_longer(
    slow: Slow, monkeypatch: pytest.MonkeyPatch, limit: str, where: str
) -> None:
    monkeypatch.setattr(_direct, limit, 2.0)
    later = threading.Timer(4.0, slow.goes_on.set)
    later.start()
    put(slow.ticket("PUT", where))
    assert slow.began.is_set()
    later.join()


def test_who_takes_nothing_of_a_body(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_direct, "READ_TIMEOUT", 1.0)
    with pytest.raises(Broken):
        put(slow.ticket("PUT", "before"))


def test_who_gives_nothing_more(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_direct, "READ_TIMEOUT", 1.0)
    with _direct.Direct() as direct:
        pieces = direct.get(slow.ticket("GET"), "", {})
        assert next(pieces)
        with pytest.raises(Broken):
            list(pieces)


@pytest.fixture
def sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    """One by TLS."""
    made = certificate("localhost")
    (tmp_path / "cert").write_bytes(made.cert)
    (tmp_path / "key").write_bytes(made.key)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    server = Slow(context)
    yield server
    server.stop()


def test_by_tls_nothing_is_lost_in_between(sealed: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_looking, "LOOK_SECONDS", 0.01)
    looks = itertools.count()

    def look() -> None:
        # By then it has waited for the other side, many times.
        if sealed.began.is_set() and next(looks) > 50:
            sealed.goes_on.set()

    put(sealed.ticket("PUT", "before"), look)
    assert sealed.came == md5(DATA)
    sealed.began.clear()
    sealed.goes_on.clear()
    looks = itertools.count()
    with _direct.Direct(look=look) as direct:
        assert b"".join(direct.get(sealed.ticket("GET"), "", {})) == DATA


def test_by_tls_through_a_proxy(sealed: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed.goes_on.set()
    ticket = sealed.ticket("GET")
    port = urlsplit(ticket.url).port
    asked = []

    class Proxy(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            asked.append(self.path)
            with socket.create_connection(("127.0.0.1", port)) as there:
                self.send_response(200)
                self.end_headers()
                ahead = threading.Thread(target=self._carry, args=(self.connection, there))
                ahead.start()
                self._carry(there, self.connection)
                ahead.join(BOUND)

        def _carry(self, source: socket.socket, target: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while data := source.recv(CHUNK_BYTES):
                    target.sendall(data)
                target.shutdown(socket.SHUT_WR)

        def log_message(self, *args: Any) -> None:
            pass

    # A name that only the proxy knows would be in no certificate here.
    monkeypatch.setattr(_looking, "LOCAL", ())
    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.05,))
        thread.start()
        monkeypatch.setenv("https_proxy", f"127.0.0.1:{proxy.server_address[1]}")
        try:
            with _direct.Direct() as direct:
                assert b"".join(direct.get(ticket, "", {})) == DATA
        finally:
            proxy.shutdown()
            thread.join(BOUND)
    assert asked == [f"localhost:{port}"]


@pytest.fixture(params=["before", "after", "download"])
def moves(request: pytest.FixtureRequest, oaktree: Oaktree, slow: Slow) -> Callable[..., Any]:
    """A transfer that stops in the middle, of a client's images."""

    def upload(requests: Iterator[Any], context: Any) -> Iterator[Any]:
        next(requests)
        yield v1.UploadImageResponse(ticket=slow.ticket("PUT", request.param))
        list(requests)

    def download(request: v1.DownloadImageRequest, context: Any) -> Iterator[Any]:
        content = v1.DownloadContent(size_bytes=len(DATA), etag="e", md5=md5(DATA))
        yield v1.DownloadImageResponse(content=content, ticket=slow.ticket("GET"))

    oaktree.answer("ListImages", [v1.ListImagesResponse()])
    oaktree.answer("UploadImage", upload)
    oaktree.answer("DownloadImage", download)

    def move(images: Any, folder: Any, **how: Any) -> Any:
        if request.param == "download":
            return images.download("n", folder / "file", **how)
        return images.upload(DATA, name="n", **how)

    return move


def ended() -> bool:
    """Whether no thread of a transfer is left; they end when they have nothing to do any more."""
    left = [one for one in threading.enumerate() if one.name.startswith("oaktree-transfer")]
    for one in left:
        one.join(BOUND)
    return not any(one.is_alive() for one in left)


def test_its_time_is_over(client: Any, moves: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(oaktreemodel.DeadlineExceeded):
        moves(client.images, tmp_path, timeout=2.0)
    assert ended()


def test_the_client_is_closed(
    client: Any, moves: Callable[..., Any], slow: Slow, tmp_path: Path
) -> None:
    async def close() -> None:
        moving = asyncio.ensure_future(moves(client.target.images, tmp_path))
        assert await asyncio.to_thread(slow.began.wait, BOUND)
        await client.target.close()
        await moving

    def close_later() -> None:
        slow.began.wait(BOUND)
        client.close()

    def move() -> None:
        if isinstance(client, Blocking):
            client.do(close())
            return
        closer = threading.Thread(target=close_later)
        closer.start()
        try:
            moves(client.images, tmp_path)
        finally:
            closer.join()

    with pytest.raises(oaktreemodel.Cancelled):
        move()
    assert slow.began.is_set()
    assert ended()


def test_its_task_is_cancelled(
    oaktree: Oaktree, moves: Callable[..., Any], slow: Slow, tmp_path: Path
) -> None:
    async def cancel() -> None:
        async with oaktreemodel.aio.connect(oaktree.address) as client:
            moving = asyncio.ensure_future(moves(client.images, tmp_path))
            assert await asyncio.to_thread(slow.began.wait, BOUND)
            moving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await moving

    asyncio.run(cancel())
    assert ended()

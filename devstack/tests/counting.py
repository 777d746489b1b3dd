"""How often an identity service is asked."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

# They are of one connection each, and the answers' own.
_OF_CONNECTION = {"connection", "content-encoding", "content-length", "transfer-encoding", "host"}


class Counting(ThreadingHTTPServer):
    """Hands on what it is asked, and counts it by method and path, such as "GET /auth/tokens"."""

    daemon_threads = True

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.there = url
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked: Counter[str] = Counter()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Counting

    def _hand_on(self) -> None:
        path = self.path.removeprefix("/v3")
        self.server.asked[f"{self.command} {path}"] += 1
        answer = requests.request(
            self.command,
            self.server.there.removesuffix("/v3") + self.path,
            data=self.rfile.read(int(self.headers.get("Content-Length", 0))),
            headers=_passed_on(self.headers.items()),
            timeout=60,
        )
        self.send_response_only(answer.status_code)
        for name, value in _passed_on(answer.headers.items()).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_POST = _hand_on

    def log_message(self, format: str, *args: object) -> None:
        pass


def _passed_on(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: value for name, value in headers if name.lower() not in _OF_CONNECTION}


@contextmanager
def counting(url: str) -> Iterator[Counting]:
    """Stands before the identity service at a URL meanwhile."""
    with Counting(url) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()

"""Requests byte for byte, as no HTTP library would send them, and answers that end early."""

import json
import socket
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from .conftest import PATIENCE, Rest


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    """As much as came: a connection that is cut raises nothing."""


class Wire:
    """A connection with a request that is still being sent."""

    def __init__(
        self, rest: Rest, method: str, path: str, body: bytes = b"", /, **headers: str | None
    ) -> None:
        """path begins with the service, as for Rest.

        body: as much of it as goes with the head; a request that is refused may be answered, and
        its connection closed, before more is sent. A header's underscores stand for dashes; None
        leaves out what is sent of itself.
        """
        where = urlsplit(rest.root)
        assert where.hostname
        self.socket = socket.create_connection((where.hostname, where.port), PATIENCE)
        given: dict[str, str | None] = {
            "host": where.netloc,
            "x-auth-token": rest.token or None,
            "connection": "close",
        }
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{method} /{rest.region}/{path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in given.items() if value is not None]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def cut(self) -> None:
        self.socket.close()

    def answer(self) -> Answer:
        got = b""
        try:
            while piece := self.socket.recv(65536):
                got += piece
        except ConnectionError:
            pass
        self.socket.close()
        head, _, body = got.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        status = int(first.split(" ")[1]) if first else 0
        headers = (line.split(": ", 1) for line in lines)
        return Answer(status, {name.lower(): value for name, value in headers}, body)


def ask(rest: Rest, method: str, path: str, body: bytes = b"", /, **headers: str | None) -> Answer:
    if body:
        headers.setdefault("content_length", str(len(body)))
    return Wire(rest, method, path, body, **headers).answer()


def escaped(name: str) -> str:
    return quote(name, safe="")


class Swift:
    """An account of Swift's: paths begin with a slash and a container, escaped."""

    def __init__(self, rest: Rest, project: str = "", account: str = "") -> None:
        self.rest = rest
        self.account = account or f"AUTH_{project or rest.project}"
        self.root = f"object-store/v1/{self.account}"

    def __call__(
        self, method: str, path: str = "", body: bytes = b"", /, **headers: str | None
    ) -> Answer:
        if method in ("PUT", "POST", "COPY"):
            headers.setdefault("content_length", str(len(body)))
        return ask(self.rest, method, self.root + path, body, **headers)

    def made(self, path: str, body: bytes = b"", /, **headers: str | None) -> None:
        """PUT a container, or an object."""
        answer = self("PUT", path, body, **headers)
        assert answer.status == 201, answer

    def rows(self, path: str = "", query: str = "") -> Any:
        answer = self("GET", f"{path}?format=json{query}")
        assert answer.status == 200, answer
        return json.loads(answer.body)

    def names(self, path: str, query: str = "") -> list[str]:
        """Of a listing; subdirs among them, which end in the delimiter."""
        return [row.get("name", row.get("subdir")) for row in self.rows(path, query)]

"""Requests byte for byte, as no HTTP library would send them, and answers that end early."""

import socket
from typing import NamedTuple
from urllib.parse import urlsplit

from .conftest import PATIENCE, Rest


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    """As much as came: a connection that is cut raises nothing."""


class Wire:
    """A connection with a request that is still being sent."""

    def __init__(self, rest: Rest, method: str, path: str, **headers: str) -> None:
        """path begins with the service, as for Rest. A header's underscores stand for dashes."""
        where = urlsplit(rest.root)
        assert where.hostname
        self.socket = socket.create_connection((where.hostname, where.port), PATIENCE)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given = {"host": where.netloc, "x-auth-token": rest.token, "connection": "close"} | given
        lines = [f"{method} /{rest.region}/{path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in given.items() if value]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1"))

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
        return Answer(status, dict(line.lower().split(": ", 1) for line in lines), body)


def ask(rest: Rest, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
    if body:
        headers.setdefault("content_length", str(len(body)))
    wire = Wire(rest, method, path, **headers)
    wire.send(body)
    return wire.answer()

"""Connections that are cut at any byte: what arrives is right, or there is an error and nothing."""

from __future__ import annotations

import contextlib
import random
import selectors
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Connect
from fake import BOUND, Oaktree
from oaktreemodel import v1
from store import IMAGE, pieces, sent, sha256

DATA = random.Random(7).randbytes(3_000_000)
# A first connection that gRPC tries again at once, and not after a second.
SOON = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.min_reconnect_backoff_ms", 5000)]


class Cutter:
    """Stands between a client and a server, and cuts the next connections after so many bytes."""

    def __init__(self, port: int, cuts: list[int]) -> None:
        self.cuts = cuts
        self._port = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def _start(self, work: Any, *args: Any) -> None:
        self._threads.append(threading.Thread(target=work, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                come, _ = self._listening.accept()
                self._start(self._carry, come, self.cuts.pop(0) if self.cuts else None)

    def _carry(self, come: socket.socket, left: int | None) -> None:
        gone = socket.create_connection(("localhost", self._port))
        with come, gone, selectors.DefaultSelector() as both, contextlib.suppress(OSError):
            both.register(come, selectors.EVENT_READ, gone)
            both.register(gone, selectors.EVENT_READ, come)
            while True:
                for key, _ in both.select():
                    assert isinstance(key.fileobj, socket.socket)
                    data = key.fileobj.recv(65536 if left is None else min(65536, left))
                    if not data:
                        return
                    key.data.sendall(data)
                    if left is not None and not (left := left - len(data)):
                        return

    def stop(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._threads[0].join(BOUND)


@pytest.fixture
def cutter(oaktree: Oaktree) -> Iterator[Cutter]:
    oaktree.answer("ListImages", [v1.ListImagesResponse()])
    made = Cutter(oaktree.port, [])
    yield made
    made.stop()


POINTS = [random.Random(seed).randrange(1000, len(DATA)) for seed in range(8)]


@pytest.mark.parametrize("at", POINTS)
def test_an_upload_that_is_cut(connect: Connect, oaktree: Oaktree, cutter: Cutter, at: int) -> None:
    cutter.cuts.append(at)
    oaktree.answer("UploadImage", IMAGE)
    client = connect(cutter.address, options=SOON)
    assert client.images.upload(DATA, name="n").hash_value == sha256(DATA)
    assert sent(oaktree.calls["UploadImage"][-1]) == DATA


@pytest.mark.parametrize("at", POINTS)
def test_a_download_that_is_cut(
    connect: Connect, oaktree: Oaktree, cutter: Cutter, at: int, tmp_path: Path
) -> None:
    cutter.cuts.extend([at, at])
    oaktree.answer(
        "DownloadImage", lambda request, context: pieces(DATA, request, sha256=sha256(DATA))
    )
    client = connect(cutter.address, options=SOON)
    client.images.download("n", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == DATA
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["file"]

"""Bytes past oaktree: with a ticket where that works, and through oaktree where it does not."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oaktreemodel
import pytest
import urllib3
from fake import Oaktree
from oaktreemodel import _direct, _patience, v1
from oaktreemodel._ticket import Unreachable, url_of, usable
from store import IMAGE, Web, image, md5, pieces, sent, sha256

DATA = bytes(range(251)) * 4000
CHUNK = 256 * 1024
CALLER = v1.TicketAuth.TICKET_AUTH_CALLER_TOKEN


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch, oaktree: Oaktree) -> None:
    monkeypatch.setattr(_patience, "SHORTEST", 0.01)
    oaktree.answer("ListImages", [v1.ListImagesResponse()])


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    yield server
    server.stop()


@pytest.fixture
def closed() -> Iterator[str]:
    """Where nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def offer(ticket: v1.Ticket) -> Any:
    """Answers an upload with a ticket, and takes what comes by it or in the stream."""

    def upload(requests: Iterator[Any], context: Any) -> Iterator[Any]:
        first = next(requests)
        assert first.accepts_ticket
        yield v1.UploadImageResponse(ticket=ticket)
        data = first.chunk
        for one in requests:
            data += one.chunk
            if one.HasField("finish"):
                assert one.finish == v1.UploadFinish(sha256=sha256(DATA), md5=md5(DATA))
        yield image(first, data)

    return upload


def test_an_upload_with_a_ticket(client: Any, oaktree: Oaktree, web: Web) -> None:
    oaktree.answer("UploadImage", offer(web.one("PUT", headers={"X-Mine": "yes"})))
    seen: list[oaktreemodel.Progress] = []
    client.images.upload(DATA, name="n", progress=seen.append)
    assert web.kept == {"x": DATA}
    ((_, _, headers),) = web.seen
    assert headers["X-Mine"] == "yes"
    assert "X-Auth-Token" not in headers
    # Beside what shows of which format they are, oaktree gets none of them.
    assert len(sent(oaktree.only_call("UploadImage"))) <= CHUNK
    assert seen[-1].sent_bytes == len(DATA)


def test_a_signed_url_is_not_logged(
    client: Any, oaktree: Oaktree, web: Web, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    there, back = web.one("PUT"), web.one("GET")
    there.url += "?temp_url_sig=s3cret"
    back.url += "?temp_url_sig=s3cret"
    oaktree.answer("UploadImage", offer(there))
    oaktree.answer("DownloadImage", fetch(back, md5=md5(DATA)))
    client.images.upload(DATA, name="n")
    client.images.download("n", tmp_path / "file")
    assert [path for _, path, _ in web.seen] == ["/c/x?temp_url_sig=s3cret"] * 2
    assert "s3cret" not in caplog.text
    # What the program itself asks for is its own matter.
    urllib3.request("GET", f"{web.url}x?mine")
    assert "x?mine" in caplog.text


def test_the_caller_adds_his_token(known: Any, exchanging: Oaktree, web: Web) -> None:
    exchanging.answer("ListImages", [v1.ListImagesResponse()])
    exchanging.answer("UploadImage", offer(web.one("PUT", auth=CALLER)))
    known.images.upload(DATA, name="n")
    ((_, _, headers),) = web.seen
    assert headers["X-Auth-Token"] == "token-1"


def test_nothing_listens_there(client: Any, oaktree: Oaktree, closed: str) -> None:
    ticket = v1.Ticket(http_method="PUT", url=f"http://{closed}/x", expected_status=201)
    oaktree.answer("UploadImage", offer(ticket))
    assert client.images.upload(DATA, name="n").size_bytes == len(DATA)
    assert sent(oaktree.only_call("UploadImage")) == DATA


def test_a_certificate_that_nobody_vouches_for(client: Any, oaktree: Oaktree, web: Web) -> None:
    # A server that speaks no TLS at all fails in the same way, before any byte.
    ticket = web.one("PUT")
    ticket.url = ticket.url.replace("http:", "https:")
    oaktree.answer("UploadImage", offer(ticket))
    assert client.images.upload(DATA, name="n").size_bytes == len(DATA)
    assert sent(oaktree.only_call("UploadImage")) == DATA
    assert not web.seen


def test_a_ticket_for_a_token_that_there_is_not(client: Any, oaktree: Oaktree, web: Web) -> None:
    oaktree.answer("UploadImage", offer(web.one("PUT", auth=CALLER)))
    assert client.images.upload(DATA, name="n").size_bytes == len(DATA)
    assert not web.seen


@pytest.mark.parametrize("code", [401, 413, 500])
def test_what_the_cloud_refuses_goes_through_oaktree(
    client: Any, oaktree: Oaktree, web: Web, code: int
) -> None:
    web.statuses.append(code)
    oaktree.answer("UploadImage", offer(web.one("PUT")), IMAGE)
    client.images.upload(DATA, name="n")
    first, second = oaktree.calls["UploadImage"]
    assert not second.request.accepts_ticket
    assert sent(second) == DATA
    assert first.request.request_id == second.request.request_id


def fetch(ticket: v1.Ticket, **hashes: Any) -> Any:
    """Answers a download with a ticket, if one is accepted."""

    def download(request: Any, context: Any) -> Iterator[Any]:
        told = pieces(DATA, request, **hashes)
        if request.accepts_ticket:
            first = next(told)
            first.ticket.CopyFrom(ticket)
            yield first
        else:
            yield from told

    return download


@pytest.mark.parametrize("hashes", [{"md5": md5(DATA)}, {"sha256": sha256(DATA)}])
def test_a_download_with_a_ticket(
    client: Any, oaktree: Oaktree, web: Web, tmp_path: Path, hashes: dict[str, str]
) -> None:
    web.kept["x"] = DATA
    oaktree.answer("DownloadImage", fetch(web.one("GET"), **hashes))
    client.images.download("n", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == DATA
    assert len(oaktree.calls["DownloadImage"]) == 1


def test_a_ticket_for_bytes_of_which_no_hash_is_told(
    client: Any, oaktree: Oaktree, web: Web, tmp_path: Path
) -> None:
    oaktree.answer("DownloadImage", fetch(web.one("GET")))
    client.images.download("n", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == DATA
    assert not web.seen


def test_a_download_from_where_nothing_listens(
    client: Any, oaktree: Oaktree, closed: str, tmp_path: Path
) -> None:
    ticket = v1.Ticket(http_method="GET", url=f"http://{closed}/x", expected_status=200)
    oaktree.answer("DownloadImage", fetch(ticket, md5=md5(DATA)))
    client.images.download("n", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == DATA


@pytest.mark.parametrize("cut", [0, 1, 400_000, len(DATA) - 1])
def test_a_download_that_is_cut_goes_on_through_oaktree(
    client: Any, oaktree: Oaktree, web: Web, tmp_path: Path, cut: int
) -> None:
    web.kept["x"], web.cut = DATA, [cut]
    oaktree.answer("DownloadImage", fetch(web.one("GET"), md5=md5(DATA)))
    client.images.download("n", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == DATA
    _, second = oaktree.calls["DownloadImage"]
    assert second.request.part.offset_bytes <= cut


def test_other_bytes_by_a_ticket(client: Any, oaktree: Oaktree, web: Web, tmp_path: Path) -> None:
    web.kept["x"] = b"x" * len(DATA)
    oaktree.answer("DownloadImage", fetch(web.one("GET"), md5=md5(DATA)))
    with pytest.raises(oaktreemodel.DataLoss):
        client.images.download("n", tmp_path / "file")
    assert not (tmp_path / "file").exists()
    assert [one for one in os.listdir(tmp_path) if "part" in one] == []


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a/b", "a/b"),
        ("a//b/", "a//b/"),
        ("a/../b/./c", "a/%2E%2E/b/%2E/c"),
        ("...", "..."),
        ("ü ?#%\n&+", "%C3%BC%20%3F%23%25%0A%26%2B"),
    ],
)
def test_names_in_urls(name: str, path: str) -> None:
    ticket = v1.Ticket(url="https://cloud/c/", url_end="?sig=1", prefix="a")
    assert url_of(ticket, name) == f"https://cloud/c/{path}?sig=1"


def test_names_travel_as_they_are(web: Web) -> None:
    ticket = v1.Ticket(
        http_method="GET", url=web.url, url_end="?s", prefix="a", expected_status=200
    )
    web.kept["a/../%2E//b"] = b"found"
    with _direct.Direct() as direct:
        assert b"".join(direct.get(ticket, "a/../%2E//b", {})) == b"found"


def test_by_the_proxy_of_the_environment(
    web: Web, closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get(url: str) -> bytes:
        with _direct.Direct() as direct:
            return b"".join(direct.get(v1.Ticket(**asked, url=url), "", {}))

    asked: Any = {"http_method": "GET", "expected_status": 200}
    url = "http://cloud.invalid/x"
    web.kept = {url: b"by proxy", "x": b"straight"}
    monkeypatch.setenv("http_proxy", web.url.removesuffix("/c/").replace("//", "//me:s%40@"))
    assert get(url) == b"by proxy"
    ((_, _, headers),) = web.seen
    assert headers["proxy-authorization"] == "Basic bWU6c0A="
    monkeypatch.setenv("no_proxy", "cloud.invalid")
    with pytest.raises(Unreachable):
        get(url)
    # Nothing but this machine knows what is there.
    monkeypatch.setenv("http_proxy", closed)
    monkeypatch.delenv("no_proxy")
    assert get(f"{web.url}x") == b"straight"
    for proxy in (closed, "socks5://cloud.invalid"):
        monkeypatch.setenv("http_proxy", proxy)
        with pytest.raises(Unreachable):
            get(url)


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://cloud/x", True),
        ("http://127.0.0.1:80/x", True),
        ("http://cloud/x", False),
        ("http://127.0.0.1.evil/x", False),
    ],
)
def test_tokens_go_nowhere_without_tls(url: str, good: bool) -> None:
    for is_secure in (True, False):
        found = usable(v1.Ticket(url=url, auth=CALLER), "secret", is_secure)
        assert found == ({"X-Auth-Token": "secret"} if good else None)
    signed = v1.Ticket(url=url, auth=v1.TicketAuth.TICKET_AUTH_SIGNED)
    assert usable(signed, "secret", False) == {}
    assert usable(signed, "secret", True) == ({} if good else None)

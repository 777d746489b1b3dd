"""Downloads: what arrives, what is checked, and what is left when something is wrong."""

from __future__ import annotations

import io
import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import oaktreemodel
import pytest
from fake import BOUND, Oaktree, endless, status
from oaktreemodel import _patience, v1
from store import md5, pieces, sha256

DATA = bytes(range(251)) * 4000
LOST = status(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
HALF = 500_000


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_patience, "SHORTEST", 0.01)
    monkeypatch.setattr(_patience, "LONGEST", 0.05)


def whole(data: bytes = DATA, **told: Any) -> Callable[..., Any]:
    return lambda request, context: pieces(data, request, **told)


def broken(data: bytes = DATA, stop: int = HALF, **told: Any) -> Callable[..., Any]:
    def download(request: Any, context: Any) -> Iterator[Any]:
        yield from pieces(data, request, stop=stop, **told)
        yield LOST

    return download


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    return made


def test_to_a_path(client: Any, oaktree: Oaktree, folder: Path) -> None:
    oaktree.answer("DownloadImage", whole())
    seen: list[oaktreemodel.Progress] = []
    got = client.images.download("n", folder / "file", progress=seen.append)
    assert (got.id, (folder / "file").read_bytes()) == ("1", DATA)
    assert os.listdir(folder) == ["file"]
    assert (seen[-1].sent_bytes, seen[-1].total_bytes) == (len(DATA), len(DATA))


def test_to_nothing(client: Any, oaktree: Oaktree, folder: Path) -> None:
    oaktree.answer("DownloadImage", whole(b""))
    client.images.download("n", str(folder / "file"))
    assert (folder / "file").read_bytes() == b""


def test_in_the_place_of_another(client: Any, oaktree: Oaktree, folder: Path) -> None:
    file, link = folder / "file", folder / "link"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)
    oaktree.answer("DownloadImage", whole())
    client.images.download("n", link)
    assert file.read_bytes() == DATA
    assert file.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()


def test_to_a_given_file(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("DownloadImage", whole())
    file = io.BytesIO(b"before")
    file.seek(6)
    client.images.download("n", file)
    assert file.getvalue() == b"before" + DATA


def test_in_chunks(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("DownloadImage", whole())
    assert b"".join(client.images.download_chunks("n")) == DATA


def test_leaving_the_chunks_ends_the_call(client: Any, oaktree: Oaktree) -> None:
    first = list(pieces(DATA, v1.DownloadImageRequest()))[:2]
    oaktree.answer("DownloadImage", endless(*first))
    chunks = client.images.download_chunks("n")
    next(chunks)
    chunks.close()
    assert oaktree.only_call("DownloadImage").over.wait(BOUND)


def test_a_part(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("DownloadImage", whole())
    file = io.BytesIO()
    client.images.download("n", file, offset_bytes=7, length_bytes=300_000, if_etag="e")
    assert file.getvalue() == DATA[7:300_007]
    request = oaktree.only_call("DownloadImage").request
    assert request.part == v1.DownloadPart(offset_bytes=7, length_bytes=300_000, if_etag="e")
    # What a ticket brings of a part can be compared with nothing.
    assert not request.accepts_ticket


def test_another_before_the_first_byte(client: Any, oaktree: Oaktree, folder: Path) -> None:
    old = b"old" * HALF
    first = broken(old, 0, etag="old", md5=md5(old))
    oaktree.answer("DownloadImage", first, whole(etag="new", md5=md5(DATA)))
    seen: list[oaktreemodel.Progress] = []
    client.images.download("n", folder / "file", progress=seen.append)
    assert (folder / "file").read_bytes() == DATA
    assert seen[-1].total_bytes == len(DATA)


@pytest.mark.parametrize(
    ("target", "error"),
    [("/nowhere/at/all", FileNotFoundError), ("/", IsADirectoryError), (5, TypeError)],
)
def test_no_target(client: Any, oaktree: Oaktree, target: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        client.images.download("n", target)
    assert "DownloadImage" not in oaktree.calls


def test_a_file_open_as_text(client: Any, oaktree: Oaktree) -> None:
    with pytest.raises(TypeError, match="binary"):
        client.images.download("n", io.StringIO())


def test_a_full_disk(client: Any, oaktree: Oaktree, folder: Path) -> None:
    oaktree.answer("DownloadImage", whole())
    (folder / "file").write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HALF, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            client.images.download("n", folder / "file")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(folder) == ["file"]
    assert (folder / "file").read_text() == "old"
    assert oaktree.only_call("DownloadImage").over.wait(BOUND)


def test_a_full_device(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("DownloadImage", whole())
    with pytest.raises(OSError, match="No space left"):
        client.images.download("n", "/dev/full")


def lying(request: Any, context: Any) -> Iterator[Any]:
    *told, _ = pieces(DATA, request)
    yield from told
    yield v1.DownloadImageResponse(finish=v1.DownloadFinish(sha256=sha256(b"")))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lying, oaktreemodel.DataLoss),
        (whole(DATA[:-1], sha256=sha256(DATA)), oaktreemodel.DataLoss),
        (lambda request, context: pieces(DATA, request, stop=HALF), oaktreemodel.Internal),
        (lambda request, context: [], oaktreemodel.Internal),
        ([status(grpc.StatusCode.DATA_LOSS, "BYTES_DIFFER")], oaktreemodel.DataLoss),
        ([status(grpc.StatusCode.NOT_FOUND, "NOT_FOUND")], oaktreemodel.NotFound),
    ],
)
def test_what_is_wrong_leaves_nothing(
    client: Any, oaktree: Oaktree, folder: Path, answer: Any, error: type[Exception]
) -> None:
    oaktree.answer("DownloadImage", answer)
    with pytest.raises(error):
        client.images.download("n", folder / "file")
    assert os.listdir(folder) == []


@pytest.mark.parametrize("kind", ["path", "file", "chunks"])
@pytest.mark.parametrize("hashes", [{"sha256": sha256(DATA)}, {"md5": md5(DATA)}])
def test_it_goes_on_where_it_was(
    client: Any, oaktree: Oaktree, folder: Path, kind: str, hashes: dict[str, Any]
) -> None:
    oaktree.answer(
        "DownloadImage", broken(**hashes), [LOST], broken(stop=1, **hashes), whole(**hashes)
    )
    file = io.BytesIO()
    if kind == "chunks":
        file.write(b"".join(client.images.download_chunks("n")))
    elif kind == "file":
        client.images.download("n", file)
    else:
        client.images.download("n", folder / "file")
        file.write((folder / "file").read_bytes())
    assert file.getvalue() == DATA
    parts = [call.request.part for call in oaktree.calls["DownloadImage"]]
    assert [one.offset_bytes for one in parts] == [0, HALF, HALF, HALF + 1]
    assert [one.if_etag for one in parts] == ["", "e", "e", "e"]
    assert all(one.checks_content for one in parts)


@pytest.mark.parametrize("kind", ["path", "file"])
def test_the_parts_make_something_else(
    client: Any, oaktree: Oaktree, folder: Path, kind: str
) -> None:
    other = b"x" * len(DATA)
    oaktree.answer("DownloadImage", broken(other, md5=md5(DATA)), whole(md5=md5(DATA)))
    with pytest.raises(oaktreemodel.DataLoss, match="md5"):
        client.images.download("n", folder / "file" if kind == "path" else io.BytesIO())
    assert os.listdir(folder) == []


def test_nobody_else_reads_it_meanwhile(client: Any, oaktree: Oaktree, folder: Path) -> None:
    (folder / "file").write_bytes(b"secret")
    (folder / "file").chmod(0o600)
    oaktree.answer("DownloadImage", whole())
    modes: set[int] = set()

    def look(progress: Any) -> None:
        modes.update(one.stat().st_mode & 0o777 for one in folder.iterdir())

    client.images.download("n", folder / "file", progress=look)
    look(None)
    assert modes == {0o600}


def test_a_digest_that_is_told_late(client: Any, oaktree: Oaktree, folder: Path) -> None:
    oaktree.answer("DownloadImage", broken(), whole(sha256=sha256(DATA)))
    client.images.download("n", folder / "file")
    assert (folder / "file").read_bytes() == DATA
    checks = [call.request.part.checks_content for call in oaktree.calls["DownloadImage"]]
    assert checks == [True, False]


def test_only_the_end_was_lost(client: Any, oaktree: Oaktree, folder: Path) -> None:
    oaktree.answer("DownloadImage", broken(stop=len(DATA), sha256=sha256(DATA)))
    client.images.download("n", folder / "file")
    assert (folder / "file").read_bytes() == DATA
    assert len(oaktree.calls["DownloadImage"]) == 1


def test_what_changed_meanwhile(client: Any, oaktree: Oaktree, folder: Path) -> None:
    changed = status(grpc.StatusCode.FAILED_PRECONDITION, "CONTENT_CHANGED")
    oaktree.answer("DownloadImage", broken(), [changed])
    with pytest.raises(oaktreemodel.Failed):
        client.images.download("n", folder / "file")
    assert os.listdir(folder) == []


def test_what_has_no_etag_is_not_gone_on_with(client: Any, oaktree: Oaktree, folder: Path) -> None:
    oaktree.answer("DownloadImage", broken(etag=""))
    with pytest.raises(oaktreemodel.Unavailable):
        client.images.download("n", folder / "file")
    assert len(oaktree.calls["DownloadImage"]) == 1


def test_a_token_that_ends_meanwhile(known: Any, exchanging: Oaktree, folder: Path) -> None:
    def ends(request: Any, context: Any) -> Iterator[Any]:
        yield from pieces(DATA, request, stop=HALF, sha256=sha256(DATA))
        yield status(grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")

    exchanging.answer("DownloadImage", ends, whole(sha256=sha256(DATA)))
    known.images.download("n", folder / "file")
    assert (folder / "file").read_bytes() == DATA
    assert exchanging.shown("DownloadImage") == ["token-1", "token-2"]


@pytest.mark.parametrize("kind", [KeyError, KeyboardInterrupt])
def test_whoever_is_told_may_end_it(
    client: Any, oaktree: Oaktree, folder: Path, kind: type[BaseException]
) -> None:
    def interrupt(progress: oaktreemodel.Progress) -> None:
        raise kind

    first = list(pieces(DATA, v1.DownloadImageRequest()))[:2]
    oaktree.answer("DownloadImage", endless(*first))
    with pytest.raises(kind):
        client.images.download("n", folder / "file", progress=interrupt)
    assert os.listdir(folder) == []
    assert oaktree.only_call("DownloadImage").over.wait(BOUND)

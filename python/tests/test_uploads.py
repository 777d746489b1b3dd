"""Uploads: what is sent of which source, and what comes of it when something is wrong."""

from __future__ import annotations

import asyncio
import io
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import oaktreemodel
import oaktreemodel.aio
import pytest
from fake import BOUND, Oaktree, status
from oaktreemodel import _patience, v1
from store import GO, IMAGE, image, md5, sent, sha256, taken

DATA = bytes(range(251)) * 4000
LOST = status(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
CHUNK = 256 * 1024


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch, oaktree: Oaktree) -> None:
    monkeypatch.setattr(_patience, "SHORTEST", 0.01)
    monkeypatch.setattr(_patience, "LONGEST", 0.05)
    oaktree.answer("ListImages", [v1.ListImagesResponse()])
    oaktree.answer("UploadImage", IMAGE)


def pipe(data: bytes) -> Any:
    out, into = os.pipe()

    def write() -> None:
        with os.fdopen(into, "wb") as file:
            file.write(data)

    threading.Thread(target=write).start()
    return os.fdopen(out, "rb")


def standing(path: Path) -> Any:
    path.write_bytes(b"before" + DATA)
    file = path.open("rb")
    file.read(6)
    return file


SOURCES: dict[str, Callable[[Path], Any]] = {
    "str": lambda path: path.write_bytes(DATA) and str(path),
    "path": lambda path: path.write_bytes(DATA) and path,
    "bytes": lambda path: DATA,
    "bytearray": lambda path: bytearray(DATA),
    "file": standing,
    "memory": lambda path: io.BytesIO(DATA),
    "pipe": lambda path: pipe(DATA),
    "iterator": lambda path: iter([DATA[:9], b"", DATA[9:]]),
    "list": lambda path: [DATA[:9], DATA[9:]],
}


@pytest.mark.parametrize("kind", SOURCES)
def test_what_is_sent_of_every_source(
    client: Any, oaktree: Oaktree, tmp_path: Path, kind: str
) -> None:
    source = SOURCES[kind](tmp_path / "source")
    made = client.images.upload(source, name="n", tags=["t"])
    assert (made.name, made.size_bytes) == ("n", len(DATA))
    call = oaktree.only_call("UploadImage")
    assert sent(call) == DATA
    first, last = call.sent[0], call.sent[-1]
    assert list(first.tags) == ["t"]
    assert first.content.size_bytes == len(DATA)
    assert (last.finish.sha256, last.finish.md5) == (sha256(DATA), md5(DATA))
    assert first.content.promises_md5
    assert max(len(one.chunk) for one in call.sent) <= CHUNK
    assert call.metadata["oaktree-request-id"] == "new"
    if hasattr(source, "close"):
        source.close()


def test_a_given_file_stays_open_at_the_end_of_its_bytes(client: Any, tmp_path: Path) -> None:
    with standing(tmp_path / "source") as file:
        client.images.upload(file, name="n")
        assert file.read() == b""


@pytest.mark.parametrize("size", [0, 1, CHUNK])
def test_what_is_small_is_one_message(client: Any, oaktree: Oaktree, size: int) -> None:
    client.images.upload(DATA[:size], name="n")
    (message,) = oaktree.only_call("UploadImage").sent
    assert message.chunk == DATA[:size]
    assert message.finish.sha256 == message.content.sha256 == sha256(DATA[:size])
    assert message.content.md5 == md5(DATA[:size])


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("/nowhere/at/all", FileNotFoundError),
        ("/", IsADirectoryError),
        (__file__ + "/x", NotADirectoryError),
        (5, TypeError),
        ("", FileNotFoundError),
        (io.StringIO("text"), TypeError),
        (["text"], TypeError),
    ],
)
def test_no_source(client: Any, oaktree: Oaktree, source: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        client.images.upload(source, name="n")
    assert "UploadImage" not in oaktree.calls


def test_no_permission(
    client: Any, oaktree: Oaktree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Who is root may read everything.
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("oaktreemodel._source.open", refuse, raising=False)
    with pytest.raises(PermissionError):
        client.images.upload(tmp_path / "secret", name="n")
    assert "UploadImage" not in oaktree.calls


def test_another_size_than_promised(client: Any, oaktree: Oaktree) -> None:
    with pytest.raises(ValueError, match=f"size_bytes: there are {len(DATA)}, not 5"):
        client.images.upload(DATA, name="n", size_bytes=5)
    assert "UploadImage" not in oaktree.calls


@pytest.mark.parametrize("size", [10, len(DATA)])
@pytest.mark.parametrize("name", ["sha256", "md5"])
def test_another_hash_than_promised(client: Any, oaktree: Oaktree, size: int, name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}: that of the bytes is"):
        client.images.upload(DATA[:size], name="n", **{name: "0" * 64})
    for call in oaktree.calls.get("UploadImage", ()):
        assert not any(one.HasField("finish") for one in call.sent)


@pytest.mark.parametrize("change", [DATA[:-1], DATA + b"x", b"y" * len(DATA)])
def test_a_file_that_changes_meanwhile(
    client: Any, oaktree: Oaktree, tmp_path: Path, change: bytes
) -> None:
    file = tmp_path / "file"
    file.write_bytes(DATA)
    os.utime(file, (1, 1))

    def upload(requests: Iterator[Any], context: Any) -> Iterator[Any]:
        next(requests)
        file.write_bytes(change)
        yield GO
        list(requests)

    oaktree.answer("UploadImage", upload)
    with pytest.raises(oaktreemodel.Conflict, match="changed while it was read"):
        client.images.upload(file, name="n")
    call = oaktree.only_call("UploadImage")
    assert not any(one.HasField("finish") for one in call.sent)
    assert call.over.wait(BOUND)


def test_what_is_there_already_is_not_sent(client: Any, oaktree: Oaktree, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(DATA)
    there = v1.Image(id="2", name="n", size_bytes=len(DATA))
    oaktree.answer("ListImages", [v1.ListImagesResponse(images=[there])])
    skipped = v1.UploadImageResponse(progress=v1.UploadProgress(is_skipped=True))
    oaktree.answer("UploadImage", lambda requests, context: skip(requests, skipped, there))
    seen: list[oaktreemodel.Progress] = []
    assert client.images.upload(file, name="n", progress=seen.append).id == "2"
    call = oaktree.only_call("UploadImage")
    assert call.request.content.sha256 == sha256(DATA)
    assert len(sent(call)) <= CHUNK
    assert seen[-1].sent_bytes == len(DATA)


def skip(requests: Iterator[Any], *told: Any) -> Iterator[Any]:
    next(requests)
    yield told[0]
    # All it does after that is to end.
    assert list(requests) == []
    yield v1.UploadImageResponse(image=told[1])


@pytest.mark.parametrize("size", [None, 5])
def test_nothing_is_hashed_beforehand_in_vain(
    client: Any, oaktree: Oaktree, size: int | None
) -> None:
    others = [v1.Image(id="2", name="n", size_bytes=size)]
    oaktree.answer("ListImages", [v1.ListImagesResponse(images=others)])
    client.images.upload(DATA, name="n")
    assert oaktree.only_call("UploadImage").request.content.sha256 == ""


def test_a_lost_server_gets_it_once_more(client: Any, oaktree: Oaktree) -> None:
    def broken(requests: Iterator[Any], context: Any) -> Iterator[Any]:
        next(requests)
        yield GO
        next(requests)
        yield LOST

    oaktree.answer("UploadImage", broken, [LOST], IMAGE)
    assert client.images.upload(DATA, name="n").size_bytes == len(DATA)
    first, second, third = oaktree.calls["UploadImage"]
    assert sent(third) == DATA
    assert first.request.request_id
    assert len({one.request.request_id for one in (first, second, third)}) == 1
    assert first.metadata["oaktree-request-id"] == "new"
    assert "oaktree-request-id" not in second.metadata


def test_a_refusal_while_much_is_being_sent(client: Any, oaktree: Oaktree) -> None:
    refused = status(grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED")

    def refuse(requests: Iterator[Any], context: Any) -> Iterator[Any]:
        next(requests)
        yield GO
        next(requests)
        yield refused

    oaktree.answer("UploadImage", refuse)
    for _ in range(10):
        with pytest.raises(oaktreemodel.QuotaExceeded):
            client.images.upload(DATA * 10, name="n")


def test_a_server_that_is_lost_for_good(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("UploadImage", [LOST])
    with pytest.raises(oaktreemodel.Unavailable):
        client.images.upload(DATA, name="n")
    assert len(oaktree.calls["UploadImage"]) == _patience.TIMES + 1


def test_a_token_that_ends_meanwhile(known: Any, exchanging: Oaktree) -> None:
    def ends(requests: Iterator[Any], context: Any) -> Iterator[Any]:
        next(requests)
        yield GO
        next(requests)
        yield status(grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")

    exchanging.answer("UploadImage", ends, IMAGE)
    assert known.images.upload(DATA, name="n").size_bytes == len(DATA)
    assert exchanging.shown("UploadImage") == ["token-1", "token-2"]


@pytest.mark.parametrize("before", [(), (GO,)])
def test_what_the_server_refuses(client: Any, oaktree: Oaktree, before: tuple[Any, ...]) -> None:
    refused = status(grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED")
    oaktree.answer("UploadImage", [*before, refused])
    with pytest.raises(oaktreemodel.QuotaExceeded) as caught:
        client.images.upload(DATA, name="n")
    call = oaktree.only_call("UploadImage")
    assert caught.value.request_id == call.request.request_id


@pytest.mark.parametrize("before", [(), (GO,)])
def test_an_end_that_says_nothing(client: Any, oaktree: Oaktree, before: tuple[Any, ...]) -> None:
    oaktree.answer("UploadImage", list(before))
    with pytest.raises(oaktreemodel.Internal, match="without saying what was made"):
        client.images.upload(DATA, name="n")


def test_progress(client: Any, oaktree: Oaktree) -> None:
    told = [v1.UploadImageResponse(progress=v1.UploadProgress(sent_bytes=n)) for n in (5, 700)]
    oaktree.answer("UploadImage", taken(image, GO, *told))
    seen: list[oaktreemodel.Progress] = []
    client.images.upload(DATA, name="n", progress=seen.append)
    assert [one.sent_bytes for one in seen] == [5, 700, len(DATA)]
    assert {one.total_bytes for one in seen} == {len(DATA)}
    assert {one.name for one in seen} == {"n"}


@pytest.mark.parametrize("kind", [KeyError, KeyboardInterrupt])
def test_whoever_is_told_may_end_it(
    client: Any, oaktree: Oaktree, kind: type[BaseException]
) -> None:
    def interrupt(progress: oaktreemodel.Progress) -> None:
        raise kind

    told = v1.UploadImageResponse(progress=v1.UploadProgress(sent_bytes=1))
    oaktree.answer("UploadImage", taken(image, GO, told))
    with pytest.raises(kind):
        client.images.upload(DATA, name="n", progress=interrupt)
    assert oaktree.only_call("UploadImage").over.wait(BOUND)


@pytest.mark.asyncio
async def test_an_asynchronous_iterator(oaktree: Oaktree) -> None:
    async def source() -> AsyncIterator[bytes]:
        yield DATA[:5]
        await asyncio.sleep(0)
        yield DATA[5:]

    async with oaktreemodel.aio.connect(oaktree.address) as client:
        await client.images.upload(source(), name="n")
    assert sent(oaktree.only_call("UploadImage")) == DATA


@pytest.mark.asyncio
async def test_an_asynchronous_iterator_that_fails(oaktree: Oaktree) -> None:
    async def source() -> AsyncIterator[bytes]:
        yield DATA
        raise KeyError("mine")

    async with oaktreemodel.aio.connect(oaktree.address) as client:
        with pytest.raises(KeyError, match="mine"):
            await client.images.upload(source(), name="n")
    assert "UploadImage" not in oaktree.calls


@pytest.mark.asyncio
async def test_a_task_that_is_cancelled(oaktree: Oaktree) -> None:
    begun = threading.Event()

    def hold(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        over = threading.Event()
        context.add_callback(over.set)
        yield GO
        begun.set()
        over.wait(BOUND)

    oaktree.answer("UploadImage", hold)
    async with oaktreemodel.aio.connect(oaktree.address) as client:
        task = asyncio.create_task(client.images.upload(DATA * 20, name="n"))
        assert await asyncio.to_thread(begun.wait, BOUND)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(oaktree.only_call("UploadImage").over.wait, BOUND)

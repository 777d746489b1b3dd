"""Directories both ways: what is sent, skipped, deleted and refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import grpc
import oaktreemodel
import pytest
from conftest import Directories
from fake import Oaktree, status
from folders import FILES, SIZE, found, laid_out
from oaktreemodel import _upload_directory
from oaktreemodel._outcome import Tally
from oaktreemodel._scan import Scan
from store import Container, Web, md5, sha256


def test_there_and_back(
    client: Any, directories: Directories, stored: Container, source: Path, tmp_path: Path
) -> None:
    seen: list[oaktreemodel.Progress] = []
    result = directories.upload_directory(client, source, "c", "p/", progress=seen.append)
    assert (result.sent, result.sent_bytes, result.failed) == (len(FILES), SIZE, [])
    assert stored.objects == {f"p/{path}": data for path, data in FILES.items()}
    assert (seen[-1].sent_bytes, seen[-1].total_bytes) == (SIZE, SIZE)
    assert {one.name for one in seen} == {path for path, data in FILES.items() if data}

    again = directories.upload_directory(client, source, "c", "p/")
    assert (again.sent, again.skipped) == (0, len(FILES))

    stored.objects["q"] = b"not asked for"
    back = tmp_path / "new" / "back"
    result = directories.download_directory(client, "c", "p/", back)
    assert (result.sent, result.sent_bytes, result.failed) == (len(FILES), SIZE, [])
    assert found(back) == FILES
    (back / "a0").write_bytes(b"x" * len(FILES["a0"]))
    (back / "mine").write_bytes(b"stays")
    result = directories.download_directory(client, "c", "p/", back)
    assert (result.sent, result.skipped) == (1, len(FILES) - 1)
    assert found(back) == FILES | {"mine": b"stays"}


def test_what_a_ticket_says_of_a_file(
    client: Any, directories: Directories, container: Container, source: Path
) -> None:
    os.utime(source / "a0", ns=(1, 1_700_000_000_123_456_789))
    web = container.web = Web(container)
    try:
        directories.upload_directory(client, source, "c")
    finally:
        web.stop()
    assert web.signed == 1
    headers = next(headers for _, path, headers in web.seen if path.startswith("/c/a0?"))
    assert headers["ETag"] == md5(FILES["a0"])
    assert headers["X-Object-Meta-Oaktree-Sha256"] == sha256(FILES["a0"])
    assert headers["X-Object-Meta-Mtime"] == "1700000000.123456789"
    assert headers["Content-Type"] == "application/octet-stream"


@pytest.mark.parametrize("code", [401, 403, 422, 500])
def test_a_ticket_that_is_refused(
    client: Any, directories: Directories, container: Container, source: Path, code: int
) -> None:
    web = container.web = Web(container)
    web.statuses = [code]
    try:
        result = directories.upload_directory(client, source, "c", parallel=1)
    finally:
        web.stop()
    assert (result.sent, result.failed, container.objects) == (len(FILES), [], FILES)
    # One that has expired is renewed, and used from then on.
    assert web.signed == (2 if code == 401 else 1)


def test_a_cloud_that_cannot_be_reached(
    client: Any, directories: Directories, oaktree: Oaktree, container: Container, source: Path
) -> None:
    web = container.web = Web(container)
    web.stop()
    result = directories.upload_directory(client, source, "c", parallel=1)
    assert (result.failed, container.objects) == ([], FILES)
    assert len(oaktree.calls["UploadStorageObject"]) == len(FILES)


def test_what_is_ignored_or_extra(
    client: Any, directories: Directories, container: Container, source: Path
) -> None:
    extra = ["a/new", "old", "zzz", "a/b/c/d"]
    container.objects = dict.fromkeys([*extra, "y.tmp"], b"")
    wishes: dict[str, Any] = {"delete_extra": True, "ignore": ["*.tmp", "/a-b/"]}
    steps: list[oaktreemodel.FileStep] = []
    result = directories.upload_directory(
        client, source, "c", dry_run=True, on_step=steps.append, **wishes
    )
    assert (result.sent, result.deleted) == (4, 4)
    assert len(container.objects) == 5
    assert sorted(one.path for one in steps if one.action == "delete") == sorted(extra)
    result = directories.upload_directory(client, source, "c", **wishes)
    assert (result.sent, result.deleted) == (4, 4)
    kept = {path: data for path, data in FILES.items() if path not in ("a-b/x", "x.tmp")}
    assert container.objects == kept | {"y.tmp": b""}


@pytest.mark.parametrize(
    ("ignore", "out"),
    [(["a", "!a/z"], ["a/b/c", "a/z"]), (["*", "!*0", "!z"], [*FILES.keys() - {"a0"}])],
)
def test_nothing_is_taken_back_out_of_an_ignored_folder(
    client: Any,
    directories: Directories,
    container: Container,
    source: Path,
    tmp_path: Path,
    ignore: list[str],
    out: list[str],
) -> None:
    container.objects = dict.fromkeys(out, b"kept") | {"z": b"goes"}
    result = directories.upload_directory(client, source, "c", delete_extra=True, ignore=ignore)
    assert result.deleted == 1
    sent = {path: data for path, data in FILES.items() if path not in out}
    assert container.objects == dict.fromkeys(out, b"kept") | sent
    directories.download_directory(client, "c", "", tmp_path / "t", ignore=ignore)
    assert found(tmp_path / "t") == sent


def test_links_and_what_is_no_file(
    client: Any, directories: Directories, container: Container, source: Path
) -> None:
    (source / "link").symlink_to("a0")
    (source / "folder").symlink_to("a")
    (source / "loop").symlink_to(".")
    os.mkfifo(source / "pipe")
    container.objects = {"folder/z": b"what somebody stored"}
    result = directories.upload_directory(client, source, "c", delete_extra=True)
    assert sorted(result.left_out) == ["folder", "link", "loop", "pipe"]
    assert result.failed == []
    assert container.objects == FILES | {"folder/z": b"what somebody stored"}
    result = directories.upload_directory(client, source, "c", follow_symlinks=True)
    assert sorted(result.left_out) == ["loop", "pipe"]
    assert container.objects["link"] == FILES["a0"]
    assert container.objects["folder/b/c"] == FILES["a/b/c"]


@pytest.mark.parametrize("folder", ["", "a/"])
@pytest.mark.parametrize("to", ["link", "nowhere"])
def test_links_that_cannot_be_followed(
    client: Any,
    directories: Directories,
    container: Container,
    source: Path,
    folder: str,
    to: str,
) -> None:
    link = folder + "link"
    (source / link).symlink_to(to)
    wishes: dict[str, Any] = {"delete_extra": True, "follow_symlinks": True}
    container.objects = {f"{link}/z": b"may be there still"}
    # Where only a file or only a directory would be left out, it may be the other one.
    for ignore in ([], ["link/"], ["link", "!link/"]):
        result = directories.upload_directory(client, source, "c", ignore=ignore, **wishes)
        assert [one.path for one in result.failed if one.path] == [link]
        assert container.objects == FILES | {f"{link}/z": b"may be there still"}
    container.objects["extra"] = b""
    result = directories.upload_directory(client, source, "c", ignore=["link"], **wishes)
    assert (result.failed, result.deleted) == ([], 1)
    assert container.objects == FILES | {f"{link}/z": b"may be there still"}


def test_files_that_cannot_be_sent(
    client: Any, directories: Directories, container: Container, source: Path
) -> None:
    (source / os.fsdecode(b"\xff")).write_bytes(b"no text")
    container.objects = {"extra": b""}
    result = directories.upload_directory(client, source, "c", delete_extra=True)
    assert [type(one.error) for one in result.failed] == [ValueError, OSError]
    # What could not be told is not taken for gone.
    assert container.objects == FILES | {"extra": b""}


def test_files_that_vanish_or_change(
    client: Any, directories: Directories, oaktree: Oaktree, container: Container, source: Path
) -> None:
    plan = oaktree.answers["PlanStorageObjectUploads"][0]

    def change(request: Any, context: Any) -> Any:
        (source / "a0").unlink()
        (source / "a/z").unlink()
        (source / "a/z").symlink_to("/etc/passwd")
        os.unlink(source / "x.tmp")
        os.mkfifo(source / "x.tmp")
        assert callable(plan)
        return plan(request, context)

    oaktree.answer("PlanStorageObjectUploads", change)
    result = directories.upload_directory(client, source, "c")
    assert sorted(one.path for one in result.failed) == ["a/z", "a0", "x.tmp"]
    assert all(isinstance(one.error, OSError) for one in result.failed)
    assert len(container.objects) == result.sent == len(FILES) - 3


@pytest.mark.parametrize("code", [grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.DATA_LOSS])
def test_what_befalls_one_and_what_befalls_all(
    client: Any,
    directories: Directories,
    oaktree: Oaktree,
    container: Container,
    source: Path,
    code: grpc.StatusCode,
) -> None:
    oaktree.answer("UploadStorageObject", [status(code)])
    if code is grpc.StatusCode.DATA_LOSS:
        result = directories.upload_directory(client, source, "c")
        assert len(result.failed) == len(FILES)
        assert all(isinstance(one.error, oaktreemodel.DataLoss) for one in result.failed)
        return
    with pytest.raises(oaktreemodel.PermissionDenied):
        directories.upload_directory(client, source, "c")


def test_no_such_directory(client: Any, directories: Directories, source: Path) -> None:
    with pytest.raises(FileNotFoundError):
        directories.upload_directory(client, source / "nowhere", "c")
    with pytest.raises(NotADirectoryError):
        directories.upload_directory(client, source / "a0", "c")


def test_an_empty_directory(
    client: Any, directories: Directories, container: Container, tmp_path: Path
) -> None:
    container.objects = {"x": b"", "p/x": b"", "p/y": b""}
    result = directories.upload_directory(client, laid_out(tmp_path / "e", {}), "c", "p/")
    assert result == oaktreemodel.DirectoryResult()
    result = directories.upload_directory(client, tmp_path / "e", "c", "p/", delete_extra=True)
    assert (result.deleted, container.objects) == (2, {"x": b""})


@pytest.mark.parametrize("limits", [(2, 1 << 20), (5000, 200)])
def test_in_batches(
    client: Any,
    directories: Directories,
    oaktree: Oaktree,
    container: Container,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
    limits: tuple[int, int],
) -> None:
    monkeypatch.setattr(_upload_directory, "BATCH", limits[0])
    monkeypatch.setattr(_upload_directory, "BATCH_BYTES", limits[1])
    container.objects = dict.fromkeys(("0", "a-b/y", "a/b/d", "a1", "zz"), b"")
    result = directories.upload_directory(client, source, "c", delete_extra=True)
    assert (result.deleted, container.objects) == (5, FILES)
    requests = [call.request for call in oaktree.calls["PlanStorageObjectUploads"]]
    assert len(requests) == 3
    assert [one.is_last for one in requests] == [False, False, True]


@pytest.mark.parametrize("kind", [ValueError, OSError])
@pytest.mark.parametrize("callback", ["progress", "on_step"])
def test_whoever_is_told_may_end_it(
    client: Any,
    directories: Directories,
    stored: Container,
    source: Path,
    tmp_path: Path,
    kind: type[Exception],
    callback: str,
) -> None:
    def interrupt(told: object) -> None:
        raise kind

    with pytest.raises(kind):
        directories.upload_directory(client, source, "c", **{callback: interrupt})
    stored.objects = dict(FILES)
    with pytest.raises(kind):
        directories.download_directory(client, "c", "", tmp_path / "t", **{callback: interrupt})
    left = found(tmp_path / "t")
    assert all(FILES[path] == data for path, data in left.items())


def test_an_interrupt(oaktree: Oaktree, stored: Container, source: Path, tmp_path: Path) -> None:
    def interrupt(told: object) -> None:
        raise KeyboardInterrupt

    with oaktreemodel.connect(oaktree.address) as client:
        with pytest.raises(KeyboardInterrupt):
            oaktreemodel.upload_directory(client, source, "c", progress=interrupt)
        stored.objects = dict(FILES)
        with pytest.raises(KeyboardInterrupt):
            oaktreemodel.download_directory(client, "c", "", tmp_path / "t", progress=interrupt)
    left = found(tmp_path / "t")
    assert all(FILES[path] == data for path, data in left.items())


def test_files_come_in_the_order_of_their_bytes(source: Path) -> None:
    for name in ("a.", "a/-", "a-", "é", "z", "\U0001f600", "\uff5e"):
        (source / name).write_bytes(b"")
    scan = Scan(str(source), (), follow_symlinks=False, tally=Tally(None))
    paths = [one.path for one in scan.files()]
    assert paths == sorted(paths, key=str.encode)
    assert len(paths) == len(FILES) + 7


def test_a_folder_that_is_ignored_is_not_entered(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered: list[str] = []
    scandir = os.scandir

    def watch(place: Any) -> Any:
        entered.append(os.path.relpath(place, source))
        return scandir(place)

    monkeypatch.setattr("oaktreemodel._scan.os.scandir", watch)
    scan = Scan(str(source), ["a/"], follow_symlinks=False, tally=Tally(None))
    assert "a/b/c" not in [one.path for one in scan.files()]
    assert "a" not in entered
    assert "a-b" in entered

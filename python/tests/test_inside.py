"""Names that others chose lead to no file outside the folder."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oaktreemodel
import pytest
from conftest import Directories
from fake import Oaktree
from folders import found, laid_out
from oaktreemodel import _inside, _target, v1
from oaktreemodel._inside import Inside
from store import Container, Web, md5, sha256

EVIL = [
    "../out",
    "a/../../out",
    "/out",
    "./out",
    "a//out",
    "a/./out",
    "nul\0out",
    "link/out",
    "outlink",
    "a/z/out",
]


def test_nothing_is_written_outside(
    client: Any, directories: Directories, stored: Container, tmp_path: Path
) -> None:
    target = laid_out(tmp_path / "target", {"a/z": b"file"})
    outside = laid_out(tmp_path / "outside", {"kept": b"kept"})
    (target / "link").symlink_to(outside)
    (target / "outlink").symlink_to(outside / "kept")
    (target / "inlink").symlink_to(target / "a")
    good = {"good": b"1", "inlink/new": b"2"}
    stored.objects = dict.fromkeys(EVIL, b"evil") | good
    result = directories.download_directory(client, "c", "", target)
    assert sorted(one.path for one in result.failed) == sorted(EVIL)
    assert result.sent == 2
    assert found(outside) == {"kept": b"kept"}
    assert sorted(os.listdir(tmp_path)) == ["home", "outside", "target"]
    assert (target / "a/new").read_bytes() == b"2"
    assert (target / "a/z").read_bytes() == b"file"


def test_a_dry_run_changes_nothing(
    client: Any,
    directories: Directories,
    container: Container,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = laid_out(tmp_path / "target", {"a/z": b"1", "file": b"2"})
    outside = laid_out(tmp_path / "outside", {})
    (target / "link").symlink_to(outside)
    bad = {"file/x", "a", "link/x", "../x", "file/", "link/y/"}
    container.objects = {"a/z": b"1", "new/b/c": b"", "new/d/": b""} | dict.fromkeys(bad, b"")
    made: list[str] = []
    monkeypatch.setattr(os, "mkdir", lambda place, *_: made.append(place))
    before = target.stat().st_mtime_ns
    result = directories.download_directory(client, "c", "", target, dry_run=True)
    assert (result.sent, result.skipped) == (1, 1)
    assert {one.path for one in result.failed} == bad
    result = directories.download_directory(client, "c", "new/", tmp_path / "x/y", dry_run=True)
    assert (result.sent, result.failed) == (1, [])
    with pytest.raises(NotADirectoryError):
        directories.download_directory(client, "c", "", target / "file", dry_run=True)
    assert made == []
    # A file that was there for a moment would show.
    assert target.stat().st_mtime_ns == before
    assert sorted(os.listdir(tmp_path)) == ["home", "outside", "target"]
    assert found(target) == {"a/z": b"1", "file": b"2"}


def test_folders_and_files_of_one_name(
    client: Any, directories: Directories, container: Container, tmp_path: Path
) -> None:
    container.objects = {"a": b"1", "a/b": b"2", "empty/": b"", "full/": b"3"}
    result = directories.download_directory(client, "c", "", tmp_path / "t", parallel=1)
    assert [one.path for one in result.failed] == ["a/b", "full/"]
    assert found(tmp_path / "t") == {"a": b"1"}
    assert (tmp_path / "t" / "empty").is_dir()


def test_a_folders_name_is_a_prefix(
    client: Any, directories: Directories, container: Container, tmp_path: Path
) -> None:
    container.objects = {"photos/a": b"1"}
    directories.download_directory(client, "c", "photos", tmp_path / "t")
    assert found(tmp_path / "t") == {"a": b"1"}


def test_other_bytes_than_listed(
    client: Any, directories: Directories, oaktree: Oaktree, container: Container, tmp_path: Path
) -> None:
    container.objects = {"a": b"1"}

    def lying(request: Any, context: Any) -> Iterator[Any]:
        content = v1.DownloadContent(size_bytes=1, md5=md5(b"1"))
        yield v1.DownloadStorageObjectResponse(storage_object=v1.StorageObject(), content=content)
        yield v1.DownloadStorageObjectResponse(chunk=b"2")
        finish = v1.DownloadFinish(sha256=sha256(b"1"))
        yield v1.DownloadStorageObjectResponse(finish=finish)

    oaktree.answer("DownloadStorageObject", lying)
    result = directories.download_directory(client, "c", "", tmp_path / "t")
    assert [type(one.error) for one in result.failed] == [oaktreemodel.DataLoss]
    assert os.listdir(tmp_path / "t") == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
@pytest.mark.parametrize("is_signed", [True, False])
def test_no_room_for_any_file(
    client: Any,
    directories: Directories,
    oaktree: Oaktree,
    container: Container,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    is_signed: bool,
) -> None:
    def write(sink: object, piece: bytes) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(_target.Path, "write", write)
    container.objects = {str(name): b"1" for name in range(30)}
    web = container.web = Web(container) if is_signed else None
    try:
        with pytest.raises(OSError, match=os.strerror(number)) as raised:
            directories.download_directory(client, "c", "", tmp_path / "t", parallel=1)
    finally:
        if web is not None:
            web.stop()
    assert raised.value.errno == number
    tried = oaktree.calls["DownloadStorageObject"] if web is None else web.seen
    assert len(tried) < len(container.objects)
    assert os.listdir(tmp_path / "t") == []


@pytest.mark.parametrize("name", ["a:b", "C:/x", "a\\b", "aux", "con.txt", "dot.", "space ", "a?"])
def test_names_that_windows_reads_otherwise(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="Windows"):
        Inside(str(tmp_path), is_windows=True).place(name)
    Inside(str(tmp_path), is_windows=False).place(name)


@pytest.mark.parametrize(
    ("ignores_case", "lost"),
    [(False, {"photosa"}), (True, {"photosa", "photos/b", "photosÜ/X"})],
)
def test_several_names_for_one_file(
    client: Any,
    directories: Directories,
    container: Container,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ignores_case: bool,
    lost: set[str],
) -> None:
    monkeypatch.setattr(_inside.Inside, "_ignores_case", lambda self: ignores_case)
    names = ["photos/B", "photos/a", "photos/b", "photos/ü/x", "photosa", "photosÜ/X"]
    folders = ["photos/f/", "photosf/", "photosF/"]
    container.objects = {name: name.encode() for name in names} | dict.fromkeys(folders, b"")
    for done in ("sent", "skipped"):
        steps: list[oaktreemodel.FileStep] = []
        result = directories.download_directory(
            client, "c", "photos", tmp_path / "t", on_step=steps.append
        )
        paths = sorted(name.removeprefix("photos").removeprefix("/") for name in lost)
        assert sorted(one.path for one in result.failed) == paths
        assert all("is the same file here as" in str(one.error) for one in result.failed)
        assert getattr(result, done) == len(steps) == len(names) - len(lost)
        assert sorted(found(tmp_path / "t").values()) == sorted(
            name.encode() for name in names if name not in lost
        )

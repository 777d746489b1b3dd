"""Whole directories into the real Swift and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import oaktreemodel

from .itself import Itself
from .moving import (
    CHUNK_BYTES,
    made,
    md5,
)


def fill(directory: Path, count: int = 40) -> dict[str, bytes]:
    """The files' contents by their paths."""
    files = {f"{number % 4}/ü {number}.txt": made(number * 100) for number in range(count)}
    files["one in two chunks"] = made(CHUNK_BYTES + 1)
    for path, content in files.items():
        (directory / path).parent.mkdir(exist_ok=True)
        (directory / path).write_bytes(content)
    return files


def test_a_directory_up_and_down(
    way: None, other: Any, container: str, tmp_path: Path, itself: Callable[[str], Itself]
) -> None:
    up, down = tmp_path / "up", tmp_path / "down"
    up.mkdir()
    files = fill(up)
    (up / "link").symlink_to("0")
    dry = oaktreemodel.upload_directory(other, up, container, "p/", dry_run=True)
    assert dry.sent == len(files)
    assert not itself("other").objects(container)
    result = oaktreemodel.upload_directory(other, up, container, "p/")
    assert (result.sent, result.skipped, result.failed) == (len(files), 0, [])
    assert result.left_out == ["link"]
    inside = itself("other").objects(container)
    assert {one: real.etag for one, real in inside.items()} == {
        f"p/{path}": md5(content) for path, content in files.items()
    }
    result = oaktreemodel.upload_directory(other, up, container, "p/")
    assert (result.sent, result.skipped, result.failed) == (0, len(files), [])
    (up / "0" / "new").write_bytes(b"new")
    (up / "one in two chunks").write_bytes(made(CHUNK_BYTES + 1))
    (up / "1" / "ü 1.txt").unlink()
    result = oaktreemodel.upload_directory(other, up, container, "p/", delete_extra=True)
    assert (result.sent, result.deleted, result.failed) == (2, 1, [])
    result = oaktreemodel.download_directory(other, container, "p/", down)
    assert (result.sent, result.failed) == (len(files), [])
    assert contents(down) == contents(up)
    result = oaktreemodel.download_directory(other, container, "p/", down)
    assert (result.sent, result.skipped) == (0, len(files))


def contents(directory: Path) -> dict[str, bytes]:
    """Of the files, but for links."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def test_names_that_lead_out_of_the_directory(other: Any, container: str, tmp_path: Path) -> None:
    target = tmp_path / "target"
    for name in ("p/../../out", "p//out", "p/./out", "p/in"):
        other.storage_objects.upload(b"x", parent=container, name=name)
    result = oaktreemodel.download_directory(other, container, "p/", target)
    assert contents(tmp_path) == {"target/in": b"x"}
    assert (result.sent, len(result.failed)) == (1, 3)

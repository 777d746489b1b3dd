"""Large objects in the real Swift, in segments: sent side by side, gone on with, given up."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import oaktreemodel
import pytest

from .itself import Itself
from .moving import (
    Left,
    fetched,
    leaving,
    made,
    md5,
)

MIB = 1 << 20
# What the plan's own size makes two of.
LARGE_BYTES = 257 * MIB


def test_segments_by_hand(other: Any, container: str, itself: Callable[[str], Itself]) -> None:
    objects, content = other.storage_objects, made(3 * MIB - 5)
    entry = {"path": "large", "size_bytes": len(content)}

    def plan(**more: Any) -> Any:
        (step,) = objects.plan_uploads(
            parent=container, entries=[{**entry, **more}], segment_size_bytes=MIB
        )
        return step

    step = plan()
    assert [one.size_bytes for one in step.segments] == [MIB, MIB, MIB - 5]
    pieces = [content[one.offset_bytes :][: one.size_bytes] for one in step.segments]
    md5s = [md5(piece) for piece in pieces]

    def send(index: int) -> None:
        objects.upload(
            pieces[index],
            parent=container,
            name="large",
            segment={
                "upload_id": step.upload_id,
                "index": index,
                "object_size_bytes": len(content),
                "segment_size_bytes": MIB,
            },
        )

    send(0)
    send(2)
    assert not list(objects.list(parent=container))
    # Whoever comes after a crash finds what is there.
    again = plan(segment_md5s=md5s)
    assert again.upload_id == step.upload_id
    assert [one.is_done for one in again.segments] == [True, False, True]
    committed = {
        "parent": container,
        "name": "large",
        "upload_id": step.upload_id,
        "segment_size_bytes": MIB,
        "segments": [
            {"md5": one, "size_bytes": len(piece)} for one, piece in zip(md5s, pieces, strict=True)
        ],
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    with pytest.raises(oaktreemodel.OaktreeError):
        objects.commit(**committed)
    send(1)
    objects.commit(**committed)
    assert fetched(other, container, "large") == content
    seen = objects.get("large", parent=container)
    assert (seen.size_bytes, seen.is_segmented) == (len(content), True)
    assert len(itself("other").objects(container)) == 4
    # Another in its place takes its segments away.
    objects.upload(b"small", parent=container, name="large")
    assert set(itself("other").objects(container)) == {"large"}
    # And so does who gives up.
    step = plan()
    send(1)
    objects.delete("large", parent=container)
    with pytest.raises(oaktreemodel.Failed):
        other.storage_containers.delete(container)
    assert objects.abort_uploads(parent=container, untouched_for=timedelta(hours=1)) == 0
    assert objects.abort_uploads(parent=container, dry_run=True) == 1
    assert objects.abort_uploads(parent=container) == 1
    assert not itself("other").objects(container)


def test_a_large_file_goes_on_where_it_was(
    way: None, other: Any, container: str, tmp_path: Path, itself: Callable[[str], Itself]
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    with source.open("wb") as file:
        for at in range(0, LARGE_BYTES, MIB):
            file.seek(at)
            file.write(made(64))
        file.truncate(LARGE_BYTES)
    objects = other.storage_objects
    with pytest.raises(Left):
        objects.upload(
            source, parent=container, name="large", progress=leaving(LARGE_BYTES * 3 // 4)
        )
    assert not list(objects.list(parent=container))
    there = set(itself("other").objects(container))
    stored = objects.upload(source, parent=container, name="large")
    assert stored.is_segmented
    inside = itself("other").objects(container)
    assert len(inside) == 3
    assert there < set(inside)
    objects.download("large", target, parent=container)
    assert os.path.getsize(target) == LARGE_BYTES
    assert digest(target) == digest(source) == objects.get("large", parent=container).sha256
    # The same again sends nothing.
    written = {one.name: one.last_modified_at for one in inside.values()}
    objects.upload(source, parent=container, name="large")
    inside = itself("other").objects(container)
    assert {one.name: one.last_modified_at for one in inside.values()} == written
    objects.delete("large", parent=container)
    assert not itself("other").objects(container)


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

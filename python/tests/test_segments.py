"""Large objects: in segments, and straight from the cloud."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import oaktreemodel
import pytest
from conftest import Directories
from fake import BOUND, Oaktree, status
from folders import FILES
from google.protobuf.message import Message
from oaktreemodel import _download, _segments, _signed, v1
from store import Container


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch, stored: Container) -> Container:
    monkeypatch.setattr(_segments, "ASK_FROM_BYTES", 1000)
    stored.segment_size = 300_000
    return stored


DATA = bytes(range(251)) * 4000


def test_a_large_object(client: Any, large: Container, oaktree: Oaktree, tmp_path: Path) -> None:
    seen: list[oaktreemodel.Progress] = []
    made = client.storage_objects.upload(
        DATA, parent="c", name="a//b", metadata={"k": "v"}, progress=seen.append
    )
    assert (made.name, made.size_bytes) == ("a//b", len(DATA))
    assert large.objects == {"a//b": DATA}
    commit = oaktree.only_call("CommitStorageObject").request
    assert (dict(commit.metadata), len(commit.segments)) == ({"k": "v"}, 4)
    assert max(one.sent_bytes for one in seen) == len(DATA)
    streamed = oaktree.calls.get("UploadStorageObject", [])
    assert len(streamed) == (0 if large.web else 4)


def test_a_large_object_goes_on(client: Any, large: Container, oaktree: Oaktree) -> None:
    large.segments = {
        ".oaktree/segments/00000000": DATA[:300_000],
        ".oaktree/segments/00000002": b"x" * 300_000,
    }
    client.storage_objects.upload(DATA, parent="c", name="n")
    assert large.objects == {"n": DATA}
    if large.web is None:
        sent = [call.request.segment.index for call in oaktree.calls["UploadStorageObject"]]
        assert sorted(sent) == [1, 2, 3]


def test_a_large_object_that_is_there(client: Any, large: Container, oaktree: Oaktree) -> None:
    large.objects = {"n": DATA}
    assert client.storage_objects.upload(DATA, parent="c", name="n").size_bytes == len(DATA)
    assert "CommitStorageObject" not in oaktree.calls
    with pytest.raises(oaktreemodel.AlreadyExists):
        client.storage_objects.upload(DATA, parent="c", name="n", only_if_absent=True)


def test_a_large_object_with_another_hash(client: Any, large: Container, oaktree: Oaktree) -> None:
    with pytest.raises(ValueError, match="sha256"):
        client.storage_objects.upload(DATA, parent="c", name="n", sha256="0" * 64)
    assert "CommitStorageObject" not in oaktree.calls


def test_large_files_of_a_directory(
    client: Any, directories: Directories, large: Container, source: Path
) -> None:
    (source / "big").write_bytes(DATA)
    for _ in range(2):
        result = directories.upload_directory(client, source, "c")
        assert result.failed == []
        assert large.objects == FILES | {"big": DATA}
    assert (result.sent, result.skipped) == (0, len(FILES) + 1)


def test_a_large_file_that_grows_once_it_is_planned(
    client: Any, directories: Directories, large: Container, oaktree: Oaktree, source: Path
) -> None:
    (source / "big").write_bytes(DATA)

    def plan(request: v1.PlanStorageObjectUploadsRequest, context: Any) -> Message:
        planned = large._plan(request, context)
        (source / "big").write_bytes(DATA + b"more")
        return planned

    oaktree.answer("PlanStorageObjectUploads", plan)
    result = directories.upload_directory(client, source, "c")
    ((path, error),) = ((one.path, one.error) for one in result.failed)
    assert path == "big"
    assert isinstance(error, oaktreemodel.Conflict)
    assert large.objects == FILES
    assert "CommitStorageObject" not in oaktree.calls


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
    ],
)
def test_where_there_is_no_ticket_it_goes_through_oaktree(
    client: Any,
    container: Container,
    oaktree: Oaktree,
    monkeypatch: pytest.MonkeyPatch,
    code: grpc.StatusCode,
) -> None:
    monkeypatch.setattr(_segments, "ASK_FROM_BYTES", 1000)
    container.segment_size = 300_000
    oaktree.answer("SignStorageObjects", status(code, "NOT_NOW"))
    client.storage_objects.upload(DATA, parent="c", name="n", timeout=BOUND)
    assert container.objects == {"n": DATA}
    # The time for all is also that for this.
    left = oaktree.only_call("SignStorageObjects").time_remaining
    assert left is not None
    assert left < _signed.SIGN_TIMEOUT - BOUND


@pytest.mark.parametrize("answered", [0, 401, 404])
def test_a_large_object_is_fetched_with_a_ticket(
    client: Any,
    stored: Container,
    oaktree: Oaktree,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answered: int,
) -> None:
    monkeypatch.setattr(_download, "SIGN_FROM_BYTES", 1000)
    stored.objects = {"a/../b": DATA}
    if stored.web is not None and answered:
        stored.web.statuses = [answered]
    client.storage_objects.download("a/../b", tmp_path / "file", parent="c")
    assert (tmp_path / "file").read_bytes() == DATA
    calls = oaktree.calls["DownloadStorageObject"]
    assert len(calls) == (2 if stored.web is not None and answered else 1)
    if stored.web is not None:
        assert [path for _, path, _ in stored.web.seen] == ["/c/a/%2E%2E/b?signed=1"]

"""`python -m oaktreemodel`: what it does, prints and ends with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from fake import Oaktree, status
from oaktreemodel import v1
from oaktreemodel._cli import main
from store import IMAGE, Container

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def container(oaktree: Oaktree, monkeypatch: pytest.MonkeyPatch) -> Container:
    monkeypatch.setenv("OAKTREE_ADDRESS", oaktree.address)
    return Container(oaktree)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "a").write_bytes(b"1")
    (folder / "b").write_bytes(b"22")
    return folder


def test_a_directory_there_and_back(
    container: Container, source: Path, tmp_path: Path, capsys: Captured
) -> None:
    arguments = ["upload-directory", str(source), "c", "--prefix", "p/", "--cloud", "one"]
    assert main(arguments) == 0
    assert container.objects == {"p/a": b"1", "p/b": b"22"}
    told = "2 files of 3 bytes uploaded, 0 were there already\n"
    assert capsys.readouterr() == (told, "")
    assert main(["download-directory", "c", str(tmp_path / "t"), "--prefix", "p/"]) == 0
    assert (tmp_path / "t" / "b").read_bytes() == b"22"
    assert main([*arguments, "--quiet"]) == 0
    assert capsys.readouterr().out == "2 files of 3 bytes downloaded, 0 were there already\n"


def test_a_dry_run(container: Container, source: Path, capsys: Captured) -> None:
    container.objects = {"a": b"1", "extra\n": b""}
    arguments = ["upload-directory", str(source), "c", "--delete-extra", "--dry-run"]
    assert main([*arguments, "--parallel", "1"]) == 0
    assert container.objects == {"a": b"1", "extra\n": b""}
    assert capsys.readouterr().out.splitlines() == [
        "skip   a (it is there)",
        "send   b (it is not there)",
        "delete 'extra\\n' (no file is of this name)",
        "1 files of 2 bytes would be uploaded, 1 were there already, 1 would be deleted",
    ]


def test_what_fails_is_told(container: Container, source: Path, capsys: Captured) -> None:
    (source / os.fsdecode(b"\xff")).write_bytes(b"")
    (source / "link").symlink_to("a")
    assert main(["upload-directory", str(source), "c"]) == 1
    told = capsys.readouterr()
    assert "left out: link is" in told.err
    assert "failed: \\xff: the name" in told.err
    assert told.out.endswith("1 failed\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["upload-directory", "/nowhere", "c"], "error: /nowhere: No such file or directory\n"),
        (["upload", "/", "c/n"], "error: /: Is a directory\n"),
        (["upload-image", "/nowhere"], "error: /nowhere: No such file or directory\n"),
    ],
)
def test_errors(container: Container, arguments: list[str], told: str, capsys: Captured) -> None:
    assert main(arguments) == 1
    assert capsys.readouterr().err == told


def test_an_error_of_the_server(
    container: Container, oaktree: Oaktree, source: Path, capsys: Captured
) -> None:
    missing = status(grpc.StatusCode.NOT_FOUND, "NOT_FOUND", message="there is no container 'c'")
    oaktree.answer("PlanStorageObjectUploads", missing)
    assert main(["upload-directory", str(source), "c"]) == 1
    assert capsys.readouterr().err == "error: there is no container 'c' (NOT_FOUND)\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["upload-directory", "x"],
        ["upload", "x", "container"],
        ["upload-directory", "x", "c", "--parallel", "0"],
    ],
)
def test_what_is_asked_wrongly(arguments: list[str], capsys: Captured) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: python -m oaktreemodel" in capsys.readouterr().err


def test_single_files(
    container: Container, oaktree: Oaktree, source: Path, capsys: Captured
) -> None:
    assert main(["upload", str(source / "b"), "c/deep/b"]) == 0
    assert container.objects == {"deep/b": b"22"}
    oaktree.answer("ListImages", [v1.ListImagesResponse()])
    oaktree.answer("UploadImage", IMAGE)
    assert main(["upload-image", str(source / "b"), "--disk-format", "raw"]) == 0
    assert capsys.readouterr().out == "1\n"
    assert oaktree.only_call("UploadImage").request.name == "b"


def test_as_a_module(container: Container, oaktree: Oaktree, source: Path) -> None:
    command = [sys.executable, "-m", "oaktreemodel", "upload-directory", str(source), "c"]
    done = subprocess.run(
        [*command, "--address", oaktree.address], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert container.objects == {"a": b"1", "b": b"22"}

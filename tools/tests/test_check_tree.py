"""Every fault that a tree can have is named, with its file and line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import check_tree
import pytest


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


def faults(root: Path, files: dict[str, bytes], may_be_long: tuple[str, ...] = ()) -> list[str]:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    subprocess.run(["git", "add", "-f", "."], cwd=root, check=True)
    return list(check_tree.faults(root, dict.fromkeys(may_be_long, "because")))


def test_clean_tree(repository: Path) -> None:
    files = {
        "a.py": b"x = 1\n",
        "proto/oaktreemodel/v1/server.proto": b"// It.\n" * 400,
        "go/oaktreemodel/v1/server.pb.go": b"package v1\n" * 400,
        "go/cloud.gen.go": b"package oaktree\n" * 400,
        "tools/protoc-gen-oaktree/testdata/python/oaktreemodel/v1/widget_sync.py": b"x = 1\n",
        "docs/index.rst": b"Clouds in ``/home/YOU``, or below ``/tmp``.\n",
    }
    assert faults(repository, files) == []


@pytest.mark.parametrize("content", [b"\x89PNG\xff", b"text\0"])
def test_binary(repository: Path, content: bytes) -> None:
    assert faults(repository, {"logo": content}) == ["logo:1: is binary"]


@pytest.mark.parametrize(
    "name",
    [
        "python/oaktreemodel/v1/server_sync.py",
        "python/server_pb2.py",
        "python/server_pb2_grpc.pyi",
        "x/__pycache__/a.txt",
        "proto/released/0.1.0.binpb",
    ],
)
def test_generated(repository: Path, name: str) -> None:
    assert faults(repository, {name: b"x = 1\n"}) == [f"{name}:1: is generated, and tracked"]


def test_paths_of_a_machine(repository: Path) -> None:
    # Put together here, so that this file has none.
    homes = ["/".join(["", "home", "jane", "src"]), "/".join(["", "root", "src"])]
    homes += ["\\".join(["C:", "Users", "jane", "src"]), f"{repository}/src"]
    fine = f"opendev.org{repository}/src and ~{repository}/src"
    found = faults(repository, {"a.txt": "\n".join([fine, *homes, ""]).encode()})
    assert found == [f"a.txt:{n}: holds a path of somebody's own machine" for n in range(2, 6)]


def test_white_space(repository: Path) -> None:
    assert faults(repository, {"a.txt": b"a\nb \n"}) == ["a.txt:2: ends in white space"]


def test_length(repository: Path) -> None:
    long = b"x = 1\n" * 351
    files = {"long.py": long, "allowed.py": long, "short.py": b"x = 1\n"}
    assert faults(repository, files, ("allowed.py", "short.py", "gone.py")) == [
        "long.py:351: has 351 lines; split it at 350 or less",
        "short.py:1: is short again; take it off MAY_BE_LONG",
        "gone.py:1: is gone; take it off MAY_BE_LONG",
    ]


def test_untracked_files_do_not_count(repository: Path) -> None:
    (repository / "logo").write_bytes(b"\0")
    assert list(check_tree.faults(repository, {})) == []


def test_without_git_it_is_skipped_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check_tree.main(tmp_path) == 0
    assert "skipped" in capsys.readouterr().out

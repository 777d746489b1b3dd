"""The gate on generated code refuses what differs from run to run, and what is tracked."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

NEEDED = ("buf.yaml", "buf.gen.yaml", "proto", "third_party", "tools")


@pytest.fixture
def project(root: Path, tmp_path: Path) -> Path:
    """A committed copy of what is needed to generate."""
    ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache", "tests")
    for name in NEEDED:
        if (root / name).is_dir():
            shutil.copytree(root / name, tmp_path / name, ignore=ignored)
        else:
            shutil.copy(root / name, tmp_path / name)
    # In place of the plugin's own golden tests, which run by themselves.
    golden = tmp_path / "tools" / "protoc-gen-oaktree" / "tests" / "test_golden.py"
    golden.parent.mkdir()
    golden.write_text("def test_golden() -> None:\n    pass\n")
    (tmp_path / ".gitignore").write_text("__pycache__/\n.pytest_cache/\n")
    git(tmp_path, "init", "-q")
    commit(tmp_path)
    return tmp_path


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True)


def commit(root: Path) -> None:
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "Whatever is there")


def check(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["tools/check-generate"], cwd=root, check=False, capture_output=True, text=True
    )


def test_tree_passes(project: Path) -> None:
    done = check(project)
    assert done.returncode == 0, done.stderr
    assert "the same bytes twice, none tracked" in done.stdout


def test_generated_and_tracked_is_refused(project: Path) -> None:
    name = "python/oaktreemodel/v1/server_sync.py"
    (project / name).parent.mkdir(parents=True)
    (project / name).write_text("")
    commit(project)
    done = check(project)
    assert done.returncode == 1
    assert done.stderr == f"generated, and tracked:\n{name}\n"


def test_code_that_differs_from_run_to_run_is_refused(project: Path) -> None:
    plugin = project / "tools" / "protoc-gen-oaktree" / "__main__.py"
    text = plugin.read_text()
    old = "name=path, content=content"
    assert text.count(old) == 1
    plugin.write_text(f"import time\n{text.replace(old, old + ' + str(time.time_ns())')}")
    commit(project)
    done = check(project)
    assert done.returncode == 1
    assert "generating twice gives different code" in done.stderr


def test_stale_golden_files_are_refused(project: Path) -> None:
    golden = project / "tools" / "protoc-gen-oaktree" / "tests" / "test_golden.py"
    golden.write_text("def test_golden() -> None:\n    raise AssertionError\n")
    commit(project)
    assert check(project).returncode == 1

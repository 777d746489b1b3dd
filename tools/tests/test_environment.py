"""Making the virtual environment says what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def interpreter(folder: Path, name: str, version: tuple[int, int], *, venv: bool) -> Path:
    """Something that answers as an interpreter of that version would."""
    path = folder / name
    path.write_text(
        f"#!{sys.executable}\n"
        "import sys, types\n"
        f"sys.version_info = {version}\n"
        f"if not {venv}: sys.modules['ensurepip'] = None\n"
        "if sys.argv[1] == '-c': exec(sys.argv[2])\n"
        "else: sys.exit('would now make it')\n"
    )
    path.chmod(0o755)
    return path


def make(root: Path, target: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [root / "tools" / "environment", target],
        env=os.environ | environment,
        check=False,
        capture_output=True,
        text=True,
    )


def test_old_python_is_named_with_its_version(root: Path, tmp_path: Path) -> None:
    old = interpreter(tmp_path, "python", (3, 9), venv=True)
    done = make(root, tmp_path / "venv", PYTHON=str(old))
    assert done.returncode == 1
    assert f"oaktree needs Python 3.11 or newer: {old} is 3.9" in done.stderr
    assert "make PYTHON=" in done.stderr


def test_no_python_at_all(root: Path, tmp_path: Path) -> None:
    done = make(root, tmp_path / "venv", PYTHON=str(tmp_path / "none"))
    assert done.returncode == 1
    assert f"{tmp_path / 'none'} is absent" in done.stderr


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        ({"python3.13": (3, 13), "python3.11": (3, 11)}, "python3.13"),
        ({"python3.13": (3, 10), "python3": (3, 12)}, "python3"),
    ],
)
def test_newest_that_will_do_is_chosen(
    root: Path, tmp_path: Path, names: dict[str, tuple[int, int]], chosen: str
) -> None:
    for name in ("python3.13", "python3.12", "python3.11", "python3"):
        interpreter(tmp_path, name, names.get(name, (2, 7)), venv=True)
    done = make(root, tmp_path / "venv", PATH=f"{tmp_path}:{os.environ['PATH']}", PYTHON="")
    assert f"with {chosen} " in done.stdout
    assert "would now make it" in done.stderr


def test_package_to_install_is_named(root: Path, tmp_path: Path) -> None:
    python = interpreter(tmp_path, "python", (3, 11), venv=False)
    # Found before the real ones: nothing is to be installed here.
    for name in ("apt-get", "sudo"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    done = make(
        root, tmp_path / "venv", PYTHON=str(python), PATH=f"{tmp_path}:{os.environ['PATH']}"
    )
    assert done.returncode == 1
    assert "let root run 'apt-get install python3.11-venv'" in done.stderr

"""`autoreconf -fi && ./configure` writes what the Makefile reads."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# As other generated files of autoconf's, it depends on nothing but these.
SOURCES = ("configure.ac", "config.mk.in", "proto/oaktreemodel/v1/server.proto")

pytestmark = pytest.mark.skipif(
    not (shutil.which("autoreconf") and shutil.which("aclocal")),
    reason="autoconf or automake is not installed",
)


@pytest.fixture
def configured(root: Path, tmp_path: Path) -> Path:
    for name in SOURCES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, tmp_path / name)
    subprocess.run(["autoreconf", "-fi"], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def configure(tree: Path, python: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["./configure"],
        cwd=tree,
        env=os.environ | {"PYTHON": python},
        check=False,
        capture_output=True,
        text=True,
    )


def test_python_is_found(configured: Path) -> None:
    done = configure(configured, sys.executable)
    assert done.returncode == 0, done.stderr
    assert f"PYTHON ?= {sys.executable}\n" in (configured / "config.mk").read_text()


def test_old_python_is_refused(configured: Path) -> None:
    old = configured / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = configure(configured, str(old))
    assert done.returncode == 1
    assert f"none is among {old}" in done.stderr
    assert not (configured / "config.mk").exists()

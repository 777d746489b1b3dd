"""What the gates' tests share."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TOOLS), str(TOOLS.parent / "demo")]

# What buf reads, and the gate itself.
GATE = ("buf.yaml", "proto/oaktreemodel", "third_party", "tools/check-breaking")


@pytest.fixture
def root() -> Path:
    """The project's own tree."""
    return TOOLS.parent


@pytest.fixture
def tree(root: Path, tmp_path: Path) -> Path:
    """A copy of the proto tree with its gate; releases are for the test to make."""
    for name in GATE:
        source, target = root / name, tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy2(source, target)
    (tmp_path / "proto" / "released").mkdir()
    return tmp_path

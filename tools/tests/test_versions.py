"""A release has one version, wherever it is written."""

from __future__ import annotations

import re
from pathlib import Path

PLACES = {
    "python/oaktreemodel/_version.py": r'^__version__ = "(.+)"$',
    "server/oaktree/__init__.py": r'^__version__ = "(.+)"$',
    "configure.ac": r"^AC_INIT\(\[oaktree\], \[(.+)\]\)$",
    "cpp/configure.ac": r"^AC_INIT\(\[oaktreemodel\], \[(.+)\]\)$",
    # The newest is the first.
    "CHANGELOG.rst": r"^(\d+\.\d+\.\d+).*\n-+$",
}


def test_versions_agree(root: Path) -> None:
    found = {}
    for name, pattern in PLACES.items():
        match = re.search(pattern, (root / name).read_text(), re.MULTILINE)
        assert match, f"{name} tells no version"
        found[name] = match[1]
    assert len(set(found.values())) == 1, found

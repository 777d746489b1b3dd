"""Directories to upload, and what is found in them."""

from __future__ import annotations

from pathlib import Path

# As the paths' bytes sort: - before /, and that before 0.
FILES = {
    "a-b/x": b"1",
    "a/b/c": b"22",
    "a/z": b"",
    "a0": b"333" * 100_000,
    "odd ü %?#\n name": b"4",
    "x.tmp": b"5",
}
SIZE = sum(map(len, FILES.values()))


def laid_out(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir()
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def found(folder: Path) -> dict[str, bytes]:
    return {
        str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()
    }

"""The files of a case: those it writes, and what it looks at of those that are there."""

from __future__ import annotations

import hashlib
import os
import random
import time
from pathlib import Path
from typing import Any

import yaml

# What a file's text is told up to.
SHORT = 1000


def write(path: Path, step: dict[str, Any]) -> None:
    """What a `file` step says. A symbolic link is there whether or not it leads anywhere."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if "link" in step:
        path.symlink_to(step["link"])
        return
    path.write_bytes(_contents(step))
    path.chmod(step.get("mode", 0o600))
    then = time.time() - step.get("age", 0)
    os.utime(path, (then, then))


def _contents(step: dict[str, Any]) -> bytes:
    holds = step.get("holds", "")
    if isinstance(holds, dict):
        holds = yaml.safe_dump(holds)
    begin = holds if isinstance(holds, bytes) else holds.encode()
    begin += b"".join(Path(one).read_bytes() for one in step.get("joins", ()))
    return begin + random.Random(step.get("seed", 0)).randbytes(step.get("bytes", 0))


def look(path: Path) -> dict[str, Any]:
    """What is there. Of a directory: all below it that is none, sorted."""
    if path.is_symlink():
        return {"link": os.readlink(path)}
    if path.is_dir():
        below = (one for one in path.rglob("*") if one.is_symlink() or not one.is_dir())
        return {"files": sorted(str(one.relative_to(path)) for one in below)}
    held = path.read_bytes()
    told: dict[str, Any] = {"size": len(held)}
    for kind in ("md5", "sha256"):
        told[kind] = hashlib.new(kind, held).hexdigest()
    if len(held) <= SHORT:
        told["holds"] = held.decode(errors="replace")
    return told

"""Files that hold secrets."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def write(path: Path, text: str) -> None:
    """Puts the text there for its owner alone, and at once: whoever reads finds all of it, or what
    was there before. A folder that is missing is made, for its owner alone as well. OSError if it
    cannot be done."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Nobody else can read what is made so.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise

"""Files that hold secrets."""

from __future__ import annotations

import os
import shlex
import sys


def read_private(path: str) -> bytes:
    """What is in a file that must be its owner's alone.

    Raises:
        ValueError: The file is another user's, or others can read or change it.
        OSError: It cannot be read.
    """
    with open(path, "rb") as file:
        # Windows has no such modes; there a user's folder is closed to the others anyway.
        if sys.platform != "win32":
            # Of what was opened, not of what has the name by now.
            found = os.fstat(file.fileno())
            remedy = f"chmod 600 {shlex.quote(path)}"
            if found.st_uid not in (os.geteuid(), 0):
                raise ValueError(
                    f"{path} belongs to another user, with the id {found.st_uid}; it must be your"
                    f" own, and closed to others: {remedy}"
                )
            if found.st_mode & 0o077:
                raise ValueError(f"others can read or change {path}; {remedy}")
        return file.read()

"""The token of one's own oaktree, in a file that only its owner can read."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from oaktree import private


def folder() -> Path:
    """Where tokens are: in the user's runtime directory, else in a private folder of the user.
    Clients look in both, since not every process of a user is told of the first."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime) and os.path.isdir(runtime):
        return Path(runtime) / "oaktree"
    return Path.home() / ".local" / "state" / "oaktree"


def name_of(address: str) -> str:
    """The file of the oaktree that serves at an address: its port, or its socket's path as one
    word."""
    if address.startswith("unix:"):
        path = address.removeprefix("unix:")
        # Two slashes at the beginning are as good as one, but not to normpath.
        path = os.path.normpath("/" + os.path.abspath(path).lstrip("/"))
        return path.replace("%", "%25").replace("/", "%2F")
    return address.rpartition(":")[2]


class TokenFile:
    """A random token, and the file it is in until `remove`."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(32)
        self._path: Path | None = None

    def write(self, address: str) -> Path:
        """Writes the file of the oaktree at an address. OSError, which says what to do, if that
        cannot be done safely."""
        where = folder()
        where.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = where.stat()
        if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise PermissionError(
                f"{where} must be its owner's alone, since tokens are kept there: chown it to you "
                f"and chmod 700 {where}"
            )
        path = where / name_of(address)
        private.write(path, self.token + "\n")
        self._path = path
        return path

    def remove(self) -> None:
        """Removes the file, unless it is another oaktree's by now."""
        path, self._path = self._path, None
        if path is not None:
            with contextlib.suppress(OSError):
                if path.read_text().strip() == self.token:
                    path.unlink()

"""Files below a folder, by names that others have chosen: none leads out of it."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import threading

# What Windows takes for a device, whatever follows, and what it cuts off or gives a meaning.
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_NOT_ON_WINDOWS = re.compile(r'[<>:"\\|?*\x00-\x1f]|[. ]$')


class Inside:
    """A folder that files are put in. Safe for threads.

    Without `makes` nothing is changed: neither it nor a folder in it need be there, and names that
    differ by case alone are taken for two, since only a file that is made can tell.

    Raises OSError if it cannot be made, or is no folder.
    """

    def __init__(
        self, folder: str, *, makes: bool = True, is_windows: bool = os.name == "nt"
    ) -> None:
        if makes:
            os.makedirs(folder, exist_ok=True)
        else:
            with contextlib.suppress(FileNotFoundError), os.scandir(folder):
                pass
        self._makes = makes
        self._root = os.path.realpath(folder)
        self._is_windows = is_windows
        self._lock = threading.Lock()
        self._fold = str.casefold if makes and self._ignores_case() else str
        # Whose a path is.
        self._taken: dict[str, str] = {}

    def take(self, path: str, owner: str) -> None:
        """Notes whose file a path is. Raises ValueError if it is another's already, whose bytes
        would be lost."""
        with self._lock:
            first = self._taken.setdefault(self._fold(path), owner)
        if first != owner:
            raise ValueError(f"{owner!r} is the same file here as {first!r}")

    def place(self, path: str) -> str:
        """Where the file of a path is to be; the folders that lead there are made.

        Raises:
            ValueError: The path leads outside, or is no path here.
            OSError: A file is where a folder has to be, or it cannot be made.
        """
        steps = self._checked(path)
        place = self._root
        for step in steps[:-1]:
            place = os.path.join(place, step)
            self._enter(place)
        place = os.path.join(place, steps[-1])
        if os.path.islink(place) and not self._holds(place):
            raise ValueError("a symbolic link that is there leads out of the folder")
        if os.path.isdir(place):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), place)
        return place

    def folder(self, path: str) -> None:
        """Makes the folder of a path. Raises as `place` does."""
        place = self._root
        for step in self._checked(path):
            place = os.path.join(place, step)
            self._enter(place)

    def _checked(self, path: str) -> list[str]:
        steps = path.split("/")
        if path.startswith("/"):
            raise ValueError("the name is an absolute path")
        if "\0" in path:
            raise ValueError("the name holds a NUL character")
        for step in steps:
            if not step:
                raise ValueError("the name has an empty step, which no path has")
            if step in (".", ".."):
                raise ValueError(f"the name has the step {step!r}")
            if self._is_windows and (_NOT_ON_WINDOWS.search(step) or _DEVICE.fullmatch(step)):
                raise ValueError(f"{step!r} is no name of a file on Windows")
        return steps

    def _enter(self, place: str) -> None:
        if self._makes:
            with contextlib.suppress(FileExistsError):
                os.mkdir(place)
        elif not os.path.lexists(place):
            return
        if os.path.islink(place) and not self._holds(place):
            raise ValueError("a symbolic link that is there leads out of the folder")
        if not os.path.isdir(place):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), place)

    def _holds(self, place: str) -> bool:
        real = os.path.realpath(place)
        return os.path.commonpath((self._root, real)) == self._root

    def _ignores_case(self) -> bool:
        probe = os.path.join(self._root, f".oaktree-{secrets.token_hex(6)}-a")
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            return os.path.exists(probe[:-1] + "A")
        finally:
            os.unlink(probe)

"""Where a download goes to."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from types import TracebackType
from typing import IO, Protocol, Self, TypeAlias

Target: TypeAlias = str | os.PathLike[str] | IO[bytes]


class Sink(Protocol):
    """What takes the bytes."""

    def write(self, piece: bytes) -> None:
        """The next of them."""

    def finish(self) -> None:
        """They are all there, and right."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Given:
    """A caller's own file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, piece: bytes) -> None:
        left = memoryview(piece)
        while left:
            # A raw file may take less; one that does not say how much has taken all.
            count = self._file.write(left)
            left = left[len(left) if count is None else count :]

    def finish(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass


class Path:
    """A file that appears under its name once it is whole. Until then it is beside it, under a name
    of its own, and gone if there is any error.

    Raises OSError at once where no such file can be.
    """

    def __init__(self, path: str, *, is_synced: bool = True, follows: bool = True) -> None:
        # What a link leads to is replaced, not the link.
        self._path = os.path.realpath(path) if follows else path
        self._is_synced = is_synced
        if os.path.isdir(self._path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        folder, name = os.path.split(self._path)
        # Cut, for a name may be as long as names can be.
        self._part = os.path.join(folder, f".{name[:40]}.{secrets.token_hex(6)}.part")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            self._file = os.fdopen(os.open(self._part, flags, _mode(self._path)), "wb", buffering=0)
        except OSError as error:
            raise OSError(error.errno, error.strerror, path) from error

    def write(self, piece: bytes) -> None:
        Given(self._file).write(piece)

    def finish(self) -> None:
        if self._is_synced:
            os.fsync(self._file.fileno())
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            shutil.copymode(self._path, self._part)
        os.replace(self._part, self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._part)


def _mode(path: str) -> int:
    """The rights of what takes a file's place: nobody else is to read it meanwhile, either."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except OSError:
        return 0o666


def open_target(target: Target) -> Sink:
    """Raises OSError for what cannot be written to, TypeError for what is no target."""
    if isinstance(target, str | os.PathLike):
        path = os.fsdecode(target)
        with contextlib.suppress(OSError):
            mode = os.stat(path).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                # A device or a pipe is written to; nothing can take its place.
                return Stream(path)
        return Path(path)
    if not hasattr(target, "write"):
        raise TypeError(f"target: a path or a binary file is needed, not {type(target).__name__}")
    if hasattr(target, "encoding"):
        raise TypeError("target: the file is open as text; open it in binary mode, 'wb'")
    return Given(target)


class Stream(Given):
    """A device or a pipe."""

    def __init__(self, path: str) -> None:
        super().__init__(open(path, "wb", buffering=0))  # noqa: SIM115 - closed by __exit__

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

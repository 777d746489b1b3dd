"""What is uploaded: whatever the caller has, as bytes that can be read anywhere, and again."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import tempfile
import threading
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import IO, Any, Self, TypeAlias, cast

import grpc

from oaktreemodel.errors import Conflict

Source: TypeAlias = (
    str | os.PathLike[str] | IO[bytes] | bytes | bytearray | memoryview | Iterable[bytes]
)

# Larger chunks move no more bytes a second, and hold up the calls of others for longer.
CHUNK_BYTES = 256 * 1024
# What is copied aside first, since it can be read only once, stays in memory up to this size.
SPOOL_BYTES = 4 * 1024 * 1024


class Opened:
    """A source that is open. Several threads may read it at once."""

    def __init__(
        self, file: IO[bytes], *, name: str = "", is_ours: bool = True, is_path: bool = False
    ) -> None:
        self.name = name
        self._file = file
        self._is_ours = is_ours
        self._lock = threading.Lock()
        self._start = 0 if is_ours else file.tell()
        self._stamp = self._state()
        self.size = max(0, file.seek(0, os.SEEK_END) - self._start)
        # When a file last changed, in nanoseconds of the epoch; None for what is no file.
        self.modified_at = self._stamp[1] if is_path and self._stamp else None

    def chunks(self, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes from there on, all there were at the beginning or so many.

        Raises Conflict if there are not so many now; OSError if they cannot be read.
        """
        left = self.size - offset if length is None else length
        while left:
            with self._lock:
                self._file.seek(self._start + offset)
                piece = self._file.read(min(CHUNK_BYTES, left))
            if not piece:
                raise self._changed()
            offset += len(piece)
            left -= len(piece)
            yield piece

    def check(self) -> None:
        """Raises Conflict if it is no longer what it was when it was opened."""
        if self._state() != self._stamp:
            raise self._changed()

    def close(self) -> None:
        """Closes what was opened for it; a caller's own file is left at the end of its bytes."""
        if self._is_ours:
            self._file.close()
        elif not self._file.closed:
            self._file.seek(self._start + self.size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _state(self) -> tuple[int, int] | None:
        # Of what is wrapped around a file, such as gzip, the file itself tells nothing.
        if not isinstance(self._file, io.BufferedReader | io.BufferedRandom | io.FileIO):
            return None
        try:
            found = os.fstat(self._file.fileno())
        except (OSError, ValueError):
            return None
        return found.st_size, found.st_mtime_ns

    def _changed(self) -> Conflict:
        what = self.name or "the source"
        return Conflict(
            f"{what} changed while it was read; what was sent of it is not kept",
            code=grpc.StatusCode.ABORTED,
        )


def open_source(source: Source) -> Opened:
    """Opens it, and copies it to a temporary file if it can be read only once.

    Raises:
        OSError: There is no such file, it is a directory, or it cannot be read.
        TypeError: It is nothing that bytes can be read from.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return Opened(io.BytesIO(source))
    if isinstance(source, str | os.PathLike):
        return _open_path(os.fsdecode(source))
    if isinstance(source, io.TextIOBase):
        raise TypeError("source: the file is open as text; open it in binary mode, 'rb'")
    if hasattr(source, "read"):
        file = cast(IO[bytes], source)
        if _is_seekable(file):
            return Opened(file, name=str(getattr(file, "name", "")), is_ours=False)
        return Opened(_copied(iter(lambda: _read(file), b"")))
    if isinstance(source, Iterable):
        return Opened(_copied(source))
    raise TypeError(
        f"source: a path, a binary file, bytes or an iterable of bytes is needed,"
        f" not {type(source).__name__}"
    )


def _open_path(path: str) -> Opened:
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(open(path, "rb"))
        mode = os.fstat(file.fileno()).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
            return Opened(_copied(iter(lambda: _read(file), b"")), name=path)
        opened = Opened(file, name=path, is_path=True)
        stack.pop_all()
        return opened


def open_file(path: str, *, follows: bool) -> Opened:
    """Opens a file of a directory; `follows` says whether it may be a symbolic link.

    Raises OSError if it is no file by now.
    """
    flags = 0 if follows else getattr(os, "O_NOFOLLOW", 0)
    # Nobody may ever write to what has become a pipe.
    flags |= getattr(os, "O_NONBLOCK", 0)
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(
            open(path, "rb", buffering=0, opener=lambda name, mode: os.open(name, mode | flags))
        )
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file any more", path)
        opened = Opened(file, name=path, is_path=True)
        stack.pop_all()
        return opened


def _is_seekable(file: IO[bytes]) -> bool:
    with contextlib.suppress(AttributeError, OSError, ValueError):
        return file.seekable()
    return False


def _read(file: IO[bytes]) -> bytes:
    piece: Any = file.read(CHUNK_BYTES)
    if piece is None:
        raise BlockingIOError("source: the file gives nothing now; make it block")
    return bytes(_checked(piece))


def _copied(pieces: Iterable[bytes]) -> IO[bytes]:
    with contextlib.ExitStack() as stack:
        copy = stack.enter_context(tempfile.SpooledTemporaryFile(SPOOL_BYTES, prefix="oaktree-"))
        for piece in pieces:
            copy.write(_checked(piece))
        stack.pop_all()
        return cast(IO[bytes], copy)


def _checked(piece: Any) -> Any:
    if not isinstance(piece, bytes | bytearray | memoryview):
        raise TypeError(f"source: it gives {type(piece).__name__}, and bytes are needed")
    return piece

"""What became of a directory that was uploaded or downloaded."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

from oaktreemodel.errors import (
    DeadlineExceeded,
    OaktreeError,
    PermissionDenied,
    QuotaExceeded,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)

T = TypeVar("T")

Action: TypeAlias = Literal["send", "skip", "delete"]

# What befell one file and would befall every other; so would an OSError with one of these numbers.
HOPELESS = (
    DeadlineExceeded,
    PermissionDenied,
    QuotaExceeded,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass(frozen=True)
class FileStep:
    """What is done with one file.

    Attributes:
        path: Its path below the directory, with slashes.
        action: "send" for what is moved, in either direction; "skip"; "delete".
        why: Why, in words.
        size_bytes: How many bytes it has.
    """

    path: str
    action: Action
    why: str
    size_bytes: int


@dataclass(frozen=True)
class FileFailure:
    """A file that was not moved.

    Attributes:
        path: Its path below the directory, with slashes; empty where it is about none alone.
        error: An OaktreeError, an OSError, or a ValueError for a name that cannot be.
    """

    path: str
    error: Exception

    def __str__(self) -> str:
        return f"{self.path}: {self.error}" if self.path else str(self.error)


@dataclass
class DirectoryResult:
    """What became of a directory. Of a dry run: what would have.

    Attributes:
        sent: How many files were moved.
        skipped: How many were there already, with the same bytes.
        deleted: How many objects were deleted that no file is of.
        sent_bytes: How many bytes the files have that were moved.
        failed: The files that were not.
        left_out: The paths of symbolic links and of what is neither a file nor a directory, which
            are not moved.
    """

    sent: int = 0
    skipped: int = 0
    deleted: int = 0
    sent_bytes: int = 0
    failed: list[FileFailure] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


class Raised(Exception):
    """What a caller's own callback raised: no fault of a file's."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def guarded(callback: Callable[[T], object] | None) -> Callable[[T], object] | None:
    """The callback, with what it raises told apart."""
    if callback is None:
        return None

    def call(told: T) -> None:
        try:
            callback(told)
        except Exception as error:
            raise Raised(error) from error

    return call


OnStep: TypeAlias = Callable[[FileStep], object]


class Tally:
    """Counts into a result. Safe for threads."""

    def __init__(self, on_step: OnStep | None) -> None:
        self.result = DirectoryResult()
        self._on_step = on_step
        self._lock = threading.Lock()

    def did(self, path: str, action: Action, why: str, size: int = 0) -> None:
        """This was done."""
        with self._lock:
            result = self.result
            if action == "send":
                result.sent += 1
                result.sent_bytes += size
            elif action == "skip":
                result.skipped += 1
            else:
                result.deleted += 1
            if self._on_step is not None:
                self._on_step(FileStep(path, action, why, size))

    def failed(self, path: str, error: Exception) -> None:
        """Raises the error itself if it is no fault of this file's."""
        is_full = isinstance(error, OSError) and error.errno in FULL
        if is_full or isinstance(error, HOPELESS):
            raise error
        if not isinstance(error, OaktreeError | OSError | ValueError):
            raise error
        with self._lock:
            self.result.failed.append(FileFailure(path, error))

    def left_out(self, path: str) -> None:
        """This is nothing to move."""
        with self._lock:
            self.result.left_out.append(path)

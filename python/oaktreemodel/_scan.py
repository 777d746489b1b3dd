"""The files of a directory, in the order of their paths' bytes, as a plan wants them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from oaktreemodel._outcome import Tally


@dataclass(frozen=True)
class Found:
    """A file.

    Attributes:
        path: Below the directory, with slashes.
        size: In bytes, when it was found.
    """

    path: str
    size: int


class Ignored:
    """The paths that are left out, by patterns in the words of .gitignore."""

    def __init__(self, patterns: Sequence[str]) -> None:
        # Most programs ignore nothing, and should not have to wait for it.
        from pathspec import GitIgnoreSpec

        self._spec = GitIgnoreSpec.from_lines(patterns)

    def __contains__(self, path: str) -> bool:
        """Whether it, or a directory that it is in, is left out; of a directory, with a slash at
        the end."""
        ends = [at for at, one in enumerate(path, 1) if one == "/" or at == len(path)]
        # Nothing is taken back out of a directory, as in git: so each on the way is asked about.
        return any(self._spec.match_file(path[:end]) for end in ends)


class Scan:
    """One walk through a directory. Nothing is kept of what was told, so that there may be any
    number of files.

    Attributes:
        is_complete: Whether all that is there was told: nothing could not be read.
    """

    def __init__(
        self, directory: str, ignore: Sequence[str], *, follow_symlinks: bool, tally: Tally
    ) -> None:
        self.is_complete = True
        self._directory = directory
        self._ignored = Ignored(ignore) if ignore else ()
        self._follows = follow_symlinks
        self._tally = tally
        self._out: frozenset[str] | None = None

    def is_left_out(self, path: str) -> bool:
        """Whether a path, or a directory that it is in, is none of those to upload. Known once all
        have been told."""
        if self._out is None:
            self._out = frozenset(self._tally.result.left_out)
        steps = path.split("/")
        above = ("/".join(steps[:count]) for count in range(1, len(steps) + 1))
        return path in self._ignored or not self._out.isdisjoint(above)

    def files(self) -> Iterator[Found]:
        """Raises OSError if the directory itself cannot be read."""
        with os.scandir(self._directory):
            pass
        yield from self._walk("", ())

    def _walk(self, folder: str, above: tuple[tuple[int, int], ...]) -> Iterator[Found]:
        place = os.path.join(self._directory, folder)
        if self._follows:
            found = os.stat(place)
            here = (found.st_dev, found.st_ino)
            if here in above:
                self._tally.left_out(folder.rstrip("/"))
                return
            above = (*above, here)
        for name, entry in self._sorted(folder, place):
            path = folder + name
            if path in self._ignored:
                continue
            try:
                if name.endswith("/"):
                    yield from self._walk(path, above)
                    continue
                mode = entry.stat(follow_symlinks=self._follows)
                if stat.S_ISREG(mode.st_mode):
                    yield Found(path, mode.st_size)
                else:
                    self._tally.left_out(path)
            except OSError as error:
                self._failed(path.rstrip("/"), error)

    def _sorted(self, folder: str, place: str) -> list[tuple[str, os.DirEntry[str]]]:
        """What is in a folder, by names. A directory's has a slash at the end: so its files come
        where they do among all paths."""
        found: list[tuple[bytes, str, os.DirEntry[str]]] = []
        with os.scandir(place) as entries:
            for entry in entries:
                try:
                    if self._follows:
                        # Of a link that leads nowhere `is_dir` only says that it is none.
                        entry.stat()
                    slash = "/" if entry.is_dir(follow_symlinks=self._follows) else ""
                    name = entry.name + slash
                    found.append((name.encode(), name, entry))
                except UnicodeEncodeError:
                    shown = (folder + entry.name).encode(errors="surrogateescape")
                    told = ValueError(f"the name {shown!r} is not UTF-8, as objects' names are")
                    self._failed(shown.decode(errors="backslashreplace"), told)
                except OSError as error:
                    path = folder + entry.name
                    # It may have been a file as well as a directory.
                    if not (path in self._ignored and path + "/" in self._ignored):
                        self._failed(path, error)
        found.sort(key=lambda one: one[0])
        return [(name, entry) for _, name, entry in found]

    def _failed(self, path: str, error: Exception) -> None:
        self.is_complete = False
        self._tally.failed(path, error)

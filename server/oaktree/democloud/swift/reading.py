"""What an object gives to its readers: its own bytes, or those of its segments in turn."""

import hashlib
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Protocol
from urllib.parse import unquote

from ..cloud import Region
from ..core import ApiError
from ..items import Row
from .service import Visit, found
from .store import Account, Object, account_of

MANIFEST = "x-object-manifest"
Pieces = Iterator[bytes | memoryview]
# Raises Broken where there is none, or none that may be read.
Open = Callable[[str, str], Object]


class Broken(Exception):
    """A segment is not what the manifest says."""


class Body(Protocol):
    size: int

    def pieces(self, start: int = 0, stop: int | None = None) -> Pieces:
        """Raises Broken once it comes to a segment that is."""
        ...


class Static:
    """A static large object: what its manifest names, as long as that has not changed."""

    def __init__(self, item: Object, opened: Open) -> None:
        assert item.segments is not None
        self.size = item.slo_size
        self._segments = item.segments
        self._open = opened

    def pieces(self, start: int = 0, stop: int | None = None) -> Pieces:
        stop = self.size if stop is None else min(stop, self.size)
        place = 0
        for segment in self._segments:
            first, last = span(segment)
            begin, end = max(start, place), min(stop, place + last - first)
            if begin < end:
                yield from self._part(segment, first + begin - place, first + end - place)
            place += last - first

    def _part(self, segment: Row, start: int, stop: int) -> Pieces:
        if "data" in segment:
            yield b64decode(segment["data"])[start:stop]
            return
        item = self._open(*parts(segment["name"]))
        whole = body(item, self._open)
        etag = item.slo_etag.strip('"') if item.segments is not None else item.etag
        if etag != segment["hash"] or whole.size != segment["bytes"]:
            raise Broken
        yield from whole.pieces(start, stop)


class Dynamic:
    """A dynamic large object: whatever is there now that begins like its manifest says."""

    def __init__(self, account: Account, manifest: str, opened: Open) -> None:
        container, prefix = parts(unquote(manifest))
        there = account.containers.get(container)
        names = [name for name in there.names if name.startswith(prefix)] if there else []
        self._items = [opened(container, name) for name in names if there and there.get(name)]
        self.size = sum(item.content.size for item in self._items)
        tags = "".join(item.etag for item in self._items)
        self.etag = f'"{hashlib.md5(tags.encode(), usedforsecurity=False).hexdigest()}"'

    def pieces(self, start: int = 0, stop: int | None = None) -> Pieces:
        stop = self.size if stop is None else min(stop, self.size)
        place = 0
        for item in self._items:
            begin, end = max(start, place), min(stop, place + item.content.size)
            if begin < end:
                yield from item.content.pieces(begin - place, end - place)
            place += item.content.size


def parts(path: str) -> tuple[str, str]:
    container, _, name = path.lstrip("/").partition("/")
    return container, name


def span(segment: Row) -> tuple[int, int]:
    """From where to where a segment is read."""
    if "data" in segment:
        return 0, len(b64decode(segment["data"]))
    if "range" not in segment:
        return 0, int(segment["bytes"])
    first, _, last = segment["range"].partition("-")
    return int(first), int(last) + 1


def body(item: Object, opened: Open) -> Body:
    return Static(item, opened) if item.segments is not None else item.content


def opener(visit: Visit) -> Open:
    """Opens what this request may read."""

    def opened(container: str, name: str) -> Object:
        there = visit.account.containers.get(container)
        item = there.get(name) if there else None
        if item is None or not visit.may_read(container):
            raise Broken
        return item

    return opened


def begun(pieces: Pieces) -> Pieces:
    """Raises ApiError 409 where not even the first piece is to be had; later, the pieces end."""
    try:
        first = next(pieces, None)
    except Broken:
        raise ApiError(409, "") from None
    return _rest(first, pieces)


def _rest(first: bytes | memoryview | None, pieces: Pieces) -> Pieces:
    if first is not None:
        yield first
    try:
        yield from pieces
    except Broken:
        return


def contents(region: Region, project: str, container: str, name: str) -> Pieces:
    """All of an object, as a service reads it that acts for the project. Raises ApiError 404."""
    account = account_of(region.accounts, project)

    def opened(container: str, name: str) -> Object:
        there = account.containers.get(container)
        return found(there.get(name) if there else None)

    return body(opened(container, name), opened).pieces()

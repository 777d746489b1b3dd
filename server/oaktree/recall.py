"""Pages of a list read against what the list said the last time.

A poll brings thousands of things of which hardly one has changed. So of each thing the length and a
hash of its JSON are kept, in the cloud's order: where a page shows those bytes again, what was made
of them stands, and only what differs is parsed. What is parsed is parsed one thing at a time, so
that nobody else in this process waits for a whole page.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from json import JSONDecoder
from typing import Any, NamedTuple

import orjson

from oaktree.place import Place
from oaktree.reader import SLICE, Found, Others, Reader, next_query, not_an_answer
from oaktree.row import Item

# What one that is known costs, in items converted.
KNOWN_COST = 0.05
# Where an item is likely to say its id. A wrong guess costs a comparison.
_LIKELY_ID = re.compile(rb'"id": ?"([^"]*)"')
_LIKELY_WITHIN = 400
_SPACE = re.compile(rb"[ \t\n\r]*")
_SKIM = JSONDecoder(strict=False).raw_decode
# Bytes that are likely to hold an item.
_WINDOW = 1 << 14


class _Known(NamedTuple):
    length: int
    digest: int
    key: str
    # None: not for this caller.
    found: Found | None


class Recall:
    """Reads the pages of one list, and is what the next one is read against."""

    def __init__(
        self,
        place: Place,
        reader: Reader,
        wanted: Callable[[Item], bool],
        before: Recall | None = None,
    ) -> None:
        """Runs in a thread, as all of it does. `wanted` says which items are the caller's."""
        self._reader = reader
        self._wanted = wanted
        self._seen: list[_Known] = []
        self._positions: dict[str, int] | None = None
        context = reader.prepare(place)
        self._encode = reader.encoder(place, context)
        # What an item becomes depends on more than its bytes.
        self._depends = (place.location().SerializeToString(deterministic=True), context)
        same = before is not None and before._depends == self._depends
        self._before = before if same else None
        self._next = 0
        self._done = 0.0
        self._began = time.monotonic()

    def close(self) -> Recall:
        """Lets go of what came before."""
        self._before = None
        return self

    def page(self, content: bytes) -> tuple[list[Found], Mapping[str, Any] | None]:
        """What a page shows of the caller's own, and the query of the next page; None after the
        last."""
        row = self._reader.row
        start = len(self._seen)
        rest: Item = {}
        listed = False
        at = self._after(content, 0, b"{")
        while not content.startswith(b"}", at):
            begin, at = at, _end(content, at)
            key = orjson.loads(content[begin:at])
            at = self._after(content, at, b":")
            if key == row.key and content.startswith(b"[", at):
                listed = True
                at = self._items(content, at)
            else:
                begin, at = at, _end(content, at)
                rest[key] = orjson.loads(content[begin:at])
            at = self._past_comma(content, at, b"}")
        if not listed or content[at + 1 :].strip():
            raise not_an_answer(row)
        found = [known.found for known in self._seen[start:] if known.found is not None]
        return found, next_query(rest, row.key)

    def _items(self, content: bytes, at: int) -> int:
        """Reads a list that begins there. The offset of what follows it."""
        before = self._before._seen if self._before is not None else []
        seen, position, expected = self._seen, self._next, len(before)
        at = _skip(content, at + 1)
        while not content.startswith(b"]", at):
            known = before[position] if position < expected else None
            if known is None or hash(content[at : at + known.length]) != known.digest:
                # Out of turn.
                position = self._likely(content, at, position)
                known = before[position] if position < expected else None
                if known and hash(content[at : at + known.length]) != known.digest:
                    known = None
            if known is not None:
                end = at + known.length
                seen.append(known)
                position += 1
                self._done += KNOWN_COST
            else:
                read, end = self._read(content, at)
                seen.append(read)
                if self._before is not None:
                    was = self._before._position(read.key)
                    # What is new does not move the others.
                    position = position if was is None else was + 1
                self._done += 1
            if self._done >= SLICE:
                self._done = 0
                Others.make_room(self._began)
            # As services write it; else as JSON allows.
            if content.startswith(b", {", end):
                at = end + 2
            elif content.startswith(b",{", end):
                at = end + 1
            else:
                at = self._past_comma(content, end, b"]")
        self._next = position
        return at + 1

    def _likely(self, content: bytes, at: int, position: int) -> int:
        """Where the item that begins there stood the last time, by what looks like its id; else
        where it was looked for."""
        match = _LIKELY_ID.search(content, at, at + _LIKELY_WITHIN)
        if match is None or self._before is None:
            return position
        likely = self._before._position(match[1].decode("latin-1"))
        return position if likely is None else likely

    def _position(self, key: str) -> int | None:
        if self._positions is None:
            self._positions = {known.key: number for number, known in enumerate(self._seen)}
        return self._positions.get(key)

    def _read(self, content: bytes, at: int) -> tuple[_Known, int]:
        end = _end(content, at)
        raw = content[at:end]
        item = orjson.loads(raw)
        if not isinstance(item, dict):
            raise not_an_answer(self._reader.row)
        found = None
        if not self._reader.row.hidden(item) and self._wanted(item):
            found = self._encode(item)
            found.slim()
        return _Known(len(raw), hash(raw), str(item.get("id") or ""), found), end

    def _after(self, content: bytes, at: int, mark: bytes) -> int:
        """The offset of what follows the mark that must stand there."""
        at = _skip(content, at)
        if not content.startswith(mark, at):
            raise not_an_answer(self._reader.row)
        return _skip(content, at + 1)

    def _past_comma(self, content: bytes, at: int, closing: bytes) -> int:
        """The offset of what follows a comma, or of the mark that closes."""
        at = _skip(content, at)
        return at if content.startswith(closing, at) else self._after(content, at, b",")


def _skip(content: bytes, at: int) -> int:
    match = _SPACE.match(content, at)
    return match.end() if match else at


def _end(content: bytes, at: int) -> int:
    """Where the value ends that begins there. What it is, is read by who is exact: here text is
    taken for Latin-1, so that its offsets are those of bytes."""
    size = _WINDOW
    while True:
        whole = at + size >= len(content)
        text = content[at : at + size].decode("latin-1")
        try:
            end = _SKIM(text)[1]
            # A number may go on beyond what was looked at.
            if whole or end < len(text):
                return at + end
        except ValueError:
            if whole:
                raise
        size *= 8

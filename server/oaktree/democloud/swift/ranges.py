"""Conditions and ranges of a GET, as Swift reads them."""

import re
from calendar import timegm
from collections.abc import Iterator, Mapping
from email.utils import parsedate
from uuid import uuid4

from ..core import Stream
from .reading import Body, begun
from .store import Headers, Object

PART = re.compile(r"\s*(\d*)-(\d*)\s*")
Spans = list[tuple[int, int]]


def failed_condition(asked: Mapping[str, str], item: Object, etag: str) -> int | None:
    """The status that a condition which does not hold is answered with."""
    plain = etag.strip('"')
    changed = int(item.changed.at)
    if "if-match" in asked and not _names(asked["if-match"], plain):
        return 412
    if "if-none-match" in asked and _names(asked["if-none-match"], plain):
        return 304
    since, until = _time(asked.get("if-modified-since")), _time(asked.get("if-unmodified-since"))
    if since is not None and changed <= since:
        return 304
    return 412 if until is not None and changed > until else None


def _names(text: str, etag: str) -> bool:
    return any(one.strip().strip('"') in ("*", etag) for one in text.split(","))


def _time(text: str | None) -> int | None:
    parsed = parsedate(text) if text else None
    return timegm(parsed) if parsed else None


def spans(text: str | None, size: int) -> Spans | None:
    """Those that can be had, from where to where; None where no range is asked for.

    What is no range is not looked at.
    """
    if text is None or not text.startswith("bytes="):
        return None
    found = []
    for part in text.removeprefix("bytes=").split(","):
        match = PART.fullmatch(part)
        first, last = match.groups() if match else ("", "")
        if not (first or last) or (first and last and int(last) < int(first)):
            return None
        if not first:
            found.append((max(0, size - int(last)) if int(last) else size, size))
        else:
            found.append((int(first), min(int(last) + 1, size) if last else size))
    return [(start, stop) for start, stop in found if start < size]


def stream(whole: Body, wanted: Spans | None, headers: Headers) -> tuple[int, Stream]:
    """The status and the body; into the headers goes what tells of the ranges."""
    if wanted is None:
        return 200, Stream(whole.size, begun(whole.pieces()))
    if len(wanted) == 1:
        [(start, stop)] = wanted
        headers["content-range"] = f"bytes {start}-{stop - 1}/{whole.size}"
        return 206, Stream(stop - start, begun(whole.pieces(start, stop)))
    boundary = uuid4().hex
    leads = [
        f"--{boundary}\r\nContent-Type: {headers['content-type']}\r\n"
        f"Content-Range: bytes {start}-{stop - 1}/{whole.size}\r\n\r\n".encode()
        for start, stop in wanted
    ]
    end = f"--{boundary}--".encode()
    size = len(end) + sum(
        len(lead) + stop - start + 2 for lead, (start, stop) in zip(leads, wanted, strict=True)
    )
    headers["content-type"] = f"multipart/byteranges;boundary={boundary}"

    def pieces() -> Iterator[bytes | memoryview]:
        for lead, (start, stop) in zip(leads, wanted, strict=True):
            yield lead
            yield from whole.pieces(start, stop)
            yield b"\r\n"
        yield end

    return 206, Stream(size, begun(pieces()))

"""Lists of containers and of objects: which names, and in what form."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import orjson

from ..core import ApiError, Call, Reply
from ..items import Row
from .store import Headers

MAX_LIMIT = 10_000
YES = ("true", "1", "yes", "on", "t", "y")


class Entry(NamedTuple):
    name: str
    is_subdir: bool
    """It stands for all names that begin so, up to the delimiter."""


def listed(
    call: Call, query: Mapping[str, str], headers: Headers, names: Sequence[str],
    row: Callable[[str], Row],
) -> Reply:  # fmt: skip
    """A page of names: as JSON where that is asked for, else a line each."""
    entries = select(names, query)
    accept = call.headers.get("accept", "")
    if query.get("format") == "json" or ("format" not in query and "application/json" in accept):
        rows = [{"subdir": one.name} if one.is_subdir else row(one.name) for one in entries]
        kind = {"content-type": "application/json; charset=utf-8"}
        return Reply(orjson.dumps(rows), 200, headers | kind)
    text = "".join(f"{one.name}\n" for one in entries).encode()
    kind = {"content-type": "text/plain; charset=utf-8"}
    return Reply(text, 200 if text else 204, headers | kind)


def select(names: Sequence[str], query: Mapping[str, str]) -> list[Entry]:
    """names: in order. Raises ApiError 412 for a limit that is too high."""
    limit = _limit(query.get("limit", ""))
    reverse = query.get("reverse", "").lower() in YES
    low, high = query.get("marker", ""), query.get("end_marker", "")
    if reverse:
        low, high = high, low
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    entries: list[Entry] = []
    at = max(bisect_left(names, prefix), bisect_right(names, low) if low else 0)
    while at < len(names) and (reverse or len(entries) < limit):
        name = names[at]
        if not name.startswith(prefix) or (high and name >= high):
            break
        end = name.find(delimiter, len(prefix)) if delimiter else -1
        if end < 0:
            entries.append(Entry(name, False))
            at += 1
            continue
        subdir = name[: end + len(delimiter)]
        if subdir != low:
            entries.append(Entry(subdir, True))
        # On to the first name that does not begin so.
        at = bisect_left(names, subdir[:-1] + chr(ord(subdir[-1]) + 1))
    if reverse:
        entries.reverse()
    return entries[:limit]


def _limit(text: str) -> int:
    """What is no number is as good as nothing."""
    if not text.isdecimal():
        return MAX_LIMIT
    if int(text) > MAX_LIMIT:
        raise ApiError(412, f"Maximum limit is {MAX_LIMIT}")
    return int(text)

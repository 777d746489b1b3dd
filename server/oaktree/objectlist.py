"""Lists of the objects in a container, without oaktree's own. Runs in a place's threads."""

from __future__ import annotations

from collections.abc import Iterator

from oaktree import swift
from oaktree.place import Place
from oaktree.swift import Item
from oaktree.swiftnames import OWN, is_own

# The name after which no more of oaktree's own follow: what begins with OWN is ASCII beyond it.
_LAST_OWN = OWN + "\U0010ffff"


# More at a time are read no faster, and hold up everybody else while they are parsed.
_PAGE = 2000


def pages(
    place: Place, container: str, *, after: str = "", prefix: str = "", delimiter: str = "",
    limit: int = 0, end: str = "",
) -> Iterator[list[Item]]:  # fmt: skip
    """The objects of a container by their names, and prefixes as {"subdir": ...}, a page at a
    time: those after one name and before another, that begin with a prefix; at most `limit`, or all
    if that is 0. Raises NotFoundException if there is no such container."""
    most = min(swift.info(place).max_listing, _PAGE)
    left = limit
    while True:
        size = min(most, left) if limit else most
        page = swift.page(
            place, container, marker=after, end_marker=end, prefix=prefix, delimiter=delimiter,
            limit=size,
        )  # fmt: skip
        if not page:
            return
        last = swift.name_of(page[-1])
        # Of the segments of uploads there may be many more than of anything else.
        after = _LAST_OWN if is_own(last) else last
        found = [item for item in page if not _is_hidden(place, container, item)]
        if found:
            yield found
        left -= len(found)
        if limit and left <= 0:
            return


def _is_hidden(place: Place, container: str, item: Item) -> bool:
    name = swift.name_of(item)
    if is_own(name):
        return True
    # A prefix that may be of nothing but oaktree's own: "." where dots delimit.
    return "subdir" in item and OWN.startswith(name) and only_own(place, container, name)


def only_own(place: Place, container: str, prefix: str = "") -> bool:
    """Whether all names that begin so are oaktree's own, and there are any."""
    return not any(pages(place, container, prefix=prefix, limit=1)) and bool(
        swift.page(place, container, prefix=OWN, limit=1)
    )

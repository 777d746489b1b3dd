"""Lists of the objects in a container, without oaktree's own. Runs in a place's threads."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from oaktree import swift
from oaktree.place import Place
from oaktree.swift import Item
from oaktree.swiftnames import OWN, is_own

# The name after which no more of oaktree's own follow: what begins with OWN is ASCII beyond it.
_LAST_OWN = OWN + "\U0010ffff"


# More at a time are read no faster, and hold up everybody else while they are parsed; fewer cost as
# much as one.
_PAGE, _LEAST = 2000, 100


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


def named(place: Place, container: str, names: Sequence[str]) -> Iterator[dict[str, Item | None]]:
    """What a list tells of some names, which are in order: some at a time, None of those there are
    none of. It is read from name to name: those that are near each other are found together, and
    what lies between others is not read. Raises NotFoundException if there is no such container."""
    most = min(swift.info(place).max_listing, _PAGE)
    at, seen = 0, ""
    while at < len(names):
        limit = max(min(2 * (len(names) - at), most), min(_LEAST, most))
        page = swift.page(
            place, container, marker=max(_before(names[at]), seen), end_marker=behind(names[-1]),
            limit=limit,
        )  # fmt: skip
        seen = swift.name_of(page[-1]) if page else names[-1]
        items = {swift.name_of(item): item for item in page}
        some = names[at : bisect_right(names, seen, at)]
        at += len(some)
        if some:
            yield {name: items.get(name) for name in some}


def behind(name: str) -> str:
    """What comes right behind a name: no name has a character of code 0."""
    return name + "\x01"


def _before(name: str) -> str:
    """What comes before a name, with hardly any others in between."""
    lead, code = name[:-1], ord(name[-1]) - 1
    # In UTF-8 there is nothing from 0xD800 to 0xDFFF.
    code = 0xD7FF if code == 0xDFFF else code
    return lead + chr(code) + "\U0010ffff" if code else lead


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

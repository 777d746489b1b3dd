"""Walking through a list of the cloud's, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from openstack import exceptions

from oaktree.place import Place
from oaktree.reader import Reader, not_an_answer
from oaktree.row import Item

# A list whose marker vanishes is begun again this often.
ATTEMPTS = 3


class Walk:
    """One list, each thing once. When the thing that marks a page has been deleted meanwhile,
    services answer with an error: the list is then begun again."""

    def __init__(self, place: Place, reader: Reader, query: Mapping[str, Any]) -> None:
        self._place = place
        self._reader = reader
        self._start = query
        self._query: Mapping[str, Any] | None = query
        self._seen: set[str] = set()
        self._asked: list[Mapping[str, Any] | None] = []
        self._attempts = ATTEMPTS

    @property
    def ended(self) -> bool:
        return self._query is None

    def page(self) -> list[Item]:
        """What is new on the next page. Runs in a thread."""
        assert self._query is not None
        try:
            items, following = self._reader.page(self._place, self._query)
        except (exceptions.NotFoundException, exceptions.BadRequestException):
            self._attempts -= 1
            if self._query is self._start or not self._attempts:
                raise
            self._query, self._asked = self._start, []
            return []
        self._asked.append(self._query)
        if following in self._asked:
            # It would never end.
            raise not_an_answer(self._reader.row)
        self._query = following
        new = [item for item in items if key(item) not in self._seen]
        self._seen.update(map(key, new))
        return new


def key(item: Item) -> str:
    """What tells an item from others of its list: keypairs have no id."""
    return str(item.get("id") or item.get("name"))


def items(place: Place, reader: Reader, query: Mapping[str, Any]) -> Iterator[Item]:
    """A whole list. Runs in a thread."""
    walk = Walk(place, reader, query)
    while not walk.ended:
        yield from walk.page()

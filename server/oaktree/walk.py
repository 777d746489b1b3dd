"""Walking through a list of the cloud's, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

from openstack import exceptions

from oaktree.place import Place
from oaktree.reader import Reader, not_an_answer
from oaktree.row import Item, Row

T = TypeVar("T")
Query: TypeAlias = Mapping[str, Any]

# A list whose marker vanishes is begun again this often.
ATTEMPTS = 3


class Walk(Generic[T]):
    """One list, each thing once. When the thing that marks a page has been deleted meanwhile,
    services answer with an error: the list is then begun again.

    `read` asks for one page and gives what is on it, and the query of the next; `key` tells a thing
    from others.
    """

    def __init__(
        self,
        row: Row,
        query: Query,
        read: Callable[[Query], tuple[list[T], Query | None]],
        key: Callable[[T], str],
    ) -> None:
        self._row = row
        self._start = query
        self._read = read
        self._key = key
        self._query: Query | None = query
        self._seen: set[str] = set()
        self._asked: list[Query | None] = []
        self._attempts = ATTEMPTS

    @property
    def ended(self) -> bool:
        return self._query is None

    def page(self) -> list[T]:
        """What is new on the next page. Runs in a thread."""
        assert self._query is not None
        try:
            found, following = self._read(self._query)
        except (exceptions.NotFoundException, exceptions.BadRequestException):
            self._attempts -= 1
            if self._query is self._start or not self._attempts:
                raise
            self._query, self._asked = self._start, []
            return []
        self._asked.append(self._query)
        if following in self._asked:
            # It would never end.
            raise not_an_answer(self._row)
        self._query = following
        if following is None and not self._seen:
            # It is all on one page.
            return found
        new = [one for one in found if self._key(one) not in self._seen]
        self._seen.update(map(self._key, new))
        return new


def key(item: Item) -> str:
    """What tells an item from others of its list: keypairs have no id."""
    return str(item.get("id") or item.get("name"))


def items(place: Place, reader: Reader, query: Query) -> Iterator[Item]:
    """A whole list. Runs in a thread."""
    walk = Walk(reader.row, query, partial(reader.page, place), key)
    while not walk.ended:
        yield from walk.page()

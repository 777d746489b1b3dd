"""Things by their ids and their names."""

from __future__ import annotations

from collections.abc import Iterable

from oaktree.reader import Found


class Index:
    """Kept from list to list, since hardly anything changes between them."""

    def __init__(self) -> None:
        self._things: dict[str, Found] = {}
        self._named: dict[str, tuple[str, ...]] = {}

    def become(self, pages: Iterable[Iterable[Found]]) -> None:
        """From now on it has these, each of them once, and no others."""
        count = 0
        for page in pages:
            for one in page:
                count += 1
                old = self._things.get(one.id)
                if old is not one:
                    self._put(one, old)
        if count < len(self._things):
            here = {one.id for page in pages for one in page}
            for key in self._things.keys() - here:
                self._unname(self._things.pop(key))

    def find(self, name: str) -> Found | None:
        """The one thing of that id, or else of that name; None if there is none, or not one."""
        found = self._things.get(name)
        if found is None:
            named = self._named.get(name, ())
            found = self._things[named[0]] if len(named) == 1 else None
        return found

    def _put(self, one: Found, old: Found | None) -> None:
        self._things[one.id] = one
        if old is not None and old.name == one.name:
            return
        if old is not None:
            self._unname(old)
        self._named[one.name] = (*self._named.get(one.name, ()), one.id)

    def _unname(self, one: Found) -> None:
        left = tuple(key for key in self._named[one.name] if key != one.id)
        if left:
            self._named[one.name] = left
        else:
            del self._named[one.name]

"""What a cloud holds: plain JSON objects, in tables, with their serialised forms kept."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

import orjson

Row = dict[str, Any]


class Item(dict[str, Any]):
    """One resource. Change it through `change`, so that no stale bytes are served."""

    __slots__ = ("_encoded",)

    def __init__(self, values: Row) -> None:
        super().__init__(values)
        self._encoded: dict[Hashable, bytes] = {}

    def change(self, **values: Any) -> None:
        self.update(values)
        self.forget()

    def forget(self) -> None:
        """Drop the serialised forms: something they show, here or elsewhere, has changed."""
        self._encoded.clear()

    def encoded(self, shape: Hashable, view: Callable[["Item"], Row]) -> bytes:
        """The item as JSON in this shape. A list of 10 000 costs a join while nothing changes."""
        body = self._encoded.get(shape)
        if body is None:
            body = self._encoded[shape] = orjson.dumps(view(self))
        return body


class Table:
    """The items of one kind in one region, in the order they were made."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self._listings: dict[Hashable, list[Item]] = {}

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(list(self._items.values()))

    def __contains__(self, key: str) -> bool:
        return key in self._items

    def get(self, key: str) -> Item | None:
        return self._items.get(key)

    def add(self, values: Row, key: str = "id") -> Item:
        item = Item(values)
        self._items[item[key]] = item
        self._listings.clear()
        return item

    def remove(self, key: str) -> Item | None:
        self._listings.clear()
        return self._items.pop(key, None)

    def where(self, **values: Any) -> list[Item]:
        return [
            item
            for item in self._items.values()
            if all(item.get(key) == value for key, value in values.items())
        ]

    def listing(self, shape: Hashable, make: Callable[[Iterable[Item]], list[Item]]) -> list[Item]:
        """A selection that depends only on which items there are, kept until that changes."""
        found = self._listings.get(shape)
        if found is None:
            found = self._listings[shape] = make(self._items.values())
        return found

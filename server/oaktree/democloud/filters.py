"""Selecting from a list: what several services do alike."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .items import Item

Test = Callable[[Item], Any]

# Query parameter: given an item's tags and those asked for, is the item in?
TAGS: dict[str, Callable[[set[str], set[str]], bool]] = {
    "tags": lambda has, asked: asked <= has,
    "tags-any": lambda has, asked: bool(asked & has),
    "not-tags": lambda has, asked: not asked <= has,
    "not-tags-any": lambda has, asked: not asked & has,
}


def tagged(parameter: str, values: Iterable[str]) -> Test:
    asked = {tag for value in values for tag in value.split(",")}
    return lambda item: TAGS[parameter](set(item["tags"]), asked)


def one_of(value: Callable[[Item], Any], wanted: Iterable[str]) -> Test:
    """The value's text is one of those wanted, whatever the case."""
    words = {word.lower() for word in wanted}
    return lambda item: text(value(item)).lower() in words


def text(value: Any) -> str:
    return "" if value is None else str(value)


def place(items: Sequence[Item], marker: str, key: str = "id") -> int | None:
    """How many items go before those behind the marker; None where the marker is not there."""
    return next((n + 1 for n, item in enumerate(items) if item[key] == marker), None)


def sort(items: list[Item], keys: Sequence[str], ways: Sequence[str], way: str) -> None:
    """By several keys, each up (`asc`) or down (`desc`), as `way` says where nothing is said."""
    for n in range(len(keys) - 1, -1, -1):
        down = (ways[min(n, len(ways) - 1)] if ways else way) == "desc"
        items.sort(key=_by(keys[n]), reverse=down)


def _by(key: str) -> Callable[[Item], tuple[bool, Any]]:
    # Numbers as numbers; what is absent, first.
    return lambda item: (item.get(key) is not None, item.get(key) or "")

"""Things are found by id and by name, whatever became of the list meanwhile."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from oaktree.index import Index

# Ids and names from one alphabet: a thing may be called what another's id is.
WORDS = st.sampled_from("abcdef")
THINGS = st.dictionaries(WORDS, WORDS, max_size=6)


def by_hand(things: list[Any], name: str) -> Any:
    for found in things:
        if found.id == name:
            return found
    named = [found for found in things if found.name == name]
    return named[0] if len(named) == 1 else None


@given(st.lists(st.lists(THINGS, max_size=2), max_size=5))
def test_it_finds_what_is_there_now(lists: list[list[dict[str, str]]]) -> None:
    index = Index()
    known: dict[tuple[str, str], Any] = {}
    for pages in lists:
        # What did not change is the same thing again.
        merged = {key: name for page in pages for key, name in page.items()}
        things = [
            known.setdefault((key, name), SimpleNamespace(id=key, name=name))
            for key, name in merged.items()
        ]
        index.become([things[:2], things[2:]])
        for word in "abcdefg":
            assert index.find(word) is by_hand(things, word)

"""What is read against an earlier list is what reading it whole would give."""

from __future__ import annotations

import json
import random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oaktree import resources
from oaktree.errors import Refused
from oaktree.recall import Recall
from oaktree.row import Item
from oaktreemodel.v1.location_pb2 import Location, Project

READER = resources.reader("Volume")
TEXTS = st.text(max_size=12) | st.sampled_from(['"},{"', "}]", "\\", '"id": "1"', "ü", "🌳", "]"])
PLAIN = (", ", ": ")
STYLES = st.sampled_from([PLAIN, (",", ":"), (" ,\n ", "\t: ")])


class Place:
    """What a conversion asks of a place."""

    cloud, region = "somewhere", "east"

    def __init__(self) -> None:
        self.project = Project(id="mine")

    def location(self) -> Location:
        return Location(cloud=self.cloud, region=self.region, project=self.project)


def volume(number: int, name: str, more: Any) -> Item:
    # The name stands first: what looks like an id may be none.
    return {"name": name, "id": f"v{number}", "metadata": {"more": json.dumps(more)}, "odd": more}


VOLUMES = st.lists(
    st.builds(volume, st.integers(0, 30), TEXTS, TEXTS | st.lists(TEXTS, max_size=3)),
    max_size=8,
    unique_by=lambda item: item["id"],
)
PAGES = st.lists(VOLUMES, min_size=1, max_size=3)


def dumped(
    items: list[Item], style: tuple[str, str] = PLAIN, escape: bool = True, last: bool = True
) -> bytes:
    links = [] if last else [{"rel": "next", "href": f"http://hidden/volumes?marker={len(items)}"}]
    page: Item = {"count": {"]": "}"}, "volumes": items, "volumes_links": links}
    text = json.dumps(page, separators=style, ensure_ascii=escape)
    return text.encode("utf-8", "surrogatepass")


def own(item: Item) -> bool:
    return not str(item.get("name")).startswith("x")


def whole(place: Any, page: bytes) -> list[bytes]:
    items = [item for item in orjson.loads(page)["volumes"] if own(item)]
    return [found.wire for found in READER.encode(place, items)]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(PAGES, STYLES, st.booleans()), max_size=4))
def test_it_is_as_if_read_whole(lists: list[Any]) -> None:
    place: Any = Place()
    before = None
    for pages, style, escape in lists:
        now = Recall(place, READER, own, before)
        for number, items in enumerate(pages):
            last = number == len(pages) - 1
            content = dumped(items, style, escape, last)
            found, following = now.page(content)
            assert [one.wire for one in found] == whole(place, content)
            assert following == (None if last else {"marker": str(len(items))})
        before = now.close()


def test_what_is_the_same_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    place: Any = Place()
    items = [volume(number, f"name {number}", None) for number in range(100)]
    first = Recall(place, READER, own)
    known = {one.id: one for one in first.page(dumped(items))[0]}
    read: list[bytes] = []
    loads = orjson.loads

    def noted(raw: bytes) -> Any:
        read.append(raw)
        return loads(raw)

    monkeypatch.setattr("oaktree.recall.orjson.loads", noted)
    items[50]["name"] = "renamed"
    items.insert(20, volume(200, "new", None))
    del items[70:73]
    random.Random(7).shuffle(items)
    found, _ = Recall(place, READER, own, first.close()).page(dumped(items))
    assert {loads(raw)["id"] for raw in read if b'"id"' in raw} == {"v50", "v200"}
    assert [one.id for one in found] == [item["id"] for item in items]
    assert sum(one is not known.get(one.id) for one in found) == 2


def test_what_it_becomes_depends_on_the_place_too() -> None:
    place: Any = Place()
    page = dumped([volume(1, "one", None)])
    first = Recall(place, READER, own)
    ((before,), _) = first.page(page)
    place.project = Project(id="mine", name="renamed")
    ((after,), _) = Recall(place, READER, own, first.close()).page(page)
    assert after is not before


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"[]",
        b"{}",
        b'{"volumes": {}}',
        b'{"volumes": [1]}',
        b'{"volumes": [{"id": "1"}',
        b'{"volumes": [{"id": "1"} {"id": "2"}]}',
        b'{"volumes": [{"id": "1"}]',
        b'{"volumes": [{"id": "1"}]} more',
        b'{"volumes" [{"id": "1"}]}',
        b'{"volumes": [{"id": NaN}]}',
        b'{"volumes": [{"id": "1", "name": "\xff"}]}',
    ],
)
def test_what_is_no_list_is_refused(page: bytes) -> None:
    place: Any = Place()
    with pytest.raises((Refused, json.JSONDecodeError)):
        Recall(place, READER, own).page(page)

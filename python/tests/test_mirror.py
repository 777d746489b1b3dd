"""A mirror holds what a watch says is there, and says what is there no more."""

from __future__ import annotations

import oaktreemodel
from oaktreemodel import Event, Key, Mirror, v1

ONE = v1.Location(cloud="one", region="r")
TWO = v1.Location(cloud="two", region="r")


def item(identifier: str, name: str = "", at: v1.Location = ONE) -> Event[v1.Server]:
    made = v1.Server(id=identifier, name=name)
    return Event(kind="changed", location=at, item=made, id=made.id, name=made.name)


def mark(kind: oaktreemodel.EventKind, at: v1.Location = ONE) -> Event[v1.Server]:
    return Event(kind=kind, location=at)


def removed(identifier: str, at: v1.Location = ONE) -> Event[v1.Server]:
    return Event(kind="removed", location=at, id=identifier, deleted=True)


def apply(mirror: Mirror[v1.Server], *events: Event[v1.Server]) -> list[str]:
    """The ids of what is there no more."""
    return sorted(one.id for event in events for one in mirror.apply(event))


def names(mirror: Mirror[v1.Server]) -> dict[Key, str]:
    return {key: server.name for key, server in mirror.items()}


def test_the_newest_state_is_kept() -> None:
    mirror = Mirror[v1.Server]()
    assert apply(mirror, item("1", "old"), item("2"), item("1", "new")) == []
    assert names(mirror) == {Key("one", "r", "1"): "new", Key("one", "r", "2"): ""}
    assert len(mirror) == 2


def test_what_is_removed_is_dropped() -> None:
    mirror = Mirror[v1.Server]()
    assert apply(mirror, item("1"), removed("1"), removed("1")) == ["1"]
    assert not mirror


def test_what_is_not_seen_again_is_dropped_when_synced() -> None:
    mirror = Mirror[v1.Server]()
    apply(mirror, mark("reset"), item("1"), item("2"), item("3"), mark("synced"))
    # Nothing is missing in between: it may well be there.
    assert apply(mirror, mark("failed"), mark("reset"), item("2"), removed("3")) == ["3"]
    assert len(mirror) == 2
    assert apply(mirror, mark("synced")) == ["1"]
    assert list(names(mirror)) == [Key("one", "r", "2")]
    assert apply(mirror, mark("synced")) == []


def test_a_reset_that_is_broken_off_drops_nothing() -> None:
    mirror = Mirror[v1.Server]()
    apply(mirror, mark("reset"), item("1"), item("2"), mark("synced"))
    assert apply(mirror, mark("reset"), item("1"), mark("failed"), mark("reset")) == []
    assert apply(mirror, item("2"), mark("synced")) == ["1"]


def test_places_are_kept_apart() -> None:
    mirror = Mirror[v1.Server]()
    apply(mirror, item("1", "here"), item("1", "there", at=TWO))
    assert apply(mirror, mark("reset", at=TWO), mark("synced", at=TWO)) == ["1"]
    assert names(mirror) == {Key("one", "r", "1"): "here"}
    assert apply(mirror, removed("1", at=TWO)) == []

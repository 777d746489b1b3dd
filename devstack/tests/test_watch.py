"""Watches: what comes, changes and goes in the cloud is told, whoever does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import oaktreemodel
import pytest
from oaktreemodel import State

from .conftest import SERVER
from .itself import Itself

RECORD = {"disk_format": "raw", "container_format": "bare"}
# Collection: what its things are made of, and what they are to become.
WATCHED: dict[str, tuple[dict[str, Any], State.ValueType]] = {
    "servers": ({"auto_ip": False, **SERVER}, State.STATE_READY),
    "volumes": ({"size_gib": 1}, State.STATE_READY),
    # Without its bytes an image stays a record.
    "images": (RECORD, State.STATE_PENDING),
    "ports": ({"network": "private"}, State.STATE_READY),
    "floating_ips": ({}, State.STATE_READY),
}


def until(events: Iterator[Any], true: Callable[[Any], bool]) -> Any:
    """The first event that fits. The watch's own timeout bounds the wait."""
    return next(event for event in events if true(event))


@pytest.mark.parametrize("collection", WATCHED)
def test_a_thing_that_comes_and_goes(
    other: Any, name: str, itself: Callable[[str], Itself], collection: str
) -> None:
    given, becomes = WATCHED[collection]
    naming = {"description" if collection == "floating_ips" else "name": name}
    things = getattr(other, collection)
    events = things.watch(where=naming, timeout=180)
    assert [next(events).kind for _ in range(2)] == ["reset", "synced"]
    thing = things.create(**naming, **given)
    told = until(events, lambda event: event.item.state == becomes)
    assert (told.kind, told.id) == ("changed", thing.id)
    assert told.location.cloud == "devstack-other"
    things.delete(thing.id)
    told = until(events, lambda event: event.kind == "removed")
    assert (told.id, told.name, told.deleted) == (thing.id, thing.name, True)
    assert thing.id not in itself("other").called(name)
    events.close()


def test_what_others_do_is_told_in_both_regions(
    client: oaktreemodel.Client, demo: Any, name: str, itself: Callable[[str], Itself]
) -> None:
    network = itself("demo").network
    private = network.find_network("private").id
    port = network.create_port(network_id=private, name=name)
    events = client.cloud("devstack-regions").ports.watch(where={"name": name}, timeout=120)
    regions = ["RegionOne", "RegionTwo"]
    begun = [next(events) for _ in range(6)]
    for region in regions:
        there = [event for event in begun if event.location.region == region]
        assert [event.kind for event in there] == ["reset", "present", "synced"]
        assert there[1].id == port.id
    network.update_port(port, description="changed")
    changed = [next(events) for _ in regions]
    assert sorted(event.location.region for event in changed) == regions
    assert {event.item.description for event in changed if event.item} == {"changed"}
    # What no longer fits is removed, and there all the same.
    network.update_port(port, name=f"{name}-2")
    removed = [next(events) for _ in regions]
    assert {(event.kind, event.id, event.deleted) for event in removed} == {
        ("removed", port.id, False)
    }
    network.delete_port(port)
    events.close()

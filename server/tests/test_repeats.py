"""A Create whose answer was lost, or whose oaktree is gone, is sent again and made once."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

import oaktreemodel
import pytest
from oaktree.democloud import DemoCloud
from oaktree.once import Once

from .conftest import Running

CREATES: dict[str, tuple[str, dict[str, Any]]] = {
    "servers": ("servers", {"name": "twice", "image": "cirros", "flavor": "m1.tiny"}),
    "volumes": ("volumes", {"name": "twice", "size_gib": 1}),
    "images": ("images", {"name": "twice"}),
}


async def test_what_others_can_carry_on_does_not_hold_up_the_end() -> None:
    once, done = Once(), []

    async def change() -> None:
        await asyncio.sleep(0.1)
        done.append(True)

    once.later(asyncio.Event().wait())
    once.keep(change())
    async with asyncio.timeout(60):
        await once.finish(3600)
    assert done == [True]


def _count(demo: DemoCloud, table: str, name: str = "twice") -> int:
    return sum(1 for item in demo.items("modern", "east", table) if item["name"] == name)


def _delete(cloud: Any, collection: str, identifier: str) -> None:
    things = getattr(cloud, collection)
    if collection != "images":
        things.wait(identifier, timeout=30)
    things.delete(identifier)
    things.wait(identifier, until="deleted", timeout=30)


@pytest.mark.parametrize("collection", CREATES)
def test_after_a_lost_answer(client: oaktreemodel.Client, demo: DemoCloud, collection: str) -> None:
    table, arguments = CREATES[collection]
    cloud = client.cloud("modern", region="east")
    create = getattr(cloud, collection).create
    identifier = str(uuid.uuid4())
    demo.fault("modern", "lost_answer", method="POST", path=f"/{collection}", region="east")
    with pytest.raises(oaktreemodel.OaktreeError) as caught:
        create(**arguments, request_id=identifier)
    # It may have taken effect, so nobody tries again who does not know.
    assert caught.value.code.name == "UNKNOWN"
    made = create(**arguments, request_id=identifier)
    assert _count(demo, table) == 1
    _delete(cloud, collection, made.id)
    assert create(**arguments).id != made.id
    _delete(cloud, collection, getattr(cloud, collection).get("twice").id)


@pytest.mark.parametrize("collection", CREATES)
def test_after_a_restart(demo: DemoCloud, clouds_yaml: Path, collection: str) -> None:
    table, arguments = CREATES[collection]
    identifier, made = str(uuid.uuid4()), set()
    for _ in range(2):
        server = Running(clouds_yaml, ("modern",))
        with oaktreemodel.connect(server.address) as client:
            cloud = client.cloud("modern", region="east")
            created = getattr(cloud, collection).create(**arguments, request_id=identifier)
            made.add(created.id)
            # The mark is oaktree's own and does not show.
            assert not dict(getattr(created, "metadata", {}))
        server.stop()
    assert len(made) == _count(demo, table) == 1
    server = Running(clouds_yaml, ("modern",))
    with oaktreemodel.connect(server.address) as client:
        _delete(client.cloud("modern", region="east"), collection, made.pop())
    server.stop()
    assert not demo.items("modern", "east", "floatingips")

"""A Create whose answer was lost, or whose oaktree is gone, is sent again and made once."""

from __future__ import annotations

import asyncio
import re
import uuid
from pathlib import Path

import oaktreemodel
import pytest
from oaktree.democloud import DemoCloud
from oaktree.once import Once

from .conftest import Running
from .test_claims import KINDS, creator, every_kind, held


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


@every_kind
def test_after_a_lost_answer(client: oaktreemodel.Client, demo: DemoCloud, collection: str) -> None:
    kind, cloud = KINDS[collection], client.cloud("modern", region="east")
    arguments = {**kind.arguments, kind.label: "lost"}
    demo.fault("modern", "lost_answer", method="POST", path=kind.path, region="east")
    with pytest.raises(oaktreemodel.OaktreeError) as caught:
        getattr(cloud, collection).create(**arguments)
    # It may have taken effect, so nobody tries again who does not know.
    assert caught.value.code.name == "UNKNOWN"
    made = creator(cloud, collection, "lost", caught.value.request_id)()
    assert held(demo, collection, "lost") == [made.id]


@pytest.mark.parametrize("collection", ["servers", "volumes", "networks", "ports", "floating_ips"])
def test_who_may_be_repeating_looks_for_what_was_lost(
    client: oaktreemodel.Client, demo: DemoCloud, collection: str
) -> None:
    path, cloud = KINDS[collection].path, client.cloud("modern", region="east")
    demo.fault("modern", "lost_answer", method="POST", path=path, region="east")
    made = creator(cloud, collection, "found", str(uuid.uuid4()))()
    assert held(demo, collection, "found") == [made.id]


@every_kind
def test_after_a_restart(demo: DemoCloud, clouds_yaml: Path, collection: str) -> None:
    made, identifier = [], str(uuid.uuid4())
    for _ in range(2):
        server = Running(clouds_yaml, ("modern",))
        with oaktreemodel.connect(server.address) as client:
            cloud = client.cloud("modern", region="east")
            made.append(creator(cloud, collection, "again", identifier)())
        server.stop()
    assert [one.id for one in made] == held(demo, collection, "again") * 2
    for one in made:
        # The mark is oaktree's own and does not show.
        assert "oaktree" not in str(one)


def test_who_makes_something_new_asks_for_nothing(
    client: oaktreemodel.Client, demo: DemoCloud
) -> None:
    networks = client.cloud("modern", region="east").networks
    networks.create(name="first")
    demo.reset_calls()
    networks.create(name="new")
    calls = demo.calls("modern")
    assert calls["POST network /networks"] == 1
    assert not calls["GET network /networks"]
    assert not calls["POST compute /os-keypairs"]


@pytest.mark.parametrize("collection", ["networks", "ports", "floating_ips"])
def test_a_mark_in_a_description_stays_and_does_not_show(
    client: oaktreemodel.Client, demo: DemoCloud, collection: str
) -> None:
    cloud, kind = client.cloud("modern", region="east"), KINDS[collection]
    things = getattr(cloud, collection)
    made = things.create(**kind.arguments, description="mine")
    (before,) = [one for one in demo.items("modern", "east", kind.table) if one["id"] == made.id]
    mark = before["description"].removeprefix("mine ")
    assert re.fullmatch("oaktree_request=[0-9a-f]{32}", mark)
    assert made.description == "mine"
    for described in ("other", "", "x" * 200):
        assert things.update(made.id, description=described).description == described
        kept = demo.item("modern", "east", kind.table, made.id)["description"]
        assert kept == f"{described} {mark}".strip()
    # What its user says goes first.
    assert things.update(made.id, description="x" * 255).description == "x" * 255
    long = things.create(**kind.arguments, description="y" * 250)
    assert demo.item("modern", "east", kind.table, long.id)["description"] == "y" * 250


def test_without_descriptions_the_process_remembers(
    client: oaktreemodel.Client, demo: DemoCloud
) -> None:
    """Neutron had none in Kilo."""
    cloud = client.cloud("kilo")
    identifier = str(uuid.uuid4())
    made = {cloud.networks.create(name="kilo", request_id=identifier).id for _ in range(2)}
    assert len(made) == 1
    networks = demo.items("kilo", "RegionOne", "networks")
    assert [one["id"] for one in networks if one["name"] == "kilo"] == list(made)


def test_a_key_that_was_made_is_told_once(
    client: oaktreemodel.Client, demo: DemoCloud, clouds_yaml: Path
) -> None:
    identifier = str(uuid.uuid4())
    keypairs = client.cloud("modern", region="east").keypairs
    made = keypairs.create_with_secrets(name="made", request_id=identifier)
    assert made.private_key.value
    # The process that made it remembers.
    assert keypairs.create_with_secrets(name="made", request_id=identifier) == made
    server = Running(clouds_yaml, ("modern",))
    with oaktreemodel.connect(server.address) as another:
        again = another.cloud("modern", region="east").keypairs
        with pytest.raises(oaktreemodel.AlreadyExists) as caught:
            again.create(name="made", request_id=identifier)
        assert caught.value.reason == "SECRET_GONE"
        with pytest.raises(oaktreemodel.AlreadyExists) as caught:
            again.create(name="made")
        assert caught.value.reason == "ALREADY_EXISTS"
    server.stop()

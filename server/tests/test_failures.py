"""A wait that fails says why, in the cloud's own words, and fails no less where there are none."""

from __future__ import annotations

import asyncio
from typing import Any

import oaktreemodel
import oaktreemodel.aio
import pytest
from oaktree import faults
from oaktree.democloud import DemoCloud

from .conftest import Running

NO_REASON = "the cloud gives no reason"
NO_ROOM = "schedule allocate volume:Could not find any available weighted backend."
MESSAGES = "GET volume /messages"


def failed(collection: Any, identifier: str, until: str = "ready") -> str:
    with pytest.raises(oaktreemodel.Failed) as caught:
        collection.wait(identifier, until=until, timeout=60)
    assert caught.value.reason == "RESOURCE_FAILED"
    return str(caught.value.message)


def broken_volume(cloud: Any, demo: DemoCloud, name: str = "modern") -> str:
    demo.fault(name, "volume_error", method="POST", path="/volumes")
    return str(cloud.volumes.create(name="big", size_gib=100).id)


def test_a_volume_that_fits_nowhere(client: oaktreemodel.Client, demo: DemoCloud) -> None:
    cloud = client.cloud("modern", region="east")
    other = broken_volume(cloud, demo)
    failed(cloud.volumes, other)
    volume = broken_volume(cloud, demo)
    assert failed(cloud.volumes, volume) == f"volume 'big' is error: {NO_ROOM}"
    messages = demo.items("modern", "east", "messages")
    (left,) = (one for one in messages if one["resource_uuid"] == volume)
    # Of several the newest is meant, and of one volume's those of others are not.
    newest = left["created_at"].replace("20", "21", 1)
    for text, time, of in ("newer", newest, volume), ("other", "2200", other):
        demo.add(
            "modern",
            "east",
            "messages",
            like=left["id"],
            user_message=text,
            created_at=time,
            resource_uuid=of,
        )
    assert failed(cloud.volumes, volume) == "volume 'big' is error: newer"
    # Cinder keeps no message of a deletion: the newest is about something else.
    demo.alter("modern", "east", "volumes", volume, status="error_deleting")
    assert failed(cloud.volumes, volume, "deleted").endswith(f"is error_deleting: {NO_REASON}")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 404},
        {"kind": "cut"},
        {"kind": "broken_json"},
        {"kind": "empty_list"},
        {"kind": "silent"},
    ],
    ids=lambda fault: str(fault.get("status", fault["kind"])),
)
def test_a_reason_that_cannot_be_asked_hides_no_failure(
    client: oaktreemodel.Client,
    demo: DemoCloud,
    monkeypatch: pytest.MonkeyPatch,
    fault: dict[str, Any],
) -> None:
    monkeypatch.setattr(faults, "SECONDS", 0.5)
    cloud = client.cloud("modern", region="east")
    volume = broken_volume(cloud, demo)
    demo.fault("modern", path="/messages", times=None, **fault)
    assert failed(cloud.volumes, volume) == f"volume 'big' is error: {NO_REASON}"


def test_a_cloud_without_messages(client: oaktreemodel.Client, demo: DemoCloud) -> None:
    cloud = client.cloud("kilo")
    demo.reset_calls()
    volume = broken_volume(cloud, demo, "kilo")
    assert failed(cloud.volumes, volume) == f"volume 'big' is error: {NO_REASON}"
    assert not demo.calls()[MESSAGES]


async def test_all_who_wait_learn_it_from_one_request(running: Running, demo: DemoCloud) -> None:
    async with oaktreemodel.aio.connect(running.address) as client:
        cloud = client.cloud("modern", region="east")
        volume = (await cloud.volumes.create(name="shared", size_gib=1)).id
        # Else the cloud would finish it by itself, before all wait on a slow machine.
        await cloud.volumes.wait(volume, timeout=60)
        demo.alter("modern", "east", "volumes", volume, status="creating")
        started = [asyncio.Event() for _ in range(50)]

        async def wait(event: asyncio.Event) -> str:
            with pytest.raises(oaktreemodel.Failed) as caught:
                await cloud.volumes.wait(volume, timeout=60, on_state=lambda _: event.set())
            return str(caught.value.message)

        waiting = [asyncio.create_task(wait(event)) for event in started]
        async with asyncio.timeout(60):
            await asyncio.gather(*(event.wait() for event in started))
        demo.reset_calls()
        demo.alter("modern", "east", "volumes", volume, status="error_extending")
        told = await asyncio.gather(*waiting)
    assert set(told) == {f"volume 'shared' is error_extending: {NO_REASON}"}
    assert 1 <= demo.calls()[MESSAGES] <= 2


def failed_image(demo: DemoCloud, cloud: str = "modern", region: str = "east") -> str:
    model = demo.items(cloud, region, "images")[0]["id"]
    made = demo.add(
        cloud,
        region,
        "images",
        like=model,
        name="lost",
        status="queued",
        owner=demo.project_id(cloud),
        _properties={"os_glance_failed_import": "ceph,files"},
    )
    return str(made["id"])


def test_an_image_whose_import_failed(client: oaktreemodel.Client, demo: DemoCloud) -> None:
    cloud = client.cloud("modern", region="east")
    image = failed_image(demo)
    stores = "image 'lost' is queued: the import to ceph,files failed"
    assert failed(cloud.images, image) == stores
    task = {"image_id": image, "owner": demo.project_id("modern"), "type": "api_image_import"}
    for status, message, created in (
        ("failure", "Connection refused", "2026-11-01T10:00:00"),
        ("failure", "Image is too big", "2026-11-01T11:00:00"),
        ("success", "", "2026-11-01T12:00:00"),
    ):
        demo.add(
            "modern",
            "east",
            "image_tasks",
            status=status,
            message=message,
            created_at=created,
            **task,
        )
    assert failed(cloud.images, image) == f"{stores}: Image is too big"
    # What is known without asking stands where asking fails.
    demo.fault("modern", "status", path="/images/{id}/tasks", status=500)
    assert failed(cloud.images, image) == stores
    old = client.cloud("kilo")
    assert failed(old.images, failed_image(demo, "kilo", "RegionOne")) == stores


def test_what_gives_no_reason(client: oaktreemodel.Client, demo: DemoCloud) -> None:
    cloud = client.cloud("modern", region="east")
    network = demo.items("modern", "east", "networks")[0]["id"]
    port = cloud.ports.create(network=network, name="lame")
    demo.alter("modern", "east", "ports", port.id, status="ERROR")
    assert failed(cloud.ports, port.id) == f"port 'lame' is ERROR: {NO_REASON}"

"""Servers: one call that makes one, waiting for it, and what is left after it is deleted."""

from __future__ import annotations

import base64
from typing import Any

import oaktreemodel
import pytest
from oaktree.democloud import DemoCloud
from oaktree.reader import Others
from oaktreemodel import State

from .conftest import until

CLOUDS = {"modern": "east", "direct": "RegionOne", "kilo": "RegionOne"}
IMAGE: dict[str, Any] = {"image": "cirros", "flavor": "m1.tiny"}


def left(demo: DemoCloud, name: str) -> dict[str, int]:
    """How much of what a server drags along there is in the cloud itself."""
    return {
        table: len(demo.items(name, CLOUDS[name], table))
        for table in ("servers", "ports", "floatingips", "volumes")
    }


@pytest.mark.parametrize("name", CLOUDS)
def test_an_image_and_a_flavor_are_enough(
    client: oaktreemodel.Client, demo: DemoCloud, name: str
) -> None:
    cloud = client.cloud(name, region=CLOUDS[name])
    before = left(demo, name)
    server = cloud.servers.create(name="web", **IMAGE)
    assert server.state == State.STATE_PENDING
    states: list[str] = []
    server = cloud.servers.wait(
        server.id, timeout=30, on_state=lambda seen: states.append(seen.status)
    )
    assert (states[0], states[-1]) == ("BUILD", "ACTIVE")
    assert server.state == State.STATE_READY
    assert server.public_v4
    assert server.interface_ip == server.public_v4
    assert server.flavor.name == "m1.tiny"
    assert server.flavor.id
    floating = left(demo, name)["floatingips"] - before["floatingips"]
    assert floating == (0 if name == "direct" else 1)
    assert not [key for key in server.metadata if key.startswith("oaktree")]
    cloud.servers.delete("web")
    gone = cloud.servers.wait(server.id, until="deleted", timeout=30)
    assert gone.state == State.STATE_DELETED
    assert left(demo, name) == before


def test_everything_a_create_takes(client: oaktreemodel.Client, demo: DemoCloud) -> None:
    cloud = client.cloud("modern", region="east")
    cloud.keypairs.create(name="everything")
    port = cloud.ports.create(network="private", name="everything")
    data = cloud.volumes.create(name="everything", size_gib=1)
    cloud.volumes.wait(data.id, timeout=20)
    server = cloud.servers.create(
        name="everything",
        key_name="everything",
        nics=[{"port": "everything"}],
        user_data=b"#!/bin/sh\n\xff",
        config_drive=True,
        metadata={"a.b": "ü"},
        tags=["two", "one"],
        description="all of it",
        volumes=["everything"],
        security_groups=["default"],
        **IMAGE,
    )
    server = cloud.servers.wait(server.id, timeout=30)
    assert server.key_name == "everything"
    assert server.has_config_drive
    assert dict(server.metadata) == {"a.b": "ü"}
    assert list(server.tags) == ["one", "two"]
    assert server.description == "all of it"
    assert [volume.id for volume in server.attached_volumes] == [data.id]
    assert {address.mac_address for address in server.addresses} == {port.mac_address}
    kept = demo.item("modern", "east", "servers", server.id)
    assert base64.b64decode(kept["user_data"]) == b"#!/bin/sh\n\xff"
    cloud.servers.delete(server.id)
    cloud.servers.wait(server.id, until="deleted", timeout=30)
    cloud.volumes.wait(data.id, timeout=20)
    for collection in (cloud.keypairs, cloud.ports, cloud.volumes):
        collection.delete("everything")


@pytest.mark.parametrize("terminate", [True, False])
@pytest.mark.parametrize("name", CLOUDS)
def test_boot_from_volume(
    client: oaktreemodel.Client, demo: DemoCloud, name: str, terminate: bool
) -> None:
    cloud = client.cloud(name, region=CLOUDS[name])
    before = left(demo, name)
    server = cloud.servers.create(
        name="bfv", boot_from_volume=True, terminate_volume=terminate, **IMAGE
    )
    volume = _boot_volume(cloud, server, terminate and name != "kilo")
    if not terminate:
        # It outlives its server, and goes on as another's.
        cloud.volumes.wait(volume.id, timeout=20)
        server = cloud.servers.create(
            name="bfv", boot_volume=volume.id, flavor="m1.tiny", terminate_volume=False
        )
        assert _boot_volume(cloud, server, False).id == volume.id
        cloud.volumes.wait(volume.id, timeout=20)
        server = cloud.servers.create(
            name="bfv", boot_volume=volume.id, flavor="m1.tiny", terminate_volume=True
        )
        _boot_volume(cloud, server, name != "kilo")
    assert left(demo, name) == before


def _boot_volume(cloud: Any, server: Any, terminate: bool) -> Any:
    """The volume that a new server has booted from. The server is deleted then. As old as Kilo,
    Nova does not tell whether its volume goes with it."""
    server = cloud.servers.wait(server.id, timeout=30)
    assert server.interface_ip
    assert not server.HasField("image")
    (attached,) = server.attached_volumes
    assert attached.delete_on_termination == terminate
    volume = cloud.volumes.get(attached.id, max_age=0)
    assert volume.is_bootable
    cloud.servers.delete(server.id)
    cloud.servers.wait(server.id, until="deleted", timeout=30)
    return volume


def test_start_stop_reboot_update_console(client: oaktreemodel.Client) -> None:
    cloud = client.cloud("modern", region="west")
    server = cloud.servers.create(name="life", auto_ip=False, **IMAGE)
    server = cloud.servers.wait(server.id, timeout=30)
    cloud.servers.stop("life")
    assert cloud.servers.wait("life", until="stopped", timeout=20).status == "SHUTOFF"
    with pytest.raises(oaktreemodel.Failed) as caught:
        cloud.servers.wait("life", timeout=20)
    assert caught.value.reason == "RESOURCE_STOPPED"
    cloud.servers.start("life")
    cloud.servers.wait("life", timeout=20)
    cloud.servers.reboot("life", hard=True)
    cloud.servers.wait("life", timeout=20)
    assert len(cloud.servers.get_console_output("life", line_count=1).splitlines()) == 1
    server = cloud.servers.update("life", name="other", metadata={"k": "v"}, tags=["t"])
    assert (server.name, dict(server.metadata), list(server.tags)) == ("other", {"k": "v"}, ["t"])
    cloud.servers.delete("other")


def test_a_server_that_fails_says_why(client: oaktreemodel.Client, demo: DemoCloud) -> None:
    cloud = client.cloud("modern", region="east")
    demo.fault(
        "modern", "server_error", method="POST", path="/servers", message="No valid host was found."
    )
    server = cloud.servers.create(name="bad", **IMAGE)
    with pytest.raises(oaktreemodel.Failed) as caught:
        cloud.servers.wait(server.id, timeout=30)
    assert caught.value.reason == "RESOURCE_FAILED"
    assert "No valid host was found." in str(caught.value)
    cloud.servers.delete(server.id)
    cloud.servers.wait(server.id, until="deleted", timeout=30)


def test_a_deadline_tells_the_last_state(client: oaktreemodel.Client, demo: DemoCloud) -> None:
    (one,) = demo.add_servers("modern", "west", 1)
    demo.alter("modern", "west", "servers", one, status="REBOOT")
    with pytest.raises(oaktreemodel.DeadlineExceeded) as caught:
        client.cloud("modern", region="west").servers.wait(one, timeout=1)
    assert "is still REBOOT" in str(caught.value)
    demo.remove("modern", "west", "servers", one)


def test_waits_share_one_poll(client: oaktreemodel.Client, demo: DemoCloud) -> None:
    cloud = client.cloud("modern", region="west")
    made = [cloud.servers.create(name=f"n{i}", auto_ip=False, **IMAGE) for i in range(3)]
    for server in made:
        cloud.servers.wait(server.id, timeout=30)
        # A word from the future, so that all waits go on.
        demo.alter("modern", "west", "servers", server.id, status="BEING_TELEPORTED")
    demo.reset_calls()
    waits = [_Wait(cloud, made[i % 3].id) for i in range(30)]
    until(lambda: demo.calls("modern")["GET compute /servers/{id}"] >= 30 + 6)
    started = demo.calls("modern")["GET compute /servers/{id}"]
    # Nor does anybody's list make room for them.
    assert not Others.serving
    # Each wait asks once to find its server; after that thirty cost no more than one a server.
    assert started <= 30 + 12
    for server in made:
        demo.alter("modern", "west", "servers", server.id, status="ACTIVE")
    for wait in waits:
        seen = wait.result()
        assert seen[0] == "BEING_TELEPORTED"
        assert seen[-1] == "ACTIVE"
    for server in made:
        cloud.servers.delete(server.id)


def test_a_wait_outlives_a_cloud_that_is_away(client: oaktreemodel.Client, demo: DemoCloud) -> None:
    cloud = client.cloud("direct", region="RegionOne")
    server = cloud.servers.create(name="patient", **IMAGE)
    server = cloud.servers.wait(server.id, timeout=30)
    demo.alter("direct", "RegionOne", "servers", server.id, status="HARD_REBOOT")
    wait = _Wait(cloud, server.id)
    until(lambda: wait.seen == ["HARD_REBOOT"])
    demo.stop("direct")
    demo.start_again("direct")
    demo.alter("direct", "RegionOne", "servers", server.id, status="ACTIVE")
    assert wait.result() == ["HARD_REBOOT", "ACTIVE"]
    # Only a 404 says that a thing is gone.
    demo.alter("direct", "RegionOne", "servers", server.id, status="HARD_REBOOT")
    wait = _Wait(cloud, server.id, until="deleted")
    until(lambda: wait.seen == ["HARD_REBOOT"])
    demo.fault("direct", "status", status=400, service="compute", path="/servers/{id}")
    with pytest.raises(oaktreemodel.InvalidArgument):
        wait.result()
    # What vanishes ends a wait for ready, and one for deleted well.
    demo.alter("direct", "RegionOne", "servers", server.id, status="HARD_REBOOT")
    ready, deleted = _Wait(cloud, server.id), _Wait(cloud, server.id, until="deleted")
    until(lambda: bool(ready.seen and deleted.seen))
    demo.remove("direct", "RegionOne", "servers", server.id)
    with pytest.raises(oaktreemodel.NotFound):
        ready.result()
    deleted.result()


class _Wait:
    """A wait in a thread, and the statuses that it saw."""

    def __init__(self, cloud: Any, server_id: str, until: str = "ready") -> None:
        from concurrent.futures import ThreadPoolExecutor

        self.seen: list[str] = []
        self._threads = ThreadPoolExecutor(1)
        self._future = self._threads.submit(
            cloud.servers.wait,
            server_id,
            until=until,
            timeout=60,
            on_state=lambda server: self.seen.append(server.status),
        )

    def result(self) -> list[str]:
        self._future.result(70)
        return self.seen

"""Servers: one call makes one with all that it needs, and what it dragged along goes with it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import oaktreemodel
import pytest
from oaktreemodel import State

from .conftest import SERVER, serving
from .itself import Itself, eventually, users


def gone(cloud: Any, itself: Itself, server_id: str) -> None:
    """Deletes a server, and looks into the cloud for all that hung off it."""
    things = itself.hangs_off(server_id)
    cloud.servers.delete(server_id)
    last = cloud.servers.wait(server_id, until="deleted", timeout=120)
    assert last.state == State.STATE_DELETED
    left = itself.still(things)
    assert not left


def test_an_image_and_a_flavor_are_enough(
    other: Any, name: str, itself: Callable[[str], Itself]
) -> None:
    cloud = itself("other")
    server = other.servers.create(name=name, **SERVER)
    assert server.state == State.STATE_PENDING
    states: list[Any] = []
    server = other.servers.wait(name, timeout=120, on_state=states.append)
    assert (states[-1].status, server.state) == ("ACTIVE", State.STATE_READY)
    real = cloud.compute.get_server(server.id)
    assert (server.status, server.vm_state) == (real.status, real.vm_state)
    assert server.flavor.name == real.flavor.name == "m1.tiny"
    assert server.image.id == real.image.id
    # Its address is reachable from outside, and the cloud's own.
    [floating] = cloud.network.ips(floating_ip_address=server.public_v4)
    [port] = cloud.network.ports(device_id=server.id)
    assert server.interface_ip == server.public_v4 == floating.floating_ip_address
    assert floating.port_id == port.id
    assert server.private_v4 == port.fixed_ips[0]["ip_address"]
    assert {(a.address, a.kind) for a in server.addresses} == {
        (server.public_v4, "floating"),
        (server.private_v4, "fixed"),
    }
    # oaktree's own marks are not the user's to see.
    assert not [key for key in server.metadata if key.startswith("oaktree")]
    things = cloud.hangs_off(server.id)
    assert sorted(kind for kind, _ in things) == ["floating IP", "port", "server"]
    gone(other, cloud, server.id)
    for again in (other.servers.get, other.servers.delete):
        with pytest.raises(oaktreemodel.NotFound):
            again(server.id)


def test_without_a_floating_ip(other: Any, name: str, itself: Callable[[str], Itself]) -> None:
    cloud = itself("other")
    server = other.servers.create(name=name, auto_ip=False, **SERVER)
    server = other.servers.wait(server.id, timeout=120)
    assert (server.public_v4, server.interface_ip) == ("", server.private_v4)
    assert "floating IP" not in {kind for kind, _ in cloud.hangs_off(server.id)}
    # What its user puts in front of it stays its user's.
    mine = other.floating_ips.create(server=name, description=name)
    other.servers.delete(server.id)
    other.servers.wait(server.id, until="deleted", timeout=120)
    assert cloud.network.get_ip(mine.id).port_id is None
    other.floating_ips.delete(mine.id)


def test_a_floating_ip_that_its_user_removed_stays_away(
    clouds_yaml: Path, tmp_path: Path, other: Any, name: str, itself: Callable[[str], Itself]
) -> None:
    server = other.servers.create(name=name, floating_network="public", **SERVER)
    server = other.servers.wait(server.id, timeout=120)
    other.floating_ips.delete(server.public_v4)
    # Nova hears of it some seconds later.
    eventually(lambda: other.servers.get(server.id, max_age=0).public_v4 == "")
    assert other.servers.wait(server.id, timeout=120).public_v4 == ""
    # Nor does one who knows nothing of that make another.
    with (
        serving(clouds_yaml, tmp_path / "log") as address,
        oaktreemodel.connect(address) as client,
    ):
        again = client.cloud("devstack-other").servers.wait(server.id, timeout=120)
        assert again.public_v4 == ""
    things = itself("other").hangs_off(server.id)
    assert sorted(kind for kind, _ in things) == ["port", "server"]
    gone(other, itself("other"), server.id)


def test_a_server_that_its_user_locked(
    other: Any, name: str, itself: Callable[[str], Itself]
) -> None:
    cloud = itself("other")
    server = other.servers.create(name=name, **SERVER)
    server = other.servers.wait(server.id, timeout=120)
    cloud.compute.lock_server(server.id)
    with pytest.raises(oaktreemodel.Failed) as caught:
        other.servers.delete(name)
    assert caught.value.reason == "CONFLICT"
    assert f"Instance {server.id} is locked" in str(caught.value)
    assert other.servers.wait(server.id, timeout=120).public_v4 == server.public_v4
    cloud.compute.unlock_server(server.id)
    gone(other, cloud, server.id)


def test_a_delete_while_it_is_built(other: Any, name: str, itself: Callable[[str], Itself]) -> None:
    """The floating IP that was promised is not made for nobody."""
    server = other.servers.create(name=name, **SERVER)
    other.servers.delete(server.id)
    try:
        other.servers.wait(server.id, until="deleted", timeout=60)
    except oaktreemodel.DeadlineExceeded:
        # Seen once in some hundred runs: a Nova that is busy loses an order that comes while it
        # schedules the server.
        print("not gone after a minute:", itself("other").compute.get_server(server.id))
        other.servers.delete(server.id)
        other.servers.wait(server.id, until="deleted", timeout=60)
    described = [ip for ip in itself("other").things("floating IP") if server.id in ip.description]
    assert not described
    assert server.id not in itself("other").ids("server")


def test_everything_a_create_takes(other: Any, name: str, itself: Callable[[str], Itself]) -> None:
    cloud = itself("other")
    other.keypairs.create(name=name)
    port = other.ports.create(network="private", name=name)
    data = other.volumes.create(name=name, size_gib=1)
    other.volumes.wait(data.id, timeout=60)
    server = other.servers.create(
        name=name,
        key_name=name,
        nics=[{"port": name}],
        user_data=b"#!/bin/sh\n\xff",
        config_drive=True,
        metadata={"a.b": "ä"},
        tags=["two", "one"],
        description="all of it",
        volumes=[name],
        security_groups=["default"],
        hostname="made-by-oaktree",
        **SERVER,
    )
    server = other.servers.wait(server.id, timeout=120)
    real = cloud.compute.get_server(server.id)
    assert server.key_name == real.key_name == name
    assert server.has_config_drive
    assert dict(server.metadata) == users(real.metadata) == {"a.b": "ä"}
    assert list(server.tags) == sorted(real.tags) == ["one", "two"]
    assert server.description == real.description == "all of it"
    assert server.hostname == real.hostname == "made-by-oaktree"
    assert [volume.id for volume in server.attached_volumes] == [data.id]
    assert {address.mac_address for address in server.addresses} == {port.mac_address}
    # This only administrators see.
    whole = itself("admin").compute.get_server(server.id)
    assert base64.b64decode(whole.user_data) == b"#!/bin/sh\n\xff"
    attached = other.volumes.get(name, max_age=0)
    assert [one.server.id for one in attached.attachments] == [server.id]
    assert server.public_v4
    other.servers.delete(server.id)
    other.servers.wait(server.id, until="deleted", timeout=120)
    # What its user made before it outlives it.
    other.volumes.wait(data.id, timeout=60)
    assert other.ports.get(name, max_age=0).device_id == ""
    for collection in (other.keypairs, other.ports, other.volumes):
        collection.delete(name)
    other.volumes.wait(data.id, until="deleted", timeout=60)


@pytest.mark.parametrize("terminate", [True, False])
def test_boot_from_volume(
    other: Any, name: str, itself: Callable[[str], Itself], terminate: bool
) -> None:
    cloud = itself("other")
    server = other.servers.create(
        name=name, boot_from_volume=True, terminate_volume=terminate, auto_ip=False, **SERVER
    )
    server = other.servers.wait(server.id, timeout=120)
    assert not server.HasField("image")
    [volume] = [other.volumes.get(one.id) for one in server.attached_volumes]
    assert volume.is_bootable
    assert volume.size_gib == cloud.volume.get_volume(volume.id).size == 1
    assert server.attached_volumes[0].delete_on_termination == terminate
    if not terminate:
        other.servers.delete(server.id)
        other.servers.wait(server.id, until="deleted", timeout=120)
        assert volume.id in cloud.ids("volume")
        other.volumes.wait(volume.id, timeout=60)
        server = other.servers.create(
            name=name,
            boot_volume=volume.id,
            flavor="m1.tiny",
            auto_ip=False,
            terminate_volume=True,
        )
        other.servers.wait(server.id, timeout=120)
        assert [one.volume_id for one in cloud.compute.volume_attachments(server.id)] == [volume.id]
    other.servers.delete(server.id)
    other.servers.wait(server.id, until="deleted", timeout=120)
    other.volumes.wait(volume.id, until="deleted", timeout=120)
    assert volume.id not in cloud.ids("volume")


def test_its_life(other: Any, name: str, itself: Callable[[str], Itself]) -> None:
    cloud = itself("other")
    server = other.servers.create(name=name, auto_ip=False, **SERVER)
    other.servers.wait(server.id, timeout=120)
    other.servers.stop(name)
    assert other.servers.wait(name, until="stopped", timeout=120).status == "SHUTOFF"
    assert cloud.compute.get_server(server.id).status == "SHUTOFF"
    with pytest.raises(oaktreemodel.Failed) as caught:
        other.servers.wait(name, timeout=120)
    assert caught.value.reason == "RESOURCE_STOPPED"
    with pytest.raises(oaktreemodel.Failed) as caught:
        other.servers.stop(name)
    assert caught.value.reason == "CONFLICT"
    other.servers.start(name)
    other.servers.wait(name, timeout=120)
    for hard in (False, True):
        other.servers.reboot(name, hard=hard)
        assert other.servers.wait(name, timeout=120).status == "ACTIVE"
    output = other.servers.get_console_output(name)
    assert output == cloud.compute.get_server_console_output(server.id)["output"]
    assert len(other.servers.get_console_output(name, line_count=1).splitlines()) == 1
    changed = other.servers.update(
        name, name=f"{name}-2", description="d", metadata={"k": "v"}, tags=["t"]
    )
    real = cloud.compute.get_server(server.id)
    assert (changed.name, real.name) == (f"{name}-2", f"{name}-2")
    assert (real.description, users(real.metadata), real.tags) == ("d", {"k": "v"}, ["t"])
    gone(other, cloud, server.id)


def test_a_server_that_fails_says_why(
    other: Any, name: str, itself: Callable[[str], Itself]
) -> None:
    """There is but one host, and a second one wants another."""
    cloud = itself("other")
    group = cloud.compute.create_server_group(name=name, policy="anti-affinity")
    given = {"name": name, "server_group": group.id, "auto_ip": False, **SERVER}
    first = other.servers.create(**given)
    first = other.servers.wait(first.id, timeout=120)
    assert [one.id for one in first.server_groups] == [group.id]
    second = other.servers.create(**given)
    with pytest.raises(oaktreemodel.Failed) as caught:
        other.servers.wait(second.id, timeout=120)
    assert caught.value.reason == "RESOURCE_FAILED"
    fault = cloud.compute.get_server(second.id).fault["message"]
    assert "No valid host" in fault
    assert fault in str(caught.value)
    # It failed, and can be deleted all the same.
    for server in (first, second):
        gone(other, cloud, server.id)
    cloud.compute.delete_server_group(group)

"""Creates, Updates, Waits and Deletes of all that is no server, compared with the cloud itself."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import oaktreemodel
import pytest
from oaktreemodel import State

from .itself import Itself, eventually, users, users_words

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAmFJNgnqwSGlLQmWlFn6hs2vTPRqFYbu1VmV9sPmvqe me"


def test_keypairs(other: Any, name: str, itself: Callable[[str], Itself]) -> None:
    given = other.keypairs.create(name=f"{name}-given", public_key=KEY)
    real = itself("other").compute.get_keypair(given.name)
    assert (given.fingerprint, given.public_key) == (real.fingerprint, real.public_key)
    assert other.keypairs.get(given.name).fingerprint == given.fingerprint
    with pytest.raises(oaktreemodel.AlreadyExists) as caught:
        other.keypairs.create(name=given.name, public_key=KEY.replace("AmFJ", "BmFJ"))
    assert caught.value.reason == "ALREADY_EXISTS"
    # Nova makes no keys any more, unless it is asked as in older days.
    made = other.keypairs.create_with_secrets(name=f"{name}-made")
    assert "PRIVATE KEY" in made.private_key.value
    real = itself("other").compute.get_keypair(f"{name}-made")
    assert made.keypair.public_key == real.public_key
    assert {f"{name}-given", f"{name}-made"} <= {keypair.name for keypair in other.keypairs.list()}
    other.keypairs.delete(f"{name}-made")
    other.keypairs.delete(given.name)
    with pytest.raises(oaktreemodel.NotFound):
        other.keypairs.get(given.name)


def test_networks(other: Any, name: str, itself: Callable[[str], Itself]) -> None:
    network = other.networks.create(
        name=name, description="ä", is_port_security_enabled=True, tags=["b", "a"]
    )
    real = itself("other").network.get_network(network.id)
    assert (network.name, network.description, list(network.tags)) == (name, "ä", ["a", "b"])
    assert (real.name, users_words(real.description), sorted(real.tags)) == (name, "ä", ["a", "b"])
    assert (network.status, network.mtu_bytes) == (real.status, real.mtu)
    assert network.location.project.id == real.project_id == itself("other").project_id
    stale = network.revision
    network = other.networks.update(name, name=f"{name}-2", description="", tags=[])
    real = itself("other").network.get_network(network.id)
    assert (real.name, users_words(real.description), list(real.tags)) == (f"{name}-2", "", [])
    with pytest.raises(oaktreemodel.Conflict) as caught:
        other.networks.update(network.id, description="late", revision=stale)
    assert caught.value.reason == "REVISION_MISMATCH"
    other.networks.delete(f"{name}-2")
    assert network.id not in itself("other").ids("network")


def test_ports(other: Any, name: str, itself: Callable[[str], Itself]) -> None:
    port = other.ports.create(
        network="private",
        name=name,
        description="d",
        allowed_address_pairs=[{"ip_address": "192.0.2.0/24"}],
        security_groups=["default"],
        tags=["t"],
    )
    real = itself("other").network.get_port(port.id)
    assert [ip.ip_address for ip in port.fixed_ips] == [ip["ip_address"] for ip in real.fixed_ips]
    assert (port.mac_address, list(port.tags)) == (real.mac_address, ["t"])
    assert [group.id for group in port.security_groups] == real.security_group_ids
    assert port.network.id == real.network_id
    assert other.ports.wait(name, timeout=60).state == State.STATE_READY
    with pytest.raises(oaktreemodel.InvalidArgument):
        other.ports.create(network="private", name=name, fixed_ips=[{"ip_address": "192.0.2.1"}])
    port = other.ports.update(
        name,
        name=f"{name}-2",
        allowed_address_pairs=[],
        security_groups=[],
        is_admin_state_up=False,
    )
    real = itself("other").network.get_port(port.id)
    assert (real.name, real.is_admin_state_up) == (f"{name}-2", False)
    assert (real.allowed_address_pairs, real.security_group_ids) == ([], [])
    other.ports.delete(port.id)
    gone = other.ports.wait(port.id, until="deleted", timeout=60)
    assert gone.state == State.STATE_DELETED
    assert port.id not in itself("other").ids("port")


def test_a_network_with_a_port_on_it_stays(
    other: Any, name: str, itself: Callable[[str], Itself]
) -> None:
    network = other.networks.create(name=name)
    other.ports.create(network=name, name=name)
    with pytest.raises(oaktreemodel.Failed) as caught:
        other.networks.delete(name)
    assert caught.value.reason == "CONFLICT"
    assert network.id in itself("other").ids("network")
    other.ports.delete(name)
    other.networks.delete(name)


def test_floating_ips(other: Any, name: str, itself: Callable[[str], Itself]) -> None:
    network = itself("other").network
    floating = other.floating_ips.create(description=name, tags=["t"])
    real = network.get_ip(floating.id)
    assert floating.name == floating.floating_ip_address == real.floating_ip_address
    assert (users_words(real.description), real.tags) == (name, ["t"])
    assert other.floating_ips.wait(floating.name, timeout=60).state == State.STATE_READY
    port = other.ports.create(network="private", name=name)
    floating = other.floating_ips.update(floating.name, port=name)
    assert floating.port.id == port.id == network.get_ip(floating.id).port_id
    assert other.floating_ips.wait(floating.id, timeout=60).status == "ACTIVE"
    assert floating.fixed_ip_address == port.fixed_ips[0].ip_address
    assert other.floating_ips.get(floating.name) == other.floating_ips.get(floating.id)
    with pytest.raises(oaktreemodel.Failed) as caught:
        other.floating_ips.create(port=name, description=name)
    assert caught.value.reason == "CONFLICT"
    floating = other.floating_ips.update(floating.id, port="")
    assert not floating.HasField("port")
    assert network.get_ip(floating.id).port_id is None
    other.ports.delete(name)
    other.floating_ips.delete(floating.name)
    gone = other.floating_ips.wait(floating.id, until="deleted", timeout=60)
    assert gone.state == State.STATE_DELETED
    assert floating.id not in itself("other").ids("floating IP")


def test_unattached_floating_ips(tight: Any, name: str, itself: Callable[[str], Itself]) -> None:
    """In the project that is the tests' own, since it takes every one there is."""
    assert not itself("tight").ids("floating IP")
    idle = tight.floating_ips.create(description=name)
    assert not tight.floating_ips.delete_unattached(unused_for=datetime.timedelta(hours=1))
    at_once = datetime.timedelta(0)
    dry = tight.floating_ips.delete_unattached(unused_for=at_once, dry_run=True)
    assert [ip.id for ip in dry] == [idle.id]
    assert itself("tight").ids("floating IP") == {idle.id}
    port = tight.ports.create(network="private", name=name)
    tight.floating_ips.update(idle.id, port=port.id)
    assert not tight.floating_ips.delete_unattached(unused_for=at_once)
    tight.ports.delete(port.id)
    gone = tight.floating_ips.delete_unattached(unused_for=at_once)
    assert [ip.id for ip in gone] == [idle.id]
    assert not itself("tight").ids("floating IP")


def test_images(other: Any, name: str, itself: Callable[[str], Itself]) -> None:
    image = other.images.create(
        name=name,
        disk_format="raw",
        container_format="bare",
        min_disk_gib=2,
        tags=["t"],
        properties={"os_distro": "debian", "own": "ä"},
    )
    assert (image.state, image.status) == (State.STATE_PENDING, "queued")
    real = itself("other").image.get_image(image.id)
    assert (real.name, real.min_disk, real.tags) == (name, 2, ["t"])
    assert (real.os_distro, real.properties["own"]) == ("debian", "ä")
    image = other.images.update(
        name, properties={"own": None, "a/b~c": "1"}, is_protected=True, tags=[]
    )
    real = itself("other").image.get_image(image.id)
    assert (real.is_protected, real.tags) == (True, [])
    assert "own" not in real.properties
    assert real.properties["a/b~c"] == "1"
    with pytest.raises(oaktreemodel.PermissionDenied):
        other.images.delete(image.id)
    other.images.update(image.id, is_protected=False)
    # The bytes come another way; once they are there, so is the image.
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(other.images.wait, image.id, timeout=60)
        itself("other").image.put(
            f"/images/{image.id}/file",
            data=b"x" * 1000,
            headers={"Content-Type": "application/octet-stream"},
        ).raise_for_status()
        assert waiting.result(90).state == State.STATE_READY
    assert other.images.get(name, max_age=0).size_bytes == 1000
    other.images.delete(name)
    assert other.images.wait(image.id, until="deleted", timeout=60).state == State.STATE_DELETED
    assert image.id not in itself("other").ids("image")


def test_volumes(other: Any, name: str, itself: Callable[[str], Itself]) -> None:
    volume = other.volumes.create(name=name, size_gib=1, image="cirros", metadata={"a.b": "ä"})
    assert volume.state == State.STATE_PENDING
    volume = other.volumes.wait(name, timeout=60)
    real = itself("other").volume.get_volume(volume.id)
    assert (real.name, real.size, real.status) == (name, 1, volume.status)
    assert users(real.metadata) == dict(volume.metadata) == {"a.b": "ä"}
    assert volume.is_bootable
    assert volume.volume_type == real.volume_type
    other.volumes.update(name, description="d", size_gib=2, metadata={"a.b": None})
    volume = other.volumes.wait(volume.id, timeout=60)
    real = itself("other").volume.get_volume(volume.id)
    assert (volume.size_gib, volume.description, dict(volume.metadata)) == (2, "d", {})
    assert (real.size, real.description, users(real.metadata)) == (2, "d", {})
    with pytest.raises(oaktreemodel.InvalidArgument) as caught:
        other.volumes.update(name, size_gib=1)
    assert caught.value.fields.keys() == {"size_gib"}
    copy = other.volumes.create(name=f"{name}-copy", size_gib=2, source_volume=name)
    assert other.volumes.wait(copy.id, timeout=60).source_volume.id == volume.id
    for one in (copy, volume):
        other.volumes.delete(one.id)
        assert other.volumes.wait(one.id, until="deleted", timeout=60).state == State.STATE_DELETED
    eventually(lambda: not {copy.id, volume.id} & itself("other").ids("volume"))


def test_a_request_id_changes_once(other: Any, name: str, itself: Callable[[str], Itself]) -> None:
    identifier = str(uuid.uuid4())

    def create(description: str = "") -> str:
        made = other.networks.create(name=name, description=description, request_id=identifier)
        return str(made.id)

    with ThreadPoolExecutor(4) as threads:
        made = {future.result() for future in [threads.submit(create) for _ in range(8)]}
    assert len(made) == 1
    assert {key[1] for key in itself("other").called(name)} == made
    with pytest.raises(oaktreemodel.AlreadyExists) as caught:
        create("another")
    assert caught.value.reason == "REQUEST_ID_REUSED"
    other.networks.delete(made.pop())

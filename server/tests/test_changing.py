"""Creates, Updates and Deletes of everything that can be changed, over every embedded cloud."""

from __future__ import annotations

import datetime
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import oaktreemodel
import pytest
from oaktree.democloud import DemoCloud
from oaktreemodel import State

from .conftest import Running

CLOUDS = {"modern": "east", "direct": "RegionOne", "kilo": "RegionOne"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAmFJNgnqwSGlLQmWlFn6hs2vTPRqFYbu1VmV9sPmvqe me"


@pytest.fixture(params=CLOUDS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def cloud(client: oaktreemodel.Client, name: str) -> Any:
    return client.cloud(name, region=CLOUDS[name])


def test_keypair_given_and_made(cloud: Any) -> None:
    given = cloud.keypairs.create(name="given", public_key=KEY)
    assert given.id == given.name == "given"
    assert given.public_key.split()[:2] == KEY.split()[:2]
    # The same key again is what was asked for; another under that name is not.
    assert cloud.keypairs.create(name="given", public_key=KEY).fingerprint == given.fingerprint
    with pytest.raises(oaktreemodel.AlreadyExists):
        cloud.keypairs.create(name="given", public_key=KEY.replace("AmFJ", "BmFJ"))
    response = cloud.keypairs.create_with_secrets(name="made")
    made = response.keypair
    assert "PRIVATE KEY" in response.private_key.value
    assert {"given", "made"} <= {keypair.name for keypair in cloud.keypairs.list()}
    for keypair in (given, made):
        cloud.keypairs.delete(keypair.name)
    with pytest.raises(oaktreemodel.NotFound):
        cloud.keypairs.delete("given")


def test_network_and_port(cloud: Any, name: str) -> None:
    old = name == "kilo"
    network = cloud.networks.create(
        name="lab", is_admin_state_up=True, **({} if old else {"tags": ["b", "a"]})
    )
    assert network.state == State.STATE_READY
    assert list(network.tags) == ([] if old else ["a", "b"])
    assert network.location.project.name == "demo"
    port = cloud.ports.create(
        network="lab",
        name="plug",
        mac_address="fa:16:3e:00:00:42",
        allowed_address_pairs=[{"ip_address": "192.0.2.0/24"}],
    )
    assert port.network.id == network.id
    assert port.mac_address == "fa:16:3e:00:00:42"
    assert [pair.ip_address for pair in port.allowed_address_pairs] == ["192.0.2.0/24"]
    assert cloud.ports.wait(port.id, timeout=10).state == State.STATE_READY
    changed = cloud.ports.update("plug", name="plug2", allowed_address_pairs=[])
    assert changed.name == "plug2"
    assert not changed.allowed_address_pairs
    with pytest.raises(oaktreemodel.Failed):
        cloud.networks.delete("lab")
    cloud.ports.delete(port.id)
    if not old:
        stale = network.revision
        network = cloud.networks.update(network.id, description="mine", tags=[])
        assert (network.description, list(network.tags)) == ("mine", [])
        with pytest.raises(oaktreemodel.Conflict) as caught:
            cloud.networks.update(network.id, name="other", revision=stale)
        assert caught.value.reason == "REVISION_MISMATCH"
    cloud.networks.delete(network.id)


def test_image_record(cloud: Any) -> None:
    image = cloud.images.create(
        name="made",
        disk_format="qcow2",
        min_disk_gib=2,
        tags=["t"],
        properties={"os_distro": "debian", "my:own": "yes"},
    )
    assert image.state == State.STATE_PENDING
    assert (image.status, image.min_disk_gib, image.os_distro) == ("queued", 2, "debian")
    assert dict(image.properties) == {"os_distro": "debian", "my:own": "yes"}
    image = cloud.images.update(
        image.id, name="renamed", properties={"my:own": None, "a/b": "1"}, is_protected=True
    )
    assert (image.name, image.is_protected) == ("renamed", True)
    assert dict(image.properties) == {"os_distro": "debian", "a/b": "1"}
    with pytest.raises(oaktreemodel.PermissionDenied):
        cloud.images.delete(image.id)
    cloud.images.update(image.id, is_protected=False)
    cloud.images.delete(image.id)


def test_volume(cloud: Any, name: str) -> None:
    volume = cloud.volumes.create(name="data", size_gib=1, metadata={"a.b": "ü", "c/d": "e"})
    assert volume.state == State.STATE_PENDING
    volume = cloud.volumes.wait("data", timeout=20)
    assert (volume.size_gib, dict(volume.metadata)) == (1, {"a.b": "ü", "c/d": "e"})
    volume = cloud.volumes.update(volume.id, metadata={"c/d": None, "f": "g"})
    assert dict(volume.metadata) == {"a.b": "ü", "f": "g"}
    volume = cloud.volumes.update(volume.id, metadata={"f": None})
    assert dict(volume.metadata) == {"a.b": "ü"}
    volume = cloud.volumes.update(volume.id, description="d", size_gib=2, metadata={"a.b": None})
    volume = cloud.volumes.wait(volume.id, timeout=20)
    assert (volume.size_gib, volume.description, dict(volume.metadata)) == (2, "d", {})
    with pytest.raises(oaktreemodel.InvalidArgument) as caught:
        cloud.volumes.update(volume.id, size_gib=1)
    assert caught.value.fields.keys() == {"size_gib"}
    cloud.volumes.delete(volume.id)
    assert cloud.volumes.wait(volume.id, until="deleted", timeout=20).state == State.STATE_DELETED


def test_floating_ip(client: oaktreemodel.Client, demo: DemoCloud) -> None:
    cloud = client.cloud("modern", region="east")
    floating = cloud.floating_ips.create(description="mine")
    assert floating.name == floating.floating_ip_address
    assert floating.state == State.STATE_READY
    port = cloud.ports.create(network="private", name="target")
    floating = cloud.floating_ips.update(floating.name, port="target")
    assert floating.port.id == port.id
    with pytest.raises(oaktreemodel.Failed) as caught:
        cloud.floating_ips.create(port="target")
    assert caught.value.reason == "CONFLICT"
    floating = cloud.floating_ips.update(floating.id, port="")
    assert not floating.HasField("port")
    cloud.ports.delete(port.id)
    cloud.floating_ips.delete(floating.id)


def test_unattached_floating_ips_go_and_no_others(client: oaktreemodel.Client) -> None:
    cloud = client.cloud("modern", region="west")
    idle = cloud.floating_ips.create()
    port = cloud.ports.create(network="private")
    used = cloud.floating_ips.create(port=port.id)
    hour = datetime.timedelta(hours=1)
    assert not cloud.floating_ips.delete_unattached(unused_for=hour)
    nobody = datetime.timedelta(0)
    dry = cloud.floating_ips.delete_unattached(unused_for=nobody, dry_run=True)
    assert [ip.id for ip in dry] == [idle.id]
    gone = cloud.floating_ips.delete_unattached(unused_for=nobody)
    assert [ip.id for ip in gone] == [idle.id]
    assert [ip.id for ip in cloud.floating_ips.list()] == [used.id]
    cloud.floating_ips.delete(used.id)
    cloud.ports.delete(port.id)


def test_a_request_id_changes_once(client: oaktreemodel.Client) -> None:
    cloud = client.cloud("modern", region="east")
    identifier = str(uuid.uuid4())

    def create(size: int = 1) -> str:
        return cloud.volumes.create(name="once", size_gib=size, request_id=identifier).id

    with ThreadPoolExecutor(4) as threads:
        made = {future.result() for future in [threads.submit(create) for _ in range(8)]}
    assert len(made) == 1
    assert len(list(cloud.volumes.list(where={"name": "once"}))) == 1
    with pytest.raises(oaktreemodel.AlreadyExists) as caught:
        create(size=2)
    assert caught.value.reason == "REQUEST_ID_REUSED"
    cloud.volumes.wait("once", timeout=20)
    cloud.volumes.delete("once")


def test_a_request_id_that_comes_first_of_all_changes_once(clouds_yaml: Path) -> None:
    fresh, identifier = Running(clouds_yaml, ("modern",)), str(uuid.uuid4())
    try:
        with oaktreemodel.connect(fresh.address) as client:
            cloud = client.cloud("modern", region="east")
            # Before the first, nobody knows the project that the id belongs to.
            made = [cloud.networks.create(name="first", request_id=identifier) for _ in range(2)]
            assert made[0].id == made[1].id
            cloud.networks.delete(made[0].id)
    finally:
        fresh.stop()


@pytest.mark.parametrize(
    ("service", "collection", "arguments"),
    [
        ("image", "images", {}),
        ("network", "networks", {}),
        ("volume", "volumes", {"size_gib": 1}),
    ],
)
def test_a_create_whose_answer_is_lost_is_not_made_twice(
    client: oaktreemodel.Client,
    demo: DemoCloud,
    service: str,
    collection: str,
    arguments: dict[str, Any],
) -> None:
    things = getattr(client.cloud("modern", region="east"), collection)
    for fault in ({"kind": "broken_json"}, {"kind": "status", "status": 504}):
        demo.fault("modern", service=service, method="POST", **fault)
        with pytest.raises(oaktreemodel.OaktreeError) as caught:
            things.create(name="lost", **arguments)
        assert isinstance(caught.value, oaktreemodel.Internal)
    made = [one for one in things.list(max_age=0) if one.name == "lost"]
    # The embedded cloud's 504 took no effect; nobody can know that.
    assert len(made) == 1
    for one in made:
        if collection == "volumes":
            things.wait(one.id, timeout=20)
        things.delete(one.id)


def test_security_groups_by_name(client: oaktreemodel.Client, demo: DemoCloud) -> None:
    cloud = client.cloud("modern", region="east")
    port = cloud.ports.create(network="private", name="grouped", security_groups=["default"])
    (own,) = port.security_groups
    for project in ("other", "demo"):
        owner = demo.project_id("modern", project)
        demo.add(
            "modern", "east", "security_groups", name="twin", project_id=owner, tenant_id=owner
        )
    twin = cloud.ports.update("grouped", security_groups=["twin"]).security_groups[0].id
    assert twin != own.id
    demo.add("modern", "east", "security_groups", like=twin)
    with pytest.raises(oaktreemodel.Ambiguous) as caught:
        cloud.ports.update("grouped", security_groups=["twin"])
    assert twin in str(caught.value)
    assert cloud.ports.update("grouped", security_groups=[own.id]).security_groups[0].id == own.id
    cloud.ports.delete(port.id)


QUOTAS: list[tuple[str, dict[str, int], str, dict[str, Any]]] = [
    ("instances", {"instances": 0}, "servers", {"image": "cirros", "flavor": "m1.tiny"}),
    ("volumes", {"volumes": 0}, "volumes", {"size_gib": 1}),
    ("gigabytes", {"gigabytes": 0}, "volumes", {"size_gib": 1}),
    ("port", {"port": 0}, "ports", {"network": "private"}),
    ("network", {"network": 0}, "networks", {}),
    ("floatingip", {"floatingip": 0}, "floating_ips", {}),
]


@pytest.mark.parametrize(("quota", "tight", "collection", "arguments"), QUOTAS)
def test_a_quota_is_named_with_its_numbers(
    client: oaktreemodel.Client,
    demo: DemoCloud,
    quota: str,
    tight: dict[str, int],
    collection: str,
    arguments: dict[str, Any],
) -> None:
    cloud = client.cloud("modern", region="east")
    before = {key: demo.clouds["modern"].settings.quota[key] for key in tight}
    demo.set("modern", quota=tight)
    try:
        named = {} if collection == "floating_ips" else {"name": "toomuch"}
        with pytest.raises(oaktreemodel.QuotaExceeded) as caught:
            getattr(cloud, collection).create(**named, **arguments)
    finally:
        demo.set("modern", quota=before)
    assert quota in caught.value.quota
    assert caught.value.max == 0
    assert caught.value.used is not None
    assert caught.value.requested == 1


def test_what_policy_forbids_is_no_quota(clouds_yaml: Path) -> None:
    reader = Running(clouds_yaml, ("modern-reader",))
    try:
        with oaktreemodel.connect(reader.address) as client:
            cloud = client.cloud("modern-reader", region="east")
            with pytest.raises(oaktreemodel.PermissionDenied) as caught:
                cloud.networks.create(name="no")
            assert caught.value.reason == "POLICY_FORBIDS"
    finally:
        reader.stop()

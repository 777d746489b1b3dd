"""What is read through oaktree is what the cloud itself says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import oaktreemodel
import pytest
import yaml
from oaktreemodel import State

from .itself import Itself, eventually

COLLECTIONS = {
    "servers": "server",
    "floating_ips": "floating IP",
    "ports": "port",
    "networks": "network",
    "volumes": "volume",
    "images": "image",
    "keypairs": "keypair",
}


def test_every_cloud_is_told_with_its_failure(
    client: oaktreemodel.Client, clouds_yaml: Path
) -> None:
    seen = {cloud.name: cloud for cloud in client.clouds.list()}
    assert set(seen) == set(yaml.safe_load(clouds_yaml.read_text())["clouds"])
    refused = seen.pop("devstack-badpassword")
    assert refused.state == State.STATE_FAILED
    assert "credentials" in refused.regions[0].failure.message
    assert {cloud.state for cloud in seen.values()} == {State.STATE_READY}
    regions = seen["devstack-regions"].regions
    assert [region.name for region in regions] == ["RegionOne", "RegionTwo"]
    for region in regions:
        assert region.is_reachable
        types = {service.type for service in region.services}
        assert {"compute", "image", "network", "identity", "placement", "object-store"} <= types


def test_capabilities(other: Any, itself: Callable[[str], Itself]) -> None:
    told = other.clouds.get_capabilities()
    network = itself("other").network
    assert sorted(told.network.extensions) == sorted(e.alias for e in network.extensions())
    assert told.network.has_floating_ips
    assert told.network.needs_floating_ips
    assert [n.name for n in told.network.external_networks] == ["public"]
    assert told.network.floating_network.name == "public"
    assert told.network.default_network.name == "private"
    assert "qcow2" in told.image.disk_formats
    assert told.compute.has_tags
    assert {"compute", "image", "network"} <= {service.type for service in told.services}
    assert told.limits.compute.instances.max == 100


def test_flavors(other: Any, itself: Callable[[str], Itself]) -> None:
    told = {f.id: (f.name, f.vcpus, f.ram_mib, f.disk_gib) for f in other.flavors.list()}
    real = {f.id: (f.name, f.vcpus, f.ram, f.disk) for f in itself("other").compute.flavors()}
    assert told == real
    assert other.flavors.get("m1.tiny").name == "m1.tiny"


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_lists(other: Any, itself: Callable[[str], Itself], collection: str) -> None:
    """The same things, on whatever moment the two agree: others may be making some."""
    listing = getattr(other, collection).list
    kind = COLLECTIONS[collection]
    eventually(lambda: {item.id for item in listing(max_age=0)} == itself("other").ids(kind))


def test_where_and_zone(other: Any, client: oaktreemodel.Client) -> None:
    large = other.flavors.list(where={"name": ["m1.large", "m1.medium"]})
    assert {flavor.name for flavor in large} == {"m1.large", "m1.medium"}
    zoned = client.cloud("devstack-other", zone="no such zone")
    assert not list(zoned.availability_zones.list())


def test_availability_zones(other: Any, itself: Callable[[str], Itself]) -> None:
    cloud = itself("other")
    told = list(other.availability_zones.list())
    assert {z.name for z in told if z.is_compute_available} == {
        zone.name for zone in cloud.compute.availability_zones()
    }
    assert {z.name for z in told if z.is_volume_available} == {
        zone.name for zone in cloud.volume.availability_zones()
    }
    assert {z.location.zone for z in told} == {z.name for z in told}


def test_limits(tight: Any, itself: Callable[[str], Itself]) -> None:
    cloud = itself("tight")
    told = tight.limits.get()
    compute = cloud.compute.get_limits().absolute
    assert told.compute.instances.max == compute.instances == 1
    assert told.compute.cores.max == compute.total_cores == 2
    assert told.compute.ram_mib.max == compute.total_ram == 1024
    volume = cloud.volume.get_limits().absolute
    assert told.volume.volumes.max == volume.max_total_volumes == 1
    assert told.volume.volume_gib.max == volume.max_total_volume_gigabytes == 2
    network = cloud.network.get_quota(cloud.project_id, details=True)
    for field, key in {
        "networks": "networks",
        "ports": "ports",
        "floating_ips": "floating_ips",
    }.items():
        limit = getattr(told.network, field)
        real = getattr(network, key)
        assert (limit.max, limit.used) == (real["limit"], real["used"])

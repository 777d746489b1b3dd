"""Quotas that are used up, in every service: told by name with their numbers, and nothing made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import oaktreemodel
import pytest

from .conftest import SERVER
from .itself import Itself, eventually

RECORD = {"disk_format": "raw", "container_format": "bare"}
# What uses it up (collection and arguments), what is then too much, and what is told of it.
USED_UP: dict[str, tuple[list[tuple[str, dict[str, Any]]], tuple[str, dict[str, Any]], Any]] = {
    "instances": ([("servers", {"auto_ip": False})], ("servers", {}), (1, 1, 1)),
    "cores": ([], ("servers", {"flavor": "m1.large"}), (0, 2, 4)),
    "volumes": ([("volumes", {"size_gib": 1})], ("volumes", {"size_gib": 1}), (1, 1, 1)),
    "gigabytes": ([], ("volumes", {"size_gib": 3}), (0, 2, 3)),
    "image_count_total": ([("images", RECORD)], ("images", RECORD), (1, 1, 1)),
    "network": ([], ("networks", {}), (1, 1, 1)),
    "port": (
        [("ports", {"network": "private"})] * 2,
        ("ports", {"network": "private"}),
        (3, 3, 1),
    ),
    "floatingip": ([("floating_ips", {})], ("floating_ips", {}), (1, 1, 1)),
}


def make(cloud: Any, name: str, collection: str, given: dict[str, Any]) -> Any:
    naming = {"description" if collection == "floating_ips" else "name": name}
    more = SERVER if collection == "servers" else {}
    return getattr(cloud, collection).create(**naming, **{**more, **given})


def told(error: oaktreemodel.OaktreeError) -> tuple[int | None, int | None, int | None]:
    assert isinstance(error, oaktreemodel.QuotaExceeded)
    assert error.reason == "QUOTA_EXCEEDED"
    assert (error.cloud, error.region) == ("devstack-tight", "RegionOne")
    return error.used, error.max, error.requested


@pytest.mark.parametrize("quota", USED_UP)
def test_what_is_used_up_is_told_with_its_numbers(
    tight: Any, name: str, itself: Callable[[str], Itself], quota: str
) -> None:
    first, (collection, given), numbers = USED_UP[quota]
    made = [(used, make(tight, name, used, arguments)) for used, arguments in first]
    for used, thing in made:
        if used in ("servers", "volumes"):
            getattr(tight, used).wait(thing.id, timeout=120)
    with pytest.raises(oaktreemodel.QuotaExceeded) as caught:
        make(tight, name, collection, given)
    assert quota in caught.value.quota
    assert told(caught.value) == numbers
    real = {key[1] for key in itself("tight").called(name)}
    assert real == {thing.id for _, thing in made}
    for used, thing in made:
        getattr(tight, used).delete(thing.id)
        if used in ("servers", "volumes"):
            getattr(tight, used).wait(thing.id, until="deleted", timeout=120)


def test_the_port_of_a_server(tight: Any, name: str) -> None:
    """Neutron's quota, met by Nova, before anything is built."""
    ports = [tight.ports.create(network="private", name=name) for _ in range(2)]
    with pytest.raises(oaktreemodel.QuotaExceeded) as caught:
        make(tight, name, "servers", {})
    assert "port" in caught.value.quota
    assert told(caught.value) == (3, 3, 1)
    for port in ports:
        tight.ports.delete(port.id)


def test_the_volume_of_a_server(tight: Any, name: str, itself: Callable[[str], Itself]) -> None:
    """Cinder's quota, met by Nova, once it builds the server."""
    server = make(
        tight,
        name,
        "servers",
        {"boot_from_volume": True, "boot_volume_size_gib": 3, "auto_ip": False},
    )
    with pytest.raises(oaktreemodel.Failed) as caught:
        tight.servers.wait(server.id, timeout=120)
    assert caught.value.reason == "RESOURCE_FAILED"
    assert "gigabytes" in str(caught.value)
    tight.servers.delete(server.id)
    tight.servers.wait(server.id, until="deleted", timeout=120)
    assert not itself("tight").called(name)
    eventually(lambda: not itself("tight").ids("volume"))


def test_the_floating_ip_of_a_server(
    tight: Any, name: str, itself: Callable[[str], Itself]
) -> None:
    """Neutron's quota, met once the server has a port: the server is there, its address is not."""
    taken = tight.floating_ips.create(description=name)
    server = make(tight, name, "servers", {})
    with pytest.raises(oaktreemodel.QuotaExceeded) as caught:
        tight.servers.wait(server.id, timeout=120)
    assert "floatingip" in caught.value.quota
    assert told(caught.value) == (1, 1, 1)
    # Once there is room, whoever waits gets it.
    tight.floating_ips.delete(taken.id)
    server = tight.servers.wait(server.id, timeout=120)
    assert server.public_v4
    things = itself("tight").hangs_off(server.id)
    tight.servers.delete(server.id)
    tight.servers.wait(server.id, until="deleted", timeout=120)
    assert not itself("tight").still(things)

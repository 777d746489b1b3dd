"""Which of a server's addresses is which, beside openstacksdk's own choice.

openstacksdk is kept from trying out addresses, and from asking what this machine can reach.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from oaktree.addresses import Addresses, choose
from oaktree.budget import Budget
from oaktree.networks import Networks, Settings
from oaktree.place import Place
from oaktree.row import Item
from openstack.cloud import meta
from openstack.config import OpenStackConfig
from openstack.config.cloud_region import CloudRegion
from openstack.connection import Connection
from openstack.network.v2 import network as sdk_network

PUBLIC: Item = {"id": "n1", "name": "public", "router:external": True, "shared": True}
OTHER: Item = {"id": "n4", "name": "ext-net", "router:external": True}
PRIVATE: Item = {"id": "n2", "name": "private", "router:external": False}
STORAGE: Item = {"id": "n3", "name": "storage", "router:external": False}
CORP: Item = {"id": "n5", "name": "corp", "router:external": False}


def fixed(address: str, mac: str = "m1") -> Item:
    version = 6 if ":" in address else 4
    return {
        "addr": address,
        "version": version,
        "OS-EXT-IPS:type": "fixed",
        "OS-EXT-IPS-MAC:mac_addr": mac,
    }


def floating(address: str, mac: str = "m1") -> Item:
    return fixed(address, mac) | {"OS-EXT-IPS:type": "floating"}


def bare(address: str) -> Item:
    return {"addr": address, "version": 6 if ":" in address else 4}


TWO = [PUBLIC, PRIVATE]
# What is shown; the networks; clouds.yaml; public_v4, public_v6, private_v4, interface_ip.
TABLE: dict[str, tuple[Item, list[Item], Item, tuple[str, str, str, str]]] = {
    "a floating IP": (
        {"private": [fixed("10.0.0.3"), floating("172.24.4.3")]},
        TWO,
        {},
        ("172.24.4.3", "", "10.0.0.3", "172.24.4.3"),
    ),
    "a floating IP told first": (
        {"private": [floating("172.24.4.3"), fixed("10.0.0.3")]},
        TWO,
        {},
        ("172.24.4.3", "", "10.0.0.3", "172.24.4.3"),
    ),
    "a floating IP on the second port": (
        {
            "private": [fixed("10.0.0.3", "m1")],
            "storage": [fixed("10.1.0.3", "m2"), floating("172.24.4.3", "m2")],
        },
        [PUBLIC, PRIVATE, STORAGE],
        {},
        ("172.24.4.3", "", "10.1.0.3", "172.24.4.3"),
    ),
    "on the external network": (
        {"public": [fixed("203.0.113.7"), fixed("2001:db8::7")]},
        TWO,
        {},
        ("203.0.113.7", "2001:db8::7", "", "203.0.113.7"),
    ),
    "outside and inside": (
        {"private": [fixed("10.0.0.3", "m2")], "public": [fixed("203.0.113.7")]},
        TWO,
        {},
        ("203.0.113.7", "", "10.0.0.3", "203.0.113.7"),
    ),
    "IPv6 only": (
        {"private": [fixed("2001:db8::3")]},
        TWO,
        {},
        ("", "2001:db8::3", "", "2001:db8::3"),
    ),
    "inside only": (
        {"private": [fixed("10.0.0.3")]},
        TWO,
        {},
        ("", "", "10.0.0.3", "10.0.0.3"),
    ),
    "nothing yet": ({}, TWO, {}, ("", "", "", "")),
    "private: true": (
        {"private": [fixed("10.0.0.3"), floating("172.24.4.3")]},
        TWO,
        {"private": True},
        ("172.24.4.3", "", "10.0.0.3", "10.0.0.3"),
    ),
    "a default interface": (
        {"private": [fixed("10.0.0.3"), floating("172.24.4.3")], "storage": [fixed("10.1.0.3")]},
        [PUBLIC, PRIVATE, STORAGE],
        {"networks": [{"name": "storage", "default_interface": True}]},
        ("172.24.4.3", "", "10.0.0.3", "10.1.0.3"),
    ),
    "a default interface that it is not on": (
        {"private": [fixed("10.0.0.3"), floating("172.24.4.3")]},
        [PUBLIC, PRIVATE, STORAGE],
        {"networks": [{"name": "storage", "default_interface": True}]},
        ("172.24.4.3", "", "10.0.0.3", "172.24.4.3"),
    ),
    "a network that only clouds.yaml calls external": (
        {"corp": [fixed("10.9.0.3")], "private": [fixed("10.0.0.3", "m2")]},
        [PUBLIC, PRIVATE, CORP],
        {"networks": [{"name": "corp", "routes_externally": True}]},
        ("10.9.0.3", "", "10.0.0.3", "10.9.0.3"),
    ),
    "an external network that clouds.yaml calls internal": (
        {"ext-net": [fixed("10.9.0.3")]},
        [OTHER, PRIVATE],
        {"networks": [{"name": "ext-net", "routes_externally": False}]},
        ("", "", "10.9.0.3", "10.9.0.3"),
    ),
    "no use of the external network": (
        {"private": [fixed("10.0.0.3"), floating("172.24.4.3")]},
        TWO,
        {"use_external_network": False},
        ("", "", "10.0.0.3", "10.0.0.3"),
    ),
    "no use of the internal network": (
        {"private": [fixed("10.0.0.3"), floating("172.24.4.3")]},
        TWO,
        {"use_internal_network": False},
        ("172.24.4.3", "", "", "172.24.4.3"),
    ),
    "no network service, as at Rackspace": (
        {"public": [bare("203.0.113.7"), bare("2001:db8::7")], "private": [bare("10.0.0.3")]},
        [],
        {},
        ("203.0.113.7", "2001:db8::7", "10.0.0.3", "203.0.113.7"),
    ),
    "no network service, names of the cloud's own": (
        {"net0": [bare("10.0.0.3"), bare("198.18.0.1"), bare("8.8.8.8")]},
        [],
        {},
        ("8.8.8.8", "", "", "8.8.8.8"),
    ),
    "no kinds told, as by nova-network": (
        {"private": [bare("10.0.0.3"), bare("8.8.8.8")]},
        TWO,
        {},
        ("8.8.8.8", "", "10.0.0.3", "8.8.8.8"),
    ),
    "several on one network": (
        {"private": [fixed("10.0.0.9"), fixed("10.0.0.3")]},
        TWO,
        {},
        ("", "", "10.0.0.9", "10.0.0.9"),
    ),
    "force_ipv4": (
        {"private": [fixed("10.0.0.3"), fixed("2001:db8::3")]},
        TWO,
        {"force_ipv4": True},
        ("", "", "10.0.0.3", "10.0.0.3"),
    ),
}
# What its maker noted wins.
NOTED = {"accessIPv4": "192.0.2.1", "accessIPv6": "2001:db8:1::1"}


def configured(folder: Path, entry: Item) -> CloudRegion:
    """As openstacksdk reads it from a clouds.yaml."""
    auth = {"auth_url": "http://127.0.0.1:9/v3", "username": "u", "password": "p"}
    force = {"client": {"force_ipv4": True}} if entry.get("force_ipv4") else {}
    path = folder / "clouds.yaml"
    path.write_text(yaml.safe_dump({"clouds": {"c": {"auth": auth, **entry}}} | force))
    config = OpenStackConfig(config_files=[str(path)], load_envvars=False)
    found = config.get_one("c")
    assert isinstance(found, CloudRegion)
    return found


def sdk_cloud(config: CloudRegion, networks: list[Item]) -> Any:
    """openstacksdk's own view of the networks."""
    cloud: Any = Connection(config=config)
    listed = [sdk_network.Network.existing(**n) for n in networks]
    cloud._proxies["network"] = SimpleNamespace(networks=lambda: listed, subnets=list)
    cloud.has_service = lambda name: bool(networks)
    # What the machine that it runs on can reach is none of a server's business.
    cloud._local_ipv6 = False
    return cloud


@pytest.mark.parametrize("noted", [False, True], ids=["", "noted"])
@pytest.mark.parametrize("name", TABLE)
def test_chooses_what_openstacksdk_chooses(
    name: str, noted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        meta, "find_best_address", lambda addresses, **_: addresses[0] if addresses else None
    )
    shown, networks, entry, expected = TABLE[name]
    config = configured(tmp_path, entry)
    settings = Settings.of(Place("c", "r", config, Budget()))
    item = {"addresses": shown} | (NOTED if noted else {"accessIPv4": "", "accessIPv6": ""})
    ours = choose(item, Networks(settings, "p", present=bool(networks), networks=networks))
    if not noted:
        assert ours == Addresses(*expected)
    cloud = sdk_cloud(config, networks)
    server: Any = {"addresses": shown, "accessIPv4": "", "accessIPv6": "", **item}
    assert ours.public_v4 == (meta.get_server_external_ipv4(cloud, server) or "")
    public_v6 = "" if settings.force_ipv4 else meta.get_server_external_ipv6(server)
    assert ours.public_v6 == (public_v6 or "")
    assert ours.private_v4 == (meta.get_server_private_ip(server, cloud) or "")
    server |= {"public_v4": ours.public_v4, "public_v6": ours.public_v6}
    server["private_v4"] = ours.private_v4
    # openstacksdk has none where there is no public one; any is better than none.
    theirs = meta._get_interface_ip(cloud, server)
    assert ours.interface_ip == (theirs or ours.public_v6 or ours.private_v4)


@pytest.mark.parametrize("missing", [{}, {"addresses": None}, {"addresses": {}}])
def test_no_addresses_are_none(missing: Item) -> None:
    assert choose(missing, Networks(Settings(), "p")) == Addresses()

"""openstacksdk, as it is, on all three clouds: what works on OpenStack works here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from oaktree.democloud import DemoCloud
from openstack.config import OpenStackConfig

CLOUDS = [("modern", "east"), ("modern", "west"), ("direct", ""), ("kilo", "")]
Connect = Callable[..., Any]


@pytest.fixture(params=CLOUDS, ids=lambda where: "-".join(filter(None, where)))
def conn(request: pytest.FixtureRequest, connect: Connect) -> Any:
    return connect(*request.param)


def test_what_is_there_from_the_start(conn: Any) -> None:
    assert sorted(one.name for one in conn.compute.flavors()) == [
        "m1.large",
        "m1.medium",
        "m1.small",
        "m1.tiny",
    ]
    assert conn.get_flavor("m1.large").extra_specs["hw:cpu_policy"] == "dedicated"
    assert {(one.name, one.status) for one in conn.image.images()} == {
        ("cirros", "active"),
        ("ubuntu-24.04", "active"),
    }
    assert "public" in [one.name for one in conn.network.networks()]
    assert [one.name for one in conn.compute.availability_zones()] == ["nova"]


def test_a_server_from_nothing_to_gone(conn: Any) -> None:
    pair = conn.create_keypair("mine")
    assert pair.private_key.startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    ports_before = len(list(conn.network.ports()))
    conn.create_server(
        "one", image="cirros", flavor="m1.tiny", key_name="mine", auto_ip=True, wait=True
    )
    server = conn.get_server("one")
    assert (server.status, server.key_name) == ("ACTIVE", "mine")
    assert server.public_v4.startswith("198.18.")
    assert len(list(conn.network.ports())) == ports_before + 1
    conn.delete_server("one", wait=True, delete_ips=True)
    assert conn.get_server("one") is None
    assert len(list(conn.network.ports())) == ports_before
    conn.delete_keypair("mine")
    assert conn.list_keypairs() == []


def test_only_clouds_with_routers_need_floating_ips(connect: Connect) -> None:
    direct, modern = connect("direct"), connect("modern")
    for conn in (direct, modern):
        conn.create_server("one", image="cirros", flavor="m1.tiny", wait=True)
    server = direct.get_server("one")
    assert server.public_v6.startswith("2001:db8:")
    types = [address["OS-EXT-IPS:type"] for rows in server.addresses.values() for address in rows]
    assert types == ["fixed", "fixed"]
    assert list(modern.network.routers())
    assert modern.get_server("one").private_v4.startswith("10.0.")


def test_volumes(conn: Any) -> None:
    conn.create_server("one", image="cirros", flavor="m1.tiny", wait=True, auto_ip=False)
    volume = conn.create_volume(2, name="data", wait=True)
    conn.attach_volume(conn.get_server("one"), volume, wait=True)
    assert conn.get_volume("data").status == "in-use"
    assert [one["id"] for one in conn.get_server("one").volumes] == [volume.id]
    conn.detach_volume(conn.get_server("one"), conn.get_volume("data"), wait=True)
    assert conn.delete_volume("data", wait=True)
    assert conn.list_volumes() == []


def test_boot_from_volume_that_goes_with_its_server(conn: Any) -> None:
    network = next(one for one in conn.network.networks() if one.name in ("private", "public"))
    private = conn.network.find_network("private")
    conn.create_server(
        "one",
        image="cirros",
        flavor="m1.tiny",
        boot_from_volume=True,
        volume_size=3,
        terminate_volume=True,
        network=private or network,
        auto_ip=False,
        wait=True,
    )
    (volume,) = conn.list_volumes()
    assert (volume.size, volume.status, volume.is_bootable) == (3, "in-use", True)
    conn.delete_server("one", wait=True)
    assert conn.list_volumes() == []


def test_an_image_with_its_bytes(conn: Any, tmp_path: Path) -> None:
    data = tmp_path / "disk.raw"
    data.write_bytes(b"x" * 300_000)
    image = conn.create_image(
        "disk", filename=str(data), disk_format="raw", container_format="bare", wait=True
    )
    assert (image.status, image.size) == ("active", 300_000)
    assert len(image.checksum) == 32
    assert conn.delete_image("disk", wait=True)


def test_networks_of_ones_own(conn: Any) -> None:
    network = conn.create_network("mine")
    subnet = conn.create_subnet(network.id, cidr="10.9.0.0/24", subnet_name="mine")
    port = conn.create_port(network.id, name="mine")
    assert port.fixed_ips[0]["ip_address"] == "10.9.0.2"
    group = conn.create_security_group("web", "for the web")
    conn.create_security_group_rule(group.id, protocol="tcp", port_range_min=80, port_range_max=80)
    assert len(conn.get_security_group("web").security_group_rules) == 3
    for done in (
        conn.delete_security_group("web"),
        conn.delete_port(port.id),
        conn.delete_subnet(subnet.id),
        conn.delete_network("mine"),
    ):
        assert done


def test_actions_and_metadata(conn: Any) -> None:
    server = conn.create_server("one", image="cirros", flavor="m1.tiny", wait=True, auto_ip=False)
    assert "one login:" in conn.get_server_console("one")
    conn.compute.stop_server(server)
    conn.compute.wait_for_server(server, "SHUTOFF", wait=10)
    conn.compute.start_server(server)
    conn.compute.wait_for_server(server, wait=10)
    conn.compute.reboot_server(server, "HARD")
    conn.compute.wait_for_server(server, wait=10)
    conn.set_server_metadata("one", {"dots.too": "yes"})
    assert conn.get_server("one").metadata == {"dots.too": "yes"}
    conn.update_server("one", name="two")
    assert conn.get_server("two").id == server.id


def test_an_application_credential(connect: Connect) -> None:
    conn = connect("modern-appcred")
    assert {one.name for one in conn.network.networks()} == {"public", "private"}


def test_the_clouds_yaml_it_writes(clouds: DemoCloud, tmp_path: Path) -> None:
    path = clouds.write_clouds_yaml(tmp_path / "clouds.yaml")
    assert path.stat().st_mode & 0o077 == 0
    found = OpenStackConfig(config_files=[str(path)], load_envvars=False).get_all()
    assert sorted((one.name, one.region_name) for one in found) == [
        ("direct", "RegionOne"),
        ("kilo", "RegionOne"),
        ("modern", "east"),
        ("modern", "west"),
    ]

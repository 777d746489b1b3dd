"""What each cloud holds when it starts."""

from functools import partial
from typing import Any

from .cloud import Cloud, Region, now
from .glance.service import new_image
from .items import Item, Row
from .keystone import service as keystone
from .neutron.addresses import make_port
from .neutron.routers import connect, gateway
from .neutron.service import KINDS, make, update
from .nova.life import HOST, addresses, enter, new_server, plug, refresh_addresses

# name: id, vcpus, ram in MiB, disk in GiB, extra specs
FLAVORS: dict[str, tuple[str, int, int, int, dict[str, str]]] = {
    "m1.tiny": ("1", 1, 512, 1, {}),
    "m1.small": ("2", 1, 2048, 20, {}),
    "m1.medium": ("3", 2, 4096, 40, {}),
    "m1.large": ("4", 4, 8192, 80, {"hw:cpu_policy": "dedicated", "hw:mem_page_size": "large"}),
}
# name: size in bytes, smallest disk in GiB, smallest ram in MiB, properties
IMAGES: dict[str, tuple[int, int, int, dict[str, str]]] = {
    "cirros": (21_692_416, 1, 128, {"os_distro": "cirros"}),
    "ubuntu-24.04": (618_925_568, 4, 512, {"os_distro": "ubuntu", "os_version": "24.04"}),
}
# Kept for benchmarks and for documents: nobody is really there, should a client look.
OUTSIDE_V4, OUTSIDE_V6, INSIDE_V4 = "198.18.0.0/16", "2001:db8::/48", "10.0.0.0/16"


def fill(cloud: Cloud) -> None:
    keystone.seed(cloud)
    for region in cloud.regions.values():
        region.device_changed = partial(refresh_addresses, region)
        _flavors(region)
        _images(region)
        _networks(region)


def _id(region: Region, kind: str, name: str) -> str:
    return region.cloud.fixed_id(region.name, kind, name)


def _flavors(region: Region) -> None:
    for name, (key, vcpus, ram, disk, specs) in FLAVORS.items():
        region.flavors.add(
            {
                "id": key,
                "name": name,
                "vcpus": vcpus,
                "ram": ram,
                "disk": disk,
                "ephemeral": 0,
                "swap": 0,
                "is_public": True,
                "description": None,
                "extra_specs": specs,
            }
        )


def _images(region: Region) -> None:
    for name, (size, disk, ram, properties) in IMAGES.items():
        new_image(
            region,
            keystone.project_id(region.cloud, "admin"),
            id=_id(region, "image", name),
            name=name,
            visibility="public",
            status="active",
            disk_format="qcow2",
            container_format="bare",
            size=size,
            virtual_size=disk << 30,
            min_disk=disk,
            min_ram=ram,
            checksum=_id(region, "checksum", name).replace("-", ""),
            os_hash_algo="sha512",
            os_hash_value=_id(region, "checksum", name).replace("-", "") * 4,
            _properties=dict(properties),
        )


def _network(
    region: Region, project: str, name: str, cidrs: tuple[str, ...], **values: Any
) -> Item:
    owner = keystone.project_id(region.cloud, project)
    own: Row = {"id": _id(region, "network", f"{project}/{name}"), "name": name, **values}
    network = make(region, KINDS["networks"], owner, own)
    for cidr in cidrs:
        version = 6 if ":" in cidr else 4
        base, last = cidr.split("/")[0], "ff" if version == 4 else "ffff"
        prefix = base if version == 6 else base.removesuffix("0.0")
        subnet = make(
            region,
            KINDS["subnets"],
            owner,
            {
                "id": _id(region, "subnet", f"{project}/{name}/{version}"),
                "name": f"{name}-subnet" if version == 4 else f"{name}-subnet-v6",
                "network_id": network["id"],
                "cidr": cidr,
                "ip_version": version,
                "gateway_ip": f"{prefix}1" if version == 6 else f"{prefix}0.1",
                "allocation_pools": [
                    {
                        "start": f"{prefix}2" if version == 6 else f"{prefix}0.2",
                        "end": f"{prefix}ffff:{last}" if version == 6 else f"{prefix}255.254",
                    }
                ],
            },
        )
        update(network, subnets=[*network["subnets"], subnet["id"]])
    return network


def _networks(region: Region) -> None:
    if not region.cloud.profile.floating_ips:
        _network(
            region,
            "admin",
            "public",
            (OUTSIDE_V4, OUTSIDE_V6),
            shared=True,
            **{"router:external": True},
        )
        return
    outside = _network(
        region, "admin", "public", (OUTSIDE_V4, OUTSIDE_V6), **{"router:external": True}
    )
    for project in ("demo", "other"):
        inside = _network(region, project, "private", (INSIDE_V4,))
        router = make(
            region,
            KINDS["routers"],
            inside["project_id"],
            {
                "id": _id(region, "router", project),
                "name": "router1",
                "external_gateway_info": gateway(region, {"network_id": outside["id"]}),
            },
        )
        subnet = region.subnets.get(inside["subnets"][0])
        assert subnet is not None
        connect(region, router, subnet)


def add_servers(region: Region, count: int, project: str, prefix: str = "server") -> list[str]:
    """ACTIVE servers with a port each, made at once, whatever the quota says. Their ids."""
    cloud = region.cloud
    owner, user = keystone.project_id(cloud, project), keystone.user_id(cloud, "demo")
    network = next(one for one in region.networks if one["project_id"] == owner or one["shared"])
    flavor = region.flavors.get("2")
    image = next(iter(region.images))
    assert flavor is not None
    made = []
    for _ in range(count):
        number = region.servers_made
        server = new_server(
            region,
            owner,
            user,
            flavor,
            name=f"{prefix}-{number:05}",
            image_id=image["id"],
            image_properties=image["_properties"],
            metadata={"group": f"g{number % 10}", "number": str(number)},
            security_groups=["default"],
            host=HOST,
            host_id=owner + owner[:24],
            zone="nova",
            launched_at=now(".000000"),
        )
        port = make_port(region, network, owner)
        plug(port, server)
        server["_ports"] = [port["id"]]
        server["addresses"] = addresses(region, [port])
        enter(server, "ACTIVE")
        made.append(server["id"])
    return made

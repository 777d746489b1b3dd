"""What each cloud holds when it starts."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from .cloud import Cloud, Region, new_id, now
from .glance.service import new_image
from .items import Row
from .keystone import credentials
from .keystone import service as keystone
from .keystone.seed import seed as seed_identity
from .layout import add, inside, lay_out, start
from .neutron.addresses import make_port
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


def fill(cloud: Cloud) -> None:
    seed_identity(cloud)
    for region in cloud.regions.values():
        region.device_changed = partial(refresh_addresses, region)
        _flavors(region)
        _images(region)
        lay_out(region, start(cloud.profile.floating_ips))


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


def add_user(cloud: Cloud, name: str, roles: dict[str, str]) -> None:
    """Projects that are new get the network that the others started with, where they did."""
    for project in keystone.add_user(cloud, name, roles):
        for region in cloud.regions.values():
            if cloud.profile.floating_ips:
                add(region, inside(project))


def add_application_credential(
    cloud: Cloud, user: str, project: str, roles: Sequence[str], **values: Any
) -> Row:
    held = keystone.ROLES[cloud.users[user][project]]
    wanted = values | {
        "name": f"credential-{new_id()}",
        "roles": [{"name": name} for name in roles],
    }
    item = credentials.make(cloud, user, project, held, wanted)
    return {"id": item["id"], "secret": item["_secret"]}


def add_servers(
    region: Region, count: int, project: str, prefix: str = "server", user: str = "demo"
) -> list[str]:
    """ACTIVE servers with a port each, made at once, whatever the quota says. Their ids."""
    cloud = region.cloud
    owner, owner_user = keystone.project_id(cloud, project), keystone.user_id(cloud, user)
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
            owner_user,
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

"""What each cloud holds when it starts."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from .cloud import Cloud, Region, new_id, now
from .content import Source
from .glance.service import new_image
from .items import Item, Row
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
# Of sources of these images' sizes, MD5 and SHA-512: to find them takes seconds.
DIGESTS = {
    "cirros": {
        "md5": "d3b0caad711d03c7b666bc6dc89c1e5b",
        "sha512": "3665bc14da85c5ead2ea76dd957f3e4148fae3aaade8392b31d6bca57516e827"
        "ea4ed204096ba2e48acbf123ba4880c81e473e151833762add07a5cfe39a3fb6",
    },
    "ubuntu-24.04": {
        "md5": "5eafb53c28e83c37d5191dfbe4088f90",
        "sha512": "23993a577a32f42331d7a586d0fdcdd7517ce87d4481ce6d9d8598c5a453426c"
        "43efa18a5dd267d46f14b545f9d462f44f6d88c56aaaa5285d18c268efeac8a1",
    },
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
        _source_image(
            region,
            "admin",
            Source(size, DIGESTS[name]),
            id=_id(region, "image", name),
            name=name,
            visibility="public",
            disk_format="qcow2",
            virtual_size=disk << 30,
            min_disk=disk,
            min_ram=ram,
            _properties=dict(properties),
        )


def _source_image(region: Region, project: str, source: Source, **values: Any) -> Item:
    image = new_image(
        region,
        keystone.project_id(region.cloud, project),
        status="active",
        container_format="bare",
        size=source.size,
        checksum=source.digests["md5"],
        os_hash_algo="sha512",
        os_hash_value=source.digests["sha512"],
        **values,
    )
    region.image_data[image["id"]] = source
    return image


def add_source_image(
    region: Region, name: str, size: int, digests: dict[str, str], project: str
) -> Item:
    source = Source(size, digests)
    return _source_image(region, project, source, name=name, disk_format="raw", virtual_size=size)


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
